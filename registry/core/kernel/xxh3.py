"""XXH3 with 64 bits, without a seed, of bytes at any position of an array.

As in the specification of xxHash (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md,
"XXH3 Algorithm Overview"); the names of its constants are kept. No read leaves the bytes hashed
by more than 16 bytes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from registry.core.kernel.vectors import folded, load32, load64

_U: Final = np.uint64
SECRET: Final = np.frombuffer(
    bytes.fromhex(
        "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
        "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
        "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
        "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
        "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
        "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
    ),
    dtype=np.uint8,
)
_S: Final = [_U(int.from_bytes(SECRET[at : at + 8].tobytes(), "little")) for at in range(0, 128, 8)]
_S0, _S8, _S16, _S24, _S32, _S40, _S48, _S56 = _S[:8]
_S64, _S72, _S80, _S88, _S96, _S104, _S112, _S120 = _S[8:]

PRIME64_1: Final = _U(0x9E3779B185EBCA87)
_PRIME64_2: Final = _U(0xC2B2AE3D27D4EB4F)
_PRIME64_3: Final = _U(0x165667B19E3779F9)
_PRIME64_4: Final = _U(0x85EBCA77C2B2AE63)
_PRIME64_5: Final = _U(0x27D4EB2F165667C5)
_PRIME32_1: Final = _U(0x9E3779B1)
_PRIME32_2: Final = _U(0x85EBCA77)
_PRIME32_3: Final = _U(0xC2B2AE3D)
_PRIME_MX1: Final = _U(0x165667919E3779F9)
_PRIME_MX2: Final = _U(0x9FB21C651E98DF25)
_LOW: Final = _U(0xFFFFFFFF)

_options = {"nogil": True, "boundscheck": False, "error_model": "numpy"}


@njit(**_options)
def _avalanche(h):
    h ^= h >> _U(37)
    h *= _PRIME_MX1
    return h ^ (h >> _U(32))


@njit(**_options)
def _avalanche64(h):
    h ^= h >> _U(33)
    h *= _PRIME64_2
    h ^= h >> _U(29)
    h *= _PRIME64_3
    return h ^ (h >> _U(32))


@njit(**_options)
def _mix(data, at, one, two):
    return folded(load64(data, at) ^ one, load64(data, at + 8) ^ two)


@njit(**_options)
def _swapped(h):
    h = (h << _U(32)) | (h >> _U(32))
    h = ((h & _U(0x0000FFFF0000FFFF)) << _U(16)) | ((h >> _U(16)) & _U(0x0000FFFF0000FFFF))
    return ((h & _U(0x00FF00FF00FF00FF)) << _U(8)) | ((h >> _U(8)) & _U(0x00FF00FF00FF00FF))


@njit(**_options)
def _upto16(data, at, size):
    if size > 8:
        low = load64(data, at) ^ (_S24 ^ _S32)
        high = load64(data, at + size - 8) ^ (_S40 ^ _S48)
        return _avalanche(_U(size) + _swapped(low) + high + folded(low, high))
    if size >= 4:
        first, last = _U(load32(data, at)), _U(load32(data, at + size - 4))
        h = (last + (first << _U(32))) ^ (_S8 ^ _S16)
        h ^= ((h << _U(49)) | (h >> _U(15))) ^ ((h << _U(24)) | (h >> _U(40)))
        h *= _PRIME_MX2
        h ^= (h >> _U(35)) + _U(size)
        h *= _PRIME_MX2
        return h ^ (h >> _U(28))
    if size > 0:
        first, middle, last = _U(data[at]), _U(data[at + (size >> 1)]), _U(data[at + size - 1])
        h = (first << _U(16)) | (middle << _U(24)) | last | (_U(size) << _U(8))
        return _avalanche64(h ^ (_S0 & _LOW) ^ (_S0 >> _U(32)))
    return _avalanche64(_S56 ^ _S64)


@njit(**_options)
def _upto240(data, at, size):
    h = _U(size) * PRIME64_1
    for step in range(8):
        h += _mix(data, at + 16 * step, load64(SECRET, 16 * step), load64(SECRET, 16 * step + 8))
    h = _avalanche(h)
    for step in range(8, size // 16):
        key = 16 * (step - 8) + 3
        h += _mix(data, at + 16 * step, load64(SECRET, key), load64(SECRET, key + 8))
    h += _mix(data, at + size - 16, load64(SECRET, 119), load64(SECRET, 127))
    return _avalanche(h)


@njit(**_options)
def _accumulate(data, at, key, sums):
    for lane in range(8):
        value = load64(data, at + 8 * lane)
        keyed = value ^ load64(SECRET, key + 8 * lane)
        sums[lane ^ 1] += value
        sums[lane] += (keyed & _LOW) * (keyed >> _U(32))


@njit(**_options)
def _long(data, at, size):
    sums = np.empty(8, dtype=np.uint64)
    sums[0], sums[1], sums[2], sums[3] = _PRIME32_3, PRIME64_1, _PRIME64_2, _PRIME64_3
    sums[4], sums[5], sums[6], sums[7] = _PRIME64_4, _PRIME32_2, _PRIME64_5, _PRIME32_1
    blocks = (size - 1) // 1024
    for block in range(blocks + 1):
        stripes = 16 if block < blocks else (size - 1 - 1024 * blocks) // 64
        for stripe in range(stripes):
            _accumulate(data, at + 1024 * block + 64 * stripe, 8 * stripe, sums)
        if block < blocks:
            for lane in range(8):
                mixed = sums[lane] ^ (sums[lane] >> _U(47)) ^ load64(SECRET, 128 + 8 * lane)
                sums[lane] = mixed * _PRIME32_1
    _accumulate(data, at + size - 64, 121, sums)
    h = _U(size) * PRIME64_1
    for pair in range(4):
        one = sums[2 * pair] ^ load64(SECRET, 11 + 16 * pair)
        two = sums[2 * pair + 1] ^ load64(SECRET, 19 + 16 * pair)
        h += folded(one, two)
    return _avalanche(h)


@njit(**_options)
def xxh3_64(data, at, size):
    """Return the hash of `data[at:at + size]`; up to 16 bytes around them may be read."""
    if 16 < size <= 64:
        # Most shingles: both halves are computed, because which are needed cannot be foretold.
        h = _U(size) * PRIME64_1
        h += _mix(data, at, _S0, _S8) + _mix(data, at + size - 16, _S16, _S24)
        inner = _mix(data, at + 16, _S32, _S40) + _mix(data, at + size - 32, _S48, _S56)
        return _avalanche(h + (inner if size > 32 else _U(0)))
    if size <= 16:
        return _upto16(data, at, size)
    if size > 240:
        return _long(data, at, size)
    if size > 128:
        return _upto240(data, at, size)
    h = _U(size) * PRIME64_1
    if size > 96:
        h += _mix(data, at + 48, _S96, _S104) + _mix(data, at + size - 64, _S112, _S120)
    h += _mix(data, at + 32, _S64, _S72) + _mix(data, at + size - 48, _S80, _S88)
    h += _mix(data, at + 16, _S32, _S40) + _mix(data, at + size - 32, _S48, _S56)
    h += _mix(data, at, _S0, _S8) + _mix(data, at + size - 16, _S16, _S24)
    return _avalanche(h)
