"""Disputes: somebody says that a claim is wrong; somebody decides.

Until then both sides count, so the more cautious one wins. `upheld` ends the challenged claims,
as far as they are about nothing beyond what the dispute is about; `rejected` ends what the dispute
claimed instead. Nothing else ever ends a claim, and an ended claim stays on record.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import ledger
from registry.blobs import Store
from registry.core.claim import ClaimKind
from registry.core.dataset import DatasetRef, Origin
from registry.core.digest import is_sha256_hex
from registry.core.entry import EntryKind
from registry.db.base import Base
from registry.db.models import Claim, Dispute, DisputeResolution, EndedClaim, Outcome
from registry.errors import ConflictError, InvalidInputError, NotFoundError
from registry.lifecycle.asserting import Assertion
from registry.lifecycle.claims import new_claim, refuse_repeated
from registry.lifecycle.selections import Chosen, covers
from registry.lifecycle.words import check_reason, readable
from registry.query import catalogue, disputes


def open_dispute(
    session: Session,
    store: Store,
    ref: DatasetRef,
    said: Assertion | None,
    *,
    reason: str,
    opened_by: str,
    now: dt.datetime,
    challenged: int | None = None,
    field: str | None = None,
    chosen: Chosen | None = None,
    evidence: str | None = None,
) -> Dispute:
    """Say that a claim about a version is wrong; what is said instead counts from now on.

    Args:
        session: A writing session.
        store: The registry's storage.
        ref: The version; without a number the latest.
        said: What is claimed instead; None is that the origin is unknown.
        reason: Why; people will ask.
        opened_by: Who says so.
        now: The registry's clock.
        challenged: The number of the claim within the version, or None: all that is said so far.
        field: The field of the records that it is about, or None.
        chosen: The texts it is about, or None for all.
        evidence: SHA-256 of what supports it, or None.

    Raises:
        NotFoundError: There is no such version or claim.
        InvalidInputError: No reason, texts that the version does not hold, or another property
            than that of the challenged claim.
        ConflictError: The same was claimed before, or the challenged claim has ended.
    """
    check_reason(reason, of="a dispute")
    if evidence is not None and not is_sha256_hex(evidence):
        raise ValueError(f"{evidence!r} is no SHA-256")
    version = catalogue.version(session, ref)
    said = said or Assertion.of_origin(Origin.UNKNOWN)
    against = None
    if challenged is not None:
        against = _challenged(session, disputes.numbered(session, version), challenged, ref, said)
    rows: list[Base] = []
    made = new_claim(
        session,
        store,
        version,
        said,
        kind=ClaimKind.DISPUTE,
        chosen=chosen,
        rows=rows,
        companion={} if evidence is None else {"evidence": evidence},
    )
    refuse_repeated(session, made)
    made.claimed_by, made.reason, made.claimed_at = opened_by, reason, now
    session.add(made)
    session.flush()
    dispute = Dispute(
        version_id=version.id,
        challenged_id=None if against is None else against.id,
        claim_id=made.id,
        field=field,
        reason=reason,
        opened_by=opened_by,
        opened_at=now,
    )
    dispute.version, dispute.claim = version, made
    session.add(dispute)
    facts = {"property": str(made.property)}
    ledger.append(
        session, EntryKind.DISPUTE_OPENED, now=now, facts=facts, rows=[*rows, made, dispute]
    )
    return dispute


def _challenged(
    session: Session,
    numbered: Sequence[disputes.Numbered],
    number: int,
    ref: DatasetRef,
    said: Assertion,
) -> Claim:
    found = next((it for it in numbered if it.number == number), None)
    if found is None:
        raise NotFoundError(
            f"there is no claim {number} about `{ref.short}`",
            hint=f"it has {len(numbered)}; `firsthand show {ref.short}` numbers them",
        )
    if found.ended is not None:
        raise ConflictError(f"claim {number} has ended, by dispute {found.ended.dispute_number}")
    if found.claim.property is not said.property:
        raise InvalidInputError(
            f"claim {number} is about the {found.claim.property}, the dispute about the "
            f"{said.property}",
            hint=f"say what the {found.claim.property} is instead, with `--{found.claim.property}`",
        )
    return found.claim


@dataclass(frozen=True, slots=True)
class Resolved:
    """How a dispute ended.

    Attributes:
        resolution: The decision.
        ended: The claims that count no more.
        wider: Challenged claims that stay, because they are about more than the dispute.
    """

    resolution: DisputeResolution
    ended: tuple[Claim, ...]
    wider: tuple[Claim, ...]


def resolve_dispute(
    session: Session,
    store: Store,
    number: int,
    outcome: Outcome,
    *,
    role: str,
    reason: str,
    resolved_by: str,
    now: dt.datetime,
) -> Resolved:
    """Decide a dispute.

    Args:
        session: A writing session.
        store: The registry's storage.
        number: The number of the dispute in the registry.
        outcome: Whether it is upheld or rejected.
        role: In which role somebody decides, such as `data owner`.
        reason: Why.
        resolved_by: Who decides.
        now: The registry's clock.

    Raises:
        NotFoundError: There is no such dispute.
        InvalidInputError: No reason or role.
        ConflictError: It was resolved before, or a stored selection is missing or was changed.
    """
    check_reason(reason, of="a decision")
    if not role.strip() or not readable(role):
        raise InvalidInputError("a decision needs a role", hint="as in `--role 'data owner'`")
    dispute = session.get(Dispute, number)
    if dispute is None:
        raise NotFoundError(
            f"there is no dispute {number}", hint="`firsthand dispute list` names those there are"
        )
    before = session.scalars(
        sa.select(DisputeResolution).where(DisputeResolution.dispute_id == dispute.id)
    ).one_or_none()
    if before is not None:
        raise ConflictError(
            f"dispute {number} was {before.outcome} by {before.resolved_by}",
            hint="open another one",
        )
    made = DisputeResolution(
        dispute_id=dispute.id,
        outcome=outcome,
        role=role,
        reason=reason,
        resolved_by=resolved_by,
        resolved_at=now,
    )
    made.dispute = dispute
    session.add(made)
    session.flush()
    aimed = _aimed(session, dispute, outcome)
    reached = [outcome is Outcome.REJECTED or covers(store, dispute.claim, it) for it in aimed]
    ended = [it for it, within in zip(aimed, reached, strict=True) if within]
    rows: list[Base] = [EndedClaim(resolution_id=made.id, claim_id=it.id) for it in ended]
    session.add_all(rows)
    ledger.append(
        session,
        EntryKind.DISPUTE_RESOLVED,
        now=now,
        facts={"outcome": str(outcome)},
        rows=[made, *rows],
    )
    wider = (it for it, within in zip(aimed, reached, strict=True) if not within)
    return Resolved(made, tuple(ended), tuple(wider))


def _aimed(session: Session, dispute: Dispute, outcome: Outcome) -> list[Claim]:
    """Return the live claims that a decision is against; not those of other open disputes."""
    claims = catalogue.claims(session, dispute.version, dispute.claim.property)
    if outcome is Outcome.REJECTED:
        return [it for it in claims if it.id == dispute.claim_id]
    if dispute.challenged_id is not None:
        return [it for it in claims if it.id == dispute.challenged_id]
    still = disputes.open_claims(session, dispute.version)
    return [it for it in claims if it.id < dispute.claim_id and it.id not in still]
