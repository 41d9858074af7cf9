"""Attacks on copies of the log and on older checkpoints: forks, shrinking, holes, what came after."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from registry.core.note import Note, NoteSigner
from registry.core.tiles import Tile
from tests import logs
from tests.must_fail.case import refused, undecided
from tests.must_fail.world import (
    ENTRY,
    ENTRY_TIME,
    LATER,
    LOG_SIGNER,
    PROVEN,
    READ_AT,
    SIGNER,
    SIZE,
    STRANGER,
    Bench,
)

HOUR = dt.timedelta(hours=1)
GIVEN = "trust log"


@refused(
    "E_SUPERSEDED",
    "a superseded certificate, and the reader has a newer copy of the log",
    why="a later entry says that another certificate has taken the place of this one",
    given="trust superseding_log",
)
def superseded(b: Bench) -> None:
    assert b.given["log"]


@refused(
    "E_SUPERSEDED",
    "the proof of a row of a superseded snapshot, and the reader has a newer copy of the log",
    why="a proof says no more than the certificate that it brings along",
    given="trust superseding_log",
)
def superseded_row(b: Bench) -> None:
    b.give_row(3)


@refused(
    "E_KEY_REVOKED",
    "the log says that the key was revoked, from a time before the certificate",
    why="a revocation in the log counts like one in the trust file",
    given=GIVEN,
)
def revoked_in_the_log(b: Bench) -> None:
    revoke(b, SIGNER.public.keyid, ENTRY_TIME - HOUR)


def revoke(b: Bench, keyid: str, since: dt.datetime) -> None:
    """Log a revocation at the end, and publish that."""
    facts = {
        "keyid": keyid,
        "revoked_from": since.isoformat().replace("+00:00", "Z"),
        "role": "certificate",
        "trust": "8" * 64,
    }
    b.log.add("key.revoked", time=LATER, facts=facts, tables=["key_revocations"])
    b.publish()


# Forks.


@refused(
    "E_CONSISTENCY",
    "forked log: the copy is longer than the tree of the proof, and has another history",
    why="the newer log does not go on from the checkpoint in the proof",
    given=GIVEN,
)
def forked_log(b: Bench) -> None:
    b.publish(b.log.fork(ENTRY))


@refused(
    "E_SPLIT_VIEW",
    "forked log: the copy has as many entries as the tree of the proof, and other ones",
    why="two signed histories of one length: the log's keeper told two stories",
    given=GIVEN,
)
def forked_log_of_one_length(b: Bench) -> None:
    b.publish(b.log.fork(ENTRY), PROVEN)


@refused(
    "E_SIZE_SHRINK",
    "forked log: the copy is shorter than the tree of the proof",
    why="a log never gets shorter",
    given=GIVEN,
)
def shrunk_log(b: Bench) -> None:
    b.publish(size=PROVEN - 1)


@refused(
    "E_CONSISTENCY",
    "forked log: the certificate names a state that the log never had",
    why="the copy does not go on from the state at which the inputs were read",
    given=GIVEN,
)
def state_that_never_was(b: Bench) -> None:
    b.certify(replace(b.certificate, log=b.log.fork(10).state(READ_AT)))


@refused(
    "E_INCLUSION",
    "the certificate was never logged, and the copy has newer entries",
    why="an issuer that hands out a certificate beside the log cannot be held to it",
    given="log",
)
def never_logged(b: Bench) -> None:
    b.proof.unlink()
    b.log.leaves[ENTRY] = logs.leaf("claim.added", ENTRY_TIME, {})
    b.give_trust(quorum=0)
    b.publish()


@refused(
    "E_INCLUSION",
    "backdated entry: an input is said to be registered by an entry that is a claim",
    why="the entry at that position binds no version",
    given=GIVEN,
)
def input_that_was_not_registered(b: Bench) -> None:
    first, *rest = b.inputs
    b.certify(replace(b.certificate, inputs=(replace(first, log_index=9), *rest)))


@refused(
    "E_TIME_BRACKET",
    "backdated entry: the certificate's entry is a week older than the one before it",
    why="entries are logged in the order of their times",
    given=GIVEN,
)
def entry_between_newer_ones(b: Bench) -> None:
    b.log.leaves[ENTRY - 1] = logs.leaf("claim.added", ENTRY_TIME + 7 * 24 * HOUR, {})
    b.certify(replace(b.certificate, log=b.log.state(READ_AT)))


# Files of the copy.


def spoil(b: Bench, name: str, change: object) -> None:
    """Change a file of the copy."""
    b.patch(b.folder / "log" / name, change)  # type: ignore[arg-type]


@refused(
    "E_INCLUSION",
    "truncated tiles: the last hash of a tile is cut off",
    why="a tile has as many hashes as its name says",
    given=GIVEN,
)
def tile_truncated(b: Bench) -> None:
    spoil(b, Tile(0, 1).path, lambda data: data[:-32])


@refused(
    "E_INCLUSION",
    "truncated tiles: the last tile is cut within a hash",
    why="a tile is whole hashes",
    given=GIVEN,
)
def tile_cut_within_a_hash(b: Bench) -> None:
    spoil(b, Tile(0, 2, SIZE - 512).path, lambda data: data[:-5])


@refused("E_INCLUSION", "a tile is missing", why="without it there is no root", given=GIVEN)
def tile_missing(b: Bench) -> None:
    (b.folder / "log" / Tile(0, 0).path).unlink()


@refused(
    "E_INCLUSION",
    "a hash in a tile is flipped",
    why="the tiles do not have the root of the checkpoint",
    given=GIVEN,
)
def tile_flipped(b: Bench) -> None:
    spoil(b, Tile(0, 0).path, lambda data: bytes([data[0] ^ 1]) + data[1:])


@refused(
    "E_INCLUSION",
    "a hash in a tile of the second level is flipped, which makes proofs for others wrong",
    why="every tile is held to the root of the checkpoint",
    given=GIVEN,
)
def upper_tile_flipped(b: Bench) -> None:
    spoil(b, Tile(1, 0, 2).path, lambda data: bytes([data[0] ^ 1]) + data[1:])


@refused(
    "E_INCLUSION",
    "an entry in the copy is changed: a claim becomes another claim",
    why="the entry does not have the hash in its tile",
    given=GIVEN,
)
def entry_changed(b: Bench) -> None:
    spoil(b, Tile(0, 0).bundle, lambda data: data.replace(b'"id":1', b'"id":2'))


@refused(
    "E_INCLUSION",
    "a bundle of entries is missing, in which a revocation could be",
    why="a copy has all entries or none",
    given=GIVEN,
)
def bundle_missing(b: Bench) -> None:
    (b.folder / "log" / Tile(0, 1).bundle).unlink()


@refused(
    "E_INCLUSION",
    "a bundle of entries ends within an entry",
    why="what is missing of it cannot be the entry that was hashed",
    given=GIVEN,
)
def bundle_truncated(b: Bench) -> None:
    spoil(b, Tile(0, 0).bundle, lambda data: data[:-5])


@refused(
    "E_INCLUSION",
    "the copy has no checkpoint",
    why="tiles without a checkpoint are nobody's log",
    given=GIVEN,
)
def copy_without_a_checkpoint(b: Bench) -> None:
    (b.folder / "log" / "checkpoint").unlink()


@refused(
    "E_CHECKPOINT_ORIGIN",
    "the copy is one of another log, by the same key",
    why="the certificate names its log",
    given=GIVEN,
)
def copy_of_another_log(b: Bench) -> None:
    other = logs.Log(b.log.leaves, NoteSigner("other.example/log", LOG_SIGNER.key))
    b.publish(other)


@refused(
    "E_NO_LOG_SIGNATURE",
    "the copy's checkpoint is signed by a stranger, under the log's name",
    why="the reader trusts another key of that log",
    given=GIVEN,
)
def copy_of_a_stranger(b: Bench) -> None:
    b.publish(signers=[STRANGER])


@undecided(
    "the reader trusts no key of the log, and gives a copy of it",
    why="anybody could have made the copy; what it does not say proves nothing",
    given="log",
)
def copy_that_nobody_vouches_for(b: Bench) -> None:
    b.give_trust(logs=(), quorum=0)


@undecided(
    "the reader pins the certificate's key, and the copy is signed by another key, the log's",
    why="whose key that is the reader did not say",
    given="key log",
)
def copy_by_a_key_that_was_not_pinned(b: Bench) -> None:
    assert b.given["key"]


@undecided(
    "the copy of the log is older than the certificate, which has no proof",
    why="whether it was logged after that is not known",
    given="log",
)
def copy_that_is_too_old(b: Bench) -> None:
    b.proof.unlink()
    b.give_trust(quorum=0)
    b.publish(size=READ_AT)


# Older checkpoints.


@refused(
    "E_SPLIT_VIEW",
    "--checkpoint with a fork: the reader's is as long as the proof's, with another root",
    why="two signed histories of one length: the log's keeper told two stories",
    given="trust",
)
def older_of_one_length(b: Bench) -> None:
    b.give_checkpoint(PROVEN, b.log.fork(ENTRY))


@refused(
    "E_SPLIT_VIEW",
    "--checkpoint with a fork: the reader's is of the state that the certificate names, "
    "with another root",
    why="the certificate was made on another history than the reader saw",
    given="trust",
)
def older_of_the_named_state(b: Bench) -> None:
    b.give_checkpoint(READ_AT, b.log.fork(10))


@refused(
    "E_CONSISTENCY",
    "--checkpoint with a fork: the copy of the log is longer and does not go on from it",
    why="the copy has another root at the reader's size",
    given=GIVEN,
)
def older_of_a_fork(b: Bench) -> None:
    b.give_checkpoint(280, b.log.fork(200))


@refused(
    "E_SPLIT_VIEW",
    "--checkpoint with another root: the copy of the log is as long, and another history",
    why="two signed histories of one length",
    given=GIVEN,
)
def older_as_long_as_the_copy(b: Bench) -> None:
    b.give_checkpoint(SIZE, b.log.fork(ENTRY + 2))


@refused(
    "E_SIZE_SHRINK",
    "--checkpoint with shrinking: the copy of the log is shorter than what the reader saw",
    why="a log never gets shorter",
    given=GIVEN,
)
def older_that_is_longer(b: Bench) -> None:
    b.give_checkpoint(SIZE)
    b.publish(size=SIZE - 1)


@refused(
    "E_CHECKPOINT_ORIGIN",
    "--checkpoint of another log",
    why="it cannot be compared with this one",
    given="trust",
)
def older_of_another_log(b: Bench) -> None:
    b.give_checkpoint(log=logs.Log(b.log.leaves, NoteSigner("other.example/log", LOG_SIGNER.key)))


@refused(
    "E_NO_LOG_SIGNATURE",
    "--checkpoint that a stranger signed",
    why="the reader trusts another key of that log",
    given="trust log",
)
def older_of_a_stranger(b: Bench) -> None:
    b.give_checkpoint(signers=[STRANGER])


@refused(
    "E_SIGNATURE",
    "--checkpoint whose root was changed under the log's signature",
    why="the signature belongs to another text",
    given="trust log",
)
def older_with_another_root(b: Bench) -> None:
    b.give_checkpoint()
    path = b.folder / "older.checkpoint"
    note = Note.parse(path.read_bytes())
    other = b.log.fork(10).head(280).to_bytes()
    path.write_bytes(replace(note, text=other).to_bytes())


@refused(
    "E_ENVELOPE",
    "--checkpoint that is no checkpoint: the reader gives a copy of the manifest",
    why="it is no signed note",
    given="trust log",
)
def older_that_is_none(b: Bench) -> None:
    (b.folder / "older.checkpoint").write_bytes((b.path / "manifest.json").read_bytes())
    b.given["checkpoint"] = "older.checkpoint"


@undecided(
    "--checkpoint of another size than all that is at hand, and no copy of the log",
    why="whether the log goes on from it takes a copy of the log to know",
    given="trust checkpoint",
)
def older_that_cannot_be_compared(b: Bench) -> None:
    assert b.given["checkpoint"]


@undecided(
    "--checkpoint whose log the reader trusts no key of",
    why="anybody could have made it",
    given="log checkpoint",
)
def older_that_nobody_vouches_for(b: Bench) -> None:
    b.give_trust(logs=(), quorum=0)
