"""Runs: the same content, however it is cut and whoever reads it; and never half of it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry import documents, readers
from registry.core.dataset import Origin
from registry.core.source import OnBadInput, ReadOptions
from registry.errors import InvalidInputError, UnavailableError
from registry.index import parts
from registry.intake import earlier, journal, pool, run, units
from registry.intake.part import Asked
from registry.intake.run import Draft, Progress, Work

ORIGINS: Final = ReadOptions(
    origin_field="by", origin_map=(("h", Origin.HUMAN), ("m", Origin.AI)), generator_field="model"
)


def write(folder: Path, files: int = 6, records: int = 50) -> Path:
    """Write files of several formats, with texts that repeat across them."""
    folder.mkdir()
    for number in range(files):
        rows = [
            {"text": f"text {at % 40} of {number % 4}", "by": "hm"[at % 2], "model": f"m{at % 3}"}
            for at in range(records)
        ]
        if number % 2:
            pq.write_table(pa.Table.from_pylist(rows), folder / f"{number}.parquet")
        else:
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / f"{number}.jsonl").write_text(lines)
    return folder


def work(tmp: Path, source: Path, options: ReadOptions = ORIGINS, jobs: int = 1) -> Work:
    made = tmp / f"work-{len(list(tmp.iterdir()))}"
    asked = Asked(options, made, keep=True)
    for folder in (*asked.folders, made / "notes"):
        folder.mkdir(parents=True)
    cut, _ = earlier.plan(readers.discover([source], options).files, [])
    return Work(cut, {}, {}, asked, made / "notes", jobs)


def read(made: Work, watch: Callable[[Progress], None]) -> Draft:
    with pool.Pool() as workers:
        return run.read(made, workers, watch)


def nothing(_: Progress) -> None:
    pass


def summary(draft: Draft) -> tuple[Any, ...]:
    return draft.identity, draft.claims_root, draft.gathered.to_json()


@pytest.fixture
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut after each file, and start other processes for any amount."""
    monkeypatch.setattr(units, "UNIT_BYTES", 1)
    monkeypatch.setattr(run, "PARALLEL_FROM", 0)


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_content_is_the_same_however_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    source = write(tmp_path / "source")
    whole = work(tmp_path, source)
    assert len(whole.units) == 1
    expected = read(whole, nothing)
    monkeypatch.setattr(units, "UNIT_BYTES", 1)
    monkeypatch.setattr(run, "PARALLEL_FROM", 0)
    pieces = work(tmp_path, source, jobs=jobs)
    assert len(pieces.units) == 6
    made = read(pieces, nothing)
    assert summary(made) == summary(expected)
    for name in ("documents", "vault"):
        folder, other = pieces.asked.folder / name, whole.asked.folder / name
        assert len(documents.files_of(folder)) == 6
        tables = [
            pa.concat_tables(pq.read_table(path) for path in documents.files_of(it))
            for it in (folder, other)
        ]
        assert tables[0].equals(tables[1])
    assert documents.is_whole(pieces.asked.documents, made.table_digest)


@pytest.mark.usefixtures("small_units")
@pytest.mark.parametrize("jobs", [1, 3])
def test_of_several_errors_the_first_one_is_told(tmp_path: Path, jobs: int) -> None:
    source = write(tmp_path / "source", files=9)
    for number in (4, 6, 8):
        (source / f"{number}.jsonl").write_text('{"text": 1, "by": "h", "model": "m"}\n')
    with pytest.raises(InvalidInputError, match=r"4\.jsonl"):
        read(work(tmp_path, source, jobs=jobs), nothing)


@pytest.mark.usefixtures("small_units")
def test_what_is_left_out_is_listed_in_the_order_of_the_files(tmp_path: Path) -> None:
    source = write(tmp_path / "source")
    for number in (0, 4):
        with (source / f"{number}.jsonl").open("a") as file:
            file.write("not JSON\n")
    options = ReadOptions(on_bad_input=OnBadInput.SKIP)
    passed = read(work(tmp_path, source, options, jobs=3), nothing).gathered.passed
    assert [number for number, _ in passed.bad] == [0, 4]
    assert passed.count == {0: 1, 4: 1}
    assert "0.jsonl:51" in passed.bad[0][1]


@pytest.mark.usefixtures("small_units")
def test_progress_ends_with_everything(tmp_path: Path) -> None:
    seen: list[Progress] = []
    source = write(tmp_path / "source")
    made = work(tmp_path, source, jobs=2)
    read(made, seen.append)
    size = sum(path.stat().st_size for path in source.iterdir())
    assert (seen[-1].documents, seen[-1].files, seen[-1].total_files) == (300, 6, 6)
    assert (seen[-1].read, seen[-1].total) == (size, size)
    assert [now.documents for now in seen] == sorted(now.documents for now in seen)


