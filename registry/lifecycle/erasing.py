"""Erase what was withdrawn: the registry's own copies, their hashes and their sketches.

The data flow: which rows go, at every location → the files of each location are written anew,
without texts and with salted hashes in the place of those that go → a record outside of the
database says what is to be done → one transaction points the catalogue to the new files, takes the
hashes out of stored lists, and erases from the log what bound the old ones → the old files, and
everything that was derived of them, are removed, and the database is packed. Killed in between, the
next command goes on from the record. A database that was restored from a backup has the erasure no
more, and the record still: the next command does it again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import documents, intents, ledger
from registry.blobs import DOCUMENTS, SEGMENTS, SKETCHES, VAULT, Store
from registry.core.claim import Mask
from registry.core.contents import Hashes, member
from registry.core.digest import SELECTION_PREFIX, sha256_hex
from registry.core.entry import EntryKind
from registry.core.evidence import iso_time, to_micros
from registry.db.base import Base
from registry.db.models import (
    Claim,
    Dataset,
    DatasetVersion,
    ErasedText,
    Evidence,
    IntentKind,
    KeptTexts,
    Location,
    Namespace,
    Overlap,
    Segment,
    Selection,
    SketchTable,
    Withdrawal,
)
from registry.db.session import Database
from registry.documents import salted
from registry.errors import ConflictError, InvalidInputError, RegistryError, UnavailableError
from registry.index.blocks import BlockFile
from registry.index.segment import SegmentFile
from registry.lifecycle import erasures
from registry.lifecycle.erasures import Erasure, Gone, Moved
from registry.lifecycle.words import check_reason
from registry.query import catalogue, withdrawn

Clock = Callable[[], dt.datetime]
_DERIVED: Final = ("derived", "overlaps", "batch", "unfinished")
"""Folders of what can be made again, and may hold texts or hashes."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased.

    Attributes:
        withdrawals: The numbers of the tombstones.
        documents: How many documents that were, at all versions.
    """

    withdrawals: tuple[int, ...]
    documents: int


def erase(
    database: Database,
    store: Store,
    texts: Mapping[int, Hashes | None],
    *,
    reason: str,
    erased_by: str,
    places: Sequence[Path],
    clock: Clock,
) -> Erased:
    """Withdraw versions, or some of their texts, and remove the registry's own copies.

    Files that were registered where they are, and snapshots that were exported, are not touched.

    Args:
        database: The catalogue.
        store: The registry's storage.
        texts: The versions, by their ids, and the texts of each; None for all of them.
        reason: Why.
        erased_by: Who asks for it.
        places: Where the record goes (`erasures.folders`).
        clock: The registry's clock.

    Raises:
        InvalidInputError: No reason, or texts that a version does not hold.
        ConflictError: It was erased before, or something is damaged.
        UnavailableError: The disk or the database refused.
    """
    check_reason(reason, of="a withdrawal")
    intents.recover(database, store, now=clock())
    salt = secrets.token_bytes(16)
    gone = []
    with database.read() as session:
        stones = withdrawn.tombstones(session, list(texts))
        for version_id, chosen in texts.items():
            version = session.get_one(DatasetVersion, version_id)
            before = withdrawn.whole([it for it in stones.get(version_id, ()) if it.erased])
            if before is not None:
                raise ConflictError(f"`{catalogue.ref_of(version).short}` was {before.words}")
            gone.append(_gone(session, store, version, chosen, salt))
    made = Erasure(
        id=secrets.token_hex(16),
        salt=salt.hex(),
        reason=reason,
        by=erased_by,
        at=iso_time(to_micros(clock())),
        gone=tuple(gone),
    )
    return _Job(database, store, places, clock).run(made)


def settle(database: Database, store: Store, places: Sequence[Path], *, clock: Clock) -> list[str]:
    """Finish erasures that were interrupted, and do those again that a backup brought back.

    Args:
        database: The catalogue.
        store: The registry's storage.
        places: Where the records lie.
        clock: The registry's clock.

    Returns:
        A sentence for each.

    Raises:
        ConflictError: A record is damaged.
    """
    said = []
    for made in erasures.read(places):
        with database.read() as session:
            salt = bytes.fromhex(made.salt)
            known = session.scalars(sa.select(ErasedText.id).where(ErasedText.salt == salt)).first()
        job = _Job(database, store, places, clock)
        if known is None:
            job.run(made)
            said.append(
                f"erased again what a backup, or a kill, had left: {made.reason}; "
                "`firsthand index rebuild` brings the index up to date"
            )
        elif not made.done:
            job.finish(made)
            said.append(f"finished an erasure that was interrupted: {made.reason}")
    return said


def _gone(
    session: Session,
    store: Store,
    version: DatasetVersion,
    chosen: Hashes | None,
    salt: bytes,
) -> Gone:
    """Return what is erased of a version, by salted hashes."""
    place = catalogue.locations(session, version)[0]
    hashes = np.unique(_hashes(store, place))
    if chosen is not None:
        wanted = np.unique(chosen)
        hashes = hashes[member(hashes, wanted)]
        if len(hashes) < len(wanted) or not len(wanted):
            name, missing = catalogue.ref_of(version).short, len(wanted) - len(hashes)
            raise InvalidInputError(
                f"{missing:,} of {len(wanted):,} listed texts are not in `{name}`",
                hint="list the SHA-256 of each text's exact bytes",
            )
    ref = catalogue.ref_of(version)
    marks = np.sort(salted(salt, hashes)).tobytes()
    return Gone(
        dataset=str(ref.dataset),
        version=version.number,
        content_root=version.content_root,
        whole=chosen is None,
        texts=tuple(marks[at : at + 32].hex() for at in range(0, len(marks), 32)),
    )


def _hashes(store: Store, place: Location) -> Hashes:
    table = documents.load(
        store.documents(place.uid), digest=place.table_digest, columns=["content_hash"]
    )
    return documents.hashes_of(table.column("content_hash"))


class _Job:
    """Does an erasure, from its record."""

    def __init__(
        self, database: Database, store: Store, places: Sequence[Path], clock: Clock
    ) -> None:
        self._database = database
        self._store = store
        self._places = places
        self._clock = clock
        self._writers: list[intents.Writer] = []

    def run(self, made: Erasure) -> Erased:
        """Do all of it."""
        try:
            made = self._prepared(made)
            with self._database.write() as session:
                done = _Recording(session, self._store, made, self._clock()).record()
                for writer in self._writers:
                    intents.close(session, writer)
        except BaseException:
            for writer in self._writers:
                intents.abandon(self._database, self._store, writer)
            raise
        self.finish(made)
        return done

    def _prepared(self, made: Erasure) -> Erasure:
        """Write the new files of every location, and then the record."""
        gone: list[Gone] = []
        vaults: set[str] = set()
        for item in made.gone:
            with self._database.read() as session:
                version = _version(session, item)
                if version is None:
                    gone.append(item)
                    continue
                locations = list(catalogue.locations(session, version))
                kept = catalogue.kept(session, version)
                vaults |= {it.uid for it in catalogue.kept_later(session, version)}
            before = {it.old: it for it in item.moved}
            marks = _marks(item)
            moved = []
            for place in locations:
                known = before.get(place.uid)
                if known is not None and self._is_there(known):
                    moved.append(known)
                else:
                    moved.append(self._rewritten(made, item, place, kept.get(place.id), marks))
            gone.append(replace(item, moved=tuple(moved)))
        remove = {it.old for item in gone for it in item.moved}
        remove |= {*made.remove, *(vaults - {it.new for item in gone for it in item.moved})}
        made = replace(made, gone=tuple(gone), remove=tuple(sorted(remove)), done=False)
        erasures.write(self._places, made)
        return made

    def _is_there(self, known: Moved) -> bool:
        return documents.is_whole(self._store.documents(known.new), known.table_digest)

    def _rewritten(
        self, made: Erasure, item: Gone, place: Location, vault: str | None, marks: Hashes
    ) -> Moved:
        """Write the document table of a location, and its kept texts, without what is erased."""
        store, salt = self._store, bytes.fromhex(made.salt)
        if not documents.is_whole(store.documents(place.uid), place.table_digest):
            raise ConflictError(
                f"the document table of `{item.dataset}@{item.version}` is missing or was changed",
                hint="restore the storage folder from a backup",
            )
        writer = intents.open_intent(self._database, IntentKind.KEEP, now=self._clock())
        self._writers.append(writer)
        staging = store.staging(writer.uid)
        try:
            masks = _tables(store.documents(place.uid), staging / DOCUMENTS, salt, marks)
            digest = documents.digest_table(staging / DOCUMENTS)
            kept = None
            if vault is not None and not item.whole:
                _vaults(store.vault(vault), staging / VAULT, masks)
                kept = documents.digest_table(staging / VAULT)
        except (OSError, pa.ArrowException) as error:
            raise UnavailableError(
                f"the files of `{item.dataset}@{item.version}` cannot be written anew: {error}",
                hint="make room on the disk; nothing was recorded",
            ) from error
        store.publish(writer.uid, DOCUMENTS)
        if kept is not None:
            store.publish(writer.uid, VAULT)
        store.end_staging(writer.uid)
        return Moved(place.uid, writer.uid, digest, kept)

    def finish(self, made: Erasure) -> None:
        """Remove what is not to be there any more, and pack the database."""
        root = self._store.root
        for uid in made.remove:
            for part in (DOCUMENTS, VAULT, SKETCHES, SEGMENTS):
                shutil.rmtree(root / part / uid, ignore_errors=True)
        for name in _DERIVED:
            shutil.rmtree(root / name, ignore_errors=True)
        intents.recover(self._database, self._store, now=self._clock())
        self._database.pack()
        left = [uid for uid in made.remove if (root / DOCUMENTS / uid).exists()]
        if left:
            raise UnavailableError(
                f"`{root / DOCUMENTS / left[0]}` could not be removed",
                hint="check the rights of the storage; the next command goes on from there",
            )
        erasures.finished(self._places, made)


def _version(session: Session, item: Gone) -> DatasetVersion | None:
    """Return the version that a record is about, if the catalogue has it."""
    team, _, name = item.dataset.partition("/")
    return session.scalars(
        sa.select(DatasetVersion)
        .join(Dataset, Dataset.id == DatasetVersion.dataset_id)
        .join(Namespace, Namespace.id == Dataset.namespace_id)
        .where(
            DatasetVersion.content_root == item.content_root,
            Dataset.name == name,
            Namespace.name == team,
        )
    ).one_or_none()


def _marks(item: Gone) -> Hashes:
    return documents.as_hashes(bytes.fromhex("".join(item.texts)))


def _tables(source: Path, target: Path, salt: bytes, marks: Hashes) -> list[Mask]:
    """Write a document table with salted hashes for what is erased; return which rows that is."""
    target.mkdir(parents=True)
    masks = []
    for path in sorted(source.iterdir()):
        if path not in documents.files_of(source):
            # What stands beside the table, such as what a deduplication removed, names hashes too.
            continue
        table = pq.read_table(path, use_threads=False, page_checksum_verification=True)
        hashes = documents.hashes_of(table.column("content_hash")).copy()
        marked = salted(salt, hashes)
        # What is erased already has its mark in the place of its hash.
        gone = member(marked, marks)
        hashes[gone] = marked[gone]
        at = table.schema.get_field_index("content_hash")
        made = table.set_column(at, "content_hash", documents.hash_column(hashes))
        writer = documents.TableWriter(target / path.name)
        for batch in made.to_batches(max_chunksize=documents.ROWS_PER_GROUP):
            writer.add(batch)
        writer.close(made.schema)
        masks.append(gone)
    return masks


def _vaults(source: Path, target: Path, masks: Sequence[Mask]) -> None:
    """Write kept texts without those of the masked rows."""
    target.mkdir(parents=True)
    for path, gone in zip(documents.files_of(source), masks, strict=True):
        writer = documents.TableWriter(target / path.name, plain=("text",))
        at = 0
        schema = pq.read_schema(path)
        for batch in documents.read_texts_of(path):
            texts = batch.column("text")
            here = pa.array(gone[at : at + len(texts)])
            at += len(texts)
            nothing = pa.scalar("", texts.type)
            kept = pa.compute.if_else(here, nothing, texts)
            writer.add(pa.record_batch([kept], names=["text"]))
        writer.close(pa.schema([schema.field("text")]))


class _Recording:
    """Points the catalogue to the new files, in one transaction."""

    def __init__(self, session: Session, store: Store, made: Erasure, now: dt.datetime) -> None:
        self._session = session
        self._store = store
        self._made = made
        self._now = now
        self._rows: list[Base] = []
        self._changed: list[Base] = []
        self._erased: list[Base] = []
        self._salt = bytes.fromhex(made.salt)

    def record(self) -> Erased:
        """Write everything; return what it was."""
        session, numbers, total = self._session, [], 0
        olds: set[str] = set()
        for item in self._made.gone:
            version = _version(session, item)
            if version is None:
                # The catalogue, as restored, is older than the version.
                continue
            numbers.append(self._version(version, item))
            olds |= {it.old for it in item.moved}
            total += version.documents if item.whole else len(item.texts)
        self._drop_index(olds)
        session.flush()
        if self._changed or self._erased:
            ledger.redact(session, self._erased, changed=self._changed, now=self._now)
        ledger.append(
            session,
            EntryKind.WITHDRAWN,
            now=self._now,
            facts={"erased": True},
            rows=self._rows,
        )
        session.flush()
        return Erased(tuple(row.id for row in numbers), total)

    def _version(self, version: DatasetVersion, item: Gone) -> Withdrawal:
        session = self._session
        marks = _marks(item)
        listed = self._selection(marks)
        row = Withdrawal(
            version_id=version.id,
            selection_id=None if item.whole else listed.id,
            reason=self._made.reason,
            erased=True,
            withdrawn_by=self._made.by,
            withdrawn_at=self._now,
        )
        session.add(row)
        session.flush()
        mark = ErasedText(withdrawal_id=row.id, salt=self._salt, digest=listed.digest)
        session.add(mark)
        self._rows += [row, mark]
        self._move(version, item)
        self._unlist(version, marks)
        others = sa.or_(Overlap.version_id == version.id, Overlap.other_id == version.id)
        session.execute(sa.delete(Overlap).where(others))
        return row

    def _selection(self, texts: Hashes) -> Selection:
        """Return the stored list of some hashes, made if need be."""
        raw = np.sort(texts).tobytes()
        digest = sha256_hex(SELECTION_PREFIX + raw)
        self._store.put_selection(digest, raw)
        known = self._session.scalars(
            sa.select(Selection).where(Selection.digest == digest)
        ).one_or_none()
        if known is not None:
            return known
        made = Selection(digest=digest, texts=len(texts))
        self._session.add(made)
        self._session.flush()
        self._rows.append(made)
        return made

    def _move(self, version: DatasetVersion, item: Gone) -> None:
        """Point locations to their new files."""
        session = self._session
        moved = {it.old: it for it in item.moved}
        for place in catalogue.locations(session, version):
            it = moved.get(place.uid)
            if it is None:
                raise ConflictError(
                    f"`{item.dataset}@{item.version}` got another location meanwhile",
                    hint="run the command again",
                )
            later = session.scalars(
                sa.select(KeptTexts)
                .where(KeptTexts.location_id == place.id)
                .order_by(KeptTexts.id.desc())
            ).all()
            self._erased += later[1:] if it.vault else later
            if later and it.vault:
                later[0].uid, later[0].digest = it.new, it.vault
                self._changed.append(later[0])
            place.kept = place.kept and it.vault is not None and not later
            place.uid, place.table_digest = it.new, it.table_digest
            self._changed.append(place)
            session.execute(sa.delete(SketchTable).where(SketchTable.location_id == place.id))

    def _unlist(self, version: DatasetVersion, marks: Hashes) -> None:
        """Take the hashes of what is erased out of the lists that rows about a version name."""
        session = self._session
        for table in (Claim, Evidence, Withdrawal):
            rows: Sequence[Any] = session.scalars(
                sa.select(table).where(
                    table.version_id == version.id, table.selection_id.is_not(None)
                )
            ).all()
            for row in rows:
                if row in self._rows:
                    continue
                before = row.selection
                hashes, changed = self._marked(before.digest, marks)
                if changed is None:
                    continue
                made = self._selection(hashes)
                row.selection_id, row.selection = made.id, made
                if table is Claim:
                    self._shares(row, marks)
                self._changed.append(row)
                session.flush()
                self._drop_unused(before)

    def _marked(self, digest: str, marks: Hashes) -> tuple[Hashes, np.ndarray[Any, Any] | None]:
        """Return a stored list with marks, and how it is ordered by then; None if it has none."""
        hashes = documents.as_hashes(self._store.selection(digest)).copy()
        marked = salted(self._salt, hashes)
        gone = member(marked, marks)
        if not gone.any():
            return hashes, None
        hashes[gone] = marked[gone]
        return hashes, np.argsort(hashes, kind="stable")

    def _shares(self, claim: Claim, marks: Hashes) -> None:
        """Keep the numbers of a claim about one field beside the texts that they are of."""
        shares = claim.value.get("shares")
        if not shares:
            return
        hashes, order = self._marked(shares["texts"], marks)
        if order is None:
            return
        numbers = np.frombuffer(self._store.selection(shares["bytes"]), "<i8")[order].tobytes()
        digest = sha256_hex(SELECTION_PREFIX + numbers)
        self._store.put_selection(digest, numbers)
        listed = self._selection(hashes)
        claim.value = dict(claim.value) | {
            "shares": dict(shares) | {"texts": listed.digest, "bytes": digest}
        }

    def _drop_unused(self, selection: Selection) -> None:
        """Erase the row of a list that nothing names any more; its file goes with the next tidy."""
        session = self._session
        for table in (Claim, Evidence, Withdrawal):
            named = sa.select(table.id).where(table.selection_id == selection.id)
            if session.scalars(named).first() is not None:
                return
        if selection not in self._erased and selection not in self._rows:
            self._erased.append(selection)

    def _drop_index(self, olds: set[str]) -> None:
        """Take segments that hold erased documents out of use; `index rebuild` makes others."""
        for row in self._session.scalars(sa.select(Segment)).all():
            with contextlib.suppress(RegistryError, OSError):
                file = SegmentFile(BlockFile(self._store.root / SEGMENTS / row.name))
                if not any(span.uid in olds for span in file.spans):
                    continue
            self._session.delete(row)
