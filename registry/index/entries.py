"""Entries: a key, and the document that has it, sorted by key and then by document.

An entry of bands or passages is one number: 40 bits of the key, then 24 bits for the document's
place in its segment or run. An entry of contents is the whole 32-byte hash and the place. Both are
sorted and searched by 64 bits that come first: the number, or the first 8 bytes of the hash.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from registry.core.contents import Hashes, leading
from registry.index.blocks import Array, Keys, Rows

LOCAL_BITS: Final = 24
MOST_DOCUMENTS: Final = 1 << LOCAL_BITS
"""How many documents a segment or run may have."""
LOCAL: Final = np.uint64(MOST_DOCUMENTS - 1)
PACKED: Final = np.dtype("<u8")
CONTENT: Final = np.dtype([("hash", "S32"), ("local", "<u4")])
_LEADING: Final = np.dtype({"names": ["key"], "formats": [">u8"], "offsets": [0], "itemsize": 36})


def keys_of(entries: Array) -> Keys:
    """Return what entries are sorted and searched by."""
    if entries.dtype == PACKED:
        return entries
    return entries.view(_LEADING)["key"].astype(np.uint64)


def locals_of(entries: Array) -> Rows:
    """Return which documents entries are of."""
    if entries.dtype == PACKED:
        return (entries & LOCAL).astype(np.int64)
    return entries["local"].astype(np.int64)


def moved(entries: Array, by: int) -> Array:
    """Return entries whose documents stand so many places later."""
    if not by:
        return entries
    if entries.dtype == PACKED:
        # The places stay below 2^24, so nothing is carried into the key.
        return entries + np.uint64(by)
    changed = entries.copy()
    changed["local"] += np.uint32(by)
    return changed


def ordered(parts: list[Keys]) -> Keys:
    """Return entries of bands or passages, in whatever order they come, in theirs."""
    whole = np.concatenate(parts).astype(PACKED, copy=False)
    whole.sort()
    return whole


def of_contents(hashes: Hashes) -> Array:
    """Return the sorted entries of contents that stand in a row."""
    keys = leading(hashes)
    # Several times as fast as a stable order, which only equal keys need.
    order = np.argsort(keys)
    ordered_keys = keys[order]
    if (ordered_keys[1:] == ordered_keys[:-1]).any():
        order = np.argsort(keys, kind="stable")
    entries = np.empty(len(hashes), CONTENT)
    entries["hash"] = hashes[order]
    entries["local"] = order
    return entries


def merged(parts: list[Array]) -> Array:
    """Return the entries of several sorted arrays as one."""
    if len(parts) == 1:
        return parts[0]
    whole = np.concatenate(parts)
    if whole.dtype == PACKED:
        whole.sort()
        return whole
    return whole[np.argsort(keys_of(whole), kind="stable")]
