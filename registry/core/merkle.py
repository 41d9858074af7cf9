"""RFC 6962 tree hashes over leaves of bytes.

Two trees are built here: over content hashes and over row encodings (docs/trust.md). Leaves of
different structures begin with different prefixes, so that no leaf of one can be passed off as a
leaf of the other; RFC 6962 itself separates leaves from inner nodes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

HASH_SIZE: Final = 32
CHUNK: Final = 256
"""How many content hashes or row encodings share one leaf."""

_LEAF: Final = CHUNK * HASH_SIZE

CONTENT_LEAF: Final = b"firsthand content-leaf v1\n"
RECORD_LEAF: Final = b"firsthand record-leaf v1\n"
SHARD_LEAF: Final = b"firsthand shard-leaf v1\n"

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(*parts: bytes | memoryview) -> bytes:
    """Return SHA-256(0x00 ‖ parts), the hash of a leaf (RFC 6962 §2.1)."""
    hasher = hashlib.sha256(b"\x00")
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 ‖ left ‖ right), the hash of an inner node (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class TreeBuilder:
    """Take leaf hashes one at a time and return the tree's root, in O(log n) memory."""

    def __init__(self) -> None:
        """Start with no leaves."""
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        node, count = leaf, self.size
        while count & 1:
            node = node_hash(self._peaks.pop(), node)
            count >>= 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over the leaves so far; more leaves may follow."""
        if not self._peaks:
            return EMPTY_ROOT
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """Return the RFC 6962 root over leaf hashes."""
    builder = TreeBuilder()
    for leaf in leaves:
        builder.add(leaf)
    return builder.root()


class ContentTree:
    """Take ascending content hashes in pieces and return their root, in O(log n) memory."""

    def __init__(self) -> None:
        """Start with no hashes."""
        self._tree = TreeBuilder()
        self._rest = b""

    def add(self, hashes: bytes | memoryview) -> None:
        """Append whole 32-byte hashes, one after the other.

        Raises:
            ValueError: The length is not a multiple of 32 bytes.
        """
        view = memoryview(hashes)
        if view.nbytes % HASH_SIZE:
            raise ValueError(f"{view.nbytes} bytes are not whole 32-byte hashes")
        at = 0
        if self._rest:
            at = min(_LEAF - len(self._rest), view.nbytes)
            self._rest += view[:at]
            if len(self._rest) < _LEAF:
                return
            self._tree.add(leaf_hash(CONTENT_LEAF, self._rest))
        whole = at + (view.nbytes - at) // _LEAF * _LEAF
        for begin in range(at, whole, _LEAF):
            self._tree.add(leaf_hash(CONTENT_LEAF, view[begin : begin + _LEAF]))
        self._rest = bytes(view[whole:])

    def root(self) -> bytes:
        """Return the root; no more hashes may follow."""
        if self._rest:
            self._tree.add(leaf_hash(CONTENT_LEAF, self._rest))
            self._rest = b""
        return self._tree.root()


def content_root(hashes: bytes | memoryview) -> bytes:
    """Return the root that identifies a set of texts with their multiplicity.

    Args:
        hashes: The 32-byte content hashes one after the other, ascending, duplicates kept. That
            they ascend is the caller's duty: another order gives another root.

    Raises:
        ValueError: The length is not a multiple of 32 bytes.
    """
    tree = ContentTree()
    tree.add(hashes)
    return tree.root()


def shards_root(roots: Iterable[bytes]) -> bytes:
    """Return the record root of a snapshot: the tree over its shards' record roots, in order."""
    return tree_root(leaf_hash(SHARD_LEAF, root) for root in roots)
