from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.attest import PublicKey, Statement
from registry.core.certificate import (
    Certificate,
    HumanFraction,
    ShardStatement,
    counted,
    open_envelope,
    sign,
)
from registry.core.digest import canonical
from registry.core.exclusions import LeftOutForSets, NotRead, SetLeftOut
from registry.core.manifest import Tally
from registry.errors import VerificationError
from tests import snapshots
from tests.conftest import Golden
from tests.snapshots import OTHER, SIGNER

PARTS = [snapshots.rows(20), snapshots.rows(9)]
MANIFEST = snapshots.manifest_of(PARTS)
FILES = {entry.name: f"{at}" * 64 for at, entry in enumerate(MANIFEST.shards)}
CERTIFICATE = snapshots.certificate_of(MANIFEST, PARTS, FILES, SIGNER)
STATEMENT = CERTIFICATE.to_statement()
SHARD = ShardStatement.parse(
    open_envelope(snapshots.shard_envelope(MANIFEST, 0, PARTS[0], SIGNER), SIGNER.public)[0]
)
Bend = Callable[[dict[str, Any]], object]


def bent(statement: Statement, bend: Bend) -> Statement:
    value = json.loads(statement.to_bytes())
    bend(value)
    return Statement.parse(canonical(value))


def code_of(parse: Callable[[Statement], object], statement: Statement) -> str:
    with pytest.raises(VerificationError) as caught:
        parse(statement)
    return caught.value.code


def test_a_certificate_is_read_back() -> None:
    assert Certificate.parse(STATEMENT) == CERTIFICATE


def left_out() -> LeftOutForSets:
    found = SetLeftOut("evals/one", 2, "1" * 64, 9, 1, 2, 3, True, 13, 4)
    other = SetLeftOut("evals/two", 1, "2" * 64, 9, 4, 0, 0, False, None, 0)
    unread = NotRead(CERTIFICATE.inputs[0].dataset, CERTIFICATE.inputs[0].version, 25)
    return LeftOutForSets("rule/v1", "0.8", "0.997", 13, 8, 99, (found, other), (unread,))


EXCLUDING = replace(CERTIFICATE, evaluations=left_out())


def test_what_is_left_out_for_evaluation_sets_is_read_back() -> None:
    assert Certificate.parse(EXCLUDING.to_statement()) == EXCLUDING


def test_what_is_not_assessed_is_there_and_says_so() -> None:
    said = STATEMENT.predicate
    assert said["audits"] == said["evaluations"] == said["deduplication"]["near"] == "not_assessed"
    empty = bent(STATEMENT, lambda it: it["predicate"].update(evaluations=None))
    assert code_of(Certificate.parse, empty) == "E_ENVELOPE"


def test_a_certificate_of_the_first_release_is_refused_with_a_hint() -> None:
    early = replace(STATEMENT, predicate_type="https://firsthand.dev/certified-snapshot/v0")
    with pytest.raises(VerificationError) as caught:
        Certificate.parse(early)
    assert caught.value.code == "E_VERSION"
    assert "export the snapshot again" in (caught.value.hint or "")


WRONG: dict[str, Bend] = {
    "too few documents": lambda it: it.update(documents=5),
    "too many documents": lambda it: it.update(documents=11),
    "a recall that is no decimal": lambda it: it.update(recall="1e9"),
    "a similarity in words": lambda it: it.update(min_similarity="most"),
    "a negative run": lambda it: it.update(run=-1),
    "a key more": lambda it: it.update(more=1),
    "a key less": lambda it: it.pop("bytes"),
    "a set twice": lambda it: it["sets"].append(it["sets"][0]),
    "more short items than items": lambda it: it["sets"][0].update(short_items=10),
    "near ones that were not looked for": lambda it: it["sets"][0].update(near_searched=False),
    "no truth value": lambda it: it["sets"][0].update(near_searched=1),
    "passages that were not looked for": lambda it: it["sets"][0].update(guaranteed_tokens=None),
    "no content root": lambda it: it["sets"][0].update(content_root="0"),
    "an input unread twice": lambda it: it["not_read"].append(it["not_read"][0]),
    "an unread input without its reach": lambda it: it["not_read"][0].pop("guaranteed_tokens"),
}


