"""Which of many keys may be among others: a Bloom filter whose bits for a key share a word.

(Putze, Sanders, Singler 2007, blocked Bloom filters.) One word is read for each key asked about,
so the cost is that of one access to memory.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, types

_U: Final = np.uint64
_FACTOR: Final = _U(0x9E3779B97F4A7C15)
_ONE: Final = _U(1)
_SIX: Final = _U(63)

_i64, _u64 = types.int64, types.uint64
_given = types.Array(_u64, 1, "C", readonly=True)
_words = types.Array(_u64, 1, "C")
_found = types.Array(_i64, 1, "C")


@njit(nogil=True)
def _bits(mixed):
    """Return the four bits of a word that stand for a key."""
    return (
        (_ONE << ((mixed >> _U(12)) & _SIX))
        | (_ONE << ((mixed >> _U(18)) & _SIX))
        | (_ONE << ((mixed >> _U(24)) & _SIX))
        | (_ONE << ((mixed >> _U(30)) & _SIX))
    )


@njit(nogil=True)
def _mixed(key):
    # Keys differ in their upper bits, and many are small numbers: least ones of a window.
    mixed = (key ^ (key >> _U(32))) * _FACTOR
    return (mixed ^ (mixed >> _U(29))) * _FACTOR


@njit(types.void(_given, _words, _u64), nogil=True, cache=True)
def mark(keys, words, shift):
    """Take keys in; the number of words is two to the power of 64 - `shift`."""
    for at in range(len(keys)):
        mixed = _mixed(keys[at])
        words[mixed >> shift] |= _bits(mixed)


@njit(types.int64(_given, _given, _u64, _found), nogil=True, cache=True)
def marked(keys, words, shift, found):
    """Write the positions of the keys that may have been taken in, and return how many."""
    many = 0
    for at in range(len(keys)):
        mixed = _mixed(keys[at])
        bits = _bits(mixed)
        found[many] = at
        many += (words[mixed >> shift] & bits) == bits
    return many
