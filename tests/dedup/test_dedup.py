"""Tests of `registry.dedup`: what stays, what goes for it, and what the derived version says."""

from __future__ import annotations

import hashlib
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from registry import dedup
from registry.batch.engine import Limits
from registry.core.caller import OPERATOR, PUBLIC
from registry.core.claim import Property
from registry.core.dataset import DatasetRef, Origin, Role, Visibility
from registry.core.digest import sha256_hex
from registry.core.evidence import DateInterval, DateKind
from registry.core.lineage import EdgeKind
from registry.db.models import Deduplication
from registry.dedup import Report, Wanted
from registry.errors import ConflictError, InvalidInputError, NotFoundError, RegistryError
from registry.index.reading import Index
from registry.query import catalogue
from registry.query.deduplications import deduplication_record
from tests.batch.made import brute, edited, story
from tests.world import World

LIMITS = Limits(memory=256_000_000, threads=2)
ALL = Fraction(1)


def run(world: World, *names: str, name: str | None = None, **more: Any) -> Report:
    more.setdefault("budgets", {DatasetRef.parse(it): ALL for it in names})
    more.setdefault("limits", LIMITS)
    ref = None if name is None else DatasetRef.parse(name)
    wanted = Wanted(names, "tester", name=ref, **more)
    return dedup.run(world.database, world.store, wanted, clock=world.clock)