@pytest.mark.parametrize("bend", WRONG.values(), ids=WRONG)
def test_what_is_left_out_adds_up(bend: Bend) -> None:
    wrong = bent(EXCLUDING.to_statement(), lambda it: bend(it["predicate"]["evaluations"]))
    assert code_of(Certificate.parse, wrong) == "E_ENVELOPE"


def test_only_an_input_can_be_unread() -> None:
    wrong = bent(
        EXCLUDING.to_statement(),
        lambda it: it["predicate"]["evaluations"]["not_read"][0].update(dataset="else/where"),
    )
    assert code_of(Certificate.parse, wrong) == "E_CLAIM_MISMATCH"


def test_a_signed_certificate_is_opened_with_and_without_a_key() -> None:
    data = sign(SIGNER, STATEMENT)
    assert open_envelope(data, SIGNER.public) == (STATEMENT, SIGNER.public)
    statement, own = open_envelope(data, None)
    assert (statement, own.keyid) == (STATEMENT, SIGNER.public.keyid)


def test_the_formats_stay_what_they_are(golden: Golden) -> None:
    golden("certificate.json", sign(SIGNER, STATEMENT))
    golden("shard.json", sign(SIGNER, SHARD.to_statement()))


def test_stock_tools_see_the_snapshot_and_every_file_as_subjects() -> None:
    subjects = json.loads(STATEMENT.to_bytes())["subject"]
    assert [item["name"] for item in subjects] == ["snapshot", *sorted(FILES)]
    assert subjects[0]["digest"] == {"sha256": MANIFEST.root}


def predicate(**other: Any) -> Bend:
    return lambda it: it["predicate"].update(other)


def fraction(**other: Any) -> Bend:
    return lambda it: it["predicate"]["human_fraction"].update(other)


def policy(**other: Any) -> Bend:
    return lambda it: it["predicate"]["policy"].update(other)


def log(**other: Any) -> Bend:
    return lambda it: it["predicate"]["log"].update(other)


def declared(**other: int) -> Bend:
    return lambda it: it["predicate"]["human_fraction"]["declared"].update(other)


def words_as_unit(it: dict[str, Any], human: int = 12) -> None:
    """Say it in words: 9 human and 7 mixed of 100."""
    said = it["predicate"]
    said["words"] = {"human": 9, "mixed": 7, "ai": 84}
    said["human_fraction"].update(of="words", declared={"numerator": human, "denominator": 100})


