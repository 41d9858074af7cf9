"""Let a version belong to the vault: check what its policy asks, then record it.

The catalogue is looked at as it was at one size of the log; if the log has grown by the time that
the result is to be recorded, it is looked at again. So no claim slips in between: in the end the
looking is done where nobody else can write.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy.orm import Session

from registry import ledger
from registry.blobs import Store
from registry.core.dataset import DatasetRef, Origin, Role
from registry.core.entry import EntryKind
from registry.core.evidence import instant_range
from registry.core.policy import CUTOFF, Terms
from registry.db.models import DatasetVersion, OverlapKind, RoleChange
from registry.db.session import Database
from registry.query import catalogue, policy, protection, vault, withdrawn
from registry.query.overlaps.records import overlap_records
from registry.query.policy import Reason
from registry.query.show import claimed_origins

Clock = Callable[[], dt.datetime]
TRIES: Final = 3
"""How often the catalogue is looked at while others may write to it."""


class Outcome(StrEnum):
    """What came of it."""

    PROTECTED = "protected"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        stage: `checking` the kept texts.
        done: How many documents that is done for.
        of: Of how many.
    """

    stage: str
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class Protected:
    """What came of asking for protection.

    Attributes:
        version: The version.
        terms: What was asked for.
        outcome: What was done.
        reasons: Why it was refused, all of them; none otherwise.
        held: The terms under which it is protected now, or None if it is not.
        notes: What the policy does not ask, and somebody should know.
    """

    version: DatasetVersion
    terms: Terms
    outcome: Outcome
    reasons: tuple[Reason, ...]
    held: Terms | None
    notes: tuple[str, ...] = ()


def version(
    database: Database,
    store: Store,
    ref: DatasetRef,
    terms: Terms,
    *,
    protected_by: str,
    clock: Clock,
    on_progress: Callable[[Progress], None] | None = None,
) -> Protected:
    """Protect a version if it meets a policy; otherwise say everything that it lacks.

    Args:
        database: The catalogue.
        store: The registry's storage.
        ref: The version; without a number the latest.
        terms: The policy.
        protected_by: Who asks for it.
        clock: The registry's clock.
        on_progress: Called often; what it raises ends everything.

    Raises:
        NotFoundError: There is no such version.
        ConflictError: A document table is missing or was changed.
        UnavailableError: The database refused.
    """
    with database.read() as session:
        wanted = catalogue.version(session, ref)
        withdrawn.require(session, wanted, partly=True)
        bytes_missing = _bytes(session, store, wanted, on_progress)
    for attempt in range(TRIES + 1):
        with database.read() as session:
            size = ledger.size(session)
            found = None if attempt == TRIES else _looked(session, store, wanted, terms)
        with database.write() as session:
            if found is None:
                found = _looked(session, store, wanted, terms)
            elif ledger.size(session) != size:
                continue
            found.reasons += bytes_missing
            return _settled(session, wanted, terms, found, protected_by, clock)
    raise AssertionError("the last attempt returns")


@dataclass(slots=True)
class _Found:
    reasons: list[Reason]
    notes: list[str]


def _looked(session: Session, store: Store, version: DatasetVersion, terms: Terms) -> _Found:
    """Return what the catalogue says against a version now, and what else there is to say."""
    reasons = policy.reasons(session, store, version, terms)
    return _Found(reasons, _notes(session, version, terms))


def _settled(
    session: Session,
    version: DatasetVersion,
    terms: Terms,
    found: _Found,
    protected_by: str,
    clock: Clock,
) -> Protected:
    """Record what was found, in a session that nobody else can write beside."""
    before = protection.role_of(session, version, Role.PROTECTED)
    held = None if before is None else Terms.from_json(before.value)
    reasons, notes = tuple(found.reasons), tuple(found.notes)
    if reasons:
        return Protected(version, terms, Outcome.REFUSED, reasons, held, notes)
    if held == terms:
        return Protected(version, terms, Outcome.UNCHANGED, (), held, notes)
    change = RoleChange(
        version_id=version.id,
        role=Role.PROTECTED,
        given=True,
        value=terms.to_json(),
        changed_by=protected_by,
        reason=None,
        changed_at=clock(),
    )
    session.add(change)
    facts = {"given": True, "role": str(Role.PROTECTED)}
    ledger.append(
        session, EntryKind.ROLE_CHANGED, now=change.changed_at, facts=facts, rows=[change]
    )
    return Protected(version, terms, Outcome.PROTECTED, (), terms, notes)


def _bytes(
    session: Session,
    store: Store,
    version: DatasetVersion,
    on_progress: Callable[[Progress], None] | None,
) -> list[Reason]:
    """Return why the vault does not have the bytes of a version; nothing if it has them all."""
    done = 0

    def add(rows: int) -> None:
        nonlocal done
        done += rows
        if on_progress is not None:
            on_progress(Progress("checking", done, version.documents))

    held = vault.held(session, store, version, on_rows=add)
    if held.whole is not None:
        return []
    return [policy.not_kept(version, held.problems)]


def _notes(session: Session, version: DatasetVersion, terms: Terms) -> list[str]:
    notes = []
    if terms.cutoff > instant_range(CUTOFF)[0]:
        notes.append(
            f"the cutoff {terms.before} is later than {CUTOFF}: text by models was everywhere by "
            "then, and all that speaks for these documents is what is claimed of their origin"
        )
    for one in overlap_records(session, version)["listed"]:
        if one["kind"] != OverlapKind.NEAR:
            continue
        other = DatasetRef.parse(one["dataset"]).at(one["version"])
        claims = catalogue.claims(session, catalogue.version(session, other))
        origins = [origin for origin in claimed_origins(claims) if origin != Origin.HUMAN]
        if origins:
            several = f"{one['documents']:,} document{'s' if one['documents'] != 1 else ''}"
            notes.append(
                f"{several} like documents of `{other.short}` ({', '.join(origins)}): near texts "
                f"are no claim, but look at `firsthand duplicates "
                f"{catalogue.ref_of(version).short} --with {other.short}`"
            )
    return notes
