"""Documents out of files, whatever their format, as a stream of bounded batches."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final

import pyarrow as pa

from registry.core.source import Format, OnBadInput, ReadOptions
from registry.errors import InvalidInputError
from registry.readers import arrow, csv, json, jsonl, parquet, text, warc
from registry.readers.archives import members
from registry.readers.batches import MAX_BYTES, MAX_ROWS, bounded
from registry.readers.fields import DocumentMaker
from registry.readers.files import Skip, Source, SourceFile
from registry.readers.records import OnBad, Records

_READERS: Final[dict[Format, Callable[[Source, ReadOptions, OnBad], Iterator[Records]]]] = {
    Format.PARQUET: parquet.records,
    Format.ARROW: arrow.records,
    Format.JSONL: jsonl.records,
    Format.JSON: json.records,
    Format.CSV: csv.records,
    Format.TSV: csv.records,
    Format.TEXT: text.records,
}


def documents(
    files: Sequence[SourceFile],
    options: ReadOptions,
    *,
    on_file: Callable[[SourceFile], None] | None = None,
    on_skip: Callable[[Skip], None] | None = None,
    first: int = 0,
    groups: range | None = None,
) -> Generator[pa.RecordBatch]:
    """Read the documents of files as batches with the columns of `batches.schema`.

    Documents come in the order of the files, then of their position. Batches are cut and joined
    across files, so that many small files do not make many batches. Memory is bounded by a few
    batches, or a few times the largest single document.

    Args:
        files: What `discover` found.
        options: How files become documents.
        on_file: Called with each file after its last document was read and the file was found
            unchanged; the batch with that document may still be to come.
        on_skip: Called with each member of an archive that is no input, and with
            `OnBadInput.SKIP` each record or text file that is not valid.
        first: What the column `file` calls the first of the files.
        groups: Of the only file, which is Parquet, only these row groups; `record` counts those
            before them.

    Raises:
        InvalidInputError: A file cannot be read under the options, or changed meanwhile. Batches
            may have been yielded before.
    """
    on_skip = on_skip or (lambda _: None)
    yield from bounded(_batches(files, options, on_file, on_skip, first, groups))


def _batches(
    files: Sequence[SourceFile],
    options: ReadOptions,
    on_file: Callable[[SourceFile], None] | None,
    on_skip: Callable[[Skip], None],
    first: int,
    groups: range | None,
) -> Iterator[pa.RecordBatch]:
    maker = DocumentMaker(options)
    gathered = _Gathered(maker)
    whole = not (options.lines or options.paragraphs)
    for index, file in enumerate(files, first):
        count = 0
        for source in sources(file, options, on_skip):
            if whole and source.format is Format.TEXT:
                content = text.content(source, options, _on_bad(file, options, on_skip))
                if content is not None:
                    yield from gathered.add(content, index, count)
                    count += 1
                continue
            yield from gathered.taken()
            before = count
            for records in _records(source, options, file, on_skip, groups):
                count = before + records.first + len(records)
                yield maker.batch(records, index, before)
        file.check_unchanged()
        if on_file is not None:
            on_file(file)
    yield from gathered.taken()


class _Gathered:
    """Collects the contents of text files, so that thousands of small ones make one batch."""

    def __init__(self, maker: DocumentMaker) -> None:
        self._maker = maker
        self._texts: list[str] = []
        self._files: list[int] = []
        self._records: list[int] = []
        self._size = 0

    def add(self, content: str, file: int, record: int) -> Iterator[pa.RecordBatch]:
        """Take a document, and give all of them when they fill a batch."""
        self._texts.append(content)
        self._files.append(file)
        self._records.append(record)
        self._size += len(content)
        if self._size >= MAX_BYTES or len(self._texts) == MAX_ROWS:
            yield from self.taken()

    def taken(self) -> Iterator[pa.RecordBatch]:
        """Give the documents there are, and start anew."""
        if self._texts:
            yield self._maker.whole_files(self._texts, self._files, self._records)
            self._texts, self._files, self._records, self._size = [], [], [], 0


def records_of(
    file: SourceFile, options: ReadOptions, on_skip: Callable[[Skip], None]
) -> Iterator[tuple[int, Records]]:
    """Read the records of a file, before they become documents.

    Args:
        file: What `discover` found.
        options: Which fields are needed, and how files are read.
        on_skip: As in `documents`.

    Yields:
        How many records the file has before those of this member, and some records of it.

    Raises:
        InvalidInputError: The file cannot be read under the options.
    """
    count = 0
    for source in sources(file, options, on_skip):
        before = count
        for records in _records(source, options, file, on_skip, None):
            count = before + records.first + len(records)
            yield before, records


def sources(
    file: SourceFile, options: ReadOptions, on_skip: Callable[[Skip], None]
) -> Iterator[Source]:
    """Give what is to be read of a file: itself, or its members one by one."""
    if file.format is not Format.TAR:
        return iter((file,))
    return members(file, options, lambda where: on_skip(Skip(file, where, None)))


def _records(
    source: Source,
    options: ReadOptions,
    file: SourceFile,
    on_skip: Callable[[Skip], None],
    groups: range | None,
) -> Iterator[Records]:
    """Give the records of a file or a member, or of some row groups."""
    bad = _on_bad(file, options, on_skip)
    if groups is not None:
        return parquet.records(source, options, bad, groups)
    if source.format is Format.WARC:
        return warc.records(source, options, bad, lambda where: on_skip(Skip(file, where, None)))
    return _READERS[source.format](source, options, bad)


def _on_bad(file: SourceFile, options: ReadOptions, on_skip: Callable[[Skip], None]) -> OnBad:
    def bad(error: InvalidInputError) -> None:
        if options.on_bad_input is OnBadInput.FAIL:
            raise error
        on_skip(Skip(file, str(file), error.message))

    return bad
