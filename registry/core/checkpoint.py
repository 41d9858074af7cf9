"""Checkpoints: the size and root of a log, as the text of a note (C2SP tlog-checkpoint)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final, Self

from registry.core.digest import from_base64
from registry.core.merkle import HASH_SIZE
from registry.core.proof import MOST_LEAVES
from registry.errors import VerificationError

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def number(text: str) -> int | None:
    """Return a number that is written the one way: digits, no leading zero."""
    found = _NUMBER.fullmatch(text)
    return int(text) if found and int(text) <= MOST_LEAVES else None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to.

    Attributes:
        origin: Which log it is.
        size: How many entries it has.
        root: The RFC 6962 root over them.
    """

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read the text of a note.

        Lines after the third are refused: nobody could check what they say.

        Raises:
            VerificationError: `E_ENVELOPE` or `E_NONCANONICAL`.
        """
        try:
            lines = text.decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise _bad() from error
        if len(lines) != 4 or lines[3] or not lines[0]:
            raise _bad()
        size = number(lines[1])
        if size is None:
            raise _bad()
        root = from_base64(lines[2], code="E_ENVELOPE")
        if len(root) != HASH_SIZE:
            raise _bad()
        return cls(lines[0], size, root)

    def to_bytes(self) -> bytes:
        """Return the text of its note."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()

    def require_origin(self, origin: str) -> None:
        """Refuse the checkpoint of another log.

        Raises:
            VerificationError: `E_CHECKPOINT_ORIGIN`.
        """
        if self.origin != origin:
            raise VerificationError(
                f"this is a checkpoint of `{self.origin}`, not of `{origin}`",
                code="E_CHECKPOINT_ORIGIN",
            )


def _bad() -> VerificationError:
    return VerificationError(
        "this is not a checkpoint: an origin, a number of entries and a root", code="E_ENVELOPE"
    )
