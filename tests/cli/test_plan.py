from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.core.attest import Signer
from registry.core.dataset import Origin
from tests.cli.running import Cli
from tests.conftest import FilledWorld
from tests.world import World

PLAN = {
    "plan", "recipe", "log_size", "feasible", "documents", "bytes", "words", "tokens", "tokenizer",
    "human_fraction", "inputs", "exact_duplicates_left_out", "evaluations", "shortfall",
}  # fmt: skip
INPUT = {
    "dataset", "version", "content_root", "documents", "bytes", "words", "tokens", "human_bytes",
    "candidates", "contested", "licenses", "origins", "left_out",
}  # fmt: skip
EXPORTED = {
    "path", "snapshot_root", "certificate", "documents", "bytes", "files", "human_fraction", "log", "supersedes",
    "existed",
}  # fmt: skip


def fill(world: World) -> None:
    world.register(
        "essays", [f"essay {at:03d}" for at in range(60)], origin=Origin.HUMAN, license="MIT"
    )
    world.register("chat", [f"reply {at:03d}" for at in range(60)], origin=Origin.AI)


@pytest.fixture
def sqlite_world(filled_sqlite_world: FilledWorld) -> World:
    return filled_sqlite_world(fill)


@pytest.fixture(autouse=True)
def datasets(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_HOME", str(sqlite_world.home))


def recipe(text: str, name: str = "mix.yaml") -> str:
    Path(name).write_text(text, "utf-8")
    return name


GOOD = "sources: [essays, chat]\nhuman: {at_least: 80%}\n"
MUCH = "sources: [essays, chat]\nhuman: {at_least: 90%}\nsize: {at_least: 1 kB}\n"


def test_the_document_of_a_plan(cli: Cli) -> None:
    ran = cli("plan", recipe(GOOD), "--json")
    assert ran.code == 0
    made = ran.json
    assert set(made) == PLAN
    assert [set(item) for item in made["inputs"]] == [INPUT, INPUT]
    assert made["feasible"] is True
    assert made["shortfall"] is None
    assert (made["documents"], made["bytes"]) == (75, 675)
    assert made["human_fraction"]["asked"] == "0.8"
    assert made["human_fraction"]["declared"] == {"denominator": 675, "numerator": 540}
    assert [item["origins"] for item in made["inputs"]] == [{"human": 60}, {"ai": 15}]


def test_a_plan_that_cannot_be_kept_exits_3_and_says_what_can(cli: Cli) -> None:
    ran = cli("plan", recipe(MUCH), "--json")
    assert ran.code == 3
    assert set(ran.json) == PLAN
    assert ran.json["feasible"] is False
    assert set(ran.json["shortfall"]) == {"message", "hint", "best_size", "best_share"}
    assert ran.json["shortfall"]["best_size"] == 594
    assert ran.json["shortfall"]["best_share"] == "15/28"
    screen = cli("plan", "mix.yaml", "--explain")
    assert screen.code == 3
    assert screen.out.startswith(
        "NOT FEASIBLE   the sources cannot give 1,000 bytes with at least 90.00 % human"
    )
    assert "at that size the best share of bytes is 53.57 %" in screen.out
    assert "Next" not in screen.out


def test_the_screen_of_a_plan(cli: Cli) -> None:
    out = cli("plan", recipe(GOOD, "my recipe;.yaml"), "--explain").out
    assert out.startswith("FEASIBLE BY DECLARATION   75 documents")
    assert "declared 80.0 % human of bytes   evidenced: not assessed   audited: not assessed" in out
    assert "chat@1: 45 documents more could have been drawn" in out
    assert "Nothing about it was measured." in out
    assert out.endswith("Next  firsthand export 'my recipe;.yaml' --out DIR\n")


def test_a_share_on_the_screen_is_never_rounded_up(cli: Cli, sqlite_world: World) -> None:
    texts = [f"{number:04d}" for number in range(3000)]
    sqlite_world.register("big", texts, origin=Origin.HUMAN)
    sqlite_world.claim("big", Origin.AI, where=texts[:1])
    out = cli("plan", recipe("sources: [big]")).out
    assert "declared 99.9 % human" in out
    assert "100.0 %" not in out


def test_json_is_yaml(cli: Cli) -> None:
    text = json.dumps({"sources": ["essays"], "human": {"at_least": 0.8}, "seed": 3}, indent=2)
    assert cli("plan", recipe(text, "mix.json"), "--json").json["documents"] == 60


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a recipe"),
        ("- a\n", "is not a recipe"),
        ("sources: [essays]\nsources: [chat]\n", "line 2 cannot be read as YAML: the key `sources` stands twice"),
        ("sources: [essays]\nhuman: {at_least: 0.9, at_least: 0.1}\n", "the key `at_least` stands twice"),
        ("a: &a [x]\nsources: *a\n", "aliases are not followed"),
        ("sources: [essays]\nhumans: {}\n", "has the unknown key `humans`"),
        ("sources: [essays]\nseed: -1\n", "`seed`"),
        ("sources: [essays]\nseed: 010\n", "`seed`"),
        ("sources: [essays]\nsize: 1,5 GB\n", "`size`"),
        ("sources: [essays]\nsize: .inf\n", "`size`"),
        ("sources: [essays]\nhuman: {at_least: 0.30000000000000004}\n", "`human.at_least`"),
        ("sources: [../essays]\n", "`sources.0.dataset`"),
        ("sources: ['\\e[2J']\n", "`sources.0.dataset`"),
        ('"\\e[2J\\u202e": 1\nsources: [essays]\n', "unknown key"),
        ("sources: [essays\n", "line 2 cannot be read as YAML"),
        ("\x00", "cannot be read as YAML"),
        ("x" * (1 << 20) + "x", "is larger than 1 MiB"),
    ],
    ids=range(17),
)  # fmt: skip
@pytest.mark.parametrize(
    "command", [["plan"], ["export", "--out", "snap"]], ids=lambda it: str(it[0])
)
def test_recipes_that_are_none(cli: Cli, text: str, says: str, command: list[str]) -> None:
    ran = cli(*command, recipe(text), "--json")
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")
    assert says in ran.error["message"]
    assert ran.error["hint"]
    assert cli(*command, "mix.yaml").code == 1
    assert not Path("snap").exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("nowhere.yaml", "NotFoundError"), (".", "InvalidInputError"), ("x" * 5000, "InvalidInputError"),
     ("\x1b[31m", "NotFoundError"), ("a\nb", "NotFoundError")],
    ids=range(5),
)  # fmt: skip
def test_recipes_that_are_not_there(cli: Cli, name: str, kind: str) -> None:
    ran = cli("plan", name, "--json")
    assert (ran.code, ran.error["type"]) == (1, kind)
    assert cli("plan", name).code == 1


