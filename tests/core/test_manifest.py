from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.digest import canonical, sha256_hex
from registry.core.manifest import Manifest, check_shard_name, shard_name
from registry.errors import VerificationError
from tests import snapshots
from tests.conftest import Golden

PARTS = [snapshots.rows(20), snapshots.rows(9)]
MANIFEST = snapshots.manifest_of(PARTS)
Bend = Callable[[dict[str, Any]], object]


def code_of(bend: Bend) -> str:
    value = copy.deepcopy(MANIFEST.to_json())
    bend(value)
    with pytest.raises(VerificationError) as caught:
        Manifest.parse_bytes(canonical(value))
    return caught.value.code


def test_a_manifest_is_read_back() -> None:
    again = Manifest.parse_bytes(MANIFEST.to_bytes())
    assert again == MANIFEST
    assert again.root == sha256_hex(MANIFEST.to_bytes())


def test_the_format_stays_what_it_is(golden: Golden) -> None:
    golden("manifest.json", MANIFEST.to_bytes())


def test_an_empty_snapshot_has_a_manifest() -> None:
    empty = snapshots.manifest_of([])
    assert Manifest.parse_bytes(empty.to_bytes()) == empty
    assert empty.total.documents == 0


def test_files_and_their_layout_are_not_part_of_the_identity() -> None:
    assert b"sha256" not in MANIFEST.to_bytes()
    assert snapshots.manifest_of([PARTS[0] + PARTS[1]]).content_root == MANIFEST.content_root


def test_every_member_is_needed_and_no_other_allowed() -> None:
    for name in MANIFEST.to_json():
        expected = "E_MANIFEST"
        assert code_of(lambda value, name=name: value.pop(name)) == expected  # type: ignore[misc]
    assert code_of(lambda value: value.update(more=1)) == "E_MANIFEST"


ORIGIN = {"documents": 1, "bytes": 10, "human_bytes": 5}
BENT: dict[str, tuple[Bend, str]] = {
    "another version": (lambda it: it.update(type="firsthand-manifest/v9"), "E_VERSION"),
    "another hash suite": (lambda it: it.update(hash="firsthand-hash/v2"), "E_VERSION"),
    "a type that is a list": (lambda it: it.update(type=[]), "E_VERSION"),
    "a plan that is no digest": (lambda it: it.update(plan="x"), "E_MANIFEST"),
    "a root in capitals": (
        lambda it: it.update(content_root=it["content_root"].upper()), "E_MANIFEST"
    ),
    "another record root": (lambda it: it.update(record_root="0" * 64), "E_MANIFEST"),
    "one document more": (lambda it: it.update(documents=it["documents"] + 1), "E_MANIFEST"),
    "one byte more": (lambda it: it.update(bytes=it["bytes"] + 1), "E_MANIFEST"),
    "one human byte more": (lambda it: it.update(human_bytes=it["human_bytes"] + 1), "E_MANIFEST"),
    "a negative count": (lambda it: it.update(empty=-1), "E_MANIFEST"),
    "a count that is true": (lambda it: it.update(empty=True), "E_MANIFEST"),
    "a count that is text": (lambda it: it.update(empty="1"), "E_MANIFEST"),
    "more distinct texts than documents": (lambda it: it.update(distinct=10**6), "E_MANIFEST"),
    "more empty texts than documents": (lambda it: it.update(empty=10**6), "E_MANIFEST"),
    "an unknown origin": (lambda it: it["origins"].update(alien=ORIGIN), "E_MANIFEST"),
    "origins that are a list": (lambda it: it.update(origins=[]), "E_MANIFEST"),
    "a tally with less": (lambda it: it["origins"]["ai"].pop("bytes"), "E_MANIFEST"),
    "human text that is not all human": (
        lambda it: it["origins"]["human"].update(human_bytes=0), "E_MANIFEST"
    ),
    "human bytes in ai text": (lambda it: it["origins"]["ai"].update(human_bytes=1), "E_MANIFEST"),
    "human bytes in unknown text": (
        lambda it: it["origins"]["unknown"].update(human_bytes=1), "E_MANIFEST"
    ),
    "more human bytes than bytes": (
        lambda it: it["origins"]["mixed"].update(human_bytes=10**9), "E_MANIFEST"
    ),
    "a column twice": (lambda it: it["columns"].append(it["columns"][0]), "E_MANIFEST"),
    "a column without a type": (lambda it: it["columns"][0].pop("type"), "E_MANIFEST"),
    "a column that is a text": (lambda it: it["columns"].append("text"), "E_MANIFEST"),
    "no shards": (lambda it: it.update(shards=[]), "E_MANIFEST"),
    "shards in another order": (lambda it: it["shards"].reverse(), "E_MANIFEST"),
    "a shard twice": (lambda it: it["shards"].append(it["shards"][0]), "E_MANIFEST"),
    "one row more": (lambda it: it["shards"][0].update(rows=21), "E_MANIFEST"),
    "rows moved between shards": (
        lambda it: (it["shards"][0].update(rows=21), it["shards"][1].update(rows=8))[0],
        "ACCEPTED",
    ),
    "another root of a shard": (
        lambda it: it["shards"][0].update(record_root="0" * 64), "E_MANIFEST"
    ),
    "a shard that is a text": (lambda it: it.update(shards=["x"]), "E_MANIFEST"),
    "a shard outside": (lambda it: it["shards"][0].update(name="../x"), "E_MANIFEST"),
}  # fmt: skip


@pytest.mark.parametrize(("bend", "code"), BENT.values(), ids=BENT)
def test_each_disagreement_has_its_code(bend: Bend, code: str) -> None:
    if code == "ACCEPTED":  # only the rows themselves can tell; see test_verify
        value = copy.deepcopy(MANIFEST.to_json())
        bend(value)
        assert Manifest.parse(value).total == MANIFEST.total
    else:
        assert code_of(bend) == code


def test_other_json_is_not_canonical() -> None:
    data = json.dumps(MANIFEST.to_json(), indent=1).encode()
    with pytest.raises(VerificationError) as caught:
        Manifest.parse_bytes(data)
    assert caught.value.code == "E_NONCANONICAL"


@pytest.mark.parametrize(
    "name",
    [
        "part-00000.parquet", "data/", "data", "data/../x", "data/a/b", "/data/x", "data//x",
        "data/.hidden", "data/..", "data/a\\b", "data/a b", "data/a\nb", "data/é", "data/a:b",
        "data/a\0b", "Data/x", "data/" + "x" * 121, "data/*", "data/x|y",
    ],
)  # fmt: skip
def test_names_that_could_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(VerificationError) as caught:
        check_shard_name(name)
    assert caught.value.code == "E_MANIFEST"


def test_our_own_names_are_accepted() -> None:
    for index in (0, 99_999, 100_000):
        assert check_shard_name(shard_name(index)) == shard_name(index)


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_verification_errors(data: bytes) -> None:
    with pytest.raises(VerificationError):
        Manifest.parse_bytes(data)


@given(st.data())
def test_any_json_in_any_place_raises_only_verification_errors(data: st.DataObject) -> None:
    value = copy.deepcopy(MANIFEST.to_json())
    odd: Any = data.draw(st.none() | st.integers() | st.text() | st.lists(st.none()) | st.just({}))
    place: Any = value
    while isinstance(place, (dict, list)) and place:
        keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if data.draw(st.booleans()) or not isinstance(place[key], (dict, list)):
            place[key] = odd
            break
        place = place[key]
    try:
        made = Manifest.parse(value)
    except VerificationError:
        return
    assert made.to_json() == value
