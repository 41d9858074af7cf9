"""Certificates: build, parse and check the signed statements about a snapshot and its shards.

The *certificate* signs the manifest together with the digests of one set of files. A *shard
statement* travels in each shard's footer, so that one shard can be checked alone. Everything here
is hand-parsed, strictly, because the verifier must stay small.
"""

from __future__ import annotations

from registry.core.certificate.opening import check_predicate_type, open_envelope, sign
from registry.core.certificate.parts import (
    GRADE_NAMES,
    NOT_ASSESSED,
    UNITS,
    Amount,
    Grades,
    HumanFraction,
    Input,
    Issuer,
    LogState,
    Policy,
    Reissued,
    Tokens,
    counted,
    lowest_grade,
)
from registry.core.certificate.shard import SHARD_PREDICATE_TYPE, ShardStatement
from registry.core.certificate.whole import (
    NOT_PROVEN,
    PREDICATE_TYPE,
    SNAPSHOT_SUBJECT,
    Certificate,
)

__all__ = [
    "GRADE_NAMES",
    "NOT_ASSESSED",
    "NOT_PROVEN",
    "PREDICATE_TYPE",
    "SHARD_PREDICATE_TYPE",
    "SNAPSHOT_SUBJECT",
    "UNITS",
    "Amount",
    "Certificate",
    "Grades",
    "HumanFraction",
    "Input",
    "Issuer",
    "LogState",
    "Policy",
    "Reissued",
    "ShardStatement",
    "Tokens",
    "check_predicate_type",
    "counted",
    "lowest_grade",
    "open_envelope",
    "sign",
]
