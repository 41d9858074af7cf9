"""DuckDB, locked down: it reads and writes the files of one folder, within the memory it is given.

No extension is loaded or fetched, nothing outside the folder can be opened, and no SQL can change
that. What runs here are the texts of `registry.batch.sql` alone.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import pyarrow as pa

from registry.errors import UnavailableError

if TYPE_CHECKING:
    import duckdb

MEMORY: Final = 512_000_000
LEAST_MEMORY: Final = 128_000_000
MOST_MEMORY: Final = 10**15
BATCH_ROWS: Final = 1 << 16
_LOCKS: Final = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "preserve_insertion_order": "false",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use.

    Attributes:
        memory: Bytes that the engine may hold; more than that goes to disk.
        threads: How many cores.
    """

    memory: int = MEMORY
    threads: int = 2


class Engine:
    """A connection that lives as long as one step; its memory goes back when it is closed.

    Args:
        root: The folder whose files it may use.
        spill: A folder below it for what does not fit into memory.
        limits: What it may use.
    """

    def __init__(self, root: Path, spill: Path, limits: Limits) -> None:
        import duckdb

        with _translated(root):
            self._connection = duckdb.connect(
                ":memory:",
                config={
                    **_LOCKS,
                    "memory_limit": f"{limits.memory // 1000}KB",
                    "threads": str(limits.threads),
                    "temp_directory": str(spill),
                },
            )
            # A name that looks like a pattern is compared as it is written.
            folders = sorted({f"{root}/", f"{_unglobbed(root)}/"})
            self._run(f"SET allowed_directories = [{', '.join(map(_quoted, folders))}]")
            self._run("SET enable_external_access = false")
            self._run("SET lock_configuration = true")
        self._root = root

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def see(self, name: str, files: Path | Sequence[Path]) -> None:
        """Let SQL see Parquet files under a name."""
        paths = [files] if isinstance(files, Path) else list(files)
        listed = ", ".join(_quoted(_unglobbed(path)) for path in paths)
        with _translated(self._root):
            files_of = f"read_parquet([{listed}], hive_partitioning = false)"
            self._run(f"CREATE OR REPLACE VIEW {name} AS FROM {files_of}")

    def define(self, name: str, query: str) -> None:
        """Let SQL see a query under a name."""
        with _translated(self._root):
            self._run(f"CREATE OR REPLACE VIEW {name} AS {query}")

    def write(self, query: str, path: Path) -> None:
        """Write what a query gives into a Parquet file."""
        with _translated(self._root):
            self._run(
                f"COPY ({query}) TO {_quoted(str(path))} "
                "(FORMAT parquet, COMPRESSION uncompressed, ROW_GROUP_SIZE 122880)"
            )

    def one(self, query: str) -> tuple[Any, ...]:
        """Return the only row of a query."""
        (row,) = self.all(query)
        return row

    def all(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query that gives few."""
        with _translated(self._root):
            rows: list[tuple[Any, ...]] = self._connection.execute(query).fetchall()
        return rows

    def stream(self, query: str) -> Iterator[pa.RecordBatch]:
        """Give what a query gives in batches."""
        with _translated(self._root):
            yield from self._relation(query).to_arrow_reader(BATCH_ROWS)

    def _relation(self, query: str) -> duckdb.DuckDBPyRelation:
        return self._connection.sql(query)

    def _run(self, statement: str) -> None:
        self._connection.execute(statement)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _unglobbed(path: Path) -> str:
    """Return a path in which no character stands for others."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


@contextmanager
def _translated(root: Path) -> Iterator[None]:
    """Turn what DuckDB raises into errors that say what to do."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.OutOfMemoryException as error:
        # It also says so of a spill folder that is full.
        if "max_temp_directory_size" in str(error) or "No space" in str(error):
            raise disk_refused(root, "the disk is full") from error
        raise UnavailableError(
            "comparing these documents takes more memory than it was given",
            hint="give it more with `--memory`, or fewer `--threads`",
        ) from error
    except duckdb.InvalidInputException as error:
        # Of a file it cannot make sense of; everything else is a defect of ours.
        if "file '" not in str(error):
            raise
        raise disk_refused(root, " ".join(str(error).split())[:300]) from error
    except (duckdb.IOException, pa.ArrowException) as error:
        said = str(error)
        full = "No space left" in said or "os error 28" in said
        reason = "the disk is full" if full else " ".join(said.split())[:300]
        raise disk_refused(root, reason) from error


def disk_refused(root: Path, reason: str) -> UnavailableError:
    """Return the error for a folder that cannot be worked in."""
    return UnavailableError(
        f"`{root}` cannot be worked in: {reason}",
        hint="make room there, or choose another folder with `--temp`; finished stages are kept",
    )


def refused(root: Path, error: OSError) -> UnavailableError:
    """Return our error for what the disk said."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return disk_refused(root, "the disk is full" if full else error.strerror or str(error))
