from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.merkle import content_root
from registry.sorted_hashes import HashSorter

ZERO, TRAILING = bytes(32), b"\x01" + bytes(31)

alike = st.integers(0, 9).map(lambda at: b"the head" + bytes(23) + bytes([at]))
"""Hashes that are different, and the same in their first 64 bits."""
few = st.integers(0, 5).map(lambda at: bytes([at]) * 32)
"""Hashes that are often equal."""
hashes = st.lists(
    few | alike | st.binary(min_size=32, max_size=32) | st.sampled_from([ZERO, TRAILING])
)


def added(batches: list[list[bytes]], scratch: Path | None, in_memory: int) -> tuple[bytes, int]:
    sorter = HashSorter(scratch, in_memory=in_memory)
    for batch in batches:
        sorter.add(b"".join(batch))
    return sorter.finish()


@given(batches=st.lists(hashes), in_memory=st.integers(1, 40))
def test_root_and_count_are_those_of_all_hashes_sorted_at_once(
    batches: list[list[bytes]], in_memory: int
) -> None:
    everything = sorted(one for batch in batches for one in batch)
    expected = content_root(b"".join(everything)), len(set(everything))
    assert added(batches, None, in_memory) == expected
    assert added(batches, None, 1 << 12) == expected


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2000, 2001, 10_007])
@pytest.mark.parametrize("different", [1, 3, 700, 1 << 60])
def test_more_than_fits_is_merged_from_the_disk(tmp_path: Path, count: int, different: int) -> None:
    numbers = np.random.default_rng(count).integers(0, different, (count, 4), np.int64)
    numbers[:, 1:] = numbers[:, :1]
    rows = [row.tobytes() for row in numbers]
    batches = [rows[at : at + 300] for at in range(0, count, 300)]
    expected = content_root(b"".join(sorted(rows))), len(set(rows))
    assert added(batches, tmp_path, 1000) == expected
    assert list(tmp_path.iterdir()) == []


def test_arrays_are_taken_as_they_are(tmp_path: Path) -> None:
    raw = np.random.default_rng(1).integers(0, 256, 32 * 50, np.uint8).tobytes()
    array, whole = np.frombuffer(raw, "S32"), HashSorter(in_memory=20)
    whole.add(raw)
    halves = HashSorter(in_memory=20)
    halves.add(array[1::2].data)
    halves.add(memoryview(array[::2].tobytes()))
    halves.add(array[:0].data)
    assert whole.finish() == halves.finish()


def test_hashes_that_were_given_up_take_no_more(tmp_path: Path) -> None:
    sorter = HashSorter(tmp_path, in_memory=1)
    sorter.add(ZERO + TRAILING)
    sorter.discard()
    sorter.discard()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="given up"):
        sorter.add(ZERO)


def test_a_folder_that_is_not_there_is_an_error_only_when_it_is_needed(tmp_path: Path) -> None:
    sorter = HashSorter(tmp_path / "nowhere", in_memory=2)
    sorter.add(ZERO + TRAILING)
    with pytest.raises(FileNotFoundError):
        sorter.add(ZERO)


FULL = """
import resource, signal, sys
from pathlib import Path
from registry.sorted_hashes import HashSorter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
sorter = HashSorter(Path(sys.argv[1]), in_memory=1000)
try:
    for _ in range(10):
        sorter.add(bytes(32_000))
    sorter.finish()
except OSError as error:
    print(error.errno)
"""


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(errno.EFBIG)]
    assert list(tmp_path.iterdir()) == []


def test_memory_stays_bounded_however_many_hashes_there_are(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
import numpy as np
from registry.sorted_hashes import HashSorter
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
sorter, before = HashSorter(Path(sys.argv[1]), in_memory=1 << 16), peak()
rng = np.random.default_rng(7)
for _ in range(64):
    sorter.add(rng.integers(0, 256, 32 << 15, np.uint8).tobytes())
sorter.finish()
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    # 64 MiB of hashes went through; 2 MiB may be held, some more while they are merged.
    assert int(done.stdout) < 20
