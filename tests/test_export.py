from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rfc8785

from registry import export, verify
from registry.core.attest import Signer
from registry.core.dataset import Origin
from registry.core.evidence import DateInterval, DateKind
from registry.db.models import Snapshot
from registry.errors import ConflictError, GuaranteeError, InvalidInputError, UnavailableError
from registry.query import layout
from registry.verify import Level
from tests.world import World, write_documents

OTHER = Signer.generate()


def texts(count: int, of: str = "text", size: int = 60) -> list[str]:
    return [f"{of} {at:04d} größe ".ljust(size + at % 7, ".") for at in range(count)]


def read(path: Path) -> list[dict[str, Any]]:
    files = sorted((path / "data").iterdir())
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def files(path: Path) -> dict[str, str]:
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def nothing_is_left(world: World, out: str = "snap") -> None:
    """Nothing was recorded, and no file of the attempt remains."""
    assert not (world.folder / out).exists()
    assert [p.name for p in world.folder.iterdir() if p.name.endswith(".partial")] == []
    assert world.problems() == []


@pytest.fixture
def small_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many shards of many row groups, cut in the middle of sources."""
    monkeypatch.setattr(layout, "SHARD_BYTES", 2000)
    monkeypatch.setattr(layout, "SHARD_ROWS", 23)
    monkeypatch.setattr(layout, "GROUP_BYTES", 500)
    monkeypatch.setattr(layout, "GROUP_ROWS", 5)


def rich(world: World) -> dict[str, Any]:
    """Register every kind of provenance, and return a recipe that draws all of it."""
    world.register(
        "essays",
        [*texts(30, "essay"), "", "word"],
        origin=Origin.HUMAN,
        license="MIT",
        dates=(DateInterval.parse(DateKind.COLLECTED, "2019..2021-05"),),
    )
    world.register("essays", paths=[world.folder / "files/essays"], license="CC0-1.0 OR MIT")
    rows: list[dict[str, Any]] = [
        {"text": text, "by": ("ai", "human", None)[at % 3], "model": "m" if at % 3 == 0 else None,
         "at": "1969-12-31" if at % 2 else None}
        for at, text in enumerate(texts(25, "chat"))
    ]  # fmt: skip
    world.register(
        "team/chat", rows, origin_field="by", generator_field="model",
        date_fields=[(DateKind.AUTHORED, "at")],
    )  # fmt: skip
    pairs = [{"q": "Why? " * at, "a": "So. " * (9 - at)} for at in range(10)]
    world.register("pairs", pairs, origin_by_field=[("q", Origin.HUMAN), ("a", Origin.AI)])
    return {"sources": ["essays", "team/chat", "pairs"], "human": {"at_least": "0.4"}}


# An oracle: what the design says, in plain Python, from nothing but the Parquet files.


def tree(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + tree(leaves[:split]) + tree(leaves[split:])).digest()


def chunks(prefix: bytes, parts: list[bytes]) -> list[bytes]:
    return [prefix + b"".join(parts[at : at + 256]) for at in range(0, len(parts), 256)]


def cell(value: Any) -> bytes:
    """Tag, length, bytes; null is a tag of its own."""
    if value is None:
        return b"\0"
    if isinstance(value, bytes):
        tag, raw = b"\1", value
    elif isinstance(value, str):
        tag, raw = b"\2", value.encode("utf-8")
    elif isinstance(value, int):
        tag, raw = b"\3", struct.pack(">q", value)
    else:
        since = value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        tag, raw = b"\4", struct.pack(">q", since // dt.timedelta(microseconds=1))
    return tag + struct.pack(">I", len(raw)) + raw


COLUMNS = [
    ("text", "text"), ("content_hash", "bytes"), ("dataset", "text"), ("version", "integer"),
    ("origin", "text"), ("human_bytes", "integer"), ("generator", "text"), ("not_before", "time"),
    ("not_after", "time"), ("date_grade", "text"), ("license", "text"),
]  # fmt: skip


def oracle(path: Path) -> dict[str, Any]:
    """Return the manifest of a snapshot, recomputed from its rows and the signed plan digest."""
    shards, hashes = [], []
    origins: dict[str, dict[str, int]] = {}
    for file in sorted((path / "data").iterdir()):
        table = pq.read_table(file)
        assert table.schema.names == [name for name, _ in COLUMNS]
        rows = table.to_pylist()
        for row in rows:
            raw = row["text"].encode("utf-8")
            assert row["content_hash"] == hashlib.sha256(raw).digest()
            hashes.append(row["content_hash"])
            sums = origins.setdefault(row["origin"], {"documents": 0, "bytes": 0, "human_bytes": 0})
            sums["documents"] += 1
            sums["bytes"] += len(raw)
            sums["human_bytes"] += row["human_bytes"]
        encoded = [b"".join(cell(row[name]) for name, _ in COLUMNS[1:]) for row in rows]
        root = tree(chunks(b"firsthand record-leaf v1\n", encoded))
        shards.append({"name": f"data/{file.name}", "record_root": root.hex(), "rows": len(rows)})
    record_root = tree(
        [b"firsthand shard-leaf v1\n" + bytes.fromhex(str(s["record_root"])) for s in shards]
    )
    return {
        "bytes": sum(sums["bytes"] for sums in origins.values()),
        "columns": [{"name": name, "type": kind} for name, kind in COLUMNS],
        "content_root": tree(chunks(b"firsthand content-leaf v1\n", sorted(hashes))).hex(),
        "distinct": len(set(hashes)),
        "documents": len(hashes),
        "empty": hashes.count(hashlib.sha256(b"").digest()),
        "hash": "firsthand-hash/v1",
        "human_bytes": sum(sums["human_bytes"] for sums in origins.values()),
        "origins": origins,
        "plan": json.loads((path / "manifest.json").read_bytes())["plan"],
        "record_root": record_root.hex(),
        "shards": shards,
        "type": "firsthand-manifest/v1",
    }


def test_the_roots_are_those_of_the_design_computed_independently(world: World) -> None:
    done = world.export(rich(world))
    manifest = oracle(done.path)
    assert json.loads((done.path / "manifest.json").read_bytes()) == manifest
    assert (done.path / "manifest.json").read_bytes() == rfc8785.dumps(manifest)
    assert done.snapshot_root == hashlib.sha256(rfc8785.dumps(manifest)).hexdigest()
    assert done.documents == manifest["documents"] == 67
    assert world.problems() == []


def test_the_roots_over_more_than_one_leaf(sqlite_world: World) -> None:
    for number in (256, 257, 700):
        sqlite_world.register(f"d{number}", texts(number, f"{number}"), origin=Origin.HUMAN)
        done = sqlite_world.export({"sources": [f"d{number}"]}, f"snap{number}")
        assert hashlib.sha256(rfc8785.dumps(oracle(done.path))).hexdigest() == done.snapshot_root


@pytest.mark.usefixtures("small_layout")
@pytest.mark.parametrize("threads", [1, 2])
def test_rows_cut_into_shards_and_groups_across_sources(sqlite_world: World, threads: int) -> None:
    done = sqlite_world.export(rich(sqlite_world), threads=threads)
    assert done.files == len(list((done.path / "data").iterdir())) >= 3
    assert hashlib.sha256(rfc8785.dumps(oracle(done.path))).hexdigest() == done.snapshot_root
    groups = [pq.read_metadata(file).num_row_groups for file in (done.path / "data").iterdir()]
    assert max(groups) > 3
    for level in Level:
        verify.snapshot(done.path, key=sqlite_world.signer.public, level=level)
    for file in (done.path / "data").iterdir():
        verify.shard(file, key=sqlite_world.signer.public)


def test_the_rows_are_what_was_said(sqlite_world: World) -> None:
    done = sqlite_world.export(rich(sqlite_world))
    rows = read(done.path)
    essay = rows[0]
    assert essay["text"] == texts(1, "essay")[0]
    assert (essay["dataset"], essay["version"], essay["origin"]) == ("local/essays", 1, "human")
    assert essay["human_bytes"] == len(essay["text"].encode())
    assert essay["license"] == "(CC0-1.0 OR MIT) AND MIT"
    assert essay["not_after"].isoformat() == "2021-05-31T23:59:59.999999+00:00"
    chat = [row for row in rows if row["dataset"] == "team/chat"]
    assert [row["origin"] for row in chat[:3]] == ["ai", "human", "unknown"]
    assert [row["generator"] for row in chat[:3]] == ["m", None, None]
    assert [row["not_after"] is None for row in chat[:2]] == [True, False]
    assert chat[1]["not_after"].year == 1969
    mixed = [row for row in rows if row["origin"] == "mixed"]
    assert all(0 < row["human_bytes"] < len(row["text"]) for row in mixed)
    assert all(row["human_bytes"] == 0 for row in rows if row["origin"] in ("ai", "unknown"))


@pytest.mark.usefixtures("small_layout")
def test_exporting_again_gives_the_same_bytes_with_any_number_of_threads(
    sqlite_world: World,
) -> None:
    recipe = rich(sqlite_world)
    one = sqlite_world.export(recipe, "one", threads=1)
    two = sqlite_world.export(recipe, "two", threads=2)
    assert one.snapshot_root == two.snapshot_root
    first, second = files(one.path), files(two.path)
    assert first.keys() == second.keys()
    # The certificate says when it was issued, and that another snapshot was recorded before.
    assert {name for name in first if first[name] != second[name]} == {
        "certificate.json",
        "certificate.tlog-proof",
    }


def test_a_claim_changes_new_snapshots_and_nothing_that_was_exported(world: World) -> None:
    world.register("essays", texts(400), origin=Origin.HUMAN)
    recipe: dict[str, Any] = {"sources": ["essays"], "human": {"at_least": "0.4"}}
    old = world.export(recipe, "old")
    before = files(old.path)
    world.claim("essays", Origin.AI, where=texts(400)[100:300], generators=["gpt-x"])
    new = world.export(recipe, "new")
    assert new.snapshot_root != old.snapshot_root
    assert [row["origin"] for row in read(new.path)].count("ai") == 200
    assert {row["generator"] for row in read(new.path)} == {None, "gpt-x"}
    assert files(old.path) == before
    verify.snapshot(old.path, key=world.signer.public, level=Level.CONTENT)
    verify.snapshot(new.path, key=world.signer.public, level=Level.CONTENT)
    with pytest.raises(GuaranteeError):
        world.export(recipe | {"human": {"at_least": 1}, "size": {"at_least": 20_000}}, "strict")
    assert world.problems() == []


# Sources that changed.


def rewrite(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    lines = path.read_text("utf-8").splitlines()
    path.write_text("".join(f"{line}\n" for line in change(lines)), "utf-8")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (
        lambda p: rewrite(p, lambda it: [*it[:7], it[7].replace("0007", "0o07"), *it[8:]]),
        "record 8 of `{file}`: the text is not the one that was registered as `essays@1`",
    ),
    "reordered": (
        lambda p: rewrite(p, lambda it: [it[1], it[0], *it[2:]]),
        "record 1 of `{file}`: the text is not the one",
    ),
    "inserted": (
        lambda p: rewrite(p, lambda it: [*it[:5], '{"text": "new"}', *it[5:]]),
        "record 6 of `{file}`: the text is not the one",
    ),
    "truncated": (
        lambda p: rewrite(p, lambda it: it[:-1]),
        "`{folder}` has fewer documents than were registered as `essays@1`",
    ),
    "cut in a line": (
        lambda p: p.write_bytes(p.read_bytes()[:-20]),
        "`{file}:40` is not valid JSON",
    ),
    "emptied": (lambda p: p.write_bytes(b""), "`{folder}` has fewer documents"),
    "removed": (lambda p: p.unlink(), "`{file}` does not exist, needed for `essays@1`"),
    "a folder": (
        lambda p: p.rename(p.with_name("gone")).with_name(p.name).mkdir(),
        "there are no files to read",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_source_that_changed_is_an_error_that_names_it(
    sqlite_world: World, how: str, threads: int
) -> None:
    world = sqlite_world
    world.register("essays", texts(40), origin=Origin.HUMAN)
    file = world.folder / "files/essays/part-0.jsonl"
    made = world.plan({"sources": ["essays"]})
    change, message = BROKEN[how]
    change(file)
    with pytest.raises(ConflictError) as caught:
        world.export(made, threads=threads)
    assert message.format(file=file, folder=file.parent) in caught.value.message
    assert caught.value.hint is not None
    assert "--keep" in caught.value.hint
    nothing_is_left(world)


def test_a_source_that_only_grew_still_gives_what_was_registered(sqlite_world: World) -> None:
    """Every text is compared by its hash: what follows the last one that is needed is not read."""
    world = sqlite_world
    world.register("essays", texts(40), origin=Origin.HUMAN)
    one = world.export({"sources": ["essays"]}, "one")
    file = world.folder / "files/essays/part-0.jsonl"
    rewrite(file, lambda it: [*it, '{"text": "new"}'])
    two = world.export({"sources": ["essays"]}, "two")
    assert one.snapshot_root == two.snapshot_root


@pytest.mark.parametrize("how", BROKEN)
def test_kept_texts_outlive_their_files(sqlite_world: World, how: str) -> None:
    world = sqlite_world
    world.register("essays", texts(40), origin=Origin.HUMAN, keep=True)
    BROKEN[how][0](world.folder / "files/essays/part-0.jsonl")
    done = world.export({"sources": ["essays"]})
    assert [row["text"] for row in read(done.path)] == texts(40)


def test_kept_texts_that_were_changed_are_refused(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", texts(40), origin=Origin.HUMAN, keep=True)
    (file,) = (world.store.root / "vault").rglob("*.parquet")
    changed = [*texts(40)[:9], "another text", *texts(40)[10:]]
    pq.write_table(pa.table({"text": pa.array(changed, pa.large_string())}), file)
    with pytest.raises(ConflictError, match="document 10 of the kept texts of `essays@1`"):
        world.export({"sources": ["essays"]})
    nothing_is_left(world)
    file.write_bytes(b"no parquet")
    with pytest.raises(ConflictError, match="the kept texts"):
        world.export({"sources": ["essays"]})


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("file", ["same.jsonl", "other.parquet", "shuffled.parquet", "many.csv"])
def test_another_place_serves_when_the_first_one_fails(
    sqlite_world: World, file: str, threads: int
) -> None:
    world = sqlite_world
    original = [*texts(3000, size=20), "twice", "twice", ""]
    world.register("essays", original, origin=Origin.HUMAN)
    recipe = {"sources": ["essays"], "size": {"at_most": 30_000}}
    expected = world.export(recipe, "expected")
    again = original[::-1] if file == "shuffled.parquet" else original
    world.register("essays", again, folder="elsewhere", file=file)
    assert len(world.versions("essays")) == 1
    first = world.folder / "files/essays/part-0.jsonl"
    rewrite(first, lambda it: [*it[:2400], *['{"text": "not this"}'] * 200, *it[2600:]])
    done = world.export(recipe, threads=threads)
    assert done.snapshot_root == expected.snapshot_root
    assert files(done.path / "data") == files(expected.path / "data")
    (world.folder / "elsewhere" / file).unlink()
    with pytest.raises(ConflictError):
        world.export(recipe, "third")
    nothing_is_left(world, "third")


def test_a_place_in_another_order_that_lacks_a_text_is_refused(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", texts(50), origin=Origin.HUMAN)
    world.register("essays", texts(50)[::-1], folder="two")
    (world.folder / "files/essays/part-0.jsonl").unlink()
    write_documents(world.folder / "two/part-0.jsonl", texts(49)[::-1])
    with pytest.raises(ConflictError, match="lacks texts that were registered as `essays@1`"):
        world.export({"sources": ["essays"]})
    nothing_is_left(world)


def test_a_tampered_document_table_or_selection_is_refused(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", texts(5), origin=Origin.HUMAN)
    made = world.claim("essays", Origin.AI, where=texts(2))
    assert made.selection is not None
    selection = world.store.root / "selections" / made.selection.digest
    data = selection.read_bytes()
    selection.write_bytes(data[:32])
    with pytest.raises(ConflictError, match="selection"):
        world.export({"sources": ["essays"]})
    selection.write_bytes(data)
    (table,) = (world.store.root / "documents").rglob("*.parquet")
    shutil.copyfile(table, table.with_name("part-00001.parquet"))
    with pytest.raises(ConflictError, match="document table"):
        world.export({"sources": ["essays"]})


# Where it goes.


def test_an_empty_folder_is_filled(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", texts(5), origin=Origin.HUMAN)
    (world.folder / "snap").mkdir()
    done = world.export({"sources": ["essays"]})
    assert len(read(done.path)) == 5
    assert world.problems() == []


def test_what_is_there_is_never_overwritten(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", texts(5), origin=Origin.HUMAN)
    out = world.folder / "snap"
    out.write_text("mine")
    with pytest.raises(ConflictError, match="exists and is not this snapshot"):
        world.export({"sources": ["essays"]})
    assert out.read_text() == "mine"
    out.unlink()
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ConflictError, match="exists and is not this snapshot"):
        world.export({"sources": ["essays"]})
    assert [p.name for p in out.iterdir()] == ["notes.txt"]
    out.joinpath("notes.txt").unlink()
    out.rmdir()
    out.symlink_to(world.folder / "nowhere")
    with pytest.raises(InvalidInputError, match="is a link"):
        world.export({"sources": ["essays"]})
    assert out.is_symlink()


def test_the_same_snapshot_is_not_written_again(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", texts(5), origin=Origin.HUMAN)
    recipe = {"sources": ["essays"]}
    one = world.export(recipe)
    before = files(one.path)
    two = world.export(recipe)
    assert two.existed
    assert not one.existed
    assert (two.snapshot_root, two.certificate) == (one.snapshot_root, one.certificate)
    assert files(one.path) == before
    world.claim("essays", Origin.AI)
    with pytest.raises(ConflictError, match="is not this snapshot"):
        world.export(recipe)


@pytest.mark.parametrize("damage", ["removed", "changed", "certificate"])
def test_the_same_snapshot_is_not_called_there_when_it_is_damaged(
    sqlite_world: World, damage: str
) -> None:
    world = sqlite_world
    world.register("essays", texts(5), origin=Origin.HUMAN)
    done = world.export({"sources": ["essays"]})
    shard = done.path / "data/part-00000.parquet"
    if damage == "removed":
        shard.unlink()
    else:
        file = shard if damage == "changed" else done.path / "certificate.json"
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(ConflictError, match="this snapshot"):
        world.export({"sources": ["essays"]})


def test_a_folder_that_is_not_there_is_not_made(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", texts(5), origin=Origin.HUMAN)
    with pytest.raises(InvalidInputError, match="does not exist"):
        world.export({"sources": ["essays"]}, "no/such/snap")
    (world.folder / "file").write_text("")
    with pytest.raises(InvalidInputError, match="does not exist"):
        world.export({"sources": ["essays"]}, "file/snap")
    with pytest.raises((UnavailableError, OSError)):
        world.export({"sources": ["essays"]}, "x" * 240)
    assert world.problems() == []


@pytest.mark.parametrize(
    "name", ["with spaces", "ünïcödé 漢字", "-x", "--out", "a;b|c", "new\nline", ".hidden"]
)
def test_any_name_can_be_exported_to(sqlite_world: World, name: str) -> None:
    sqlite_world.register("essays", texts(5), folder=f"in {name}", origin=Origin.HUMAN)
    done = sqlite_world.export({"sources": ["essays"]}, name)
    assert done.path == sqlite_world.folder / name
    verify.snapshot(done.path, key=sqlite_world.signer.public, level=Level.CONTENT)


# What goes in.


def test_empty_documents_and_single_words(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("tiny", ["", "a", "\n", "ä", "\0", "漢"], origin=Origin.HUMAN)
    done = world.export({"sources": ["tiny"]})
    assert sorted(row["text"] for row in read(done.path)) == sorted(
        ["", "a", "\n", "ä", "\0", "漢"]
    )
    verify.snapshot(done.path, key=world.signer.public, level=Level.CONTENT)
    world.register("empty", ["", ""], origin=Origin.HUMAN)
    only = world.export({"sources": ["empty"]}, "only")
    assert only.documents == 1
    verify.snapshot(only.path, key=world.signer.public, level=Level.CONTENT)


def test_a_source_that_gives_no_rows_is_named_and_not_read(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", texts(5), origin=Origin.HUMAN)
    world.register("copy", texts(5), origin=Origin.HUMAN)
    made = world.plan({"sources": ["essays", "copy"]})
    assert [item.documents for item in made.inputs] == [5, 0]
    (world.folder / "files/copy/part-0.jsonl").unlink()
    done = world.export(made, threads=2)
    verify.snapshot(done.path, key=world.signer.public, level=Level.CONTENT)
    assert "local/copy@1 | 0 |" in (done.path / "README.md").read_text("utf-8")


def test_a_plan_that_draws_nothing_is_refused(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", texts(5), origin=Origin.AI)
    for recipe in (
        {"sources": ["essays"], "where": {"origin": ["human"]}},
        {"sources": ["essays"], "human": {"at_least": "0.1"}},
        {"sources": ["essays"], "size": "1 GB"},
    ):
        with pytest.raises(GuaranteeError):
            world.export(recipe)
    nothing_is_left(world)


def test_another_key_than_the_registry_knows_signs_nothing(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", texts(5), origin=Origin.HUMAN)
    world.signer = OTHER
    with pytest.raises(ConflictError, match="not a key of this registry"):
        world.export({"sources": ["essays"]})
    nothing_is_left(world)


def test_whoever_is_interrupted_leaves_nothing(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.register("essays", texts(50), origin=Origin.HUMAN)

    def interrupt(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export.snapshot(
            world.database,
            world.store,
            world.plan({"sources": ["essays"]}),
            world.folder / "snap",
            signer=world.signer,
            issuer=world.issuer,
            log=world.log,
            clock=world.clock,
            threads=2,
            on_progress=interrupt,
        )
    nothing_is_left(world)


def test_the_certificate_says_what_the_plan_says(sqlite_world: World) -> None:
    world = sqlite_world
    recipe = rich(world)
    world.register("stolen", texts(3, "essay"), origin=Origin.AI)
    made = world.plan(recipe)
    done = world.export(made)
    report = verify.snapshot(done.path, key=world.signer.public, level=Level.CONTENT)
    said = report.certificate
    assert said is not None
    assert said.human_fraction == made.human
    assert said.contested == 3
    assert said.exact_duplicates_left_out == made.duplicates
    assert said.log.size == made.log_size
    assert [item.documents for item in said.inputs] == [item.documents for item in made.inputs]
    assert sum(said.words.values()) == made.words
    assert said.manifest.plan == made.digest


def test_a_correction_that_comes_while_an_export_is_written_stops_it(world: World) -> None:
    world.register("d", ["one", "two"], origin=Origin.HUMAN)
    made = world.plan({"sources": ["d"]})
    world.claim("d", Origin.AI)
    with pytest.raises(ConflictError, match="changed while it was exported"):
        world.export(made)
    assert not list(world.folder.glob("**/*.partial"))
    with world.database.read() as session:
        assert session.query(Snapshot).count() == 0


def test_what_does_not_touch_the_drawn_texts_does_not_stop_an_export(world: World) -> None:
    world.register("d", ["one", "two"], origin=Origin.HUMAN)
    made = world.plan({"sources": ["d"]})
    world.register("other", ["three"], origin=Origin.AI)
    assert world.export(made).documents == 2


def test_a_link_is_refused_as_the_place_of_an_export(sqlite_world: World) -> None:
    sqlite_world.register("d", ["one"], origin=Origin.HUMAN)
    link = sqlite_world.folder / "link"
    link.symlink_to(sqlite_world.folder / "elsewhere")
    with pytest.raises(InvalidInputError, match="is a link"):
        sqlite_world.export({"sources": ["d"]}, out=link)
