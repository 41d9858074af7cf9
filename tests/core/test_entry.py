from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from registry.core.dataset import Origin
from registry.core.entry import FOLDED, MAX_LEAF, EntryKind, RowBinding, leaf, row_digest
from registry.errors import InvalidInputError

NOW = dt.datetime(2027, 3, 1, 12, tzinfo=dt.UTC)
SALT = bytes(range(32))


def row(table: str) -> dict[str, Any]:
    return {name: f"{name} of it" for name in FOLDED[table]} | {"id": 7}


def test_a_leaf_is_canonical_json_without_a_position() -> None:
    binding = RowBinding("claims", 7, "ab" * 32)
    data = leaf(EntryKind.CLAIM_ADDED, NOW, {"origin": "ai"}, [binding])
    assert data == (
        b'{"facts":{"origin":"ai"},"fold":5,"kind":"claim.added","rows":[{"digest":"'
        + b"ab" * 32
        + b'","id":7,"table":"claims"}],"time":"2027-03-01T12:00:00Z"}'
    )
    assert binding.salt_name == "claims/7"


def test_a_leaf_has_at_most_64_kibibytes() -> None:
    rows = [RowBinding("claims", number, "ab" * 32) for number in range(1000)]
    with pytest.raises(InvalidInputError, match="a log entry of"):
        leaf(EntryKind.CLAIM_ADDED, NOW, {}, rows)
    assert len(leaf(EntryKind.CLAIM_ADDED, NOW, {}, rows[:600])) < MAX_LEAF


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="zone"):
        leaf(EntryKind.CLAIM_ADDED, NOW.replace(tzinfo=None), {}, [])


@pytest.mark.parametrize("table", FOLDED)
def test_every_folded_column_and_the_salt_change_the_digest(table: str) -> None:
    original = row_digest(table, row(table), SALT)
    assert row_digest(table, row(table) | {"not folded": 1}, SALT) == original
    assert row_digest(table, row(table), SALT[::-1]) != original
    for name in FOLDED[table]:
        assert row_digest(table, row(table) | {name: "another"}, SALT) != original
        assert row_digest(table, row(table) | {name: None}, SALT) != original


def test_equal_rows_of_two_tables_have_different_digests() -> None:
    values = {name: 1 for columns in FOLDED.values() for name in columns}
    digests = {row_digest(table, values, SALT) for table in FOLDED}
    assert len(digests) == len(FOLDED)


def test_values_that_json_does_not_have_are_written_as_text() -> None:
    plain = row("snapshots") | {"issued_at": "2027-03-01T12:00:00Z", "path": "00ff"}
    typed = row("snapshots") | {"issued_at": NOW, "path": b"\x00\xff"}
    assert row_digest("snapshots", plain, SALT) == row_digest("snapshots", typed, SALT)
    words = row("claims") | {"property": "ai"}
    assert row_digest("claims", words, SALT) == row_digest(
        "claims", row("claims") | {"property": Origin.AI}, SALT
    )


def test_a_leaf_tells_no_text_name_or_reason() -> None:
    digest = row_digest("claims", row("claims") | {"reason": "secret", "claimed_by": "Ada"}, SALT)
    data = leaf(EntryKind.CLAIM_ADDED, NOW, {}, [RowBinding("claims", 7, digest)])
    assert b"secret" not in data
    assert b"Ada" not in data
    assert json.loads(data)["rows"][0]["digest"] == digest
