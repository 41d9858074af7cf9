"""Fetch the texts of a plan's rows again, each re-hashed against what was registered.

A version's texts may be at several places: the vault, the files they were registered from, other
files with the same content. A place with the same reading order is streamed; one with another
order is first spooled to disk and then taken from by content.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from registry import documents, readers
from registry.blobs import Store
from registry.core.dataset import DatasetRef
from registry.core.source import ReadOptions
from registry.db.models import DatasetVersion, Location, Relocation
from registry.db.session import Database
from registry.documents import Hashes, as_hashes, hash_texts, read_texts
from registry.errors import ConflictError, RegistryError, UnavailableError
from registry.places import parse
from registry.query import catalogue
from registry.query.again import Again
from registry.query.standing import member

if TYPE_CHECKING:
    from registry.query.layout import Layout
    from registry.query.plan import PlannedInput


class SourceFailedError(ConflictError):
    """A place does not have the texts that were registered from it.

    Args:
        message: Which file or record, and what is wrong with it.
        version: The version that was read.
        uid: The place's uid.
        hint: What to do, if nothing is lost.
    """

    def __init__(
        self, message: str, version: DatasetVersion, uid: str, *, hint: str | None = None
    ) -> None:
        super().__init__(
            message,
            hint=hint
            or "restore the files, or register them again from where they are now; "
            "`--keep` would have kept the texts",
        )
        self.version = version
        self.uid = uid


@dataclass(frozen=True, slots=True)
class Copy:
    """A place that has the texts of a location: the vault, or the files they were read from.

    Attributes:
        location: The location.
        vault: Under which uid the vault has them, or None for the files.
        moved: Where the files are by now, if they were moved after they were registered.
    """

    location: Location
    vault: str | None
    moved: Relocation | None = None

    @property
    def uid(self) -> str:
        """Return what tells it from other copies of the same version."""
        if self.vault is None and self.location.kept:
            return f"files/{self.location.uid}"
        return self.vault or self.location.uid

    @property
    def order_root(self) -> str:
        """Return the order that the texts have."""
        return self.location.order_root

    @property
    def base(self) -> str:
        """Return where the files are."""
        return self.location.base if self.moved is None else self.moved.base

    @property
    def names(self) -> list[str]:
        """Return the names of the files there."""
        files = self.location.files if self.moved is None else self.moved.files
        return [file["name"] for file in files]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Texts of a version, as they stand in one of its locations.

    Attributes:
        ref: The version's name, for messages.
        version: The version.
        order_root: The reading order.
        hashes: The contents of all rows in that order.
        rows: The rows that are wanted, ascending.
    """

    ref: DatasetRef
    version: DatasetVersion
    order_root: str
    hashes: Hashes
    rows: npt.NDArray[np.int64]

    @classmethod
    def of(cls, item: PlannedInput) -> Self:
        """Return what an input of a plan draws."""
        stand = item.standing
        return cls(item.ref, stand.version, stand.location.order_root, stand.hashes, item.rows)