def test_a_dataset_that_is_not_there(cli: Cli) -> None:
    ran = cli("plan", recipe("sources: [esays]"), "--json")
    assert (ran.code, ran.error["type"]) == (1, "NotFoundError")
    assert ran.error["hint"] == "did you mean `essays`?"


def test_an_export(cli: Cli, sqlite_world: World) -> None:
    ran = cli("export", recipe(GOOD), "--out", "snap", "--threads", "1", "--json")
    assert ran.code == 0
    assert set(ran.json) == EXPORTED
    assert (ran.json["documents"], ran.json["bytes"], ran.json["files"]) == (75, 675, 1)
    assert ran.json["existed"] is False
    assert Path(ran.json["path"]) == Path("snap").absolute()
    assert {path.name for path in Path("snap").iterdir()} == {
        "README.md", "certificate.json", "certificate.tlog-proof", "data", "manifest.json",
    }  # fmt: skip
    again = cli("export", "mix.yaml", "--out", "snap", "--json")
    assert again.json == ran.json | {"existed": True}
    assert "was there already" in cli("export", "mix.yaml", "--out", "snap").out
    key = sqlite_world.settings.public_key_file
    assert cli("verify", "snap", "--key", key).code == 0


def test_an_export_that_cannot_keep_its_recipe_exits_3_and_writes_nothing(cli: Cli) -> None:
    ran = cli("export", recipe(MUCH), "--out", "snap", "--json")
    assert (ran.code, ran.error["type"]) == (3, "GuaranteeError")
    assert "lower one of them, or add human documents" in ran.error["hint"]
    assert not Path("snap").exists()


@pytest.mark.parametrize(
    "out", ["with spaces", "ünïcödé 漢字", "-x", "--", "a;b", "new\nline", "$(id)"]
)
def test_the_next_command_is_one_that_can_be_typed(cli: Cli, sqlite_world: World, out: str) -> None:
    import shlex

    ran = cli("export", recipe(GOOD), f"--out={out}")
    assert ran.code == 0
    (line,) = (line for line in ran.out.splitlines() if line.startswith("Next"))
    words = shlex.split(line)
    assert words[1:3] == ["firsthand", "verify"]
    if out.isprintable():
        assert cli(*words[2:]).code == 0


@pytest.mark.parametrize(
    "out", ["no/such/folder", "mix.yaml", "mix.yaml/snap", "x" * 250, "", "bad \udcff name"]
)
def test_places_that_cannot_be_exported_to(cli: Cli, sqlite_world: World, out: str) -> None:
    ran = cli("export", recipe(GOOD), "--out", out, "--json")
    assert ran.code == 1
    assert ran.error["hint"]
    assert [path.name for path in Path().glob(".*.partial")] == []
    assert sqlite_world.problems() == []


def test_a_source_that_is_gone_is_named(cli: Cli, sqlite_world: World) -> None:
    (sqlite_world.folder / "files/essays/part-0.jsonl").unlink()
    ran = cli("export", recipe(GOOD), "--out", "snap", "--json")
    assert (ran.code, ran.error["type"]) == (1, "ConflictError")
    assert (
        "files/essays/part-0.jsonl` does not exist, needed for `essays@1`" in ran.error["message"]
    )
    assert not Path("snap").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_signs_nothing(cli: Cli, sqlite_world: World, mode: int) -> None:
    key = sqlite_world.settings.private_key_file
    key.chmod(mode)
    ran = cli("export", recipe(GOOD), "--out", "snap", "--json")
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")
    assert ran.error["hint"] == f"run `chmod 600 {key}`"
    assert not Path("snap").exists()


@pytest.mark.parametrize(
    "content", [b"", b"no key", None, Signer.generate().to_pem()], ids=range(4)
)
def test_a_key_that_is_none_or_another_signs_nothing(
    cli: Cli, sqlite_world: World, content: bytes | None
) -> None:
    key = sqlite_world.settings.private_key_file
    if content is None:
        key.unlink()
    else:
        key.write_bytes(content)
    ran = cli("export", recipe(GOOD), "--out", "snap", "--json")
    assert ran.code == 1
    assert "key" in ran.error["message"]
    assert not Path("snap").exists()
    assert sqlite_world.problems() == []


@pytest.mark.parametrize(
    "arguments",
    [["plan"], ["export", "mix.yaml"], ["export", "mix.yaml", "--out", "s", "--threads", "0"],
     ["export", "mix.yaml", "--out", "s", "--threads", "many"], ["plan", "a", "b"]],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_exits_2(cli: Cli, arguments: list[str]) -> None:
    recipe(GOOD)
    ran = cli(*arguments, "--json")
    assert (ran.code, ran.error["type"]) == (2, "UsageError")
