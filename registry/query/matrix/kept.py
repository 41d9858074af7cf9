"""What was computed of pairs of versions, in files below the storage. All of it can be made again.

A file holds the pairs of one version with others. Versions are named by the digests of their
document tables and sketches, and the rule is in the name of the file, so that nothing is ever out
of date. A file that cannot be read or understood is one that is not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from registry.blobs import Store, write_file
from registry.core.digest import canonical, sha256_hex
from registry.errors import UnavailableError
from registry.query.matrix.counts import Common

FOLDER: Final = "overlaps"
_MOST_BYTES: Final = 256 << 20


class Kept:
    """The pairs of one version that are kept.

    Args:
        store: The registry's storage.
        rule: What counts as alike, with all that it depends on.
        name: The digests that name the version.
    """

    def __init__(self, store: Store, rule: str, name: str) -> None:
        self._path = store.root / FOLDER / f"{sha256_hex(f'{rule} {name}'.encode())}.json"
        self._pairs: dict[str, list[int]] = self._read()

    def get(self, other: str) -> Common | None:
        """Return what it has in common with another version, if that is kept."""
        return Common.of_numbers(self._pairs.get(other, []))

    def add(self, found: Mapping[str, Common]) -> None:
        """Keep more, if the disk takes it."""
        # Somebody may have added others meanwhile; what is lost here is computed again.
        self._pairs = self._read() | {name: one.numbers() for name, one in found.items()}
        try:
            sealed = {"pairs": self._pairs, "sha256": self._seal(self._pairs)}
            write_file(self._path, canonical(sealed))
        except UnavailableError:
            return

    def _seal(self, pairs: Mapping[str, Any]) -> str:
        """Return the check sum of pairs in the file of this name."""
        return sha256_hex(self._path.name.encode() + canonical(pairs))

    def _read(self) -> dict[str, list[int]]:
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                return {}
            said: Any = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        pairs = said.get("pairs") if isinstance(said, dict) else None
        if not isinstance(pairs, dict):
            return {}
        if any(not isinstance(numbers, list) for numbers in pairs.values()):
            return {}
        try:
            whole = self._seal(pairs) == said.get("sha256")
        except (TypeError, ValueError, RecursionError):
            return {}
        return pairs if whole else {}
