from __future__ import annotations

from typing import Any

import pytest

from registry import shards
from registry.core.manifest import Tally
from tests import snapshots
from tests.snapshots import OTHER, SIGNER, Snapshot
from tests.verify.making import CONTENT, codes, refused


def test_a_lone_shard_without_a_statement_is_unsigned(snap: Snapshot) -> None:
    snapshots.write_shard(snap.shards[0], snap.parts[0], None)
    assert codes(snap.shards[0]) == ["E_UNSIGNED"]
    refused(snap, "E_FILE_DIGEST", content=None)


STATEMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "another snapshot": ({"snapshot_root": "0" * 64}, "E_CLAIM_MISMATCH"),
    "another position": ({"index": 1}, "E_CLAIM_MISMATCH"),
    "other columns": ({"columns": shards.columns()[:-1]}, "E_CLAIM_MISMATCH"),
    "other origins": ({"origins": {"human": Tally(25, 9, 9)}}, "E_CLAIM_MISMATCH"),
}


@pytest.mark.parametrize(("other", "code"), STATEMENTS.values(), ids=STATEMENTS)
def test_a_statement_inside_that_says_something_else_is_refused(
    snap: Snapshot, other: dict[str, Any], code: str
) -> None:
    manifest = snap.certificate.manifest
    envelope = snapshots.shard_envelope(manifest, 0, snap.parts[0], SIGNER, **other)
    snapshots.write_shard(snap.shards[0], snap.parts[0], envelope)
    assert codes(snap.path, level=CONTENT) == [code]


def test_a_statement_inside_by_another_key_or_damaged_is_refused(snap: Snapshot) -> None:
    manifest = snap.certificate.manifest
    envelope = snap.envelope(0)
    for data, code in (
        (snapshots.shard_envelope(manifest, 0, snap.parts[0], OTHER), "E_UNKNOWN_KEY"),
        (envelope[:-1], "E_ENVELOPE"),
        (envelope + b" ", "E_NONCANONICAL"),
        (b"", "E_ENVELOPE"),
        ((snap.path / "certificate.json").read_bytes(), "E_PREDICATE_TYPE"),
        (envelope.replace(b'"sig":"', b'"sig":"A', 1).replace(b'=="}', b'="}', 1), "E_ENVELOPE"),
    ):
        snapshots.write_shard(snap.shards[0], snap.parts[0], data)
        assert codes(snap.path, level=CONTENT) == [code]
        assert codes(snap.shards[0])[0] == code


def test_a_statement_about_another_shard_does_not_fit_a_lone_one(snap: Snapshot) -> None:
    snapshots.write_shard(snap.shards[0], snap.parts[0], snap.envelope(1))
    assert codes(snap.shards[0])[0] == "E_RECORD_ROOT"


# What must fail: the Parquet file
