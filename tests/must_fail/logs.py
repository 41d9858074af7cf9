"""Attacks on the proof from the log: other entries, other trees, other checkpoints, other signers."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import replace

from registry.core.checkpoint import Checkpoint
from registry.core.note import Note, NoteSigner
from registry.core.trust import Witness
from tests import logs
from tests.must_fail.case import refused
from tests.must_fail.world import (
    ENTRY,
    ENTRY_TIME,
    ISSUED_AT,
    LOG_SIGNER,
    PROVEN,
    READ_AT,
    SEEN,
    STRANGER,
    WITNESSES,
    Bench,
    exported,
    sha256,
)

COSIGNED = int(SEEN.timestamp())


def note(b: Bench, change: object) -> None:
    """Put a changed note under the proof."""
    proof = b.proof_of()
    b.prove(replace(proof, note=change(proof.note)))  # type: ignore[operator]


# The entry.


@refused(
    "E_INCLUSION",
    "the proof of another entry, which is in the log: a claim",
    why="the entry is not the export of a certificate",
    given="trust",
)
def proof_of_another_entry(b: Bench) -> None:
    b.prove(b.proof_of(ENTRY - 1))


@refused(
    "E_INCLUSION",
    "the proof of the newer certificate beside the older one",
    why="the entry names another certificate",
    given="trust",
)
def proof_of_another_certificate(b: Bench) -> None:
    b.proof.write_bytes((b.world.newer.path / b.proof.name).read_bytes())


@refused(
    "E_INCLUSION",
    "the proof is right, and the leaf that it brings along names another certificate",
    why="the leaf does not have the hash that is in the tree",
    given="trust",
)
def leaf_exchanged(b: Bench) -> None:
    facts = exported(b.certificate, "5" * 64)
    b.prove(replace(b.proof_of(), entry=logs.leaf("snapshot.exported", ENTRY_TIME, facts)))


@refused(
    "E_INCLUSION",
    "the log has an entry of this certificate, of the kind `claim.added`",
    why="only `snapshot.exported` says that a certificate was issued",
    given="trust",
)
def entry_of_another_kind(b: Bench) -> None:
    facts = exported(b.certificate, sha256(b.envelope))
    b.log.leaves[ENTRY] = logs.leaf("claim.added", ENTRY_TIME, facts)
    b.prove()


@refused(
    "E_INCLUSION",
    "the proof does not bring its entry along",
    why="without its bytes nobody knows what the leaf's hash is of",
    given="trust",
)
def proof_without_an_entry(b: Bench) -> None:
    b.prove(replace(b.proof_of(), entry=None))


@refused(
    "E_NONCANONICAL",
    "the log has the entry of the certificate in another spelling",
    why="an entry is RFC 8785 JSON; another spelling could say two things to two readers",
    given="trust",
)
def entry_in_another_spelling(b: Bench) -> None:
    b.log.leaves[ENTRY] = b.log.leaves[ENTRY].replace(b'{"facts":', b'{ "facts":')
    b.prove()


@refused(
    "E_ENVELOPE",
    "the log has an entry of the certificate with a key that entries do not have",
    why="what nobody checks must not look as if it had been",
    given="trust",
)
def entry_with_an_unknown_key(b: Bench) -> None:
    b.log.leaves[ENTRY] = b.log.leaves[ENTRY].replace(b'"time":', b'"sure":true,"time":')
    b.prove()


@refused(
    "E_TIME_BRACKET",
    "backdated entry: the log says that it had the certificate a day before it was issued",
    why="an entry cannot be older than what it is about",
    given="trust",
)
def backdated_entry(b: Bench) -> None:
    b.enter(time=ISSUED_AT - dt.timedelta(days=1))


@refused(
    "E_INCLUSION",
    "backdated entry: it stands in the log before the entries that its inputs were read at",
    why="its position is below the size that the certificate names",
    given="trust",
)
def entry_before_its_inputs(b: Bench) -> None:
    b.entry = READ_AT - 1
    b.enter()


@refused(
    "E_CLAIM_MISMATCH",
    "the log says that the certificate takes the place of another, and the certificate does not",
    why="a certificate and its entry say the same about what it supersedes",
    given="trust",
)
def supersedes_in_the_log_alone(b: Bench) -> None:
    b.enter(supersedes="5" * 64)


@refused(
    "E_CLAIM_MISMATCH",
    "the certificate takes the place of another, and the log does not say so",
    why="whoever reads the log would go on using the other one",
    given="trust",
)
def supersedes_in_the_certificate_alone(b: Bench) -> None:
    b.certify(replace(b.certificate, supersedes="5" * 64))
    b.enter(supersedes=None)


# The path.


@refused("E_INCLUSION", "a hash of the path is flipped", why="it leads to another root")
def path_flipped(b: Bench) -> None:
    proof = b.proof_of()
    b.prove(replace(proof, path=(bytes(32), *proof.path[1:])))


@refused("E_INCLUSION", "a hash of the path is left out", why="the tree's size says how many")
def path_shortened(b: Bench) -> None:
    proof = b.proof_of()
    b.prove(replace(proof, path=proof.path[:-1]))


@refused("E_INCLUSION", "a hash is added to the path", why="the tree's size says how many")
def path_lengthened(b: Bench) -> None:
    proof = b.proof_of()
    b.prove(replace(proof, path=(*proof.path, bytes(32))))


@refused(
    "E_LIMIT",
    "huge length: a path of 64 hashes",
    why="no tree that can exist needs more than 63",
)
def path_of_64(b: Bench) -> None:
    b.prove(replace(b.proof_of(), path=(bytes(32),) * 64))


@refused(
    "E_INCLUSION",
    "the entry is said to stand at another position",
    why="the path leads to the root from one position only",
)
def another_position(b: Bench) -> None:
    b.prove(replace(b.proof_of(), index=ENTRY + 1))


@refused(
    "E_INCLUSION",
    "the entry is said to stand behind the end of the log",
    why="the tree has no such leaf",
)
def position_behind_the_end(b: Bench) -> None:
    b.prove(replace(b.proof_of(), index=PROVEN))


@refused(
    "E_LIMIT",
    "huge length: a proof of more than a MiB",
    why="its size is looked at before it is read",
)
def huge_proof(b: Bench) -> None:
    b.patch(b.proof, lambda data: data + b"\n" * (1 << 20))


@refused("E_ENVELOPE", "the proof is of version 2", why="only version 1 is known")
def proof_of_version_2(b: Bench) -> None:
    b.patch(b.proof, lambda data: data.replace(b"tlog-proof@v1", b"tlog-proof@v2"))


# The checkpoint.


@refused(
    "E_CHECKPOINT_ORIGIN",
    "a checkpoint of another log, signed with the same key",
    why="a key may sign several logs; the certificate names one",
    given="trust",
)
def checkpoint_of_another_log(b: Bench) -> None:
    text = Checkpoint("other.example/log", PROVEN, b.log.head(PROVEN).root).to_bytes()
    signer = NoteSigner("other.example/log", LOG_SIGNER.key)
    note(b, lambda _: Note(text, (signer.sign(text),)))


@refused(
    "E_CHECKPOINT_ORIGIN",
    "a checkpoint of a log whose name looks alike, with a Cyrillic letter",
    why="names are compared byte by byte",
    given="trust",
)
def checkpoint_of_a_log_that_looks_alike(b: Bench) -> None:
    name = logs.ORIGIN.replace("a", "\u0430", 1)
    text = Checkpoint(name, PROVEN, b.log.head(PROVEN).root).to_bytes()
    note(b, lambda _: Note(text, (NoteSigner(name, LOG_SIGNER.key).sign(text),)))


@refused(
    "E_NO_LOG_SIGNATURE",
    "the checkpoint is signed by a stranger's key under the log's name",
    why="the reader trusts another key of that log",
    given="trust",
)
def checkpoint_of_a_stranger(b: Bench) -> None:
    b.prove(signers=[STRANGER])


@refused(
    "E_NO_LOG_SIGNATURE",
    "witnesses cosigned a checkpoint that the log did not sign",
    why="who keeps the log must stand by it; witnesses only say what they saw",
    given="trust",
)
def checkpoint_without_its_log(b: Bench) -> None:
    b.prove(signers=[])


@refused(
    "E_SIGNATURE",
    "the log's signature of another checkpoint stands under this one",
    why="a signature belongs to one text",
    given="trust",
)
def log_signature_transplant(b: Bench) -> None:
    other = LOG_SIGNER.sign(b.log.head(PROVEN - 1).to_bytes())
    note(b, lambda it: replace(it, signatures=(other, *it.signatures[1:])))


@refused(
    "E_ENVELOPE",
    "a note with extra lines: the checkpoint has a fourth one that nobody could check",
    why="a checkpoint has three lines",
    given="trust",
)
def note_with_extra_lines(b: Bench) -> None:
    text = b.log.head(PROVEN).to_bytes() + b"and everything in it is true\n"
    note(b, lambda _: Note(text, (LOG_SIGNER.sign(text),)))


@refused(
    "E_ENVELOPE",
    "the checkpoint's size has a leading zero",
    why="numbers have one spelling",
    given="trust",
)
def size_with_a_leading_zero(b: Bench) -> None:
    text = b.log.head(PROVEN).to_bytes().replace(b"\n302\n", b"\n0302\n")
    note(b, lambda _: Note(text, (LOG_SIGNER.sign(text),)))


@refused(
    "E_NONCANONICAL",
    "base64 malleability: unused bits of the root's last character are set, and signed so",
    why="it decodes to the same root, and would be a second text of one checkpoint",
    given="trust",
)
def root_malleability(b: Bench) -> None:
    text = bytearray(b.log.head(PROVEN).to_bytes())
    text[-3] += 1
    note(b, lambda _: Note(bytes(text), (LOG_SIGNER.sign(bytes(text)),)))


@refused(
    "E_NONCANONICAL",
    "base64 malleability: unused bits in a signature line are set",
    why="a proof has one spelling",
    given="trust",
)
def signature_line_malleability(b: Bench) -> None:
    def change(data: bytes) -> bytes:
        assert data.endswith(b"==\n")
        return data[:-4] + bytes([data[-4] + 1]) + data[-3:]

    b.patch(b.proof, change)


@refused(
    "E_ENVELOPE",
    "the checkpoint has carriage returns",
    why="control characters hide what a text says; a note has none but line breaks",
    given="trust",
)
def carriage_returns(b: Bench) -> None:
    b.patch(b.proof, lambda data: data.replace(b"\n302\n", b"\r\n302\r\n"))


@refused(
    "E_ENVELOPE",
    "the checkpoint has no signature lines at all",
    why="an unsigned text is no note",
    given="trust",
)
def note_unsigned(b: Bench) -> None:
    b.patch(b.proof, lambda data: data[: data.rindex(b"\n\n") + 1])


@refused(
    "E_LIMIT",
    "257 signature lines below the checkpoint",
    why="each line of a known key costs a signature check",
    given="trust",
)
def many_signature_lines(b: Bench) -> None:
    line = "\u2014 nobody.example " + base64.b64encode(bytes(68)).decode() + "\n"
    b.patch(b.proof, lambda data: data + line.encode() * 254)


# Witnesses.


@refused(
    "E_WITNESS_QUORUM",
    "quorum one short: one of three witnesses cosigned, the reader asks for two",
    why="fewer trusted witnesses cosigned than are asked for",
    given="trust",
)
def quorum_one_short(b: Bench) -> None:
    b.prove(witnesses=WITNESSES[:1])


@refused(
    "E_WITNESS_QUORUM",
    "the reader asks for two witnesses, and the proof is taken away",
    why="whoever removes the proof must not remove the question",
    given="trust",
)
def proof_removed(b: Bench) -> None:
    b.proof.unlink()


@refused(
    "E_NONCANONICAL",
    "same witness twice: two cosignatures of one key, of different times",
    why="a key has one line below a note; two would be counted by some readers",
    given="trust",
)
def same_witness_twice(b: Bench) -> None:
    witness = WITNESSES[0]
    note(
        b,
        lambda it: replace(
            it, signatures=(*it.signatures[:2], witness.sign(it.text, time=COSIGNED + 1))
        ),
    )


@refused(
    "E_WITNESS_QUORUM",
    "same witness twice: one key cosigns under two names, and the trust file lists both",
    why="each key counts once, whatever it is called",
)
def same_witness_under_two_names(b: Bench) -> None:
    del b.given["key"]
    twin = NoteSigner("another-witness.example", WITNESSES[0].key, WITNESSES[0].type)
    b.give_trust(witnesses=tuple(Witness(it.public) for it in (WITNESSES[0], twin)))
    b.prove(witnesses=[WITNESSES[0], twin])


@refused(
    "E_SIGNATURE",
    "a witness's cosignature of another checkpoint",
    why="the witness signed another text",
    given="trust",
)
def cosignature_of_another_checkpoint(b: Bench) -> None:
    other = WITNESSES[1].sign(b.log.head(PROVEN - 1).to_bytes(), time=COSIGNED)
    note(b, lambda it: replace(it, signatures=(*it.signatures[:2], other)))


@refused(
    "E_SIGNATURE",
    "the time of a cosignature is moved to a year earlier",
    why="the witness signs the time together with the text",
    given="trust",
)
def cosignature_of_another_time(b: Bench) -> None:
    def change(it: Note) -> Note:
        line = it.signatures[1]
        earlier = (COSIGNED - 365 * 86400).to_bytes(8, "big")
        return replace(it, signatures=(it.signatures[0], replace(line, raw=earlier + line.raw[8:])))

    note(b, change)


@refused(
    "E_TIME_BRACKET",
    "cosignatures of a time before the log had the entry",
    why="nobody saw a checkpoint with the entry before the entry was made: one of the clocks lies",
    given="trust",
)
def cosignature_before_the_entry(b: Bench) -> None:
    b.prove(time=ISSUED_AT - dt.timedelta(days=30))


@refused(
    "E_WITNESS_QUORUM",
    "a witness signs as logs do, without a time",
    why="it is a signature of another kind, which says nothing about when",
    given="trust",
)
def witness_without_a_time(b: Bench) -> None:
    plain = NoteSigner(WITNESSES[1].name, WITNESSES[1].key)
    note(b, lambda it: replace(it, signatures=(*it.signatures[:2], plain.sign(it.text))))


@refused(
    "E_WITNESS_QUORUM",
    "two strangers cosign under the names of witnesses",
    why="a line of an unknown key says nothing, whatever its name is",
    given="trust",
)
def witnesses_that_nobody_trusts(b: Bench) -> None:
    b.prove(
        witnesses=[NoteSigner(it.name, logs.key(f"not {it.name}"), it.type) for it in WITNESSES[:2]]
    )
