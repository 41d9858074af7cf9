"""The proof from the log that lies beside a certificate: what it is about, and since when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from registry.core.certificate import Certificate
from registry.core.checkpoint import Checkpoint
from registry.core.entry import Entry
from registry.core.logproof import LogProof
from registry.errors import VerificationError
from registry.verify.leaves import SLACK, parse_entry

PROOF: Final = "certificate.tlog-proof"
EXPORTED: Final = "snapshot.exported"


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry that is in a tree; who signed the tree's root is another question.

    Attributes:
        proof: The proof.
        entry: What the entry says.
        leaf: Its bytes.
        head: The size and root of the tree.
    """

    proof: LogProof
    entry: Entry
    leaf: bytes
    head: Checkpoint


def check(proof: LogProof, certificate: Certificate, digest: str) -> Proven:
    """Return what a proof shows of a certificate.

    Args:
        proof: The proof.
        certificate: What it has to be about.
        digest: SHA-256 of the certificate's envelope.

    Raises:
        VerificationError: `E_ENVELOPE`, `E_NONCANONICAL`, `E_INCLUSION`, `E_CHECKPOINT_ORIGIN`,
            `E_CLAIM_MISMATCH` or `E_TIME_BRACKET`.
    """
    if proof.entry is None:
        raise VerificationError("the proof does not bring its entry along", code="E_INCLUSION")
    head = Checkpoint.parse(proof.note.text)
    head.require_origin(certificate.log.origin)
    proof.check()
    entry = parse_entry(proof.entry)
    if entry.kind != EXPORTED or entry.facts.get("certificate") != digest:
        raise VerificationError(
            "the proof is about another certificate",
            code="E_INCLUSION",
            hint="ask the signer for the proof of this one",
        )
    if entry.facts.get("supersedes") != certificate.supersedes:
        raise VerificationError(
            "the log says that it supersedes another certificate than it says itself",
            code="E_CLAIM_MISMATCH",
        )
    if proof.index < certificate.log.size:
        raise VerificationError(
            f"entry {proof.index:,} is older than the {certificate.log.size:,} entries that the "
            "certificate says its inputs were read at",
            code="E_INCLUSION",
        )
    if entry.time + SLACK < dt.datetime.fromisoformat(certificate.issued_at):
        raise VerificationError(
            "the log entry says that it is older than the certificate", code="E_TIME_BRACKET"
        )
    return Proven(proof, entry, proof.entry, head)
