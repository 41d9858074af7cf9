"""Which versions have a role: the protected ones, which form the vault, and evaluation sets.

Roles are a fold of `role_changes`: the latest row of a version and a role counts. Whether a
protected version still meets the policy it was protected under is another question
(`registry.protect`): what is said about it later takes no protection away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.dataset import Role
from registry.core.sketch import EVALUATION_WINDOW, guaranteed_tokens
from registry.db.models import DatasetVersion, RoleChange, SketchTable


def protected_ids(session: Session) -> set[int]:
    """Return the ids of the protected versions, whoever may see them."""
    return {change.version_id for change in holders(session, Role.PROTECTED)}


def evaluation_ids(session: Session) -> set[int]:
    """Return the ids of the evaluation sets, whoever may see them."""
    return {change.version_id for change in holders(session, Role.EVALUATION)}


def holders(session: Session, role: Role) -> Sequence[RoleChange]:
    """Return how each version that has a role came by it, in the order of the versions."""
    return (
        session.execute(_current().where(RoleChange.role == role).order_by(RoleChange.version_id))
        .scalars()
        .all()
    )


def roles_of(session: Session, version: DatasetVersion) -> Sequence[RoleChange]:
    """Return how a version came by each role that it has, the oldest first."""
    return (
        session.execute(
            _current().where(RoleChange.version_id == version.id).order_by(RoleChange.id)
        )
        .scalars()
        .all()
    )


def role_of(session: Session, version: DatasetVersion, role: Role) -> RoleChange | None:
    """Return how a version came by a role, or None if it does not have it."""
    return next((it for it in roles_of(session, version) if it.role is role), None)


def by_version(session: Session, ids: Collection[int]) -> dict[int, list[Role]]:
    """Return the roles of some versions, by their ids; those without any are left out."""
    found: dict[int, list[Role]] = {}
    for change in session.scalars(_current().where(RoleChange.version_id.in_(ids))):
        found.setdefault(change.version_id, []).append(change.role)
    return {id: [role for role in Role if role in roles] for id, roles in found.items()}


def lacking(table: SketchTable | None) -> str | None:
    """Return what an evaluation set should be found by and is not, or None.

    Args:
        table: What is known of its sketches.
    """
    wanted = guaranteed_tokens(EVALUATION_WINDOW)
    remedy = "`firsthand index rebuild` makes up for that, from the texts"
    if table is None:
        return f"it has no sketches, so only equal documents are found: {remedy}"
    if table.window is None:
        return f"it has no passages, so no shared run of tokens is found: {remedy}"
    if table.window > EVALUATION_WINDOW:
        return (
            f"shared runs of {guaranteed_tokens(table.window)} tokens or more are found, of an "
            f"evaluation set those of {wanted} should be: {remedy}"
        )
    return None


def changes(session: Session, version: DatasetVersion) -> Sequence[RoleChange]:
    """Return every role that a version was given and every one taken from it, oldest first."""
    return (
        session.execute(
            sa.select(RoleChange).where(RoleChange.version_id == version.id).order_by(RoleChange.id)
        )
        .scalars()
        .all()
    )


def _current() -> sa.Select[RoleChange]:
    last = sa.select(sa.func.max(RoleChange.id)).group_by(RoleChange.version_id, RoleChange.role)
    return sa.select(RoleChange).where(RoleChange.id.in_(last), RoleChange.given)
