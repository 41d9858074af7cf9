"""Proofs over RFC 6962 trees: that a leaf is in a tree, and that a tree only grew.

Making a proof needs the hashes of ranges of leaves, wherever they come from; checking one needs
nothing but the proof. Both follow RFC 9162 §2.1.3 and §2.1.4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from registry.core.merkle import EMPTY_ROOT, HASH_SIZE, node_hash
from registry.errors import VerificationError

MOST_HASHES: Final = 63
"""No tree that can exist needs a longer proof of inclusion; one of consistency has one more."""
MOST_LEAVES: Final = 1 << 62

RangeHash = Callable[[int, int], bytes]
"""The root of the tree over the leaves from the first number up to the second."""


def split(size: int) -> int:
    """Return how many of so many leaves, at least two, the left part of their tree has."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion(hash_of: RangeHash, index: int, size: int) -> list[bytes]:
    """Return the proof that a leaf is in the tree of the first `size` leaves, leaf's sibling first.

    Raises:
        ValueError: The tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + split(end - begin)
        if index < middle:
            path.append(hash_of(middle, end))
            end = middle
        else:
            path.append(hash_of(begin, middle))
            begin = middle
    return path[::-1]


def consistency(hash_of: RangeHash, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of the first `new` leaves begins with that of the first `old`.

    It is empty where there is nothing to show: the trees are the same, or the old one is empty.

    Raises:
        ValueError: The old tree is the larger one.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves does not go on from one of {old}")
    if old in (0, new):
        return []
    path = []
    begin, end, whole = 0, new, True
    while old != end:
        middle = begin + split(end - begin)
        if old <= middle:
            path.append(hash_of(middle, end))
            end = middle
        else:
            path.append(hash_of(begin, middle))
            begin, whole = middle, False
    # The verifier has the old root; any other complete part it must be given.
    return [*([] if whole else [hash_of(begin, end)]), *path[::-1]]


def root_of_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """Return the root that a tree has if a proof of inclusion is true.

    Args:
        index: Which leaf it is about.
        size: How many leaves the tree has.
        leaf: The hash of the leaf.
        path: The proof.

    Raises:
        VerificationError: `E_INCLUSION` or `E_LIMIT`.
    """
    _check_size(size)
    _check_path(path, MOST_HASHES, "E_INCLUSION")
    if not 0 <= index < size:
        raise VerificationError(
            f"a tree of {size:,} leaves has no leaf {index:,}", code="E_INCLUSION"
        )
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if not last:
            raise _length("E_INCLUSION")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise _length("E_INCLUSION")
    return found


def check_inclusion(index: int, size: int, root: bytes, leaf: bytes, path: Sequence[bytes]) -> None:
    """Refuse a proof of inclusion that does not hold.

    Raises:
        VerificationError: `E_INCLUSION` or `E_LIMIT`.
    """
    if root_of_inclusion(index, size, leaf, path) != root:
        raise VerificationError("the leaf is not in this tree at this place", code="E_INCLUSION")


def check_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Refuse a tree that does not go on from an older one.

    Raises:
        VerificationError: `E_SIZE_SHRINK`, `E_SPLIT_VIEW` (one size, two roots), `E_CONSISTENCY`
            or `E_LIMIT`.
    """
    _check_size(old)
    _check_size(new)
    _check_path(path, MOST_HASHES + 1, "E_CONSISTENCY")
    if old > new:
        raise VerificationError(
            f"the log has {new:,} entries and had {old:,}", code="E_SIZE_SHRINK"
        )
    if old == new and old_root != new_root:
        raise VerificationError(f"there are two histories of {old:,} entries", code="E_SPLIT_VIEW")
    if old in (0, new):
        if path or (not old and old_root != EMPTY_ROOT):
            raise VerificationError("the proof shows something else", code="E_CONSISTENCY")
        return
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not hashes:
        raise _length("E_CONSISTENCY")
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = hashes[0]
    for sibling in hashes[1:]:
        if not last:
            raise _length("E_CONSISTENCY")
        if at & 1 or at == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise _length("E_CONSISTENCY")
    if before != old_root or after != new_root:
        raise VerificationError(
            "the newer log does not go on from the older one", code="E_CONSISTENCY"
        )


def _check_size(size: int) -> None:
    if not 0 <= size <= MOST_LEAVES:
        raise VerificationError(f"a tree cannot have {size} leaves", code="E_LIMIT")


def _check_path(path: Sequence[bytes], most: int, code: str) -> None:
    if len(path) > most:
        raise VerificationError(
            f"a proof of {len(path):,} hashes is longer than any tree needs", code="E_LIMIT"
        )
    if any(len(item) != HASH_SIZE for item in path):
        raise VerificationError("a hash of the proof does not have 32 bytes", code=code)


def _length(code: str) -> VerificationError:
    return VerificationError("the proof is not as long as the tree is high", code=code)
