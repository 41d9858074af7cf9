"""What must be accepted: all that is asked for was checked and holds, however odd it looks."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace
from typing import Any

from registry.core.certificate import Issuer, Policy
from registry.core.merkle import CHUNK
from registry.core.note import NoteSigner
from registry.core.tiles import Tile
from registry.core.trust import CertificateKey, LogKey, Window, Witness
from tests import logs, snapshots
from tests.must_fail.case import accepted
from tests.must_fail.copies import revoke
from tests.must_fail.proofs import between, digest, nearby
from tests.must_fail.times import FAR, HOUR, solo, stamp, with_key
from tests.must_fail.world import (
    ENTRY_TIME,
    LATER,
    OTHER,
    PROVEN,
    READ_AT,
    SEEN,
    SIGNER,
    SIZE,
    WITNESSES,
    Bench,
)

LOOK_ALIKE = "\u0410CM\u0415 Data"
"""ACME Data, with Cyrillic letters."""


def _plain(name: str, said: str, why: str, **other: Any) -> None:
    def build(b: Bench) -> None:
        assert b.given["path"]

    build.__name__ = name
    accepted(said, why=why, **other)(build)


_plain("pinned_key", "a good snapshot and the signer's key", "all of it holds")
_plain("trust_file", "a good snapshot, two of three witnesses", "all of it holds", given="trust")
_plain("content", "a good snapshot, every row read", "all of it holds", level="content")
_plain(
    "newer_log",
    "a good snapshot and a newer copy of the log",
    "the copy goes on from the proof, and takes nothing back",
    given="trust log",
    says=("640 entries", "nothing in it takes the snapshot's place"),
)
_plain(
    "newer_log_and_older_checkpoint",
    "a good snapshot, a newer copy of the log, and a checkpoint that the reader kept",
    "the copy goes on from both",
    given="trust log checkpoint",
    level="content",
    says=("the log goes on from your checkpoint of 280 entries",),
)
_plain(
    "superseded_alone",
    "a superseded certificate alone: the reader has no newer copy of the log",
    "nothing at hand says so; the screen says as of when it speaks",
    given="trust",
    says=("as of 2025-03-02", "newer certificates since it was made"),
)


@accepted(
    "the certificate that supersedes another, and the copy of the log that says so",
    why="it is the newer one",
    given="trust superseding_log",
    says=("takes the place of certificate",),
)
def superseding(b: Bench) -> None:
    b.snapshot = replace(b.world.newer, path=b.path)
    for name in ("certificate.json", "certificate.tlog-proof", "manifest.json"):
        (b.path / name).write_bytes((b.world.newer.path / name).read_bytes())
    for shard in b.snapshot.shards:
        shard.write_bytes((b.world.newer.path / "data" / shard.name).read_bytes())


@accepted(
    "a copy of the log that has only hashes",
    why="what came later is not known then, and the screen says so",
    given="trust",
    says=("it has hashes only", "the copy of the log has only hashes"),
)
def hashes_only(b: Bench) -> None:
    b.publish(hashes_only=True)


@accepted(
    "a copy of the log and an older checkpoint that no witness cosigned",
    why="witnesses are asked for in the proof; the newest checkpoint rarely has them yet",
    given="trust log",
)
def copy_without_witnesses(b: Bench) -> None:
    b.publish(witnesses=())
    b.give_checkpoint(witnesses=())


@accepted(
    "a copy of the log with a full tile in the place of a partial one",
    why="a log that grew may have removed the partial tile (C2SP tlog-tiles)",
    given="trust",
)
def full_tiles_for_partial_ones(b: Bench) -> None:
    b.publish(size=512 + 100)
    whole, part = Tile(0, 2), Tile(0, 2, 100)
    for name, other in ((part.path, whole.path), (part.bundle, whole.bundle)):
        (b.folder / "log" / name).unlink()
        (b.folder / "log" / other).parent.mkdir(parents=True, exist_ok=True)
    longer = b.folder / "longer"
    logs.Log([*b.log.leaves, *[logs.leaf("claim.added", LATER, {})] * 128]).publish(longer)
    for name in (whole.path, whole.bundle):
        (b.folder / "log" / name).write_bytes((longer / name).read_bytes())


@accepted(
    "a newer log with kinds of entries and tables that this verifier does not know",
    why="a newer registry logs more; what is asked about is still told",
    given="trust log",
)
def entries_of_a_newer_registry(b: Bench) -> None:
    b.log.add("model.trained", time=LATER, facts={"certificate": "9" * 64}, tables=["models"])
    b.publish()


@accepted(
    "the log revokes another key",
    why="that says nothing about this one",
    given="trust log",
)
def another_key_revoked(b: Bench) -> None:
    revoke(b, OTHER.public.keyid, ENTRY_TIME - HOUR)


@accepted(
    "the log revokes the key, from a time after the certificate",
    why="it was logged before, by the time of a log key that has no end",
    given="trust log",
)
def revoked_in_the_log_later(b: Bench) -> None:
    revoke(b, SIGNER.public.keyid, ENTRY_TIME + HOUR)


@accepted(
    "an older checkpoint of just the state that the certificate names, and no copy of the log",
    why="it has the same root",
    given="trust",
)
def older_checkpoint_of_the_named_state(b: Bench) -> None:
    b.give_checkpoint(READ_AT)


@accepted(
    "an older checkpoint of just the tree in the proof, and no copy of the log",
    why="it has the same root",
    given="trust",
)
def older_checkpoint_of_the_proof(b: Bench) -> None:
    b.give_checkpoint(PROVEN)


@accepted(
    "a checkpoint that is as new as the copy of the log",
    why="it has the same root",
    given="trust log",
)
def older_checkpoint_that_is_the_newest(b: Bench) -> None:
    b.give_checkpoint(SIZE)


@accepted(
    "no proof from the log, for a reader who asks for no witnesses",
    why="nothing was asked that only a proof shows; the screen says what is not known",
    says=("whether the issuer's log has this certificate",),
)
def pending(b: Bench) -> None:
    b.proof.unlink()


@accepted(
    "a registry with one key, which signs its log too, and a reader who pins it",
    why="a pinned key also speaks for its own log",
)
def one_key_for_all(b: Bench) -> None:
    b.log.signer = NoteSigner(logs.ORIGIN, SIGNER.key)
    b.prove(witnesses=())


@accepted(
    "signature lines of unknown keys below the checkpoint, one under the log's own name",
    why="lines of keys that the reader does not know say nothing (C2SP signed-note)",
    given="trust",
)
def lines_of_unknown_keys(b: Bench) -> None:
    proof = b.proof_of()
    stranger = NoteSigner(logs.ORIGIN, logs.key("a stranger")).sign(proof.note.text)
    more = [stranger, WITNESSES[2].sign(proof.note.text, time=int(SEEN.timestamp()))]
    b.prove(replace(proof, note=proof.note.with_signatures(more)))


# Keys and times.


@accepted(
    "a key that was revoked after the certificate came into the log",
    why="what it signed before stays",
    given="trust",
)
def revoked_later(b: Bench) -> None:
    with_key(b, revoked_from=ENTRY_TIME + HOUR)


@accepted(
    "a certificate from within the time in which its key is trusted, to the second",
    why="both bounds belong to the window",
    given="trust",
)
def within_its_window(b: Bench) -> None:
    with_key(b, not_before=ENTRY_TIME, not_after=ENTRY_TIME)


@accepted(
    "one key for all that is revoked now, and two witnesses who saw the certificate before",
    why="the witnesses' clocks are not in the hands of whoever has the key",
    given="trust",
)
def witnesses_before_the_revocation(b: Bench) -> None:
    solo(b, quorum=2, revoked_from=ENTRY_TIME + 2 * HOUR)
    b.prove(time=ENTRY_TIME + HOUR)


@accepted(
    "the log's key was rotated away after witnesses had seen the checkpoint",
    why="it was signed in the key's time, by the witnesses' clocks",
    given="trust",
)
def log_key_rotated(b: Bench) -> None:
    key = NoteSigner(logs.ORIGIN, b.log.signer.key).public
    b.give_trust(logs=(LogKey(key, Window(not_after=ENTRY_TIME + 2 * HOUR)),))


@accepted(
    "a witness whose time is over, and two others who cosigned",
    why="the two are as many as are asked for",
    given="trust",
)
def one_witness_too_late(b: Bench) -> None:
    gone = Window(not_after=SEEN - HOUR)
    b.give_trust(
        witnesses=tuple(
            Witness(it.public, gone if at == 0 else Window()) for at, it in enumerate(WITNESSES)
        )
    )
    b.prove(witnesses=WITNESSES)


@accepted(
    "the clocks of witnesses are 50 minutes behind that of the registry",
    why="clocks differ; an hour is allowed",
    given="trust",
)
def a_slow_clock(b: Bench) -> None:
    b.prove(time=ENTRY_TIME - dt.timedelta(minutes=50))


@accepted(
    "a trust file with the keys of two issuers",
    why="any of them may sign",
    given="trust",
)
def two_issuers(b: Bench) -> None:
    b.give_trust(certificates=(CertificateKey(OTHER.public), CertificateKey(SIGNER.public)))


@accepted(
    "a time stamp of the checkpoint, by a trusted authority",
    why="its signature leads to a trusted root",
    given="trust",
    needs_tsa=True,
    says=("time stamp of Test TSA",),
)
def stamped(b: Bench) -> None:
    stamp(b)


@accepted(
    "a time stamp by an authority, and a reader who trusts none",
    why="it is not checked, shows nothing, and the screen says so",
    given="trust",
    needs_tsa=True,
    says=("not checked: you trust no time-stamp authority",),
)
def stamped_by_nobody_trusted(b: Bench) -> None:
    stamp(b)
    b.give_trust(timestamps=())


@accepted(
    "one key for all that will be revoked, no witness, and a time stamp from before",
    why="the authority's clock is not in the hands of whoever has the key",
    given="trust",
    needs_tsa=True,
)
def stamped_before_the_revocation(b: Bench) -> None:
    solo(b, revoked_from=FAR)
    b.prove(witnesses=())
    stamp(b)


# Files.


@accepted(
    "other files outside `data/`, a README that promises more, and a key beside it",
    why="they are listed as not covered by the signature",
    says=("README.md", "notes.txt", "NOT COVERED"),
)
def files_outside_data(b: Bench) -> None:
    (b.path / "README.md").write_text("# Every word is by a person\n", encoding="utf-8")
    (b.path / "notes.txt").write_text("…", encoding="utf-8")
    (b.path / "issuer.pub").write_text(OTHER.public.pem, encoding="ascii")


@accepted("shards that are hard links", why="they are plain files with the signed content")
def hard_links(b: Bench) -> None:
    for at, shard in enumerate(b.snapshot.shards):
        os.link(shard, b.folder / f"link-{at}")


@accepted(
    "shards written again: other row groups, other compression, no statistics",
    why="the rows are the same, and at level content that is what counts",
    level="content",
    says=("is another file than the signed one, with the same rows",),
)
def shards_written_again(b: Bench) -> None:
    for index, part in enumerate(b.snapshot.parts):
        b.rewrite(index, part, group=100, compression="gzip", compression_level=None,
                  write_statistics=False)  # fmt: skip


@accepted(
    "shards without a statement inside",
    why="the certificate covers them; the screen notes it",
    level="content",
    says=("carries no signed statement of its own",),
)
def shards_without_statements(b: Bench) -> None:
    for index in (0, 1):
        b.rewrite_with(index, None)


@accepted("a shard that travels alone", why="its own statement is signed, and fits its rows")
def lone_shard(b: Bench) -> None:
    b.lone(1)


@accepted(
    "an empty snapshot: no shard and no row",
    why="nothing is what is signed, and what is there",
    level="content",
)
def empty(b: Bench) -> None:
    b.issue([])


@accepted(
    "a snapshot with a shard that has no rows",
    why="its record root is that of no rows",
    level="content",
)
def a_shard_without_rows(b: Bench) -> None:
    b.issue([b.snapshot.parts[0], []])


@accepted(
    "texts with nulls, controls, right-to-left marks, emoji, and no normal form",
    why="a text is its bytes; nothing is normalized",
    level="content",
)
def texts_of_all_kinds(b: Bench) -> None:
    texts = [
        "\0",
        "\x1b[2J",
        "\u202eabc",
        "\U0001f469\u200d\U0001f680",
        "e\u0301",
        "\u00e9",
        "\r\n",
    ]
    b.issue([[snapshots.row(text) for text in texts]])


@accepted(
    "a cutoff that every row keeps",
    why="all dates are before it",
    level="content",
    says=("everything existed before 2022-01-01",),
)
def a_cutoff_that_is_kept(b: Bench) -> None:
    rows = [it for it in b.snapshot.parts[0] if it["not_after"] is not None]
    b.issue([rows], policy=Policy(cutoff="2022-01-01T00:00:00Z", minimum_date_grade="E1"))


@accepted(
    "an issuer whose name and address have terminal escapes",
    why="a name may be anything; what is shown has no control characters",
    says=("self-attested",),
)
def terminal_escapes(b: Bench) -> None:
    name = "ACME\x1b[2J\x1b]0;pwned\x07\r\nVALID\u202e\u2028"
    issuer = Issuer(name, "https://acme.example/\x1b[31m", SIGNER.public.pem)
    b.certify(replace(b.certificate, issuer=issuer))


@accepted(
    "an issuer whose name looks like another one's, with Cyrillic letters",
    why="names are self-attested, and the screen says so; the key is what was pinned",
    says=("self-attested",),
)
def a_name_that_looks_alike(b: Bench) -> None:
    issuer = replace(b.certificate.issuer, name=LOOK_ALIKE)
    b.certify(replace(b.certificate, issuer=issuer))


@accepted(
    "an issuer whose name is a whole verdict",
    why="what a signer says of itself is quoted and never a fact",
    says=("self-attested",),
)
def a_name_that_is_a_verdict(b: Bench) -> None:
    name = 'ACME" key checked by Firsthand, 100 % human, audited "'
    b.certify(replace(b.certificate, issuer=replace(b.certificate.issuer, name=name)))


# Proofs.


@accepted(
    "the proof of a row, the reader has the text, and all that is at hand of the log",
    why="the row is in the snapshot, and the text is its text",
    given="trust log checkpoint",
    says=("the text you gave is that text",),
)
def row(b: Bench) -> None:
    b.give_row(300)
    b.give_text(b.snapshot.parts[0][300]["text"].encode())


@accepted(
    "the proof of the last row, which tells its text",
    why="the row is in the snapshot",
    says=("the text in the proof is that text",),
)
def last_row(b: Bench) -> None:
    b.give_row(749, with_text=True)


@accepted(
    "the proof of a row whose text is empty",
    why="no bytes are a text too",
    says=("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",),
)
def row_of_no_bytes(b: Bench) -> None:
    b.give_row(7, with_text=True)


@accepted(
    "the proof that a text is in no row, within a leaf",
    why="its place in the leaf is between two neighbors",
)
def absent(b: Bench) -> None:
    b.give_absence(nearby(b, 1, 100))


@accepted(
    "the proof that a text is in no row, at the seam of two leaves",
    why="its place is between two neighboring leaves",
)
def absent_between_leaves(b: Bench) -> None:
    b.give_proof(between(b))


@accepted("the proof that a text is in no row, below all hashes", why="the first leaf begins after")
def absent_below_all(b: Bench) -> None:
    b.give_absence(bytes(32))


@accepted("the proof that a text is in no row, above all hashes", why="the last leaf ends before")
def absent_above_all(b: Bench) -> None:
    b.give_absence(b"\xff" * 32)


@accepted(
    "the proof that a text is in no row, and the reader has the text",
    why="the hash is that of the text",
    says=("none of 750 rows has the text",),
)
def absent_text(b: Bench) -> None:
    b.give_absence(digest("nowhere"))
    b.give_text(b"nowhere")


@accepted(
    "the proof that a text is in no row of an empty snapshot",
    why="a snapshot without rows has no leaf to show",
)
def absent_from_nothing(b: Bench) -> None:
    b.issue([])
    b.give_absence(digest("nowhere"))


@accepted(
    "a snapshot of exactly 512 rows, all in full leaves, and the proof of a row",
    why="the last leaf is full, and no empty one follows",
)
def full_leaves(b: Bench) -> None:
    b.issue([b.snapshot.parts[0][: 2 * CHUNK]])
    b.give_row(511)