def removals(path: Path | str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def long(rng: random.Random, words: int = 60) -> str:
    return " ".join(f"w{rng.randrange(10**6)}" for _ in range(words))


def texts_of(world: World, name: str) -> list[str]:
    """The texts of a version as its vault has them."""
    with world.database.read() as session:
        place = catalogue.locations(session, world.version(name))[0]
    folder = world.store.vault(place.uid)
    return [
        text
        for path in sorted(folder.iterdir())
        for text in pq.read_table(path)["text"].to_pylist()
    ]


def test_of_alike_documents_one_stays_and_what_goes_is_recorded(world: World) -> None:
    rng = random.Random(1)
    texts = story(rng, 80)
    world.register("one", texts[:50], origin="human", license="MIT")
    world.register("two", texts[50:], origin="ai", license="CC-BY-4.0")
    report = run(world, "one", "two", name="both")
    assert report.made is not None
    assert (str(report.made.ref), report.made.outcome) == ("local/both@1", "registered")
    kept = texts_of(world, "both")
    # Nothing that stays is equal or near to anything else that stays, as far as bands tell.
    assert not any(pair.accepted for pair in brute(kept))
    rows = removals(report.made.removals)
    assert len(rows) == report.removed == 80 - len(kept)
    near = {
        frozenset((pair.left, pair.right)): pair.similarity
        for pair in brute(texts[:50], texts[50:]) | brute(texts)
        if pair.accepted
    }
    assert near
    held = {sha256_hex(text.encode()) for text in kept}
    sides = {"local/one": 0, "local/two": 50}
    for row in rows:
        gone, stays = (
            sides[row[f"{side}_dataset"]] + row[f"{side}_row"] for side in ("removed", "survivor")
        )
        assert row["survivor_hash"].hex() in held
        assert row["removed_hash"].hex() == sha256_hex(texts[gone].encode())
        assert row["survivor_hash"].hex() == sha256_hex(texts[stays].encode())
        pair = frozenset(((1, gone), (1, stays)))
        assert row["similarity"] == near[pair]
        assert row["kind"] == ("exact" if texts[gone] == texts[stays] else "near")
        assert row["rule"] == report.rule
    with world.database.read() as session:
        made = session.execute(sa.select(Deduplication)).scalar_one()
        raw = Path(report.made.removals).read_bytes()
        assert made.removals_digest == hashlib.sha256(raw).hexdigest()
        edges = catalogue.sources_of(session, world.version("both"))
        assert [edge.kind for edge in edges] == [EdgeKind.DEDUPLICATED] * 2
    assert world.problems() == []


def test_a_derived_version_is_one_like_any_other(world: World) -> None:
    """Indexed, exported and verified, and it outlives the files of its inputs."""
    rng = random.Random(2)
    one = [long(rng) for _ in range(6)]
    first = world.register("one", one, origin="human", license="MIT")
    world.register("two", [*one[:3], long(rng)], origin="human", license="MIT")
    assert run(world, "one", "two", name="both").made
    for path in (world.folder / "files").rglob("*.jsonl"):
        path.unlink()
    done = world.export({"sources": ["both"], "human": {"at_least": 1}})
    assert done.documents == 7
    with world.database.read() as session, Index.open(session, world.store) as index:
        version = world.version("both")
        (place,) = catalogue.locations(session, version)
        found = index.content(world.standing("one").hashes[:1])
        assert place.id in found.location.tolist()
    assert world.origins("both") == {Origin.HUMAN: 7}
    assert world.problems() == []
    assert first.version.documents == 6


def test_protected_originals_survive_whatever_is_said_of_their_copies(world: World) -> None:
    rng = random.Random(3)
    novels = [long(rng, 300) for _ in range(12)]
    copies = [edited(rng, text, 0.004) for text in novels]
    # The copies come first, are older by their word, longer, and called human.
    world.register(
        "copies",
        [f"{text} and more" for text in copies],
        origin="human",
        dates=(DateInterval.parse(DateKind.AUTHORED, "1800"),),
    )
    world.register("novels", novels, origin="human")
    world.role("novels", Role.PROTECTED)
    report = run(world, "novels", "copies", name="all", budgets={DatasetRef.parse("copies"): ALL})
    assert report.made is not None
    assert texts_of(world, "all") == novels
    assert {source.ref.name: source.removed for source in report.sources} == {
        "copies": 12,
        "novels": 0,
    }
    assert {row["reason"] for row in removals(report.made.removals)} == {"protected"}
    assert world.problems() == []


def test_without_protection_evidence_and_date_decide(sqlite_world: World) -> None:
    world = sqlite_world
    rng = random.Random(4)
    text = long(rng, 200)
    near = edited(rng, text, 0.004)
    for name, origin, year in (
        ("undated", "human", ""),
        ("late", "human", "2020"),
        ("early", "ai", "2010"),
    ):
        dates = (DateInterval.parse(DateKind.AUTHORED, year),) if year else ()
        mine = f"{near} {name}" if year else text
        world.register(name, [mine], origin=origin, dates=dates)
    report = run(world, "undated", "late", "early", out=world.folder / "gone.parquet")
    rows = removals(world.folder / "gone.parquet")
    assert {(row["removed_dataset"], row["reason"]) for row in rows} == {
        ("local/undated", "grade"),
        ("local/late", "date"),
    }
    assert {row["survivor_dataset"] for row in rows} == {"local/early"}
    assert report.contested == 0
    assert report.made is None


def test_a_budget_that_would_be_exceeded_stops_the_run_and_names_the_clusters(
    world: World,
) -> None:
    rng = random.Random(5)
    template = long(rng, 120)
    world.register("forum", [edited(rng, template, 0.01) for _ in range(20)] + [long(rng)])
    world.register("vault", [long(rng) for _ in range(5)] * 2)
    world.role("vault", Role.PROTECTED)
    before = world.log_size()
    report = run(world, "forum", "vault", name="both", budgets={})
    assert [source.ref.name for source in report.exceeded] == ["forum", "vault"]
    assert report.made is None
    forum, vault = report.sources
    assert (forum.budget, vault.budget) == (Fraction(1, 5), Fraction(1, 100))
    assert forum.clusters[0].documents == forum.removed > 4
    assert forum.clusters[0].removed[0].ref.name == "forum"
    assert len(vault.clusters) == 5
    assert world.log_size() == before
    with pytest.raises(NotFoundError):
        world.version("both")
    # With room for it, it goes through; a budget that is used up is not exceeded.
    given = {
        DatasetRef.parse("forum@1"): Fraction(forum.removed, 21),
        DatasetRef.parse("vault"): Fraction(1, 2),
    }
    assert run(world, "forum", "vault", name="both", budgets=given).made
    assert world.problems() == []


def test_a_survivor_carries_the_terms_of_all_its_copies(world: World) -> None:
    rng = random.Random(6)
    shared, own = [long(rng, 300) for _ in range(4)], long(rng)
    near = f"{own} more"
    world.register("free", [*shared, own], license="MIT", origin="ai", generators=("gpt-4",))
    world.register(
        "bound", [*shared, near], license="CC-BY-NC-4.0", origin="ai", generators=("davinci",)
    )
    world.register("plain", [f"{shared[0]} more", long(rng)], origin="human")
    report = run(world, "free", "bound", "plain", name="all")
    stand = world.standing("all", across=False)
    licenses = [stand.licenses.names[code] for code in stand.licenses.codes]
    # Three that are equal on both sides, and the longer one of two near ones. What people wrote
    # stays for a near text by a model, and has no license still: a license is lent to nobody.
    assert licenses.count(("CC-BY-NC-4.0", "MIT")) == 4
    assert licenses.count(()) == 2
    assert report.licenses == [(("CC-BY-NC-4.0", "MIT"), 4)]
    # A near copy's generator is not that of these bytes.
    names = [stand.generators.names[code] for code in stand.generators.codes]
    assert names.count(("davinci", "gpt-4")) == 3
    assert report.made is not None
    rows = removals(report.made.removals)
    assert {row["removed_license"] for row in rows if row["removed_dataset"] == "local/bound"} == {
        "CC-BY-NC-4.0"
    }
    with world.database.read() as session:
        about = catalogue.claims(session, world.version("all"), Property.LICENSE)
        assert all(claim.reason for claim in about)
        assert {claim.claimed_by for claim in about} == {"tester"}
    assert world.problems() == []


def test_a_near_copy_lends_neither_origin_nor_date(world: World) -> None:
    """Nor does it take any: a claim about a near copy is about other bytes."""
    rng = random.Random(7)
    novel, essay = long(rng, 200), long(rng, 200)
    world.register("novels", [novel], origin="human")
    world.role("novels", Role.PROTECTED)
    world.register("rewritten", [edited(rng, novel, 0.004)], origin="ai")
    world.register("unknown", [essay + " and a longer end"])
    world.role("unknown", Role.PROTECTED)
    world.register(
        "dated",
        [essay],
        origin="human",
        dates=(DateInterval.parse(DateKind.AUTHORED, "1999"),),
    )
    report = run(world, "all", name="both", budgets={
        DatasetRef.parse("rewritten"): ALL, DatasetRef.parse("dated"): ALL
    })  # fmt: skip
    assert report.made is not None
    assert world.origins("both") == {Origin.HUMAN: 1, Origin.UNKNOWN: 1}
    assert world.origins("novels") == {Origin.HUMAN: 1}
    assert (world.standing("both").not_after == world.standing("unknown").not_after).all()
    # It is said, though, and stands in the record of what went.
    assert report.contested == 1
    rows = removals(report.made.removals)
    assert {(it["removed_origin"], it["survivor_origin"]) for it in rows} == {
        ("ai", "human"),
        ("human", "unknown"),
    }


def test_an_equal_text_that_is_called_ai_anywhere_is_not_human(world: World) -> None:
    rng = random.Random(8)
    text = long(rng)
    world.register("mine", [text, long(rng)], origin="human")
    world.register("theirs", [text], origin="ai", generators=("gpt-4",))
    report = run(world, "mine", "theirs", name="both")
    assert report.contested_exact == 1
    stand = world.standing("both", across=False)
    assert stand.view.contested.tolist() == [True, False]
    assert world.origins("both") == {Origin.AI: 1, Origin.HUMAN: 1}


def test_what_the_data_says_per_document_stays_with_each(world: World) -> None:
    rng = random.Random(9)
    rows = [
        {"text": long(rng), "by": by, "model": model, "lang": lang, "at": at}
        for by, model, lang, at in (
            ("human", "", "en", "2001"),
            ("ai", "gpt-4", "de", "2023-05"),
            ("human", "", "en", ""),
        )
    ]
    labels: dict[str, Any] = {
        "origin_field": "by",
        "generator_field": "model",
        "language_field": "lang",
        "date_fields": [(DateKind.AUTHORED, "at")],
    }
    world.register("labelled", rows, **labels)
    world.register("plain", [rows[0]["text"], long(rng)], origin="human", license="MIT")
    assert run(world, "labelled", "plain", name="both").made
    stand = world.standing("both", across=False)
    assert world.origins("both") == {Origin.HUMAN: 3, Origin.AI: 1}
    assert [stand.generators.names[it] for it in stand.generators.codes][1] == ("gpt-4",)
    assert [stand.languages.names[it] for it in stand.languages.codes][:3] == [
        ("en",), ("de",), ("en",)
    ]  # fmt: skip
    before = world.standing("labelled")
    assert (stand.not_after[:3] == before.not_after).all()
    assert world.problems() == []


def test_parts_of_different_origin_keep_their_human_bytes(world: World) -> None:
    rng = random.Random(10)
    rows = [{"q": long(rng, 10), "a": long(rng, 30)} for _ in range(3)]
    mixed = [("q", Origin.HUMAN), ("a", Origin.AI)]
    world.register("pairs", rows, origin_by_field=mixed)
    world.register("essays", [long(rng)], origin="human")
    assert run(world, "pairs", "essays", name="both").made
    before, after = world.standing("pairs"), world.standing("both")
    assert after.view.human_bytes[:3].tolist() == before.view.human_bytes.tolist()
    assert after.view.human_bytes[3] == after.bytes[3]


def outcome(world: World, report: Report) -> tuple[list[str], list[dict[str, Any]], Any]:
    assert report.made is not None
    rows = removals(report.made.removals)
    return texts_of(world, str(report.made.ref)), rows, report.to_json()["sources"]


@pytest.mark.parametrize("seed", range(3))
def test_neither_order_nor_threads_nor_memory_change_the_result(
    sqlite_world: World, seed: int
) -> None:
    world, rng = sqlite_world, random.Random(seed)
    names = ["a", "b", "c"]
    pool = story(rng, 90)
    for number, name in enumerate(names):
        world.register(name, pool[number::3], origin=rng.choice(["human", "ai", "unknown"]))
    world.role(rng.choice(names), Role.PROTECTED)
    results = []
    for number, threads in enumerate((1, 2, 2)):
        rng.shuffle(names)
        limits = Limits(memory=(128 if number else 512) * 10**6, threads=threads)
        report = run(world, *names, name=f"made{number}", limits=limits, temp=world.folder / "t")
        results.append(outcome(world, report))
    assert results[0] == results[1] == results[2]
    digests = set()
    with world.database.read() as session:
        digests = {it.removals_digest for it in session.scalars(sa.select(Deduplication))}
    assert len(digests) == 1


@pytest.mark.parametrize("seed", range(4))
def test_the_promises_hold_for_any_story(sqlite_world: World, seed: int) -> None:
    """Nothing protected goes for what is not; every survivor stays; no text is lost to copies."""
    world, rng = sqlite_world, random.Random(100 + seed)
    pool = story(rng, 120)
    safe = set()
    for number in range(4):
        name = f"d{number}"
        world.register(name, pool[number::4])
        if rng.random() < 0.5:
            world.role(name, Role.PROTECTED)
            safe.add(f"local/{name}")
    report = run(world, "d0", "d1", "d2", "d3", name="made", exact=seed % 2 == 0)
    assert report.made is not None
    rows = removals(report.made.removals)
    gone = {(row["removed_dataset"], row["removed_row"]) for row in rows}
    assert len(gone) == len(rows) == report.removed
    for row in rows:
        assert (row["survivor_dataset"], row["survivor_row"]) not in gone
        assert row["removed_dataset"] not in safe or row["survivor_dataset"] in safe
        assert row["similarity"] >= 0.8
    kept = set(texts_of(world, "made"))
    # A text is lost only where a near one stays: equal copies alone lose none.
    lost = {text for text in pool if text not in kept}
    assert lost == {
        text for text in pool for row in rows
        if row["kind"] == "near" and row["removed_hash"].hex() == sha256_hex(text.encode())
    }  # fmt: skip
    alone = run(world, "d0", "d1", "d2", "d3", name="equal", threshold=1.0, exact=True)
    assert alone.made is not None
    near = {row["removed_hash"] for row in removals(alone.made.removals) if row["kind"] == "near"}
    assert set(pool) - set(texts_of(world, "equal")) == {
        text for text in pool if bytes.fromhex(sha256_hex(text.encode())) in near
    }


def test_where_a_group_is_too_large_all_are_held_against_its_best_document(
    sqlite_world: World,
) -> None:
    world, rng = sqlite_world, random.Random(11)
    template = long(rng, 200)
    world.register("crawl", [edited(rng, template, 0.002) + f" {n}" for n in range(40)])
    world.register("vault", [template])
    world.role("vault", Role.PROTECTED)
    everything = run(world, "crawl", "vault")
    capped = run(world, "crawl", "vault", pair_limit=10)
    assert everything.capped is None
    assert capped.capped is not None
    assert capped.pairs[0] < everything.pairs[0] / 5
    assert [source.removed for source in capped.sources] == [40, 0]
    assert capped.largest[0].survivor.ref.name == "vault"


def test_the_same_again_makes_no_new_version_and_adds_what_is_claimed_since(
    world: World,
) -> None:
    rng = random.Random(12)
    texts = [long(rng) for _ in range(4)]
    world.register("one", texts, license="MIT")
    world.register("two", texts[:2])
    assert run(world, "one", "two", name="both").made
    size = world.log_size()
    again = run(world, "two", "one", name="both").made
    assert again is not None
    assert (again.outcome, again.claims, world.log_size()) == ("unchanged", 0, size)
    world.claim("two", Origin.AI, where=texts[:1])
    added = run(world, "one", "two", name="both").made
    assert added is not None
    assert (added.outcome, added.claims, added.ref.version) == ("added", 1, 1)
    assert world.origins("both")[Origin.AI] == 1
    assert world.problems() == []


def test_what_cannot_be_made_is_refused_and_leaves_nothing(world: World) -> None:
    rng = random.Random(13)
    texts = [long(rng) for _ in range(3)]
    world.register("one", texts, visibility=Visibility.PRIVATE)
    world.register("open", [long(rng)], visibility=Visibility.PUBLIC)
    before = world.log_size()
    for names, name, kind, message in (
        (["one"], "one", ConflictError, "nothing would be removed"),
        (["one"], "open", ConflictError, "is public and `one@1` is private"),
        (["one"], "one@2", InvalidInputError, "numbered by the registry"),
        (["nobody"], "both", NotFoundError, "no dataset `nobody`"),
        (["protected"], "both", InvalidInputError, "has no version"),
    ):
        with pytest.raises(kind, match=message):
            run(world, *names, name=name, budgets={})
    with pytest.raises(InvalidInputError, match="none of the sources"):
        run(world, "one", budgets={DatasetRef.parse("open"): ALL})
    assert world.log_size() == before
    assert world.problems() == []


def test_a_survivor_whose_text_is_gone_stops_the_run(world: World) -> None:
    rng = random.Random(14)
    world.register("one", [long(rng) for _ in range(3)])
    (world.folder / "files/one/part-0.jsonl").write_text('{"text": "another"}\n')
    with pytest.raises(RegistryError, match="not the one that was registered"):
        run(world, "one", name="both")
    assert world.problems() == []


def test_nothing_is_recorded_when_the_catalogue_changed_meanwhile(world: World) -> None:
    rng = random.Random(15)
    world.register("one", [long(rng) for _ in range(3)])
    changed = False

    def meanwhile(now: Any) -> None:
        nonlocal changed
        if now.stage == "writing" and not changed:
            changed = True
            world.role("one", Role.PROTECTED)

    wanted = Wanted(["one"], "tester", name=DatasetRef.parse("both"), limits=LIMITS)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        dedup.run(world.database, world.store, wanted, clock=world.clock, on_progress=meanwhile)
    assert changed
    assert world.problems() == []


def test_who_may_not_see_an_input_is_told_no_number(world: World) -> None:
    rng = random.Random(16)
    text = long(rng)
    world.register("one", [text, text, long(rng)], visibility=Visibility.PUBLIC)
    assert run(world, "one", name="both").made
    with world.database.write() as session:
        version = world.version("both")
        assert deduplication_record(session, version, PUBLIC) is not None
        session.execute(sa.text("UPDATE datasets SET visibility = 'private' WHERE name = 'one'"))
        session.flush()
        assert deduplication_record(session, version, PUBLIC) is None
        assert deduplication_record(session, version, OPERATOR) is not None
