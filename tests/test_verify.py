from __future__ import annotations

import base64
import copy
import io
import json
import os
import random
import shutil
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import shards, verify
from registry.core.attest import PublicKey, Signer
from registry.core.digest import canonical
from registry.core.manifest import Column, Tally
from registry.errors import (
    InvalidInputError,
    NotFoundError,
    UnavailableError,
    VerificationError,
)
from registry.verify import Level, Verdict, footer
from registry.verify.content import ShardReader, Totals
from registry.verify.statistics import ChunkStatistics
from tests import snapshots
from tests.snapshots import OTHER, SIGNER, Snapshot

KEY = SIGNER.public
CONTENT = Level.CONTENT


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A valid snapshot that tests copy; never changed itself."""
    return snapshots.write(tmp_path_factory.mktemp("template") / "snap")


@pytest.fixture
def snap(template: Snapshot, tmp_path: Path) -> Snapshot:
    """A valid snapshot of two shards to bend."""
    shutil.copytree(template.path, tmp_path / "snap")
    return Snapshot(
        tmp_path / "snap", copy.deepcopy(template.parts), template.certificate, template.signer
    )


def codes(path: Path, *, key: PublicKey | None = KEY, level: Level = Level.FILES) -> list[str]:
    """The reason codes of everything that fails, in order."""
    report = verify.examine(path, key=key, level=level)
    assert report.failures
    assert report.verdict is Verdict.REFUSED
    assert report.exit_code == 3
    assert report.to_json()["declared"] is None
    with pytest.raises(VerificationError) as caught:
        report.require()
    assert caught.value.code == report.failures[0].code
    return [failure.code for failure in report.failures]


def refused(snap: Snapshot, code: str, *, content: str | None = "same") -> None:
    """Expect this code first at level FILES, and this one (or the same) at CONTENT."""
    assert codes(snap.path)[0] == code
    if content == "same":
        content = code
    if content is None:
        assert verify.examine(snap.path, key=KEY, level=CONTENT).exit_code == 0
    else:
        assert codes(snap.path, level=CONTENT)[0] == content


# What must pass


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
    for name in ("croissant.json", "certificate.tlog-proof", "stamp.tsr", "notes.txt"):
        (snap.path / name).write_text("anything")
    (snap.path / "more").mkdir()
    report = verify.snapshot(snap.path, key=KEY)
    assert set(report.not_covered) == {
        "README.md", "croissant.json", "certificate.tlog-proof", "stamp.tsr", "notes.txt", "more",
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


# What must fail: files


def test_an_unsigned_folder_is_refused(snap: Snapshot) -> None:
    (snap.path / "certificate.json").unlink()
    refused(snap, "E_UNSIGNED")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert codes(tmp_path) == ["E_UNSIGNED"]


def test_a_snapshot_of_another_signer_is_refused_and_checked_all_the_same(snap: Snapshot) -> None:
    report = verify.examine(snap.path, key=OTHER.public)
    assert [it.code for it in report.failures] == ["E_UNKNOWN_KEY"]
    assert report.checked.files == 2
    assert report.signer is not None
    assert not report.signer.pinned
    (snap.path / "manifest.json").unlink()
    assert codes(snap.path, key=OTHER.public) == ["E_UNKNOWN_KEY", "E_FILE_MISSING"]


def test_a_certificate_of_another_snapshot_does_not_fit(snap: Snapshot, tmp_path: Path) -> None:
    other = snapshots.write(tmp_path / "other", [snapshots.rows(9)])
    shutil.copy(other.path / "certificate.json", snap.path)
    found = codes(snap.path)
    assert found[0] == "E_MANIFEST"
    assert set(found) == {"E_MANIFEST", "E_FILE_EXTRA", "E_FILE_DIGEST"}


def test_a_missing_shard_is_refused(snap: Snapshot) -> None:
    snap.shards[1].unlink()
    refused(snap, "E_FILE_MISSING")


def test_a_missing_manifest_is_refused(snap: Snapshot) -> None:
    (snap.path / "manifest.json").unlink()
    refused(snap, "E_FILE_MISSING")


def test_missing_data_is_refused_for_each_shard(snap: Snapshot) -> None:
    shutil.rmtree(snap.path / "data")
    assert codes(snap.path) == ["E_FILE_MISSING"] * 2


@pytest.mark.parametrize("name", ["part-00002.parquet", ".hidden", "README.md", "part-00000.crc"])
def test_an_extra_file_in_data_is_refused(snap: Snapshot, name: str) -> None:
    (snap.path / "data" / name).write_bytes(b"")
    refused(snap, "E_FILE_EXTRA")


def test_an_extra_folder_in_data_is_refused(snap: Snapshot) -> None:
    (snap.path / "data" / "more").mkdir()
    refused(snap, "E_FILE_EXTRA")


def test_an_extra_link_in_data_is_refused(snap: Snapshot) -> None:
    (snap.path / "data" / "more").symlink_to("part-00000.parquet")
    refused(snap, "E_FILE_EXTRA")


@pytest.mark.parametrize("name", ["data/part-00000.parquet", "manifest.json", "certificate.json"])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_in_the_place_of_a_file_is_refused(
    snap: Snapshot, tmp_path: Path, name: str, dangling: bool
) -> None:
    shutil.move(snap.path / name, tmp_path / "away")
    (snap.path / name).symlink_to(tmp_path / ("nowhere" if dangling else "away"))
    refused(snap, "E_FILE_MISSING")


@pytest.mark.parametrize("name", ["data/part-00000.parquet", "manifest.json", "certificate.json"])
def test_a_folder_or_pipe_in_the_place_of_a_file_is_refused(snap: Snapshot, name: str) -> None:
    (snap.path / name).unlink()
    (snap.path / name).mkdir()
    refused(snap, "E_FILE_MISSING")
    (snap.path / name).rmdir()
    os.mkfifo(snap.path / name)
    refused(snap, "E_FILE_MISSING")


def test_data_behind_a_link_is_refused(snap: Snapshot, tmp_path: Path) -> None:
    shutil.move(snap.path / "data", tmp_path / "away")
    (snap.path / "data").symlink_to(tmp_path / "away")
    assert codes(snap.path) == ["E_FILE_EXTRA", "E_FILE_MISSING", "E_FILE_MISSING"]


def test_all_failures_are_listed(snap: Snapshot) -> None:
    (snap.path / "manifest.json").write_bytes(b"{}")
    (snap.path / "data" / "extra").write_bytes(b"")
    snap.shards[0].unlink()
    snap.shards[1].write_bytes(b"PAR1")
    assert codes(snap.path) == ["E_MANIFEST", "E_FILE_EXTRA", "E_FILE_MISSING", "E_FILE_DIGEST"]
    assert codes(snap.path, level=CONTENT)[-1] == "E_NOT_PARQUET"


def test_swapped_shards_are_refused(snap: Snapshot) -> None:
    one, other = (path.read_bytes() for path in snap.shards)
    snap.shards[0].write_bytes(other)
    snap.shards[1].write_bytes(one)
    refused(snap, "E_FILE_DIGEST", content="E_RECORD_ROOT")


MANIFESTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "a space more": lambda data: data + b" ",
    "indented": lambda data: json.dumps(json.loads(data), indent=1).encode(),
    "another plan": lambda data: canonical(json.loads(data) | {"plan": "1" * 64}),
    "one document more": lambda data: canonical(json.loads(data) | {"documents": 41}),
    "huge": lambda data: data + b" " * 2**24,
}


@pytest.mark.parametrize("change", MANIFESTS.values(), ids=MANIFESTS)
def test_another_manifest_beside_the_certificate_is_refused(
    snap: Snapshot, change: Callable[[bytes], bytes]
) -> None:
    path = snap.path / "manifest.json"
    path.write_bytes(change(path.read_bytes()))
    refused(snap, "E_MANIFEST")


# What must fail: the certificate


CERTIFICATES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "E_ENVELOPE"),
    "not JSON": (lambda data: b"PAR1", "E_ENVELOPE"),
    "a space more": (lambda data: data + b"\n", "E_NONCANONICAL"),
    "indented": (lambda data: json.dumps(json.loads(data), indent=1).encode(), "E_NONCANONICAL"),
    "a member twice": (lambda data: data[:1] + b'"payload":"",' + data[1:], "E_NONCANONICAL"),
    "nested deeply": (lambda data: b"[" * 10_000 + b"]" * 10_000, "E_LIMIT"),
    "a huge number": (lambda data: b"9" * 4000, "E_LIMIT"),
    "16 MiB and a byte": (lambda data: b'"' + b"a" * (2**24 - 1) + b'"', "E_LIMIT"),
    "gigantic": (lambda data: b" " * (2**24 + 9), "E_LIMIT"),
    "only the payload": (lambda data: canonical({"payload": ""}), "E_ENVELOPE"),
    "a shard's statement": (lambda data: b"SHARD", "E_PREDICATE_TYPE"),
}


@pytest.mark.parametrize(("change", "code"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_a_certificate_in_another_form_is_refused(
    snap: Snapshot, change: Callable[[bytes], bytes], code: str
) -> None:
    path = snap.path / "certificate.json"
    data = change(path.read_bytes())
    path.write_bytes(snap.envelope(0) if data == b"SHARD" else data)
    refused(snap, code)
    assert codes(snap.path, key=None)[0] == code


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a JSON value that holds no other places."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    empty = True
    for key, item in inner:
        empty = False
        yield from leaves(item, (*path, key))
    if empty:
        yield path


def changed(value: Any) -> Any:
    """Another value that looks like this one."""
    if isinstance(value, str):
        return ("0" if value[:1] != "0" else "1") + value[1:]
    if isinstance(value, bool) or value is None or isinstance(value, (list, dict)):
        return "x"
    return value + 1


def test_no_field_of_the_certificate_can_be_changed(snap: Snapshot) -> None:
    path = snap.path / "certificate.json"
    original = path.read_bytes()
    envelope = json.loads(original)
    statement = json.loads(snap.certificate.to_statement().to_bytes())
    places = list(leaves(statement))
    assert len(places) > 80
    for place in places:
        value = copy.deepcopy(statement)
        holder = value
        for key in place[:-1]:
            holder = holder[key]
        holder[place[-1]] = changed(holder[place[-1]])
        data = canonical(value)
        envelope["payload"] = base64.b64encode(data).decode()
        path.write_bytes(canonical(envelope))
        assert codes(snap.path) == ["E_SIGNATURE"], place

        # Signed again by somebody else, it does not help, whatever name they give themselves.
        forged = OTHER.key.sign(b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(data), data))
        envelope["signatures"] = [
            {"keyid": OTHER.public.keyid, "sig": base64.b64encode(forged).decode()}
        ]
        path.write_bytes(canonical(envelope))
        assert codes(snap.path)[0] == "E_UNKNOWN_KEY", place
        envelope = json.loads(original)


def test_a_forger_with_a_key_of_their_own_is_an_unknown_signer(
    template: Snapshot, tmp_path: Path
) -> None:
    parts = copy.deepcopy(template.parts)
    parts[0][4] = snapshots.row(parts[0][4]["text"], "human")
    forged = snapshots.write(tmp_path / "forged", parts, signer=OTHER)
    refused(forged, "E_UNKNOWN_KEY")
    assert codes(forged.shards[0]) == ["E_UNKNOWN_KEY"]
    assert verify.examine(forged.path, key=None).exit_code == 1


def test_a_certificate_that_is_signed_and_disagrees_with_itself_is_refused(snap: Snapshot) -> None:
    snap.sign(replace(snap.certificate, inputs=()))
    refused(snap, "E_CLAIM_MISMATCH")
    fraction = replace(snap.certificate.human_fraction, at_least="0.9")
    snap.sign(replace(snap.certificate, human_fraction=fraction))
    refused(snap, "E_FRACTION")


# What must fail: rows, although the attacker recomputes what they can


ROWS: dict[str, tuple[Callable[[list[snapshots.Row]], object], str]] = {
    "reordered": (lambda rows: rows.reverse(), "E_RECORD_ROOT"),
    "two rows swapped": (lambda rows: rows.insert(0, rows.pop(5)), "E_RECORD_ROOT"),
    "a row dropped": (lambda rows: rows.pop(), "E_RECORD_ROOT"),
    "all rows dropped": (lambda rows: rows.clear(), "E_RECORD_ROOT"),
    "a row twice": (lambda rows: rows.append(rows[3]), "E_RECORD_ROOT"),
    "a row replaced by a copy": (lambda rows: rows.__setitem__(5, rows[6]), "E_RECORD_ROOT"),
    "a label flipped": (
        lambda rows: rows.__setitem__(4, snapshots.row(rows[4]["text"], "human")), "E_RECORD_ROOT"
    ),
    "a text replaced with its hash": (
        lambda rows: rows.__setitem__(0, snapshots.row("forged")), "E_RECORD_ROOT"
    ),
    "a text replaced": (lambda rows: rows[0].update(text="forged"), "E_CONTENT_ROOT"),
    "a text emptied": (lambda rows: rows[0].update(text=""), "E_CONTENT_ROOT"),
    "texts swapped": (
        lambda rows: rows[3].update(text=rows[4]["text"]), "E_CONTENT_ROOT"
    ),
    "a letter of a text": (
        lambda rows: rows[9].update(text="d" + rows[9]["text"][1:]), "E_CONTENT_ROOT"
    ),
    "a hash replaced": (lambda rows: rows[0].update(content_hash=bytes(32)), "E_CONTENT_ROOT"),
    "human bytes of a mixed text": (
        lambda rows: rows[3].update(human_bytes=rows[3]["human_bytes"] + 1), "E_RECORD_ROOT"
    ),
    "more human bytes than bytes": (
        lambda rows: rows[3].update(human_bytes=10**6), "E_CLAIM_MISMATCH"
    ),
    "negative human bytes": (lambda rows: rows[3].update(human_bytes=-1), "E_CLAIM_MISMATCH"),
    "human bytes of an ai text": (lambda rows: rows[4].update(human_bytes=1), "E_CLAIM_MISMATCH"),
    "human bytes of an assisted text": (
        lambda rows: rows[5].update(human_bytes=1), "E_CLAIM_MISMATCH"
    ),
    "fewer human bytes of a human text": (
        lambda rows: rows[0].update(human_bytes=0), "E_CLAIM_MISMATCH"
    ),
    "an unknown origin": (lambda rows: rows[0].update(origin="Human"), "E_CLAIM_MISMATCH"),
    "a dataset": (lambda rows: rows[0].update(dataset="local/x"), "E_RECORD_ROOT"),
    "a version": (lambda rows: rows[0].update(version=7), "E_RECORD_ROOT"),
    "a generator": (lambda rows: rows[4].update(generator=None), "E_RECORD_ROOT"),
    "a date": (lambda rows: rows[0].update(not_before=None), "E_RECORD_ROOT"),
    "a license": (lambda rows: rows[0].update(license="CC0-1.0"), "E_RECORD_ROOT"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "code"), ROWS.values(), ids=ROWS)
def test_rows_cannot_be_changed_under_an_old_signature(
    snap: Snapshot, change: Callable[[list[snapshots.Row]], object], code: str
) -> None:
    rows = copy.deepcopy(snap.parts[0])
    change(rows)
    snap.rewrite(0, rows)
    refused(snap, "E_FILE_DIGEST", content=code)
    assert code in codes(snap.shards[0])


def test_rows_moved_from_one_shard_to_the_next_are_refused(snap: Snapshot) -> None:
    first, second = copy.deepcopy(snap.parts)
    second.insert(0, first.pop())
    snap.rewrite(0, first)
    snap.rewrite(1, second)
    assert codes(snap.path, level=CONTENT) == ["E_RECORD_ROOT"] * 2


def test_a_signer_who_counts_wrong_is_caught_by_content(snap: Snapshot) -> None:
    """The signature holds; the rows say something else."""
    manifest = snap.certificate.manifest
    wrong = {
        "distinct": (replace(manifest, distinct=40), "E_CLAIM_MISMATCH"),
        "empty": (replace(manifest, empty=0), "E_CLAIM_MISMATCH"),
        "content root": (replace(manifest, content_root="0" * 64), "E_CONTENT_ROOT"),
        "origins": (
            replace(
                manifest,
                origins=manifest.origins
                | {
                    "ai": manifest.origins["ai"] + Tally(-1, 0, 0),
                    "unknown": manifest.origins["unknown"] + Tally(1, 0, 0),
                },
            ),
            "E_CLAIM_MISMATCH",
        ),
    }
    for bent, code in wrong.values():
        (snap.path / "manifest.json").write_bytes(bent.to_bytes())
        snap.sign(snapshots.certificate_of(bent, snap.parts, snap.certificate.files, SIGNER))
        for index, path in enumerate(snap.shards):
            statement = snapshots.shard_envelope(bent, index, snap.parts[index], SIGNER)
            snapshots.write_shard(path, snap.parts[index], statement)
        assert codes(snap.path, level=CONTENT) == [code]


def test_a_signer_who_names_other_inputs_is_caught_by_content(snap: Snapshot) -> None:
    first, *others = snap.certificate.inputs
    snap.sign(replace(snap.certificate, inputs=(replace(first, dataset="local/x"), *others)))
    verify.snapshot(snap.path, key=KEY)
    assert codes(snap.path, level=CONTENT) == ["E_CLAIM_MISMATCH"]


def test_signed_columns_that_no_snapshot_has_are_refused_by_content(snap: Snapshot) -> None:
    columns = snap.certificate.manifest.columns
    for bent, code in (
        (columns[1:], "E_MANIFEST"),
        ((*columns[1:], columns[0]), "E_MANIFEST"),
        ((*columns, Column("more", "text")), "E_MANIFEST"),
        ((*columns, Column("more", "?")), "E_MANIFEST"),
        ((Column("text", "bytes"), *columns[1:]), "E_MANIFEST"),
        ((*columns, *(Column(f"c{at}", "text") for at in range(1000))), "E_LIMIT"),
    ):
        manifest = replace(snap.certificate.manifest, columns=tuple(bent))
        (snap.path / "manifest.json").write_bytes(manifest.to_bytes())
        snap.sign(snapshots.certificate_of(manifest, snap.parts, snap.certificate.files, SIGNER))
        assert set(codes(snap.path, level=CONTENT)) == {code}


def with_column(snap: Snapshot, name: str, values: pa.Array) -> None:
    table = snapshots.table(snap.parts[0])
    at = table.schema.get_field_index(name)
    table = table.set_column(at, pa.field(name, values.type), values)
    pq.write_table(table, snap.shards[0])


def test_columns_of_other_types_are_refused(snap: Snapshot) -> None:
    table = snapshots.table(snap.parts[0])
    odd = {
        "version": table.column("version").cast(pa.int32()),
        "human_bytes": table.column("human_bytes").cast(pa.float64()),
        "not_before": table.column("not_before").cast(pa.timestamp("ms", tz="UTC")),
        "text": table.column("text").cast(pa.large_binary()),
        "generator": pa.nulls(25, pa.list_(pa.string())),
    }
    for name, values in odd.items():
        with_column(snap, name, values)
        found = codes(snap.path, level=CONTENT)
        assert found == (["E_UNREADABLE"] if name == "generator" else ["E_MANIFEST"]), name


def test_columns_that_are_missing_more_or_in_another_order_are_refused(snap: Snapshot) -> None:
    table = snapshots.table(snap.parts[0])
    for other in (
        table.drop_columns(["license"]),
        table.append_column("more", table.column("license")),
        table.select([*reversed(table.column_names)]),
        table.rename_columns([*table.column_names[:-1], "licence"]),
    ):
        pq.write_table(other, snap.shards[0])
        assert codes(snap.path, level=CONTENT) == ["E_MANIFEST"]


def test_empty_cells_where_none_may_be_are_refused(snap: Snapshot) -> None:
    for name in ("text", "content_hash", "origin", "human_bytes"):
        table = snapshots.table(snap.parts[0])
        values = table.column(name).to_pylist()
        values[3] = None
        with_column(snap, name, pa.array(values, table.schema.field(name).type))
        assert codes(snap.path, level=CONTENT) == ["E_CLAIM_MISMATCH"], name


def test_content_hashes_of_another_size_are_refused(snap: Snapshot) -> None:
    for kind in (pa.binary(31), pa.binary()):
        short = [row["content_hash"][:31] for row in snap.parts[0]]
        with_column(snap, "content_hash", pa.array(short, kind))
        assert codes(snap.path, level=CONTENT) == ["E_CONTENT_ROOT"]


def test_texts_that_are_not_utf8_are_refused(snap: Snapshot) -> None:
    """Written as text by someone who did not look."""
    raw = [row["text"].encode() for row in snap.parts[0]]
    raw[0] = b"\xff" + raw[0][1:]
    values = pa.array(raw, pa.large_binary()).view(pa.large_string())
    with_column(snap, "text", values)
    assert codes(snap.path, level=CONTENT) == ["E_UNREADABLE"]


# What must fail: the shard's own statement


def test_a_lone_shard_without_a_statement_is_unsigned(snap: Snapshot) -> None:
    snapshots.write_shard(snap.shards[0], snap.parts[0], None)
    assert codes(snap.shards[0]) == ["E_UNSIGNED"]
    refused(snap, "E_FILE_DIGEST", content=None)


STATEMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "another snapshot": ({"snapshot_root": "0" * 64}, "E_CLAIM_MISMATCH"),
    "another position": ({"index": 1}, "E_CLAIM_MISMATCH"),
    "other columns": ({"columns": shards.columns()[:-1]}, "E_CLAIM_MISMATCH"),
    "other origins": ({"origins": {"human": Tally(25, 9, 9)}}, "E_CLAIM_MISMATCH"),
}


@pytest.mark.parametrize(("other", "code"), STATEMENTS.values(), ids=STATEMENTS)
def test_a_statement_inside_that_says_something_else_is_refused(
    snap: Snapshot, other: dict[str, Any], code: str
) -> None:
    manifest = snap.certificate.manifest
    envelope = snapshots.shard_envelope(manifest, 0, snap.parts[0], SIGNER, **other)
    snapshots.write_shard(snap.shards[0], snap.parts[0], envelope)
    assert codes(snap.path, level=CONTENT) == [code]


def test_a_statement_inside_by_another_key_or_damaged_is_refused(snap: Snapshot) -> None:
    manifest = snap.certificate.manifest
    envelope = snap.envelope(0)
    for data, code in (
        (snapshots.shard_envelope(manifest, 0, snap.parts[0], OTHER), "E_UNKNOWN_KEY"),
        (envelope[:-1], "E_ENVELOPE"),
        (envelope + b" ", "E_NONCANONICAL"),
        (b"", "E_ENVELOPE"),
        ((snap.path / "certificate.json").read_bytes(), "E_PREDICATE_TYPE"),
        (envelope.replace(b'"sig":"', b'"sig":"A', 1).replace(b'=="}', b'="}', 1), "E_ENVELOPE"),
    ):
        snapshots.write_shard(snap.shards[0], snap.parts[0], data)
        assert codes(snap.path, level=CONTENT) == [code]
        assert codes(snap.shards[0])[0] == code


def test_a_statement_about_another_shard_does_not_fit_a_lone_one(snap: Snapshot) -> None:
    snapshots.write_shard(snap.shards[0], snap.parts[0], snap.envelope(1))
    assert codes(snap.shards[0])[0] == "E_RECORD_ROOT"


# What must fail: the Parquet file


def footer_of(path: Path) -> footer.Footer:
    with path.open("rb") as file:
        return footer.read_footer(file, path.stat().st_size)


def patched(path: Path, at: int, new: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + len(new)] = new
    path.write_bytes(bytes(data))


def places(data: bytes, piece: bytes, start: int) -> list[int]:
    found = []
    while (start := data.find(piece, start)) >= 0:
        found.append(start)
        start += 1
    return found


def test_statistics_edited_in_the_footer_are_found(snap: Snapshot) -> None:
    """A full read is right and every page has its checksum, yet a filter finds nothing."""
    data = snap.shards[0].read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    edits = [
        (b"\x08" + struct.pack("<q", 2), b"\x08" + struct.pack("<q", 1)),
        (b"\x08" + struct.pack("<q", 1), b"\x08" + struct.pack("<q", 2)),
        (b"\x02ai", b"\x02bi"),
        (b"\x07unknown", b"\x07unknowm"),
        (b"\x0blocal/forum", b"\x0blocal/fozum"),
    ]
    tried = 0
    for old, new in edits:
        for at in places(data, old, start):
            snap.shards[0].write_bytes(data)
            patched(snap.shards[0], at, new)
            path = snap.shards[0]
            assert pq.read_table(path).equals(snapshots.table(snap.parts[0]))
            assert codes(snap.path, level=CONTENT) == ["E_STATISTICS"], (old, at)
            assert codes(path) == ["E_STATISTICS"]
            tried += 1
    assert tried == 16  # of numbers the old and the new fields, in two row groups
    hidden = pq.read_table(path, filters=pc.field("dataset") == "local/forum").num_rows
    assert hidden < 25


CHUNK = footer.Chunk(
    column="x",
    physical=footer.BYTE_ARRAY,
    start=4,
    size=1,
    statistics=footer.Statistics(
        (), (), exact_min=False, exact_max=False, nulls=None, distinct=None
    ),
    unchecked=False,
)


def stated(**other: Any) -> ChunkStatistics:
    physical = other.pop("physical", CHUNK.physical)
    statistics = replace(CHUNK.statistics, **other)
    return ChunkStatistics(replace(CHUNK, physical=physical, statistics=statistics))


TEXTS = pa.array(["b", None, "d", "b"])
NUMBERS = pa.array([-5, 7, None], pa.int64())
EXACT = {"exact_min": True, "exact_max": True}
RIGHT: dict[str, tuple[pa.Array, dict[str, Any]]] = {
    "nothing": (TEXTS, {}),
    "nulls": (TEXTS, {"nulls": 1}),
    "distinct": (TEXTS, {"distinct": 2}),
    "bounds": (TEXTS, {"minimums": (b"b", b"b"), "maximums": (b"d",)} | EXACT),
    "bounds that were cut": (TEXTS, {"minimums": (b"a\xff",), "maximums": (b"e",)}),
    "categories": (TEXTS.dictionary_encode(), {"minimums": (b"b",), "maximums": (b"d",)} | EXACT),
    "unused categories": (
        pa.DictionaryArray.from_arrays(pa.array([1]), pa.array(["a", "b"])),
        {"minimums": (b"b",), "maximums": (b"b",), "distinct": 1} | EXACT,
    ),
    "bytes above 127": (
        pa.array([b"\x01", b"\xff"]), {"minimums": (b"\x01",), "maximums": (b"\xff",)} | EXACT
    ),
    "numbers": (
        NUMBERS,
        {
            "physical": footer.INT64,
            "minimums": (struct.pack("<q", -5),),
            "maximums": (struct.pack("<q", 7),),
        },
    ),
    "times": (
        pa.array([-5, 7], shards.TIME),
        {"physical": footer.INT64, "minimums": (struct.pack("<q", -5),)},
    ),
    "only nulls": (pa.nulls(3, pa.string()), {"nulls": 3}),
}  # fmt: skip
WRONG: dict[str, tuple[pa.Array, dict[str, Any]]] = {
    "nulls": (TEXTS, {"nulls": 0}),
    "distinct": (TEXTS, {"distinct": 3}),
    "a higher minimum": (TEXTS, {"minimums": (b"c",)}),
    "a lower maximum": (TEXTS, {"maximums": (b"c",)}),
    "a minimum called exact": (TEXTS, {"minimums": (b"a",)} | EXACT),
    "a maximum called exact": (TEXTS, {"maximums": (b"e",)} | EXACT),
    "the old minimum": (TEXTS, {"minimums": (b"b", b"c")}),
    "the old maximum": (TEXTS, {"maximums": (b"d", b"c")}),
    "a lower number": (NUMBERS, {"physical": footer.INT64, "minimums": (struct.pack("<q", -6),)}),
    "a number of four bytes": (NUMBERS, {"physical": footer.INT64, "minimums": (b"1234",)}),
    "bounds of nothing": (pa.nulls(3, pa.string()), {"minimums": (b"",)}),
}


@pytest.mark.parametrize(("values", "said"), RIGHT.values(), ids=RIGHT)
def test_right_statistics_are_accepted(values: pa.Array, said: dict[str, Any]) -> None:
    statistics = stated(**said)
    statistics.add(values.slice(0, 1))
    statistics.add(values.slice(1))
    statistics.check()


@pytest.mark.parametrize(("values", "said"), WRONG.values(), ids=WRONG)
def test_wrong_statistics_are_refused(values: pa.Array, said: dict[str, Any]) -> None:
    statistics = stated(**said)
    statistics.add(values)
    with pytest.raises(VerificationError) as caught:
        statistics.check()
    assert caught.value.code == "E_STATISTICS"


def test_a_flipped_bit_in_a_page_is_found_by_its_checksum(snap: Snapshot) -> None:
    for chunk in footer_of(snap.shards[0]).groups[0].chunks:
        data = snap.shards[0].read_bytes()
        at = chunk.start + chunk.size - 1
        patched(snap.shards[0], at, bytes([data[at] ^ 1]))
        refused(snap, "E_FILE_DIGEST", content="E_PAGE_CRC")
        snap.shards[0].write_bytes(data)


def test_files_that_are_no_parquet_say_so(snap: Snapshot) -> None:
    data = snap.shards[0].read_bytes()
    for other in (
        b"",
        b"PAR1",
        b"PAR1PAR1",
        b"text,origin\n",
        data[:-1],
        data[1:],
        b"PARE" + data[4:],
    ):
        snap.shards[0].write_bytes(other)
        refused(snap, "E_FILE_DIGEST", content="E_NOT_PARQUET")
        assert codes(snap.shards[0]) == ["E_NOT_PARQUET"]


def test_a_footer_is_bounded_before_it_is_read(snap: Snapshot) -> None:
    data = snap.shards[0].read_bytes()
    for length, code in ((2**31, "E_LIMIT"), (len(data), "E_UNREADABLE"), (0, "E_UNREADABLE")):
        snap.shards[0].write_bytes(data[:-8] + struct.pack("<I", length) + b"PAR1")
        assert codes(snap.shards[0]) == [code]


def thrift(data: bytes) -> bytes:
    return b"PAR1" + data + struct.pack("<I", len(data)) + b"PAR1"


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"\x00", "E_UNREADABLE"),
    "structures without end": (b"\x1c" * 1000, "E_LIMIT"),
    "lists without end": (b"\x19" * 1000, "E_LIMIT"),
    "a list of billions": (b"\x19\xf5\xff\xff\xff\xff\x0f", "E_UNREADABLE"),
    "millions of numbers": (b"\x19\xf5\xff\xff\xff\x07" + b"\0" * 3_000_000, "E_LIMIT"),
    "a number without end": (b"\x16" + b"\xff" * 50, "E_UNREADABLE"),
    "a text that is longer than the footer": (b"\x18\xff\x7fabc", "E_UNREADABLE"),
    "a type that does not exist": (b"\x1d\x00", "E_UNREADABLE"),
    "a field twice": (b"\x16\x02\x06\x02\x02\x00", "E_UNREADABLE"),
    "a text where a list belongs": (b"\x16\x02\x18\x01x\x16\x00\x18\x01x\x00", "E_UNREADABLE"),
}


@pytest.mark.parametrize(("data", "code"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_footers_have_a_code(data: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(thrift(data))
    assert codes(tmp_path / "x.parquet") == [code]


@given(st.binary(max_size=200))
def test_random_footers_raise_only_verification_errors(data: bytes) -> None:
    for made in (thrift(data), data):
        with pytest.raises(VerificationError):
            ShardReader(io.BytesIO(made), len(made))


def test_a_page_that_unpacks_to_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A page of 1.2 GB of zeros takes a few kilobytes as zstd; its header says what comes."""
    chunk = replace(CHUNK, start=0, size=40)
    header = b"\x15\x00\x15" + varint(2 * 1_200_000_000) + b"\x15\x14\x2c\x15\x02\x15\x00\x00\x00"
    with pytest.raises(VerificationError) as caught:
        footer.walk_pages(io.BytesIO(header.ljust(40, b"\0")), chunk)
    assert caught.value.code == "E_LIMIT"


