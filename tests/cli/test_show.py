from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from registry.core.dataset import Origin
from registry.core.evidence import DateInterval, DateKind
from registry.db.models import Claim, LineageEdge
from tests.cli.running import Cli
from tests.world import World

SHOWN = {
    "conflicts", "disputes",
    "roles", "deduplication",
    "index", "anchored", "left_out_of", "dataset", "version", "visibility", "registered_at", "content_root", "documents", "distinct",
    "exact_duplicates", "empty", "bytes", "words", "origin", "assessment", "origins",
    "human_fraction", "contested", "most_repeated", "overlaps", "generators", "licenses", "languages", "dates", "claims",
    "locations", "acquisition", "lineage", "snapshots", "log_size",
}  # fmt: skip
FRACTION = {"asked", "audited", "count", "declared", "evidenced", "of"}
SUMS = {"documents", "bytes", "words", "human_bytes"}
CLAIM = {
    "number", "ended", "property", "value", "about", "selection", "kind", "assessment", "claimed_by", "claimed_at",
    "reason",
}  # fmt: skip
HOSTILE = "\x1b[2J\x07\n\r\u202e\u2028evil"


@pytest.fixture(autouse=True)
def home(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_HOME", str(sqlite_world.home))


def test_the_document_of_a_version(cli: Cli, sqlite_world: World) -> None:
    world = sqlite_world
    rows: list[dict[str, Any]] = [
        {"text": "By Ada.", "by": "human", "m": None},
        {"text": "By m1.", "by": "ai", "m": "m1"},
    ]
    dates = (DateInterval.parse(DateKind.COLLECTED, "2021"),)
    world.register(
        "essays", rows, origin_field="by", generator_field="m", license="MIT", language="en",
        dates=dates,
    )  # fmt: skip
    world.register("clean", ["By Ada."], origin=Origin.HUMAN)
    world.derive("clean", "essays", note="the human ones")
    world.export({"sources": ["essays"]})
    record = cli("show", "essays", "--json").json
    assert set(record) == SHOWN
    assert set(record["human_fraction"]) == FRACTION
    assert record["human_fraction"]["declared"] == {"denominator": 13, "numerator": 7}
    assert record["origin"] == "mixed"
    assert {name: set(sums) for name, sums in record["origins"].items()} == {
        "human": SUMS,
        "ai": SUMS,
    }
    assert record["generators"] == ["m1"]
    assert (record["licenses"], record["languages"]) == (["MIT"], ["en"])
    assert record["dates"] == {
        "dated": 2, "not_before": "2021-01-01T00:00:00Z",
        "not_after": "2021-12-31T23:59:59.999999Z", "grade": "E1",
    }  # fmt: skip
    assert all(set(claim) == CLAIM for claim in record["claims"])
    assert [set(place) for place in record["locations"]] == [
        {"base", "files", "left_out", "kept", "sources", "options", "registered_at"}
    ]
    (edge,) = record["lineage"]["to"]
    assert set(edge) == {"dataset", "version", "kind", "note", "added_by", "added_at"}
    assert edge["note"] == "the human ones"
    (snapshot,) = record["snapshots"]
    assert set(snapshot) == {
        "snapshot_root", "certificate", "path", "documents", "bytes", "issued_at", "evaluations",
    }  # fmt: skip
    assert record["log_size"] == world.log_size()


def test_a_dataset_about_which_nothing_was_said(cli: Cli, sqlite_world: World) -> None:
    sqlite_world.register("crawl", ["x"])
    record = cli("show", "crawl", "--json").json
    assert (record["origin"], record["assessment"]) == ("unknown", "not_assessed")
    assert record["human_fraction"]["declared"]["numerator"] == 0
    ran = cli("show", "crawl")
    assert "unknown: nobody has said what made these texts (not assessed)" in ran.out
    assert "Dates         none claimed" in ran.out
    assert "License       none claimed" in ran.out


def test_a_share_is_never_rounded_up(cli: Cli, sqlite_world: World) -> None:
    texts = [f"{number:04d}" for number in range(2000)]
    sqlite_world.register("d", texts, origin=Origin.HUMAN)
    sqlite_world.claim("d", Origin.AI, where=texts[:1])
    assert "declared   99.9 % human of bytes" in cli("show", "d").out


def test_what_another_dataset_says_is_shown_as_a_conflict(cli: Cli, sqlite_world: World) -> None:
    sqlite_world.register("essays", ["x", "y"], origin=Origin.HUMAN)
    sqlite_world.register("found", ["y"], origin=Origin.AI)
    record = cli("show", "essays", "--json").json
    assert record["contested"] == 1
    assert record["origins"]["ai"]["documents"] == 1
    out = cli("show", "essays").out
    assert "declared   50.0 % human of bytes" in out
    assert "Conflicts     1 document called human in one place and not in another" in out


def test_a_dataset_that_nobody_spoke_of_but_others_know_as_ai(
    cli: Cli, sqlite_world: World
) -> None:
    sqlite_world.register("crawl", ["x", "y"])
    sqlite_world.register("found", ["y"], origin=Origin.AI)
    out = cli("show", "crawl").out
    assert "nobody has said" in out
    assert "counted as 1 unknown · 1 ai" in out


def test_a_version_is_named_or_the_latest(cli: Cli, sqlite_world: World) -> None:
    sqlite_world.register("d", ["x"])
    sqlite_world.register("d", ["x", "y"])
    assert cli("show", "d", "--json").json["version"] == 2
    assert cli("show", "d@1", "--json").json["version"] == 1
    ran = cli("show", "d@3", "--json")
    assert (ran.code, ran.error["type"]) == (1, "NotFoundError")
    assert ran.error["hint"] == "it has 2 versions"


def test_a_wrong_name_gets_the_nearest(cli: Cli, sqlite_world: World) -> None:
    sqlite_world.register("essays", ["x"])
    sqlite_world.register("he", ["y"])
    ran = cli("show", "esays", "--json")
    assert (ran.code, ran.error["hint"]) == (1, "did you mean `essays`?")
    for unlike in ("nothing-like-it", "gsm"):
        hint = cli("history", unlike, "--json").error["hint"]
        assert hint.startswith("`firsthand dataset list`")
    assert cli("show", "research-team/he", "--json").error["hint"] == "did you mean `he`?"


@pytest.mark.parametrize("command", ["show", "history"])
@pytest.mark.parametrize(
    "name", ["../x", "a/../../b", HOSTILE, "x" * 10_000, "", "%s%n", "x@", "x@0"]
)
def test_hostile_names(cli: Cli, command: str, name: str) -> None:
    ran = cli(command, name, "--json")
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")
    assert len(ran.err) < 400
    assert cli(command, name).code == 1


def test_what_others_wrote_reaches_the_terminal_without_control_characters(
    cli: Cli, sqlite_world: World
) -> None:
    """Whatever is refused at the door today, the catalogue may hold from another day."""
    world = sqlite_world
    rows: list[dict[str, Any]] = [{"text": "x", "by": "ai", "m": HOSTILE, "l": HOSTILE}]
    world.register(
        "d", rows, origin_field="by", generator_field="m", language_field="l",
        folder=f"files/{HOSTILE}", license="MIT",
    )  # fmt: skip
    world.register("e", ["y"])
    world.claim("d", Origin.AI, generators=["m"])
    world.derive("d", "e")
    with world.database.write() as session:
        session.execute(sa.update(Claim).values(claimed_by=HOSTILE, reason=HOSTILE))
        session.execute(sa.update(LineageEdge).values(note=HOSTILE, added_by=HOSTILE))
        for claim in session.execute(sa.select(Claim)).scalars():
            claim.value = {
                name: HOSTILE if name == "license" else [HOSTILE] if said == ["m"] else said
                for name, said in claim.value.items()
            }
    for command in (["show", "d"], ["history", "d"], ["dataset", "list"]):
        ran = cli(*command)
        assert ran.code == 0
        assert cli(*command, "--json").code == 0


def test_the_history_tells_the_story_in_order(cli: Cli, sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", ["x", "y"], origin=Origin.HUMAN)
    world.export({"sources": ["essays"]})
    world.claim("essays", Origin.AI, reason="a bot wrote it", where=["y"], generators=["gpt-x"])
    world.register("essays", ["x", "y", "z"])
    story = cli("history", "essays", "--json").json
    assert set(story) == {"dataset", "events"}
    assert [event["event"] for event in story["events"]] == [
        "registered", "location", "claim", "snapshot", "claim", "registered", "location",
    ]  # fmt: skip
    assert all({"dataset", "version", "at", "event"} <= set(event) for event in story["events"])
    assert [event["at"] for event in story["events"]] == sorted(e["at"] for e in story["events"])
    out = cli("history", "essays").out
    assert "origin corrected as ai (gpt-x) for 1 text" in out
    assert 'by reviewer: "a bot wrote it"' in out
    assert len(cli("history", "essays@2", "--json").json["events"]) == 2


def test_the_list(cli: Cli, sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", ["x"], origin=Origin.HUMAN, license="MIT")
    world.register("team/chat", ["y"])
    world.claim("essays", Origin.AI)
    rows = cli("dataset", "list", "--json").json["datasets"]
    assert [row["dataset"] for row in rows] == ["local/essays", "team/chat"]
    assert set(rows[0]) == {
        "dataset", "visibility", "version", "versions", "documents", "bytes", "claimed_origins",
        "assessment", "licenses", "registered_at", "roles",
    }  # fmt: skip
    assert rows[0]["claimed_origins"] == ["human", "ai"]
    out = cli("dataset", "list").out.splitlines()
    assert "human, ai (disputed)" in out[1]
    assert "unknown" in out[2]


def test_an_empty_registry_says_what_to_do(cli: Cli) -> None:
    assert "no datasets yet: firsthand register" in cli("dataset", "list").out
    assert cli("dataset", "list", "--json").json == {"datasets": []}


def test_a_damaged_store_is_an_error_and_no_answer(cli: Cli, sqlite_world: World) -> None:
    sqlite_world.register("essays", ["x"], origin=Origin.HUMAN)
    (table,) = (sqlite_world.store.root / "documents").rglob("*.parquet")
    Path(table).write_bytes(b"PAR1")
    ran = cli("show", "essays", "--json")
    assert (ran.code, ran.error["type"]) == (1, "ConflictError")
