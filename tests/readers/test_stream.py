from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.dataset import Origin
from registry.core.evidence import DateKind
from registry.core.source import ReadOptions
from registry.errors import InvalidInputError
from registry.readers import discover, documents, read_ahead, schema
from tests.readers.making import csv_bytes, jsonl, parquet, rows, texts, written


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1))
def test_the_same_texts_from_every_format(
    tmp_path_factory: pytest.TempPathFactory, originals: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("formats")
    records = b"".join(orjson.dumps({"text": text}) + b"\n" for text in originals)
    table = csv_bytes(("id", "text"), *(("1", text) for text in originals))
    files = [
        *(written(folder / f"a.jsonl{suffix}", records) for suffix in ("", ".gz", ".zst")),
        *(written(folder / f"a.csv{suffix}", table) for suffix in ("", ".gz", ".zst")),
        parquet(folder / "a.parquet", {"text": originals}),
        parquet(folder / "b.parquet", {"text": originals}, row_group_size=2, compression="zstd"),
    ]
    for file in files:
        assert texts(file) == originals
    for number, text in enumerate(originals):
        written(folder / f"texts/{number:04}.txt", text)
    assert texts(folder / "texts") == originals


def test_files_of_several_formats_are_one_stream(tmp_path: Path) -> None:
    jsonl(tmp_path / "b.jsonl", {"text": "b0"}, {"text": "b1"})
    parquet(tmp_path / "c.parquet", {"body": ["c0"], "n": [1]})
    written(tmp_path / "a.csv", "text\na0\n")
    read = ReadOptions()
    (batch,) = documents(discover([tmp_path], read).files, read)
    assert batch.schema == schema(read)
    assert batch.to_pylist() == [
        {"text": "a0", "file": 0, "record": 0, "part": 0},
        {"text": "b0", "file": 1, "record": 0, "part": 0},
        {"text": "b1", "file": 1, "record": 1, "part": 0},
        {"text": "c0", "file": 2, "record": 0, "part": 0},
    ]


def test_every_option_gives_the_promised_columns(tmp_path: Path) -> None:
    record = {"text": "x", "is": "ai", "by": "m", "in": "en", "day": "2021"}
    file = jsonl(tmp_path / "a.jsonl", record)
    for options in (
        {"origin_field": "is"},
        {"split_fields": (("text", Origin.AI),)},
        {"origin_by_field": (("text", Origin.AI),)},
    ):
        read = ReadOptions(
            **options,
            generator_field="by",
            language_field="in",
            date_fields=((DateKind.AUTHORED, "day"),),
        )
        (batch,) = documents(discover([file], read).files, read)
        assert batch.schema == schema(read)
        batch.validate(full=True)


@pytest.mark.parametrize("name", ["two words", "größe", "a%20b#c?d", "x=1&y", "'q' \"r\"", "a:b"])
def test_names_of_files_have_no_special_meaning(tmp_path: Path, name: str) -> None:
    jsonl(tmp_path / name / f"{name}.jsonl.gz", {"text": "a"})
    parquet(tmp_path / name / f"{name}.parquet", {"text": ["b"]})
    assert texts(tmp_path / name) == ["a", "b"]


def test_progress_is_told_file_by_file(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        written(tmp_path / name, name)
    found = discover([tmp_path], ReadOptions())
    done: list[str] = []
    list(documents(found.files, ReadOptions(), on_file=lambda file: done.append(file.path.name)))
    assert done == ["a.txt", "b.txt"]


def test_a_file_that_grows_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    lines = b'{"text": "' + b"x" * 1000 + b'"}\n'
    file = written(tmp_path / "a.jsonl", lines * 20_000)
    stream = documents(discover([file], ReadOptions()).files, ReadOptions())
    next(stream)
    with file.open("ab") as more:
        more.write(lines)
    with pytest.raises(InvalidInputError, match=r"a\.jsonl.*changed while it was read"):
        list(stream)


def test_a_bad_file_among_good_ones_is_named(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", {"text": "x"})
    jsonl(tmp_path / "b.jsonl", {"text": 1})
    with pytest.raises(InvalidInputError, match=r"b\.jsonl:1"):
        texts(tmp_path)


def test_reading_ahead_gives_the_same_documents_and_errors(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", *({"text": f"{number}" * 100} for number in range(20_000)))
    read = ReadOptions()
    files = discover([tmp_path], read).files
    ahead = list(read_ahead(documents(files, read)))
    assert len(ahead) > 2
    assert ahead == list(documents(files, read))
    jsonl(tmp_path / "b.jsonl", {"text": 1})
    with pytest.raises(InvalidInputError, match=r"b\.jsonl:1"):
        list(read_ahead(documents(discover([tmp_path], read).files, read)))
    assert all(thread.name != "read-ahead" for thread in threading.enumerate())


SOLUTIONS = tuple(
    f"{size}_{way}.solution" for size in ("6b", "175b") for way in ("finetuning", "verification")
)
BY_LABEL = {"origin_field": "label", "generator_field": "model"}
REAL: list[tuple[str, dict[str, Any], int, int, int]] = [
    # name, options, documents, distinct texts, bytes of text
    ("gsm8k", {"text_fields": ("question", "answer")}, 10_111, 10_111, 5_543_016),
    (
        "gsm8k_model_solutions",
        {
            "split_fields": (
                ("question", Origin.HUMAN),
                ("ground_truth", Origin.HUMAN),
                *((path, Origin.AI) for path in SOLUTIONS),
            )
        },
        7_914,
        7_902,
        2_186_000,
    ),
    ("fast_detect_gpt", BY_LABEL, 15_700, 15_124, 13_538_886),
    ("peps_2022", {}, 527, 527, 8_931_360),
    ("peps_history", {"origin_field": "origin"}, 3_830, 3_830, 74_478_485),
    ("uchendu2020_a", {"text_fields": ("Generation",)}, 6_396, 6_396, 16_153_720),
    ("wikitext2_pytorch", {"lines": True}, 5_352, 4_916, 2_356_542),
    ("t0_human", {"text_fields": ("prompt", "completion")}, 19_962, 19_414, 33_982_093),
]
ORIGINS = {
    "gsm8k_model_solutions": {"human": 2_638, "ai": 5_276},
    "fast_detect_gpt": {"human": 7_850, "ai": 7_850},
    "peps_history": {"human": 2_082, "unknown": 1_748},
}


@pytest.mark.parametrize(("name", "options", "count", "distinct", "size"), REAL)
def test_real_corpora_have_their_known_counts(
    shared_data: Path, name: str, options: dict[str, Any], count: int, distinct: int, size: int
) -> None:
    found = rows(shared_data / name, **options)
    encoded = [row["text"].encode() for row in found]
    assert len(encoded) == count
    assert len({hashlib.sha256(text).digest() for text in encoded}) == distinct
    assert sum(map(len, encoded)) == size
    origins = [row["origin"] for row in found if "origin" in row]
    assert {origin: origins.count(origin) for origin in set(origins)} == ORIGINS.get(name, {})
