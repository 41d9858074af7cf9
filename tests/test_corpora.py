"""Every real corpus through the whole `register` command: counts as known, and what they mean.

What is known comes from `INDEX.md` of the corpora, which was counted in plain Python, and from
their files, read here without any reader of ours.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import sqlite3
import tarfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from benchmarks.corpora import SETS
from cli.main import main
from registry.core.digest import sha256_hex
from tests.conftest import REPOSITORY

Run = Callable[..., Any]
REFUSED: Final = "udhr_encodings"
ROW: Final = ["content_hash", "origin"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command in a registry of the test's own, and return what it prints as JSON."""

    def command(*words: object, code: int = 0) -> Any:
        printed = io.StringIO()
        with redirect_stdout(printed), redirect_stderr(io.StringIO()):
            got = main(["--home", str(tmp_path / "home"), *map(str, words), "--json"])
        assert got == code, printed.getvalue()
        return json.loads(printed.getvalue())

    command("init")
    return command


def register(run: Run, data: Path, name: str) -> Any:
    return run("register", data / name, "--name", name, *SETS[name].split())


def known(data: Path) -> dict[str, dict[str, str]]:
    """Return the first table of the index, a row per corpus."""
    lines = (data / "INDEX.md").read_text("utf-8").splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith("| set |"))
    names, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines[begin:])
    found = {}
    for row in rows:
        if len(row) != len(names):
            break
        found[row[0]] = dict(zip(names, row, strict=True))
    return found


def documents(folder: Path) -> pa.Table:
    """Return what the only registration recorded of each document, in the order of the files."""
    (table,) = (folder / "home" / "storage" / "documents").iterdir()
    return pa.concat_tables(pq.read_table(path) for path in sorted(table.glob("*.parquet")))


def hashes(texts: list[str]) -> list[str]:
    return [sha256_hex(text.encode()) for text in texts]


def origins(run: Run, name: str) -> dict[str, int]:
    """Return what counts: how many documents of each origin under all claims."""
    return {origin: sums["documents"] for origin, sums in run("show", name)["origins"].items()}


def labels(run: Run, name: str) -> dict[str, int]:
    """Return what was claimed: how many documents were said to be of each origin."""
    shown = run("show", name)
    (value,) = (
        claim["value"]
        for claim in shown["claims"]
        if claim["property"] == "origin" and {"origin", "origins"} & set(claim["value"])
    )
    if "origin" in value:
        return {value["origin"]: shown["documents"]}
    return {origin: sums["documents"] for origin, sums in value["origins"].items()}


def test_the_table_of_options_is_that_of_all_corpora(shared_data: Path) -> None:
    assert sorted(SETS) == sorted(known(shared_data))


def test_the_page_shows_the_options() -> None:
    page = (REPOSITORY / "docs" / "corpora.md").read_text("utf-8")
    shown = dict(re.findall(r"^\| (\w+) \| `(.+)` \|$", page, re.MULTILINE))
    assert shown == SETS


@pytest.mark.parametrize("name", [name for name in SETS if name != REFUSED])
def test_a_corpus_has_its_known_counts(shared_data: Path, run: Run, name: str) -> None:
    row = known(shared_data)[name]
    card = json.loads((shared_data / name / "dataset.json").read_bytes())
    done = register(run, shared_data, name)
    assert done["documents"] == int(row["docs (human/ai/unknown)"].split()[0])
    assert done["exact_duplicates"] == int(row["exact dups within"])
    assert done["empty"] == int(row["empty"])
    assert done["distinct"] == card["distinct_texts"]
    assert done["bytes"] == card["text_bytes"]
    assert done["bad_input"]["count"] == 0
    human, ai, unknown = map(int, re.findall(r"\d+", row["docs (human/ai/unknown)"])[1:])
    said = Counter(labels(run, name))
    assert (said["human"], said["ai"] + said["assisted"], said["unknown"]) == (human, ai, unknown)
    assert (
        run("register", shared_data / name, "--name", name, *SETS[name].split())["outcome"]
        == "unchanged"
    )


# What the counts mean.


def test_labels_stay_with_their_texts(shared_data: Path, run: Run, tmp_path: Path) -> None:
    name = "fast_detect_gpt"
    register(run, shared_data, name)
    made = documents(tmp_path)
    source = pq.read_table(shared_data / name / f"{name}.parquet")
    assert made["origin"].to_pylist() == source["label"].to_pylist()
    assert pc.fill_null(made["generator"], "").to_pylist() == source["model"].to_pylist()
    assert [value.hex() for value in made["content_hash"].to_pylist()] == hashes(
        source["text"].to_pylist()
    )