def varint(value: int) -> bytes:
    made = b""
    while value > 127:
        made += bytes([value & 127 | 128])
        value >>= 7
    return made + bytes([value])


def test_a_small_dictionary_that_unpacks_to_much_is_read_in_small_batches(tmp_path: Path) -> None:
    """64 kB of text, 4,000 times: 256 MB if all of it were unpacked at once."""
    text = "a" * 65_536
    rows = [snapshots.row(text)] * 4000
    made = snapshots.write(tmp_path / "snap", [[snapshots.row("x")]])
    snapshots.write_shard(made.shards[0], rows, None, group=4000, use_dictionary=True)
    assert made.shards[0].stat().st_size < 100_000
    before = pa.total_allocated_bytes()
    pool = pa.default_memory_pool()
    assert codes(made.path, level=CONTENT) == ["E_RECORD_ROOT"]
    assert pa.total_allocated_bytes() - before < 2**20
    assert pool.bytes_allocated() < 400 * 2**20


# Random damage


def mutate(rng: random.Random, data: bytes) -> tuple[str, bytes]:
    """Change one byte, cut the end off, or insert a few bytes."""
    kind = rng.choice(["byte", "byte", "truncation", "insertion"])
    at = rng.randrange(len(data))
    if kind == "byte":
        return kind, data[:at] + bytes([data[at] ^ rng.randrange(1, 256)]) + data[at + 1 :]
    if kind == "truncation":
        return kind, data[:at]
    return kind, data[:at] + rng.randbytes(rng.randrange(1, 9)) + data[at:]


