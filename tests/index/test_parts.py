"""The files of a part: in bounded memory, the same however the documents come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from registry.blobs import SKETCHES
from registry.core.sketch import band_keys
from registry.index import parts
from registry.index.entries import locals_of
from registry.index.parts import RunsFile, SketchFile
from tests.index.making import PARAMS, WINDOW, random_documents, write_part


@pytest.fixture(autouse=True, params=[parts.HELD, 700], ids=["one run", "many runs"])
def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let a writer hold so little that it writes many runs."""
    monkeypatch.setattr(parts, "HELD", request.param)
    return int(request.param)


def written(folder: Path, batch: int, count: int = 50) -> tuple[parts.PartSketch, bytes, bytes]:
    for name in (SKETCHES, "runs"):
        (folder / name).mkdir(parents=True)
    made = write_part(folder, 0, random_documents(np.random.default_rng(1), count), batch=batch)
    return (
        made,
        (folder / SKETCHES / "part-00000.sketch").read_bytes(),
        (folder / "runs" / "part-00000.runs").read_bytes(),
    )


def test_files_are_the_same_however_the_documents_come(tmp_path: Path) -> None:
    one = written(tmp_path / "1", 1)
    assert written(tmp_path / "2", 7) == one
    assert written(tmp_path / "3", 50) == one


def test_runs_are_of_all_documents_in_a_row(tmp_path: Path, held: int) -> None:
    made, _, _ = written(tmp_path, 7)
    documents = random_documents(np.random.default_rng(1), 50)
    runs = RunsFile(tmp_path / "runs" / "part-00000.runs", digest=made.runs_digest)
    file = SketchFile.open(tmp_path / SKETCHES / "part-00000.sketch", digest=made.digest)
    assert (len(file.passages) > 5) == (held == 700)
    assert runs.documents == file.documents == made.documents == 50
    assert made.sketched == sum(map(bool, documents.bands))
    for found in (runs.content, runs.bands, file.passages):
        assert sum(run.rows for run in found) == 50
    for run in runs.content:
        entries = run.read(0, run.count)
        assert (documents.hashes[locals_of(entries) + run.first] == entries["hash"]).all()
    assert made.passages == sum(map(len, documents.passages))


def test_signatures_are_read_in_any_order(tmp_path: Path) -> None:
    written(tmp_path, 9)
    documents = random_documents(np.random.default_rng(1), 50)
    file = SketchFile.open(tmp_path / SKETCHES / "part-00000.sketch")
    rows = np.random.default_rng(2).permutation(np.repeat(np.arange(50), 2))
    assert (file.signatures(rows) == documents.signatures[rows]).all()
    pieces = list(file.stream(8))
    assert (np.concatenate([piece for _, piece in pieces]) == documents.signatures).all()
    for wrong in ([-1], [50]):
        with pytest.raises(IndexError):
            file.signatures(np.array(wrong))


def test_sketches_are_taken_over_for_some_rows(tmp_path: Path) -> None:
    written(tmp_path, 9)
    documents = random_documents(np.random.default_rng(1), 50)
    file = SketchFile.open(tmp_path / SKETCHES / "part-00000.sketch")
    rows = np.random.default_rng(3).permutation(50)[:20]
    found, whole = file.select(rows), documents.sketches
    assert (found.signatures == documents.signatures[rows]).all()
    assert (found.tokens > 0).tolist() == [bool(documents.bands[row]) for row in rows]
    assert (found.bands == band_keys(documents.signatures[rows], PARAMS)).all()
    for at, row in enumerate(rows.tolist()):
        mine = np.sort(found.passages[found.passage_rows == at])
        assert (mine == np.sort(whole.passages[whole.passage_rows == row])).all()
    assert (np.diff(found.passage_rows) >= 0).all()
    none = file.select(np.empty(0, np.int64))
    assert len(none.passages) == len(none.signatures) == 0


def test_a_part_without_sketches_has_runs_of_contents_alone(tmp_path: Path) -> None:
    documents = random_documents(np.random.default_rng(4), 20)
    writer = parts.PartWriter(None, tmp_path / "a.runs", params=PARAMS, window=WINDOW)
    writer.add(documents.hashes, None)
    made = writer.close()
    assert (made.digest, made.sketched, made.passages) == ("", 0, 0)
    assert RunsFile(tmp_path / "a.runs").bands == []


def test_what_is_discarded_is_gone(tmp_path: Path) -> None:
    writer = parts.PartWriter(
        tmp_path / "a.sketch", tmp_path / "a.runs", params=PARAMS, window=WINDOW
    )
    documents = random_documents(np.random.default_rng(5), 20)
    writer.add(documents.hashes, documents.sketches)
    writer.discard()
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_signatures_far_apart_are_read_one_by_one(tmp_path: Path) -> None:
    """What is read at once ends with a megabyte: also there nothing is left out."""
    written(tmp_path, 4096, 60_000)
    documents = random_documents(np.random.default_rng(1), 60_000)
    file = SketchFile.open(tmp_path / SKETCHES / "part-00000.sketch")
    rng = np.random.default_rng(2)
    near_the_end_of_a_megabyte = np.arange((1 << 15) - 3, (1 << 15) + 3)
    for rows in (rng.integers(0, 60_000, 500), near_the_end_of_a_megabyte, np.arange(60_000)):
        assert (file.signatures(rows) == documents.signatures[rows]).all()
