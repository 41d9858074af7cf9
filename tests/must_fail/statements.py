"""Attacks on what is signed: statements about something else, other versions, other manifests."""

from __future__ import annotations

import json
from dataclasses import replace

from registry.core.digest import canonical
from registry.core.manifest import MAX_MANIFEST
from tests.must_fail.case import refused
from tests.must_fail.envelopes import sign_payload
from tests.must_fail.world import Bench


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

        sign_payload(b, changed)

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
