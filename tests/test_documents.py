"""Document tables: the same rows come back, and nothing else passes for them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import documents
from registry.core import words
from registry.core.dataset import Origin
from registry.core.merkle import content_root
from registry.errors import ConflictError

TEXT_SCHEMA = pa.schema([pa.field("text", pa.large_string(), nullable=False)])


def batch(texts: list[str], **columns: Any) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(texts, pa.large_string())} | columns)


def write(folder: Path, batches: list[pa.RecordBatch], schema: pa.Schema | None = None) -> str:
    folder.mkdir()
    writer = documents.TableWriter(folder / documents.part_name(0))
    for rows in batches:
        writer.add(rows)
    writer.close(schema or batches[0].schema)
    return documents.digest_table(folder)


# What is measured.


@given(st.lists(st.text(max_size=30), max_size=20), st.integers(0, 5), st.integers(0, 5))
def test_each_row_has_the_hash_and_the_sizes_of_its_text(
    texts: list[str], before: int, after: int
) -> None:
    texts = [text.encode("utf-8", "ignore").decode("utf-8") for text in texts]
    # As a slice of a longer batch, which shares its buffers.
    whole = batch(["padding"] * before + texts + ["padding"] * after)
    rows = documents.measure(whole.slice(before, len(texts)))
    raw = [text.encode("utf-8") for text in texts]
    hashes = [bytes(value.as_py()) for value in rows.column("content_hash")]
    assert hashes == [hashlib.sha256(item).digest() for item in raw]
    assert rows.column("bytes").to_pylist() == [len(item) for item in raw]
    assert rows.column("words").to_pylist() == [
        int(words.count(np.frombuffer(item, np.uint8), np.array([0, len(item)]))[0]) for item in raw
    ]


def test_other_columns_are_carried_over_and_the_text_is_not() -> None:
    rows = documents.measure(batch(["a", "b"], origin=pa.array(["ai", None])))
    assert rows.schema.names == ["content_hash", "bytes", "words", "origin"]
    assert rows.column("origin").to_pylist() == ["ai", None]


@given(st.lists(st.sampled_from(["", "a", "bb", "ccc"]), max_size=12), st.integers(1, 5))
def test_totals_do_not_depend_on_the_batches(texts: list[str], size: int) -> None:
    totals, contents = documents.Totals(), documents.Contents()
    for at in range(0, len(texts), size):
        rows = documents.measure(batch(texts[at : at + size]))
        part = documents.Totals()
        part.add(rows)
        totals.merge(part)
        contents.add(documents.hashes_of(rows.column("content_hash")))
    hashes = [hashlib.sha256(text.encode()).digest() for text in texts]
    assert totals.documents == len(texts)
    assert totals.empty == texts.count("")
    assert totals.bytes == sum(map(len, texts))
    identity = contents.identity()
    assert identity.distinct == len(set(texts))
    assert identity.content_root == content_root(b"".join(sorted(hashes))).hex()
    assert identity.order_root == hashlib.sha256(b"".join(hashes)).hexdigest()


def test_hashes_that_end_in_zeros_stay_apart() -> None:
    """NumPy drops zeros from the end of an `S32`; as long as all 32 bytes compare, none is lost."""
    raw = b"\x01" + bytes(31) + bytes(32) + b"\x01" + bytes(30) + b"\x01"
    hashes = documents.as_hashes(raw)
    assert len(np.unique(hashes)) == 3
    assert documents.hash_column(hashes).to_pylist() == [raw[:32], raw[32:64], raw[64:]]
    assert documents.hashes_of(documents.hash_column(hashes)).tobytes() == raw
    assert np.sort(hashes).tobytes() == raw[32:64] + raw[:32] + raw[64:]


def test_hashes_of_a_slice_and_of_chunks_are_those_of_its_rows() -> None:
    raw = hashlib.sha256(b"a").digest() + hashlib.sha256(b"b").digest()
    column = documents.hash_column(documents.as_hashes(raw))
    assert documents.hashes_of(column.slice(1)).tobytes() == raw[32:]
    chunked = pa.chunked_array([column, column.slice(1), column.slice(2)])
    assert documents.hashes_of(chunked).tobytes() == raw + raw[32:]
    assert len(documents.hashes_of(pa.chunked_array([], documents.HASH_TYPE))) == 0


# What is written.


def test_a_table_comes_back_row_by_row(tmp_path: Path) -> None:
    parts = [documents.measure(batch([f"{n} {m}" for m in range(50)])) for n in range(4)]
    digest = write(tmp_path / "t", parts)
    loaded = documents.load(tmp_path / "t", digest=digest)
    assert loaded.combine_chunks() == pa.Table.from_batches(parts).combine_chunks()
    some = documents.load(tmp_path / "t", digest=digest, columns=["words", "origin", "bytes"])
    assert some.schema.names == ["words", "bytes"]


def test_a_table_without_rows_is_one_file(tmp_path: Path) -> None:
    schema = documents.measure(batch([])).schema
    digest = write(tmp_path / "t", [], schema)
    assert len(documents.files_of(tmp_path / "t")) == 1
    assert documents.load(tmp_path / "t", digest=digest).num_rows == 0


def test_a_table_of_several_files_comes_back_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "ROWS_PER_GROUP", 10)
    parts = [documents.measure(batch([f"{n} {m}" for m in range(7)])) for n in range(12)]
    digests = []
    for number in range(3):
        path = tmp_path / documents.part_name(number)
        writer = documents.TableWriter(path)
        for rows in parts[number * 4 : number * 4 + 4]:
            writer.add(rows)
        writer.close(parts[0].schema)
        digests.append(documents.digest_file(path))
    digest = documents.digest_files(digests)
    assert digest == documents.digest_table(tmp_path)
    loaded = documents.load(tmp_path, digest=digest)
    assert loaded.combine_chunks() == pa.Table.from_batches(parts).combine_chunks()


def test_equal_rows_give_equal_files(tmp_path: Path) -> None:
    parts = [documents.measure(batch([f"{n} {m}" for m in range(50)])) for n in range(4)]
    assert write(tmp_path / "a", parts) == write(tmp_path / "b", parts)


def test_every_page_has_a_checksum(tmp_path: Path) -> None:
    write(tmp_path / "t", [documents.measure(batch(["a" * 100] * 100))])
    (path,) = documents.files_of(tmp_path / "t")
    data = bytearray(path.read_bytes())
    data[data.index(hashlib.sha256(b"a" * 100).digest()) + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(OSError, match=r"(?i)crc|checksum"):
        pq.read_table(path, page_checksum_verification=True)


# What does not pass.


def test_a_table_that_was_changed_is_refused(tmp_path: Path) -> None:
    digest = write(tmp_path / "t", [documents.measure(batch(["a", "b"]))])
    (path,) = documents.files_of(tmp_path / "t")
    good = path.read_bytes()
    for at in range(0, len(good), 97):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(ConflictError, match="was changed"):
            documents.load(tmp_path / "t", digest=digest)
    path.write_bytes(good)
    documents.load(tmp_path / "t", digest=digest)
    (tmp_path / "t" / "part-00001.parquet").write_bytes(good)
    with pytest.raises(ConflictError, match="was changed"):
        documents.load(tmp_path / "t", digest=digest)


def test_a_table_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="is missing") as caught:
        documents.load(tmp_path / "nothing", digest="0" * 64)
    assert "backup" in str(caught.value.hint)


def test_kept_texts_come_back_in_order(tmp_path: Path) -> None:
    texts = [f"Text {n}. " * (n % 7) for n in range(500)]
    write(tmp_path / "v", [batch(texts[at : at + 60]) for at in range(0, 500, 60)], TEXT_SCHEMA)
    read = [text for rows in documents.read_texts(tmp_path / "v") for text in rows[0].to_pylist()]
    assert read == texts


def test_kept_texts_that_are_damaged_or_gone_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="are missing"):
        list(documents.read_texts(tmp_path / "v"))
    write(tmp_path / "v", [batch(["a" * 1000])], TEXT_SCHEMA)
    (path,) = documents.files_of(tmp_path / "v")
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    with pytest.raises(ConflictError, match="cannot be read"):
        list(documents.read_texts(tmp_path / "v"))


def test_a_full_disk_is_told_once(tmp_path: Path) -> None:
    """Letting go of the file writes its footer, which fails as well; that is no second error."""
    writer = documents.TableWriter(tmp_path / "no-such-folder" / "part-00000.parquet")
    writer.add(documents.measure(batch(["a"])))
    with pytest.raises(OSError, match="no-such-folder"):
        writer.close(documents.measure(batch([])).schema)
    writer.discard()
    writer.discard()


# Labels.


def test_a_label_that_is_empty_or_missing_is_unknown() -> None:
    ranks = documents.origin_ranks(pa.array(["human", "", None, "ai"]))
    unknown = Origin.UNKNOWN.caution
    assert ranks.tolist() == [Origin.HUMAN.caution, unknown, unknown, Origin.AI.caution]
    assert documents.origin_ranks(pa.array([None, None], pa.string())).tolist() == [unknown] * 2
    assert documents.origin_ranks(pa.array([], pa.string())).tolist() == []


def test_sums_by_origin_give_each_field_its_own() -> None:
    rows = pa.record_batch(
        {
            "origin": ["mixed", "human", None],
            "bytes": [10, 5, 3],
            "words": [4, 2, 1],
            "human_bytes": [6, 0, 0],
            "assisted_bytes": [0, 0, 0],
            "programmatic_bytes": [0, 0, 0],
            "ai_bytes": [3, 0, 0],
            "human_words": [2, 0, 0],
            "assisted_words": [0, 0, 0],
            "programmatic_words": [0, 0, 0],
            "ai_words": [2, 0, 0],
        }
    )
    sums = documents.sums_by_origin(rows)
    assert sums[Origin.MIXED] == {"documents": 1, "bytes": 0, "words": 0}
    assert sums[Origin.HUMAN] == {"documents": 1, "bytes": 5 + 6, "words": 2 + 2}
    assert sums[Origin.AI] == {"documents": 0, "bytes": 3, "words": 2}
    # The missing label, and the newline that joined the fields.
    assert sums[Origin.UNKNOWN] == {"documents": 1, "bytes": 3 + 1, "words": 1}
    assert sum(part["bytes"] for part in sums.values()) == 18
