"""Readers: documents out of files, as Arrow batches.

`discover` finds the files, `documents` reads them, `schema` says which columns come out.
`registry.core.source.ReadOptions` says how a record becomes documents. The steps, in order:

1. `finding` finds and sorts the files, on this machine, in object stores (`remote`) or piped in
   (`piped`); `files` opens them decompressed, `archives` opens tar archives, `encodings` turns
   text into UTF-8;
2. `parquet`, `arrow`, `jsonl`, `json`, `csv`, `text` and `warc` turn one file into `records`:
   columns of needed fields, which `columns` finds in Arrow data and `objects` in JSON;
3. `fields` and `dates` turn records into documents with their origin, names and dates;
4. `batches` keeps the stream within bounds; `ahead` lets it run in a thread of its own.

`peek` shows the first records of a file with all their fields, before anything is chosen.
"""

from __future__ import annotations

from registry.readers.ahead import read_ahead
from registry.readers.batches import schema, text_buffers
from registry.readers.files import Skip, SourceFile, is_card
from registry.readers.finding import Discovered, discover
from registry.readers.parquet import row_groups
from registry.readers.peek import peek
from registry.readers.piped import PipedFile
from registry.readers.stream import documents, records_of

__all__ = [
    "Discovered",
    "PipedFile",
    "Skip",
    "SourceFile",
    "discover",
    "documents",
    "is_card",
    "peek",
    "read_ahead",
    "records_of",
    "row_groups",
    "schema",
    "text_buffers",
]
