"""Registration: what is counted, what is the same, and what nobody may assume."""

from __future__ import annotations

import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from registry import intents
from registry.core.claim import Property
from registry.core.dataset import Access, Origin, Visibility
from registry.core.evidence import DateInterval, DateKind
from registry.core.merkle import content_root
from registry.core.source import Format
from registry.db.models import Acquisition, Claim, Intent, Location
from registry.documents import hash_texts
from registry.errors import InvalidInputError, UnavailableError
from registry.query import catalogue
from registry.register import Acquired, Outcome
from tests.conftest import REPOSITORY
from tests.world import World, write_documents

TEXTS: Final = ["One.", "Two, which is longer.", "", "Drei, mit Ümläuten.", "One."]


def places(world: World, name: str) -> list[Location]:
    with world.database.read() as session:
        return list(catalogue.locations(session, world.version(name)))


def claims(world: World, name: str, property: Property | None = None) -> list[Claim]:
    with world.database.read() as session:
        return list(catalogue.claims(session, world.version(name), property))


# What is counted.


def test_documents_are_counted_once_and_exactly(world: World) -> None:
    version = world.register("numbers", TEXTS).version
    assert version.number == 1
    assert (version.documents, version.distinct, version.exact_duplicates) == (5, 4, 1)
    assert version.empty == 1
    assert version.bytes == sum(len(text.encode("utf-8")) for text in TEXTS)
    assert version.words == 1 + 4 + 0 + 3 + 1
    assert world.problems() == []


def test_the_content_root_is_that_of_the_sorted_hashes(sqlite_world: World) -> None:
    import pyarrow as pa

    made = sqlite_world.register("numbers", TEXTS)
    raw = hash_texts(pa.array(TEXTS, pa.large_string()))
    ordered = sorted(raw[at : at + 32] for at in range(0, len(raw), 32))
    assert made.version.content_root == content_root(b"".join(ordered)).hex()


def test_files_without_documents_are_refused_and_nothing_is_recorded(world: World) -> None:
    before = world.log_size()
    with pytest.raises(InvalidInputError, match=r"no document in `.*empty\.jsonl`"):
        world.register("nothing", [], file="empty.jsonl")
    assert world.log_size() == before
    assert world.problems() == []


def test_an_empty_file_among_others_is_no_error(sqlite_world: World) -> None:
    folder = sqlite_world.folder / "some"
    write_documents(folder / "a.jsonl", [])
    write_documents(folder / "b.jsonl", ["b"])
    assert sqlite_world.register("some", paths=[folder]).version.documents == 1


def test_only_empty_documents_are_documents(sqlite_world: World) -> None:
    version = sqlite_world.register("blank", ["", "", ""]).version
    assert (version.documents, version.distinct, version.empty, version.words) == (3, 1, 3, 0)


def test_no_files_is_an_error_and_nothing_is_recorded(sqlite_world: World) -> None:
    folder = sqlite_world.folder / "void"
    folder.mkdir()
    for paths in ([folder], [sqlite_world.folder / "not-there"]):
        with pytest.raises(InvalidInputError):
            sqlite_world.register("void", paths=paths)
    assert sqlite_world.log_size() == 1
    assert sqlite_world.problems() == []


def test_a_bad_line_at_the_end_records_nothing(world: World) -> None:
    path = write_documents(world.folder / "bad.jsonl", ["fine"] * 20_000)
    with path.open("ab") as file:
        file.write(b'{"text": 7}\n')
    with pytest.raises(InvalidInputError, match=r"bad\.jsonl"):
        world.register("bad", paths=[path], keep=True)
    assert world.log_size() == 1
    assert world.problems() == []


# What is the same.

