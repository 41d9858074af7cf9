from __future__ import annotations

import io
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import shards
from registry.core import digest
from registry.core.merkle import RECORD_LEAF, leaf_hash, tree_root
from tests import snapshots

TAGS = {
    "content_hash": digest.TAG_BYTES,
    "origin": digest.TAG_TEXT,
    "version": digest.TAG_INTEGER,
    "not_before": digest.TAG_TIME,
}
ROW = st.fixed_dictionaries(
    {
        "content_hash": st.binary(min_size=32, max_size=32),
        "origin": st.none() | st.sampled_from(["human", "ai", "", "漢字", "\0"]),
        "version": st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2),
        "not_before": st.none() | st.integers(-(2**55), 2**55),
    }
)
Kinds = tuple[pa.DataType, pa.DataType, pa.DataType]
KINDS: list[Kinds] = [
    (pa.binary(32), pa.string(), pa.int64()),
    (pa.binary(), pa.large_string(), pa.int64()),
    (pa.large_binary(), pa.dictionary(pa.int8(), pa.string()), pa.int64()),
    (pa.binary(32), pa.string_view(), pa.dictionary(pa.int32(), pa.int64())),
    (pa.binary(32), pa.dictionary(pa.int32(), pa.large_string()), pa.int64()),
]


def oracle(rows: list[dict[str, Any]]) -> bytes:
    """The record root in plain Python, straight from its definition."""
    encoded = [
        b"".join(digest.encode_cell(row[name], tag) for name, tag in TAGS.items()) for row in rows
    ]
    leaves = [b"".join(encoded[at : at + 256]) for at in range(0, len(encoded), 256)]
    return tree_root(leaf_hash(RECORD_LEAF, leaf) for leaf in leaves)


def batch_of(rows: list[dict[str, Any]], kinds: Kinds) -> pa.RecordBatch:
    def column(name: str, kind: pa.DataType) -> pa.Array:
        return pa.array([row[name] for row in rows], kind)

    hashes, text, integer = kinds
    times = column("not_before", pa.int64()).cast(shards.TIME)
    if pa.types.is_dictionary(integer):
        times = times.dictionary_encode()
    arrays = {
        "text": pa.array(["ignored"] * len(rows)),
        "content_hash": column("content_hash", hashes),
        "origin": column("origin", text),
        "version": column("version", integer),
        "not_before": times,
    }
    return pa.record_batch(arrays)


@given(st.lists(ROW, max_size=30), st.integers(1, 40), st.lists(st.integers(0, 400)), st.data())
def test_a_record_root_depends_on_the_rows_alone(
    rows: list[dict[str, Any]], repeat: int, cuts: list[int], data: st.DataObject
) -> None:
    rows = rows * repeat
    tree = shards.RecordTree()
    edges = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    whole = [batch_of(rows, kinds) for kinds in KINDS]
    for begin, end in pairwise(edges):
        tree.add(data.draw(st.sampled_from(whole)).slice(begin, end - begin))
    assert tree.rows == len(rows)
    assert tree.root() == oracle(rows)


def test_empty_batches_add_nothing() -> None:
    tree = shards.RecordTree()
    tree.add(batch_of([], KINDS[0]))
    assert tree.root() == oracle([])


def test_nulls_inside_a_dictionary_are_nulls() -> None:
    values = pa.DictionaryArray.from_arrays(
        pa.array([0, 1, None, 0], pa.int8()), pa.array(["a", None])
    )
    one, other = shards.RecordTree(), shards.RecordTree()
    one.add(pa.record_batch({"origin": values}))
    other.add(pa.record_batch({"origin": pa.array(["a", None, None, "a"])}))
    assert one.root() == other.root()


def bend(change: Callable[[list[snapshots.Row]], object]) -> bytes:
    rows = snapshots.rows(12)
    change(rows)
    return snapshots.record_root(rows)