class TextSource:
    """Reads texts from the best place the catalogue knows.

    Args:
        database: The catalogue.
        store: The registry's storage.
        scratch: A folder for spooled texts.
        avoid: Places that were found wanting, by uid.
        ahead: Read in a thread of its own.
        files_too: Also read the files of what was kept when it was registered, after all else.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        scratch: Path,
        *,
        avoid: set[str],
        ahead: bool,
        files_too: bool = False,
    ) -> None:
        self._database = database
        self._store = store
        self._scratch = scratch
        self._avoid = avoid
        self._ahead = ahead
        self._files_too = files_too

    def places(self, version: DatasetVersion) -> Sequence[Copy]:
        """Return where a version's texts may be, the vault first."""
        with self._database.read() as session:
            locations = catalogue.locations(session, version)
            kept = catalogue.kept(session, version)
            moved = catalogue.relocations(session, [place.id for place in locations])
        vaults = [Copy(place, kept[place.id]) for place in locations if place.id in kept]
        files = [
            Copy(place, None, moved.get(place.id))
            for place in locations
            if self._files_too or not place.kept
        ]
        return vaults + sorted(files, key=lambda it: it.location.kept)

    def read(self, layout: Layout) -> Generator[pa.Array]:
        """Give the texts of each row group, in the layout's order.

        Raises:
            SourceFailedError: A place does not have what was registered.
        """
        cutters: dict[int, _Cutter] = {}
        try:
            for groups in layout.shards:
                for group in groups:
                    parts = []
                    for piece in group.pieces:
                        if piece.input not in cutters:
                            drawn = self.texts(layout.plan.inputs[piece.input])
                            cutters[piece.input] = _Cutter(drawn, ahead=self._ahead)
                        parts.append(cutters[piece.input].take(piece.end - piece.begin))
                    yield pa.concat_arrays(parts) if parts else pa.array([], pa.large_string())
        finally:
            for cutter in cutters.values():
                cutter.close()

    def texts(self, asked: PlannedInput | Wanted) -> Generator[pa.Array]:
        """Give the texts of an input's drawn rows in order, every one of them checked.

        Raises:
            SourceFailedError: A place does not have what was registered.
            ConflictError: There is no place left.
        """
        item = asked if isinstance(asked, Wanted) else Wanted.of(asked)
        places = [place for place in self.places(item.version) if place.uid not in self._avoid]
        if not places:
            raise ConflictError(f"no place has the texts of `{item.ref.short}` any more")
        alike = [place for place in places if place.order_root == item.order_root]
        place = (alike or list(places))[0]
        try:
            if alike:
                yield from self.streamed(item, place)
            else:
                yield from self._spooled(item, place)
        except SourceFailedError:
            raise
        except RegistryError as error:
            raise SourceFailedError(
                f"{error.message}, needed for `{item.ref.short}`",
                item.version,
                place.uid,
                hint=error.hint if isinstance(error, UnavailableError) else None,
            ) from error

    def _batches(self, place: Copy) -> Iterator[pa.RecordBatch]:
        if place.vault is not None:
            return read_texts(self._store.vault(place.vault))
        options = ReadOptions.from_json(place.location.options)
        base = parse(place.base)
        files = [base / name for name in place.names]
        return readers.documents(readers.discover(files, options, every=True).files, options)

    def streamed(self, item: Wanted, place: Copy) -> Generator[pa.Array]:
        """Read a place that has the rows in the same order."""
        rows, expected = item.rows, item.hashes
        begin = at = 0
        for batch in self._batches(place):
            end = begin + batch.num_rows
            upto = int(np.searchsorted(rows, end))
            picked = rows[at:upto]
            if len(picked):
                if picked[-1] >= len(expected):
                    break
                local = picked - begin
                texts = batch.column("text").take(pa.array(local))
                self._check(
                    item, place, texts, expected[picked], batch=batch, begin=begin, local=local
                )
                yield texts
            begin, at = end, upto
            if at == len(rows):
                return
        if at < len(rows):
            raise SourceFailedError(
                f"`{place.base}` has fewer documents than were registered as `{item.ref.short}`",
                item.version,
                place.uid,
            )

    def _check(
        self,
        item: Wanted,
        place: Copy,
        texts: pa.Array,
        expected: Hashes,
        *,
        batch: pa.RecordBatch,
        begin: int,
        local: npt.NDArray[np.int64],
    ) -> None:
        """Compare texts, taken from the given rows of a batch, with what was registered."""
        found = hash_texts(texts)
        if found == expected.tobytes():
            return
        wrong = int(np.flatnonzero(as_hashes(found) != expected)[0])
        row = int(local[wrong])
        if place.vault is not None:
            where = f"document {begin + row + 1} of the kept texts of `{item.ref.short}`"
        else:
            file = place.names[batch.column("file")[row].as_py()]
            record = batch.column("record")[row].as_py() + 1
            where = f"record {record} of `{parse(place.base) / file}`"
        raise SourceFailedError(
            f"{where}: the text is not the one that was registered as `{item.ref.short}`",
            item.version,
            place.uid,
        )

    def _spooled(self, item: Wanted, place: Copy) -> Generator[pa.Array]:
        """Read a place that has the same texts in another order, by content."""
        wanted = np.sort(item.hashes[item.rows])
        spool = self._scratch / f"spool-{place.uid}.arrow"
        self._scratch.mkdir(parents=True, exist_ok=True)
        schema = pa.schema([pa.field("text", pa.large_string())])
        found: list[Hashes] = []
        try:
            with pa.OSFile(str(spool), "wb") as sink, pa.ipc.new_file(sink, schema) as ipc:
                for batch in self._batches(place):
                    hashes = as_hashes(hash_texts(batch.column("text")))
                    rows = np.flatnonzero(member(hashes, wanted))
                    if len(rows):
                        found.append(hashes[rows])
                        texts = batch.column("text").take(pa.array(rows))
                        ipc.write_batch(pa.record_batch([texts], schema=schema))
            yield from self._from_spool(item, place, spool, found)
        finally:
            spool.unlink(missing_ok=True)

    def _from_spool(
        self, item: Wanted, place: Copy, spool: Path, found: list[Hashes]
    ) -> Generator[pa.Array]:
        hashes = np.concatenate(found) if found else np.empty(0, "S32")
        order = np.argsort(hashes, kind="stable")
        expected = item.hashes[item.rows]
        at = np.searchsorted(hashes[order], expected)
        if len(expected) and (
            not len(hashes) or (hashes[order][np.minimum(at, len(hashes) - 1)] != expected).any()
        ):
            raise SourceFailedError(
                f"`{place.base}` lacks texts that were registered as `{item.ref.short}`",
                item.version,
                place.uid,
            )
        positions = order[at]
        with pa.memory_map(str(spool)) as source:
            column = pa.ipc.open_file(source).read_all().column("text")
            for begin in range(0, len(positions), 1024):
                chosen = column.take(pa.array(positions[begin : begin + 1024]))
                texts = chosen.combine_chunks()
                if isinstance(texts, pa.ChunkedArray):
                    texts = pa.concat_arrays(texts.chunks)
                if hash_texts(texts) != expected[begin : begin + 1024].tobytes():
                    raise SourceFailedError(
                        f"the texts spooled from `{place.base}` changed on disk",
                        item.version,
                        place.uid,
                    )
                yield texts


