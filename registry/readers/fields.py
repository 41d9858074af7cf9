"""From records to documents: texts, origins, names and dates, as the options say.

Nothing here ever makes a text human by default: a missing or empty value says `unknown`, and a
value that nobody explained is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from registry.core.dataset import FIELD_ORIGINS, Origin
from registry.core.source import ReadOptions
from registry.errors import InvalidInputError
from registry.readers.batches import Integers, count_column, schema, text_buffers
from registry.readers.dates import brackets
from registry.readers.records import Field, Records, Role, listed

_NEWLINE: Final = pa.scalar("\n", pa.large_string())
_BLANK: Final = ""


class DocumentMaker:
    """Turns records into document batches, with the options checked once.

    Args:
        options: How records become documents.

    Raises:
        InvalidInputError: The map of origins contradicts itself or calls empty values human.
    """

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._schema = schema(options)
        self._origins = dict(options.origin_map) or {origin.value: origin for origin in Origin}
        for value, origin in options.origin_map:
            if self._origins[value] is not origin:
                raise InvalidInputError(
                    f"`--origin-map` says two things about `{value}`: {origin} and"
                    f" {self._origins[value]}",
                    hint="say one, or `mixed`, or `unknown`",
                )
            if origin is Origin.HUMAN and not value.strip():
                raise InvalidInputError(
                    "`--origin-map` calls an empty value human",
                    hint="an empty value says nothing about who wrote a text: leave it out",
                )

    def batch(self, records: Records, file: int, before: int = 0) -> pa.RecordBatch:
        """Return the documents of some records, in order.

        Args:
            records: Records of one file.
            file: The position of that file among the files read.
            before: How many records that file has before those of its member, in an archive.

        Raises:
            InvalidInputError: A value cannot be a label, or a date, under the options.
        """
        options = self._options
        parts = len(options.split_fields) or 1
        texts = [
            pc.fill_null(records.columns[Field(path, Role.TEXT)], "") for path in records.texts
        ]
        count = len(records) * parts
        first = before + records.first
        positions = np.arange(first, first + len(records))
        columns: dict[str, pa.Array] = {
            "text": _interleaved(texts) if options.split_fields else _joined(texts),
            "file": pa.array(np.full(count, file, np.int32)),
            "record": pa.array(np.repeat(positions, parts)),
            "part": pa.array(np.tile(np.arange(parts, dtype=np.int16), len(records))),
        }
        if options.split_fields:
            origins = pa.array([origin.value for _, origin in options.split_fields], pa.string())
            columns["origin"] = origins.take(columns["part"])
        elif options.origin_by_field:
            columns |= _by_field(options, texts)
        elif options.origin_field is not None:
            columns["origin"] = self._labelled(records, options.origin_field)
        columns |= self._told(records, parts)
        return pa.RecordBatch.from_arrays(
            [columns[name] for name in self._schema.names], schema=self._schema
        )

    def whole_files(
        self, texts: Sequence[str], files: Sequence[int], records: Sequence[int]
    ) -> pa.RecordBatch:
        """Return the documents that text files are as a whole; nothing else is known of them.

        Args:
            texts: Their contents.
            files: The position of each file among the files read.
            records: The position of each document in its file, which may be an archive.
        """
        columns = [
            pa.array(texts, pa.large_string()),
            pa.array(files, pa.int32()),
            pa.array(records, pa.int64()),
            pa.array(np.zeros(len(texts), np.int16)),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def _labelled(self, records: Records, path: str) -> pa.Array:
        """Map each distinct label once; nothing and blanks are unknown unless the map says else."""
        column = pc.fill_null(records.columns[Field(path, Role.LABEL)], _BLANK)
        coded = column.dictionary_encode()
        origins: list[str] = []
        for code, value in enumerate(coded.dictionary.to_pylist()):
            origin = self._origins.get(value)
            if origin is None and not value.strip():
                origin = self._origins.get(_BLANK, Origin.UNKNOWN)
            if origin is None:
                index = pc.index(coded.indices, code).as_py()
                raise self._unmapped(records.place(index), path, value)
            origins.append(origin.value)
        return pa.array(origins, pa.string()).take(coded.indices)

    def _unmapped(self, where: str, path: str, value: str) -> InvalidInputError:
        known = listed(sorted(value for value in self._origins if value.strip()))
        shown = value if len(value) <= 60 else value[:60] + "…"
        if self._options.origin_map:
            said = f"`--origin-map` does not say what it means, only {known}"
        else:
            said = f"that is no origin; origins are {known}"
        return InvalidInputError(
            f"{where}: the field `{path}` is `{shown}`, and {said}",
            hint=f'say what it means, as in `--origin-map "{shown}=unknown"`',
        )

    def _told(self, records: Records, parts: int) -> dict[str, pa.Array]:
        """Return what records tell about all their documents: generator, language, dates."""
        options = self._options
        columns: dict[str, pa.Array] = {}
        for name, path in (
            ("generator", options.generator_field),
            ("language", options.language_field),
        ):
            if path is not None:
                columns[name] = _without_blanks(records.columns[Field(path, Role.NAME)])
        if options.date_fields:
            fields = [Field(path, Role.DATE) for _, path in options.date_fields]
            columns["not_before"], columns["not_after"] = brackets(records, fields)
        if parts == 1:
            return columns
        rows = pa.array(np.repeat(np.arange(len(records)), parts))
        return {name: column.take(rows) for name, column in columns.items()}


def _joined(texts: list[pa.Array]) -> pa.Array:
    return texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, _NEWLINE)


def _interleaved(texts: list[pa.Array]) -> pa.Array:
    """Return the first text of each array, then the second of each, and so on."""
    rows = len(texts[0])
    order = np.arange(rows * len(texts)).reshape(len(texts), rows).T.reshape(-1)
    return pa.concat_arrays(texts).take(pa.array(order))


def _without_blanks(column: pa.Array) -> pa.Array:
    """Return the column with null where a name is blank: it names nothing."""
    blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(column)), 0)
    if not pc.any(blank).as_py():
        return column
    return pc.if_else(pc.fill_null(blank, True), pa.scalar(None, pa.string()), column)


def _by_field(options: ReadOptions, texts: list[pa.Array]) -> dict[str, pa.Array]:
    """Return the origin and the counts per origin of documents whose fields differ in origin.

    A document has the origin of its parts that are not empty if they all have the same one, is
    `mixed` if they do not, and `unknown` if all are empty.
    """
    # Compiled code that only this option needs.
    from registry.core import words

    rows = len(texts[0])
    sizes: dict[Origin, Integers] = {}
    counts: dict[Origin, Integers] = {}
    for (_, origin), column in zip(options.origin_by_field, texts, strict=True):
        data, offsets = text_buffers(column)
        sizes[origin] = sizes.get(origin, 0) + np.diff(offsets)
        counts[origin] = counts.get(origin, 0) + words.count(data, offsets)
    present = np.stack([size > 0 for size in sizes.values()])
    codes = np.argmax(present, axis=0)
    kinds = present.sum(axis=0)
    codes[kinds > 1] = len(sizes)
    codes[kinds == 0] = len(sizes) + 1
    names = [origin.value for origin in (*sizes, Origin.MIXED, Origin.UNKNOWN)]
    columns = {"origin": pa.array(names, pa.string()).take(pa.array(codes))}
    nothing = np.zeros(rows, np.int64)
    for origin in FIELD_ORIGINS:
        columns[count_column(origin, "bytes")] = pa.array(sizes.get(origin, nothing))
        columns[count_column(origin, "words")] = pa.array(counts.get(origin, nothing))
    return columns
