"""What impact is asked about: versions, and which of their texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import documents
from registry.blobs import Store
from registry.core.caller import OPERATOR, Caller
from registry.core.contents import Hashes
from registry.core.dataset import DatasetRef
from registry.core.digest import is_sha256_hex
from registry.db.models import Claim, DatasetVersion, Dispute
from registry.errors import InvalidInputError, NotFoundError
from registry.query import catalogue
from registry.query.visible import visible_version
from registry.query.whereis.finder import Looking
from registry.query.whereis.occurrences import everywhere


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about.

    Attributes:
        words: It, as it was asked.
        versions: The versions, by their ids, and the texts of each, ascending; None for all.
        dispute: The number of the dispute, where one was named.
    """

    words: str
    versions: dict[int, Hashes | None]
    dispute: int | None = None


def by_ref(
    session: Session, ref: DatasetRef, *, where: Hashes | None = None, caller: Caller = OPERATOR
) -> Subject:
    """Ask about a version, or about some of its texts.

    Raises:
        NotFoundError: There is no such version that the caller may see.
        InvalidInputError: The list names no text.
    """
    version = catalogue.version(session, ref, caller)
    texts = None if where is None else np.unique(where)
    if texts is not None and not len(texts):
        raise InvalidInputError("the list names no document", hint="put one SHA-256 on each line")
    return Subject(catalogue.ref_of(version).short, {version.id: texts})


def by_hash(looking: Looking, written: str) -> Subject:
    """Ask about a text, in every version that has it; also where it was withdrawn.

    Raises:
        InvalidInputError: It is no content hash.
        NotFoundError: No document that the caller may see has it.
    """
    digest = written.removeprefix("sha256:").lower()
    if not is_sha256_hex(digest):
        raise InvalidInputError(
            f"`{written[:80]}` is no SHA-256", hint="write its 64 hexadecimal digits"
        )
    text = documents.as_hashes(bytes.fromhex(digest))
    found = everywhere(looking, text)
    versions = {int(it) for it in looking.seen.version_of(found.location)}
    if not versions:
        raise NotFoundError(
            f"no document has the content hash `{digest}`",
            hint="hash the exact bytes of the text, as `sha256sum` does",
        )
    return Subject(digest, dict.fromkeys(sorted(versions), text))


def by_dispute(
    session: Session, store: Store, number: int, *, caller: Caller = OPERATOR
) -> Subject:
    """Ask about the texts that a dispute is about.

    Raises:
        NotFoundError: There is no such dispute about a version that the caller may see.
    """
    row = session.execute(
        sa.select(Dispute, Claim)
        .join(Claim, Claim.id == Dispute.claim_id)
        .where(Dispute.id == number, visible_version(caller, Dispute.version_id))
    ).one_or_none()
    if row is None:
        raise NotFoundError(
            f"there is no dispute {number}", hint="`firsthand conflicts` lists the open ones"
        )
    dispute, claim = row
    texts = None
    if claim.selection is not None:
        texts = documents.as_hashes(store.selection(claim.selection.digest))
    version: DatasetVersion = dispute.version
    words = f"dispute {number} about {catalogue.ref_of(version).short}"
    return Subject(words, {version.id: texts}, number)
