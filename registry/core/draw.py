"""The draw: which whole documents make up a training set, exact in integers.

Documents come in an order that depends on the seed and their content alone. Those at or above the
asked share can always be added; those below it are added as far as the share allows. Nothing is
rounded: every decision is made on integers, and the result is checked once more at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from registry.core.contents import BLOCK, Contents, repeats

Amounts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Order = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.signedinteger[Any]]
"""Amounts that may be narrower than 64 bits."""
Costs = npt.NDArray[Any]
"""Amounts, or Python integers where 64 bits could not hold them."""

UNBOUNDED: Final = int(np.iinfo(np.int64).max)
_ROUNDS: Final = 40
_MIXING: Final = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


def total(amounts: Costs) -> int:
    """Return the exact sum of amounts that are not negative, however large."""
    if amounts.dtype == np.object_ or int(amounts.max(initial=0)) * len(amounts) <= UNBOUNDED:
        return int(amounts.sum())
    wide = amounts.astype(np.int64)
    high, low = wide >> 32, wide & 0xFFFFFFFF
    return (int(high.sum()) << 32) + int(low.sum())


def total_of(amounts: Costs, mask: Mask) -> int:
    """Return the exact sum of the masked amounts, none of which is negative."""
    blocks = range(0, len(amounts), BLOCK)
    # Times 0 or 1 is many times as fast as picking, where the mask has no pattern.
    return sum(total(amounts[at : at + BLOCK] * mask[at : at + BLOCK]) for at in blocks)


@dataclass(frozen=True, slots=True)
class Candidates:
    """The documents to draw from, each text once.

    Attributes:
        hashes: Content hashes.
        sizes: What a document takes of the size asked for.
        weights: What it weighs in the human share.
        human: How much of that weight counts as human.
    """

    hashes: Contents
    sizes: Numbers
    weights: Numbers
    human: Numbers

    def take(self, mask: Mask) -> Drawn:
        """Return what some of the documents add up to."""
        return Drawn(
            int(np.count_nonzero(mask)),
            total_of(self.sizes, mask),
            total_of(self.weights, mask),
            total_of(self.human, mask),
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
        """Return whether the share is kept, in exact integers; nothing keeps any share."""
        return self.human * share.denominator >= self.weight * share.numerator


def seeded_order(hashes: Contents, seed: int) -> Order:
    """Return the order of a draw: by SHA-256-seeded mixing of the content hashes.

    It depends on nothing but the seed and the contents, so the same texts found in another
    order, under another name or on another machine are drawn alike. The mixer is the finaliser
    of SplitMix64 (Steele, Lea and Flood 2014).
    """
    key = np.frombuffer(hashlib.sha256(f"firsthand draw v1\n{seed}".encode()).digest(), ">u8")
    mixed = hashes.leading()
    mixed ^= np.uint64(key[0])
    for shift, factor in _MIXING:
        for begin in range(0, len(mixed), BLOCK):
            block = mixed[begin : begin + BLOCK]
            block ^= block >> np.uint64(shift)
            block *= np.uint64(factor)
    order = np.argsort(mixed)
    return _ties_by_content(order, mixed, hashes)


def _ties_by_content(order: Order, mixed: npt.NDArray[np.uint64], hashes: Contents) -> Order:
    """Order what was mixed alike, which differs behind its first 64 bits only, by all of them."""
    same = repeats(mixed, order)
    at = np.flatnonzero(same[:-1] | same[1:])
    if len(at):
        rows = order[at]
        rows = rows[np.argsort(hashes[rows], kind="stable")]
        order[at] = rows[np.argsort(mixed[rows], kind="stable")]
    return order


def draw(
    candidates: Candidates,
    *,
    seed: int,
    share: Fraction | None,
    at_most: int | None,
    at_least: int | None = None,
) -> Mask:
    """Choose documents: as much as fits, keeping the share.

    Without a binding share the choice is a plain seeded draw from everything. Where that would
    miss the share, as few documents below it as necessary make way for documents at or above it,
    still in seeded order. Only where the share, and not the room, ends that draw before
    `at_least` (without it: before everything is drawn), those that cost the share least per size
    are preferred, because that draws most.

    The result is within one document of the largest that is possible: finding the very largest
    is a knapsack problem.

    Args:
        candidates: Each text once.
        seed: Decides the order.
        share: The human share to keep, or None.
        at_most: The size not to exceed, or None.
        at_least: The size that is asked for, or None for as much as possible. What is drawn may
            be less.

    Returns:
        A mask over the candidates. The share holds for it exactly; one that weighs nothing has
        none to keep.
    """
    order = seeded_order(candidates.hashes, seed)
    best = np.zeros(len(order), np.bool_)
    reached = (False, -1)
    for chosen in _attempts(candidates, order, share, at_most, at_least):
        drawn = candidates.take(chosen)
        if share is not None and not drawn.keeps(share):
            raise AssertionError("the draw broke the share it was to keep")
        # What weighs nothing keeps any share without having one.
        now = (share is None or drawn.share >= share, drawn.size)
        if now > reached:
            best, reached = chosen, now
        if at_least is not None and reached >= (True, at_least):
            break
    return best


def _attempts(
    candidates: Candidates,
    order: Order,
    share: Fraction | None,
    at_most: int | None,
    at_least: int | None,
) -> Iterator[Mask]:
    """Give draws that keep the share, the fairest first, the largest later."""
    room = total(candidates.sizes) if at_most is None else at_most
    plain = _first_fit(order, [candidates.sizes], [room])
    deficits = None if share is None else _deficits(candidates, share)
    if share is None or deficits is None or candidates.take(plain).keeps(share):
        yield plain
    else:
        above, below = order[deficits[order] <= 0], order[deficits[order] > 0]
        seeded = _seeded(candidates, above, below, room, share)
        yield _top_up(candidates, seeded, below, deficits, room, share)
        if seeded[above].all():
            densest = below[_by_density(-deficits[below], candidates.sizes[below])]
            alone = np.zeros(len(order), np.bool_)
            alone[above] = True
            yield _top_up(candidates, alone, densest, deficits, room, share)
    if at_least is not None:
        rich = _richest(candidates, order, at_least, room)
        if share is None or candidates.take(rich).keeps(share):
            yield rich
        large = order[np.argsort(-candidates.sizes[order], kind="stable")]
        if deficits is not None:
            large = large[deficits[large] <= 0]
        yield _first_fit(large, [candidates.sizes], [room])


def _seeded(candidates: Candidates, above: Order, below: Order, room: int, share: Fraction) -> Mask:
    """Return the seeded draw with as many documents below the share as it allows."""

    def attempt(count: int) -> Mask:
        chosen = _first_fit(below[:count], [candidates.sizes], [room])
        rest = room - total_of(candidates.sizes, chosen)
        return chosen | _first_fit(above, [candidates.sizes], [rest])

    low, high = 0, len(below)
    while low < high:
        middle = (low + high + 1) // 2
        if candidates.take(attempt(middle)).keeps(share):
            low = middle
        else:
            high = middle - 1
    return attempt(low)


def _top_up(
    candidates: Candidates,
    chosen: Mask,
    below: Order,
    deficits: Costs,
    room: int,
    share: Fraction,
) -> Mask:
    """Add, in order, what still fits both the size and the slack that the share leaves."""
    drawn = candidates.take(chosen)
    slack = drawn.human * share.denominator - drawn.weight * share.numerator
    rest = below[~chosen[below]]
    return chosen | _first_fit(rest, [candidates.sizes, deficits], [room - drawn.size, slack])


def _deficits(candidates: Candidates, share: Fraction) -> Costs:
    """Return how far each document is below the share, times its denominator, exactly.

    Products that 64 bits cannot hold become Python integers; only documents of terabytes do.
    """
    largest = int(candidates.weights.max(initial=0)) * max(share.numerator, share.denominator)
    kind = np.dtype(np.object_ if largest > UNBOUNDED else np.int64)
    made: Costs = np.empty(len(candidates.weights), kind)
    for begin in range(0, len(made), BLOCK):
        block = slice(begin, begin + BLOCK)
        weights, human = candidates.weights[block], candidates.human[block]
        made[block] = (
            weights.astype(kind) * share.numerator - human.astype(kind) * share.denominator
        )
    return made


def _first_fit(order: Order, costs: list[Costs], rooms: list[int]) -> Mask:
    """Take documents in order while they fit, passing over those that do not.

    Each round takes the longest prefix that fits and drops what is now too large for the room
    left, so there are few rounds and no loop over documents. It goes block by block: what comes
    later never changes what was taken before.

    Args:
        order: The documents to take from.
        costs: What each of all documents costs, not negative for those in `order`.
        rooms: For each cost, how much may be spent.
    """
    chosen = np.zeros(len(costs[0]), np.bool_)
    left = list(rooms)
    for begin in range(0, len(order), BLOCK):
        rest = order[begin : begin + BLOCK]
        while len(rest):
            fits = np.ones(len(rest), np.bool_)
            for cost, room in zip(costs, left, strict=True):
                fits &= cost[rest] <= room
            rest = rest[fits]
            if not len(rest):
                break
            prefix = min(_prefix(cost[rest], room) for cost, room in zip(costs, left, strict=True))
            taken = rest[:prefix]
            chosen[taken] = True
            left = [room - total(cost[taken]) for cost, room in zip(costs, left, strict=True)]
            rest = rest[prefix + 1 :]
    return chosen


def _prefix(costs: Costs, room: int) -> int:
    """Return how many costs from the first on fit into a room.

    Room and cost have 63 bits each, so the first sum beyond the room is right in 64 bits without
    a sign, and what may overflow behind it is not looked at.
    """
    if total(costs) <= room:
        return len(costs)
    sums = np.cumsum(costs.astype(np.uint64 if room <= UNBOUNDED else np.object_))
    return int(np.argmax(sums > room))


def best_share(
    candidates: Candidates, *, seed: int, at_least: int, at_most: int | None
) -> Fraction | None:
    """Return the best share that a draw of at least this size can have, within one document.

    `draw` finds such a draw when it is asked for that share and size.

    Returns:
        The share, or None where no draw of that size was found.
    """
    room = total(candidates.sizes) if at_most is None else at_most
    rich = _richest(candidates, seeded_order(candidates.hashes, seed), at_least, room)
    drawn = candidates.take(rich)
    return drawn.share if drawn.documents and drawn.size >= at_least else None


def _richest(candidates: Candidates, order: Order, at_least: int, room: int) -> Mask:
    """Return a draw of at least a size with the highest share, within one document.

    A ratio is largest where the numerator minus the ratio times the denominator is (Dinkelbach
    1967): starting from the share of everything, each round prefers what is best for the share
    of the round before, until that no longer rises. Floats only order documents here; shares are
    compared exactly.
    """
    best = np.zeros(len(order), np.bool_)
    share, enough = Fraction(-1), False
    ratio = float(candidates.take(~best).share)
    for _ in range(_ROUNDS):
        gains = candidates.human - ratio * candidates.weights.astype(np.float64)
        chosen = _filled(candidates.sizes, gains, order, at_least, room)
        drawn = candidates.take(chosen)
        now = drawn.size >= at_least
        if (now, drawn.share) <= (enough, share):
            break
        best, share, enough = chosen, drawn.share, now
        ratio = float(share)
    return best


def _filled(
    sizes: Numbers, gains: npt.NDArray[np.float64], order: Order, at_least: int, room: int
) -> Mask:
    """Return what gains, and of the rest what loses least until the size is reached."""
    dense = order[_by_density(gains[order], sizes[order])]
    chosen = _first_fit(dense[gains[dense] > 0], [sizes], [room])
    size = total(sizes[chosen])
    if size >= at_least:
        return chosen
    rest = dense[(gains[dense] <= 0) & (sizes[dense] > 0) & (sizes[dense] <= room - size)]
    before = rest[: _prefix(sizes[rest], at_least - size - 1)]
    filled = _first_fit(before, [sizes], [room - size])
    closed = size + total(sizes[filled])
    left = rest[len(before) :]
    last = left[(sizes[left] >= at_least - closed) & (sizes[left] <= room - closed)]
    if len(last):
        filled[last[np.argmax(gains[last])]] = True
    elif len(left):
        # What would reach the size leaves the room: smaller ones behind it may not.
        filled = _first_fit(rest, [sizes], [room - size])
    return chosen | filled


def _by_density(gains: Costs | npt.NDArray[np.float64], sizes: Numbers) -> Order:
    """Return positions by gain per size, the highest first, equal ones in the order they have."""
    gains = gains.astype(np.float64)
    endless = np.where(gains < 0, -np.inf, np.inf)
    density = np.where(sizes > 0, gains / np.maximum(sizes, 1), endless)
    return np.argsort(-density, kind="stable")
