"""Units: every file is read, once, in order, in pieces of bounded size."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import readers
from registry.core.source import Format, ReadOptions
from registry.intake import units
from registry.intake.units import cut


def file(size: int, name: str = "a.jsonl") -> readers.SourceFile:
    return readers.SourceFile(Path("/data") / name, Format.JSONL, None, size, 0)


@given(st.lists(st.integers(0, 40 << 20), max_size=40), st.integers(0, 5))
def test_every_file_is_in_one_unit_in_order(sizes: list[int], first: int) -> None:
    files = [file(size, f"{at:03}.jsonl") for at, size in enumerate(sizes)]
    made = cut(files, first=first, number=first)
    assert [it for unit in made for it in unit.files] == files
    assert [unit.number for unit in made] == list(range(first, first + len(made)))
    assert sum(unit.size for unit in made) == sum(sizes)
    at = first
    for unit in made:
        assert unit.first == at
        assert unit.ends
        assert unit.groups is None
        at += len(unit.files)
    assert all(unit.size >= units.UNIT_BYTES for unit in made[:-1])


def test_a_million_small_files_are_few_units() -> None:
    files = [file(100)] * 1_000_000
    assert len(cut(files)) == 6


def test_a_very_large_set_is_cut_into_larger_units() -> None:
    assert len(cut([file(1 << 30)] * 100_000)) <= units.MAX_UNITS


def parquet(path: Path, rows: int, per_group: int) -> readers.SourceFile:
    table = pa.table({"text": [f"text number {row}" for row in range(rows)]})
    pq.write_table(table, path, row_group_size=per_group)
    (found,) = readers.discover([path], ReadOptions()).files
    return found


def test_a_large_parquet_file_is_cut_between_its_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = parquet(tmp_path / "a.parquet", 1000, 100)
    monkeypatch.setattr(units, "UNIT_BYTES", found.size // 4)
    made = cut([found, found], first=3)
    assert [(unit.first, unit.groups) for unit in made] == [
        (at, groups) for at in (3, 4) for groups in ((0, 3), (3, 6), (6, 9), (9, 10))
    ]
    assert [unit.ends for unit in made] == [False, False, False, True] * 2
    rows = [
        batch.column("record").to_pylist()
        for unit in made[:4]
        for batch in readers.documents(
            unit.files, ReadOptions(), first=unit.first, groups=range(*unit.groups or ())
        )
    ]
    assert [row for batch in rows for row in batch] == list(range(1000))


def test_a_file_that_is_no_parquet_is_left_whole_for_its_reader_to_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "UNIT_BYTES", 10)
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1" + b"\1" * 100 + b"PAR1")
    (found,) = readers.discover([path], ReadOptions()).files
    (unit,) = cut([found])
    assert unit.groups is None
