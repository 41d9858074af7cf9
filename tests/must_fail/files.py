"""Attacks on files: missing, extra, linked, swapped, damaged ones, and hostile Parquet."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from registry import shards
from registry.errors import VerificationError
from registry.verify import footer
from tests import snapshots
from tests.must_fail.case import refused, undecided
from tests.must_fail.world import Bench


def first(b: Bench) -> Path:
    """Return the file of the first shard."""
    return b.snapshot.shards[0]


@undecided("there is nothing at the path", why="what is not there cannot be refused")
def nothing_there(b: Bench) -> None:
    b.given["path"] = "elsewhere"


@refused("E_FILE_MISSING", "a shard is missing", why="every signed file must be there")
def shard_missing(b: Bench) -> None:
    first(b).unlink()


@refused(
    "E_FILE_MISSING",
    "all of `data/` is missing",
    why="every signed file must be there",
)
def data_missing(b: Bench) -> None:
    shutil.rmtree(b.path / "data")


@refused(
    "E_FILE_MISSING",
    "symlinked shard: a link to a good copy, which can be exchanged afterwards",
    why="links are not followed: what they lead to is not part of the snapshot",
)
def symlinked_shard(b: Bench) -> None:
    first(b).rename(b.path / "good.parquet")
    first(b).symlink_to("../good.parquet")


@refused(
    "E_FILE_EXTRA",
    "`data` is a link to a folder with the signed files",
    why="it is not the folder that is signed; the files in it are missing as well",
)
def data_linked(b: Bench) -> None:
    (b.path / "data").rename(b.path / "elsewhere")
    (b.path / "data").symlink_to("elsewhere")


@refused(
    "E_FILE_MISSING",
    "a pipe has the name of a shard, on which readers wait for ever",
    why="only plain files are read",
)
def a_pipe(b: Bench) -> None:
    first(b).unlink()
    os.mkfifo(first(b))


@refused(
    "E_FILE_MISSING",
    "a folder has the name of a shard, with a file that readers of folders would take",
    why="only plain files are read",
)
def a_folder_as_a_shard(b: Bench) -> None:
    first(b).rename(b.path / "moved")
    first(b).mkdir()
    (b.path / "moved").rename(first(b) / "part.parquet")


def _extra(name: str, attack: str, build: Callable[[Path, Path], object]) -> None:
    def made(b: Bench) -> None:
        build(b.path / "data", first(b))

    made.__name__ = name
    refused("E_FILE_EXTRA", attack, why="readers of `data/` would take it for signed")(made)


_extra(
    "an_extra_file",
    "an extra file in `data/`",
    lambda data, shard: shutil.copy(shard, data / "part-00002.parquet"),
)
_extra(
    "an_extra_name_that_looks_alike",
    "an extra file whose name looks like that of a shard, with a Cyrillic letter",
    lambda data, shard: shutil.copy(shard, data / "p\u0430rt-00000.parquet"),
)
_extra(
    "an_extra_hidden_file",
    "an extra file with a name that listings hide",
    lambda data, shard: shutil.copy(shard, data / ".part-00002.parquet"),
)
_extra(
    "an_extra_folder",
    "a folder in `data/` that is named like a partition",
    lambda data, shard: (data / "origin=human").mkdir(),
)
_extra(
    "an_extra_link",
    "a link in `data/` to a file outside",
    lambda data, shard: (data / "more.parquet").symlink_to("../README.md"),
)


@refused(
    "E_FILE_DIGEST",
    "shard swap: two shards exchange their names",
    why="each file has its own signed digest",
)
def shard_swap(b: Bench) -> None:
    one, two = b.snapshot.shards
    one.rename(b.path / "moved")
    two.rename(one)
    (b.path / "moved").rename(two)


@refused(
    "E_RECORD_ROOT",
    "shard swap, read at level content",
    why="each shard has its own signed rows, at its place",
    level="content",
)
def shard_swap_by_content(b: Bench) -> None:
    shard_swap(b)


@refused(
    "E_FILE_DIGEST",
    "a byte is added behind a shard",
    why="the file does not have the signed SHA-256",
)
def a_byte_more(b: Bench) -> None:
    b.patch(first(b), lambda data: data + b"\0")


@refused(
    "E_FILE_DIGEST",
    "a shard is cut off in the middle",
    why="the file does not have the signed SHA-256",
)
def shard_cut(b: Bench) -> None:
    b.patch(first(b), lambda data: data[: len(data) // 2])


@refused(
    "E_NOT_PARQUET",
    "a shard is cut off in the middle, read at level content",
    why="a Parquet file ends with `PAR1`",
    level="content",
)
def shard_cut_by_content(b: Bench) -> None:
    shard_cut(b)


@refused(
    "E_NOT_PARQUET",
    "a shard that travels alone is a CSV file",
    why="it does not begin and end with `PAR1`",
)
def a_csv_file(b: Bench) -> None:
    b.lone().write_bytes(b"text,origin\nhello,human\n")


# Parquet that lies.


@refused(
    "E_PAGE_CRC",
    "page CRC damage: a bit of compressed data is flipped",
    why="without the checksum most such bits read back as other data, without an error",
    level="content",
)
def a_bit_in_a_page(b: Bench) -> None:
    chunk = parsed(first(b)).groups[0].chunks[0]
    at = chunk.start + chunk.size - 1
    b.patch(first(b), lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def _footer_length(length: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:-8] + struct.pack("<I", length) + b"PAR1"


@refused(
    "E_LIMIT",
    "footer length lies: 2 GiB",
    why="the length is looked at before memory is taken",
    level="content",
)
def footer_of_gigabytes(b: Bench) -> None:
    b.patch(first(b), _footer_length(2**31))


@refused(
    "E_UNREADABLE",
    "footer length lies: longer than the file",
    why="there is no such footer",
    level="content",
)
def footer_longer_than_the_file(b: Bench) -> None:
    b.patch(first(b), _footer_length(first(b).stat().st_size))


@refused(
    "E_UNREADABLE",
    "footer length lies: nothing",
    why="a footer lists the row groups",
    level="content",
)
def footer_of_nothing(b: Bench) -> None:
    b.patch(first(b), _footer_length(0))


@refused(
    "E_LIMIT",
    "a footer whose structures nest without end",
    why="the nesting is bounded before a recursive reader sees it",
)
def footer_nested(b: Bench) -> None:
    made = b"\x1c" * 1000
    b.lone().write_bytes(b"PAR1" + made + struct.pack("<I", len(made)) + b"PAR1")


@refused(
    "E_UNREADABLE",
    "a footer that announces a list of billions of items",
    why="the list is longer than the footer; nothing is allocated for it",
)
def footer_of_billions(b: Bench) -> None:
    made = b"\x19\xf5\xff\xff\xff\xff\x0f"
    b.lone().write_bytes(b"PAR1" + made + struct.pack("<I", len(made)) + b"PAR1")


@refused(
    "E_LIMIT",
    "zip bomb: the header of a page says that it unpacks to 1.2 GB",
    why="page sizes are looked at before pages are unpacked",
    level="content",
)
def zip_bomb(b: Bench) -> None:
    b.patch(first(b), lambda data: _with_page_size(data, parsed(first(b)), 1_200_000_000))


def _with_page_size(data: bytes, found: footer.Footer, size: int) -> bytes:
    """Return a file whose first page says that it unpacks to so many bytes."""
    at = found.groups[0].chunks[0].start
    assert data[at] == data[at + 2] == 0x15  # type and unpacked size, one number each
    end = at + 3
    while data[end] & 0x80:
        end += 1
    old_size = end + 1 - (at + 3)
    assert data[end + 1] == 0x15  # packed size
    more = len(varint(2 * size)) - old_size
    begin = end + 2
    stop = begin
    while data[stop] & 0x80:
        stop += 1
    packed, shift = 0, 0
    for byte in data[begin : stop + 1]:
        packed |= (byte & 0x7F) << shift
        shift += 7
    less = varint(packed - 2 * more)
    assert len(less) == stop + 1 - begin
    head = data[: at + 3] + varint(2 * size) + b"\x15" + less + data[stop + 1 :]
    # The header has grown into the page: cut as much of what follows the whole header.
    cut = at + 3 + len(varint(2 * size)) + 1 + len(less) + 40
    return head[:cut] + head[cut + more :]


def varint(value: int) -> bytes:
    """Return a number as Thrift's compact protocol writes it."""
    made = b""
    while value > 127:
        made += bytes([value & 127 | 128])
        value >>= 7
    return made + bytes([value])


