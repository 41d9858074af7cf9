"""Write the matches, and the report, into a folder: all of it appears at the end, or nothing."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from registry.blobs import make_folder, sync_file, sync_folder
from registry.check import page
from registry.check.reasons import Reason
from registry.check.report import Report
from registry.check.rows import SCHEMA
from registry.core.evidence import iso_time, to_micros
from registry.errors import InvalidInputError, UnavailableError

NAMES: Final = ("report.json", "report.html", "matches.jsonl", "matches.parquet")
_SHOWN: Final = 2000
"""How many matches the page lists."""


class Files:
    """The files of a report while they are written.

    Args:
        folder: The folder, which is made if it is not there. Files of an earlier report in it are
            replaced, and others left alone.

    Raises:
        InvalidInputError: Something else than a folder is there.
        UnavailableError: It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        if os.path.lexists(folder) and not folder.is_dir():
            raise InvalidInputError(
                f"`{folder}` is not a folder that a report can be written to",
                hint="choose another `--report`, a folder of its own",
            )
        self.folder = folder
        token = secrets.token_hex(8)
        self._partial = {name: folder / f".{name}.{token}.partial" for name in NAMES}
        self._shown: list[dict[str, Any]] = []
        with self._refused():
            make_folder(folder)
            self._lines = self._partial["matches.jsonl"].open("wb")
            self._table = pq.ParquetWriter(
                self._partial["matches.parquet"],
                SCHEMA,
                compression="zstd",
                write_page_checksum=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Remove what is not done."""
        with contextlib.suppress(OSError, pa.ArrowException):
            self._lines.close()
        with contextlib.suppress(OSError, pa.ArrowException):
            self._table.close()
        for path in self._partial.values():
            with contextlib.suppress(OSError):
                path.unlink()

    def add(self, rows: pa.Table, reason: npt.NDArray[np.int8]) -> None:
        """Write matches, and why each matters.

        Raises:
            UnavailableError: The disk refused.
        """
        self._shown = gravest(self._shown, rows, reason, limit=_SHOWN)
        with self._refused():
            for batch in rows.to_batches(max_chunksize=1000):
                self._lines.write(b"".join(orjson.dumps(item) + b"\n" for item in plain(batch)))
            self._table.write_table(rows)

    def finish(self, report: Report) -> None:
        """Write the report, and let all files appear.

        Raises:
            UnavailableError: The disk refused; files of an earlier report are untouched then.
        """
        report.folder = str(self.folder)
        record = report.record()
        with self._refused():
            self._lines.close()
            self._table.close()
            indented = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
            self._partial["report.json"].write_bytes(orjson.dumps(record, option=indented))
            self._partial["report.html"].write_text(page.html(record, self._shown), "utf-8")
            for path in self._partial.values():
                sync_file(path)
            for name, path in self._partial.items():
                path.replace(self.folder / name)
            sync_folder(self.folder)

    @contextlib.contextmanager
    def _refused(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"the report `{self.folder}` cannot be written: {error.strerror or error}",
                hint="make room there, or choose another `--report`",
            ) from error


def gravest(
    before: list[dict[str, Any]], rows: pa.Table, reason: npt.NDArray[np.int8], *, limit: int
) -> list[dict[str, Any]]:
    """Return so many matches of those before and some more: the gravest, in their order.

    What ends a check with 3 is seen first, however much was found before it that does not matter.
    """
    best = np.argsort(reason, kind="stable")[:limit]
    some = plain(rows.take(pa.array(best)))
    return sorted([*before, *some], key=lambda it: Reason[it["reason"].upper()])[:limit]


def plain(rows: pa.RecordBatch | pa.Table) -> list[dict[str, Any]]:
    """Return matches as JSON has them."""
    found: list[dict[str, Any]] = rows.to_pylist()
    for item in found:
        for name in ("not_after", "their_not_before", "their_not_after"):
            if item[name] is not None:
                item[name] = iso_time(to_micros(item[name]))
    return found
