"""What is odd and right is accepted, and the screen says what it has to say about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.must_fail import suite, world
from tests.must_fail.case import Case


@pytest.mark.parametrize("case", suite.MUST_PASS, ids=lambda it: it.name)
def test_what_holds_is_accepted(
    case: Case, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    suite.skip(case)
    folder = tmp_path / "case"
    given = world.run(suite.shared(tmp_path_factory), folder, case)
    answer = suite.ask(folder, given)
    assert (answer.exit, answer.code) == (0, None), answer.lines
    assert answer.report is not None
    document = answer.report.to_json()
    assert json.loads(json.dumps(document)) == document
    assert document["verdict"] == "valid"
    assert answer.lines[0].startswith("INTACT AND SIGNED")
    assert all(line.isprintable() for line in answer.lines)
    shown = "\n".join(answer.lines)
    for words in case.says:
        assert words in shown
    assert "does not prove that any text was written by a person" in shown


def test_what_a_signer_calls_itself_stays_between_its_quotes(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A name with quotes in it must not end the quotation and go on as a fact."""
    case = next(it for it in suite.MUST_PASS if it.name == "a-name-that-is-a-verdict")
    given = world.run(suite.shared(tmp_path_factory), tmp_path / "case", case)
    answer = suite.ask(tmp_path / "case", given)
    line = next(it for it in answer.lines if it.startswith("Signer"))
    before, quoted, after = line.split('"')
    assert "audited" in quoted
    assert "audited" not in before + after
    assert "pinned by you · self-attested" in after


def test_there_are_enough_of_them() -> None:
    assert len(suite.MUST_PASS) >= 30
