"""Sign a statement, and open what somebody signed."""

from __future__ import annotations

from registry.core.attest import Envelope, PublicKey, Signer, Statement
from registry.core.certificate.parts import Issuer
from registry.errors import InvalidInputError, VerificationError


def check_predicate_type(statement: Statement, expected: str) -> None:
    """Refuse a statement about something else.

    Raises:
        VerificationError: `E_PREDICATE_TYPE`, or `E_VERSION` for another version of ours.
    """
    found = statement.predicate_type
    if found == expected:
        return
    kind, _, version = found.rpartition("/")
    ours = kind == expected.rpartition("/")[0]
    hint = None
    if ours:
        hint = (
            "it is of an early release: ask the signer to export the snapshot again"
            if version == "v0"
            else "verify it with a newer version of Firsthand"
        )
    raise VerificationError(
        f"the statement is a `{found[:100]}`, expected `{expected}`",
        code="E_VERSION" if ours else "E_PREDICATE_TYPE",
        hint=hint,
    )


def sign(signer: Signer, statement: Statement) -> bytes:
    """Return the canonical bytes of the signed envelope."""
    return signer.sign(statement).to_bytes()


def open_envelope(data: bytes, key: PublicKey | None) -> tuple[Statement, PublicKey]:
    """Return the signed statement and the key that verified it.

    Without a key the one inside the statement is used: that shows the content is whole, not who
    signed it. The caller must say so.

    Raises:
        VerificationError: Any reason of the envelope, key and signature.
    """
    envelope = Envelope.parse(data)
    statement = key.open(envelope) if key is not None else Statement.parse(envelope.payload)
    issuer = Issuer.parse(statement.predicate.get("issuer"))
    try:
        own = PublicKey.parse(issuer.key.encode("utf-8"), name="issuer.key")
    except (InvalidInputError, UnicodeError) as error:
        raise VerificationError(
            "the issuer's own key is not a public key", code="E_ENVELOPE"
        ) from error
    if own.keyid != envelope.keyid:
        raise VerificationError(
            f"the issuer's own key is {own.keyid[:16]}…, "
            f"but the envelope names key {envelope.keyid[:16]}…",
            code="E_ENVELOPE",
        )
    return (own.open(envelope) if key is None else statement), own
