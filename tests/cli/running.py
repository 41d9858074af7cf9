"""Run the command line inside the test, and read what it printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cli.main import main

Cli = Callable[..., "Ran"]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout; anything before or behind it is an error."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error of a failed command, which stdout and stderr must agree about."""
        (key,) = self.json
        assert key == "error"
        error: dict[str, Any] = self.json["error"]
        assert set(error) == {"type", "message", "hint"}
        assert self.err.startswith("error: ")
        return error


def runner(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return a function that runs a command."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        for stream in (out, err):
            assert all(line.isprintable() for line in stream.split("\n")), "a control character"
            assert "Traceback" not in stream
            assert "our mistake" not in stream
        return Ran(code, out, err)

    return run
