"""Record an export: its rows, and the log entry that binds them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import ledger
from registry.blobs import Store
from registry.core.attest import Signer
from registry.core.certificate import Reissued
from registry.core.dataset import Origin
from registry.core.digest import sha256_hex
from registry.core.entry import EntryKind
from registry.core.manifest import Manifest
from registry.core.recipe import Unit
from registry.db.base import Base
from registry.db.models import (
    DrawnRows,
    Mixture,
    MixtureExclusion,
    MixtureInput,
    RecipeRow,
    Snapshot,
    Supersession,
)
from registry.errors import ConflictError
from registry.matching import Kind
from registry.places import Place
from registry.query import drawn
from registry.query.amounts import counted, units
from registry.query.plan import Plan, PlannedInput
from registry.query.trust import signing_key


@dataclass(frozen=True, slots=True)
class Superseded:
    """A certificate whose place a new one takes.

    Attributes:
        certificate: SHA-256 of its `certificate.json`.
        reason: Why; kept in the catalogue, never published.
        reissued: What became of its documents, where that is known.
    """

    certificate: str
    reason: str | None = None
    reissued: Reissued | None = None


def record(
    session: Session,
    store: Store,
    plan: Plan,
    manifest: Manifest,
    envelope: bytes,
    *,
    out: Place,
    signer: Signer,
    now: dt.datetime,
    superseded: Superseded | None = None,
) -> int:
    """Write the rows of a snapshot and the log entry that binds them; return its position."""
    rows: list[Base] = []
    recipe = session.execute(
        sa.select(RecipeRow).where(RecipeRow.digest == plan.recipe.digest)
    ).scalar_one_or_none()
    if recipe is None:
        recipe = RecipeRow(digest=plan.recipe.digest, body=plan.recipe.to_json(), recorded_at=now)
        session.add(recipe)
        session.flush()
        rows.append(recipe)
    mixture = Mixture(
        recipe_id=recipe.id,
        plan_digest=plan.digest,
        log_size=plan.log_size,
        documents=plan.documents,
        bytes=plan.bytes,
        words=plan.words,
        recorded_at=now,
    )
    session.add(mixture)
    session.flush()
    parts = [
        MixtureInput(
            mixture_id=mixture.id,
            version_id=item.standing.version.id,
            documents=item.documents,
            bytes=item.bytes,
        )
        for item in plan.inputs
    ]
    exclusions = [
        MixtureExclusion(
            mixture_id=mixture.id,
            version_id=it.item.version.id,
            exact=it.documents[Kind.EXACT],
            near=it.documents[Kind.NEAR],
            passages=it.documents[Kind.PASSAGE],
        )
        for it in (plan.evaluations.sets if plan.evaluations is not None else ())
    ]
    session.add_all([*parts, *exclusions])
    session.flush()
    held = [
        _drawn_rows(store, plan, item, part) for item, part in zip(plan.inputs, parts, strict=True)
    ]
    session.add_all(held)
    made = Snapshot(
        mixture_id=mixture.id,
        key_id=_key_id(session, signer),
        snapshot_root=manifest.root,
        certificate_digest=sha256_hex(envelope),
        path=str(out),
        issued_at=now,
    )
    session.add(made)
    rows += [mixture, *parts, *held, *exclusions, made]
    facts = {
        "certificate": made.certificate_digest,
        "plan": plan.digest,
        "snapshot_root": manifest.root,
    }
    if superseded is not None:
        session.flush()
        row = Supersession(
            snapshot_id=made.id,
            certificate_digest=superseded.certificate,
            reason=superseded.reason,
            superseded_at=now,
        )
        session.add(row)
        rows.append(row)
        facts["supersedes"] = superseded.certificate
    return ledger.append(
        session,
        EntryKind.SNAPSHOT_EXPORTED,
        now=now,
        facts=facts,
        rows=rows,
    )


def _drawn_rows(store: Store, plan: Plan, item: PlannedInput, part: MixtureInput) -> DrawnRows:
    """Store which rows of an input are drawn, unless all are, and return the row about them."""
    stand, rows = item.standing, item.rows
    digest = None
    if len(rows) != len(stand.hashes):
        data = drawn.encode(rows)
        digest = sha256_hex(data)
        store.put_mixture(digest, data)
    asked = plan.recipe.human
    of = asked.of if asked else Unit.BYTES
    count = asked.count if asked else [Origin.HUMAN]
    return DrawnRows(
        input_id=part.id,
        digest=digest,
        documents=len(rows),
        weight=int(units(stand, of)[rows].sum()),
        human=int(counted(stand, of, count)[rows].sum()),
    )


def _key_id(session: Session, signer: Signer) -> int:
    """Return the row of the key; one that was rotated or revoked meanwhile signs nothing."""
    found = signing_key(session)
    if found.keyid != signer.public.keyid:
        raise ConflictError(
            "the private key is not the newest certificate key of this registry",
            hint="restore `keys/issuer.key` from your backup, or export again",
        )
    return found.id
