"""The documentation is true: its commands run, its links lead somewhere, and nothing is left out."""

from __future__ import annotations

import inspect
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import pytest

from cli.commands.plan import read_recipe
from cli.main import COMMANDS, EXIT_CODES, INTERRUPTED, USAGE, firsthand, main
from cli.options import Sectioned
from registry.core import recipe
from registry.core.entry import FOLDED
from registry.verify import report as reports
from tests import snapshots
from tests.conftest import REPOSITORY

DOCS: Final = REPOSITORY / "docs"
PAGES: Final = (
    REPOSITORY / "README.md",
    REPOSITORY / "CHANGELOG.md",
    REPOSITORY / "examples" / "README.md",
    *sorted(DOCS.rglob("*.md")),
)
SCRIPTS: Final = Path(sys.executable).parent

_BLOCK: Final = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*) -->\n)?^```(?P<kind>sh|console)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_HERE: Final = re.compile(r"<<'(\w+)'")


@dataclass(frozen=True)
class Step:
    """A command of a page, what the page says it prints, and where that stands.

    `output` is None where the page shows none.
    """

    command: str
    output: str | None
    exit_code: int
    where: str


def steps(page: Path) -> Iterator[Step]:
    """Give the commands of a page in order.

    Blocks of `sh` hold commands, blocks of `console` commands after `$` and their output. A
    comment above a block, `<!-- exit: 3 -->`, says how its last command ends, and
    `<!-- not run: why -->` leaves the block out.
    """
    text = page.read_text("utf-8")
    for match in _BLOCK.finditer(text):
        note = match["note"] or ""
        if note.startswith("not run: "):
            continue
        line = text.count("\n", 0, match.start("body")) + 1
        found = list(_commands(match["body"], shown=match["kind"] == "console"))
        expected = int(note.removeprefix("exit: ")) if note.startswith("exit: ") else 0
        for index, (command, output) in enumerate(found):
            last = index == len(found) - 1
            yield Step(command, output, expected if last else 0, f"{page.name}:{line}: {command}")


def _commands(body: str, *, shown: bool) -> Iterator[tuple[str, str | None]]:
    lines = body.splitlines()
    while lines:
        line = lines.pop(0)
        if shown:
            assert line.startswith("$ "), f"output without a command: {line}"
            line = line.removeprefix("$ ")
        while line.endswith("\\"):
            line += "\n" + lines.pop(0)
        here = _HERE.search(line)
        while here and not line.endswith(f"\n{here[1]}"):
            line += "\n" + lines.pop(0)
        output: list[str] = []
        while shown and lines and not lines[0].startswith("$ "):
            output.append(lines.pop(0))
        if line and not line.startswith("#"):
            yield line, "\n".join(output) if shown else None


def run_in_shell(command: str) -> tuple[int, str]:
    """Run a command as it would be typed; return its exit code and all that it prints."""
    done = subprocess.run(
        ["sh", "-c", command],
        env=os.environ | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout


def run(command: str) -> tuple[int, str]:
    """Run the command line in this process, which saves starting Python; other things in a shell."""
    words = shlex.split(command.replace("\\\n", ""))
    if words[0] != "firsthand" or set(words) & {"|", "||", "&&", ">", ";"}:
        return run_in_shell(command)
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        code = main(words[1:])
    return code, printed.getvalue()


def pattern_of(output: str) -> re.Pattern[str]:
    """Return what matches shown output: `…` is any text in a line, or alone any lines."""
    parts = []
    for line in output.splitlines():
        if line == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(r"[^\n]*?".join(map(re.escape, line.rstrip().split("…"))) + r"[ ]*\n")
    return re.compile("".join(parts))


def difference(step: Step, code: int, printed: str) -> str:
    """Return how a command went otherwise than its page says, or nothing."""
    if code != step.exit_code:
        return f"{step.where}\nended with {code}, not {step.exit_code}:\n{printed}"
    if step.output is not None and not pattern_of(step.output).fullmatch(printed):
        return f"{step.where}\nprinted:\n{printed}\nand not:\n{step.output}"
    return ""


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the examples in the current folder."""
    folder = tmp_path / "a folder"
    shutil.copytree(REPOSITORY / "examples", folder, ignore=shutil.ignore_patterns(".*"))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    "page",
    [
        REPOSITORY / "README.md",
        *(
            DOCS / f"{name}.md"
            for name in (
                "start",
                "training-set",
                "stranger",
                "guide",
                "recipes",
                "sources",
                "whereis",
                "duplicates",
                "vault",
                "dedup",
                "overlap",
                "check",
                "log",
                "proofs",
                "keys",
                "impact",
                "withdrawal",
                "claims",
            )
        ),
    ],
    ids=lambda it: it.stem,
)
@pytest.mark.usefixtures("examples")
def test_the_commands_of_a_page_do_what_it_says(page: Path) -> None:
    made = list(steps(page))
    assert made
    wrong = [problem for step in made if (problem := difference(step, *run(step.command)))]
    if wrong:
        pytest.fail("\n\n".join(wrong), pytrace=False)


def test_every_recipe_of_a_page_is_one(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (DOCS / "recipes.md").read_text("utf-8"), _EACH)
    assert len(blocks) >= 5
    for block in blocks:
        file = tmp_path / "recipe.yaml"
        file.write_text(block, "utf-8")
        read_recipe(str(file))


def test_the_verifier_of_the_page_holds_good_and_refuses_bad(tmp_path: Path) -> None:
    code = re.search(r"^```python\n(.*?)^```$", (DOCS / "trust.md").read_text("utf-8"), _EACH)
    assert code
    snap = snapshots.write(tmp_path / "snap")
    key = tmp_path / "key.pub"
    key.write_text(snap.signer.public.pem, "ascii")

    def check() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code[1], str(snap.path), str(key)]
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)

    assert check().stdout.startswith("40 texts hold; This does not prove")
    snap.rewrite(1, [*snap.parts[1][:-1], snapshots.row("another text")])
    assert "another file" in check().stderr
    snap.certify_files()
    assert "another row" in check().stderr


def test_every_key_of_a_recipe_is_explained() -> None:
    page = (DOCS / "recipes.md").read_text("utf-8")
    explained = {name.rpartition(".")[2] for name in re.findall(r"`([a-z_.\[\]]+)`", page)}
    models = (recipe.Recipe, recipe.Source, recipe.Filters, recipe.Words, recipe.Size, recipe.Human)
    assert {name for model in models for name in model.model_fields} <= explained


_EACH: Final = re.MULTILINE | re.DOTALL
_LINK: Final = re.compile(r"(?<!`)\[[^\]\n]+\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=_EACH)
    for link in _LINK.findall(text):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} leads nowhere"
        assert REPOSITORY in (target, *target.parents), f"{link} leads out of the repository"
        if anchor:
            assert anchor in anchors(target), f"{link}: no such heading"


