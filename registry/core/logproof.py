"""Proofs that travel alone: an entry, its place, its proof of inclusion, and a checkpoint.

C2SP tlog-proof, version 1: text that anybody can check offline who knows the log's key. The entry
itself is the proof's extra data, because its salted digests cannot be made from anything else.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final, Self

from registry.core.checkpoint import Checkpoint, number
from registry.core.digest import from_base64
from registry.core.merkle import HASH_SIZE, leaf_hash
from registry.core.note import MAX_NOTE, Note
from registry.core.proof import MOST_HASHES, check_inclusion
from registry.errors import VerificationError

HEAD: Final = "c2sp.org/tlog-proof@v1"
SUFFIX: Final = ".tlog-proof"
_EXTRA: Final = "extra "


@dataclass(frozen=True, slots=True)
class LogProof:
    """A proof that an entry is in a log.

    Attributes:
        index: The entry's position.
        path: The proof of inclusion, the leaf's sibling first.
        note: The checkpoint, signed.
        entry: The bytes of the entry, or None if the proof is about one that is known otherwise.
            Nothing of it is true before `check`.
    """

    index: int
    path: tuple[bytes, ...]
    note: Note
    entry: bytes | None = None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a proof.

        Raises:
            VerificationError: `E_LIMIT`, `E_ENVELOPE` or `E_NONCANONICAL`.
        """
        if len(data) > MAX_NOTE:
            raise VerificationError(
                f"a proof of {len(data):,} bytes is larger than {MAX_NOTE:,}", code="E_LIMIT"
            )
        head, separator, note = data.partition(b"\n\n")
        try:
            first, place, *hashes = head.decode("ascii").split("\n")
            entry = None
            if place.startswith(_EXTRA):
                entry = from_base64(place.removeprefix(_EXTRA), code="E_ENVELOPE")
                place, *hashes = hashes
        except ValueError as error:
            raise _bad() from error
        word, _, digits = place.partition(" ")
        index = number(digits)
        if not separator or first != HEAD or word != "index" or index is None:
            raise _bad()
        if len(hashes) > MOST_HASHES:
            raise VerificationError(
                f"a proof of {len(hashes):,} hashes is longer than any tree needs", code="E_LIMIT"
            )
        path = tuple(from_base64(line, code="E_ENVELOPE") for line in hashes)
        if any(len(item) != HASH_SIZE for item in path):
            raise _bad()
        return cls(index, path, Note.parse(note), entry)

    def to_bytes(self) -> bytes:
        """Return the proof as it is written."""
        lines = [HEAD]
        if self.entry is not None:
            lines.append(_EXTRA + base64.b64encode(self.entry).decode("ascii"))
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(item).decode("ascii") for item in self.path]
        return "\n".join(lines).encode() + b"\n\n" + self.note.to_bytes()

    def check(self, entry: bytes | None = None) -> Checkpoint:
        """Return the checkpoint whose tree has an entry; who signed it is another question.

        Args:
            entry: The bytes of the entry; by default those that the proof brings along.

        Raises:
            VerificationError: `E_INCLUSION`, or the note is no checkpoint.
        """
        entry = self.entry if entry is None else entry
        if entry is None or self.entry not in (None, entry):
            raise VerificationError("the proof is not about this entry", code="E_INCLUSION")
        found = Checkpoint.parse(self.note.text)
        check_inclusion(self.index, found.size, found.root, leaf_hash(entry), self.path)
        return found


def _bad() -> VerificationError:
    return VerificationError("this is not a proof of a log entry", code="E_ENVELOPE")
