"""Attacks on the signed envelope: other keys, other signatures, other spellings, other statements."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace

from registry.core.attest import Envelope, Signer, Statement
from tests import snapshots
from tests.must_fail.case import refused, undecided
from tests.must_fail.world import OTHER, SIGNER, Bench

ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of the group of Ed25519 (RFC 8032 §5.1)."""


def edited(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return an envelope whose payload says something else under the same signature."""
    envelope = Envelope.parse(data)
    assert old in envelope.payload
    return replace(envelope, payload=envelope.payload.replace(old, new)).to_bytes()


# Keys.


@refused(
    "E_UNKNOWN_KEY",
    "key substitution: signed again by a key that calls itself the same issuer",
    why="the signature holds, under a key that the reader did not pin",
)
def key_substitution(b: Bench) -> None:
    b.certify(replace(b.certificate, issuer=snapshots.issuer_of(OTHER)), OTHER)


@refused(
    "E_UNKNOWN_KEY",
    "key substitution: signed again by a key that is in no trust file, and logged and cosigned",
    why="a log and witnesses say when something was there, never whom to believe",
    given="trust",
)
def key_substitution_in_the_log(b: Bench) -> None:
    b.certify(replace(b.certificate, issuer=snapshots.issuer_of(OTHER)), OTHER)


@undecided(
    "a good snapshot, and nobody says whose key to believe",
    why="integrity is checked, but who signed is not known without a key of the reader's own",
    given="",
)
def no_key(b: Bench) -> None:
    assert not b.given.get("key")


@undecided(
    "key substitution with the attacker's key as issuer.pub beside it, and the reader gives none",
    why="a key that lies beside a snapshot says nothing about who signed it",
    given="",
)
def a_key_that_came_along(b: Bench) -> None:
    b.certify(replace(b.certificate, issuer=snapshots.issuer_of(OTHER)), OTHER)
    (b.path / "issuer.pub").write_text(OTHER.public.pem, encoding="ascii")


@undecided(
    "the reader takes the key from the snapshot that it is to verify",
    why="a key file inside the snapshot counts as none",
    given="",
)
def a_key_from_the_snapshot_itself(b: Bench) -> None:
    (b.path / "issuer.pub").write_text(SIGNER.public.pem, encoding="ascii")
    b.given["key"] = "snapshot/issuer.pub"


@undecided(
    "a trust file inside the snapshot names the attacker's key",
    why="a trust file that came along counts as none",
    given="trust",
)
def a_trust_from_the_snapshot_itself(b: Bench) -> None:
    (b.folder / "trust.json").rename(b.path / "trust.json")
    b.given["trust"] = "snapshot/trust.json"


@refused(
    "E_SIGNATURE",
    "signed by the attacker, under the key id of the issuer",
    why="the id is only a name for a key: the signature is checked with the reader's own",
)
def key_id_of_another(b: Bench) -> None:
    made = OTHER.sign(b.certificate.to_statement())
    b.envelope.write_bytes(replace(made, keyid=SIGNER.public.keyid).to_bytes())


@refused(
    "E_ENVELOPE",
    "the issuer signs a certificate that brings another key along as its own",
    why="the key in `issuer` must be the one that `keyid` names",
)
def another_key_inside(b: Bench) -> None:
    b.certify(replace(b.certificate, issuer=snapshots.issuer_of(OTHER)))


# Signatures.


@refused(
    "E_SIGNATURE",
    "one bit of the signature is flipped",
    why="Ed25519 has one signature for a content and a key, as far as anybody can find",
)
def signature_flipped(b: Bench) -> None:
    envelope = Envelope.parse(b.envelope.read_bytes())
    raw = bytes([envelope.signature[0] ^ 1]) + envelope.signature[1:]
    b.envelope.write_bytes(replace(envelope, signature=raw).to_bytes())


@refused(
    "E_SIGNATURE",
    "signature malleability: the group order is added to the signature's scalar",
    why="RFC 8032 §5.1.7 refuses S that is not below the order; otherwise each signature had two",
)
def signature_malleability(b: Bench) -> None:
    envelope = Envelope.parse(b.envelope.read_bytes())
    scalar = int.from_bytes(envelope.signature[32:], "little") + ORDER
    raw = envelope.signature[:32] + scalar.to_bytes(32, "little")
    b.envelope.write_bytes(replace(envelope, signature=raw).to_bytes())


@refused(
    "E_SIGNATURE",
    "the issuer's signature of another certificate is put under this one",
    why="a signature belongs to one content",
)
def signature_transplant(b: Bench) -> None:
    other = SIGNER.sign(b.world.newer.certificate.to_statement())
    envelope = Envelope.parse(b.envelope.read_bytes())
    b.envelope.write_bytes(replace(envelope, signature=other.signature).to_bytes())


@refused(
    "E_SIGNATURE",
    "the certificate says 9 more human bytes than the issuer signed",
    why="the payload is signed byte for byte",
)
def human_bytes_of_the_certificate(b: Bench) -> None:
    human = b.certificate.manifest.total.human_bytes
    old, new = (b'"human_bytes":%d' % it for it in (human, human + 9))
    b.patch(b.envelope, lambda data: edited(data, old, new))


@refused(
    "E_SIGNATURE",
    "label flip with recount and re-hash: everything made anew but the signature",
    why="rows, roots and counts agree with one another, and with nothing that the issuer signed",
)
def label_flip_unsigned(b: Bench) -> None:
    signature = Envelope.parse(b.envelope.read_bytes()).signature
    _flip_labels(b)
    envelope = Envelope.parse(b.envelope.read_bytes())
    b.envelope.write_bytes(replace(envelope, signature=signature).to_bytes())


@refused(
    "E_UNKNOWN_KEY",
    "label flip with recount and re-hash, signed and logged by another key",
    why="whoever can change labels and hash again still lacks the issuer's key",
    level="content",
)
def label_flip_signed_by_another(b: Bench) -> None:
    _flip_labels(b, OTHER)


def _flip_labels(b: Bench, signer: Signer = SIGNER) -> None:
    parts = b.snapshot.parts
    for part in parts:
        for item in part:
            if item["origin"] == "ai":
                size = len(item["text"].encode())
                item |= {"origin": "human", "human_bytes": size, "generator": None}
    b.issue(parts, signer)


# The envelope.


@refused("E_UNSIGNED", "the certificate is taken away", why="there is nothing that is signed")
def certificate_removed(b: Bench) -> None:
    b.envelope.unlink()


@refused(
    "E_FILE_MISSING",
    "the certificate is a link to a good one elsewhere",
    why="links are not followed: what they lead to is not part of the snapshot",
)
def certificate_linked(b: Bench) -> None:
    b.envelope.rename(b.path / "good.json")
    b.envelope.symlink_to("good.json")


def _envelope_json(code: str, attack: str, why: str, name: str, change: object) -> None:
    def build(b: Bench) -> None:
        b.json(b.envelope, change)  # type: ignore[arg-type]

    build.__name__ = name
    refused(code, attack, why=why)(build)


for _name, _attack, _why, _change in (
    (
        "two_signatures",
        "a second signature, by the attacker, beside that of the issuer",
        "an envelope has exactly one signature, so that nobody checks another one than we do",
        lambda it: it["signatures"].append(it["signatures"][0]),
    ),
    (
        "no_signature",
        "the list of signatures is empty",
        "unsigned content in the clothes of signed one is no envelope",
        lambda it: it["signatures"].clear(),
    ),
    (
        "another_payload_type",
        "the payload type says that something else was signed",
        "the type is part of what is signed, and only one is known",
        lambda it: it.update(payloadType="application/json"),
    ),
    (
        "unknown_algorithm",
        "the signature says `alg: none`",
        "there is one algorithm; nothing is negotiated, and unknown keys are refused",
        lambda it: it["signatures"][0].update(alg="none"),
    ),
    (
        "short_signature",
        "the signature has 63 bytes",
        "an Ed25519 signature has 64",
        lambda it: it["signatures"][0].update(sig=base64.b64encode(bytes(63)).decode()),
    ),
    (
        "payload_is_a_list",
        "the payload is a list of texts",
        "a payload is base64 text",
        lambda it: it.update(payload=[it["payload"]]),
    ),
):
    _envelope_json("E_ENVELOPE", _attack, _why, _name, _change)


@refused(
    "E_NONCANONICAL",
    "base64 malleability: unused bits of the signature's last character are set",
    why="it decodes to the same bytes, and would be a second certificate with another digest",
)
def base64_malleability(b: Bench) -> None:
    def change(data: bytes) -> bytes:
        at = data.index(b'=="')
        return data[: at - 1] + bytes([data[at - 1] + 1]) + data[at:]

    b.patch(b.envelope, change)


@refused(
    "E_NONCANONICAL",
    "the certificate is written with line breaks",
    why="the log and `supersedes` know a certificate by the digest of its one form",
)
def pretty_printed(b: Bench) -> None:
    b.patch(b.envelope, lambda data: json.dumps(json.loads(data), indent=1).encode())


@refused(
    "E_NONCANONICAL",
    "a line break is put behind the certificate",
    why="not one byte of it may change unseen",
)
def a_line_break_behind(b: Bench) -> None:
    b.patch(b.envelope, lambda data: data + b"\n")


@refused(
    "E_NONCANONICAL",
    "duplicate keys: `payload` stands twice in the envelope",
    why="readers differ in which of the two they take",
)
def duplicate_keys(b: Bench) -> None:
    b.patch(b.envelope, lambda data: data.replace(b'{"payload"', b'{"payload":"","payload"', 1))


@refused(
    "E_NONCANONICAL",
    "duplicate keys inside the payload, which the issuer signed so",
    why="signed or not, readers differ in which of the two they take",
)
def duplicate_keys_signed(b: Bench) -> None:
    def change(data: bytes) -> bytes:
        return data.replace(b'"contested":0', b'"contested":0,"contested":0', 1)

    sign_payload(b, change)


@refused(
    "E_NONCANONICAL",
    "a number that is no integer: NaN, signed by the issuer",
    why="JSON has no such number, and readers that take it compare it with nothing",
)
def not_a_number(b: Bench) -> None:
    sign_payload(b, lambda data: data.replace(b'"contested":0', b'"contested":NaN', 1))


@refused(
    "E_NONCANONICAL",
    "a number in the spelling 1e3, signed by the issuer",
    why="there are integers in one spelling, and no other numbers",
)
def a_number_in_another_spelling(b: Bench) -> None:
    sign_payload(b, lambda data: data.replace(b'"contested":0', b'"contested":1e3', 1))


@refused(
    "E_LIMIT",
    "a huge number: 2^53 documents with conflicting claims, signed by the issuer",
    why="readers that count in floating point would take it for another number",
)
def a_huge_number(b: Bench) -> None:
    sign_payload(b, lambda data: data.replace(b'"contested":0', b'"contested":%d' % 2**53, 1))


@refused(
    "E_LIMIT",
    "a number of 100,000 digits, signed by the issuer",
    why="reading it would take time that grows with the square of its length",
)
def a_number_without_end(b: Bench) -> None:
    digits = b"9" * 100_000
    sign_payload(b, lambda data: data.replace(b'"contested":0', b'"contested":' + digits, 1))


def sign_payload(b: Bench, change: Callable[[bytes], bytes]) -> None:
    """Sign and log a payload that was changed as bytes, whatever it is then."""
    payload = change(b.certificate.to_statement().to_bytes())

    class Bytes(Statement):
        def to_bytes(self) -> bytes:
            return payload

    b.certify(Bytes((), "", {}))


@refused(
    "E_LIMIT",
    "deep nesting: 10,000 lists in one another",
    why="a recursive reader would run out of stack; 32 levels are enough for what we write",
)
def deep_nesting(b: Bench) -> None:
    b.envelope.write_bytes(b"[" * 10_000 + b"]" * 10_000)


@refused(
    "E_LIMIT",
    "a million empty lists in one list",
    why="each takes a hundred times its size in memory",
)
def many_lists(b: Bench) -> None:
    b.envelope.write_bytes(b"[" + b"[]," * 600_000 + b"[]]")


@refused(
    "E_LIMIT",
    "huge length: a certificate of 16 MiB and one byte",
    why="its size is looked at before it is read",
)
def huge_certificate(b: Bench) -> None:
    with b.envelope.open("r+b") as file:
        file.truncate(16 * 2**20 + 1)


@refused(
    "E_ENVELOPE",
    "the certificate is a text that is no JSON",
    why="there is no envelope",
)
def no_json(b: Bench) -> None:
    b.envelope.write_bytes(b"this snapshot is valid\n")


@refused(
    "E_ENVELOPE",
    "the certificate has bytes that are no UTF-8",
    why="JSON is UTF-8",
)
def no_utf8(b: Bench) -> None:
    b.patch(b.envelope, lambda data: data.replace(b"payloadType", b"payload\xffype"))
