"""Record an export: its rows, and the log entry that binds them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import ledger
from registry.core.attest import Signer
from registry.core.digest import sha256_hex
from registry.core.entry import EntryKind
from registry.core.manifest import Manifest
from registry.db.base import Base
from registry.db.models import (
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
from registry.query.plan import Plan
from registry.query.trust import signing_key


@dataclass(frozen=True, slots=True)
class Superseded:
    """A certificate whose place a new one takes.

    Attributes:
        certificate: SHA-256 of its `certificate.json`.
        reason: Why; kept in the catalogue, never published.
    """

    certificate: str
    reason: str | None = None


def record(
    session: Session,
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
    made = Snapshot(
        mixture_id=mixture.id,
        key_id=_key_id(session, signer),
        snapshot_root=manifest.root,
        certificate_digest=sha256_hex(envelope),
        path=str(out),
        issued_at=now,
    )
    session.add(made)
    rows += [mixture, *parts, *exclusions, made]
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


def _key_id(session: Session, signer: Signer) -> int:
    """Return the row of the key; one that was rotated or revoked meanwhile signs nothing."""
    found = signing_key(session)
    if found.keyid != signer.public.keyid:
        raise ConflictError(
            "the private key is not the newest certificate key of this registry",
            hint="restore `keys/issuer.key` from your backup, or export again",
        )
    return found.id
