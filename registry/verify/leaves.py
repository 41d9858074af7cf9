"""Read entries of somebody else's log: strictly in form, openly in content.

A newer registry logs kinds and tables that this verifier does not know; they are kept.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from registry.core.digest import parse_canonical
from registry.core.entry import MAX_LEAF, Entry, RowBinding
from registry.core.strict import ObjectReader
from registry.errors import VerificationError


def parse_entry(data: bytes) -> Entry:
    """Return what an entry says.

    Raises:
        VerificationError: `E_ENVELOPE`, `E_NONCANONICAL` or `E_LIMIT`.
    """
    code, what = "E_ENVELOPE", "the log entry"
    keys = {"facts", "fold", "kind", "rows", "time"}
    got = ObjectReader(parse_canonical(data, limit=MAX_LEAF), what, code, keys)
    got.count("fold")
    rows = tuple(_row(item, code) for item in got.items("rows"))
    time = dt.datetime.fromisoformat(got.time("time"))
    return Entry(got.text("kind"), time, got.mapping("facts"), rows)


def _row(value: Any, code: str) -> RowBinding:
    got = ObjectReader(value, "a row of the log entry", code, {"digest", "id", "table"})
    return RowBinding(got.text("table"), got.count("id"), got.digest("digest"))


def revocation(entry: Entry) -> tuple[str, dt.datetime] | None:
    """Return which key an entry revokes and from when, or None if it is about something else.

    Raises:
        VerificationError: `E_ENVELOPE`: it is a revocation that does not say so.
    """
    if entry.kind != "key.revoked":
        return None
    keyid, since = entry.facts.get("keyid"), entry.facts.get("revoked_from")
    try:
        moment = dt.datetime.fromisoformat(since)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise VerificationError("a revocation has no time", code="E_ENVELOPE") from error
    if not isinstance(keyid, str) or moment.tzinfo is None:
        raise VerificationError("a revocation names no key or no time", code="E_ENVELOPE")
    return keyid, moment