CHANGES: dict[str, Callable[[list[snapshots.Row]], object]] = {
    "order": lambda rows: rows.reverse(),
    "a row less": lambda rows: rows.pop(),
    "a row twice": lambda rows: rows.append(rows[0]),
    "an origin": lambda rows: rows[4].update(origin="human"),
    "human bytes": lambda rows: rows[3].update(human_bytes=0),
    "a license withdrawn": lambda rows: rows[3].update(license=None),
    "an empty license": lambda rows: rows[3].update(license=""),
    "a dataset": lambda rows: rows[3].update(dataset="local/other"),
    "a version": lambda rows: rows[3].update(version=-1),
    "a generator": lambda rows: rows[3].update(generator="gpt-4 "),
    "a date": lambda rows: rows[1].update(not_before=rows[0]["not_before"]),
    "a content hash": lambda rows: rows[3].update(content_hash=rows[0]["content_hash"]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_a_row_changes_the_root(
    change: Callable[[list[snapshots.Row]], object],
) -> None:
    assert bend(change) != bend(lambda rows: None)


def test_the_text_itself_is_covered_by_its_hash_only() -> None:
    assert bend(lambda rows: rows[3].update(text="other")) == bend(lambda rows: None)


def test_columns_have_one_name_for_each_way_to_store_them() -> None:
    erased = pa.schema(
        [
            pa.field("text", pa.dictionary(pa.int32(), pa.string_view())),
            pa.field("content_hash", pa.large_binary()),
            *[shards.SCHEMA.field(at) for at in range(2, len(shards.SCHEMA))],
        ]
    )
    assert shards.columns(erased) == shards.columns()


@pytest.mark.parametrize(
    "kind",
    [
        pa.int32(), pa.uint64(), pa.float64(), pa.bool_(), pa.timestamp("ms", tz="UTC"),
        pa.timestamp("us"), pa.timestamp("us", tz="Europe/Berlin"), pa.list_(pa.string()),
        pa.struct([("a", pa.string())]), pa.decimal128(10), pa.date32(), pa.null(),
    ],
)  # fmt: skip
def test_types_that_rows_cannot_hold_are_refused(kind: pa.DataType) -> None:
    assert shards.canonical_type(kind) is None
    batch = pa.record_batch({"odd": pa.nulls(1, kind)})
    assert shards.columns(batch.schema)[0].type == "?"
    with pytest.raises(ValueError, match="cannot hold"):
        shards.RecordTree().add(batch)


def test_tallies_are_those_of_plain_python() -> None:
    rows = snapshots.rows(50)
    batch = snapshots.table(rows).combine_chunks().to_batches()[0]
    sizes = shards.text_bytes(batch.column("text"))
    assert shards.origins(shards.count(batch, sizes)) == snapshots.tallies(rows)
    assert sum(sizes.to_pylist()) == sum(len(row["text"].encode()) for row in rows)


def written(tables: list[pa.Table]) -> bytes:
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, shards.SCHEMA, **shards.writer_options()) as writer:
        for table in tables:
            writer.write_table(table)
    return sink.getvalue()


def test_shards_are_written_with_page_checksums_and_no_statistics_of_texts() -> None:
    data = written([snapshots.table(snapshots.rows(40))])
    group = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    stated = {group.column(at).path_in_schema: group.column(at).is_stats_set for at in range(10)}
    assert not stated["text"]
    assert not stated["content_hash"]
    assert stated["version"]

    damaged = bytearray(data)
    damaged[group.column(0).data_page_offset + 60] ^= 1
    with pytest.raises(OSError, match="CRC"):
        pq.ParquetFile(io.BytesIO(bytes(damaged)), page_checksum_verification=True).read()


def test_the_same_rows_give_the_same_bytes() -> None:
    table = snapshots.table(snapshots.rows(300))
    assert written([table]) == written([table])


def test_the_sizes_of_slices_are_those_of_their_texts() -> None:
    texts = pa.array(["", "é", "abc", "漢字"], pa.large_string())
    assert shards.text_bytes(texts.slice(1)).to_pylist() == [2, 3, 6]
    assert list(accumulate(shards.text_bytes(texts).to_pylist())) == [0, 2, 5, 11]