@pytest.mark.parametrize(
    ("name", "both"),
    [("fast_detect_gpt", 2), ("hppt_polish", 22), ("gsm8k_model_solutions", 4)],
)
def test_a_text_with_both_labels_never_counts_as_human(
    shared_data: Path, run: Run, tmp_path: Path, name: str, both: int
) -> None:
    register(run, shared_data, name)
    rows = [tuple(row.values()) for row in documents(tmp_path).select(ROW).to_pylist()]
    said: dict[bytes, set[str]] = {}
    for digest, origin in rows:
        said.setdefault(digest, set()).add(origin)
    assert sum(len(found) == 2 for found in said.values()) == both
    assert origins(run, name)["human"] == sum(said[digest] == {"human"} for digest, _ in rows)


def test_polished_texts_are_assisted_and_the_others_human(
    shared_data: Path, run: Run, tmp_path: Path
) -> None:
    name = "hppt_polish"
    register(run, shared_data, name)
    records = [
        record
        for path in sorted((shared_data / name).glob("*_*.json"))
        for record in orjson.loads(path.read_bytes())
    ]
    made = documents(tmp_path)
    assert made["origin"].to_pylist() == [
        {0: "human", 1: "assisted"}[int(record["fake"])] for record in records
    ]
    assert [value.hex() for value in made["content_hash"].to_pylist()] == hashes(
        [record["text"] for record in records]
    )
    shown = run("show", name)
    assert set(shown["generators"]) == {"ChatGPT", "LLaMA"}


def test_a_polished_text_with_both_labels_is_one_that_llama_left_as_it_was(
    shared_data: Path,
) -> None:
    found: dict[str, dict[int, set[tuple[str, int]]]] = {}
    for path in sorted((shared_data / "hppt_polish").glob("*_*.json")):
        for row, record in enumerate(orjson.loads(path.read_bytes())):
            labels = found.setdefault(record["text"], {})
            labels.setdefault(int(record["fake"]), set()).add((path.name, row))
    both = [labels for labels in found.values() if len(labels) == 2]
    polished = [place for labels in both for place in labels[1]]
    assert Counter(name for name, _ in polished) == {"llama_test.json": 18, "llama_val.json": 4}
    assert all((name, row - 1) in labels[0] for labels in both for name, row in labels[1])
    assert sum(len(places) for labels in both for places in labels.values()) == 66


def test_questions_are_human_and_solutions_by_models(
    shared_data: Path, run: Run, tmp_path: Path
) -> None:
    name = "gsm8k_model_solutions"
    register(run, shared_data, name)
    made = documents(tmp_path)
    assert made["origin"].to_pylist() == ["human", "human", "ai", "ai", "ai", "ai"] * 1319


def test_parallel_lists_keep_their_origins(shared_data: Path, run: Run, tmp_path: Path) -> None:
    name = "fast_detect_gpt_raw"
    register(run, shared_data, name)
    (path,) = (shared_data / name).glob("*raw_data.json")
    lists = orjson.loads(path.read_bytes())
    made = documents(tmp_path)
    by_hash = dict(zip(hashes(lists["original"]), ["human"] * 150, strict=True))
    by_hash |= dict(zip(hashes(lists["sampled"]), ["ai"] * 150, strict=True))
    assert {
        row["content_hash"].hex(): row["origin"] for row in made.select(ROW).to_pylist()
    } == by_hash


