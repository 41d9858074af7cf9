"""Reading an object in any order, whole or not at all."""

from __future__ import annotations

import io
from typing import Final

import pyarrow as pa

from registry.errors import InvalidInputError, UnavailableError
from registry.places import stores
from registry.places.naming import Remote

_BLOCK: Final = 8 << 20
"""How much is asked for at once where a whole object is read."""


class RemoteStream(io.RawIOBase):
    """The bytes of an object, read where they are wanted.

    An answer that is shorter than it should be is asked for again, from where it broke off, and
    reported if it stays short: the end of the bytes is always the end of the object.

    Args:
        remote: The object.
        known: What the store said of it before, which must still be so.

    Raises:
        RegistryError: It is gone or was replaced, or the store does not answer.
    """

    def __init__(self, remote: Remote, known: stores.Info) -> None:
        super().__init__()
        self._remote = remote
        self._at = 0
        system = stores.filesystem(remote)
        with stores.errors(remote):
            self._file: pa.NativeFile = system.open_input_file(remote.inside)
        try:
            check_same(remote, known, stores.info(self._file))
        except BaseException:
            self.close()
            raise
        self._size = known.size

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be read in any order."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a position."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("a position before the beginning")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer as far as there are bytes, and return how many there were."""
        wanted = max(0, min(len(buffer), self._size - self._at))
        done = 0
        tries = 0
        while done < wanted:
            with stores.errors(self._remote):
                got = self._file.read_at(wanted - done, self._at)
            buffer[done : done + len(got)] = got
            done += len(got)
            self._at += len(got)
            tries += 1
            if done < wanted and tries == stores.ATTEMPTS:
                raise UnavailableError(
                    f"`{self._remote}` breaks off at byte {self._at} of {self._size}",
                    hint="run the command again; nothing was recorded",
                )
        return done

    def close(self) -> None:
        """Let go of the object."""
        if not self.closed:
            self._file.close()
        super().close()


def in_order(remote: Remote, known: stores.Info) -> io.BufferedReader:
    """Open an object for reading from its beginning, in large parts."""
    return io.BufferedReader(RemoteStream(remote, known), _BLOCK)


def check_same(remote: Remote, known: stores.Info, now: stores.Info | None) -> None:
    """Compare what a store says of an object with what it said before.

    Raises:
        InvalidInputError: It was replaced or removed.
    """
    if now is None or (now.size, now.etag, now.mtime_ns) != (
        known.size,
        known.etag,
        known.mtime_ns,
    ):
        raise InvalidInputError(
            f"`{remote}` was {'replaced' if now else 'removed'} while it was read",
            hint="wait until nothing writes to it any more, then start again",
        )
