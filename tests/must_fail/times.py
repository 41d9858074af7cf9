"""Attacks on time: keys that are revoked or out of their time, and who may say when it was."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from registry.core.note import NoteSigner
from registry.core.trust import CertificateKey, LogKey, TimestampRoot, Window, Witness
from tests import logs
from tests.must_fail.case import refused, undecided
from tests.must_fail.world import (
    ENTRY_TIME,
    ISSUED_AT,
    PROVEN,
    SEEN,
    SIGNER,
    WITNESSES,
    Bench,
)

HOUR = dt.timedelta(hours=1)
FAR = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
"""After whatever a time-stamp authority says of today."""


def with_key(b: Bench, **window: dt.datetime) -> None:
    """Give a trust that bounds the certificate's key."""
    b.give_trust(certificates=(CertificateKey(SIGNER.public, Window(**window)),))


def solo(b: Bench, *, quorum: int = 0, **window: dt.datetime) -> None:
    """Let the certificate's key sign the log too, and bound both uses of it."""
    b.log.signer = NoteSigner(logs.ORIGIN, SIGNER.key)
    bounds = Window(**window)
    b.give_trust(
        certificates=(CertificateKey(SIGNER.public, bounds),),
        logs=(LogKey(b.log.signer.public, bounds),),
        quorum=quorum,
    )


@refused(
    "E_KEY_REVOKED",
    "revoked key by log time: the certificate came into the log after the revocation",
    why="the time in the log is not before `revoked_from`",
    given="trust",
)
def revoked_before_it_signed(b: Bench) -> None:
    with_key(b, revoked_from=ENTRY_TIME - HOUR)


@refused(
    "E_KEY_REVOKED",
    "revoked key: the certificate came into the log at the very moment of the revocation",
    why="from `revoked_from` on, nothing counts",
    given="trust",
)
def revoked_at_that_moment(b: Bench) -> None:
    with_key(b, revoked_from=ENTRY_TIME)


@refused(
    "E_KEY_REVOKED",
    "revoked key, and the proof that it signed before is taken away",
    why="nothing shows that it signed before",
)
def revoked_without_a_proof(b: Bench) -> None:
    del b.given["key"]
    b.proof.unlink()
    trust: dict[str, Any] = {"quorum": 0}
    b.give_trust(
        certificates=(CertificateKey(SIGNER.public, Window(revoked_from=ENTRY_TIME + HOUR)),),
        **trust,
    )


@refused(
    "E_KEY_REVOKED",
    "log time forged by the revoked key itself, which signs the log too; no witness saw it",
    why="whoever has a revoked key writes any time into an entry; only other clocks count then",
    given="trust",
)
def log_time_of_the_revoked_key(b: Bench) -> None:
    solo(b, revoked_from=ENTRY_TIME + HOUR)
    b.prove(witnesses=())


@refused(
    "E_KEY_REVOKED",
    "log time forged by the revoked key itself; witnesses saw it after the revocation",
    why="what the witnesses saw was there too late",
    given="trust",
)
def witnesses_after_the_revocation(b: Bench) -> None:
    solo(b, quorum=2, revoked_from=ENTRY_TIME + HOUR)
    b.prove(time=ENTRY_TIME + 2 * HOUR)


@refused(
    "E_KEY_REVOKED",
    "the log's key is revoked, and only one of two witnesses saw the checkpoint before",
    why="it was there for certain when as many had seen it as are asked for",
    given="trust",
)
def one_witness_before_the_revocation(b: Bench) -> None:
    solo(b, quorum=2, revoked_from=ENTRY_TIME + HOUR)
    proof = b.proof_of(witnesses=WITNESSES[:1], time=ENTRY_TIME + HOUR / 2)
    late = WITNESSES[1].sign(proof.note.text, time=int((ENTRY_TIME + 2 * HOUR).timestamp()))
    b.prove(replace(proof, note=proof.note.with_signatures([late])))


@refused(
    "E_KEY_REVOKED",
    "revoked key, and the log that says when is one that the reader does not trust",
    why="a time that nobody trusted says is none",
    given="trust",
)
def revoked_by_the_time_of_a_strange_log(b: Bench) -> None:
    key = CertificateKey(SIGNER.public, Window(revoked_from=ENTRY_TIME + HOUR))
    b.give_trust(certificates=(key,), logs=(), quorum=0)
    b.prove(witnesses=())


@refused(
    "E_UNKNOWN_KEY",
    "windows violated: the certificate is older than the time from which its key is trusted",
    why="before `not_before` it is nobody's signature",
    given="trust",
)
def before_the_window(b: Bench) -> None:
    with_key(b, not_before=ENTRY_TIME + HOUR)


@refused(
    "E_UNKNOWN_KEY",
    "windows violated: the certificate is newer than the time until which its key is trusted",
    why="a key that was rotated away signs nothing new",
    given="trust",
)
def after_the_window(b: Bench) -> None:
    with_key(b, not_after=ENTRY_TIME - HOUR)


@refused(
    "E_UNKNOWN_KEY",
    "windows violated: a rotated key, and no proof of when it signed",
    why="a bounded key needs a time, and there is none",
)
def bounded_without_a_time(b: Bench) -> None:
    del b.given["key"]
    b.proof.unlink()
    key = CertificateKey(SIGNER.public, Window(not_after=ENTRY_TIME + HOUR))
    b.give_trust(certificates=(key,), quorum=0)


@refused(
    "E_WITNESS_QUORUM",
    "windows violated: a witness cosigned after the time until which it is trusted",
    why="such a cosignature does not count, and one is missing",
    given="trust",
)
def witness_after_its_window(b: Bench) -> None:
    late = Window(not_after=SEEN - HOUR)
    b.give_trust(
        witnesses=tuple(
            Witness(it.public, late if at == 0 else Window()) for at, it in enumerate(WITNESSES)
        )
    )


