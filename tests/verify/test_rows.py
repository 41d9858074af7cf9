from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry import verify
from registry.core.certificate import Amount, Policy
from registry.core.manifest import Column, Tally
from tests import snapshots
from tests.snapshots import SIGNER, Snapshot
from tests.verify.making import CONTENT, KEY, codes, refused

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
    "a date grade": (lambda rows: rows[0].update(date_grade="E5"), "E_RECORD_ROOT"),
    "an unknown date grade": (lambda rows: rows[0].update(date_grade="E7"), "E_CLAIM_MISMATCH"),
    "a grade for no date": (
        lambda rows: rows[0].update(not_after=None, date_grade="E1"), "E_CLAIM_MISMATCH"
    ),
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


def test_a_signer_who_grades_dates_wrong_is_caught_by_content(snap: Snapshot) -> None:
    first, *others = snap.certificate.inputs
    better = tuple(replace(item, grade="E5") for item in snap.certificate.inputs)
    grades = {
        origin: {"E5": sum(row.values(), Amount())}
        for origin, row in snap.certificate.grades.items()
    }
    snap.sign(replace(snap.certificate, grades=grades, inputs=better))
    verify.snapshot(snap.path, key=KEY)
    assert codes(snap.path, level=CONTENT) == ["E_CLAIM_MISMATCH"] * 2
    # The lowest grade is right over all inputs, and wrong for one.
    other = replace(others[0], grade={"E0": "E1", "E1": "E0"}[others[0].grade])
    swapped = (replace(first, grade=others[0].grade), other)
    snap.sign(replace(snap.certificate, inputs=swapped))
    assert codes(snap.path, level=CONTENT) == ["E_CLAIM_MISMATCH"]


@pytest.mark.parametrize(
    ("cutoff", "found"),
    [("2021-09-01T00:00:00Z", []), ("2021-08-31T00:00:00Z", ["E_CLAIM_MISMATCH"])],
)
def test_the_cutoff_is_held_to_the_latest_dates(
    tmp_path: Path, cutoff: str, found: list[str]
) -> None:
    for name, parts in (("dated", [[snapshots.row("a")]]), ("undated", None)):
        made = snapshots.write(tmp_path / name, parts)
        made.sign(replace(made.certificate, policy=Policy(cutoff=cutoff)))
        report = verify.examine(made.path, key=KEY, level=CONTENT)
        expected = found if parts else ["E_CLAIM_MISMATCH"]
        assert [item.code for item in report.failures] == expected


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
    for name in (
        "text",
        "content_hash",
        "dataset",
        "version",
        "origin",
        "human_bytes",
        "date_grade",
    ):
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