def test_pages_are_reachable_from_the_readme() -> None:
    seen, waiting = set[Path](), [REPOSITORY / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        for link in _LINK.findall(page.read_text("utf-8")):
            target = (page.parent / link.partition("#")[0]).resolve()
            if not link.startswith("http") and target.is_file():
                waiting.append(target)
    lost = sorted(str(page.relative_to(REPOSITORY)) for page in set(PAGES) - seen)
    assert lost == [], "no page that the README leads to links to these"


# The reference of commands is made from the commands themselves.

_PREAMBLE: Final = """\
# Commands

Made from the help texts by `pytest tests/test_docs.py --update-goldens`; edit those instead.

    firsthand [--home DIR] COMMAND …

Data goes to standard output, messages and errors to standard error. An error is one line that says what was
found and what was expected, and a `hint:` that says what to do. Names are `name` or `team/name`, versions
`name@3`; without a number the latest is meant. Options may stand before or after arguments.
"""

_VARIABLES: Final = {
    "FIRSTHAND_ACTOR": "who makes the claims; default: the user who is logged in",
    "FIRSTHAND_BUSY_SECONDS": "how long to wait for another command that writes to the database; "
    "default: 30",
    "FIRSTHAND_DATABASE": "the database, as `init --database`; overrides `config.json` in every command",
    "FIRSTHAND_DEBUG": "with any value, an error that nobody expected is shown with its traceback",
    "FIRSTHAND_PASSPHRASE": "the passphrase of private keys; without it, it is asked for at the terminal",
    "FIRSTHAND_S3_ANONYMOUS": "`1` asks S3 without credentials, for public buckets",
    "FIRSTHAND_STATE": "where this machine remembers what it signed; default: `firsthand` in "
    "XDG_STATE_HOME or in `~/.local/state`",
}
"""Those that are more than the default of an option."""


def reference() -> str:
    """Return the page about the commands."""
    parts = [_PREAMBLE, _exit_codes(), _variables(), *map(_chapter, _commands_by_name().items())]
    return "\n".join(parts)


def _commands_by_name() -> dict[str, click.Command]:
    context = click.Context(firsthand)
    found: dict[str, click.Command] = {"firsthand": firsthand}
    for name in COMMANDS:
        command: click.Command | None = firsthand
        for word in name.split():
            assert isinstance(command, click.Group)
            command = command.get_command(context, word)
        assert command is not None
        found[f"firsthand {name}"] = command
    return found


_EXIT_CODES: Final = {
    0: "done, and the answer is yes",
    1: "an error: wrong input, nothing recorded under that name, a contradiction to what is recorded, "
    "something that did not answer; `verify` could not decide",
    USAGE: "the command line is wrong",
    3: "the answer is no: a recipe that cannot be kept, a snapshot that is refused, a database that "
    "is not as it was logged, a log that is not what was signed",
    INTERRUPTED: "interrupted from the keyboard",
}


def _exit_codes() -> str:
    assert {*EXIT_CODES.values()} <= {*_EXIT_CODES}
    table = "\n".join(f"| {code} | {text} |" for code, text in _EXIT_CODES.items())
    return f"## Exit codes\n\n| Code | Means |\n| --- | --- |\n{table}\n"


def _variables() -> str:
    options: dict[str, tuple[str, list[str]]] = {}
    for name, command in _commands_by_name().items():
        for option in command.params:
            if isinstance(option, click.Option) and isinstance(option.envvar, str):
                options.setdefault(option.envvar, (option.opts[0], []))[1].append(name)
    found = {
        variable: f"the default of `{flag}`"
        + (f" of `{'` and `'.join(names)}`" if len(names) < 5 and names != ["firsthand"] else "")
        for variable, (flag, names) in options.items()
    }
    table = "\n".join(
        f"| `{name}` | {text} |" for name, text in sorted((found | _VARIABLES).items())
    )
    return f"## Environment\n\n| Variable | Is |\n| --- | --- |\n{table}\n"


def _chapter(item: tuple[str, click.Command]) -> str:
    name, command = item
    context = click.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    paragraphs = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(command.help or ""))
    options = [it for it in command.params if isinstance(it, click.Option)]
    sections = {"Options": options}
    if isinstance(command, Sectioned):
        sections = command.by_section(context)
    sections = {
        heading: [it for it in options if it in command.params]
        for heading, options in sections.items()
    }
    tables = [
        f"{_table(options)}\n" if heading == "Options" else f"{heading}:\n\n{_table(options)}\n"
        for heading, options in sections.items()
    ]
    return f"## {name}\n\n    {name} {usage}\n\n{paragraphs}\n\n" + "\n".join(tables)


