"""Corrections: another claim about a version or some of its texts. What it contradicts stays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from registry import ledger
from registry.blobs import Store
from registry.core.claim import ClaimKind
from registry.core.dataset import Assessment, DatasetRef, Origin
from registry.core.entry import EntryKind
from registry.db.base import Base
from registry.db.models import Claim, DatasetVersion
from registry.documents import Hashes
from registry.errors import ConflictError
from registry.lifecycle.asserting import Assertion
from registry.lifecycle.selections import Chosen, stored
from registry.lifecycle.words import check_reason
from registry.query import catalogue


def claim(
    session: Session,
    store: Store,
    ref: DatasetRef,
    said: Assertion,
    *,
    reason: str,
    claimed_by: str,
    now: dt.datetime,
    chosen: Chosen | None = None,
) -> Claim:
    """Add a claim about a version, or some of its texts.

    Args:
        session: A writing session.
        store: The registry's storage.
        ref: The version; without a number the latest.
        said: What is claimed.
        reason: Why; people will ask.
        claimed_by: Who says so.
        now: The registry's clock.
        chosen: The texts it is about, or None for all.

    Raises:
        NotFoundError: There is no such version.
        InvalidInputError: No reason, or texts that the version does not hold.
        ConflictError: The same was claimed before.
    """
    check_reason(reason, of="a correction")
    version = catalogue.version(session, ref)
    rows: list[Base] = []
    made = new_claim(
        session, store, version, said, kind=ClaimKind.CORRECTION, chosen=chosen, rows=rows
    )
    refuse_repeated(session, made)
    made.claimed_by, made.reason, made.claimed_at = claimed_by, reason, now
    session.add(made)
    rows.append(made)
    facts = {"property": str(made.property)}
    if "origin" in made.value:
        facts["origin"] = made.value["origin"]
    ledger.append(session, EntryKind.CLAIM_ADDED, now=now, facts=facts, rows=rows)
    return made


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
    """Add a claim about what made the texts of a version, or some of them; see `claim`.

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
    """
    return claim(
        session,
        store,
        ref,
        Assertion.of_origin(origin, generators),
        reason=reason,
        claimed_by=claimed_by,
        now=now,
        chosen=None if where is None else Chosen(where),
    )


def new_claim(
    session: Session,
    store: Store,
    version: DatasetVersion,
    said: Assertion,
    *,
    kind: ClaimKind,
    chosen: Chosen | None,
    rows: list[Base],
    companion: Mapping[str, Any] | None = None,
) -> Claim:
    """Return a claim that is in no session yet, with its selection stored.

    Args:
        session: A writing session.
        store: The registry's storage.
        version: The version it is about.
        said: What is claimed.
        kind: On which occasion.
        chosen: The texts it is about, or None for all.
        rows: Gets what was written for it.
        companion: What else its value says.

    Raises:
        InvalidInputError: The version does not hold all of the texts.
    """
    selection = None
    value = dict(said.value) | dict(companion or {})
    if chosen is not None:
        selection = stored(session, store, version, chosen.hashes, rows)
        for digest, data in chosen.files.items():
            store.put_selection(digest, data)
        value |= chosen.companion
    made = Claim(
        version_id=version.id,
        property=said.property,
        value=value,
        location_id=None,
        selection_id=None if selection is None else selection.id,
        kind=kind,
        assessment=Assessment.DECLARED,
    )
    made.version = version
    made.selection = selection
    return made


def refuse_repeated(session: Session, made: Claim) -> None:
    """Refuse a claim that says of the same texts what a live one says that was made on purpose.

    Raises:
        ConflictError: It was claimed before.
    """
    for before in catalogue.claims(session, made.version, made.property):
        if (
            before.selection_id == made.selection_id
            and before.value == made.value
            and before.kind is not ClaimKind.REGISTRATION
        ):
            raise ConflictError(
                f"that was claimed before, by {before.claimed_by}",
                hint=f"`firsthand history {catalogue.ref_of(made.version).short}` tells when and "
                "why",
            )