def damage_files(snap: Snapshot, count: int, seed: int) -> Counter[str]:
    """Damage one file after the other, `count` times; every one must be refused at FILES."""
    rng = random.Random(seed)
    names = [entry.name for entry in snap.certificate.manifest.shards]
    names += ["manifest.json", "certificate.json"]
    tally: Counter[str] = Counter()
    for number in range(count):
        path = snap.path / rng.choice(names)
        original = path.read_bytes()
        kind, bad = mutate(rng, original)
        path.write_bytes(bad)
        report = verify.examine(snap.path, key=KEY)
        assert report.verdict is Verdict.REFUSED, (seed, number, path.name, kind)
        assert all(it.code.startswith("E_") and it.message for it in report.failures)
        assert verify.examine(snap.path, key=None).verdict is Verdict.REFUSED
        tally[report.failures[0].code] += 1
        path.write_bytes(original)
    verify.snapshot(snap.path, key=KEY)
    return tally


def damage_rows(snap: Snapshot, count: int, seed: int) -> Counter[str]:
    """Damage shards; at CONTENT what is accepted must read as the same rows, filtered or not."""
    rng = random.Random(seed)
    tally: Counter[str] = Counter()
    tables = [snapshots.table(part) for part in snap.parts]
    for number in range(count):
        index = rng.randrange(len(snap.shards))
        path = snap.shards[index]
        original = path.read_bytes()
        _, bad = mutate(rng, original)
        path.write_bytes(bad)
        report = verify.examine(snap.path, key=KEY, level=CONTENT)
        assert not report.obstacles, (seed, number)
        tally[report.failures[0].code if report.failures else "accepted"] += 1
        if report.verdict is Verdict.VALID:
            wanted = tables[index]
            assert pq.read_table(path).cast(shards.SCHEMA).equals(wanted), (seed, number)
            for part in (pc.field("version") < 2, pc.field("origin") == "human"):
                found = pq.read_table(path, filters=part).cast(shards.SCHEMA)
                assert found.equals(wanted.filter(part)), (seed, number)
        lone = verify.examine(path, key=KEY)
        assert lone.verdict is not Verdict.UNDECIDED
        path.write_bytes(original)
    return tally