def _table(options: Sequence[click.Option]) -> str:
    rows = [f"| {_flags(option)} | {_meaning(option)} |" for option in options]
    return "\n".join(["| Option | Means |", "| --- | --- |", *rows])


def _flags(option: click.Option) -> str:
    flags = ", ".join(f"`{flag}`" for flag in option.opts)
    if option.is_flag or isinstance(option.type, click.Choice | click.IntRange):
        return flags
    return f"{flags} `{option.metavar}`"


def _meaning(option: click.Option) -> str:
    text = (option.help or "").replace("|", "\\|")
    if isinstance(option.type, click.Choice):
        text += f" One of {', '.join(f'`{choice}`' for choice in option.type.choices)}."
    if isinstance(option.type, click.IntRange):
        least, most = option.type.min, option.type.max
        text += f" At least {least}." if most is None else f" From {least} to {most}."
    if option.required:
        text += " Required."
    if option.show_default:
        text += f" Default: `{option.default}`."
    return text


def test_the_reference_has_every_command(request: pytest.FixtureRequest) -> None:
    page, made = DOCS / "cli.md", reference()
    if request.config.getoption("--update-goldens"):
        page.write_text(made, "utf-8")
    assert page.read_text("utf-8") == made, "run pytest tests/test_docs.py --update-goldens"


