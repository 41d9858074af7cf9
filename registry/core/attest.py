"""Statements and the envelopes that sign them: in-toto Statement v1 in DSSE, Ed25519.

An envelope has exactly one form: canonical JSON, one signature, `keyid` = SHA-256 of the public
key (DER SubjectPublicKeyInfo). Everything else is refused, so that no bit can change unseen.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from registry.core.digest import (
    canonical,
    from_base64,
    is_sha256_hex,
    parse_canonical,
    sha256_hex,
)
from registry.errors import InvalidInputError, VerificationError

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
MAX_ENVELOPE: Final = 16 * 2**20
_SIGNATURE_SIZE: Final = 64


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing a statement is about: its name and its SHA-256."""

    name: str
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return the in-toto form."""
        return {"digest": {"sha256": self.sha256}, "name": self.name}


@dataclass(frozen=True, slots=True)
class Statement:
    """What is attested: subjects, and a predicate that says something about them."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: dict[str, Any]

    def to_bytes(self) -> bytes:
        """Return the canonical JSON that gets signed."""
        return canonical(
            {
                "_type": STATEMENT_TYPE,
                "predicate": self.predicate,
                "predicateType": self.predicate_type,
                "subject": [subject.to_json() for subject in self.subjects],
            }
        )

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a statement.

        Raises:
            VerificationError: `E_ENVELOPE`, `E_NONCANONICAL` or `E_LIMIT`.
        """
        value = parse_canonical(payload, limit=MAX_ENVELOPE)
        keys = {"_type", "predicate", "predicateType", "subject"}
        if not isinstance(value, dict) or set(value) != keys:
            raise _bad("the payload is not an in-toto statement")
        if value["_type"] != STATEMENT_TYPE:
            raise _bad("the payload is not an in-toto Statement v1")
        if not isinstance(value["predicate"], dict) or not isinstance(value["predicateType"], str):
            raise _bad("the statement has no predicate")
        if not isinstance(value["subject"], list):
            raise _bad("the statement has no list of subjects")
        subjects = tuple(_subject(item) for item in value["subject"])
        if len({subject.name for subject in subjects}) != len(subjects):
            raise _bad("the statement names a subject twice")
        return cls(subjects, value["predicateType"], value["predicate"])


def _subject(item: Any) -> Subject:
    if (
        not isinstance(item, dict)
        or set(item) != {"digest", "name"}
        or not isinstance(item["name"], str)
        or not isinstance(item["digest"], dict)
        or set(item["digest"]) != {"sha256"}
        or not is_sha256_hex(item["digest"]["sha256"])
    ):
        raise _bad("a subject is not a name and a SHA-256")
    return Subject(item["name"], item["digest"]["sha256"])


def _bad(message: str) -> VerificationError:
    return VerificationError(message, code="E_ENVELOPE")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope: the payload, and who signed it."""

    payload: bytes
    keyid: str
    signature: bytes

    def to_bytes(self) -> bytes:
        """Return the one JSON form of this envelope."""
        return canonical(
            {
                "payload": base64.b64encode(self.payload).decode("ascii"),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [
                    {
                        "keyid": self.keyid,
                        "sig": base64.b64encode(self.signature).decode("ascii"),
                    }
                ],
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read an envelope; nothing is verified yet except that it has the one form.

        Raises:
            VerificationError: `E_ENVELOPE`, `E_NONCANONICAL` or `E_LIMIT`.
        """
        value = parse_canonical(data, limit=MAX_ENVELOPE)
        if not isinstance(value, dict) or set(value) != {
            "payload",
            "payloadType",
            "signatures",
        }:
            raise _bad("not a DSSE envelope")
        if value["payloadType"] != PAYLOAD_TYPE:
            raise _bad(f"the payload type is not `{PAYLOAD_TYPE}`")
        signatures = value["signatures"]
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise _bad("the envelope does not have exactly one signature")
        entry = signatures[0]
        if not isinstance(entry, dict) or set(entry) != {"keyid", "sig"}:
            raise _bad("the signature is not a `keyid` and a `sig`")
        if not is_sha256_hex(entry["keyid"]):
            raise _bad("the `keyid` is not a SHA-256")
        signature = from_base64(entry["sig"], code="E_ENVELOPE")
        if len(signature) != _SIGNATURE_SIZE:
            raise _bad("the signature does not have 64 bytes")
        return cls(from_base64(value["payload"], code="E_ENVELOPE"), entry["keyid"], signature)


def _pae(payload: bytes) -> bytes:
    """Return what DSSE signs: the pre-authentication encoding of type and payload."""
    kind = PAYLOAD_TYPE.encode("ascii")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key that signatures are checked with."""

    key: Ed25519PublicKey

    @classmethod
    def parse(cls, pem: bytes, *, name: str) -> Self:
        """Read a PEM public key.

        Raises:
            InvalidInputError: It is not a PEM Ed25519 public key; `name` is named.
        """
        try:
            key = serialization.load_pem_public_key(pem)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InvalidInputError(
                f"`{name}` is not a PEM public key",
                hint="give the signer's `issuer.pub`; it begins with `-----BEGIN PUBLIC KEY-----`",
            ) from error
        if not isinstance(key, Ed25519PublicKey):
            raise InvalidInputError(f"`{name}` is not an Ed25519 public key")
        return cls(key)

    @property
    def pem(self) -> str:
        """Return the PEM form."""
        return self.key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode("ascii")

    @property
    def raw(self) -> bytes:
        """Return the 32 bytes of the key."""
        return self.key.public_bytes_raw()

    @property
    def keyid(self) -> str:
        """Return the SHA-256 of the DER form, in hexadecimal."""
        return sha256_hex(
            self.key.public_bytes(
                serialization.Encoding.DER,
                serialization.PublicFormat.SubjectPublicKeyInfo,
            )
        )

    def open(self, envelope: Envelope) -> Statement:
        """Return the statement of an envelope that this key signed.

        Raises:
            VerificationError: `E_UNKNOWN_KEY`, `E_SIGNATURE`, or the statement is malformed.
        """
        if envelope.keyid != self.keyid:
            raise VerificationError(
                f"signed by key {envelope.keyid[:16]}…, not by yours, {self.keyid[:16]}…",
                code="E_UNKNOWN_KEY",
                hint="ask the signer for the right public key, over a channel you trust",
            )
        try:
            self.key.verify(envelope.signature, _pae(envelope.payload))
        except InvalidSignature as error:
            raise VerificationError(
                "the signature does not belong to this content", code="E_SIGNATURE"
            ) from error
        return Statement.parse(envelope.payload)


@dataclass(frozen=True, slots=True)
class Signer:
    """An Ed25519 private key that signs statements."""

    key: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> Self:
        """Return a new key from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, pem: bytes, *, name: str) -> Self:
        """Read a PEM private key (PKCS#8, no passphrase).

        Raises:
            InvalidInputError: It is not such a key; `name` is named.
        """
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InvalidInputError(
                f"`{name}` is not a PEM private key",
                hint="restore the key file from your backup",
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise InvalidInputError(f"`{name}` is not an Ed25519 private key")
        return cls(key)

    def to_pem(self) -> bytes:
        """Return the key as unencrypted PKCS#8; the file that holds it must be mode 0600."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def public(self) -> PublicKey:
        """Return the public half."""
        return PublicKey(self.key.public_key())

    def sign(self, statement: Statement) -> Envelope:
        """Return the signed envelope of a statement."""
        payload = statement.to_bytes()
        return Envelope(payload, self.public.keyid, self.key.sign(_pae(payload)))