RENDERINGS: Final[dict[str, Callable[[World], Sequence[Path]]]] = {
    "another folder": lambda world: [write_documents(world.folder / "b" / "x.jsonl", TEXTS)],
    "another order": lambda world: [write_documents(world.folder / "c" / "x.jsonl", TEXTS[::-1])],
    "two files": lambda world: [
        write_documents(world.folder / "d" / "1.jsonl", TEXTS[:2]),
        write_documents(world.folder / "d" / "2.jsonl", TEXTS[2:]),
    ],
    "parquet": lambda world: [write_documents(world.folder / "e" / "x.parquet", TEXTS)],
    "csv": lambda world: [write_documents(world.folder / "f" / "x.csv", TEXTS)],
    "a folder": lambda world: [write_documents(world.folder / "g" / "x.csv", TEXTS).parent],
}


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_the_same_texts_are_the_same_version_at_another_place(
    sqlite_world: World, rendering: str
) -> None:
    first = sqlite_world.register("numbers", TEXTS, origin=Origin.HUMAN)
    again = sqlite_world.register(
        "numbers", paths=RENDERINGS[rendering](sqlite_world), origin=Origin.HUMAN
    )
    assert again.version.content_root == first.version.content_root
    assert (again.version.id, again.outcome) == (first.version.id, Outcome.ADDED)
    assert [word.partition(" ")[0] for word in again.added] == ["location"]
    assert len(places(sqlite_world, "numbers")) == 2
    assert len(claims(sqlite_world, "numbers")) == 1
    assert sqlite_world.problems() == []


def test_texts_are_the_same_under_any_compression(sqlite_world: World) -> None:
    import gzip

    first = sqlite_world.register("numbers", TEXTS)
    path = sqlite_world.folder / "z" / "x.jsonl.gz"
    path.parent.mkdir()
    source = sqlite_world.folder / "files" / "numbers" / "part-0.jsonl"
    path.write_bytes(gzip.compress(source.read_bytes()))
    assert sqlite_world.register("numbers", paths=[path]).version.id == first.version.id


def test_lines_of_a_text_file_are_the_same_documents(sqlite_world: World) -> None:
    texts = ["One.", "Two."]
    first = sqlite_world.register("lines", texts)
    path = write_documents(sqlite_world.folder / "l.txt", texts)
    again = sqlite_world.register("lines", paths=[path], lines=True, format=Format.TEXT)
    assert again.version.id == first.version.id


def test_registering_the_same_again_says_so_and_changes_nothing(world: World) -> None:
    said: dict[str, Any] = {
        "origin": Origin.HUMAN,
        "license": "MIT",
        "language": "en",
        "sources": ("https://example.org",),
        "dates": (DateInterval.parse(DateKind.COLLECTED, "2021"),),
        "acquired": Acquired(owner="Us", access=Access.PRIVATE),
    }
    world.register("numbers", TEXTS, **said)
    before = world.log_size()
    again = world.register("numbers", TEXTS, **said)
    assert (again.outcome, again.added) == (Outcome.UNCHANGED, ())
    # Saying less is nothing new either.
    assert world.register("numbers", TEXTS).outcome is Outcome.UNCHANGED
    assert world.log_size() == before
    assert len(places(world, "numbers")) == 1
    assert world.problems() == []


@pytest.mark.parametrize(
    "more",
    [
        {"sources": ("https://example.org/mirror",)},
        {"acquired": Acquired(owner="Somebody else")},
        {"acquired": Acquired(opt_out_policy="robots.txt", opt_out_date="2024-01-01")},
    ],
)
def test_what_is_said_later_about_a_place_is_not_lost(
    sqlite_world: World, more: Mapping[str, Any]
) -> None:
    sqlite_world.register("numbers", TEXTS, sources=("https://example.org",))
    again = sqlite_world.register("numbers", TEXTS, **more)
    assert again.outcome is Outcome.ADDED
    with sqlite_world.database.read() as session:
        owners = session.scalars(sa.select(Acquisition.owner)).all()
    sources = [place.sources for place in places(sqlite_world, "numbers")]
    assert list(more.get("sources", ())) in sources
    assert more.get("acquired", Acquired()).owner in owners
    assert sqlite_world.register("numbers", TEXTS, **more).outcome is Outcome.UNCHANGED
    assert sqlite_world.problems() == []


