"""What is said about a few texts, held to where all documents of their versions stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import documents
from registry.core.caller import OPERATOR
from registry.core.contents import Hashes
from registry.core.dataset import Origin
from registry.core.digest import sha256_hex
from registry.core.evidence import DateInterval, DateKind
from registry.core.lineage import EdgeKind
from registry.query.rows import RowReader
from registry.query.standing import Standing
from registry.query.whereis.facts import Facts, Text
from registry.query.whereis.occurrences import scanned
from registry.query.whereis.seen import Seen
from tests.world import World


def hashes_of(texts: list[str]) -> Hashes:
    raw = b"".join(bytes.fromhex(sha256_hex(text.encode())) for text in texts)
    return np.unique(documents.as_hashes(raw))


def looked_up(
    world: World, texts: list[str], reader: RowReader | None = None
) -> tuple[Facts, Hashes]:
    hashes = hashes_of(texts)
    with world.database.read() as session:
        seen = Seen(session, OPERATOR)
        reader = reader or RowReader(world.store)
        found = scanned(session, seen, reader, hashes, seen.locations)
        return Facts(session, seen, reader, found), hashes


def text(world: World, one: str) -> Text:
    facts, _ = looked_up(world, [one])
    found = facts.text(0)
    assert found is not None
    return found


def said_of(standing: Standing, row: int) -> tuple[Any, ...]:
    return (
        standing.hashes[row],
        int(standing.bytes[row]),
        int(standing.words[row]),
        int(standing.view.ranks[row]),
        int(standing.view.human_bytes[row]),
        bool(standing.view.contested[row]),
        standing.generators.names[standing.generators.codes[row]],
        standing.licenses.names[standing.licenses.codes[row]],
        standing.languages.names[standing.languages.codes[row]],
        int(standing.not_before[row]),
        int(standing.not_after[row]),
    )


ORIGINS = st.sampled_from(list(Origin))
YEARS = st.sampled_from(["2019", "2020-05", "2021-03..2022-07", "2023"])


def draw_rows(data: st.DataObject, texts: list[str]) -> tuple[list[Any], dict[str, Any]]:
    """Return records of texts with what the data says about them, and the options to read that."""
    columns: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for name, option, values in (
        ("by", "origin_field", st.none() | ORIGINS),
        ("model", "generator_field", st.none() | st.sampled_from(["gpt-4", "llama-2"])),
        ("lang", "language_field", st.none() | st.sampled_from(["en", "de"])),
        ("at", "date_fields", st.none() | st.sampled_from(["2018", "2022-02"])),
    ):
        if data.draw(st.booleans()):
            columns[name] = [data.draw(values) for _ in texts]
            options[option] = [(DateKind.PUBLISHED, name)] if name == "at" else name
    rows = [
        {"text": one} | {name: values[at] for name, values in columns.items()}
        for at, one in enumerate(texts)
    ]
    return rows, options


def register(world: World, name: str, data: st.DataObject, pool: list[str]) -> None:
    texts = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=8))
    for place in range(data.draw(st.integers(1, 2))):
        rows, more = draw_rows(data, data.draw(st.permutations(texts)) if place else texts)
        if "origin_field" not in more and data.draw(st.booleans()):
            more["origin"] = data.draw(ORIGINS)
        for key, values in (
            ("license", st.sampled_from(["MIT", "CC0-1.0"])),
            ("language", st.sampled_from(["en", "fr"])),
        ):
            if key == "language" and "language_field" in more:
                continue
            if data.draw(st.booleans()):
                more[key] = data.draw(values)
        if data.draw(st.booleans()):
            kind = data.draw(st.sampled_from(list(DateKind)))
            more["dates"] = (DateInterval.parse(kind, data.draw(YEARS)),)
        world.register(name, rows, folder=f"files/{name}/{place}", **more)
    for origin in data.draw(st.lists(ORIGINS, max_size=2, unique=True)):
        about = data.draw(st.none() | st.frozensets(st.sampled_from(texts), min_size=1))
        generators = data.draw(st.sampled_from([(), ("claude",)]))
        if origin in (Origin.HUMAN, Origin.UNKNOWN):
            generators = ()
        where = None if about is None else sorted(about)
        world.claim(name, origin, where=where, generators=generators)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(data=st.data())
@pytest.mark.parametrize("rows", [2, 1 << 16])
def test_rows_of_a_few_texts_stand_as_they_do_among_all(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch, rows: int, data: st.DataObject
) -> None:
    world = sqlite_world
    tag = f"w{world.log_size()}"
    pool = [f"{tag} {at}\n{'é' * at}\nend" for at in range(5)]
    names = [f"{tag}-{number}" for number in range(data.draw(st.integers(1, 4)))]
    with monkeypatch.context() as patch:
        patch.setattr(documents, "ROWS_PER_GROUP", rows)
        for name in names:
            register(world, name, data, pool)
        if len(names) > 1 and data.draw(st.booleans()):
            world.derive(names[0], names[1], EdgeKind.GENERATED)
    asked = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique=True))
    facts, hashes = looked_up(world, asked)
    whole = {stand.version.id: stand for stand in world.standings(names)}
    seen: dict[int, list[int]] = {}
    for known, which, few in facts.standings:
        full = whole[known.about.version.id]
        seen[full.version.id] = which.tolist()
        for at, row in enumerate(which.tolist()):
            assert said_of(few, at) == said_of(full, row)
    for number, full in whole.items():
        for row in np.flatnonzero(np.isin(full.hashes, hashes)).tolist():
            if row not in seen[number]:
                # One of several with the same text, and nothing said per document: as the first.
                first = next(it for it in seen[number] if full.hashes[it] == full.hashes[row])
                assert said_of(full, row) == said_of(full, first)
    for at, content_hash in enumerate(hashes):
        found = facts.text(at)
        counted = sum(int((full.hashes == content_hash).sum()) for full in whole.values())
        assert (found.documents if found else 0) == counted
        if found and found.origin is Origin.HUMAN:
            assert not any(place.origin is not Origin.HUMAN for place in found.places)
