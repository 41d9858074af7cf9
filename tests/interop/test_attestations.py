"""Certificates as stock tools read them: DSSE by securesystemslib, Statement v1 by in-toto.

Neither knows our rules; both must find what we say we write.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf.json_format import Parse
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._key import SSlibKey

from registry.core.attest import PAYLOAD_TYPE, Signer
from registry.core.certificate import PREDICATE_TYPE, SHARD_PREDICATE_TYPE
from tests.snapshots import OTHER, SIGNER, Snapshot, rows, write


@pytest.fixture
def snap(tmp_path: Path) -> Snapshot:
    return write(tmp_path / "snap", [rows(30), rows(11)])


def key(signer: Signer) -> SSlibKey:
    public = signer.public
    made = Ed25519PublicKey.from_public_bytes(public.raw)
    return SSlibKey.from_crypto(made, keyid=public.keyid)


def opened(data: bytes, signer: Signer) -> bytes:
    """Return the payload of an envelope that a key signed, as securesystemslib finds."""
    found = Envelope.from_dict(json.loads(data))
    assert found.payload_type == PAYLOAD_TYPE
    assert set(found.verify([key(signer)], threshold=1)) == {signer.public.keyid}
    payload: bytes = found.payload
    return payload


def parsed(payload: bytes) -> Message:
    """Return a statement that in-toto's own reader takes for valid, unknown fields refused."""
    message = Parse(payload, Message())
    Statement.copy_from_pb(message).validate()
    return message


def test_the_certificate_is_a_signed_statement_about_the_files(snap: Snapshot) -> None:
    message = parsed(opened((snap.path / "certificate.json").read_bytes(), SIGNER))
    assert message.predicate_type == PREDICATE_TYPE
    subjects = {item.name: dict(item.digest) for item in message.subject}
    manifest = (snap.path / "manifest.json").read_bytes()
    assert subjects.pop("snapshot") == {"sha256": hashlib.sha256(manifest).hexdigest()}
    assert subjects == {
        path.relative_to(snap.path).as_posix(): {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest()
        }
        for path in (snap.path / "data").iterdir()
    }
    # Counts of a predicate are numbers to every reader, exactly.
    assert message.predicate["manifest"]["documents"] == 41


def test_each_shard_carries_one_too(snap: Snapshot) -> None:
    for index in range(2):
        message = parsed(opened(snap.envelope(index), SIGNER))
        assert message.predicate_type == SHARD_PREDICATE_TYPE
        assert [item.name for item in message.subject] == [f"data/part-{index:05d}.parquet"]


def test_what_we_refuse_they_refuse(snap: Snapshot) -> None:
    data = (snap.path / "certificate.json").read_bytes()
    with pytest.raises(VerificationError):
        opened(data, OTHER)
    bent = json.loads(data)
    bent["payloadType"] = "application/json"
    with pytest.raises(VerificationError):
        Envelope.from_dict(bent).verify([key(SIGNER)], threshold=1)