def reading(database: Database, store: Store, scratch: Path) -> Again:
    """Return what reads texts of any version again, from whichever place has them."""
    return partial(again, database, store, scratch)


def again(
    database: Database,
    store: Store,
    scratch: Path,
    version: DatasetVersion,
    place: Location,
    rows: npt.NDArray[np.int64],
) -> Iterator[pa.Array]:
    """Give texts of a version once more, every one checked, from whichever place has them.

    Args:
        database: The catalogue.
        store: The registry's storage.
        scratch: A folder for spooled texts.
        version: The version, with its dataset.
        place: Its location that the rows are of.
        rows: Which of them, ascending.

    Raises:
        ConflictError: No place has one of them, or the document table is missing or was changed.
    """
    table = documents.load(
        store.documents(place.uid), digest=place.table_digest, columns=["content_hash"]
    )
    hashes = documents.hashes_of(table.column("content_hash"))
    wanted = Wanted(catalogue.ref_of(version), version, place.order_root, hashes, rows)
    return from_any_place(database, store, wanted, scratch)


def from_any_place(
    database: Database, store: Store, wanted: Wanted, scratch: Path
) -> Iterator[pa.Array]:
    """Give texts of a version, every one checked, from as many of its places as it takes.

    Args:
        database: The catalogue.
        store: The registry's storage.
        wanted: Which texts.
        scratch: A folder for texts that are found in another order.

    Raises:
        SourceFailedError: No place has all of them; of several, why the first one has not.
    """
    failed: dict[str, SourceFailedError] = {}
    rows, done = wanted.rows, 0
    while done < len(rows):
        found = TextSource(database, store, scratch, avoid=set(failed), ahead=False)
        rest = Wanted(wanted.ref, wanted.version, wanted.order_root, wanted.hashes, rows[done:])
        if failed and not any(one.uid not in failed for one in found.places(wanted.version)):
            raise next(iter(failed.values()))
        try:
            for batch in found.texts(rest):
                yield batch
                done += len(batch)
        except SourceFailedError as error:
            # Another place may have them.
            failed[error.uid] = error


def texts_at(
    database: Database,
    store: Store,
    wanted: Wanted,
    location: Location,
    moved: Relocation,
    scratch: Path,
) -> Iterator[pa.Array]:
    """Give texts from where the files of a location are said to be now, every one checked.

    Raises:
        SourceFailedError: They are not there, or not those that were registered.
    """
    source = TextSource(database, store, scratch, avoid=set(), ahead=False)
    yield from source.streamed(wanted, Copy(location, None, moved))


class _Cutter:
    """Cuts a stream of texts into runs of the lengths asked for."""

    def __init__(self, batches: Generator[pa.Array], *, ahead: bool) -> None:
        self._batches: Iterator[pa.Array] = readers.read_ahead(batches) if ahead else batches
        self._waiting: list[pa.Array] = []
        self._ready = 0

    def take(self, count: int) -> pa.Array:
        """Return the next `count` texts."""
        while self._ready < count:
            batch = next(self._batches)
            self._waiting.append(batch)
            self._ready += len(batch)
        joined = pa.concat_arrays(self._waiting)
        self._waiting = [joined.slice(count)]
        self._ready -= count
        return joined.slice(0, count)

    def close(self) -> None:
        """End the stream."""
        if isinstance(self._batches, Generator):
            self._batches.close()
