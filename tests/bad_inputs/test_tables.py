"""Every bad input gets one clear message and the right exit code, and leaves nothing half-done.

What needs a machine that fails, or a second process, is in `test_machines.py`. Each case runs the real command line on a real home and compares all that
the home holds, down to the rows of its database, before and after.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.bad_inputs.case import Case, Fine, state
from tests.bad_inputs.files import FILES
from tests.bad_inputs.records import FINE, RECORDS
from tests.bad_inputs.registry import REGISTRY
from tests.cli.running import Cli

CASES: Final = (*FILES, *RECORDS, *REGISTRY)
PLACED: Final = re.compile(r"`[^`]+`")


def test_the_tables_are_long_and_name_each_case_once() -> None:
    names = [case.name for case in (*CASES, *FINE)]
    assert len(names) == len(set(names))
    assert len(CASES) >= 45


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_bad_input_is_one_clear_error_and_changes_nothing(
    case: Case, cli: Cli, home: Path, tmp_path: Path
) -> None:
    case.make(tmp_path)
    before = state(home)
    ran = cli(*case.words, "--json")
    error = ran.error
    assert (ran.code, error["type"]) == (case.code, case.type), ran.err
    assert re.search(case.message, error["message"]), error
    assert re.search(case.hint, error["hint"] or ""), error
    assert_readable(error["message"], error["hint"], usage=case.code == 2)
    # The same for people: the message, the remedy, nothing else.
    told = cli(*case.words)
    assert (told.code, told.out) == (case.code, "")
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 2, "a message and a hint, on a line each"
    assert state(home) == before


def assert_readable(message: str, hint: str | None, *, usage: bool) -> None:
    """Hold an error to the house style: lower case, no full stop, a remedy, nothing endless."""
    assert len(message) <= 700
    assert "failed to" not in message
    if not usage:
        assert message[0] in "`-" or message[0].islower() or message[0].isdigit()
        assert not message.endswith(".")
    assert hint


@pytest.mark.parametrize("fine", FINE, ids=str)
def test_what_only_looks_bad_is_registered_as_it_is(
    fine: Fine, cli: Cli, home: Path, tmp_path: Path
) -> None:
    fine.make(tmp_path)
    ran = cli(*fine.words, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["documents"] == len(fine.texts)
    assert ran.json["distinct"] == len(set(fine.texts))
    assert ran.json["empty"] == fine.texts.count("")
    assert ran.json["bytes"] == sum(len(text.encode()) for text in fine.texts)
    assert cli("db", "check").code == 0
