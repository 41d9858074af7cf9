"""Segments become few, and answers stay what they are: also meanwhile, and in several processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from registry import intents, merging
from registry.blobs import Store
from registry.db.models import Intent, IntentKind, Segment, SegmentKind
from registry.db.session import Database
from registry.errors import ConflictError
from registry.index.reading import Index
from tests.conftest import REPOSITORY
from tests.index.making import Catalogue, random_documents
from tests.world import START, Clock, migrate


@pytest.fixture
def catalogue(prepared_url: Callable[..., str], tmp_path: Path) -> Iterator[Catalogue]:
    database = Database(prepared_url(migrate))
    yield Catalogue(database, Store(tmp_path / "storage"))
    database.dispose()


def compact(catalogue: Catalogue, *, everything: bool = False) -> merging.Compacted:
    done = merging.compact(
        catalogue.database, catalogue.store, clock=Clock(), everything=everything
    )
    assert done.problem is None
    return done


def segments(catalogue: Catalogue) -> list[Segment]:
    with catalogue.database.read() as session:
        return list(session.scalars(sa.select(Segment).order_by(Segment.id)))


def files(catalogue: Catalogue) -> set[str]:
    folder = catalogue.store.root / "segments"
    return {str(path.relative_to(folder)) for path in folder.rglob("*.segment")}


def intents_left(catalogue: Catalogue) -> int:
    with catalogue.database.read() as session:
        return len(session.scalars(sa.select(Intent)).all())


def compare(catalogue: Catalogue) -> None:
    with catalogue.database.read() as session, Index.open(session, catalogue.store) as index:
        catalogue.compare(index)


def test_many_segments_become_few_and_answer_alike(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(1)
    for number in range(9):
        catalogue.add(random_documents(rng, 10 + number), random_documents(rng, 3))
        compact(catalogue)
    compare(catalogue)
    kinds = [row.kind for row in segments(catalogue)]
    assert all(kinds.count(kind) < merging.FEWEST for kind in SegmentKind)
    assert files(catalogue) == {row.name for row in segments(catalogue)}
    assert intents_left(catalogue) == 0
    assert sum(row.documents for row in segments(catalogue) if row.kind == "bands") == 153
    compact(catalogue, everything=True)
    compare(catalogue)
    assert sorted(row.kind for row in segments(catalogue)) == sorted(SegmentKind)


def test_nothing_is_done_when_there_is_nothing_to_do(catalogue: Catalogue) -> None:
    assert compact(catalogue) == merging.Compacted()
    catalogue.add(random_documents(np.random.default_rng(2), 5))
    before = segments(catalogue)
    assert compact(catalogue) == merging.Compacted()
    assert compact(catalogue, everything=True) == merging.Compacted()
    assert [row.id for row in segments(catalogue)] == [row.id for row in before]


def rows(*sizes: tuple[int, int]) -> list[Segment]:
    return [
        Segment(id=number, kind=SegmentKind.BANDS, documents=documents, bytes=size)
        for number, (documents, size) in enumerate(sizes)
    ]


def test_a_small_segment_is_not_merged_with_large_ones() -> None:
    large, small = (100, 100 << 20), (1, 1000)
    assert merging.next_group(rows(large, small, small, small)) == []
    chosen = merging.next_group(rows(large, small, small, small, small))
    assert [row.id for row in chosen] == [1, 2, 3, 4]
    assert [row.id for row in merging.next_group(rows(*[large] * 4))] == [0, 1, 2, 3]


def test_a_segment_never_gets_more_documents_than_it_can_name() -> None:
    half = (1 << 23, 1 << 30)
    assert merging.next_group(rows(*[half] * 8)) == []
    chosen = merging.next_group(rows(*[half] * 8), everything=True)
    assert sum(row.documents for row in chosen) == 1 << 24
    assert merging.next_group(rows((1 << 24, 9), (1, 9)), everything=True) == []


def test_what_is_written_again_grows_with_the_logarithm() -> None:
    """Adding one part in a thousand again and again rewrites each byte a few times, no more."""
    held: list[Segment] = []
    part = 1 << 20
    written = 0
    for number in range(1000):
        held.append(Segment(id=number, kind=SegmentKind.BANDS, documents=1, bytes=part))
        while group := merging.next_group(held):
            size = sum(row.bytes for row in group)
            written += size
            held = [row for row in held if row not in group]
            held.append(Segment(id=number, kind=SegmentKind.BANDS, documents=1, bytes=size))
    assert written <= 6 * 1000 * part
    assert len(held) <= 16


def test_a_reader_goes_on_with_what_it_holds(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(3)
    for _ in range(4):
        catalogue.add(random_documents(rng, 20))
    with catalogue.database.read() as session:
        index = Index.open(session, catalogue.store)
    with index:
        old = {row.name for row in segments(catalogue)}
        assert compact(catalogue).merged == 12
        assert files(catalogue) == old | {row.name for row in segments(catalogue)}
        catalogue.compare(index)
        intents.recover(catalogue.database, catalogue.store, now=START)
        assert old < files(catalogue)
        catalogue.compare(index)
    intents.recover(catalogue.database, catalogue.store, now=START)
    assert files(catalogue) == {row.name for row in segments(catalogue)}


def test_a_reader_of_an_older_state_answers_from_the_new_segments(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(4)
    for _ in range(4):
        catalogue.add(random_documents(rng, 20))
    with catalogue.database.read() as session:
        session.scalars(sa.select(Segment)).all()
        known = set(catalogue.documents)
        later = catalogue.add(random_documents(rng, 20))
        compact(catalogue)
        with Index.open(session, catalogue.store) as index:
            del catalogue.documents[later]
            assert set(catalogue.documents) == known
            catalogue.compare(index)


def test_two_do_not_merge_at_once(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(5)
    for _ in range(4):
        catalogue.add(random_documents(rng, 20))
    writer = intents.open_intent(catalogue.database, IntentKind.INDEX, now=START, alone=True)
    assert compact(catalogue) == merging.Compacted(busy=True)
    with pytest.raises(ConflictError, match="another command is at work on the registry's index"):
        intents.open_intent(catalogue.database, IntentKind.INDEX, now=START, alone=True)
    intents.abandon(catalogue.database, catalogue.store, writer)
    assert compact(catalogue).merged == 12


def test_a_damaged_segment_stops_merging_and_stays(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(6)
    for _ in range(4):
        catalogue.add(random_documents(rng, 20))
    before = segments(catalogue)
    path = catalogue.store.root / "segments" / before[0].name
    raw = bytearray(path.read_bytes())
    raw[3] ^= 1
    path.write_bytes(raw)
    done = merging.compact(catalogue.database, catalogue.store, clock=Clock())
    assert done.problem is not None
    assert "is damaged in block 0" in done.problem.message
    assert done.problem.hint == "run `firsthand index rebuild`"
    assert [row.id for row in segments(catalogue)] == [row.id for row in before]
    assert files(catalogue) == {row.name for row in before}
    assert intents_left(catalogue) == 0


_COMPACT = """
import datetime as dt, sys
from pathlib import Path
from registry import merging
from registry.blobs import Store
from registry.db.session import Database
done = merging.compact(
    Database(sys.argv[1]), Store(Path(sys.argv[2])), clock=lambda: dt.datetime.now(dt.UTC)
)
assert done.problem is None, done.problem
"""


def test_processes_that_merge_and_one_that_reads_do_not_disturb_one_another(
    catalogue: Catalogue,
) -> None:
    rng = np.random.default_rng(7)
    url = catalogue.database.url.render_as_string(hide_password=False)
    for _ in range(3):
        for _ in range(4):
            catalogue.add(random_documents(rng, 30))
        started = [
            subprocess.Popen(
                [sys.executable, "-c", _COMPACT, url, str(catalogue.store.root)], cwd=REPOSITORY
            )
            for _ in range(2)
        ]
        while any(process.poll() is None for process in started):
            compare(catalogue)
        assert [process.returncode for process in started] == [0, 0]
        compare(catalogue)
    intents.recover(catalogue.database, catalogue.store, now=START)
    assert files(catalogue) == {row.name for row in segments(catalogue)}
    assert intents_left(catalogue) == 0
