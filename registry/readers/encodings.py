"""Bytes of text as UTF-8, whatever encoding the options say they have."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from registry.core.source import OnBadInput, ReadOptions
from registry.errors import InvalidInputError
from registry.readers.files import ByteStream, Source, open_stream

_MARK: Final = "\udcff"
"""Stands for bytes that are not valid: no UTF-8 encodes it, so its record is found out later."""
_MARKED: Final = "firsthand-mark"
_UTF8: Final = codecs.lookup("utf-8").name


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _MARK, error.end


codecs.register_error(_MARKED, _mark)


@contextmanager
def utf8_stream(file: Source, options: ReadOptions) -> Iterator[ByteStream]:
    """Open a file of text, decompressed and with its encoding turned into UTF-8.

    UTF-8 is passed on as it is, valid or not. In another encoding, what is not valid is an error,
    or with `OnBadInput.SKIP` becomes bytes that are not valid UTF-8.

    Raises:
        InvalidInputError: It cannot be read, or is not valid.
    """
    with open_stream(file) as stream:
        if options.encoding is None or codecs.lookup(options.encoding).name == _UTF8:
            yield stream
        else:
            yield _Transcoded(file, stream, options.encoding, options.on_bad_input)


def not_valid(
    where: str, options: ReadOptions, error: UnicodeDecodeError, offset: int
) -> InvalidInputError:
    """Return the error for text that is not valid in the encoding the options say.

    Args:
        where: What is not valid, for the message.
        options: The options that it was read with.
        error: What is wrong.
        offset: Where in the decompressed file the decoded bytes began.
    """
    said = options.encoding or "UTF-8"
    # After transcoding, offsets are those of the UTF-8.
    at = "" if options.encoding else f" at byte {offset + error.start} of the file: {error.reason}"
    return InvalidInputError(f"`{where}` is not valid {said}{at}", hint=_hint(error.object, said))


def _hint(content: bytes, said: str) -> str:
    likely = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    example = "utf-16" if likely and said == "UTF-8" else "latin-1"
    return (
        f"say which encoding it has, as in `--encoding {example}`, convert it to UTF-8, or leave "
        "out what is not valid with `--on-bad-input skip`"
    )


class _Transcoded:
    """Reads UTF-8 out of bytes in another encoding."""

    def __init__(
        self, file: Source, stream: ByteStream, encoding: str, on_bad_input: OnBadInput
    ) -> None:
        self._file = file
        self._stream = stream
        self._encoding = encoding
        errors = _MARKED if on_bad_input is OnBadInput.SKIP else "strict"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._taken = 0
        self._ended = False

    def read(self, size: int, /) -> bytes:
        while not self._ended:
            chunk = self._stream.read(size)
            self._ended = not chunk
            self._taken += len(chunk)
            if text := self._decoded(chunk):
                return text.encode("utf-8", "surrogatepass")
        return b""

    def _decoded(self, chunk: bytes) -> str:
        try:
            return self._decoder.decode(chunk, self._ended)
        except UnicodeDecodeError as error:
            # The decoder may have kept bytes of the chunk before.
            offset = self._taken - len(error.object) + error.start
            raise InvalidInputError(
                f"`{self._file}` is not valid {self._encoding} at byte {offset}: {error.reason}",
                hint=_hint(b"", self._encoding),
            ) from error
        except UnicodeError as error:
            raise InvalidInputError(
                f"`{self._file}` is not valid {self._encoding}: {error}",
                hint=_hint(b"", self._encoding),
            ) from error
