from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from registry.core.attest import Envelope, PublicKey, Signer, Statement, Subject
from registry.core.digest import canonical
from registry.errors import InvalidInputError, VerificationError
from tests.snapshots import OTHER, SIGNER

STATEMENT = Statement((Subject("snapshot", "a" * 64),), "https://example.org/p/v1", {"yes": True})
ENVELOPE = SIGNER.sign(STATEMENT)


def bent(**other: Any) -> bytes:
    """The envelope as canonical JSON, with members replaced; None removes one."""
    value = json.loads(ENVELOPE.to_bytes()) | other
    return canonical({name: it for name, it in value.items() if it is not None})


def signature(**other: Any) -> list[dict[str, Any]]:
    return [json.loads(ENVELOPE.to_bytes())["signatures"][0] | other]


def code_of(data: bytes) -> str:
    with pytest.raises(VerificationError) as caught:
        SIGNER.public.open(Envelope.parse(data))
    return caught.value.code


def test_a_signed_statement_is_opened_by_its_key() -> None:
    again = Envelope.parse(ENVELOPE.to_bytes())
    assert again == ENVELOPE
    assert SIGNER.public.open(again) == STATEMENT


def test_signing_is_deterministic() -> None:
    assert SIGNER.sign(STATEMENT) == ENVELOPE


def test_what_is_signed_is_the_encoding_of_dsse() -> None:
    payload = STATEMENT.to_bytes()
    pae = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
    SIGNER.public.key.verify(ENVELOPE.signature, pae)


def test_the_key_id_is_that_of_openssl() -> None:
    body = "".join(SIGNER.public.pem.splitlines()[1:-1])
    import hashlib

    assert SIGNER.public.keyid == hashlib.sha256(base64.b64decode(body)).hexdigest()


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(VerificationError, match="not by yours") as caught:
        OTHER.public.open(ENVELOPE)
    assert caught.value.code == "E_UNKNOWN_KEY"
    assert caught.value.hint


PADDED = base64.b64encode(b"x").decode()

CASES: dict[str, tuple[bytes, str]] = {
    "not json": (b"junk", "E_ENVELOPE"),
    "a list": (b"[]", "E_ENVELOPE"),
    "no signatures": (bent(signatures=None), "E_ENVELOPE"),
    "an unknown member": (bent(more=1), "E_ENVELOPE"),
    "another payload type": (bent(payloadType="text/plain"), "E_ENVELOPE"),
    "signatures that are no list": (bent(signatures={}), "E_ENVELOPE"),
    "an empty list of signatures": (bent(signatures=[]), "E_ENVELOPE"),
    "two signatures": (bent(signatures=signature() * 2), "E_ENVELOPE"),
    "a signature that is no object": (bent(signatures=["x"]), "E_ENVELOPE"),
    "a signature with more members": (bent(signatures=signature(cert="x")), "E_ENVELOPE"),
    "a key id in capitals": (bent(signatures=signature(keyid=ENVELOPE.keyid.upper())), "E_ENVELOPE"),
    "a key id that is a number": (bent(signatures=signature(keyid=1)), "E_ENVELOPE"),
    "another key id": (bent(signatures=signature(keyid=OTHER.public.keyid)), "E_UNKNOWN_KEY"),
    "a short signature": (bent(signatures=signature(sig=PADDED)), "E_ENVELOPE"),
    "a signature that is a number": (bent(signatures=signature(sig=5)), "E_ENVELOPE"),
    "a signature of zeros": (
        bent(signatures=signature(sig=base64.b64encode(bytes(64)).decode())), "E_SIGNATURE"
    ),
    "a payload that is null": (canonical(json.loads(bent()) | {"payload": None}), "E_ENVELOPE"),
    "a payload that is not base64": (bent(payload="%%%"), "E_ENVELOPE"),
    "a payload with unused bits set": (bent(payload="eB=="), "E_NONCANONICAL"),
    "a payload with white space": (bent(payload="eA\n=="), "E_ENVELOPE"),
    "a payload without padding": (bent(payload="eA"), "E_ENVELOPE"),
    "a payload that is not ASCII": (bent(payload="é"), "E_ENVELOPE"),
    "another payload": (bent(payload=PADDED), "E_SIGNATURE"),
    "an empty payload": (bent(payload=""), "E_SIGNATURE"),
    "a space after it": (bent() + b"\n", "E_NONCANONICAL"),
    "a member twice": (bent().replace(b'{"payload"', b'{"payload":"","payload"', 1), "E_NONCANONICAL"),
    "larger than the limit": (b'"' + b"a" * 2**24 + b'"', "E_LIMIT"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "code"), CASES.values(), ids=CASES)
