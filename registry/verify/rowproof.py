"""Verify a proof of one row, or of absence, by the certificate and the log proof in it."""

from __future__ import annotations

from pathlib import Path

from registry.core.certificate import Certificate
from registry.core.digest import sha256_hex
from registry.core.rowproof import MAX_PROOF, parse_proof
from registry.errors import RegistryError
from registry.plain_files import open_plain, read_small
from registry.verify import shown
from registry.verify.history import Asked, History
from registry.verify.opening import opened, require_key
from registry.verify.report import Findings, Level, Report


def is_proof(path: Path) -> bool:
    """Return whether a file begins as proofs do; what cannot be read is not looked into here."""
    try:
        with open_plain(path, path.name) as file:
            return file.read(1) == b"{"
    except (RegistryError, OSError):
        return False


def examine(path: Path, asked: Asked, text: bytes | None) -> Report:
    """Return the report of a proof.

    Args:
        path: The proof.
        asked: What the caller brings along.
        text: The text that it should be about, or None.
    """
    findings = Findings("proof", Level.CONTENT)
    name = path.name
    try:
        proof = parse_proof(read_small(path, name, limit=MAX_PROOF))
        signed = opened(proof.certificate, asked.trust, findings, name)
        if signed is None:
            return findings.report()
        certificate = Certificate.parse(signed.statement)
        log_proof = proof.log_proof
        History(certificate, sha256_hex(proof.certificate), asked, findings).check(
            None if log_proof is None else lambda: log_proof,
            keyid=signed.key.keyid,
            stamped=lambda _: [],
        )
        findings.certificate = certificate
        findings.proven = shown.check(proof, certificate, text)
        absent = findings.proven.row is None
        findings.rows = findings.rows_of = 0 if absent else 1
        findings.not_covered.append(
            "similar texts: only these exact bytes are absent"
            if absent
            else "the rest of the snapshot"
        )
    except RegistryError as error:
        findings.add(error, name)
    require_key(findings)
    return findings.report()
