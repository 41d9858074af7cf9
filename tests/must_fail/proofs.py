"""Attacks on proofs that travel alone: of one row, and that a text is in no row."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from registry import proving
from registry.core.attest import Envelope
from registry.core.digest import canonical, digest_of
from registry.core.merkle import CHUNK
from registry.core.rowproof import AbsenceProof
from tests.must_fail.case import refused, undecided
from tests.must_fail.world import OTHER, Bench

ROW = 300
"""A row in the second record leaf of the first shard."""


def digest(text: str) -> bytes:
    """Return the content hash of a text."""
    return hashlib.sha256(text.encode()).digest()


def nearby(b: Bench, leaf: int, at: int) -> bytes:
    """Return a content hash that no row has, right behind a place in a leaf of the content tree."""
    hashes = sorted({it["content_hash"] for part in b.snapshot.parts for it in part})
    every = sorted(it["content_hash"] for part in b.snapshot.parts for it in part)
    number = int.from_bytes(every[leaf * CHUNK + at]) + 1
    made = number.to_bytes(32)
    assert made not in hashes
    return made


# One row.


@refused(
    "E_ROW_PROOF",
    "row proof with another leaf: the rows of the leaf before, at the row's place",
    why="the leaf is not in the signed tree at that place",
)
def row_with_another_leaf(b: Bench) -> None:
    proof = proving.row(b.path, ROW)
    b.give_proof(replace(proof, leaf=proving.row(b.path, 0).leaf))


@refused(
    "E_ROW_PROOF",
    "row proof with another number: the same leaf, said to be the one before",
    why="the path leads to the root from one place only",
)
def row_with_another_number(b: Bench) -> None:
    b.give_proof(replace(proving.row(b.path, ROW), row=ROW - CHUNK))


@refused(
    "E_ROW_PROOF",
    "row proof with the text of another row: the row number is moved to the next one",
    why="the text in the proof does not have the row's content hash",
)
def row_with_the_next_number(b: Bench) -> None:
    proof = proving.row(b.path, ROW, with_text=True)
    b.give_proof(replace(proof, row=ROW + 1))


@refused(
    "E_ROW_PROOF",
    "row proof of a row that the shard does not have",
    why="the number of rows is signed",
)
def row_behind_the_end(b: Bench) -> None:
    b.give_proof(replace(proving.row(b.path, ROW), row=600))


@refused(
    "E_ROW_PROOF",
    "row proof of a shard that the snapshot does not have",
    why="the shards are signed",
)
def row_of_no_shard(b: Bench) -> None:
    b.give_proof(replace(proving.row(b.path, ROW), shard=2))


@refused(
    "E_ROW_PROOF",
    "row proof said to be of the other shard",
    why="each shard has its own tree",
)
def row_of_another_shard(b: Bench) -> None:
    b.give_proof(replace(proving.row(b.path, 0), shard=1))


@refused("E_ROW_PROOF", "row proof with a path that is too short", why="the tree says how long")
def row_with_a_short_path(b: Bench) -> None:
    proof = proving.row(b.path, ROW)
    b.give_proof(replace(proof, path=proof.path[:-1]))


@refused("E_ROW_PROOF", "row proof with a path that is too long", why="the tree says how long")
def row_with_a_long_path(b: Bench) -> None:
    proof = proving.row(b.path, ROW)
    b.give_proof(replace(proof, path=(*proof.path, bytes(32))))


@refused(
    "E_LIMIT",
    "huge length: row proof with a path of 64 hashes",
    why="no tree that can exist needs more than 63",
)
def row_with_a_huge_path(b: Bench) -> None:
    b.give_proof(replace(proving.row(b.path, ROW), path=(bytes(32),) * 64))


@refused(
    "E_ROW_PROOF",
    "label flip in a row proof: texts of its leaf that are `human` are called `mixed`",
    why="the leaf with another label has another hash",
)
def row_with_another_label(b: Bench) -> None:
    proof = proving.row(b.path, ROW)
    b.give_proof(replace(proof, leaf=proof.leaf.replace(b"human", b"mixed")))


@refused(
    "E_ROW_PROOF",
    "row proof: a row of its leaf is left out",
    why="a leaf has all its rows",
)
def row_with_a_shorter_leaf(b: Bench) -> None:
    proof = proving.row(b.path, ROW)
    b.give_proof(replace(proof, leaf=proof.leaf[: len(proof.leaf) // 2]))


@refused(
    "E_ROW_PROOF",
    "text that does not match: the reader has another one than the row",
    why="every byte counts",
)
def row_of_another_text(b: Bench) -> None:
    b.give_row(ROW)
    b.give_text(b.snapshot.parts[0][ROW]["text"].encode() + b"\n")


@refused(
    "E_ROW_PROOF",
    "a proof that was damaged on its way: another row number, and nobody sealed it again",
    why="the digest over its parts does not hold, so that one flipped bit is not another true proof",
)
def proof_damaged(b: Bench) -> None:
    b.give_row(ROW)
    b.patch(b.folder / "x.proof", lambda data: data.replace(b'"row":300', b'"row":301'))


@refused(
    "E_UNKNOWN_KEY",
    "the proof of a row of a snapshot that somebody else signed",
    why="the reader did not pin that key",
)
def row_by_another_key(b: Bench) -> None:
    b.issue(b.snapshot.parts, OTHER)
    b.give_row(ROW)


@refused(
    "E_SIGNATURE",
    "the proof of a row brings a certificate whose signature is zeros",
    why="without a signature nothing in it is anybody's",
)
def row_with_an_unsigned_certificate(b: Bench) -> None:
    proof = proving.row(b.path, ROW)
    made = replace(Envelope.parse(proof.certificate), signature=bytes(64)).to_bytes()
    b.give_proof(replace(proof, certificate=made))


@refused(
    "E_INCLUSION",
    "the proof of a row brings the log proof of another certificate",
    why="the entry names another certificate",
    given="trust",
)
def row_with_another_log_proof(b: Bench) -> None:
    other = (b.world.newer.path / b.proof.name).read_bytes()
    b.give_proof(replace(proving.row(b.path, ROW), log_proof=other))


@refused(
    "E_WITNESS_QUORUM",
    "the proof of a row lacks its log proof, and the reader asks for two witnesses",
    why="whoever removes the proof must not remove the question",
    given="trust",
)
def row_without_a_log_proof(b: Bench) -> None:
    b.give_proof(replace(proving.row(b.path, ROW), log_proof=None))


@refused(
    "E_ROW_PROOF",
    "certificate transplant in a proof: a row of one snapshot under the certificate of another",
    why="the leaf is not in the tree of that snapshot",
)
def row_under_another_certificate(b: Bench) -> None:
    other = proving.row(b.world.newer.path, 0)
    proof = proving.row(b.path, 599)
    made = replace(proof, certificate=other.certificate, log_proof=other.log_proof)
    b.give_proof(replace(made, row=598))


@undecided(
    "the proof of a row, and nobody says whose key to believe",
    why="who signed the certificate in it is not known",
    given="",
)
def row_without_a_key(b: Bench) -> None:
    b.give_row(ROW)


def _json(code: str, name: str, attack: str, why: str, change: object) -> None:
    def build(b: Bench) -> None:
        b.give_row(ROW)
        value = json.loads((b.folder / "x.proof").read_bytes())
        change(value)  # type: ignore[operator]
        value["digest"] = digest_of({key: it for key, it in value.items() if key != "digest"})
        (b.folder / "x.proof").write_bytes(canonical(value))

    build.__name__ = name
    refused(code, attack, why=why)(build)


_json(
    "E_VERSION",
    "proof_of_rows_of_version_2",
    "a proof of a row, of version 2",
    "nobody can check rules that they do not know",
    lambda it: it.update(type="firsthand-proof/v2"),
)
_json(
    "E_ENVELOPE",
    "proof_of_another_kind",
    "a JSON document that says it is a proof of something else",
    "there are proofs of a row and of absence",
    lambda it: it.update(kind="everything"),
)
_json(
    "E_ENVELOPE",
    "proof_with_an_unknown_key",
    "a proof of a row that says besides that a person wrote it",
    "what nobody checks must not look as if it had been",
    lambda it: it.update(human=True),
)


@refused(
    "E_NONCANONICAL",
    "a proof of a row, written with line breaks",
    why="a proof has one spelling",
)
def proof_pretty_printed(b: Bench) -> None:
    b.give_row(ROW)
    b.patch(b.folder / "x.proof", lambda data: data.replace(b",", b",\n", 1))


@refused(
    "E_NONCANONICAL",
    "duplicate keys: a proof of a row has two row numbers",
    why="readers differ in which of the two they take",
)
def proof_with_duplicate_keys(b: Bench) -> None:
    b.give_row(ROW)
    b.patch(b.folder / "x.proof", lambda data: data.replace(b'"row":300', b'"row":300,"row":9'))


# Absence.


def between(b: Bench) -> AbsenceProof:
    """Return the proof of a hash between the last of a leaf and the first of the next."""
    proof = proving.absent(b.path, nearby(b, 0, CHUNK - 1))
    assert len(proof.leaves) == 2
    return proof


@refused(
    "E_ROW_PROOF",
    "absence proof with a leaf dropped: of two neighboring leaves only the first is shown",
    why="the text could be the first of the next leaf",
)
def absence_with_a_leaf_dropped(b: Bench) -> None:
    proof = between(b)
    b.give_proof(replace(proof, leaves=proof.leaves[:1]))


@refused(
    "E_ROW_PROOF",
    "absence proof with its two leaves reordered",
    why="the first is not before the second",
)
def absence_with_leaves_reordered(b: Bench) -> None:
    proof = between(b)
    b.give_proof(replace(proof, leaves=proof.leaves[::-1]))


@refused(
    "E_ROW_PROOF",
    "absence proof with two hashes of its leaf reordered",
    why="such a leaf is not in the signed tree",
)
def absence_with_hashes_reordered(b: Bench) -> None:
    proof = proving.absent(b.path, nearby(b, 1, 100))
    (leaf,) = proof.leaves
    hashes = leaf.hashes[32:64] + leaf.hashes[:32] + leaf.hashes[64:]
    b.give_proof(replace(proof, leaves=(replace(leaf, hashes=hashes),)))


@refused(
    "E_ROW_PROOF",
    "absence proof with the neighbor skipped: the leaves before and behind the one that matters",
    why="two leaves show that nothing is between them only if they are neighbors",
)
def absence_with_the_neighbor_skipped(b: Bench) -> None:
    first = proving.absent(b.path, nearby(b, 0, 100)).leaves[0]
    last = proving.absent(b.path, nearby(b, 2, 100)).leaves[0]
    proof = proving.absent(b.path, nearby(b, 1, 100))
    middle = sorted(it["content_hash"] for part in b.snapshot.parts for it in part)[CHUNK + 7]
    b.give_proof(replace(proof, content_hash=middle, leaves=(first, last)))


@refused(
    "E_ROW_PROOF",
    "absence proof with a hash left out of its leaf, that of the text",
    why="every leaf but the last has 256 hashes",
)
def absence_with_a_hash_left_out(b: Bench) -> None:
    proof = proving.absent(b.path, nearby(b, 1, 100))
    (leaf,) = proof.leaves
    gone = leaf.hashes[:32]
    b.give_proof(
        replace(proof, content_hash=gone, leaves=(replace(leaf, hashes=leaf.hashes[32:]),))
    )


@refused(
    "E_ROW_PROOF",
    "absence proof with the hash of the text exchanged for another one in its leaf",
    why="such a leaf is not in the signed tree",
)
def absence_with_a_hash_exchanged(b: Bench) -> None:
    proof = proving.absent(b.path, nearby(b, 1, 100))
    (leaf,) = proof.leaves
    gone = leaf.hashes[:32]
    hashes = (int.from_bytes(gone) + 1).to_bytes(32) + leaf.hashes[32:]
    b.give_proof(replace(proof, content_hash=gone, leaves=(replace(leaf, hashes=hashes),)))


@refused(
    "E_PRESENT",
    "absence proof of a present hash: the right leaf, which has it",
    why="a row of the snapshot has this text",
)
def absence_of_a_present_text(b: Bench) -> None:
    proof = proving.absent(b.path, nearby(b, 1, 100))
    b.give_proof(replace(proof, content_hash=proof.leaves[0].hashes[:32]))


@refused(
    "E_PRESENT",
    "absence proof of a present hash at the seam of two leaves",
    why="the last hash of the first leaf is that of the text",
)
def absence_of_a_text_at_the_seam(b: Bench) -> None:
    proof = between(b)
    b.give_proof(replace(proof, content_hash=proof.leaves[0].last))


@refused(
    "E_ROW_PROOF",
    "absence proof of a present hash, with a leaf in which it would not be",
    why="the text would be in another leaf",
)
def absence_with_another_leaf(b: Bench) -> None:
    proof = proving.absent(b.path, nearby(b, 1, 100))
    present = digest(b.snapshot.parts[0][0]["text"])
    where = [nearby(b, at, 100) for at in range(3)]
    wrong = next(
        found
        for it in where
        if not (found := proving.absent(b.path, it).leaves[0]).first <= present <= found.last
    )
    b.give_proof(replace(proof, content_hash=present, leaves=(wrong,)))


@refused(
    "E_ROW_PROOF",
    "absence proof without any leaf",
    why="only a snapshot without rows has none",
)
def absence_without_a_leaf(b: Bench) -> None:
    proof = proving.absent(b.path, nearby(b, 1, 100))
    b.give_proof(replace(proof, leaves=()))


@refused(
    "E_ROW_PROOF",
    "absence proof whose leaf is said to be the last one, so that nothing would come behind it",
    why="the path leads to the root from one place only",
)
def absence_with_another_place(b: Bench) -> None:
    proof = proving.absent(b.path, nearby(b, 1, 100))
    (leaf,) = proof.leaves
    b.give_proof(replace(proof, content_hash=b"\xff" * 32, leaves=(replace(leaf, index=2),)))


@refused(
    "E_ROW_PROOF",
    "text that does not match: the absence proof is of another text than the reader has",
    why="every byte counts",
)
def absence_of_another_text(b: Bench) -> None:
    b.give_absence(digest("nowhere"))
    b.give_text(b"somewhere")


@refused(
    "E_ROW_PROOF",
    "absence proof of a snapshot without rows, under the certificate of one that has some",
    why="that snapshot has rows, and no leaf is shown",
)
def absence_in_another_snapshot(b: Bench) -> None:
    good = proving.absent(b.path, digest("nowhere"))
    b.issue([[]])
    proof = proving.absent(b.path, digest("nowhere"))
    b.give_proof(replace(proof, certificate=good.certificate, log_proof=good.log_proof))


@refused(
    "E_CLAIM_MISMATCH",
    "the issuer signs a mixed row with negative human bytes, and proves that row",
    why="no text has fewer than no human bytes, whoever signs it",
)
def row_that_cannot_be(b: Bench) -> None:
    parts = b.snapshot.parts
    mixed = [it for it in parts[0] if it["origin"] == "mixed"]
    mixed[0]["human_bytes"] -= mixed[0]["human_bytes"] + 1
    b.issue(parts)
    # The prover looks at its own row only, and another one has the same leaf and path.
    b.give_proof(replace(proving.row(b.path, 0), row=parts[0].index(mixed[0])))
