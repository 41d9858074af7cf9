"""A web archive from registration to verification."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from tests.cli.running import Cli
from tests.readers.making import written
from tests.readers.test_warc import INFO, ONE, PAGE, TWO


def test_a_crawl_is_registered_exported_and_verified(cli: Cli, tmp_path: Path) -> None:
    written(tmp_path / "crawl/a.warc.gz", INFO + PAGE + ONE)
    written(tmp_path / "crawl/b.wet.gz", INFO + TWO)
    cli("init")
    done = cli(
        "register", "crawl", "--name", "crawl", "--origin", "human", "--json",
        "--date-field", "captured=date", "--language-field", "language",
    )  # fmt: skip
    assert done.code == 0, done.out
    assert done.json["documents"] == 2
    assert done.json["skipped"] == [f"{tmp_path}/crawl/a.warc.gz: not text: 1 record of text/html"]
    shown = cli("show", "crawl").out
    assert "2021-05-06" in shown
    assert "deu,eng" in shown

    (tmp_path / "mix.yaml").write_text("sources: [crawl]\nhuman: {at_least: 1}\n")
    exported = cli("export", "mix.yaml", "--out", "snap")
    assert exported.code == 0, exported.err
    table = pq.read_table(tmp_path / "snap/data/part-00000.parquet")
    assert sorted(table.column("text").to_pylist()) == ["Der erste Text.", "ö two\n"]
    verified = cli("verify", "snap", "--key", ".firsthand/issuer.pub", "--level", "content")
    assert verified.code == 0, verified.out


def test_an_archive_without_text_records_nothing(cli: Cli, tmp_path: Path) -> None:
    written(tmp_path / "a.warc.gz", INFO + PAGE)
    cli("init")
    ran = cli("register", "a.warc.gz", "--name", "crawl")
    assert ran.code == 1
    assert "has no record that is text, only 1 record of text/html" in ran.err
    assert cli("dataset", "list", "--json").json["datasets"] == []
