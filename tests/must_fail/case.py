"""What a case is: an attack in plain words, what the verifier is given, and the one right answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.must_fail.world import Bench

VALID: Final = 0
UNDECIDED: Final = 1
REFUSED: Final = 3

Build = Callable[["Bench"], None]
"""Bends the good world of a case."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case of the suite.

    Attributes:
        name: A short name, which is also that of its folder.
        attack: What somebody did, in plain words.
        why: Why the answer is this one.
        build: Does it.
        given: What the verifier is given beside the path: `key`, `trust`, `checkpoint`, `log`.
        level: `files`, `content`, or None for what has no levels.
        exit: The exit code.
        code: The reason code of the first failure, or None where nothing is refused.
        needs_tsa: Whether it needs the local time-stamp authority.
        says: Words that the screen must have.
    """

    name: str
    attack: str
    why: str
    build: Build = field(repr=False)
    given: tuple[str, ...]
    level: str | None
    exit: int
    code: str | None
    needs_tsa: bool = False
    says: tuple[str, ...] = ()

    def to_json(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the case as a document; `given` are the files that were made."""
        return {
            "name": self.name,
            "attack": self.attack,
            "why": self.why,
            "given": given,
            "expect": {"exit": self.exit, "code": self.code},
        }


class Suite:
    """The cases of some modules, in the order in which they stand there."""

    def __init__(self) -> None:
        """Start with none."""
        self.cases: list[Case] = []

    def add(
        self,
        attack: str,
        *,
        why: str,
        answer: int,
        code: str | None = None,
        given: str = "key",
        level: str | None = None,
        needs_tsa: bool = False,
        says: tuple[str, ...] = (),
    ) -> Callable[[Build], Build]:
        """Return a decorator that adds a case, named after the function."""

        def decorate(build: Build) -> Build:
            name = build.__name__.strip("_").replace("_", "-")
            assert name not in {case.name for case in self.cases}, name
            words = tuple(given.split())
            self.cases.append(
                Case(name, attack, why, build, words, level, answer, code, needs_tsa, says)
            )
            return build

        return decorate


FAIL: Final = Suite()
PASS: Final = Suite()


def refused(code: str, attack: str, *, why: str, **other: Any) -> Callable[[Build], Build]:
    """Return a decorator for a case that must be refused with this code first."""
    return FAIL.add(attack, why=why, answer=REFUSED, code=code, **other)


def undecided(attack: str, *, why: str, **other: Any) -> Callable[[Build], Build]:
    """Return a decorator for a case that must be left open."""
    return FAIL.add(attack, why=why, answer=UNDECIDED, **other)


def accepted(attack: str, *, why: str, **other: Any) -> Callable[[Build], Build]:
    """Return a decorator for a case that must be accepted."""
    return PASS.add(attack, why=why, answer=VALID, **other)
