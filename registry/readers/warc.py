"""Web archives: WARC files, and the WET files that hold text taken out of them.

This is no HTML extractor. A record is a document if it is text already: a `conversion` record (what
a WET file is made of), or a `resource` or an HTTP `response` whose payload is `text/plain`. Other
content is counted by its type and passed over. What a record says about itself are its fields.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from registry.core.source import ReadOptions
from registry.errors import InvalidInputError, UnavailableError
from registry.places import shown
from registry.readers.batches import MAX_BYTES, MAX_ROWS
from registry.readers.files import (
    MAX_RATIO,
    RATIO_FROM,
    READ_ERRORS,
    ByteStream,
    Source,
    failed,
    open_stream,
)
from registry.readers.lines import LONGEST_LINE, too_long
from registry.readers.objects import Columns, Record
from registry.readers.records import (
    OnBad,
    Records,
    check_options,
    chosen_texts,
    missing_field,
    needed_fields,
    place,
)

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

FIELDS: Final = ("text", "url", "date", "content_type", "language", "record_id")
"""What a record has; all but `text` and `record_id` may be null."""
_PLAIN: Final = "text/plain"
_MANDATORY: Final = ("WARC-Type", "WARC-Record-ID", "WARC-Date", "Content-Length")
_CHARSET: Final = re.compile(r';\s*charset\s*=\s*["\']?([^\s;"\']+)', re.IGNORECASE)
_CONTENT: Final = frozenset({"conversion", "resource", "response"})
_DIGESTS: Final = ("md5", "sha1", "sha256")
_CHUNK: Final = 1 << 20
_TYPES_COUNTED: Final = 50


def records(
    file: Source, options: ReadOptions, bad: OnBad, on_skip: Callable[[str], None]
) -> Iterator[Records]:
    """Read the records that are text, some thousand at a time, keeping the fields needed.

    A text is decoded as the content type of its record says, or else as the options do. Block
    digests are verified where a record has one, and an HTTP payload is taken out of its transfer
    and content encodings.

    Args:
        file: The archive.
        options: How records become documents.
        bad: Called for a record whose text is not valid.
        on_skip: Called at the end with a line for each type of content that is not text.

    Raises:
        InvalidInputError: The file is truncated, damaged or no WARC file, decompresses to far more
            than its size, or has no record that is text; or a field is named that no record has.
        UnavailableError: fastwarc is not installed.
    """
    check_options(file, options)
    texts = chosen_texts(options) or FIELDS[:1]
    fields = needed_fields(texts, options)
    for field in fields:
        if field.path not in FIELDS:
            raise missing_field(file, field.path, FIELDS)
    columns = Columns(file, fields)
    first = 0
    for block, positions in blocks(file, options, bad, on_skip):
        where = partial(_place, file, positions)
        yield Records(file, first, texts, columns.take(block, where), None, positions)
        first += len(block)


def _place(file: Source, positions: list[int], index: int) -> str:
    return place(file, positions[index])


def blocks(
    file: Source, options: ReadOptions, bad: OnBad, on_skip: Callable[[str], None]
) -> Iterator[tuple[list[Record], list[int]]]:
    """Give the records that are text, with the position of each among all records of the file."""
    others: Counter[str] = Counter()
    block: list[Record] = []
    positions: list[int] = []
    size = 0
    has_text = False
    for position, found in _found(file):
        where = _Place(file, position, found.stream_pos)
        try:
            content = _content(where, found)
            if isinstance(content, str):
                others[content if len(others) < _TYPES_COUNTED else "other types"] += 1
                continue
            has_text = True
            text = _decoded(where, content, options)
        except _BadRecordError as error:
            has_text = True
            bad(error.error)
            continue
        block.append(_record(found, content.type, text))
        positions.append(position)
        size += len(content.data)
        if size >= MAX_BYTES or len(block) == MAX_ROWS:
            yield block, positions
            block, positions, size = [], [], 0
    others.pop("", None)
    if not has_text:
        bad(_no_text(file, others))
    if block:
        yield block, positions
    for what, count in sorted(others.items()):
        on_skip(f"{file}: not text: {_plural(count, what)}")


def _no_text(file: Source, others: Counter[str]) -> InvalidInputError:
    held = ", ".join(_plural(count, what) for what, count in others.most_common(5))
    return InvalidInputError(
        f"`{file}` has no record that is text" + (f", only {held}" if held else ""),
        hint="extract the text first, or take the WET files of the same crawl",
    )


def _plural(count: int, what: str) -> str:
    return f"{count:,} {'record' if count == 1 else 'records'} of {what}"


# One record


class _BadRecordError(Exception):
    """One record is not valid, and the next one is found all the same; never leaves this module."""

    def __init__(self, error: InvalidInputError) -> None:
        super().__init__(error.message)
        self.error = error


class _Place(NamedTuple):
    """Where a record is: its position, and where it begins in the decompressed file."""

    file: Source
    position: int
    offset: int

    def __str__(self) -> str:
        return f"record {self.position + 1} of `{self.file}` (at byte {self.offset})"


class _Content:
    """The bytes of a text, and what its record says that they are."""

    def __init__(self, data: bytes, content_type: str) -> None:
        self.data = data
        self.type = content_type
        said = _CHARSET.search(content_type)
        self.charset = said[1] if said else None


def _content(where: _Place, record: WarcRecord) -> _Content | str:
    """Return the bytes of a record that is text; of another one what it holds, or nothing.

    Nothing is said of records that describe others, such as requests and metadata.
    """
    kind = str(record.record_type)
    if kind not in _CONTENT:
        _pass_over(where, record)
        return ""
    content_type = record.headers.get("Content-Type") or ""
    if record.headers.get("WARC-Segment-Number"):
        _pass_over(where, record)
        return "a part of a content only"
    if record.is_http and kind == "response":
        return _of_response(where, record)
    if _media_type(content_type) != _PLAIN:
        _pass_over(where, record)
        return _media_type(content_type)
    block = _whole(where, record)
    _check_digest(where, record, block)
    return _Content(block, content_type)


def _of_response(where: _Place, record: WarcRecord) -> _Content | str:
    if record.content_length > LONGEST_LINE:
        _pass_over(where, record)
        return "more than 1 GiB"
    from fastwarc.warc import WarcRecord

    block = _whole(where, record)
    # Parsed apart from the file, so that what is wrong here cannot lose the next record's place.
    answer = WarcRecord()
    answer.init_headers(record.record_type)
    answer.set_bytes_content(block)
    answer.is_http = True
    try:
        answer.parse_http(auto_decode="all")
        content_type = (answer.http_headers.get("Content-Type") or "").strip()
        if _media_type(content_type) != _PLAIN:
            return _media_type(content_type)
        content = _limited(where, answer, max(RATIO_FROM, MAX_RATIO * len(block)))
    except OSError as error:
        reason = f"its HTTP content cannot be read: {error}"
        raise _BadRecordError(_unsound(where, reason)) from error
    _check_digest(where, record, block)
    return _Content(content, content_type)


def _limited(where: _Place, record: WarcRecord, limit: int) -> bytes:
    """Read a payload that may have been compressed to make it grow."""
    chunks = []
    size = 0
    while chunk := record.reader.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            reason = f"it decompresses to more than {MAX_RATIO} times its size"
            raise _BadRecordError(_unsound(where, reason))
    return b"".join(chunks)


def _whole(where: _Place, record: WarcRecord) -> bytes:
    length = record.content_length
    if length > LONGEST_LINE:
        raise too_long(where.file, f"record {where.position + 1}")
    with _reading(where):
        content: bytes = record.reader.read()
    if len(content) != length:
        raise _truncated(where, length, len(content))
    return content


def _check_digest(where: _Place, record: WarcRecord, block: bytes) -> None:
    """Compare the bytes of a record with the digest it says, if it says one we know."""
    kind, _, said = (record.headers.get("WARC-Block-Digest") or "").strip().partition(":")
    if kind.lower() not in _DIGESTS:
        return
    made = hashlib.new(kind.lower(), block, usedforsecurity=False).digest()
    written = {made.hex(), base64.b32encode(made).decode().rstrip("=").lower()}
    if said.rstrip("=").lower() not in written:
        raise _BadRecordError(_unsound(where, "its block digest does not hold"))


def _pass_over(where: _Place, record: WarcRecord) -> None:
    with _reading(where):
        length = record.content_length
        consumed = record.reader.consume()
    if consumed != length:
        raise _truncated(where, length, consumed)


def _media_type(content_type: str) -> str:
    return shown(content_type.partition(";")[0].strip().lower()[:100]) or "no stated type"


def _decoded(where: _Place, content: _Content, options: ReadOptions) -> str:
    encoding = options.encoding or "utf-8"
    if content.charset is not None:
        encoding = _known(content.charset) or ""
        if not encoding:
            error = _unsound(
                where, f"it says the charset `{shown(content.charset)}`, which is none"
            )
            raise _BadRecordError(error)
    try:
        return content.data.decode(encoding)
    except UnicodeError as error:
        at = f" at its byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise _BadRecordError(
            InvalidInputError(
                f"the text of {where} is not valid {encoding}{at}",
                hint="say the encoding of records that name none with `--encoding`, or leave out"
                " what is not valid with `--on-bad-input skip`",
            )
        ) from error


@lru_cache(maxsize=256)
def _known(charset: str) -> str | None:
    """Return a charset if text can be in it: the web says all kinds of things."""
    try:
        return replace(ReadOptions(), encoding=charset).encoding
    except InvalidInputError:
        return None


def _record(found: WarcRecord, content_type: str, text: str) -> Record:
    return {
        "text": text,
        "url": found.headers.get("WARC-Target-URI"),
        "date": found.headers.get("WARC-Date"),
        "content_type": content_type,
        "language": found.headers.get("WARC-Identified-Content-Language"),
        "record_id": found.headers.get("WARC-Record-ID"),
    }


# The file


class _Input:
    """Reads the decompressed file for fastwarc, and knows how far it is."""

    def __init__(self, file: Source, stream: ByteStream) -> None:
        self._file = file
        self._stream = stream
        self._read = 0

    def read(self, size: int = _CHUNK, /) -> bytes:
        try:
            content = self._stream.read(size)
        except READ_ERRORS as error:
            raise failed(self._file, error) from error
        self._read += len(content)
        return content

    def tell(self) -> int:
        return self._read


def _found(file: Source) -> Iterator[tuple[int, WarcRecord]]:
    """Give each record with its position; the one before must not be used any more."""
    try:
        from fastwarc.warc import ArchiveIterator
    except ImportError as error:
        raise UnavailableError(
            "web archives are read by fastwarc, which is not installed",
            hint="pip install 'firsthand[warc]'",
        ) from error
    with open_stream(file) as stream:
        reader: Any = _Input(file, stream)
        archive = iter(ArchiveIterator(reader, parse_http=False, stream_detect=False))
        position = offset = 0
        while True:
            where = _Place(file, position, offset)
            with _reading(where):
                record = next(archive, None)
            if record is None:
                break
            where = _Place(file, position, record.stream_pos)
            _check_headers(where, record)
            yield position, record
            position += 1
            offset = where.offset + record.content_length


def _check_headers(where: _Place, record: WarcRecord) -> None:
    """Refuse a record without what every record has: fastwarc takes what is cut off for empty."""
    missing = [name for name in _MANDATORY if not record.headers.get(name)]
    length = record.headers.get("Content-Length") or ""
    if not missing and not (length.isascii() and length.isdigit()):
        missing = ["Content-Length"]
    if missing:
        raise _damaged(where, f"has no valid header `{missing[0]}`")


@contextmanager
def _reading(where: _Place) -> Iterator[None]:
    """Turn what fastwarc raises into our error."""
    try:
        yield
    except OSError as error:
        raise _damaged(where, f"cannot be found: {error}") from error


def _damaged(where: _Place, reason: str) -> InvalidInputError:
    at = f"record {where.position + 1} after byte {where.offset}"
    return InvalidInputError(
        f"`{where.file}` cannot be read as WARC: {at} {reason}",
        hint="it is truncated or damaged, or its name is wrong: fetch it again",
    )


def _truncated(where: _Place, length: int, found: int) -> InvalidInputError:
    return _damaged(where, f"should have {length} bytes and has {found}")


def _unsound(where: _Place, reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"{where} is not valid: {reason}",
        hint="fetch the file again, or leave the record out with `--on-bad-input skip`",
    )
