"""The overlap of all real corpora is the known one, and near numbers are those of brute force.

What is known comes from `INDEX.md` of the corpora, counted in plain Python. For near documents
the files are read here without any reader of ours, and every document of one corpus is compared
with every one of the other.
"""

from __future__ import annotations

import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from benchmarks.corpora import SETS
from cli.main import main
from tests.index.truth import sketch_all

Run = Callable[..., Any]
NEAR: Final = 0.8
SHINGLE: Final = 5
_BLOCK: Final = 32


@pytest.fixture(scope="module")
def run(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run commands in a registry that has all corpora, and return what they print as JSON."""
    home = tmp_path_factory.mktemp("corpora") / "home"

    def command(*words: object) -> Any:
        printed = io.StringIO()
        with redirect_stdout(printed), redirect_stderr(io.StringIO()):
            assert main(["--home", str(home), *map(str, words), "--json"]) == 0
        return json.loads(printed.getvalue())

    command("init")
    for name, options in SETS.items():
        command("register", shared_data / name, "--name", name, *options.split())
    return command


def known(data: Path) -> dict[frozenset[str], int]:
    """Return the table of exact overlaps of the index."""
    text = (data / "INDEX.md").read_text("utf-8")
    table = text.split("### Exact overlaps across shared sets")[1].split("\n### ")[0]
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (\d+) \| \d+ \|$", table, re.MULTILINE)
    return {frozenset((one, two)): int(texts) for one, two, texts in rows}


def sides(pair: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {side["dataset"].removeprefix("local/"): side for side in pair["sides"]}


def test_equal_texts_of_all_corpora_are_the_known_ones(run: Run, shared_data: Path) -> None:
    found = run("overlap")
    assert len(found["versions"]) == len(SETS) == 25
    assert found["compared"] == 300
    expected = known(shared_data)
    assert len(expected) == 7
    texts = {frozenset(sides(pair)): pair["texts"] for pair in found["pairs"] if pair["texts"]}
    assert texts == expected


def test_what_is_kept_says_the_same_as_comparing_again(run: Run) -> None:
    first = run("overlap")
    assert run("overlap") == first == run("overlap", "--anew")


Reader = Callable[[Path], list[str]]


def records(path: Path, *fields: str) -> list[str]:
    return [
        "\n".join(record.get(field) or "" for field in fields)
        for record in orjson.loads(path.read_bytes())
    ]


def gsm8k(data: Path) -> list[str]:
    lines = [
        orjson.loads(line)
        for path in sorted((data / "gsm8k").glob("*.jsonl"))
        for line in path.read_bytes().splitlines()
    ]
    return [f"{line['question']}\n{line['answer']}" for line in lines]


def cleaned(data: Path) -> list[str]:
    (path,) = (it for it in (data / "alpaca_cleaned_gsm8k").glob("*.json") if it.stem != "dataset")
    return records(path, "instruction", "input", "output")


def peps(data: Path) -> list[str]:
    paths = (data / "peps_2022").rglob("*")
    return [
        it.read_bytes().decode()
        for it in sorted(paths)
        if it.is_file() and it.name != "dataset.json"
    ]


def history(data: Path) -> list[str]:
    texts: list[str] = pq.read_table(data / "peps_history" / "peps_history.parquet")[
        "text"
    ].to_pylist()
    return texts


def detect(data: Path) -> list[str]:
    path = data / "fast_detect_gpt" / "fast_detect_gpt.parquet"
    texts: list[str] = pq.read_table(path)["text"].to_pylist()
    return texts


def detect_raw(data: Path) -> list[str]:
    (path,) = (data / "fast_detect_gpt_raw").glob("*raw_data.json")
    lists = orjson.loads(path.read_bytes())
    return [*lists["original"], *lists["sampled"]]


PAIRS: Final[dict[tuple[str, str], tuple[Reader, Reader]]] = {
    ("peps_2022", "peps_history"): (peps, history),
    ("fast_detect_gpt", "fast_detect_gpt_raw"): (detect, detect_raw),
    ("alpaca_cleaned_gsm8k", "gsm8k"): (cleaned, gsm8k),
}


def by_signatures(one: Sequence[str], two: Sequence[str]) -> tuple[Any, Any, Any, Any]:
    """Return which texts of each list are near any other text of the other one.

    Returns:
        For both lists those with a pair that also shares a band, then those with any pair.
    """
    here, there = sketch_all(one), sketch_all(two)
    having = defaultdict(list)
    for at, keys in enumerate(there.bands.tolist()):
        for key in set(keys):
            having[key].append(at)
    everything = [np.zeros(len(one), bool), np.zeros(len(two), bool)]
    found = [np.zeros(len(one), bool), np.zeros(len(two), bool)]
    signatures = there.signatures
    for begin in range(0, len(one), _BLOCK):
        block = here.signatures[begin : begin + _BLOCK]
        alike = (block[:, None, :] == signatures[None, :, :]).mean(axis=2) >= NEAR
        for left, right in zip(*np.nonzero(alike), strict=True):
            at = begin + int(left)
            if one[at] == two[right] or not here.tokens[at] or not there.tokens[right]:
                continue
            everything[0][at] = everything[1][right] = True
            if any(int(right) in having[key] for key in here.bands[at].tolist()):
                found[0][at] = found[1][right] = True
    return found[0], found[1], everything[0], everything[1]


def by_jaccard(one: Sequence[str], two: Sequence[str]) -> tuple[int, int]:
    """Return how many texts of each list have another text of the other one with J >= 0.8."""
    having = defaultdict(list)
    sets = [shingles(text) for text in two]
    for at, those in enumerate(sets):
        for shingle in those:
            having[shingle].append(at)
    left, right = 0, set()
    for text in one:
        mine = shingles(text)
        shared: dict[int, int] = defaultdict(int)
        for shingle in mine:
            for at in having.get(shingle, ()):
                shared[at] += 1
        near = [
            at
            for at, count in shared.items()
            if count >= NEAR * (len(mine) + len(sets[at]) - count) and two[at] != text
        ]
        left += bool(near)
        right |= set(near)
    return left, len(right)


def shingles(text: str) -> set[str]:
    words = re.findall(r"[^\W_]+", text.lower())
    return {
        " ".join(words[at : at + SHINGLE]) for at in range(max(len(words) - SHINGLE + 1, 1))
    } if words else set()  # fmt: skip


@pytest.mark.parametrize("names", PAIRS, ids="-".join)
def test_near_documents_are_those_that_brute_force_finds(
    run: Run, shared_data: Path, names: tuple[str, str]
) -> None:
    (pair,) = run("overlap", *names)["pairs"]
    one, two = (read(shared_data) for read in PAIRS[names])
    near = sides(pair)
    equal = [sum(text in others for text in texts) for texts, others in (
        (one, set(two)), (two, set(one)),
    )]  # fmt: skip
    assert [near[name]["exact"]["documents"] for name in names] == equal
    *found, all_one, all_two = by_signatures(one, two)
    counts = [near[name]["near"]["documents"] for name in names]
    assert counts == [int(side.sum()) for side in found]
    sizes = [[len(text.encode()) for text in texts] for texts in (one, two)]
    assert [near[name]["near"]["bytes"] for name in names] == [
        int(np.array(size)[side].sum()) for size, side in zip(sizes, found, strict=True)
    ]
    for name, texts, others, side in zip(
        names, (one, two), (set(two), set(one)), found, strict=True
    ):
        either = sum(text in others or bool(hit) for text, hit in zip(texts, side, strict=True))
        assert near[name]["either"]["documents"] == either
    # What shares no band is missed, hardly ever.
    for count, everything in zip(counts, (all_one, all_two), strict=True):
        assert 0.99 * everything.sum() <= count <= everything.sum()


@pytest.mark.slow
@pytest.mark.parametrize("names", PAIRS, ids="-".join)
def test_near_documents_are_about_those_of_true_similarity(
    run: Run, shared_data: Path, names: tuple[str, str]
) -> None:
    (pair,) = run("overlap", *names)["pairs"]
    one, two = (read(shared_data) for read in PAIRS[names])
    near = [sides(pair)[name]["near"]["documents"] for name in names]
    # Signatures estimate it with an error of .035 at the threshold.
    assert near == pytest.approx(by_jaccard(one, two), rel=0.15)
