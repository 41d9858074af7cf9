"""The draw: which whole documents make up a training set, exact in integers.

Documents come in an order that depends on the seed and their content alone. Those at or above the
asked share can always be added; those below it are added as far as the share allows. Nothing is
rounded: every decision is made on integers, and the result is checked once more at the end.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Amounts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Order = npt.NDArray[np.int64]

UNBOUNDED = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Candidates:
    """The documents to draw from, each text once.

    Attributes:
        hashes: Content hashes, dtype `S32`.
        sizes: What a document takes of the size asked for.
        weights: What it weighs in the human share.
        human: How much of that weight counts as human.
    """

    hashes: npt.NDArray[np.bytes_]
    sizes: Amounts
    weights: Amounts
    human: Amounts

    def take(self, mask: Mask) -> Drawn:
        """Return what some of the documents add up to."""
        return Drawn(
            int(np.count_nonzero(mask)),
            int(self.sizes[mask].sum()),
            int(self.weights[mask].sum()),
            int(self.human[mask].sum()),
        )


@dataclass(frozen=True, slots=True)
class Drawn:
    """What drawn documents add up to."""

    documents: int
    size: int
    weight: int
    human: int

    @property
    def share(self) -> Fraction:
        """Return the human share; that of nothing is 0."""
        return Fraction(self.human, self.weight) if self.weight else Fraction(0)

    def keeps(self, share: Fraction) -> bool:
        """Return whether the share is kept, in exact integers."""
        return self.human * share.denominator >= self.weight * share.numerator


def seeded_order(hashes: npt.NDArray[np.bytes_], seed: int) -> Order:
    """Return the order of a draw: by SHA-256-seeded mixing of the content hashes.

    It depends on nothing but the seed and the contents, so the same texts found in another
    order, under another name or on another machine are drawn alike. The mixer is the finaliser
    of SplitMix64 (Steele, Lea and Flood 2014).
    """
    key = np.frombuffer(hashlib.sha256(f"firsthand draw v1\n{seed}".encode()).digest(), ">u8")
    words = np.ascontiguousarray(hashes).view(">u8").reshape(-1, 4).astype(np.uint64)
    mixed = words[:, 0] ^ np.uint64(key[0])
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    by_content = np.argsort(hashes)
    return by_content[np.argsort(mixed[by_content], kind="stable")]


def draw(candidates: Candidates, *, seed: int, share: Fraction | None, at_most: int | None) -> Mask:
    """Choose documents: as much as fits, keeping the share.

    Without a binding share the choice is a plain seeded draw from everything. Where that would
    miss the share, as few documents below it as necessary make way for documents at or above it.

    Args:
        candidates: Each text once.
        seed: Decides the order.
        share: The human share to keep, or None.
        at_most: The size not to exceed, or None.

    Returns:
        A mask over the candidates. The share holds for it exactly, also when it is empty.
    """
    room = UNBOUNDED if at_most is None else at_most
    order = seeded_order(candidates.hashes, seed)
    plain = _first_fit(order, [candidates.sizes], [room])
    if share is None or candidates.take(plain).keeps(share):
        return plain
    surplus = candidates.human * share.denominator - candidates.weights * share.numerator
    above, below = order[surplus[order] >= 0], order[surplus[order] < 0]

    def attempt(count: int) -> Mask:
        chosen = _first_fit(below[:count], [candidates.sizes], [room])
        rest = room - int(candidates.sizes[chosen].sum())
        chosen |= _first_fit(above, [candidates.sizes], [rest], of=len(order))
        return chosen

    low, high = 0, len(below)
    while low < high:
        middle = (low + high + 1) // 2
        if candidates.take(attempt(middle)).keeps(share):
            low = middle
        else:
            high = middle - 1
    chosen = attempt(low)
    chosen = _top_up(candidates, chosen, below, room, share)
    if not candidates.take(chosen).keeps(share):
        raise AssertionError("the draw broke the share it was to keep")
    return chosen


def _top_up(candidates: Candidates, chosen: Mask, below: Order, room: int, share: Fraction) -> Mask:
    """Add what still fits both the size and the slack that the share leaves."""
    drawn = candidates.take(chosen)
    slack = drawn.human * share.denominator - drawn.weight * share.numerator
    deficits = candidates.weights * share.numerator - candidates.human * share.denominator
    rest = below[~chosen[below]]
    more = _first_fit(
        rest,
        [candidates.sizes, deficits],
        [room - drawn.size, min(slack, UNBOUNDED)],
        of=len(chosen),
    )
    return chosen | more


def _first_fit(
    order: Order, costs: list[Amounts], rooms: list[int], *, of: int | None = None
) -> Mask:
    """Take documents in order while they fit, passing over those that do not.

    Each round takes the longest prefix that fits and drops what is now too large for the room
    left, so there are few rounds and no loop over documents.
    """
    count = of if of is not None else len(costs[0])
    chosen = np.zeros(count, np.bool_)
    left = [room for room in rooms]
    rest = order
    while len(rest):
        fits = np.ones(len(rest), np.bool_)
        for cost, room in zip(costs, left, strict=True):
            fits &= cost[rest] <= room
        rest = rest[fits]
        if not len(rest):
            break
        prefix = len(rest)
        for cost, room in zip(costs, left, strict=True):
            prefix = min(prefix, int(np.searchsorted(np.cumsum(cost[rest]), room, side="right")))
        chosen[rest[:prefix]] = True
        left = [
            room - int(cost[rest[:prefix]].sum()) for cost, room in zip(costs, left, strict=True)
        ]
        rest = rest[prefix + 1 :]
    return chosen


def best_share(candidates: Candidates, at_least: int) -> Fraction:
    """Return the best share that any choice of at least this size could have, nearly.

    Documents are taken by their own share until the size is reached; whole documents can make
    the true optimum differ by one document.
    """
    if not len(candidates.sizes):
        return Fraction(0)
    ratios = np.where(
        candidates.weights > 0, candidates.human / np.maximum(candidates.weights, 1), 0.0
    )
    order = np.lexsort((-candidates.sizes, -ratios))
    reached = int(np.searchsorted(np.cumsum(candidates.sizes[order]), at_least, side="left")) + 1
    mask = np.zeros(len(order), np.bool_)
    mask[order[:reached]] = True
    return candidates.take(mask).share
