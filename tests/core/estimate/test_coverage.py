"""What `docs/bounds.md` says was measured, measured again."""

from __future__ import annotations

import re

import pytest

from benchmarks import coverage
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "bounds.md"


def rows_of(name: str) -> list[tuple[str, str, str]]:
    """Return the rows of a table of the page: what is done, the bound, how often it was wrong."""
    page = PAGE.read_text("utf-8")
    found = re.search(rf"<!-- table: {name} -->\n(.*?)<!-- end of table -->", page, re.DOTALL)
    assert found
    lines = [line for line in found[1].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return [(story, method, wrong) for story, method, wrong in cells]


def test_exactly_summed_risks_are_those_of_the_page() -> None:
    rows = list(coverage.exact_rows())
    for row in rows:
        assert (row.wrong <= coverage.DELTA * (1 + 1e-9)) is row.ours, row
    assert rows_of("exact") == read(coverage.table(rows))


@pytest.mark.slow
@pytest.mark.parametrize("name", coverage.SCENARIOS)
def test_simulated_risks_are_those_of_the_page(name: str) -> None:
    rows = list(coverage.SCENARIOS[name](coverage.RUNS))
    # Three standard errors of a nominal 5 % in 10,000 runs.
    noise = 3 * (0.05 * 0.95 / coverage.RUNS) ** 0.5
    shown = {row[:2]: row[2] for row in rows_of("simulated")}
    for row, (story, method, wrong) in zip(rows, read(coverage.table(rows)), strict=True):
        assert (row.wrong <= coverage.DELTA + noise) is row.ours, row
        # Another processor may round another way once in a while.
        assert percent(shown[story, method]) == pytest.approx(percent(wrong), abs=0.1)


@pytest.mark.slow
def test_every_simulated_row_of_the_page_has_a_scenario() -> None:
    made = {row.story for scenario in coverage.SCENARIOS.values() for row in scenario(2)}
    assert {story for story, _, _ in rows_of("simulated")} == made


def read(table: str) -> list[tuple[str, str, str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [(story, method, wrong) for story, method, wrong in cells[2:]]


def percent(cell: str) -> float:
    return float(cell.removesuffix(" %"))
