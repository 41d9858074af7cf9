"""The proof from the log that lies beside a certificate: what it is about, and since when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry.core.certificate import Certificate
from registry.core.checkpoint import Checkpoint
from registry.core.entry import Entry
from registry.core.logproof import LogProof
from registry.core.note import MAX_NOTE
from registry.errors import VerificationError
from registry.plain_files import read_small
from registry.verify.leaves import parse_entry

PROOF: Final = "certificate.tlog-proof"
EXPORTED: Final = "snapshot.exported"
_SLACK: Final = dt.timedelta(seconds=1)
"""How much a registry's clock may go back between two of its readings."""


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


def read(folder: Path, certificate: Certificate, digest: str) -> Proven:
    """Return the proof of a certificate.

    Args:
        folder: Where it lies.
        certificate: What it has to be about.
        digest: SHA-256 of the certificate's envelope.

    Raises:
        VerificationError: `E_FILE_MISSING` (no plain file), `E_LIMIT`, `E_ENVELOPE`,
            `E_NONCANONICAL`, `E_INCLUSION`, `E_CHECKPOINT_ORIGIN`, `E_CLAIM_MISMATCH` or
            `E_TIME_BRACKET`.
        UnavailableError: It cannot be read.
    """
    return check(
        LogProof.parse(read_small(folder / PROOF, PROOF, limit=MAX_NOTE)), certificate, digest
    )


def check(proof: LogProof, certificate: Certificate, digest: str) -> Proven:
    """Return what a proof shows of a certificate; see `read`."""
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
    if entry.time + _SLACK < dt.datetime.fromisoformat(certificate.issued_at):
        raise VerificationError(
            "the log entry says that it is older than the certificate", code="E_TIME_BRACKET"
        )
    return Proven(proof, entry, proof.entry, head)