BENT: dict[str, tuple[Bend, str]] = {
    "another predicate": (lambda it: it.update(predicateType="https://x.org/y/v1"), "E_PREDICATE_TYPE"),
    "a shard's predicate": (
        lambda it: it.update(predicateType="https://firsthand.dev/certified-shard/v0"),
        "E_PREDICATE_TYPE",
    ),
    "a later version": (
        lambda it: it.update(predicateType="https://firsthand.dev/certified-snapshot/v7"),
        "E_VERSION",
    ),
    "audits": (predicate(audits=[]), "E_VERSION"),
    "near copies": (
        lambda it: it["predicate"]["deduplication"].update(near=0), "E_VERSION"
    ),
    "no digest of what it supersedes": (predicate(supersedes="x"), "E_ENVELOPE"),
    "a time without a zone": (predicate(issued_at="2026-11-21T09:30:00"), "E_ENVELOPE"),
    "a time that there is not": (predicate(issued_at="2026-13-21T09:30:00Z"), "E_ENVELOPE"),
    "another share in the policy": (policy(asked="0.1"), "E_CLAIM_MISMATCH"),
    "another count in the policy": (policy(count_as_human=[]), "E_CLAIM_MISMATCH"),
    "a cutoff that is no time": (policy(cutoff="2022-11-30"), "E_ENVELOPE"),
    "an unknown grade in the policy": (policy(minimum_date_grade="E9"), "E_ENVELOPE"),
    "dates below the policy": (policy(minimum_date_grade="E1"), "E_CLAIM_MISMATCH"),
    "a log without a name": (log(origin=""), "E_ENVELOPE"),
    "a log with a name that no key has": (log(origin="a log"), "E_ENVELOPE"),
    "a log of less than nothing": (log(checkpoint={"size": -1, "root": "0" * 64}), "E_ENVELOPE"),
    "a log without a root": (log(checkpoint={"size": 12, "root": None}), "E_ENVELOPE"),
    "an input that the log had not yet": (
        log(checkpoint={"size": 2, "root": "0" * 64}), "E_CLAIM_MISMATCH"
    ),
    "a better grade of an input": (
        lambda it: [one.update(grade="E1") for one in it["predicate"]["inputs"]], "E_CLAIM_MISMATCH"
    ),
    "an unknown grade of an input": (
        lambda it: it["predicate"]["inputs"][0].update(grade="E7"), "E_ENVELOPE"
    ),
    "grades of fewer documents": (
        lambda it: it["predicate"]["grades"].pop("human"), "E_CLAIM_MISMATCH"
    ),
    "grades of more bytes": (
        lambda it: it["predicate"]["grades"]["ai"]["E1"].update(bytes=1), "E_CLAIM_MISMATCH"
    ),
    "grades of an unknown origin": (
        lambda it: it["predicate"]["grades"].update(alien={}), "E_ENVELOPE"
    ),
    "an unknown grade": (
        lambda it: it["predicate"]["grades"]["ai"].update(E7={"documents": 0, "bytes": 0}),
        "E_ENVELOPE",
    ),
    "a promise in the place of the caution": (predicate(not_proven="All true."), "E_VERSION"),
    "an audited share": (fraction(audited={"lower": "0.9"}), "E_VERSION"),
    "an evidenced share": (fraction(evidenced="1"), "E_VERSION"),
    "an unknown member": (predicate(more=1), "E_ENVELOPE"),
    "an issuer without a key": (lambda it: it["predicate"]["issuer"].pop("key"), "E_ENVELOPE"),
    "an issuer whose name is a number": (lambda it: it["predicate"]["issuer"].update(name=1), "E_ENVELOPE"),
    "a time that is a number": (predicate(issued_at=5), "E_ENVELOPE"),
    "builders that are a list": (predicate(builder=[]), "E_ENVELOPE"),
    "a builder that is a number": (predicate(builder={"firsthand": 1}), "E_ENVELOPE"),
    "words of an unknown origin": (predicate(words={"alien": 1}), "E_ENVELOPE"),
    "words that are text": (predicate(words={"human": "1"}), "E_ENVELOPE"),
    "another manifest": (lambda it: it["predicate"]["manifest"].update(plan="1" * 64), "E_MANIFEST"),
    "no snapshot among the subjects": (lambda it: it["subject"].pop(0), "E_MANIFEST"),
    "another snapshot root": (
        lambda it: it["subject"][0]["digest"].update(sha256="1" * 64), "E_MANIFEST"
    ),
    "a file less": (lambda it: it["subject"].pop(), "E_MANIFEST"),
    "a file more": (
        lambda it: it["subject"].append({"name": "data/x", "digest": {"sha256": "1" * 64}}),
        "E_MANIFEST",
    ),
    "an input less": (lambda it: it["predicate"]["inputs"].pop(), "E_CLAIM_MISMATCH"),
    "an input of more bytes": (
        lambda it: it["predicate"]["inputs"][0].update(bytes=10**6), "E_CLAIM_MISMATCH"
    ),
    "licenses that are numbers": (
        lambda it: it["predicate"]["inputs"][0].update(licenses=[1]), "E_ENVELOPE"
    ),
    "a larger share": (declared(numerator=MANIFEST.total.bytes), "E_CLAIM_MISMATCH"),
    "a share of less": (declared(denominator=MANIFEST.total.bytes - 1), "E_CLAIM_MISMATCH"),
    "a share above the whole": (declared(numerator=10**9), "E_FRACTION"),
    "a share below what was asked": (fraction(asked="0.999"), "E_FRACTION"),
    "asked with an exponent": (fraction(asked="1e999999999"), "E_ENVELOPE"),
    "asked as a quotient": (fraction(asked="1/3"), "E_ENVELOPE"),
    "asked for more than all": (fraction(asked="1.5"), "E_ENVELOPE"),
    "asked in other digits": (fraction(asked="٠"), "E_ENVELOPE"),
    "asked with a space": (fraction(asked=" 0"), "E_ENVELOPE"),
    "asked for nothing much": (fraction(asked="nan"), "E_ENVELOPE"),
    "asked as a number": (fraction(asked=0), "E_ENVELOPE"),
    "an unknown unit": (fraction(of="pages"), "E_ENVELOPE"),
    "an unknown origin that counts": (fraction(count=["alien"]), "E_ENVELOPE"),
    "an origin that counts twice": (fraction(count=["human", "human"]), "E_ENVELOPE"),
    "another origin that counts": (fraction(count=["ai"]), "E_CLAIM_MISMATCH"),
    "the share of bytes called one of documents": (fraction(of="documents"), "E_CLAIM_MISMATCH"),
    "the share of bytes called one of words": (fraction(of="words"), "E_CLAIM_MISMATCH"),
    "a share of words above human and mixed": (
        lambda it: words_as_unit(it, 17), "E_CLAIM_MISMATCH"
    ),
    "a share of words below human": (
        lambda it: words_as_unit(it, 8), "E_CLAIM_MISMATCH"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("bend", "code"), BENT.values(), ids=BENT)
def test_each_disagreement_has_its_code(bend: Bend, code: str) -> None:
    assert code_of(Certificate.parse, bent(STATEMENT, bend)) == code


def test_every_member_of_the_predicate_is_needed() -> None:
    for name in STATEMENT.predicate:
        assert code_of(
            Certificate.parse, bent(STATEMENT, lambda it, name=name: it["predicate"].pop(name))  # type: ignore[misc]
        ) == "E_ENVELOPE"  # fmt: skip


@pytest.mark.parametrize("asked", ["0", "0.3", "0.300000000000000000"])
def test_a_share_that_was_asked_for_and_is_kept_passes(asked: str) -> None:
    said = bent(bent(STATEMENT, fraction(asked=asked)), policy(asked=asked))
    made = Certificate.parse(said)
    assert made.human_fraction.at_least == asked


def test_a_share_of_words_may_count_part_of_the_mixed_ones() -> None:
    assert Certificate.parse(bent(STATEMENT, words_as_unit)).human_fraction.value == Fraction(3, 25)


def test_the_share_of_nothing_is_zero() -> None:
    assert HumanFraction("bytes", ("human",), 0, 0, None).value == 0


def test_a_mixed_document_counts_with_its_human_bytes_and_as_no_document() -> None:
    origins = {"human": Tally(1, 10, 10), "mixed": Tally(1, 10, 4), "ai": Tally(1, 10, 0)}
    assert counted(origins, "bytes", ("human",)) == 14
    assert counted(origins, "documents", ("human",)) == 1
    assert counted(origins, "bytes", ("ai",)) == 10
    assert counted(origins, "tokens", ("human",)) is None


def test_an_issuer_that_shows_another_key_than_it_signs_with_is_refused() -> None:
    data = sign(OTHER, STATEMENT)
    for key in (None, OTHER.public):
        with pytest.raises(VerificationError, match="the issuer's own key") as caught:
            open_envelope(data, key)
        assert caught.value.code == "E_ENVELOPE"


@pytest.mark.parametrize("key", ["", "junk", "\ud7ff", "-----BEGIN PUBLIC KEY-----\n"])
def test_an_issuer_without_a_usable_key_is_refused(key: str) -> None:
    odd = bent(STATEMENT, lambda it: it["predicate"]["issuer"].update(key=key))
    for given_key in (None, SIGNER.public):
        with pytest.raises(VerificationError) as caught:
            open_envelope(sign(SIGNER, odd), given_key)
        assert caught.value.code == "E_ENVELOPE"


def test_a_shard_statement_is_read_back() -> None:
    assert ShardStatement.parse(SHARD.to_statement()) == SHARD


SHARD_BENT: dict[str, tuple[Bend, str]] = {
    "a certificate": (
        lambda it: it.update(predicateType="https://firsthand.dev/certified-snapshot/v0"),
        "E_PREDICATE_TYPE",
    ),
    "another hash suite": (predicate(hash="x"), "E_VERSION"),
    "an unknown member": (predicate(more=1), "E_ENVELOPE"),
    "a negative index": (predicate(index=-1), "E_ENVELOPE"),
    "no snapshot": (predicate(snapshot_root=None), "E_ENVELOPE"),
    "another subject": (lambda it: it["subject"][0].update(name="data/x"), "E_CLAIM_MISMATCH"),
    "two subjects": (
        lambda it: it["subject"].append({"name": "x", "digest": {"sha256": "0" * 64}}),
        "E_CLAIM_MISMATCH",
    ),
    "no subject": (lambda it: it.update(subject=[]), "E_CLAIM_MISMATCH"),
    "another root": (
        lambda it: it["predicate"]["shard"].update(record_root="0" * 64), "E_CLAIM_MISMATCH"
    ),
    "one row more": (lambda it: it["predicate"]["shard"].update(rows=21), "E_CLAIM_MISMATCH"),
    "a shard elsewhere": (lambda it: it["predicate"]["shard"].update(name="/x"), "E_MANIFEST"),
    "an unknown origin": (
        lambda it: it["predicate"]["origins"].update(alien={"documents": 0, "bytes": 0, "human_bytes": 0}),
        "E_ENVELOPE",
    ),
    "human bytes in ai text": (
        lambda it: it["predicate"]["origins"]["ai"].update(human_bytes=1), "E_ENVELOPE"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("bend", "code"), SHARD_BENT.values(), ids=SHARD_BENT)
def test_each_disagreement_of_a_shard_statement_has_its_code(bend: Bend, code: str) -> None:
    assert code_of(ShardStatement.parse, bent(SHARD.to_statement(), bend)) == code


@given(st.data())
def test_any_json_in_any_place_raises_only_verification_errors(data: st.DataObject) -> None:
    original = data.draw(st.sampled_from([STATEMENT, SHARD.to_statement()]))
    value = copy.deepcopy(original.predicate)
    odd: Any = data.draw(
        st.none() | st.integers(-5, 5) | st.text() | st.lists(st.none()) | st.just({})
    )
    place: Any = value
    while isinstance(place, (dict, list)) and place:
        keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if data.draw(st.booleans()) or not isinstance(place[key], (dict, list)):
            place[key] = odd
            break
        place = place[key]
    statement = replace(original, predicate=value)
    try:
        made = (Certificate if original is STATEMENT else ShardStatement).parse(statement)
    except VerificationError:
        return
    assert made.to_statement() == statement


@given(st.binary(max_size=300))
def test_random_bytes_raise_only_verification_errors(data: bytes) -> None:
    for key in (None, SIGNER.public):
        with pytest.raises(VerificationError):
            open_envelope(data, key)


def test_a_public_key_is_compared_by_its_id() -> None:
    again = PublicKey.parse(SIGNER.public.pem.encode(), name="x")
    assert open_envelope(sign(SIGNER, STATEMENT), again)[0] == STATEMENT
