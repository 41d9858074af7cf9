"""What happens to a version after it was registered: corrections, and where it came from.

A correction is another claim; the one it contradicts stays, and so does the history.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import documents, ledger
from registry.blobs import Store
from registry.core.claim import ClaimKind, Property
from registry.core.dataset import Assessment, DatasetRef, Origin
from registry.core.digest import SELECTION_PREFIX, is_sha256_hex, sha256_hex
from registry.core.entry import EntryKind
from registry.core.lineage import EdgeKind
from registry.db.base import Base
from registry.db.models import Claim, DatasetVersion, LineageEdge, Selection
from registry.documents import Hashes
from registry.errors import ConflictError, InvalidInputError
from registry.query import catalogue
from registry.query.standing import member

MAX_LIST: Final = 1 << 30


def claim_origin(
    session: Session,
    store: Store,
    ref: DatasetRef,
    origin: Origin,
    *,
    reason: str,
    claimed_by: str,
    now: dt.datetime,
    generators: Sequence[str] = (),
    where: Hashes | None = None,
) -> Claim:
    """Add a claim about what made the texts of a version, or some of them.

    Args:
        session: A writing session.
        store: The registry's storage.
        ref: The version; without a number the latest.
        origin: What is claimed.
        reason: Why; people will ask.
        claimed_by: Who says so.
        now: The registry's clock.
        generators: The models that wrote them, where the origin involves any.
        where: The content hashes of the texts it is about, or None for all.

    Raises:
        NotFoundError: There is no such version.
        InvalidInputError: No reason, generators of human text, or texts that the version does
            not hold.
        ConflictError: The same was claimed before.
    """
    if not reason.strip() or not _readable(reason):
        raise InvalidInputError(
            "a correction needs a reason that people can read", hint="say why with `--reason`"
        )
    if not all(name.strip() and name.isprintable() for name in generators):
        raise InvalidInputError(
            "a generator is empty or has control characters", hint="write it as plain text"
        )
    if generators and origin in (Origin.HUMAN, Origin.UNKNOWN):
        raise InvalidInputError(
            f"generators are named, but the origin is `{origin}`",
            hint="leave out `--generator`, or claim another origin",
        )
    version = catalogue.version(session, ref)
    rows: list[Base] = []
    selection = None if where is None else _selection(session, store, version, where, rows)
    value: dict[str, object] = {"origin": str(origin)}
    if generators:
        value["generators"] = sorted(set(generators))
    for before in catalogue.claims(session, version, Property.ORIGIN):
        same_scope = before.selection_id == (None if selection is None else selection.id)
        if same_scope and before.value == value and before.kind is ClaimKind.CORRECTION:
            raise ConflictError(
                f"that was claimed before, by {before.claimed_by}",
                hint=f"`firsthand history {ref.short}` tells when and why",
            )
    made = Claim(
        version_id=version.id,
        property=Property.ORIGIN,
        value=value,
        location_id=None,
        selection_id=None if selection is None else selection.id,
        kind=ClaimKind.CORRECTION,
        assessment=Assessment.DECLARED,
        claimed_by=claimed_by,
        reason=reason,
        claimed_at=now,
    )
    made.version = version
    made.selection = selection
    session.add(made)
    rows.append(made)
    facts = {
        "origin": str(origin),
        "property": str(Property.ORIGIN),
    }
    ledger.append(session, EntryKind.CLAIM_ADDED, now=now, facts=facts, rows=rows)
    return made


def _readable(text: str) -> bool:
    return all(c.isprintable() or c in "\n\t" for c in text)


def _selection(
    session: Session, store: Store, version: DatasetVersion, where: Hashes, rows: list[Base]
) -> Selection:
    """Store a list of content hashes, every one of which the version must hold."""
    wanted = np.unique(where)
    if not len(wanted):
        raise InvalidInputError("the list names no document", hint="put one SHA-256 on each line")
    place = catalogue.locations(session, version)[0]
    table = documents.load(
        store.documents(place.uid), digest=place.table_digest, columns=["content_hash"]
    )
    missing = wanted[~member(wanted, np.sort(documents.hashes_of(table.column("content_hash"))))]
    if len(missing):
        first = bytes(missing[0]).ljust(32, b"\0").hex()
        raise InvalidInputError(
            f"{len(missing):,} of {len(wanted):,} listed texts are not in "
            f"`{catalogue.ref_of(version).short}`, the first is {first}",
            hint="list the SHA-256 of each text's exact bytes",
        )
    raw = wanted.tobytes()
    digest = sha256_hex(SELECTION_PREFIX + raw)
    known = session.execute(
        sa.select(Selection).where(Selection.digest == digest)
    ).scalar_one_or_none()
    store.put_selection(digest, raw)
    if known is not None:
        return known
    made = Selection(digest=digest, texts=len(wanted))
    session.add(made)
    session.flush()
    rows.append(made)
    return made


def read_hash_list(path: Path) -> Hashes:
    """Read a file with one SHA-256 a line, as `sha256sum` or we print it.

    Raises:
        InvalidInputError: The file cannot be read, or a line is something else.
    """
    try:
        if path.stat().st_size > MAX_LIST:
            raise InvalidInputError(f"`{path}` is larger than 1 GiB", hint="split the list")
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            f"`{path}` cannot be read: {error}", hint="it is a text file with one SHA-256 a line"
        ) from error
    raw = bytearray()
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        digest = words[0].removeprefix("sha256:").lower()
        if not is_sha256_hex(digest):
            raise InvalidInputError(
                f"`{path}` line {number} does not begin with a SHA-256",
                hint="write 64 hexadecimal digits a line",
            )
        raw += bytes.fromhex(digest)
    return documents.as_hashes(bytes(raw))


def add_lineage(
    session: Session,
    ref: DatasetRef,
    source: DatasetRef,
    kind: EdgeKind,
    *,
    added_by: str,
    now: dt.datetime,
    note: str | None = None,
) -> LineageEdge:
    """Record that a version was derived from another.

    Args:
        session: A writing session.
        ref: The derived version; without a number the latest.
        source: What it was derived from; likewise.
        kind: What was done.
        added_by: Who says so.
        now: The registry's clock.
        note: Details, or None.

    Raises:
        NotFoundError: There is no such version.
        InvalidInputError: The note has control characters.
        ConflictError: It is recorded already, or would make a version its own ancestor.
    """
    if note is not None and not _readable(note):
        raise InvalidInputError("the note has control characters", hint="write it as plain text")
    version, origin = catalogue.version(session, ref), catalogue.version(session, source)
    names = catalogue.ref_of(version).short, catalogue.ref_of(origin).short
    if version.id == origin.id:
        raise ConflictError(
            f"`{names[0]}` cannot come from itself", hint="name another version with `--from`"
        )
    if _descends(session, origin, version):
        raise ConflictError(
            f"`{names[1]}` comes from `{names[0]}` already, so the reverse cannot be",
            hint=f"`firsthand show {names[1]}` shows where it comes from",
        )
    for edge in catalogue.sources_of(session, version):
        if edge.source_id == origin.id and edge.kind is kind:
            raise ConflictError(
                f"that `{names[0]}` was {kind} from `{names[1]}` is recorded already"
            )
    made = LineageEdge(
        version_id=version.id,
        source_id=origin.id,
        kind=kind,
        note=note,
        added_by=added_by,
        added_at=now,
    )
    made.version, made.source = version, origin
    session.add(made)
    facts = {
        "kind": str(kind),
    }
    ledger.append(session, EntryKind.LINEAGE_ADDED, now=now, facts=facts, rows=[made])
    return made


def _descends(session: Session, version: DatasetVersion, ancestor: DatasetVersion) -> bool:
    """Return whether a version was derived, directly or not, from another."""
    seen: set[int] = set()
    waiting = [version]
    while waiting:
        item = waiting.pop()
        for edge in catalogue.sources_of(session, item):
            if edge.source_id == ancestor.id:
                return True
            if edge.source_id not in seen:
                seen.add(edge.source_id)
                waiting.append(edge.source)
    return False