def parsed(path: Path) -> footer.Footer:
    """Return the footer of a shard."""
    with path.open("rb") as file:
        return footer.read_footer(file, path.stat().st_size)


def footers(
    path: Path, old: bytes, new: bytes, differs: Callable[[footer.Footer], object]
) -> Iterator[bytes]:
    """Give files that differ in one place of the footer, and in what a function takes from it."""
    data = path.read_bytes()
    before = differs(parsed(path))
    at = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    while (at := data.find(old, at + 1)) >= 0:
        made = data[:at] + new + data[at + len(old) :]
        try:
            path.write_bytes(made)
            if differs(parsed(path)) != before:
                yield made
        except VerificationError:
            continue
        finally:
            path.write_bytes(data)


def _statistics(b: Bench, column: str, field: str, old: bytes, new: bytes) -> None:
    """Edit one statistic of the first row group, and nothing else."""

    def differs(found: footer.Footer) -> object:
        chunk = next(it for it in found.groups[0].chunks if it.column == column)
        return getattr(chunk.statistics, field)

    first(b).write_bytes(next(footers(first(b), old, new, differs)))
    assert pq.read_table(first(b)).num_rows == len(b.snapshot.parts[0])


STATISTICS = (
    "every page has its checksum and a full read is right, but engines skip the row group by it"
)


