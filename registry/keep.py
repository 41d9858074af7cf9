"""Put the texts of a registered version into the vault, so that they outlive their files.

1. What the vault has of the version already is read and checked; if it is whole, that is all.
2. The texts are read again from wherever they are, each checked against its hash, and written in
   parts whose cuts the document table gives; a finished part is durable, and noted.
3. The parts are moved into their place, and one transaction records them.

An interrupted command goes on behind the last part that it finished.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from registry import __version__, documents, intents, ledger, readers
from registry.blobs import NOTES, VAULT, Store, sync_file
from registry.core.contents import Hashes
from registry.core.dataset import DatasetRef
from registry.core.digest import digest_of
from registry.core.entry import EntryKind
from registry.db.models import DatasetVersion, IntentKind, KeptTexts, Location
from registry.db.session import Database
from registry.errors import UnavailableError
from registry.intake.part import TEXTS
from registry.query import catalogue, vault, withdrawn
from registry.query.texts import SourceFailedError, TextSource, Wanted

Clock = Callable[[], dt.datetime]
PART_BYTES: Final = 64 << 20
PART_ROWS: Final = 1 << 16


class Outcome(StrEnum):
    """What came of it."""

    KEPT = "kept"
    UNCHANGED = "unchanged"
    REPAIRED = "repaired"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        stage: `checking` what is kept already, or `keeping`.
        done: How many documents that is done for.
        of: Of how many.
    """

    stage: str
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What the vault has now.

    Attributes:
        version: The version.
        outcome: What was done for it.
        base: Where the texts had been registered from.
        documents: How many texts there are.
        bytes: What they add up to.
        continued: How many of them an interrupted command had kept already.
        problems: What was wrong with what the vault had.
    """

    version: DatasetVersion
    outcome: Outcome
    base: str
    documents: int
    bytes: int
    continued: int = 0
    problems: tuple[str, ...] = ()


def version(
    database: Database,
    store: Store,
    ref: DatasetRef,
    *,
    kept_by: str,
    clock: Clock,
    on_progress: Callable[[Progress], None] | None = None,
) -> Kept:
    """Make sure that the vault has every text of a version, as it was registered.

    Args:
        database: The catalogue.
        store: The registry's storage.
        ref: The version; without a number the latest.
        kept_by: Who does it.
        clock: The registry's clock.
        on_progress: Called often; what it raises ends everything.

    Raises:
        NotFoundError: There is no such version.
        ConflictError: The texts are nowhere to be had any more, or not those that were registered;
            the message names the first one. Nothing is recorded then.
        UnavailableError: The disk or the database refused.
    """
    intents.recover(database, store, now=clock())
    tell = on_progress or (lambda _: None)
    with database.read() as session:
        wanted = catalogue.version(session, ref)
        withdrawn.require(session, wanted, partly=True)
        before = catalogue.kept(session, wanted)
        (place, *_) = catalogue.locations(session, wanted)
        count = _Counter("checking", wanted.documents, tell)
        found = vault.held(session, store, wanted, on_rows=count.add)
    if found.whole is not None:
        return Kept(wanted, Outcome.UNCHANGED, found.whole.base, wanted.documents, wanted.bytes)
    writer = intents.open_intent(database, IntentKind.KEEP, now=clock())
    try:
        work = _Keeping(database, store, writer, place, clock=clock, tell=tell)
        made = work.run()
        store.publish(writer.uid, VAULT)
        store.end_staging(writer.uid)
        with database.write() as session:
            recorded = catalogue.kept(session, wanted) == before
            if recorded:
                row = KeptTexts(
                    location_id=place.id,
                    uid=writer.uid,
                    documents=wanted.documents,
                    bytes=wanted.bytes,
                    digest=documents.digest_files(made),
                    kept_by=kept_by,
                    kept_at=clock(),
                )
                session.add(row)
                facts = {"documents": wanted.documents}
                ledger.append(
                    session, EntryKind.TEXTS_KEPT, now=row.kept_at, facts=facts, rows=[row]
                )
                intents.close(session, writer)
            else:
                intents.close_without_files(session, writer)
    except OSError as error:
        intents.abandon(database, store, writer, resumable=True)
        raise UnavailableError(
            f"the storage `{store.root}` cannot be written: {error.strerror or error}",
            hint="make room on the disk; the same command goes on where this one ended",
        ) from error
    except BaseException:
        intents.abandon(database, store, writer, resumable=True)
        raise
    if not recorded:
        # Somebody else was faster, and what they kept is recorded.
        intents.abandon(database, store, writer)
        return Kept(wanted, Outcome.UNCHANGED, place.base, wanted.documents, wanted.bytes)
    outcome = Outcome.REPAIRED if found.problems else Outcome.KEPT
    return Kept(
        wanted, outcome, place.base, wanted.documents, wanted.bytes, work.continued, found.problems
    )


class _Counter:
    """Adds up what is done."""

    def __init__(self, stage: str, of: int, tell: Callable[[Progress], None]) -> None:
        self._stage, self._of, self._tell = stage, of, tell
        self._done = 0

    def add(self, rows: int) -> None:
        self.set(self._done + rows)

    def set(self, rows: int) -> None:
        self._done = rows
        self._tell(Progress(self._stage, rows, self._of))


class _Keeping:
    """Writes the texts of a location in parts.

    Attributes:
        continued: How many texts were there from an interrupted run.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        writer: intents.Writer,
        place: Location,
        *,
        clock: Clock,
        tell: Callable[[Progress], None],
    ) -> None:
        version = place.version
        self.continued = 0
        self._database, self._store, self._writer = database, store, writer
        self._version, self._place, self._clock = version, place, clock
        self._count = _Counter("keeping", version.documents, tell)
        self._folder = store.staging(writer.uid)

    def run(self) -> list[str]:
        """Write all parts, and return the digests of their files."""
        for name in (VAULT, NOTES):
            (self._folder / name).mkdir()
        hashes = vault.hashes_of(self._store, self._place)
        cuts = _cuts(self._store, self._place)
        key = digest_of({"keep": self._place.uid, "release": __version__})
        if len(cuts) > 2:
            self._store.name_work(self._writer.uid, key, part=VAULT)
        left = self._store.resume(self._writer.uid, key)
        made = self._taken(left, cuts)
        self._store.end_resume(left, again=False)
        self.continued = sum(cuts[number + 1] - cuts[number] for number in made)
        self._step(self.continued)
        avoid: set[str] = set()
        while len(made) < len(cuts) - 1:
            missing = [number for number in range(len(cuts) - 1) if number not in made]
            source = TextSource(
                self._database,
                self._store,
                self._folder / "texts",
                avoid=avoid,
                ahead=False,
                files_too=True,
            )
            try:
                for number, digest in self._written(source, hashes, cuts, missing):
                    made[number] = digest
            except SourceFailedError as error:
                avoid.add(error.uid)
                self._count.set(sum(cuts[number + 1] - cuts[number] for number in made))
                if all(one.uid in avoid for one in source.places(self._version)):
                    raise
        return [made[number] for number in range(len(cuts) - 1)]

    def _step(self, rows: int) -> None:
        intents.renew(self._database, self._writer, now=self._clock())
        self._count.add(rows)

    def _taken(self, left: Sequence[Path], cuts: Sequence[int]) -> dict[int, str]:
        """Take over the finished parts of interrupted runs; return their digests by number."""
        made: dict[int, str] = {}
        for folder in left:
            for number in range(len(cuts) - 1):
                name = documents.part_name(number)
                note, file = folder / NOTES / f"{number:05d}.json", folder / VAULT / name
                try:
                    digest = json.loads(note.read_bytes())["digest"]
                    whole = documents.digest_file(file) == digest
                except (OSError, ValueError, KeyError, TypeError):
                    continue
                if whole and number not in made:
                    file.rename(self._folder / VAULT / name)
                    note.rename(self._folder / NOTES / note.name)
                    made[number] = digest
        return made

    def _written(
        self, source: TextSource, hashes: Hashes, cuts: Sequence[int], missing: Sequence[int]
    ) -> Iterator[tuple[int, str]]:
        """Write the missing parts, and give the number and digest of each when it is durable."""
        rows = np.concatenate([np.arange(cuts[it], cuts[it + 1]) for it in missing])
        wanted = Wanted(
            catalogue.ref_of(self._version), self._version, self._place.order_root, hashes, rows
        )
        texts = readers.read_ahead(source.texts(wanted))
        rest = pa.array([], pa.large_string())
        try:
            for number in missing:
                path = self._folder / VAULT / documents.part_name(number)
                unfinished = path.with_name(f".{path.name}")
                writer = documents.TableWriter(unfinished, plain=("text",))
                waiting = cuts[number + 1] - cuts[number]
                try:
                    while waiting:
                        if not len(rest):
                            rest = next(texts)
                        some, rest = rest[:waiting], rest[waiting:]
                        writer.add(pa.record_batch([some.cast(pa.large_string())], schema=TEXTS))
                        waiting -= len(some)
                        self._step(len(some))
                    writer.close(TEXTS)
                finally:
                    writer.discard()
                sync_file(unfinished)
                unfinished.rename(path)
                digest = documents.digest_file(path)
                note = self._folder / NOTES / f"{number:05d}.json"
                whole = note.with_suffix(".new")
                whole.write_bytes(json.dumps({"digest": digest}).encode("ascii"))
                whole.rename(note)
                yield number, digest
        finally:
            texts.close()


def _cuts(store: Store, place: Location) -> list[int]:
    """Return where parts begin, and the number of rows: the same whenever it is asked."""
    read = documents.read(store.documents(place.uid), digest=place.table_digest, columns=["bytes"])
    ends = np.cumsum(np.concatenate([batch.column("bytes").to_numpy() for batch in read]))
    cuts = [0]
    while cuts[-1] < len(ends):
        begin = cuts[-1]
        before = int(ends[begin - 1]) if begin else 0
        fits = int(np.searchsorted(ends, before + PART_BYTES, side="right"))
        cuts.append(max(begin + 1, min(fits, begin + PART_ROWS, len(ends))))
    return cuts