def test_random_damage_is_always_refused(snap: Snapshot) -> None:
    tally = damage_files(snap, 700, seed=1)
    assert tally.total() == 700


def test_random_damage_is_accepted_by_content_only_if_the_rows_are_the_same(
    snap: Snapshot,
) -> None:
    tally = damage_rows(snap, 400, seed=2)
    assert tally["accepted"] < 100


@pytest.mark.slow
def test_much_random_damage_is_always_refused(
    snap: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    files = damage_files(snap, 4000, seed=3)
    rows = damage_rows(snap, 3000, seed=4)
    with capsys.disabled():
        for name, tally in (("files", files), ("content", rows)):
            shown = dict(tally.most_common())
            sys.stdout.write(f"\n{name}: {tally.total():,} changes: {shown}\n")
    assert files.total() >= 3000


def test_every_single_bit_of_a_certificate_counts(snap: Snapshot) -> None:
    path = snap.path / "certificate.json"
    data = path.read_bytes()
    for at in range(0, len(data), 17):
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        codes(snap.path)


# What the report says


def test_the_report_is_a_document_with_the_words_of_the_glossary(snap: Snapshot) -> None:
    document = verify.examine(snap.path, key=KEY, level=CONTENT).to_json()
    assert json.loads(json.dumps(document)) == document
    assert list(document) == [
        "type", "verdict", "exit_code", "kind", "level", "failures", "undecided", "signer",
        "checked", "proven", "declared", "not_covered", "not_known", "notes", "not_proven",
    ]  # fmt: skip
    assert document["declared"]["documents"] == 40
    assert document["declared"]["snapshot_root"] == snap.certificate.manifest.root
    assert document["signer"]["attested_by"] == "self"
    assert "does not prove" in document["not_proven"]


def test_what_a_refused_snapshot_says_is_not_repeated(snap: Snapshot) -> None:
    document = verify.examine(snap.path, key=OTHER.public).to_json()
    assert document["declared"] is None
    failure = document["failures"][0]
    assert set(failure) == {"code", "message", "hint", "file"}


def test_the_totals_of_nothing_are_those_of_an_empty_snapshot() -> None:
    empty = snapshots.manifest_of([])
    assert list(Totals().check(empty, {})) == []


PROGRAM = """
import sys
from registry import verify
from registry.core.attest import PublicKey
key = PublicKey.parse(open(sys.argv[2], "rb").read(), name="key")
verify.snapshot(sys.argv[1], key=key, level=verify.Level(sys.argv[3]))
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("level", list(Level))
def test_verifying_loads_no_database_no_pydantic_and_pyarrow_only_for_rows(
    snap: Snapshot, tmp_path: Path, level: Level
) -> None:
    (tmp_path / "key").write_text(KEY.pem)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, snap.path, tmp_path / "key", level.value],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"sqlalchemy", "pydantic", "fastapi", "click", "alembic", "rich"}
    assert ("pyarrow" in loaded) == (level is CONTENT)
    if level is Level.FILES:
        assert "numpy" not in loaded


def test_a_new_key_is_another_signer(snap: Snapshot) -> None:
    assert codes(snap.path, key=Signer.generate().public) == ["E_UNKNOWN_KEY"]