def test_each_defect_of_an_envelope_has_its_code(data: bytes, code: str) -> None:
    assert code_of(data) == code


def test_the_other_half_of_the_curve_is_no_second_signature() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    high = int.from_bytes(ENVELOPE.signature[32:], "little") + order
    again = Envelope(
        ENVELOPE.payload, ENVELOPE.keyid, ENVELOPE.signature[:32] + high.to_bytes(32, "little")
    )
    assert code_of(again.to_bytes()) == "E_SIGNATURE"


def statement(**other: Any) -> bytes:
    value = json.loads(STATEMENT.to_bytes()) | other
    return canonical({name: it for name, it in value.items() if it is not None})


SUBJECT = {"digest": {"sha256": "a" * 64}, "name": "x"}
BAD_STATEMENTS: dict[str, bytes] = {
    "a list": b"[]",
    "no subject": statement(subject=None),
    "an unknown member": statement(more=1),
    "another type": statement(_type="https://in-toto.io/Statement/v0.1"),
    "a predicate that is a list": statement(predicate=[]),
    "a predicate type that is a number": statement(predicateType=1),
    "subjects that are an object": statement(subject={}),
    "a subject that is a text": statement(subject=["x"]),
    "a subject with more": statement(subject=[SUBJECT | {"uri": "x"}]),
    "a subject without a name": statement(subject=[{"digest": {"sha256": "a" * 64}}]),
    "a subject whose name is a number": statement(subject=[SUBJECT | {"name": 1}]),
    "a digest that is a text": statement(subject=[SUBJECT | {"digest": "a" * 64}]),
    "another algorithm": statement(subject=[SUBJECT | {"digest": {"md5": "a" * 64}}]),
    "two algorithms": statement(
        subject=[SUBJECT | {"digest": {"sha256": "a" * 64, "sha512": "a" * 128}}]
    ),
    "a digest in capitals": statement(subject=[SUBJECT | {"digest": {"sha256": "A" * 64}}]),
    "a subject twice": statement(subject=[SUBJECT, SUBJECT]),
}


@pytest.mark.parametrize("payload", BAD_STATEMENTS.values(), ids=BAD_STATEMENTS)
def test_a_malformed_statement_is_refused(payload: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        Statement.parse(payload)
    assert caught.value.code == "E_ENVELOPE"


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_verification_errors(data: bytes) -> None:
    for parse in (Envelope.parse, Statement.parse):
        with pytest.raises(VerificationError):
            parse(data)


def test_a_key_survives_its_file() -> None:
    signer = Signer.generate()
    again = Signer.parse(signer.to_pem(), name="key")
    assert again.public.keyid == signer.public.keyid
    public = PublicKey.parse(signer.public.pem.encode(), name="issuer.pub")
    assert public.keyid == signer.public.keyid


def test_keys_of_other_kinds_are_refused_by_name() -> None:
    other = generate_private_key(SECP256R1())
    private = other.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = other.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for pem in (public, b"", b"junk", SIGNER.to_pem()):
        with pytest.raises(InvalidInputError, match=r"`acme.pub`"):
            PublicKey.parse(pem, name="acme.pub")
    for pem in (private, b"", b"junk", SIGNER.public.pem.encode()):
        with pytest.raises(InvalidInputError, match=r"`acme.key`"):
            Signer.parse(pem, name="acme.key")


@given(st.binary(max_size=120))
def test_random_bytes_are_no_key_and_nothing_worse(data: bytes) -> None:
    for pem in (
        data,
        b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(data) + b"\n-----END PUBLIC KEY-----\n",
    ):
        with pytest.raises(InvalidInputError):
            PublicKey.parse(pem, name="x")
