"""What is piped into standard input, as a file that can be read once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa

from registry.errors import InvalidInputError
from registry.readers.files import ByteStream, SourceFile, held


@dataclass(frozen=True, slots=True)
class PipedFile(SourceFile):
    """Standard input. It has neither size nor time, and is never compressed.

    Attributes:
        stream: Where its bytes come from.
    """

    stream: BinaryIO = field(kw_only=True)

    def __str__(self) -> str:
        """Return what it is called in a message."""
        return "standard input"

    @contextmanager
    def raw(self) -> Iterator[ByteStream]:
        """Open it; this can be done once.

        Raises:
            InvalidInputError: Nothing comes.
        """
        yield _NotEmpty(self.stream)

    def at_random(self) -> pa.NativeFile:
        """Hold it in memory for reading in any order."""
        with self.raw() as content:
            return held(self, content)

    def check_unchanged(self) -> None:
        """Do nothing: what is read once cannot change."""


class _NotEmpty:
    """Reads a pipe, and takes it for an error if nothing comes: a command before it failed."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._begun = False

    def read(self, size: int, /) -> bytes:
        content = self._stream.read(size)
        if not content and not self._begun:
            raise InvalidInputError(
                "nothing came from standard input", hint="check the command before the pipe"
            )
        self._begun = True
        return content
