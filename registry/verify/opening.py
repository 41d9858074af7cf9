"""Open what somebody signed: by a key that the caller trusts, or to see whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry.core.attest import Envelope, PublicKey, Statement
from registry.core.certificate import Issuer, open_envelope
from registry.core.trust import Trust
from registry.errors import RegistryError, VerificationError
from registry.plain_files import read_small
from registry.verify.report import Findings, Obstacle, SignedBy

_MAX_KEY: Final = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Opened:
    """A statement whose signature holds.

    Attributes:
        statement: What is signed.
        key: The key that it holds under: one of the caller's, or the one that it brings along.
    """

    statement: Statement
    key: PublicKey


def opened(
    data: bytes,
    trust: Trust | None,
    findings: Findings,
    name: str,
    *,
    beside: PublicKey | None = None,
) -> Opened | None:
    """Return a signed statement, or None after a failure that leaves nothing to go by.

    A statement signed by another key than the caller's is refused; whether it is whole is
    looked into all the same, under the key it brings along.

    Args:
        data: The envelope.
        trust: Whom the caller believes; None if nobody.
        findings: Takes what does not hold, and who signed.
        name: The file it is in.
        beside: A key that lies beside it.
    """
    try:
        key = _key_of(data, trust)
        pinned = key is not None
        statement, own = open_envelope(data, key)
    except VerificationError as error:
        findings.add(error, name)
        if error.code != "E_UNKNOWN_KEY":
            return None
        pinned = False
        try:
            statement, own = open_envelope(data, None)
        except VerificationError as again:
            findings.add(again, name)
            return None
    issuer = Issuer.parse(statement.predicate.get("issuer"))
    found = [name]
    if beside is not None and beside.keyid == own.keyid:
        found.append("issuer.pub")
    findings.signer = SignedBy(own.keyid, pinned, issuer.name, issuer.url, tuple(found))
    return Opened(statement, own)


def _key_of(data: bytes, trust: Trust | None) -> PublicKey | None:
    """Return the trusted key that an envelope says it is signed by; None without any trust.

    Raises:
        VerificationError: `E_UNKNOWN_KEY`, or it is no envelope.
    """
    if trust is None:
        return None
    keyid = Envelope.parse(data).keyid
    known = trust.certificate_key(keyid)
    if known is not None:
        return known.key
    yours = [item.key.keyid for item in trust.certificates]
    which = f"yours, {yours[0][:16]}…" if len(yours) == 1 else f"one of the {len(yours)} you trust"
    raise VerificationError(
        f"signed by key {keyid[:16]}…, not by {which}",
        code="E_UNKNOWN_KEY",
        hint="ask the signer for the right public key, over a channel you trust",
    )


def key_beside(folder: Path) -> PublicKey | None:
    """Return the key somebody laid beside the snapshot; it proves nothing."""
    try:
        data = read_small(folder / "issuer.pub", "issuer.pub", limit=_MAX_KEY)
        return PublicKey.parse(data, name="issuer.pub")
    except RegistryError:
        return None


def require_key(findings: Findings) -> None:
    """Say that nobody knows who signed, where no key was given."""
    signer = findings.signer
    if signer is None or signer.pinned or findings.failures:
        return
    findings.obstacles.append(
        Obstacle(
            "no trusted key was given, so who signed is not known",
            hint=f"get the signer's public key over a channel you trust, check that its id begins "
            f"with {signer.keyid[:16]}, and give it with `--key`; the key that came along "
            "proves nothing",
        )
    )
