from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry import verify
from registry.errors import (
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from registry.verify import Level, Verdict
from tests import snapshots
from tests.snapshots import Snapshot
from tests.verify.making import CONTENT, KEY, codes


@pytest.mark.parametrize("level", list(Level))
def test_an_untouched_snapshot_is_valid(snap: Snapshot, level: Level) -> None:
    report = verify.snapshot(snap.path, key=KEY, level=level)
    assert (report.verdict, report.exit_code, report.failures) == (Verdict.VALID, 0, ())
    assert report.checked.files == report.checked.files_of == 2
    assert report.checked.rows == (40 if level is CONTENT else 0)
    assert report.signer is not None
    assert report.signer.pinned
    assert report.not_covered == ("README.md",)
    assert report.notes == ()
    assert report.certificate == snap.certificate


SHAPES: dict[str, list[list[snapshots.Row]]] = {
    "no shards": [],
    "an empty shard": [[]],
    "one row": [[snapshots.row("a")]],
    "one empty text": [[snapshots.row("")]],
    "an empty shard between others": [snapshots.rows(3), [], snapshots.rows(4)],
    "many leaves": [[snapshots.row(f"text {at}") for at in range(600)]],
    "the same text everywhere": [[snapshots.row("same")] * 300],
    "one text of 3 MB": [[snapshots.row("naïve " * 400_000)]],
    "no dates, no licenses": [
        [snapshots.row("a", not_before=None, not_after=None, license=None) for _ in range(20)]
    ],
    "extreme numbers": [[snapshots.row("a", version=2**53 - 1), snapshots.row("b", version=0)]],
    "a generator with odd characters": [[snapshots.row("a", "ai", generator="gpt\x00\x1b[2J漢")]],
    "only ai": [[snapshots.row("a", "ai"), snapshots.row("b", "ai")]],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_snapshots_of_many_shapes_are_valid(shape: str, tmp_path: Path) -> None:
    made = snapshots.write(tmp_path / "snap", SHAPES[shape])
    for level in Level:
        verify.snapshot(made.path, key=KEY, level=level)
    for shard in made.shards:
        verify.shard(shard, key=KEY)


REWRITES: dict[str, dict[str, Any]] = {
    "uncompressed": {"compression": "none", "compression_level": None},
    "snappy": {"compression": "snappy", "compression_level": None},
    "gzip": {"compression": "gzip"},
    "without checksums": {"write_page_checksum": False},
    "other row groups": {"group": 7},
    "one row group": {"group": 1000},
    "format 1.0": {"version": "1.0"},
    "pages of version 2": {"data_page_version": "2.0"},
    "dictionaries everywhere": {"use_dictionary": True},
    "no dictionaries": {"use_dictionary": False},
    "statistics everywhere": {"write_statistics": True},
    "no statistics": {"write_statistics": False},
    "with a page index": {"write_page_index": True},
    "small pages": {
        "data_page_size": 64,
        "write_batch_size": 3,
        "use_content_defined_chunking": False,
    },
    "deltas": {
        "use_dictionary": False,
        "column_encoding": {"text": "DELTA_BYTE_ARRAY", "version": "DELTA_BINARY_PACKED"},
    },
    "lengths first": {
        "use_dictionary": False,
        "column_encoding": {"text": "DELTA_LENGTH_BYTE_ARRAY"},
    },
    "without the Arrow schema": {"store_schema": False},
}


@pytest.mark.parametrize("options", REWRITES.values(), ids=REWRITES)
def test_the_same_rows_in_another_file_pass_by_content_only(
    snap: Snapshot, options: dict[str, Any]
) -> None:
    snap.rewrite(0, snap.parts[0], **options)
    assert codes(snap.path) == ["E_FILE_DIGEST"]
    report = verify.snapshot(snap.path, key=KEY, level=CONTENT)
    assert any("another file than the signed one" in note for note in report.notes)
    assert any("part-00000" in item for item in report.not_covered)
    verify.shard(snap.shards[0], key=KEY)


CASTS: dict[str, dict[str, pa.DataType]] = {
    "short strings": {"text": pa.string(), "generator": pa.large_string()},
    "hashes of any length": {"content_hash": pa.binary()},
    "categories": {"origin": pa.dictionary(pa.int32(), pa.string())},
    "categories of texts": {"text": pa.dictionary(pa.int32(), pa.string())},
    "views": {"text": pa.string_view(), "license": pa.string_view()},
}


@pytest.mark.parametrize("cast", CASTS.values(), ids=CASTS)
def test_how_values_are_stored_does_not_matter(
    snap: Snapshot, cast: dict[str, pa.DataType]
) -> None:
    table = snapshots.table(snap.parts[0])
    for name, kind in cast.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, pa.field(name, kind), table.column(name).cast(kind))
    pq.write_table(table, snap.shards[0], row_group_size=9)
    report = verify.snapshot(snap.path, key=KEY, level=CONTENT)
    assert "data/part-00000.parquet carries no signed statement of its own" in report.notes


def test_indexes_that_engines_trust_are_named_as_not_covered(snap: Snapshot) -> None:
    snap.rewrite(1, snap.parts[1], write_page_index=True)
    report = verify.snapshot(snap.path, key=KEY, level=CONTENT)
    assert any("page indexes" in item for item in report.not_covered)


def test_other_files_outside_data_are_listed_as_not_covered(snap: Snapshot) -> None:
    for name in ("croissant.json", "stamp.tsr", "notes.txt"):
        (snap.path / name).write_text("anything")
    (snap.path / "more").mkdir()
    report = verify.snapshot(snap.path, key=KEY)
    assert set(report.not_covered) == {
        "README.md", "croissant.json", "stamp.tsr", "notes.txt", "more",
    }  # fmt: skip


def test_the_folder_itself_may_be_reached_through_a_link(snap: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(snap.path)
    verify.snapshot(tmp_path / "link", key=KEY)
    verify.snapshot(str(snap.path) + "/", key=KEY)


def test_a_shard_that_travels_alone_is_verified_by_its_footer(
    snap: Snapshot, tmp_path: Path
) -> None:
    alone = tmp_path / "renamed by someone.parquet"
    shutil.copy(snap.shards[1], alone)
    report = verify.shard(alone, key=KEY)
    assert report.statement is not None
    assert report.statement.index == 1
    assert report.statement.snapshot_root == snap.certificate.manifest.root
    assert report.checked.rows == 15
    assert "the other shards of the snapshot" in report.not_covered


def test_progress_ends_at_the_end(snap: Snapshot) -> None:
    for level in Level:
        seen: list[tuple[int, int]] = []
        verify.snapshot(
            snap.path, key=KEY, level=level, on_progress=lambda *it, seen=seen: seen.append(it)
        )
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        assert all(done <= of for done, of in seen)
        if level is Level.FILES:
            assert seen[-1][0] == seen[-1][1]


# What cannot be decided


@pytest.mark.parametrize("level", list(Level))
def test_without_a_key_all_is_checked_and_nothing_is_valid(snap: Snapshot, level: Level) -> None:
    report = verify.examine(snap.path, key=None, level=level)
    assert (report.verdict, report.exit_code, report.failures) == (Verdict.UNDECIDED, 1, ())
    assert report.checked.files == 2
    assert report.signer is not None
    assert not report.signer.pinned
    with pytest.raises(InvalidInputError, match="no trusted key"):
        verify.snapshot(snap.path, key=None, level=level)
    with pytest.raises(InvalidInputError, match="no trusted key"):
        verify.shard(snap.shards[0], key=None)


def test_damage_is_found_without_a_key_too(snap: Snapshot) -> None:
    snap.shards[0].write_bytes(snap.shards[0].read_bytes() + b"x")
    assert codes(snap.path, key=None) == ["E_FILE_DIGEST"]


def test_a_key_beside_the_snapshot_is_reported_and_never_trusted(snap: Snapshot) -> None:
    (snap.path / "issuer.pub").write_text(KEY.pem)
    report = verify.examine(snap.path, key=None)
    assert report.exit_code == 1
    assert report.signer is not None
    assert report.signer.found == ("certificate.json", "issuer.pub")
    assert "issuer.pub" in report.not_covered

    (snap.path / "issuer.pub").write_text("junk")
    report = verify.examine(snap.path, key=None)
    assert report.signer is not None
    assert report.signer.found == ("certificate.json",)


def test_a_path_with_nothing_there_is_not_found(tmp_path: Path) -> None:
    for look in (verify.examine, verify.snapshot, verify.shard):
        with pytest.raises(NotFoundError):
            look(tmp_path / "nothing", key=KEY)
    with pytest.raises(UnavailableError):
        verify.examine(tmp_path / "a\0b", key=KEY)


def test_a_folder_is_no_shard_and_a_shard_no_folder(snap: Snapshot) -> None:
    with pytest.raises(InvalidInputError):
        verify.shard(snap.path, key=KEY)
    with pytest.raises(InvalidInputError):
        verify.snapshot(snap.shards[0], key=KEY)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_we_may_not_read_leaves_it_undecided(snap: Snapshot) -> None:
    snap.shards[0].chmod(0)
    report = verify.examine(snap.path, key=KEY)
    assert (report.verdict, report.exit_code) == (Verdict.UNDECIDED, 1)
    with pytest.raises(UnavailableError):
        report.require()
