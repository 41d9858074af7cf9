from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.batch import sql
from registry.batch.engine import Engine, Limits
from registry.errors import UnavailableError

SMALL = Limits(memory=128 << 20, threads=2)
ODD = ["plain", "a b", "it's", "[1]", "x*y?", "part=7", "ü€", '"q"', "{a,b}", "~", "%20"]


def engine(root: Path, limits: Limits = SMALL) -> Engine:
    return Engine(root, root / "spill", limits)


@pytest.mark.parametrize("name", ODD)
def test_folders_of_any_name(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    pq.write_table(pa.table({"document": [1, 2, 3]}), root / "in.parquet")
    (tmp_path / "1").mkdir()
    with engine(root) as one:
        one.see("documents", root / "in.parquet")
        one.write("SELECT document + 1 AS document FROM documents", root / "out.parquet")
        one.see("more", [root / "in.parquet", root / "out.parquet"])
        assert one.one("SELECT count(*), sum(document) FROM more") == (6, 15)
    assert pq.read_table(root / "out.parquet").to_pydict() == {"document": [2, 3, 4]}


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('{outside}')",
        "SELECT * FROM read_parquet('{outside}')",
        "COPY (SELECT 1) TO '{outside}.parquet' (FORMAT parquet)",
        "SELECT * FROM read_parquet('https://example.com/a.parquet')",
        "ATTACH '{outside}.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '90GB'",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SELECT * FROM '{outside}'",
    ],
)
def test_sql_reaches_nothing_outside_and_cannot_change_that(tmp_path: Path, statement: str) -> None:
    outside = tmp_path / "secret"
    outside.write_text("secret", "ascii")
    root = tmp_path / "root"
    root.mkdir()
    with engine(root) as one, pytest.raises((duckdb.Error, UnavailableError)):
        one.all(statement.format(outside=outside))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["root", "secret"]


def test_names_beside_the_folder_are_outside(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    beside = tmp_path / "root-beside.parquet"
    pq.write_table(pa.table({"a": [1]}), beside)
    with engine(tmp_path / "root") as one, pytest.raises((duckdb.Error, UnavailableError)):
        one.see("beside", beside)


def test_what_does_not_fit_into_memory_goes_to_disk(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    path = tmp_path / "in.parquet"
    with pq.ParquetWriter(path, pa.schema([("k", pa.int64()), ("v", pa.int64())])) as writer:
        for _ in range(30):
            columns = [rng.integers(0, 1 << 62, 200_000) for _ in range(2)]
            writer.write_table(pa.table(columns, names=["k", "v"]))
    with engine(tmp_path) as one:
        one.see("t", path)
        one.write("SELECT DISTINCT k, v FROM t ORDER BY v", tmp_path / "out.parquet")
    found = pq.read_table(tmp_path / "out.parquet")["v"].to_numpy()
    assert len(found) == 6_000_000
    assert (np.diff(found) >= 0).all()


def test_too_little_memory_is_said(tmp_path: Path) -> None:
    with engine(tmp_path, Limits(memory=8 << 20, threads=1)) as one:
        query = "SELECT list(range) FROM range(100000000)"
        with pytest.raises(UnavailableError, match="more memory") as caught:
            one.all(query)
    assert caught.value.hint is not None
    assert "--memory" in caught.value.hint


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "in.parquet").write_bytes(b"PAR1 nothing PAR1")
    with engine(tmp_path) as one, pytest.raises(UnavailableError, match="cannot be worked in"):
        one.see("t", tmp_path / "in.parquet")


def test_the_texts_of_sql_stay_portable() -> None:
    """What five engines were found to disagree about."""
    texts = [value for name, value in vars(sql).items() if name.isupper()]
    for between in (False, True):
        texts += [
            sql.to_sketch(between=between),
            sql.buckets(between=between),
            sql.counted(between=between),
            sql.exact_counted(between=between),
            sql.clusters(between=between),
            sql.listing(9, between=between, everything=between),
            sql.unlisted(9, between=between, everything=between),
        ]
    texts += [sql.found(9, ranked=False), sql.found(9, ranked=True), sql.hubs(9), sql.RANKED]
    texts += [sql.capped(9), sql.verified(0.8), sql.largest(3), sql.members(1, 2)]
    for text in texts:
        words = text.lower().replace("(", " ( ").split()
        for word in ("least", "greatest", "unnest", "explode", "qualify", "using", "lateral"):
            assert word not in words, text
        assert "::" not in text
        assert "exclude" not in words
