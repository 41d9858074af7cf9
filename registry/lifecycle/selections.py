"""Which texts of a version a claim is about: lists of content hashes, stored by their digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import documents
from registry.blobs import Store
from registry.core.digest import SELECTION_PREFIX, is_sha256_hex, sha256_hex
from registry.db.base import Base
from registry.db.models import Claim, DatasetVersion, Selection
from registry.documents import Hashes
from registry.errors import InvalidInputError
from registry.query import catalogue
from registry.query.standing import member

MAX_LIST: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some texts of a version.

    Attributes:
        hashes: Their content hashes.
        companion: What the value of the claim says about how they were chosen.
        files: Files by digest that belong to the claim, and are stored with the list.
    """

    hashes: Hashes
    companion: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def stored(
    session: Session, store: Store, version: DatasetVersion, where: Hashes, rows: list[Base]
) -> Selection:
    """Store a list of content hashes, every one of which the version must hold.

    Args:
        session: A writing session.
        store: The registry's storage.
        version: The version.
        where: The content hashes.
        rows: Gets the row of the list, where there was none.

    Raises:
        InvalidInputError: The list is empty, or names texts that the version does not hold.
    """
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


def covers(store: Store, outer: Claim, inner: Claim) -> bool:
    """Return whether a claim is about all texts that another claim about the version is about.

    Raises:
        ConflictError: A stored selection is missing or was changed.
    """
    if "shares" in outer.value and inner.value.get("field") != outer.value["field"]:
        # It is about a part of each document.
        return False
    if outer.selection is None:
        return True
    if inner.selection is None:
        return False
    if inner.selection.digest == outer.selection.digest:
        return True
    mine, theirs = (
        documents.as_hashes(store.selection(it.digest)) for it in (outer.selection, inner.selection)
    )
    return bool(member(theirs, mine).all())


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