def test_every_option_says_what_it_is() -> None:
    for name, command in _commands_by_name().items():
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{name} {option.opts}"
                assert option.help.endswith("."), f"{name} {option.opts}: {option.help}"


def in_the_code(pattern: str) -> set[str]:
    """Return every match of a pattern in the library and the command line."""
    return {
        match
        for folder in ("registry", "cli")
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        for match in re.findall(pattern, path.read_text("utf-8"))
    }


def test_every_setting_is_in_the_reference() -> None:
    assert in_the_code(r"\bFIRSTHAND_[A-Z0-9_]+\b") == set(
        re.findall(
            r"^\| `(FIRSTHAND_[A-Z0-9_]+)` \|", (DOCS / "cli.md").read_text("utf-8"), re.MULTILINE
        )
    )


def rows_after(page: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table after a heading, without its head."""
    _, found, rest = page.read_text("utf-8").partition(f"\n{heading}\n")
    assert found, f"{page.name} has no {heading}"
    table = re.search(r"^\|.*\n\|[ -|:]+\n((?:\|.*\n)+)", rest, re.MULTILINE)
    assert table
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table[1].splitlines()]


def test_every_reason_code_is_explained() -> None:
    codes = [row[0].strip("`") for row in rows_after(DOCS / "trust.md", "### Reason codes")]
    assert len(codes) == len(set(codes))
    assert set(codes) == in_the_code(r"\bE_[A-Z_]+\b")


def test_the_exit_codes_of_verify_are_explained() -> None:
    codes = {int(row[0]) for row in rows_after(DOCS / "trust.md", "## Verification")}
    assert codes == {*reports._EXIT_CODES.values(), USAGE}


def test_what_the_log_binds_is_listed() -> None:
    rows = rows_after(DOCS / "trust.md", "### What the log binds")
    listed = {row[0].strip("`"): tuple(re.findall(r"`(\w+)`", row[1])) for row in rows}
    assert listed == dict(FOLDED)
    every = {table: set(columns.keys()) for table, columns in _columns_of_tables().items()}
    for table, columns in FOLDED.items():
        assert set(columns) == every[table], f"{table} has columns that the log does not bind"
    unbound = re.search(
        r"^Not bound: (.+)\.$", (DOCS / "trust.md").read_text("utf-8"), re.MULTILINE
    )
    assert unbound
    assert set(re.findall(r"`(\w+)`", unbound[1])) == set(every) - set(FOLDED)


def _columns_of_tables() -> dict[str, Any]:
    from registry.db import models  # noqa: F401 - fills the metadata
    from registry.db.base import Base

    return {name: table.columns for name, table in Base.metadata.tables.items()}


def test_the_examples_are_small_and_licensed() -> None:
    files = [
        path
        for path in (REPOSITORY / "examples").rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.parts)
    ]
    assert sum(path.stat().st_size for path in files) < 2_000_000
    for path in (REPOSITORY / "examples" / "peps").iterdir():
        assert "public domain" in " ".join(path.read_text("utf-8").lower().split()[-60:])