@pytest.mark.parametrize(
    ("more", "added"),
    [
        ({"origin": Origin.AI}, "origin claim `ai`"),
        ({"license": "MIT"}, "license claim `MIT`"),
        ({"language": "de"}, "language claim `de`"),
        (
            {"dates": (DateInterval.parse(DateKind.PUBLISHED, "2020-05"),)},
            "date claim `2020-05-01..2020-05-31`",
        ),
    ],
)
def test_another_claim_about_the_same_content_is_added(
    world: World, more: Mapping[str, Any], added: str
) -> None:
    world.register("numbers", TEXTS, origin=Origin.HUMAN)
    again = world.register("numbers", TEXTS, **more)
    assert (again.outcome, again.added) == (Outcome.ADDED, (added,))
    assert len(world.versions("numbers")) == 1
    assert len(places(world, "numbers")) == 1
    assert len(claims(world, "numbers")) == 2
    assert world.problems() == []


def test_the_most_cautious_label_of_a_text_wins(world: World) -> None:
    def labelled(*labels: str) -> list[dict[str, str]]:
        return [{"text": f"Text {n}.", "by": label} for n, label in enumerate(labels)]

    reading: dict[str, Any] = {
        "origin_field": "by",
        "origin_map": {"h": Origin.HUMAN, "a": Origin.AI, "s": Origin.ASSISTED},
    }
    world.register("mixed", labelled("h", "h", "a", "h"), **reading)
    assert world.origins("mixed") == {Origin.HUMAN: 3, Origin.AI: 1}
    again = world.register("mixed", labelled("h", "s", "h", "a"), **reading)
    assert again.version.number == 1
    assert again.outcome is Outcome.ADDED
    assert world.origins("mixed") == {Origin.HUMAN: 1, Origin.ASSISTED: 1, Origin.AI: 2}
    # And back again: what was said before stays said.
    world.register("mixed", labelled("h", "h", "a", "h"), **reading)
    assert world.origins("mixed") == {Origin.HUMAN: 1, Origin.ASSISTED: 1, Origin.AI: 2}
    assert world.problems() == []


def test_other_content_is_the_next_version(world: World) -> None:
    assert [world.register("numbers", TEXTS[:n]).version.number for n in (1, 2, 3)] == [1, 2, 3]
    # The content of an earlier version is that version, not a fourth.
    assert world.register("numbers", TEXTS[:2]).version.number == 2
    assert world.problems() == []


def test_the_same_content_elsewhere_is_named(world: World) -> None:
    world.register("team/one", TEXTS)
    made = world.register("two", TEXTS)
    assert made.outcome is Outcome.REGISTERED
    assert [str(ref) for ref in made.same_content] == ["team/one@1"]


# The vault.


def test_kept_texts_outlive_their_files(world: World) -> None:
    world.register("numbers", TEXTS, origin=Origin.HUMAN, keep=True)
    shutil.rmtree(world.folder / "files")
    world.export({"sources": ["numbers"]})
    assert world.problems() == []


def test_texts_can_be_kept_later(world: World) -> None:
    world.register("numbers", TEXTS)
    again = world.register("numbers", TEXTS, keep=True)
    assert again.outcome is Outcome.ADDED
    assert [place.kept for place in places(world, "numbers")] == [False, True]
    assert world.register("numbers", TEXTS, keep=True).outcome is Outcome.UNCHANGED
    assert world.register("numbers", TEXTS).outcome is Outcome.UNCHANGED
    assert world.problems() == []


# Nothing is human by default.

