"""Outputs of a model and test questions, hidden in human text, are found again by `check`."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import random
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest

from registry.core.dataset import Role
from tests.cli.conftest import cli as cli  # noqa: PLC0414 - the fixture
from tests.cli.running import Cli
from tests.world import World

ALPACA = "alpaca_52k"
QUESTIONS = "gsm8k_test"


@dataclass
class Hidden:
    """Pages in which texts are hidden, and which.

    Attributes:
        pages: The pages.
        outputs: For each page that has an output of the model: the output, and how it was hidden.
        questions: For each page that has a question, the question.
    """

    pages: list[str] = field(default_factory=list)
    outputs: dict[int, tuple[str, str]] = field(default_factory=dict)
    questions: dict[int, str] = field(default_factory=dict)


def human_pages(data: Path, rng: random.Random) -> list[str]:
    """Pages of 150 to 600 words out of novels and encyclopedia articles."""
    words: list[str] = []
    for path in sorted((data / "novels_en").glob("*.txt"))[:12]:
        words += path.read_text("utf-8", "replace").split(" ")
    words += (data / "wikitext2_pytorch" / "test.txt").read_text("utf-8").split(" ")
    pages: list[str] = []
    at = 0
    while at < len(words) and len(pages) < 3000:
        many = rng.randrange(150, 600)
        pages.append(" ".join(words[at : at + many]))
        at += many
    rng.shuffle(pages)
    return pages


def trimmed(text: str, rng: random.Random) -> str:
    """Cut a tenth to a fifth of the words off, at one end or at both."""
    words = text.split(" ")
    cut = max(1, len(words) * rng.randrange(10, 21) // 100)
    before = rng.randrange(cut + 1)
    return " ".join(words[before : len(words) - (cut - before)])


def edited(text: str, rng: random.Random) -> str:
    """Replace, remove or double one word of some twenty."""
    words = text.split(" ")
    for at in rng.sample(range(len(words)), max(1, len(words) // 20)):
        words[at] = rng.choice(["indeed", "", f"{words[at]} {words[at]}"])
    return " ".join(word for word in words if word)


def pasted(page: str, text: str, rng: random.Random) -> str:
    words = page.split(" ")
    at = rng.randrange(10, len(words) - 10)
    return " ".join([*words[:at], text, *words[at:]])


def hidden(data: Path, seed: int) -> Hidden:
    rng = random.Random(seed)
    outputs = [
        record["output"]
        for path in (data / ALPACA).glob("*.json.gz")
        for record in orjson.loads(gzip.decompress(path.read_bytes()))
    ]
    long = sorted({text for text in outputs if len(text.split()) >= 40})
    chosen = rng.sample(long, 200)
    lines = (data / "gsm8k" / "test.jsonl").read_text("utf-8").splitlines()
    questions = rng.sample([json.loads(line)["question"] for line in lines], 20)
    made = Hidden(human_pages(data, rng))
    places = iter(rng.sample(range(len(made.pages)), 220))
    for number, text in enumerate(chosen):
        how = "exact" if number < 100 else "trimmed" if number < 150 else "edited"
        change = {"exact": lambda it, _: it, "trimmed": trimmed, "edited": edited}[how]
        changed, at = change(text, rng), next(places)
        if number % 2:
            made.pages[at] = pasted(made.pages[at], changed, rng)
        else:
            made.pages[at] = changed
        made.outputs[at] = (text, f"{how}, {'pasted' if number % 2 else 'alone'}")
    for question in questions:
        at = next(places)
        made.pages[at] = pasted(made.pages[at], question, rng)
        made.questions[at] = question
    return made


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_hidden_outputs_and_questions_are_found_and_both_sides_named(
    shared_data: Path, sqlite_world: World, cli: Cli, tmp_path: Path, seed: int
) -> None:
    world, made = sqlite_world, hidden(shared_data, seed)
    command = ("--home", world.home)
    ran = cli(
        *command, "register", shared_data / ALPACA, "--name", ALPACA, "--text-field", "output",
        "--origin", "ai", "--generator", "text-davinci-003", "--license", "CC-BY-NC-4.0",
        "--published", "2023-03",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    ran = cli(
        *command, "register", shared_data / "gsm8k" / "test.jsonl", "--name", QUESTIONS,
        "--text-field", "question", "--origin", "human", "--license", "MIT", "--published",
        "2021-11", "--passages", "13",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    world.clock.now = dt.datetime.now(dt.UTC)
    world.role(QUESTIONS, Role.EVALUATION)
    crawl = tmp_path / "crawl.jsonl"
    crawl.write_bytes(b"".join(orjson.dumps({"text": page}) + b"\n" for page in made.pages))
    before = world.log_size()

    ran = cli(
        *command, "check", crawl, "--against", f"evals,{ALPACA}", "--report", tmp_path / "out",
        "--origin", "human", "--license", "CC0-1.0", "--json",
    )  # fmt: skip
    assert ran.code == 3
    assert world.log_size() == before
    matches = pq.read_table(tmp_path / "out" / "matches.parquet").to_pylist()

    outputs = texts_of(shared_data)
    found: dict[int, set[str]] = {}
    items: dict[int, set[str]] = {}
    false: list[dict[str, Any]] = []
    for match in matches:
        page = match["record"] - 1
        theirs = outputs[match["their_dataset"]][match["their_row"] - 1]
        if match["their_dataset"] == f"local/{QUESTIONS}":
            items.setdefault(page, set()).add(theirs)
            expected = made.questions.get(page) == theirs
        else:
            found.setdefault(page, set()).add(theirs)
            expected = made.outputs.get(page, ("", ""))[0] == theirs
        if not expected:
            false.append(match)
    by_how = Counter(
        how for page, (text, how) in made.outputs.items() if text in found.get(page, ())
    )
    questions = sum(text in items.get(page, ()) for page, text in made.questions.items())
    tell(f"\nseed {seed}: {len(made.pages)} pages; found {dict(by_how)}; {questions} questions\n")
    assert by_how["exact, alone"] == by_how["exact, pasted"] == 50
    assert sum(many for how, many in by_how.items() if not how.startswith("exact")) >= 95
    assert questions == 20

    # What else is found is shared in fact, with the very words, whoever wrote them first.
    for match in false:
        page = made.pages[match["record"] - 1]
        theirs = outputs[match["their_dataset"]][match["their_row"] - 1]
        words = match["words"]
        tell(
            f"  also: page {match['record'] - 1}, {match['kind']} {match['similarity'] or match['run_tokens']}"
            f" {match['their_dataset']} {match['their_row']}: {str(words)[:90]!r}\n"
        )
        if match["kind"] == "passage":
            assert words is not None
            assert match["run_tokens"] >= 13
            assert plain(words.rstrip("…")) in plain(page)
            assert plain(words.rstrip("…"))[:60] in plain(theirs)
    clean = [match for match in false if match["record"] - 1 not in made.outputs]
    assert len(clean) <= 0.01 * len(made.pages)

    sides = {
        (m["origin"], m["license"], m["their_dataset"], m["their_origin"], m["their_generator"],
         m["their_license"], str(m["their_not_after"])[:10], m["their_grade"], m["reason"])
        for m in matches
    }  # fmt: skip
    assert sides == {
        ("human", "CC0-1.0", f"local/{ALPACA}", "ai", "text-davinci-003", "CC-BY-NC-4.0",
         "2023-03-31", "E1", "ai"),
        ("human", "CC0-1.0", f"local/{QUESTIONS}", "human", None, "MIT", "2021-11-30", "E1",
         "evaluation"),
    }  # fmt: skip
    assert ran.json["failed"] == ["contamination"]
    assert ran.json["searched"]["not_searched"] == []


def tell(text: str) -> None:
    """Say what was found; `pytest -s` shows it."""
    sys.stdout.write(text)


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower().replace("_", " ")))


def texts_of(data: Path) -> dict[str, list[str]]:
    """The texts of both sets in their order."""
    (path,) = (data / ALPACA).glob("*.json.gz")
    lines = (data / "gsm8k" / "test.jsonl").read_text("utf-8").splitlines()
    return {
        f"local/{ALPACA}": [
            it["output"] for it in orjson.loads(gzip.decompress(path.read_bytes()))
        ],
        f"local/{QUESTIONS}": [json.loads(line)["question"] for line in lines],
    }
