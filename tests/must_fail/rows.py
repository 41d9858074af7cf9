"""Attacks on rows and on the statements in shards, under signatures that stay as they were."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from registry.core.attest import Envelope
from tests import snapshots
from tests.must_fail.case import refused
from tests.must_fail.world import OTHER, Bench
from tests.snapshots import Row


def _rows(
    code: str, name: str, attack: str, why: str, change: Callable[[list[Row]], object]
) -> None:
    """Add a case in which the rows of the first shard are changed."""

    def build(b: Bench) -> None:
        documents = b.snapshot.parts[0]
        envelope = b.snapshot.envelope(0)
        change(documents)
        snapshots.write_shard(b.snapshot.shards[0], documents, envelope, group=256)

    build.__name__ = name
    refused(code, attack, why=why, level="content")(build)


ROOT = "the record root is over the rows in order, each with its labels"


def _set(at: int, **cells: Any) -> Callable[[list[Row]], object]:
    return lambda documents: documents[at].update(cells)


def _flip(documents: list[Row]) -> None:
    item = next(it for it in documents if it["origin"] == "ai")
    size = len(item["text"].encode())
    item |= {"origin": "human", "human_bytes": size, "generator": None}


def _rewrite(documents: list[Row]) -> None:
    text = documents[9]["text"].replace("Document", "Prompt  ")
    documents[9] |= {"text": text, "content_hash": hashlib.sha256(text.encode()).digest()}


_rows(
    "E_RECORD_ROOT",
    "label_flip",
    "label flip: one machine text is labeled human, and its human bytes are counted again",
    ROOT,
    _flip,
)
_rows(
    "E_CONTENT_ROOT",
    "text_changed",
    "a text is changed, and the hash beside it is not",
    "each text is hashed",
    lambda it: it[9].update(text=it[9]["text"].replace("Document", "Prompt  ")),
)
_rows(
    "E_RECORD_ROOT",
    "text_and_hash_changed",
    "a text is changed, and the hash beside it too",
    "the row binds the hash of its text, and the record root the row",
    _rewrite,
)
_rows(
    "E_RECORD_ROOT",
    "row_reorder",
    "row reorder: two rows of a shard change places",
    "the content root is the same; the record root is over the rows in order",
    lambda it: it.insert(0, it.pop(300)),
)
_rows(
    "E_RECORD_ROOT",
    "row_duplicated",
    "duplicated row: a row stands twice",
    "the number of rows is signed",
    lambda it: it.insert(5, dict(it[5])),
)
_rows(
    "E_RECORD_ROOT",
    "row_dropped",
    "dropped row: a row is left out",
    "the number of rows is signed",
    lambda it: it.pop(5),
)
_rows(
    "E_RECORD_ROOT",
    "row_exchanged_for_another",
    "one row is dropped and another one doubled, so that the number is right",
    ROOT,
    lambda it: it.__setitem__(5, dict(it[6])),
)
_rows(
    "E_RECORD_ROOT",
    "human_bytes_of_a_mixed_text",
    "human_bytes edit: a mixed text has one human byte more",
    ROOT,
    lambda it: it[3].update(human_bytes=it[3]["human_bytes"] + 1),
)
_rows(
    "E_CLAIM_MISMATCH",
    "human_bytes_of_a_human_text",
    "human_bytes edit: a human text has one human byte less than bytes",
    "a human text is human to the last byte, which is looked at before the roots",
    lambda it: it[0].update(human_bytes=it[0]["human_bytes"] - 1),
)
_rows(
    "E_CLAIM_MISMATCH",
    "human_bytes_of_a_machine_text",
    "human_bytes edit: a machine text has human bytes",
    "only human and mixed texts have any",
    _set(4, human_bytes=1),
)
_rows(
    "E_CLAIM_MISMATCH",
    "more_human_bytes_than_bytes",
    "human_bytes edit: a mixed text has more human bytes than bytes",
    "no part is larger than the whole",
    _set(3, human_bytes=10**6),
)
_rows(
    "E_CLAIM_MISMATCH",
    "an_origin_that_does_not_exist",
    "a row has the origin `Human`",
    "origins are six words, and this is none of them",
    _set(0, origin="Human"),
)
_rows(
    "E_CLAIM_MISMATCH",
    "a_grade_that_does_not_exist",
    "a row has the date grade `E7`",
    "there are E0 to E6",
    _set(0, date_grade="E7"),
)
_rows(
    "E_CLAIM_MISMATCH",
    "a_grade_for_no_date",
    "a row without any date has the date grade `E1`",
    "what has no date has no evidence for it",
    lambda it: next(row for row in it if row["not_after"] is None).update(date_grade="E1"),
)
_rows(
    "E_RECORD_ROOT",
    "date_grade_raised",
    "a row's date grade is raised from `E1` to `E5`",
    ROOT,
    _set(0, date_grade="E5"),
)
_rows("E_RECORD_ROOT", "license_changed", "a row has a freer license", ROOT, _set(0, license="CC0"))
_rows(
    "E_RECORD_ROOT",
    "generator_removed",
    "a machine text does not say any more by which model",
    ROOT,
    _set(4, generator=None),
)
_rows(
    "E_RECORD_ROOT",
    "date_moved",
    "a row's date is moved to before ChatGPT",
    ROOT,
    lambda it: it[0].update(not_after=it[0]["not_before"]),
)


@refused(
    "E_RECORD_ROOT",
    "a row is moved from the first shard to the second",
    why="each shard has its own signed rows",
    level="content",
)
def row_moved(b: Bench) -> None:
    one, two = b.snapshot.parts
    envelopes = [b.snapshot.envelope(0), b.snapshot.envelope(1)]
    two.insert(0, one.pop())
    for path, documents, envelope in zip(b.snapshot.shards, (one, two), envelopes, strict=True):
        snapshots.write_shard(path, documents, envelope, group=256)


# Statements in shards.


@refused(
    "E_CLAIM_MISMATCH",
    "a shard carries the issuer's statement about another shard",
    why="the statement is signed, and about something else than where it stands",
    level="content",
)
def statement_of_another_shard(b: Bench) -> None:
    b.rewrite_with(0, b.snapshot.envelope(1))


@refused(
    "E_UNKNOWN_KEY",
    "a shard carries a statement that somebody else signed",
    why="it must be signed by whoever signed the certificate",
    level="content",
)
def statement_by_another_key(b: Bench) -> None:
    manifest, part = b.certificate.manifest, b.snapshot.parts[0]
    b.rewrite_with(0, snapshots.shard_envelope(manifest, 0, part, OTHER))


def _damaged(envelope: bytes) -> bytes:
    made = Envelope.parse(envelope)
    return replace(made, signature=bytes(64)).to_bytes()


@refused(
    "E_SIGNATURE",
    "a shard carries a statement whose signature is zeros",
    why="what is there must hold, even if the certificate beside it does",
    level="content",
)
def statement_with_zeros(b: Bench) -> None:
    b.rewrite_with(0, _damaged(b.snapshot.envelope(0)))


@refused(
    "E_UNSIGNED",
    "a shard that travels alone carries no statement",
    why="nothing about it is signed",
)
def lone_shard_unsigned(b: Bench) -> None:
    b.rewrite_with(0, None)
    b.lone()


@refused(
    "E_UNKNOWN_KEY",
    "a shard that travels alone was signed by somebody else",
    why="the reader did not pin that key",
)
def lone_shard_by_another_key(b: Bench) -> None:
    b.issue(b.snapshot.parts, OTHER)
    b.lone()


@refused(
    "E_RECORD_ROOT",
    "a shard that travels alone has a row with another label",
    why=ROOT,
)
def lone_shard_flipped(b: Bench) -> None:
    documents = [dict(it) for it in b.snapshot.parts[0]]
    _flip(documents)
    b.rewrite(0, documents)
    b.lone()


@refused(
    "E_RECORD_ROOT",
    "a shard that travels alone carries the issuer's statement about another one",
    why="its rows are not those that the statement is about",
)
def lone_shard_with_another_statement(b: Bench) -> None:
    b.rewrite_with(0, b.snapshot.envelope(1))
    b.lone()


@refused(
    "E_PREDICATE_TYPE",
    "a shard that travels alone carries the whole certificate as its statement",
    why="it is signed by the issuer, and not about one shard",
)
def lone_shard_with_a_certificate(b: Bench) -> None:
    b.rewrite_with(0, b.envelope.read_bytes())
    b.lone()


@refused(
    "E_VERSION",
    "a shard that travels alone has a statement of version 0",
    why="its rows would have no date grades to check",
)
def lone_shard_of_version_0(b: Bench) -> None:
    manifest, part = b.certificate.manifest, b.snapshot.parts[0]
    envelope = Envelope.parse(snapshots.shard_envelope(manifest, 0, part, b.snapshot.signer))
    statement = b.snapshot.signer.public.open(envelope)
    kind = "https://firsthand.dev/certified-shard/v0"
    old = b.snapshot.signer.sign(replace(statement, predicate_type=kind))
    b.rewrite_with(0, old.to_bytes())
    b.lone()


@refused(
    "E_WITNESS_QUORUM",
    "a shard that travels alone, for a reader who asks for two witnesses",
    why="no proof from the log is about a shard, so that no witness can count",
    given="trust",
)
def lone_shard_without_witnesses(b: Bench) -> None:
    b.lone()