@pytest.mark.usefixtures("small_units")
def test_a_worker_that_dies_is_an_error_and_the_others_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    give = pool.Pool.give

    def kill_first(self: pool.Pool, unit: units.Unit) -> None:
        if not started:
            started.extend(worker.process.pid for worker in self._workers)
            os.kill(started[0], signal.SIGKILL)
            self._workers[0].process.wait()
        give(self, unit)

    monkeypatch.setattr(pool.Pool, "give", kill_first)
    with pytest.raises(UnavailableError, match="ended unexpectedly") as caught:
        read(work(tmp_path, write(tmp_path / "source", files=9), jobs=3), nothing)
    assert "--jobs 1" in str(caught.value.hint)
    assert len(started) == 2
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.usefixtures("small_units")
def test_an_interruption_ends_the_workers(tmp_path: Path) -> None:
    calls = 0

    def interrupt(_: Progress) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(work(tmp_path, write(tmp_path / "source", files=9), jobs=3), interrupt)


@pytest.mark.usefixtures("small_units")
def test_where_no_process_can_be_started_one_reads_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "source")
    expected = read(work(tmp_path, source), nothing)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no such Python"))
    alone = read(work(tmp_path, source, jobs=3), nothing)
    assert summary(alone) == summary(expected)


@pytest.mark.usefixtures("small_units")
def test_a_folder_that_was_removed_is_no_place_to_find_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = work(tmp_path, write(tmp_path / "source"), jobs=3)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    gone.rmdir()
    assert read(made, nothing).gathered.totals.documents == 300


# Going on where an interrupted run stopped.


class Stop(Exception):  # noqa: N818
    """Ends a run."""


def stopped(made: Work, after: int) -> list[Path]:
    """Run until so many units are noted, and return what that left."""

    def watch(_: Progress) -> None:
        if len(list(made.notes.glob("*.json"))) >= after:
            raise Stop

    with pytest.raises(Stop):
        read(made, watch)
    return [made.notes.parent]


def resumed(made: Work, left: list[Path]) -> tuple[Draft, int]:
    found = journal.take(left, made.units, made.asked, made.notes)
    again = Work(made.units, {}, found, made.asked, made.notes, made.jobs)
    return read(again, nothing), len(found)


@pytest.mark.usefixtures("small_units")
@pytest.mark.parametrize("after", [1, 3, 5])
def test_an_interrupted_run_goes_on_with_the_same_result(tmp_path: Path, after: int) -> None:
    source = write(tmp_path / "source")
    expected = read(work(tmp_path, source), nothing)
    left = stopped(work(tmp_path, source), after)
    draft, found = resumed(work(tmp_path, source), left)
    assert found >= after
    assert summary(draft) == summary(expected)
    assert draft.reused_files == found


def damage(folder: Path) -> None:
    path = folder / "documents" / documents.part_name(0)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.usefixtures("small_units")
@pytest.mark.parametrize(
    "bend",
    [
        damage,
        lambda folder: (folder / "documents" / documents.part_name(0)).unlink(),
        lambda folder: (folder / "vault" / documents.part_name(0)).unlink(),
        lambda folder: (folder / "notes" / "00000.json").write_text("{"),
        lambda folder: (folder / "notes" / "00000.json").write_text('{"unit": {}, "part": {}}'),
    ],
    ids=["damaged", "no rows", "no texts", "half a note", "another release's note"],
)
def test_a_part_that_is_not_what_was_noted_is_read_again(
    tmp_path: Path, bend: Callable[[Path], object]
) -> None:
    source = write(tmp_path / "source")
    expected = read(work(tmp_path, source), nothing)
    left = stopped(work(tmp_path, source), 2)
    bend(left[0])
    draft, found = resumed(work(tmp_path, source), left)
    assert found == 1
    assert summary(draft) == summary(expected)


@pytest.mark.usefixtures("small_units")
def test_a_file_that_was_written_to_is_read_again(tmp_path: Path) -> None:
    source = write(tmp_path / "source")
    left = stopped(work(tmp_path, source), 2)
    with (source / "0.jsonl").open("a") as file:
        file.write('{"text": "more", "by": "h"}\n')
    expected = read(work(tmp_path, source), nothing)
    draft, found = resumed(work(tmp_path, source), left)
    assert found == 1
    assert summary(draft) == summary(expected)
    assert draft.gathered.totals.documents == 301


def earlier_of(made: Work, draft: Draft, files: Sequence[readers.SourceFile]) -> earlier.Earlier:
    return earlier.Earlier(
        made.asked.documents,
        draft.table_digest,
        made.asked.folder / "sketches",
        parts.digest_of(part.digest for part in draft.parts),
        made.asked.folder / "vault",
        [units.state(file) for file in files],
    )


@pytest.mark.usefixtures("small_units")
def test_an_error_in_a_later_file_does_not_keep_earlier_rows_from_being_taken(
    tmp_path: Path,
) -> None:
    """Otherwise the run would wait for them for ever."""
    source = write(tmp_path / "source")
    first = work(tmp_path, source)
    draft = read(first, nothing)
    files = readers.discover([source], ORIGINS).files
    table = earlier_of(first, draft, files)
    with (source / "5.parquet").open("ab") as file:
        file.write(b"damage")
    cut, taken = earlier.plan(readers.discover([source], ORIGINS).files, [table])
    assert sorted(taken) == [0]
    made = work(tmp_path, source)
    with pool.Pool() as workers:
        going = run._Run(Work(cut, taken, {}, made.asked, made.notes, 1), workers, nothing)
        going._errors[1] = InvalidInputError("heard before")
        with pytest.raises(InvalidInputError, match="heard before"):
            going.read()
