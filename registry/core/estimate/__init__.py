"""How human a population is at least: draws, bounds, what changes them, how many labels it takes.

`docs/bounds.md` has every bound in plain words, with its formula, its source, its measured coverage
and its traps. A bound of this package is a number L with P(L > φ) ≤ δ, where φ is the human share
of the weight; it holds for the population, the number of draws and the order it was computed for,
and for verdicts that are true or come with `Controls`.
"""

from registry.core.estimate.adjusting import (
    after_filtering,
    after_removing_ai,
    diluted,
    seen_share,
    verdicts_in_order,
)
from registry.core.estimate.composing import Composition, Part, compose, divided
from registry.core.estimate.drawing import (
    Found,
    Units,
    audit_seed,
    draw_units,
    draw_without_replacement,
)
from registry.core.estimate.fixed import fixed_lower, fixed_lowers, fixed_upper, fixed_uppers
from registry.core.estimate.growing import growing_lower, growing_lowers, growing_upper
from registry.core.estimate.partial import Lengths, Way, better_way, draw_term, partial_lower
from registry.core.estimate.planning import SampleSize, allowed_finds, sample_size
from registry.core.estimate.readers import (
    LEAST_CONTROLS,
    Agreement,
    Audit,
    Controls,
    agreement,
    less_reader_error,
    less_reader_errors,
)
from registry.core.estimate.small import small_lower

__all__ = [
    "LEAST_CONTROLS",
    "Agreement",
    "Audit",
    "Composition",
    "Controls",
    "Found",
    "Lengths",
    "Part",
    "SampleSize",
    "Units",
    "Way",
    "after_filtering",
    "after_removing_ai",
    "agreement",
    "allowed_finds",
    "audit_seed",
    "better_way",
    "compose",
    "diluted",
    "divided",
    "draw_term",
    "draw_units",
    "draw_without_replacement",
    "fixed_lower",
    "fixed_lowers",
    "fixed_upper",
    "fixed_uppers",
    "growing_lower",
    "growing_lowers",
    "growing_upper",
    "less_reader_error",
    "less_reader_errors",
    "partial_lower",
    "sample_size",
    "seen_share",
    "small_lower",
    "verdicts_in_order",
]
