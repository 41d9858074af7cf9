"""All cases, how a verifier of this process answers one, and where the good world is kept."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from registry.errors import RegistryError, VerificationError
from registry.verify import Report, front, screen
from tests.must_fail import world
from tests.must_fail.case import FAIL, PASS, Case
from tests.must_fail.world import World

_MODULES: Final = (
    "must_fail.envelopes",
    "must_fail.statements",
    "must_fail.claims",
    "must_fail.files",
    "must_fail.rows",
    "must_fail.logs",
    "must_fail.times",
    "must_fail.copies",
    "must_fail.proofs",
    "must_pass.cases",
)
for _name in _MODULES:
    importlib.import_module(f"tests.{_name}")

MUST_FAIL: Final = tuple(FAIL.cases)
MUST_PASS: Final = tuple(PASS.cases)
OPTIONS: Final = ("key", "trust", "checkpoint", "log", "text", "level")
_FILES: Final = OPTIONS[:-1]


_BUILT: Final[list[World]] = []


def shared(factory: pytest.TempPathFactory) -> World:
    """Return the good world of this session, which is built once."""
    if not _BUILT:
        _BUILT.append(world.build(factory.mktemp("world")))
    return _BUILT[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verifier says.

    Attributes:
        exit: The exit code.
        code: The reason code of the first failure, or None.
        report: The report, or None where there is none to give.
        lines: What the screen shows.
    """

    exit: int
    code: str | None
    report: Report | None
    lines: tuple[str, ...]


def ask(folder: Path, given: dict[str, str]) -> Answer:
    """Verify what a case gives, by the function behind every command line."""

    def file(name: str) -> str | None:
        return str(folder / given[name]) if name in given else None

    told: list[str] = []
    try:
        report = front.examine(
            str(folder / given["path"]),
            key_file=file("key"),
            trust_file=file("trust"),
            checkpoint=file("checkpoint"),
            log=file("log"),
            level=given.get("level"),
            text_file=file("text"),
            tell=told.append,
        )
    except VerificationError as error:
        return Answer(3, error.code, None, (error.message,))
    except RegistryError as error:
        return Answer(1, None, None, (error.message,))
    code = report.failures[0].code if report.failures else None
    return Answer(report.exit_code, code, report, (*told, *screen.lines(report)))


def words(folder: Path, given: dict[str, str]) -> list[str]:
    """Return the same as the words of a command line."""
    made = [str(folder / given["path"])]
    for name in OPTIONS:
        if name in given:
            made += [f"--{name}", str(folder / given[name]) if name in _FILES else given[name]]
    return made


def skip(case: Case) -> None:
    """Leave out a case that needs what is not installed."""
    if case.needs_tsa and not world.can_stamp():
        pytest.skip("openssl or rfc3161-client is not installed")
