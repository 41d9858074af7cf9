"""Attacks on the signed envelope: other keys, other signatures, other spellings, other statements."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

from registry.core.attest import Envelope, Statement
from registry.core.digest import canonical
from registry.core.manifest import MAX_MANIFEST
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


def _flip_labels(b: Bench, signer: snapshots.Signer = SIGNER) -> None:
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

    _sign_payload(b, change)


@refused(
    "E_NONCANONICAL",
    "a number that is no integer: NaN, signed by the issuer",
    why="JSON has no such number, and readers that take it compare it with nothing",
)
def not_a_number(b: Bench) -> None:
    _sign_payload(b, lambda data: data.replace(b'"contested":0', b'"contested":NaN', 1))


@refused(
    "E_NONCANONICAL",
    "a number in the spelling 1e3, signed by the issuer",
    why="there are integers in one spelling, and no other numbers",
)
def a_number_in_another_spelling(b: Bench) -> None:
    _sign_payload(b, lambda data: data.replace(b'"contested":0', b'"contested":1e3', 1))


@refused(
    "E_LIMIT",
    "a huge number: 2^53 documents with conflicting claims, signed by the issuer",
    why="readers that count in floating point would take it for another number",
)
def a_huge_number(b: Bench) -> None:
    _sign_payload(b, lambda data: data.replace(b'"contested":0', b'"contested":%d' % 2**53, 1))


@refused(
    "E_LIMIT",
    "a number of 100,000 digits, signed by the issuer",
    why="reading it would take time that grows with the square of its length",
)
def a_number_without_end(b: Bench) -> None:
    digits = b"9" * 100_000
    _sign_payload(b, lambda data: data.replace(b'"contested":0', b'"contested":' + digits, 1))


def _sign_payload(b: Bench, change: object) -> None:
    payload = change(b.certificate.to_statement().to_bytes())  # type: ignore[operator]

    class Bytes(Statement):
        def to_bytes(self) -> bytes:
            return payload  # type: ignore[no-any-return]

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


# Statements.


@refused(
    "E_PREDICATE_TYPE",
    "the issuer's statement about something else: its build provenance",
    why="a signature under one kind of statement is none under another",
)
def predicate_of_another_kind(b: Bench) -> None:
    statement = b.certificate.to_statement()
    b.certify(replace(statement, predicate_type="https://slsa.dev/provenance/v1"))


@refused(
    "E_PREDICATE_TYPE",
    "the statement of a shard in the place of the certificate",
    why="it is signed by the issuer, and says nothing about the whole snapshot",
)
def statement_of_a_shard(b: Bench) -> None:
    b.envelope.write_bytes(b.snapshot.envelope(0))


@refused(
    "E_VERSION",
    "a certificate of version 0, from before the log was published",
    why="it lacks what version 1 promises, and an attacker would take the weakest version",
)
def certificate_of_version_0(b: Bench) -> None:
    kind = "https://firsthand.dev/certified-snapshot/v0"
    b.certify(replace(b.certificate.to_statement(), predicate_type=kind))


@refused(
    "E_VERSION",
    "a certificate of version 2",
    why="nobody can check rules that they do not know",
)
def certificate_of_version_2(b: Bench) -> None:
    kind = "https://firsthand.dev/certified-snapshot/v2"
    b.certify(replace(b.certificate.to_statement(), predicate_type=kind))


@refused(
    "E_MANIFEST",
    "a statement without any subject",
    why="a statement that is about nothing does not sign this snapshot's root",
)
def no_subject(b: Bench) -> None:
    b.certify(replace(b.certificate.to_statement(), subjects=()))


def _payload_json(code: str, attack: str, why: str, name: str, change: object) -> None:
    def build(b: Bench) -> None:
        def changed(data: bytes) -> bytes:
            value = json.loads(data)
            change(value)  # type: ignore[operator]
            return canonical(value)

        _sign_payload(b, changed)

    build.__name__ = name
    refused(code, attack, why=why)(build)


for _name, _attack, _why, _change in (
    (
        "unknown_digest_algorithm",
        "a subject with an MD5 instead of a SHA-256",
        "one algorithm, nothing is negotiated: MD5 does not tell two files apart",
        lambda it: it["subject"][0].update(digest={"md5": "0" * 32}),
    ),
    (
        "a_second_digest",
        "a subject with a SHA-1 beside the SHA-256",
        "a verifier might check the weaker one; there is exactly one",
        lambda it: it["subject"][0]["digest"].update(sha1="0" * 40),
    ),
    (
        "subject_twice",
        "two subjects of one name, the second with the digest of another file",
        "readers differ in which of the two they take",
        lambda it: it["subject"].append(it["subject"][1] | {"digest": {"sha256": "0" * 64}}),
    ),
    (
        "no_list_of_subjects",
        "a statement that lacks `subject` altogether",
        "it is no in-toto statement",
        lambda it: it.pop("subject"),
    ),
    (
        "another_statement_type",
        "an in-toto statement of version 0.1",
        "it is another format, whose rules are not those that are checked",
        lambda it: it.update(_type="https://in-toto.io/Statement/v0.1"),
    ),
    (
        "an_unknown_key_in_the_predicate",
        "the issuer adds `verified_human: true` to the predicate",
        "what nobody checks must not look as if it had been",
        lambda it: it["predicate"].update(verified_human=True),
    ),
    (
        "a_missing_key_in_the_predicate",
        "the issuer leaves out `contested`",
        "what is missing is not the same as nothing",
        lambda it: it["predicate"].pop("contested"),
    ),
    (
        "true_as_a_number",
        "`contested` is `true`",
        "true is no count, though some languages take it for 1",
        lambda it: it["predicate"].update(contested=True),
    ),
    (
        "no_time",
        "`issued_at` is the 31st of February",
        "there is no such time",
        lambda it: it["predicate"].update(issued_at="2025-02-31T00:00:00Z"),
    ),
    (
        "an_exponent_as_a_share",
        "`asked` is 1e999999999",
        "computing it exactly would take all memory; a share is a plain decimal from 0 to 1",
        lambda it: it["predicate"]["human_fraction"].update(asked="1e999999999"),
    ),
    (
        "a_log_that_cannot_be",
        "the log's name has a line break and a second line",
        "in a signed note it would be read as other lines",
        lambda it: it["predicate"]["log"].update(origin="acme.example/log\n999"),
    ),
):
    _payload_json("E_ENVELOPE", _attack, _why, _name, _change)


for _name, _attack, _why, _change in (
    (
        "another_promise",
        "`not_proven` says “This proves that every text was written by a person.”",
        "the sentence is fixed, so that nobody signs a stronger one in its place",
        lambda it: it["predicate"].update(
            not_proven="This proves that every text was written by a person."
        ),
    ),
    (
        "an_audit_that_nobody_did",
        "`audits` says `passed`",
        "this version knows no audits, and cannot say whether one was done",
        lambda it: it["predicate"].update(audits="passed"),
    ),
    (
        "evidence_that_nobody_saw",
        "`evidenced` says that all of it is human by evidence",
        "this version knows no such number, and cannot say whether it is right",
        lambda it: it["predicate"]["human_fraction"].update(evidenced="1"),
    ),
    (
        "another_hash_suite",
        "the manifest says that it hashes by `firsthand-hash/v2`",
        "nobody can check hashes that they do not know",
        lambda it: it["predicate"]["manifest"].update(hash="firsthand-hash/v2"),
    ),
    (
        "a_manifest_of_version_0",
        "a certificate of version 1 with a manifest of version 0",
        "its rows would have no date grades to check",
        lambda it: it["predicate"]["manifest"].update(type="firsthand-manifest/v0"),
    ),
):
    _payload_json("E_VERSION", _attack, _why, _name, _change)


@refused(
    "E_MANIFEST",
    "certificate transplant: a valid certificate and proof beside other files",
    why="it is signed and logged, and about another manifest",
    given="trust",
)
def certificate_transplant(b: Bench) -> None:
    for name in ("certificate.json", "certificate.tlog-proof"):
        (b.path / name).write_bytes((b.world.newer.path / name).read_bytes())


@refused(
    "E_FILE_DIGEST",
    "certificate transplant with its manifest: only the data are other files",
    why="the file digests of the other snapshot are signed, and these files do not have them",
    given="trust",
)
def certificate_transplant_with_manifest(b: Bench) -> None:
    for name in ("certificate.json", "certificate.tlog-proof", "manifest.json"):
        (b.path / name).write_bytes((b.world.newer.path / name).read_bytes())


@refused(
    "E_RECORD_ROOT",
    "certificate transplant with its manifest, read at level content",
    why="the rows of the first shard are more than the other snapshot has signed",
    level="content",
)
def certificate_transplant_by_content(b: Bench) -> None:
    certificate_transplant_with_manifest(b)


@refused(
    "E_MANIFEST",
    "another manifest in the place of the signed one",
    why="`manifest.json` is compared with the signed manifest byte by byte",
)
def manifest_replaced(b: Bench) -> None:
    b.json(b.path / "manifest.json", lambda it: it.update(documents=751))


@refused(
    "E_MANIFEST",
    "the manifest is written with line breaks",
    why="its SHA-256 is the snapshot root",
)
def manifest_pretty_printed(b: Bench) -> None:
    b.patch(b.path / "manifest.json", lambda data: json.dumps(json.loads(data), indent=1).encode())


@refused("E_FILE_MISSING", "the manifest is taken away", why="what is signed is missing")
def manifest_removed(b: Bench) -> None:
    (b.path / "manifest.json").unlink()


@refused(
    "E_MANIFEST",
    "huge length: a manifest of 16 MiB and one byte",
    why="no more of it is read than the limit, and it is not the signed one",
)
def huge_manifest(b: Bench) -> None:
    with (b.path / "manifest.json").open("r+b") as file:
        file.truncate(MAX_MANIFEST + 1)