LABELS: Final = ["", None, "h", "x", "human", "ai", "unknown", 0, 1]
NOT_HUMAN: Final = [origin for origin in Origin if origin is not Origin.HUMAN]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    labels=st.lists(st.sampled_from(LABELS), min_size=1, max_size=4),
    origin=st.sampled_from([None, *NOT_HUMAN]),
    origin_map=st.dictionaries(st.sampled_from(["h", "x", "ai", "0"]), st.sampled_from(NOT_HUMAN)),
    mode=st.sampled_from(["plain", "field", "split", "by-field"]),
    extra=st.sampled_from([None, "generator_field", "language_field"]),
    keep=st.booleans(),
)
def test_without_an_explicit_human_nothing_counts_as_human(
    sqlite_world: World,
    *,
    labels: list[Any],
    origin: Origin | None,
    origin_map: dict[str, Origin],
    mode: str,
    extra: str | None,
    keep: bool,
) -> None:
    """Whatever options are combined: a row counts as human only if somebody says human."""
    assume("human" not in labels)
    name = f"try-{next(NUMBERS)}"
    records = [
        {"text": f"{name} text {at}", "other": f"{name} other {at}", "by": label, "who": "x"}
        for at, label in enumerate(labels)
    ]
    said: dict[str, Any] = {"keep": keep, "text_fields": ["text"]}
    if mode == "field":
        said |= {"origin_field": "by", "origin_map": origin_map}
    elif mode == "split":
        said |= {"split_fields": {"text": Origin.AI, "other": Origin.UNKNOWN}, "text_fields": []}
    elif mode == "by-field":
        said |= {"origin_by_field": {"text": Origin.AI, "other": Origin.UNKNOWN}, "text_fields": []}
    if extra:
        said[extra] = "who"
    if mode == "plain":
        said["origin"] = origin
    try:
        sqlite_world.register(name, records, **said)
    except InvalidInputError:
        return
    view = sqlite_world.standing(name).view
    assert not (view.ranks == Origin.HUMAN.caution).any()
    assert not view.human_bytes.any()
    if mode == "plain" and origin is None:
        assert (view.ranks == Origin.UNKNOWN.caution).all()


NUMBERS: Final = itertools.count()


@pytest.mark.parametrize("label", ["", None])
def test_an_empty_label_is_unknown_and_never_human(sqlite_world: World, label: str | None) -> None:
    records: list[dict[str, Any]] = [
        {"text": "One.", "by": "h"},
        {"text": "Two.", "by": label},
        {"text": "Three."},
    ]
    sqlite_world.register("labels", records, origin_field="by", origin_map={"h": Origin.HUMAN})
    assert sqlite_world.origins("labels") == {Origin.HUMAN: 1, Origin.UNKNOWN: 2}


def test_a_label_that_is_not_mapped_is_an_error(sqlite_world: World) -> None:
    with pytest.raises(InvalidInputError):
        sqlite_world.register(
            "labels", [{"text": "One.", "by": "?"}], origin_field="by", origin_map={"h": "human"}
        )
    assert sqlite_world.problems() == []


# What contradicts itself.


