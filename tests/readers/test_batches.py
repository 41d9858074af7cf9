from __future__ import annotations

from itertools import chain, pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.dataset import Origin
from registry.core.evidence import DateKind
from registry.core.source import ReadOptions
from registry.readers import batches
from registry.readers.batches import bounded, schema, text_buffers

BASE = ["text", "file", "record", "part"]


def batch(texts: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(texts, pa.large_string())], ["text"])


@pytest.mark.parametrize(
    ("options", "more"),
    [
        (ReadOptions(), []),
        (ReadOptions(origin_field="label"), ["origin"]),
        (ReadOptions(split_fields=(("a", Origin.AI),)), ["origin"]),
        (ReadOptions(generator_field="m", language_field="l"), ["generator", "language"]),
        (ReadOptions(date_fields=((DateKind.AUTHORED, "d"),)), ["not_before", "not_after"]),
        (
            ReadOptions(origin_by_field=(("a", Origin.AI),)),
            [
                "origin",
                *(f"{origin}_bytes" for origin in ("human", "assisted", "programmatic", "ai")),
                *(f"{origin}_words" for origin in ("human", "assisted", "programmatic", "ai")),
            ],
        ),
    ],
)
def test_columns_exist_only_if_asked_for(options: ReadOptions, more: list[str]) -> None:
    assert schema(options).names == BASE + more


def test_types_of_the_columns() -> None:
    columns = schema(ReadOptions(date_fields=((DateKind.AUTHORED, "d"),), origin_field="o"))
    assert [(field.name, str(field.type), field.nullable) for field in columns] == [
        ("text", "large_string", False),
        ("file", "int32", False),
        ("record", "int64", False),
        ("part", "int16", False),
        ("origin", "string", True),
        ("not_before", "timestamp[us, tz=UTC]", True),
        ("not_after", "timestamp[us, tz=UTC]", True),
    ]


@given(st.lists(st.text(max_size=5)), st.integers(0, 5))
def test_text_buffers_of_a_slice(texts: list[str], start: int) -> None:
    data, offsets = text_buffers(pa.array(texts, pa.large_string()).slice(start))
    cut = [bytes(data[a:b]).decode() for a, b in pairwise(offsets)]
    assert cut == texts[start:]


@pytest.fixture
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_ROWS", 3)
    monkeypatch.setattr(batches, "MAX_BYTES", 10)


@pytest.mark.usefixtures("small_bounds")
@pytest.mark.parametrize(
    ("arriving", "expected"),
    [
        ([], []),
        ([[]], []),
        ([["a"], [], ["b"]], [["a", "b"]]),
        ([["a"], ["b"], ["c"], ["d"]], [["a", "b", "c"], ["d"]]),
        ([["a", "b", "c", "d", "e", "f", "g"]], [["a", "b", "c"], ["d", "e", "f"], ["g"]]),
        ([["x" * 10], ["y"]], [["x" * 10], ["y"]]),
        ([["x" * 6, "y" * 4, "z"]], [["x" * 6, "y" * 4], ["z"]]),
        ([["a", "L" * 50, "b"]], [["a"], ["L" * 50], ["b"]]),
        ([["L" * 50], ["M" * 50]], [["L" * 50], ["M" * 50]]),
        ([["", "", "", ""]], [["", "", ""], [""]]),
        ([["ö" * 5, "x"]], [["ö" * 5], ["x"]]),
        ([["x" * 10, "", "y"]], [["x" * 10, ""], ["y"]]),
    ],
)
def test_batches_are_as_full_as_the_bounds_allow(
    arriving: list[list[str]], expected: list[list[str]]
) -> None:
    made = [out.column("text").to_pylist() for out in bounded(batch(texts) for texts in arriving)]
    assert made == expected


@given(st.lists(st.lists(st.text(max_size=12), max_size=7)))
def test_cuts_depend_on_the_documents_alone(arriving: list[list[str]]) -> None:
    together = list(chain.from_iterable(arriving))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "MAX_ROWS", 3)
        patch.setattr(batches, "MAX_BYTES", 10)
        in_pieces = [out["text"].to_pylist() for out in bounded(map(batch, arriving))]
        at_once = [out["text"].to_pylist() for out in bounded([batch(together)])]
    assert in_pieces == at_once
    assert list(chain.from_iterable(in_pieces)) == together
    for texts in in_pieces:
        assert len(texts) <= 3
        assert len(texts) == 1 or sum(len(text.encode()) for text in texts) <= 10


def test_nulls_count_as_empty_texts() -> None:
    data, offsets = text_buffers(pa.array([None, None], pa.large_string()))
    assert data.dtype == np.uint8
    assert offsets.tolist() == [0, 0, 0]