@refused(
    "E_STATISTICS",
    "footer-statistics edit: the least version is said to be 2, so that `version < 2` finds nothing",
    why=STATISTICS,
    level="content",
)
def statistics_of_numbers(b: Bench) -> None:
    one, two = (b"\x08" + struct.pack("<q", it) for it in (1, 2))
    _statistics(b, "version", "minimums", one, two)


@refused(
    "E_STATISTICS",
    "footer-statistics edit: the last origin by alphabet is said to be another one",
    why=STATISTICS,
    level="content",
)
def statistics_of_texts(b: Bench) -> None:
    _statistics(b, "origin", "maximums", b"\x07unknown", b"\x07unknowm")


@refused(
    "E_STATISTICS",
    "footer-statistics edit: no row is said to lack a generator",
    why=STATISTICS,
    level="content",
)
def statistics_of_nulls(b: Bench) -> None:
    chunks = parsed(first(b)).groups[0].chunks
    nulls = next(it.statistics.nulls for it in chunks if it.column == "generator")
    assert nulls
    _statistics(
        b, "generator", "nulls", b"\x36" + varint(2 * nulls), b"\x36" + varint(2 * nulls - 2)
    )


@refused(
    "E_STATISTICS",
    "footer-statistics edit in a shard that travels alone",
    why=STATISTICS,
)
def statistics_of_a_lone_shard(b: Bench) -> None:
    statistics_of_texts(b)
    b.lone()


@refused(
    "E_FILE_DIGEST",
    "footer-statistics edit, looked at by files alone",
    why="the footer is part of the file, whose digest is signed",
)
def statistics_by_files(b: Bench) -> None:
    statistics_of_texts(b)


# Columns.


def _table(b: Bench, change: Callable[[pa.Table], pa.Table]) -> None:
    envelope = b.snapshot.envelope(0)
    made = change(snapshots.table(b.snapshot.parts[0]))
    with pq.ParquetWriter(first(b), made.schema, write_page_checksum=True) as writer:
        writer.write_table(made)
        writer.add_key_value_metadata({shards.STATEMENT_KEY: envelope})


COLUMNS = "the columns of a shard are the signed ones, in order"


@refused("E_MANIFEST", "a shard has a column more than is signed", why=COLUMNS, level="content")
def a_column_more(b: Bench) -> None:
    _table(b, lambda it: it.append_column("verified", pa.array([True] * it.num_rows)))


@refused(
    "E_MANIFEST",
    "duplicated column: a shard has `origin` twice, the second time with other labels",
    why=COLUMNS,
    level="content",
)
def a_duplicated_column(b: Bench) -> None:
    _table(b, lambda it: it.append_column("origin", pa.array(["human"] * it.num_rows)))


@refused("E_MANIFEST", "a shard lacks the license column", why=COLUMNS, level="content")
def a_column_less(b: Bench) -> None:
    _table(b, lambda it: it.drop_columns(["license"]))


@refused(
    "E_MANIFEST",
    "the versions of a shard are written as decimals",
    why="a column has its signed type",
    level="content",
)
def a_column_of_another_type(b: Bench) -> None:
    at = shards.SCHEMA.names.index("version")
    _table(b, lambda it: it.set_column(at, "version", it["version"].cast(pa.float64())))


@refused(
    "E_CLAIM_MISMATCH",
    "a row of a shard has no origin at all",
    why="there is no row without a label, so nothing can be added up",
    level="content",
)
def an_empty_cell(b: Bench) -> None:
    documents = [dict(it) for it in b.snapshot.parts[0]]
    documents[3]["origin"] = None
    schema = pa.schema([it.with_nullable(True) for it in shards.SCHEMA])
    _table(b, lambda _: pa.Table.from_pylist(documents, schema))
