"""The documentation is true: its commands run, its links lead somewhere, and nothing is left out."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from cli.main import main
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


def run_here(command: str) -> tuple[int, str]:
    """Run the command line in this process, which saves starting Python; others in a shell."""
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
    ("page", "run"),
    [
        (REPOSITORY / "README.md", run_in_shell),
        (DOCS / "guide.md", run_here),
        (DOCS / "recipes.md", run_here),
    ],
    ids=["README", "guide", "recipes"],
)
@pytest.mark.usefixtures("examples")
def test_the_commands_of_a_page_do_what_it_says(page: Path, run: object) -> None:
    assert callable(run)
    made = list(steps(page))
    assert made
    wrong = [problem for step in made if (problem := difference(step, *run(step.command)))]
    if wrong:
        pytest.fail("\n\n".join(wrong), pytrace=False)