@pytest.mark.parametrize(
    "said",
    [
        {"name": "a@2"},
        {"origin": Origin.HUMAN, "origin_field": "by"},
        {"origin": Origin.HUMAN, "split_fields": {"text": Origin.AI}},
        {"origin": Origin.HUMAN, "generators": ("gpt-2",)},
        {"generators": ("gpt-2",)},
        {"origin": Origin.AI, "generators": ("gpt-2",), "generator_field": "by"},
        {"license": " "},
        {"language": "e\x1b[31mn"},
        {"sources": ("https://example.org\n",)},
        {"origin": Origin.AI, "generators": ("",)},
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(
    sqlite_world: World, said: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        sqlite_world.register(said.pop("name", "a"), [{"text": "One.", "by": "x"}], **said)
    assert caught.value.hint
    assert sqlite_world.log_size() == 1
    assert sqlite_world.problems() == []


def test_visibility_and_namespace_are_those_of_the_first_registration(world: World) -> None:
    world.register("team/one", ["One."], visibility=Visibility.PUBLIC)
    world.register("team/one", ["Two."])
    dataset = world.version("team/one").dataset
    assert (dataset.visibility, dataset.namespace.name) == (Visibility.PUBLIC, "team")


# Many at once, as real processes.


def cli(world: World, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", "--home", str(world.home), *arguments, "--json"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"FIRSTHAND_ACTOR": "tester"},
    )


def answers(processes: Sequence[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    found = []
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, err
        found.append(json.loads(out))
    return found


def texts(name: str, count: int = 3000) -> list[str]:
    return [f"Text {number} of {name}." for number in range(count)]


def test_processes_registering_different_datasets_at_once_all_succeed(world: World) -> None:
    names = ["a", "b", "c"]
    paths = {n: write_documents(world.folder / f"{n}.jsonl", texts(n)) for n in names}
    found = answers([cli(world, "register", str(paths[n]), "--name", f"new/{n}") for n in names])
    assert [item["outcome"] for item in found] == ["registered"] * 3
    assert [world.version(f"new/{n}").documents for n in names] == [3000] * 3
    assert world.log_size() == 4
    assert world.problems() == []


def test_processes_registering_the_same_content_at_once_make_one_version(world: World) -> None:
    path = str(write_documents(world.folder / "same.jsonl", texts("same")))
    found = answers([cli(world, "register", path, "--name", "same", "--keep") for _ in range(3)])
    assert sorted(item["outcome"] for item in found) == ["registered", "unchanged", "unchanged"]
    assert len(world.versions("same")) == 1
    assert len(places(world, "same")) == 1
    assert world.log_size() == 2
    assert world.problems() == []


def test_processes_registering_different_content_under_one_name_make_versions(
    world: World,
) -> None:
    paths = [write_documents(world.folder / f"{n}.jsonl", texts(n)) for n in "abc"]
    found = answers([cli(world, "register", str(path), "--name", "one") for path in paths])
    assert sorted(item["version"] for item in found) == [1, 2, 3]
    by_root = {version.content_root: version.number for version in world.versions("one")}
    assert by_root == {item["content_root"]: item["version"] for item in found}
    assert world.problems() == []


def test_threads_of_one_process_register_at_once(world: World) -> None:
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for part in (10, 20):
                world.register(name, texts("shared", part), folder=f"t/{threading.get_ident()}")
        except BaseException as error:  # noqa: BLE001 - a thread's errors would be lost
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("x", "x", "y", "z")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [len(world.versions(name)) for name in "xyz"] == [2, 2, 2]
    # Files of the index that another thread was still reading go with the next command.
    intents.recover(world.database, world.store, now=world.clock())
    assert world.problems() == []


# A full disk.


def limited() -> None:
    """Let no file grow beyond 200 kB: the kernel says so as it would for a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


@pytest.mark.parametrize("keep", [False, True])
def test_a_full_disk_leaves_nothing_and_says_what_to_do(sqlite_world: World, *, keep: bool) -> None:
    path = write_documents(
        sqlite_world.folder / "large.jsonl", [os.urandom(50).hex() for _ in range(20_000)]
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cli.main", "--home", str(sqlite_world.home)),
            *("register", str(path), "--name", "large", "--json"),
            *(["--keep"] if keep else []),
        ],
        cwd=REPOSITORY,
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["type"] == "UnavailableError"
    assert "cannot be written" in error["message"]
    assert "nothing was recorded" in error["hint"]
    assert sqlite_world.log_size() == 1
    assert sqlite_world.problems() == []
    with sqlite_world.database.read() as session:
        assert session.scalars(sa.select(Intent)).all() == []


def test_a_storage_that_may_not_be_written_is_named(sqlite_world: World) -> None:
    shutil.rmtree(sqlite_world.store.root)
    sqlite_world.store.root.write_text("a file where the folder was", "utf-8")
    with pytest.raises((UnavailableError, OSError)):
        sqlite_world.register("one", ["One."])
    assert sqlite_world.log_size() == 1
    with sqlite_world.database.read() as session:
        assert session.scalars(sa.select(Intent)).all() == []


# The real corpora: the counts of their index, found by other means.

H, A, U = Origin.HUMAN, Origin.AI, Origin.UNKNOWN

SOLUTIONS: Final = {
    "question": H,
    "ground_truth": H,
    "6b_finetuning.solution": A,
    "6b_verification.solution": A,
    "175b_finetuning.solution": A,
    "175b_verification.solution": A,
}
LABELLED: Final = {"origin_map": {"human": H, "ai": A, "unknown": U}, "text_fields": ["text"]}

CORPORA: Final[dict[str, dict[str, Any]]] = {
    "gsm8k": {"origin": H, "text_fields": ["question", "answer"]},
    "gsm8k_model_solutions": {"split_fields": SOLUTIONS},
    "fast_detect_gpt": {"origin_field": "label", "generator_field": "model", **LABELLED},
    "peps_2022": {"origin": H},
    "peps_history": {"origin_field": "origin", **LABELLED},
    "uchendu2020_a": {"origin": A, "text_fields": ["Generation"]},
    "wikitext2_pytorch": {"origin": H, "lines": True},
    "t0_human": {"origin": H, "text_fields": ["prompt", "completion"]},
}


@pytest.mark.parametrize("name", CORPORA)
def test_a_real_corpus_has_the_counts_of_its_card(
    sqlite_world: World, shared_data: Path, name: str
) -> None:
    card = json.loads((shared_data / name / "dataset.json").read_bytes())
    made = sqlite_world.register(name, paths=[shared_data / name], **CORPORA[name])
    version = made.version
    assert version.documents == card["documents"]
    assert version.distinct == card["distinct_texts"]
    assert version.exact_duplicates == card["exact_duplicates_within"]
    assert version.empty == card["empty_documents"]
    assert version.bytes == card["text_bytes"]
    value = claims(sqlite_world, name, Property.ORIGIN)[0].value
    spoken = {label: sums["documents"] for label, sums in value.get("origins", {}).items()}
    assert (spoken or {value["origin"]: version.documents}) == card["label_counts"]
    assert made.skipped == (str(shared_data / name / "dataset.json"),)


def test_texts_that_a_real_corpus_labels_both_ways_are_not_human(
    sqlite_world: World, shared_data: Path
) -> None:
    """Two texts of `fast_detect_gpt` are labelled human and, elsewhere, ai."""
    name = "fast_detect_gpt"
    sqlite_world.register(name, paths=[shared_data / name], **CORPORA[name])
    view = sqlite_world.standing(name)
    assert len(np.unique(view.hashes[view.view.contested])) == 2
    counted = sqlite_world.origins(name)
    assert counted[H] < 7850 < counted[A]
    assert counted[H] + counted[A] == 15700


def test_generators_named_for_records_with_several_origins_wrote_what_is_not_human(
    sqlite_world: World,
) -> None:
    pair: list[Any] = [{"question": "how many?", "answer": "forty-two"}]
    sqlite_world.register(
        "pairs", pair, split_fields=(("question", H), ("answer", A)), generators=("gpt-x",)
    )
    stand = sqlite_world.standing("pairs")
    assert [stand.generators.names[code] for code in stand.generators.codes] == [(), ("gpt-x",)]
    assert stand.view.origins() == [H, A]


def test_the_generator_of_a_human_record_is_not_counted(sqlite_world: World) -> None:
    """Detection corpora name in human rows the model whose text stands beside them."""
    rows: list[Any] = [
        {"text": "by a person", "label": "human", "model": "gpt-x"},
        {"text": "by a model", "label": "ai", "model": "gpt-x"},
    ]
    sqlite_world.register("d", rows, origin_field="label", generator_field="model")
    assert claims(sqlite_world, "d", Property.ORIGIN)[0].value["generators"] == {"gpt-x": 1}
