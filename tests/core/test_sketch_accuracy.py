"""Estimates and candidates keep what `SketchParams` promises, on pairs of real documents."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from benchmarks import accuracy

REAL: Final = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the shared corpora are not at hand")


def check(several: list[accuracy.Pairs]) -> None:
    pairs = accuracy.joined(several)
    assert pairs.error <= 0.026
    assert abs(pairs.bias) <= 0.003
    assert pairs.recall == pytest.approx(pairs.promised, abs=0.01)
    assert pairs.where(pairs.exact >= 0.8).recall >= 0.99


def test_a_sample_of_real_pairs() -> None:
    chosen = [path for path in accuracy.lists(REAL) if path.name.startswith(("gsm8k", "hppt"))]
    assert len(chosen) == 4
    check([accuracy.measure(path, 1_000) for path in chosen])


@pytest.mark.slow
def test_all_lists_of_real_pairs() -> None:
    check([accuracy.measure(path, 20_000) for path in accuracy.lists(REAL)])


@pytest.mark.slow
def test_versions_of_peps_find_one_another() -> None:
    pairs = accuracy.measure(REAL / "truth" / "peps_history.pairs.jsonl.gz", 1_000_000)
    near = pairs.where(pairs.listed >= 0.8)
    # What INDEX.md of the corpora counts by `str.split`.
    assert len(near.exact) >= 2_697
    assert near.recall >= 0.99