def test_poems_keep_their_years_before_1000(shared_data: Path, run: Run, tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    from registry.api.app import create_app
    from registry.settings import Settings

    name = "chinese_poetry"
    register(run, shared_data, name)
    begin, end = "0618-01-01T00:00:00Z", "0907-12-31T23:59:59.999999Z"
    dates = run("show", name)["dates"]
    assert (dates["not_before"], dates["not_after"]) == (begin, end)
    assert "0618-01-01" in json.dumps(run("history", name))
    app = create_app(Settings.load(tmp_path / "home", {}))
    with TestClient(app, "http://127.0.0.1:8000", client=("127.0.0.1", 50000)) as client:
        assert begin in client.get(f"/v1/datasets/local/{name}/versions/1").text
    # A plan draws each text once.
    for limit, count in (("0908", 11_815), ("0907", 0)):
        recipe = tmp_path / "mix.yaml"
        recipe.write_text(f"sources: [{name}]\nwhere: {{date_before: '{limit}'}}\n", "utf-8")
        plan = run("plan", recipe, code=0 if count else 3)
        assert sum(item["documents"] for item in plan["inputs"]) == count


def test_dates_go_by_record(shared_data: Path, run: Run, tmp_path: Path) -> None:
    name = "peps_history"
    register(run, shared_data, name)
    source = pq.read_table(shared_data / name / f"{name}.parquet", columns=["created_at", "origin"])
    made = documents(tmp_path)
    assert made["origin"].to_pylist() == source["origin"].to_pylist()
    said = [
        str(dt.datetime.fromisoformat(value).astimezone(dt.UTC).date())
        for value in source["created_at"].to_pylist()
    ]
    kept = [value.strftime("%Y-%m-%d") for value in made["not_after"].to_pylist()]
    assert kept == said
    assert max(kept) > "2022-11-30" > min(kept)
    recipe = tmp_path / "mix.yaml"
    recipe.write_text(f"sources: [{name}]\nwhere: {{date_before: '2022-11-30'}}\n", "utf-8")
    (drawn,) = run("plan", recipe)["inputs"]
    assert drawn["documents"] == sum(day < "2022-11-30" for day in kept)


def test_pages_named_like_cards_are_documents_in_an_archive(
    shared_data: Path, run: Run, tmp_path: Path
) -> None:
    name = "tldr_2022"
    register(run, shared_data, name)
    pages = {}
    (path,) = (shared_data / name).glob("*.tar.gz")
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                pages[member.name] = content.read().decode()
    made = documents(tmp_path)
    kept = Counter(value.hex() for value in made["content_hash"].to_pylist())
    assert kept == Counter(hashes(list(pages.values())))
    cards = [page for page in pages if re.match("license|readme", Path(page).name, re.IGNORECASE)]
    assert any(Path(page).name == "license.md" for page in cards)
    assert all(kept[digest] for digest in hashes([pages[page] for page in cards]))


def test_two_sets_of_keys_are_one_dataset(shared_data: Path, run: Run, tmp_path: Path) -> None:
    import gzip

    name = "codealpaca"
    register(run, shared_data, name)
    folder = shared_data / name
    short = orjson.loads((folder / "code_alpaca_2k.json").read_bytes())
    long = orjson.loads(gzip.decompress((folder / "new_codealpaca.json.gz").read_bytes()))
    assert (len(short), len(long)) == (2017, 4535)
    assert {len(record) for record in short} != {len(record) for record in long}
    fields = ("instruction", "input", "output")
    texts = ["\n".join(record[key] for key in fields) for record in (*short, *long)]
    made = documents(tmp_path)
    assert [value.hex() for value in made["content_hash"].to_pylist()] == hashes(texts)


def test_each_model_is_named(shared_data: Path, run: Run) -> None:
    import gzip

    name = "alpaca_eval_a"
    register(run, shared_data, name)
    counted: Counter[str] = Counter()
    for path in sorted((shared_data / name).glob("*.json*")):
        if path.name != "dataset.json":
            content = path.read_bytes()
            records = orjson.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
            counted.update(record["generator"] for record in records)
    shown = run("show", name)
    assert set(shown["generators"]) == set(counted)
    (claim,) = [one for one in shown["claims"] if one["value"].get("per_document")]
    assert claim["value"]["generators"] == dict(counted)


def test_lines_of_several_languages(shared_data: Path, run: Run, tmp_path: Path) -> None:
    name = "ud_sentences"
    register(run, shared_data, name)
    texts = [
        line.strip()
        for path in sorted((shared_data / name).rglob("*.txt"))
        for line in path.read_text("utf-8").split("\n")
        if line.strip()
    ]
    made = documents(tmp_path)
    assert [value.hex() for value in made["content_hash"].to_pylist()] == hashes(texts)


def test_many_encodings_are_refused_with_the_remedies(
    shared_data: Path, run: Run, tmp_path: Path
) -> None:
    folder = shared_data / REFUSED
    for options in ((), ("--format", "text")):
        error = run("register", folder, "--name", "udhr", *options, code=1)["error"]
        assert error["type"] == "InvalidInputError"
    assert "is not valid UTF-8 at byte" in error["message"]
    for remedy in ("--encoding", "--on-bad-input skip"):
        assert remedy in error["hint"]
    assert run("dataset", "list")["datasets"] == []


def test_many_encodings_without_what_is_not_utf8(
    shared_data: Path, run: Run, tmp_path: Path
) -> None:
    good, bad = [], []
    for path in sorted((shared_data / REFUSED).iterdir()):
        if path.name != "dataset.json":
            try:
                good.append(path.read_bytes().decode())
            except UnicodeDecodeError:
                bad.append(str(path))
    assert len(bad) == int(known(shared_data)[REFUSED]["not UTF-8"]) == 194
    done = register(run, shared_data, REFUSED)
    assert done["documents"] == len(good) == 141
    assert done["exact_duplicates"] == len(good) - len(set(good))
    assert done["empty"] == good.count("")
    assert done["bad_input"]["count"] == len(bad)
    listed = [re.search("`(.*?)`", why) for why in done["bad_input"]["listed"]]
    assert sorted(found[1] for found in listed if found) == sorted(bad)
    with closing(sqlite3.connect(tmp_path / "home" / "registry.db")) as database:
        ((files,),) = database.execute("SELECT files FROM locations").fetchall()
    recorded = [file["skipped"]["count"] for file in json.loads(files) if "skipped" in file]
    assert recorded == [1] * len(bad)


# What the program says unasked.

TOLD: Final = [
    "alpaca_52k", "alpaca_subset_copy", "codealpaca", "gpteacher_codegen", "wikitext2_pytorch",
    "wikitext2_sobamchan", "peps_2022", "peps_history", "alpaca_eval_a", "fast_detect_gpt",
]  # fmt: skip


def shared(run: Run, name: str, other: str) -> dict[str, Any]:
    """Return what is shown of the equal texts that a corpus has in common with another."""
    (found,) = (
        it
        for it in run("show", name)["overlaps"]["listed"]
        if (it["dataset"], it["kind"]) == (f"local/{other}", "exact")
    )
    return dict(found)


def differ(found: dict[str, Any]) -> dict[str, tuple[int, str, str]]:
    return {
        one["property"]: (one["texts"], one["cases"][0]["here"], one["cases"][0]["there"])
        for one in found["conflicts"]
    }


@pytest.mark.parametrize("order", [TOLD, TOLD[::-1]], ids=["forwards", "backwards"])
def test_what_corpora_have_in_common_is_told_in_any_order(
    shared_data: Path, run: Run, order: list[str]
) -> None:
    done = {name: register(run, shared_data, name) for name in order}
    copy = shared(run, "alpaca_subset_copy", "alpaca_52k")
    assert (copy["documents"], copy["their_documents"]) == (2000, 2000)
    code = shared(run, "codealpaca", "gpteacher_codegen")
    assert (code["documents"], code["texts"]) == (4535, 4535)
    assert differ(code) == {
        "generator": (4535, "gpt-4 AND text-davinci-003", "gpt-4"),
        "license": (4535, "CC-BY-NC-4.0", "MIT"),
    }
    assert differ(shared(run, "gpteacher_codegen", "codealpaca")) == {
        "generator": (4535, "gpt-4", "gpt-4 AND text-davinci-003"),
        "license": (4535, "MIT", "CC-BY-NC-4.0"),
    }
    assert shared(run, "wikitext2_pytorch", "wikitext2_sobamchan")["texts"] == 4916
    assert shared(run, "peps_2022", "peps_history")["texts"] == 510
    repeated = done["alpaca_eval_a"]["known"]["most_repeated"]
    assert (repeated["documents"], repeated["file"]) == (805, "NullModel.json")
    assert done["fast_detect_gpt"]["known"]["contested"]["texts"] == 2
    later = {name: order.index(name) for name in ("codealpaca", "gpteacher_codegen")}
    last = max(later, key=lambda name: later[name])
    listed = done[last]["known"]["overlaps"]["listed"]
    assert [it["documents"] for it in listed if it["kind"] == "exact"] == [4535]


def test_states_of_a_page_were_first_seen_when_the_history_says(
    shared_data: Path, run: Run
) -> None:
    register(run, shared_data, "peps_history")
    truth = json.loads(
        re.findall(
            r"^- `peps_history`: `(\{.*\})`$",
            (shared_data / "INDEX.md").read_text("utf-8"),
            re.MULTILINE,
        )[0]
    )
    seen = run("first-seen", "peps_history", "--by", "doc")
    assert seen["documents"] == truth["docs"]
    assert seen["first_seen"]["before"] == truth["before_cutoff"] == 2082
    assert seen["groups"]["values"] == truth["distinct_docs"]
    assert seen["groups"]["before"] == truth["first_seen_before_cutoff"] == 577
    run("register", shared_data / "peps_2022", "--name", "peps_2022", "--keep",
        "--origin", "human", "--published", "2000-06..2022-11-29")  # fmt: skip
    run("protect", "peps_2022")
    anchored = run("show", "peps_history")["anchored"]
    assert (anchored["exact"], anchored["normalised"]) == (510, 0)
