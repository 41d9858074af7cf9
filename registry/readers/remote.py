"""Files in object stores."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import pyarrow as pa

from registry.errors import InvalidInputError
from registry.places import Remote, stores, streams
from registry.readers.files import ByteStream, SourceFile


@dataclass(frozen=True, slots=True)
class RemoteFile(SourceFile):
    """An object in an object store, as it was when it was found.

    What breaks off is asked for again, and is an error if it stays short. The object is compared
    with what was found when it is opened, and again when all of it was read.
    """

    @property
    def remote(self) -> Remote:
        """Return its place."""
        if not isinstance(self.path, Remote):
            raise TypeError(self.path)
        return self.path

    @property
    def _known(self) -> stores.Info:
        return stores.Info(self.size, self.mtime_ns, self.etag)

    def as_it_is(self) -> Self:
        """Return it with what its store says of it now.

        Raises:
            InvalidInputError: It is gone.
            UnavailableError: The store does not answer.
        """
        info = stores.look(self.remote)
        if info is None:
            raise InvalidInputError(
                f"`{self.remote}` does not exist any more", hint="check what is in the bucket"
            )
        return dataclasses.replace(self, size=info.size, mtime_ns=info.mtime_ns, etag=info.etag)

    @contextmanager
    def raw(self) -> Iterator[ByteStream]:
        """Open it as it is, compressed or not."""
        with streams.in_order(self.remote, self._known) as stream:
            yield stream

    def at_random(self) -> pa.NativeFile:
        """Open it for reading in any order."""
        return pa.PythonFile(streams.RemoteStream(self.remote, self._known), "r")

    def check_unchanged(self) -> None:
        """Compare the object with what was found at first; called when all of it was read.

        Raises:
            InvalidInputError: It was replaced or removed since.
            UnavailableError: The store does not answer.
        """
        streams.check_same(self.remote, self._known, stores.look(self.remote))
