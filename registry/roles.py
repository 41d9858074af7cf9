"""Give a registered version a role, or take one away: with a reason, and on record."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.orm import Session

from registry import ledger
from registry.core.dataset import DatasetRef, Role
from registry.core.entry import EntryKind
from registry.db.models import DatasetVersion, RoleChange
from registry.errors import ConflictError, InvalidInputError
from registry.query import catalogue, protection


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of it.

    Attributes:
        version: The version.
        role: The role.
        given: Whether it was given, or taken away.
        changed: Whether that changed anything.
        lacking: What is not guaranteed of an evaluation set, and what repairs that; or None.
    """

    version: DatasetVersion
    role: Role
    given: bool
    changed: bool
    lacking: str | None


def give(
    session: Session,
    ref: DatasetRef,
    role: Role,
    *,
    changed_by: str,
    now: dt.datetime,
    reason: str | None = None,
) -> Changed:
    """Give a version a role that anybody may give.

    Args:
        session: A writing session.
        ref: The version; without a number the latest.
        role: The role.
        changed_by: Who gives it.
        now: The registry's clock.
        reason: Why, or None.

    Raises:
        NotFoundError: There is no such version.
        InvalidInputError: Protection, which a version must earn; or a reason nobody can read.
    """
    if role is Role.PROTECTED:
        raise InvalidInputError(
            "protection is not given: a version has to meet a policy",
            hint=f"run `firsthand protect {ref.short}`",
        )
    version = catalogue.version(session, ref)
    has_it = protection.role_of(session, version, role) is not None
    if not has_it:
        _record(session, version, role, given=True, by=changed_by, reason=reason, now=now)
    lacking = protection.lacking(catalogue.sketches(session, version))
    return Changed(version, role, True, not has_it, lacking)


def take(
    session: Session,
    ref: DatasetRef,
    role: Role,
    *,
    reason: str,
    changed_by: str,
    now: dt.datetime,
) -> Changed:
    """Take a role away from a version; that it had it stays on record.

    Args:
        session: A writing session.
        ref: The version; without a number the latest.
        role: The role.
        reason: Why; people will ask.
        changed_by: Who takes it.
        now: The registry's clock.

    Raises:
        NotFoundError: There is no such version.
        InvalidInputError: There is no reason that people can read.
        ConflictError: It does not have the role.
    """
    version = catalogue.version(session, ref)
    if protection.role_of(session, version, role) is None:
        raise ConflictError(
            f"`{catalogue.ref_of(version).short}` is no {role} version",
            hint=f"`firsthand history {ref.short}` tells whether it ever was",
        )
    _record(session, version, role, given=False, by=changed_by, reason=reason, now=now)
    return Changed(version, role, False, True, None)


def _record(
    session: Session,
    version: DatasetVersion,
    role: Role,
    *,
    given: bool,
    by: str,
    reason: str | None,
    now: dt.datetime,
) -> None:
    if not given and not (reason and reason.strip()):
        raise InvalidInputError("a role is not taken without a reason", hint="say why: `--reason`")
    if reason is not None and not all(c.isprintable() or c in "\n\t" for c in reason):
        raise InvalidInputError("the reason has control characters", hint="write it as plain text")
    change = RoleChange(
        version_id=version.id,
        role=role,
        given=given,
        value={},
        changed_by=by,
        reason=reason,
        changed_at=now,
    )
    session.add(change)
    facts = {"given": given, "role": str(role)}
    ledger.append(session, EntryKind.ROLE_CHANGED, now=now, facts=facts, rows=[change])
