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
from registry.core.source import Format, OnBadInput, Orient, ReadOptions
from registry.errors import InvalidInputError
from registry.readers import discover, documents, read_ahead, schema
from tests.readers.making import arrow, csv_bytes, jsonl, parquet, rows, skips, tar, texts, written


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1))
def test_the_same_texts_from_every_format(
    tmp_path_factory: pytest.TempPathFactory, originals: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("formats")
    records = b"".join(orjson.dumps({"text": text}) + b"\n" for text in originals)
    table = csv_bytes(("id", "text"), *(("1", text) for text in originals))
    listed = orjson.dumps([{"text": text} for text in originals])
    files = [
        *(written(folder / f"a.jsonl{suffix}", records) for suffix in ("", ".gz", ".zst")),
        *(written(folder / f"a.csv{suffix}", table) for suffix in ("", ".gz", ".zst")),
        *(written(folder / f"a.json{suffix}", listed) for suffix in ("", ".bz2", ".xz")),
        written(
            folder / "a.tsv.xz",
            csv_bytes(*((text, "1") for text in ("text", *originals)), tabs=True),
        ),
        arrow(folder / "a.arrow", {"text": originals}, rows=2),
        arrow(folder / "a.arrows", {"text": originals}, stream=True, rows=2),
        tar(folder / "a.tar.gz", ("a.jsonl", records)),
        tar(folder / "b.tar", *((f"{i}.txt", text) for i, text in enumerate(originals))),
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
TASK = ("instruction", "input", "output")
BY_LABEL = {"origin_field": "label", "generator_field": "model"}
PARALLEL = {
    "orient": Orient.COLUMNS,
    "split_fields": (("original", Origin.HUMAN), ("sampled", Origin.AI)),
}
POLISHED = {
    "text_fields": ("text",),
    "origin_field": "fake",
    "origin_map": (("0", Origin.HUMAN), ("1", Origin.ASSISTED)),
}
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
    ("alpaca_52k", {"text_fields": TASK}, 52_002, 52_002, 18_480_092),
    ("alpaca_cleaned_gsm8k", {"text_fields": TASK}, 7_473, 7_473, 3_557_437),
    ("alpaca_eval_a", {"text_fields": ("output",)}, 11_268, 10_165, 9_856_347),
    ("alpaca_subset_copy", {"text_fields": TASK}, 2_000, 2_000, 2_283_458),
    ("alpaca_zh", {"text_fields": TASK}, 20_465, 20_437, 6_112_910),
    ("chinese_poetry", {"text_fields": ("paragraphs",)}, 12_008, 11_815, 2_529_205),
    ("codealpaca", {"text_fields": TASK}, 6_552, 6_552, 2_393_509),
    ("fast_detect_gpt_raw", PARALLEL, 300, 300, 315_638),
    ("gpteacher_codegen", {"text_fields": (*TASK[:2], "response")}, 4_535, 4_535, 1_810_341),
    ("hppt_polish", POLISHED, 4_136, 3_072, 4_146_788),
    ("human_eval", {"text_fields": ("prompt", "canonical_solution")}, 164, 164, 103_806),
    ("novels_en", {}, 24, 24, 7_448_214),
    ("openiti_arabic", {}, 59, 59, 6_431_173),
    ("tldr_2022", {}, 7_965, 7_964, 4_704_974),
    ("ud_sentences", {"lines": True}, 3_899, 3_890, 453_744),
    ("wikitext2_sobamchan", {"lines": True}, 9_378, 4_916, 4_679_013),
]
ORIGINS = {
    "gsm8k_model_solutions": {"human": 2_638, "ai": 5_276},
    "fast_detect_gpt": {"human": 7_850, "ai": 7_850},
    "peps_history": {"human": 2_082, "unknown": 1_748},
    "fast_detect_gpt_raw": {"human": 150, "ai": 150},
    "hppt_polish": {"human": 2_068, "assisted": 2_068},
}
EMPTY = {"alpaca_eval_a": 2, "hppt_polish": 6}


@pytest.mark.parametrize(("name", "options", "count", "distinct", "size"), REAL)
def test_real_corpora_have_their_known_counts(
    shared_data: Path, name: str, options: dict[str, Any], count: int, distinct: int, size: int
) -> None:
    found = rows(shared_data / name, **options)
    encoded = [row["text"].encode() for row in found]
    assert len(encoded) == count
    assert len({hashlib.sha256(text).digest() for text in encoded}) == distinct
    assert sum(map(len, encoded)) == size
    assert encoded.count(b"") == EMPTY.get(name, 0)
    origins = [row["origin"] for row in found if "origin" in row]
    assert {origin: origins.count(origin) for origin in set(origins)} == ORIGINS.get(name, {})


def test_a_real_corpus_in_many_encodings_is_refused_with_the_remedies(shared_data: Path) -> None:
    folder = shared_data / "udhr_encodings"
    with pytest.raises(InvalidInputError, match="does not tell its format") as caught:
        texts(folder)
    assert "--format" in str(caught.value.hint)
    with pytest.raises(InvalidInputError, match="not valid UTF-8 at byte") as caught:
        texts(folder, format=Format.TEXT)
    for remedy in ("--encoding", "--on-bad-input skip"):
        assert remedy in str(caught.value.hint)


def test_a_real_corpus_in_many_encodings_without_what_is_not_valid(shared_data: Path) -> None:
    folder = shared_data / "udhr_encodings"
    skip = OnBadInput.SKIP
    found, passed = skips(folder, format=Format.TEXT, on_bad_input=skip)
    good, bad = [], []
    for path in sorted(folder.iterdir()):
        if path.name != "dataset.json":
            try:
                good.append(path.read_bytes().decode())
            except UnicodeDecodeError:
                bad.append(path)
    assert (len(good), len(bad), len(good) - len(set(good))) == (141, 194, 7)
    assert found == good
    assert [skip.file.path for skip in passed] == bad
