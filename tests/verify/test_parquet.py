from __future__ import annotations

import io
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import shards
from registry.errors import (
    VerificationError,
)
from registry.verify import footer
from registry.verify.content import ShardReader
from registry.verify.statistics import ChunkStatistics
from tests import snapshots
from tests.snapshots import Snapshot
from tests.verify.making import CONTENT, codes, footer_of, patched, places, refused


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
