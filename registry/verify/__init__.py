"""Check a snapshot, one shard of it, or a proof, offline: with the files and a public key only.

`snapshot`, `shard` and `proof` return only when everything asked for was checked and holds;
`examine` returns the report in any case, for those who show it. Nothing here needs a database, a
network or pydantic; pyarrow is loaded only when the content is read.
"""

from __future__ import annotations

from registry.verify.report import (
    Checked,
    Failure,
    Level,
    Obstacle,
    Report,
    SignedBy,
    Verdict,
)
from registry.verify.snapshot import examine, proof, shard, snapshot

__all__ = [
    "Checked",
    "Failure",
    "Level",
    "Obstacle",
    "Report",
    "SignedBy",
    "Verdict",
    "examine",
    "proof",
    "shard",
    "snapshot",
]