@refused(
    "E_WITNESS_QUORUM",
    "a witness whose key leaked before it cosigned",
    why="from `revoked_from` on its cosignatures count for nothing",
    given="trust",
)
def witness_revoked(b: Bench) -> None:
    gone = Window(revoked_from=SEEN - HOUR)
    b.give_trust(
        witnesses=tuple(
            Witness(it.public, gone if at == 0 else Window()) for at, it in enumerate(WITNESSES)
        )
    )


@refused(
    "E_KEY_REVOKED",
    "a shard that travels alone is signed by a key that was revoked since",
    why="a shard has no time, so nothing shows that it was signed before",
)
def lone_shard_by_a_revoked_key(b: Bench) -> None:
    del b.given["key"]
    key = CertificateKey(SIGNER.public, Window(revoked_from=FAR))
    b.give_trust(certificates=(key,), quorum=0)
    b.lone()


@refused(
    "E_UNKNOWN_KEY",
    "a shard that travels alone is signed by a key with an end",
    why="a shard has no time, so nothing shows that it was signed in the key's time",
)
def lone_shard_by_a_bounded_key(b: Bench) -> None:
    del b.given["key"]
    key = CertificateKey(SIGNER.public, Window(not_after=FAR))
    b.give_trust(certificates=(key,), quorum=0)
    b.lone()


# Trust files and keys that cannot be used: nothing is refused, and nothing is decided.


@undecided(
    "the trust file has a role that does not exist",
    why="a typing error must not be read as “nobody asked for”",
    given="trust",
)
def trust_with_an_unknown_role(b: Bench) -> None:
    b.patch(b.folder / "trust.json", lambda data: data.replace(b'"witnesses"', b'"witneses"'))


@undecided(
    "the trust file asks for two witnesses and names one",
    why="nobody could keep that; the reader must mend the file",
    given="trust",
)
def trust_with_too_few_witnesses(b: Bench) -> None:
    b.give_trust(witnesses=(Witness(WITNESSES[0].public),))


@undecided(
    "the trust file has `not_after` without a time zone",
    why="a time without a zone is no moment",
    given="trust",
)
def trust_without_a_time_zone(b: Bench) -> None:
    with_key(b, not_after=ENTRY_TIME)
    b.patch(b.folder / "trust.json", lambda data: data.replace(b'02Z"', b'02"'))


@undecided(
    "the trust file says twice how many witnesses are asked for: two, and none",
    why="readers differ in which of the two they take",
    given="trust",
)
def trust_with_duplicate_keys(b: Bench) -> None:
    b.patch(
        b.folder / "trust.json",
        lambda data: data.replace(b'"quorum": 2', b'"quorum": 2,\n  "quorum": 0'),
    )


@undecided(
    "the reader's key file is a private key",
    why="it is no public key; what to believe is not known",
)
def key_file_with_a_private_key(b: Bench) -> None:
    (b.folder / "key.pem").write_bytes(SIGNER.to_pem())


@undecided("the reader's key file is missing", why="whom to believe is not known")
def key_file_missing(b: Bench) -> None:
    (b.folder / "key.pem").unlink()


# Time stamps.


@refused(
    "E_TSA_IMPRINT",
    "a time stamp of another checkpoint",
    why="its imprint is the hash of something else",
    given="trust",
    needs_tsa=True,
)
def stamp_of_another_checkpoint(b: Bench) -> None:
    stamp(b)
    b.proven = PROVEN + 1
    b.prove()


@refused(
    "E_TSA_CHAIN",
    "a time stamp by an authority that the reader does not trust",
    why="its signature does not lead to a trusted root",
    given="trust",
    needs_tsa=True,
)
def stamp_of_a_stranger(b: Bench) -> None:
    stamp(b)
    assert b.world.stranger is not None
    pem = b.world.stranger.root.read_text("ascii")
    b.give_trust(timestamps=(TimestampRoot("Nobody's TSA", pem),))


@refused(
    "E_TSA_CHAIN",
    "a bit in the signature of a time stamp is flipped",
    why="the signature does not hold",
    given="trust",
    needs_tsa=True,
)
def stamp_flipped(b: Bench) -> None:
    stamp(b)
    b.patch(
        b.path / "checkpoint.tsr", lambda data: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
    )


@refused(
    "E_TIME_BRACKET",
    "a time stamp from after the time until which its authority is trusted",
    why="the authority's key may have leaked by then",
    given="trust",
    needs_tsa=True,
)
def stamp_after_its_window(b: Bench) -> None:
    stamp(b)
    (root,) = b.world.roots
    b.give_trust(timestamps=(replace(root, window=Window(not_after=ISSUED_AT)),))


@refused(
    "E_ENVELOPE",
    "a time stamp that is none",
    why="what cannot be read as a token of RFC 3161 shows nothing, and must not look as if it did",
    given="trust",
    needs_tsa=True,
)
def stamp_that_is_none(b: Bench) -> None:
    (b.path / "checkpoint.tsr").write_bytes(b"stamped, honestly\n")


@refused(
    "E_LIMIT",
    "huge length: a time stamp of more than 256 KiB",
    why="its size is looked at before it is read",
    given="trust",
    needs_tsa=True,
)
def stamp_that_is_huge(b: Bench) -> None:
    stamp(b)
    b.patch(b.path / "checkpoint.tsr", lambda data: data + bytes(1 << 18))


def stamp(b: Bench) -> None:
    """Lay the good time stamp beside the certificate."""
    (b.path / "checkpoint.tsr").write_bytes(b.world.token)
