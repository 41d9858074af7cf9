"""Hold every bound to what it promises, and the naive ones to what they do, and write it down.

    python -m benchmarks.coverage [--runs 10000]

Exact rows sum over all outcomes; simulated rows count, in runs with fixed seeds, how often a bound
exceeded the truth. Both tables replace those of `docs/bounds.md`. Tests hold the same numbers to
their nominal risks, the simulated ones where slow tests are asked for.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from registry.core import estimate

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

PAGE: Final = Path(__file__).parents[1] / "docs" / "bounds.md"
RUNS: Final = 10_000
DELTA: Final = 0.05
_SHARES: Final = (0.9, 0.95, 0.98, 0.99, 0.995)
_SIZES: Final = (100, 400, 1000)
# Equal floats may come out of two formulas a digit apart.
_TIE: Final = 1e-12


@dataclass(frozen=True)
class Row:
    """How often one method was wrong.

    Attributes:
        story: What was done.
        method: How the bound was made.
        ours: Whether the project does that; the others are there to be seen failing.
        wrong: How probably, or how often, the bound exceeded the truth.
    """

    story: str
    method: str
    ours: bool
    wrong: float


# Methods that are not ours.


def wilson_lowers(human: npt.ArrayLike, draws: npt.ArrayLike, delta: float) -> Floats:
    k, n = np.asarray(human, np.float64), np.asarray(draws, np.float64)
    z = float(special.ndtri(1 - delta))
    p = k / n
    spread = z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    return np.asarray((p + z * z / 2 / n - spread) / (1 + z * z / n))


def wald_lowers(human: npt.ArrayLike, draws: npt.ArrayLike, delta: float) -> Floats:
    k, n = np.asarray(human, np.float64), np.asarray(draws, np.float64)
    p = k / n
    return np.asarray(p - float(special.ndtri(1 - delta)) * np.sqrt(p * (1 - p) / n))


# Exactly, by summing over all outcomes.

Bound = Callable[[npt.ArrayLike, npt.ArrayLike, float], Floats]


def worst_fixed(bound: Bound, draws: int, delta: float, shares: npt.ArrayLike) -> float:
    """Return how probably a bound is wrong at the worst of some shares."""
    human = np.arange(draws + 1)
    bounds = bound(human, draws, delta)
    return max(
        float(stats.binom.pmf(human, draws, share)[bounds > share + _TIE].sum())
        for share in np.atleast_1d(np.asarray(shares, np.float64))
    )


def least_favorable(draws: int, delta: float) -> Floats:
    """Return the shares at which Clopper–Pearson is wrong most: just below each of its bounds."""
    return estimate.fixed_lowers(np.arange(1, draws + 1), draws, delta) - 2 * _TIE


def ever_wrong(share: float, draws: int, delta: float, *, growing: bool) -> float:
    """Return how probably any bound of n = 1 … `draws` is wrong."""
    bound = estimate.growing_lowers if growing else estimate.fixed_lowers
    alive = np.ones(1)
    lost = 0.0
    for n in range(1, draws + 1):
        after = np.zeros(n + 1)
        after[:-1] += alive * (1 - share)
        after[1:] += alive * share
        # Below the share no bound is above it.
        least = int(share * n)
        over = np.zeros(n + 1, np.bool_)
        over[least:] = bound(np.arange(least, n + 1), n, delta) > share + _TIE
        lost += float(after[over].sum())
        alive = np.where(over, 0.0, after)
    return lost


def worst_small(population: int, draws: int, delta: float) -> float:
    """Return how probably the bound of a small population is wrong, at the worst composition."""
    bounds = np.array(
        [estimate.small_lower(human, draws, population, delta) for human in range(draws + 1)]
    )
    human = np.arange(draws + 1)
    return max(
        float(stats.hypergeom.pmf(human, population, good, draws)[bounds > good / population].sum())
        for good in range(population + 1)
    )


def wrong_controlled(share: float, error: float, draws: int, controls: int, delta: float) -> float:
    """Return how probably a bound with controls is wrong."""
    human, misjudged = np.arange(draws + 1), np.arange(controls + 1)
    bounds = estimate.less_reader_errors(
        estimate.fixed_lowers(human, draws, delta / 2)[:, None],
        estimate.fixed_uppers(misjudged, controls, delta / 2),
    )
    chances = np.outer(
        stats.binom.pmf(human, draws, share + (1 - share) * error),
        stats.binom.pmf(misjudged, controls, error),
    )
    return float(chances[bounds > share + _TIE].sum())


def wrong_partial(
    documents: int, good: int, draws: int, drawn: int, delta: float, *, carried: bool
) -> float:
    """Return how probably a bound is wrong for a random part of equally long documents.

    Args:
        documents: How many there are.
        good: How many are human.
        draws: How many draws the audit had.
        drawn: How many documents the part has.
        delta: The probability of being wrong.
        carried: Whether the draw is paid for; otherwise the population's bound is used as it is.
    """
    lengths = estimate.Lengths.of(np.full(documents, 1000))
    share = good / documents
    human, part = np.arange(draws + 1), np.arange(drawn + 1)
    chances = stats.binom.pmf(human, draws, share)
    likely = chances > 1e-12
    bounds = np.ones(draws + 1)
    if carried:
        whole = estimate.fixed_lowers(human, draws, delta / 2)
        bounds[likely] = [
            estimate.partial_lower(float(bound), lengths, drawn, delta / 2)
            for bound in whole[likely]
        ]
    else:
        bounds[likely] = estimate.fixed_lowers(human, draws, delta)[likely]
    lower = stats.hypergeom.pmf(part, documents, good, drawn)
    below = np.array([lower[part / drawn < bound - _TIE].sum() for bound in bounds])
    return float((chances * below)[likely].sum())


def exact_rows() -> Iterator[Row]:
    """Give the worst probabilities of being wrong, summed over all outcomes."""
    fixed = "n declared before; n = 100, 400, 1000"
    grid = "; φ = .9, .95, .98, .99, .995"
    yield Row(
        fixed + "; the least favorable φ",
        "Clopper–Pearson",
        True,
        max(
            worst_fixed(estimate.fixed_lowers, n, DELTA, least_favorable(n, DELTA)) for n in _SIZES
        ),
    )
    methods: tuple[tuple[str, bool, Bound], ...] = (
        ("Clopper–Pearson", True, estimate.fixed_lowers),
        ("Wilson", False, wilson_lowers),
        ("Wald", False, wald_lowers),
    )
    for name, ours, bound in methods:
        yield Row(
            fixed + grid, name, ours, max(worst_fixed(bound, n, DELTA, _SHARES) for n in _SIZES)
        )
    for growing in (True, False):
        yield Row(
            "a look after each of 300 labels; φ = .8, .9, .97",
            "growing" if growing else "Clopper–Pearson",
            growing,
            max(ever_wrong(share, 300, DELTA, growing=growing) for share in (0.8, 0.9, 0.97)),
        )
    yield Row(
        "10, 30 or 50 of 60 members drawn; every composition",
        "small population",
        True,
        max(worst_small(60, draws, DELTA) for draws in (10, 30, 50)),
    )
    yield Row(
        "400 draws, 60 controls; φ = .9, .98; ε = 0, .1, .3, .9",
        "Clopper–Pearson with controls",
        True,
        max(
            wrong_controlled(share, error, 400, 60, DELTA)
            for share in (0.9, 0.98)
            for error in (0.0, 0.1, 0.3, 0.9)
        ),
    )
    for carried in (True, False):
        yield Row(
            "5,000 labels, 1,000 of 100,000 documents drawn; φ = .97",
            "population's bound less the draw" if carried else "population's bound as it is",
            carried,
            wrong_partial(100_000, 97_000, 5000, 1000, DELTA, carried=carried),
        )


# By simulation.


def _looks(
    human: npt.NDArray[np.bool_], every: int, bound: Bound, share: float, delta: float
) -> float:
    """Return in how many runs a bound was wrong at any look."""
    wrong = np.zeros(len(human), np.bool_)
    sums = np.cumsum(human, axis=1, dtype=np.int64)
    for n in range(every, human.shape[1] + 1, every):
        wrong |= _bound_of(sums[:, n - 1], n, bound, delta) > share
    return float(wrong.mean())


def _bound_of(human: Integers, draws: int, bound: Bound, delta: float) -> Floats:
    """Return bounds of many runs, computing each only once."""
    different, at = np.unique(human, return_inverse=True)
    return bound(different, draws, delta)[at]


def growing(runs: int) -> Iterator[Row]:
    """People look, then label more."""
    human = np.random.default_rng(801).random((runs, 1000)) < 0.97
    for name, ours, bound in (
        ("growing", True, estimate.growing_lowers),
        ("Clopper–Pearson", False, estimate.fixed_lowers),
    ):
        yield Row(
            "a look every 20 labels up to 1,000; φ = .97",
            name,
            ours,
            _looks(human, 20, bound, 0.97, DELTA),
        )


def picked_order(runs: int) -> Iterator[Row]:
    """Whoever labels takes what looks human first, and looks every time."""
    human = np.random.default_rng(802).random((runs, 400)) < 0.97
    story = "400 draws, the human ones labelled first, a look after each; φ = .97"
    # After h human verdicts in the order of the draw, all draws up to the h-th human one count.
    wrong = np.zeros(runs, np.bool_)
    sums = np.cumsum(human, axis=1, dtype=np.int64)
    for n in range(1, 401):
        over = _bound_of(sums[:, n - 1], n, estimate.growing_lowers, DELTA) > 0.97
        wrong |= over & human[:, n - 1]
    yield Row(story, "growing, gaps counted as not human", True, float(wrong.mean()))
    best = estimate.growing_lowers(np.arange(401), np.arange(401), DELTA)
    yield Row(
        story,
        "growing, gaps left out",
        False,
        float((best[human.sum(axis=1)] > 0.97).mean()),
    )


@cache
def _long_texts(documents: int, share: float, seed: int) -> tuple[Integers, Mask]:
    """Make documents of which the longest are AI text, the longest of all last."""
    weights = np.sort(np.random.default_rng(seed).lognormal(7, 1.2, documents).astype(np.int64) + 1)
    before = np.cumsum(weights)
    human = before <= share * before[-1]
    return weights, human


def _share(weights: Integers, human: Mask) -> float:
    return float(weights[human].sum() / weights.sum())


def _real_draws(weights: Integers, human: Mask, draws: int, runs: int, name: str) -> Integers:
    """Return how many of real draws met human text, for each of many nonces."""
    units = estimate.Units.of(weights)
    found = np.empty(runs, np.int64)
    for run in range(runs):
        seed = estimate.audit_seed(bytes(32), f"{name} {run}".encode())
        met = units.find(estimate.draw_units(seed, units.total, draws)).documents
        found[run] = np.count_nonzero(human[met])
    return found


def lengths(runs: int) -> Iterator[Row]:
    """AI text is longer, and stands where a lazy sample would not look."""
    weights, human = _long_texts(5000, 0.9, 803)
    truth = _share(weights, human)
    story = "100 draws, the longest texts are AI and stand last; φ = .90 of bytes"
    found = _real_draws(weights, human, 100, runs, "lengths")
    wrong = estimate.fixed_lowers(found, 100, DELTA) > truth
    yield Row(story, "weighted units", True, float(wrong.mean()))
    drawn = np.random.default_rng(804).integers(0, len(weights), (runs, 100))
    wrong = estimate.fixed_lowers(human[drawn].sum(axis=1), 100, DELTA) > truth
    yield Row(story, "documents drawn alike", False, float(wrong.mean()))
    first = np.random.default_rng(805).integers(0, 100, runs)[:, None] + np.arange(100)
    wrong = estimate.fixed_lowers(human[first].sum(axis=1), 100, DELTA) > truth
    yield Row(story, "the first documents", False, float(wrong.mean()))


def direct(runs: int) -> Iterator[Row]:
    """The assembled snapshot is audited, but for what is recorded as not human."""
    weights, human = _long_texts(4000, 0.93, 806)
    known = ~human & (np.arange(len(weights)) % 2 == 0)
    rest = ~known
    truth = _share(weights, human)
    audited, total = int(weights[rest].sum()), int(weights.sum())
    found = _real_draws(weights[rest], human[rest], 120, runs, "direct")
    bounds = estimate.fixed_lowers(found, 120, DELTA)
    story = "120 draws from a snapshot, half of its AI text is recorded as such; φ = .93"
    made = np.array([estimate.diluted(float(bound), audited, total) for bound in bounds])
    yield Row(story, "direct, times the share audited", True, float((made > truth).mean()))
    yield Row(story, "direct, taken for everything", False, float((bounds > truth).mean()))


def sliced(runs: int) -> Iterator[Row]:
    """The best of ten slices is taken."""
    rng = np.random.default_rng(807)
    landed = rng.multinomial(800, np.full(10, 0.1), runs)
    human = rng.binomial(landed, 0.9)
    story = "800 draws in ten slices, the best taken; φ = .90 in each"
    for name, ours, delta in (
        ("its draws at δ/10", True, estimate.divided(DELTA, slices=10)),
        ("its draws at δ", False, DELTA),
    ):
        best = estimate.fixed_lowers(human, landed, delta).max(axis=1)
        yield Row(story, name, ours, float((best > 0.9).mean()))
    # Nine slices without AI text, and one that is .4 human.
    shares = np.array([1.0] * 9 + [0.4])
    human = rng.binomial(landed, shares).sum(axis=1)
    own = rng.binomial(landed[:, 9], 0.4)
    story = "800 draws in ten slices, the worst taken; φ = .94 in all, .40 there"
    made = estimate.fixed_lowers(own, landed[:, 9], DELTA / 10)
    yield Row(story, "its draws at δ/10", True, float((made > 0.4).mean()))
    made = estimate.fixed_lowers(human, 800, DELTA)
    yield Row(story, "the bound of all", False, float((made > 0.4).mean()))


def controlled(runs: int) -> Iterator[Row]:
    """Readers err, and controls show how much."""
    rng = np.random.default_rng(808)
    for error in (0.0, 0.1, 0.3):
        called = rng.binomial(400, 0.95 + 0.05 * error, runs)
        misjudged = rng.binomial(60, error, runs)
        story = f"400 draws, readers call {error * 100:.0f} % of AI text human; φ = .95"
        made = estimate.less_reader_errors(
            estimate.fixed_lowers(called, 400, DELTA / 2),
            estimate.fixed_uppers(misjudged, 60, DELTA / 2),
        )
        yield Row(story, "60 controls", True, float((made > 0.95).mean()))
        made = estimate.fixed_lowers(called, 400, DELTA)
        yield Row(story, "verdicts taken for truth", error == 0, float((made > 0.95).mean()))
    story = "a look every 20 labels up to 1,000, a control after every 10; ε = .1; φ = .95"
    called = np.cumsum(rng.random((runs, 1000)) < 0.955, axis=1, dtype=np.int64)
    misjudged = np.cumsum(rng.random((runs, 100)) < 0.1, axis=1, dtype=np.int64)
    wrong = np.zeros(runs, np.bool_)
    for n in range(20, 1001, 20):
        apparent = _bound_of(called[:, n - 1], n, estimate.growing_lowers, DELTA / 2)
        rightly = n // 10 - misjudged[:, n // 10 - 1]
        errors = 1 - _bound_of(rightly, n // 10, estimate.growing_lowers, DELTA / 2)
        wrong |= estimate.less_reader_errors(apparent, errors) > 0.95
    yield Row(story, "growing, of verdicts and controls", True, float(wrong.mean()))


def chosen(runs: int) -> Iterator[Row]:
    """The best of many audited datasets are taken."""
    rng = np.random.default_rng(809)
    human = rng.binomial(100, 0.9, (runs, 40))
    best = np.sort(human, axis=1)[:, -5:]
    story = "40 datasets of 100 draws, the best 5 mixed; φ = .90 in each"
    made = estimate.fixed_lowers(best, 100, estimate.divided(DELTA, candidates=40)).mean(axis=1)
    yield Row(story, "composed at δ/40", True, float((made > 0.9).mean()))
    made = estimate.fixed_lowers(best.sum(axis=1), 500, DELTA)
    yield Row(story, "draws pooled", False, float((made > 0.9).mean()))


def composed(runs: int) -> Iterator[Row]:
    """The best three of eight audited datasets are taken, and a fifth of each is drawn."""
    rng = np.random.default_rng(810)
    populations = []
    for at in range(8):
        weights, human = _long_texts(1000, 0.96, 900 + at)
        # What is left of the correlation when only some of the longest are AI text.
        human = human | (rng.random(len(weights)) < 0.3)
        populations.append((weights, human, estimate.Lengths.of(weights)))
    draws, drawn, candidates = 400, 200, 8
    delta = estimate.divided(DELTA, candidates=candidates)
    found = np.stack(
        [rng.binomial(draws, _share(weights, human), runs) for weights, human, _ in populations],
        axis=1,
    )
    best = np.argsort(-found, axis=1, kind="stable")[:, :3]
    made = {name: np.zeros(runs) for name in ("carried", "alone", "as it is")}
    truth, weight = np.zeros(runs), np.zeros(runs)
    tables = _of_parts(populations, draws, drawn, delta)
    for at, (weights, human, _) in enumerate(populations):
        rows = np.flatnonzero((best == at).any(axis=1))
        parts = np.argsort(rng.random((len(rows), len(weights))), axis=1)[:, :drawn]
        amounts = weights[parts].sum(axis=1)
        good = (weights[parts] * human[parts]).sum(axis=1)
        truth[rows] += good
        weight[rows] += amounts
        k = found[rows, at]
        made["carried"][rows] += amounts * tables[at][k]
        made["as it is"][rows] += amounts * estimate.fixed_lowers(k, draws, DELTA)
        # Which of an audit's draws fall into the part, given how many of all are human.
        whole, all_good = int(weights.sum()), int(weights[human].sum())
        good_here = rng.binomial(k, good / all_good)
        bad_here = rng.binomial(draws - k, (amounts - good) / (whole - all_good))
        survivors = estimate.fixed_lowers(good_here, good_here + bad_here, delta)
        made["alone"][rows] += amounts * survivors
    story = "the best 3 of 8 datasets of 400 draws, a fifth of each drawn, AI text is long"
    for name, method, ours in (
        ("carried", "populations' bounds at δ/16 less the draw at δ/16", True),
        ("alone", "draws that fell into the parts, at δ/8", True),
        ("as it is", "populations' bounds at δ", False),
    ):
        yield Row(story, method, ours, float((made[name] / weight > truth / weight).mean()))


def _of_parts(populations: list[Any], draws: int, drawn: int, delta: float) -> list[Floats]:
    """Return for each population the bound of a part, by how many draws met human text."""
    tables = []
    for _, _, brief in populations:
        table = np.zeros(draws + 1)
        for k in range(int(draws * 0.85), draws + 1):
            whole = estimate.fixed_lower(k, draws, delta / 2)
            table[k] = estimate.partial_lower(whole, brief, drawn, delta / 2)
        tables.append(table)
    return tables


SCENARIOS: Final[dict[str, Callable[[int], Iterator[Row]]]] = {
    "growing": growing,
    "picked order": picked_order,
    "lengths": lengths,
    "direct": direct,
    "sliced": sliced,
    "controlled": controlled,
    "chosen": chosen,
    "composed": composed,
}


def table(rows: list[Row], of: int | None = None) -> str:
    """Return rows as a table of Markdown."""
    head = "Wrong, at worst" if of is None else f"Wrong, of {of:,} runs"
    lines = [f"| What is done | Bound | {head} |", "| --- | --- | --- |"]
    for row in rows:
        method = f"**{row.method}**" if row.ours else row.method
        lines.append(f"| {row.story} | {method} | {row.wrong * 100:.2f} % |")
    return "\n".join(lines) + "\n"


def written(page: str, name: str, made: str) -> str:
    """Return a page with the table of that name replaced."""
    begin, end = f"<!-- table: {name} -->\n", "<!-- end of table -->\n"
    pattern = re.escape(begin) + "(?:(?!<!--).|\n)*" + re.escape(end)
    if not re.search(pattern, page):
        raise SystemExit(f"the page has no table `{name}`")
    return re.sub(pattern, lambda _: f"{begin}\n{made}\n{end}", page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    runs = parser.parse_args().runs
    exact = table(list(exact_rows()))
    print(exact)
    rows = [row for scenario in SCENARIOS.values() for row in scenario(runs)]
    simulated = table(rows, runs)
    print(simulated)
    page = PAGE.read_text("utf-8")
    PAGE.write_text(written(written(page, "exact", exact), "simulated", simulated), "utf-8")


if __name__ == "__main__":
    main()
