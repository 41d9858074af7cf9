"""Attacks by the issuer, who has the key: signed numbers that contradict one another or the rows."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from registry.core.certificate import Amount, Policy
from registry.core.merkle import shards_root
from tests.must_fail.case import refused
from tests.must_fail.world import Bench


def _of_predicate(code: str, name: str, attack: str, why: str, change: Any) -> None:
    def build(b: Bench) -> None:
        b.predicate(change)

    build.__name__ = name
    refused(code, attack, why=why)(build)


def _of_manifest(name: str, attack: str, why: str, change: Any) -> None:
    def build(b: Bench) -> None:
        b.manifest(change)

    build.__name__ = name
    refused("E_MANIFEST", attack, why=why)(build)


def _declared(**changed: Any) -> Any:
    return lambda it: it["human_fraction"]["declared"].update(changed)


def _asked(share: str) -> Any:
    def change(it: dict[str, Any]) -> None:
        it["human_fraction"]["asked"] = it["policy"]["asked"] = share

    return change


_of_predicate(
    "E_FRACTION",
    "asked_for_more_than_there_is",
    "the certificate says that 99 % human was asked for, and has less",
    "whoever asked did not get it, by the certificate's own numbers",
    _asked("0.99"),
)
_of_predicate(
    "E_FRACTION",
    "more_than_all",
    "the human share is larger than the whole",
    "no share is above 1",
    _declared(numerator=10**9),
)
_of_predicate(
    "E_CLAIM_MISMATCH",
    "a_smaller_whole",
    "the human share is of fewer bytes than the snapshot has, so that it looks larger",
    "a share of bytes is of all bytes",
    lambda it: it["human_fraction"]["declared"].update(
        denominator=it["human_fraction"]["declared"]["numerator"]
    ),
)
_of_predicate(
    "E_CLAIM_MISMATCH",
    "one_human_byte_more",
    "the human share counts one byte more than the origins have",
    "the share is computed again from the origins",
    lambda it: it["human_fraction"]["declared"].update(
        numerator=it["human_fraction"]["declared"]["numerator"] + 1
    ),
)
_of_predicate(
    "E_CLAIM_MISMATCH",
    "a_policy_of_other_origins",
    "the policy counts human texts only, and the human share counts machine texts too",
    "both are signed, and they contradict one another",
    lambda it: it["human_fraction"].update(count=["human", "ai"]),
)
_of_predicate(
    "E_CLAIM_MISMATCH",
    "a_minimum_grade_that_is_not_kept",
    "the policy asks for archived dates, E5, and the inputs have the owner's word",
    "the lowest grade of the inputs is below what the policy says was asked for",
    lambda it: it["policy"].update(minimum_date_grade="E5"),
)
_of_predicate(
    "E_CLAIM_MISMATCH",
    "inputs_that_do_not_add_up",
    "an input gives one document more than the snapshot has",
    "the inputs must add up to the documents",
    lambda it: it["inputs"][0].update(documents=it["inputs"][0]["documents"] + 1),
)
_of_predicate(
    "E_CLAIM_MISMATCH",
    "grades_that_do_not_add_up",
    "the matrix of grades has one document of grade E6 more than there are documents",
    "the grades of an origin must add up to its documents",
    lambda it: it["grades"]["human"].update(E6={"bytes": 0, "documents": 1}),
)
_of_predicate(
    "E_CLAIM_MISMATCH",
    "an_input_from_the_future",
    "an input that the log did not have when the inputs were read",
    "its position in the log is not below the size that the certificate names",
    lambda it: it["inputs"][0].update(log_index=it["log"]["checkpoint"]["size"]),
)
_of_manifest(
    "human_bytes_of_a_machine",
    "documents by a machine that have human bytes",
    "only human and mixed texts have any",
    lambda it: it["origins"]["ai"].update(human_bytes=1),
)
_of_manifest(
    "totals_that_do_not_add_up",
    "the manifest says more human bytes than its origins have",
    "the totals are the sums over the origins",
    lambda it: it.update(human_bytes=it["human_bytes"] + 1),
)
_of_manifest(
    "an_unknown_origin",
    "an origin that looks like `human`, with a Cyrillic letter",
    "origins are six words, and this is none of them",
    lambda it: it["origins"].update({"hum\u0430n": it["origins"].pop("human")}),
)
_of_manifest(
    "path_traversal",
    "a shard with the name `data/../../../.ssh/authorized_keys`",
    "shards are plain files directly under `data/`",
    lambda it: it["shards"][0].update(name="data/../../../.ssh/authorized_keys"),
)
_of_manifest(
    "an_absolute_path",
    "a shard with the name `/etc/passwd`",
    "shards are plain files directly under `data/`",
    lambda it: it["shards"][0].update(name="/etc/passwd"),
)
_of_manifest(
    "a_name_that_looks_alike",
    "a shard whose name has a Cyrillic letter, so that it looks like another one",
    "names are printable ASCII",
    lambda it: it["shards"][0].update(name="data/p\u0430rt-00000.parquet"),
)
_of_manifest(
    "a_name_with_terminal_escapes",
    "a shard whose name clears the terminal",
    "names are printable ASCII",
    lambda it: it["shards"][0].update(name="data/\x1b[2J.parquet"),
)
_of_manifest(
    "a_shard_twice",
    "the manifest lists one shard twice, and its rows are counted twice",
    "the shards are no plain list any more, and their roots no longer those of the snapshot",
    lambda it: it["shards"].append(it["shards"][0]),
)
_of_manifest(
    "shards_in_another_order",
    "the manifest lists the shards in another order under the old record root",
    "the record root of the snapshot is over the shards in order",
    lambda it: it["shards"].reverse(),
)
_of_manifest(
    "a_negative_count",
    "an origin with a negative number of documents, which makes room for more of another",
    "counts are from 0",
    lambda it: it["origins"]["unknown"].update(documents=-1),
)
_of_manifest(
    "a_column_twice",
    "the manifest names a column twice",
    "readers differ in which of the two they take",
    lambda it: it["columns"].append(it["columns"][-1]),
)


@refused(
    "E_MANIFEST",
    "the certificate signs the digest of a file more than the manifest has shards",
    why="the signed files are exactly the shards",
)
def a_signed_file_too_many(b: Bench) -> None:
    statement = b.certificate.to_statement()
    more = replace(statement.subjects[-1], name="data/more.parquet")
    b.certify(replace(statement, subjects=(*statement.subjects, more)))


@refused(
    "E_MANIFEST",
    "the certificate signs one snapshot root, and the manifest of another",
    why="the snapshot root is the SHA-256 of the manifest",
)
def another_snapshot_root(b: Bench) -> None:
    statement = b.certificate.to_statement()
    first, *rest = statement.subjects
    b.certify(replace(statement, subjects=(replace(first, sha256="0" * 64), *rest)))


# What only the rows show.


@refused(
    "E_CLAIM_MISMATCH",
    "the issuer counts distinct texts wrong",
    why="they are counted again from the rows",
    level="content",
)
def distinct_texts_counted_wrong(b: Bench) -> None:
    b.manifest(lambda it: it.update(distinct=it["distinct"] - 1))


@refused(
    "E_CLAIM_MISMATCH",
    "the issuer says that no text is empty",
    why="empty texts are counted again from the rows",
    level="content",
)
def empty_texts_counted_wrong(b: Bench) -> None:
    b.manifest(lambda it: it.update(empty=0))


@refused(
    "E_CLAIM_MISMATCH",
    "the issuer moves documents from the AI origin to the human one in the manifest, and signs",
    why="the rows do not add up to the signed origins",
    level="content",
)
def origins_that_the_rows_do_not_have(b: Bench) -> None:
    found = dict(b.certificate.manifest.origins)
    human, machine = found["human"], found.pop("ai")
    size = human.bytes + machine.bytes
    found["human"] = replace(
        human, documents=human.documents + machine.documents, bytes=size, human_bytes=size
    )
    manifest = replace(b.certificate.manifest, origins=found)
    grades = {name: dict(row) for name, row in b.certificate.grades.items()}
    for grade, cell in grades.pop("ai").items():
        grades["human"][grade] = grades["human"].get(grade, Amount()) + cell
    fraction = b.certificate.human_fraction
    fraction = replace(fraction, numerator=fraction.numerator + machine.bytes)
    b.certify(replace(b.certificate, manifest=manifest, grades=grades, human_fraction=fraction))
    (b.path / "manifest.json").write_bytes(manifest.to_bytes())
    for index in (0, 1):
        b.rewrite_with(index, b.snapshot.envelope(index))
    b.snapshot.certify_files()
    b.enter()


@refused(
    "E_CONTENT_ROOT",
    "the issuer signs the content root of other texts",
    why="the root is computed again from the texts",
    level="content",
)
def content_root_of_other_texts(b: Bench) -> None:
    _with_manifest(b, content_root="0" * 64)


@refused(
    "E_RECORD_ROOT",
    "the issuer signs the record root of other rows",
    why="the root is computed again from the rows",
    level="content",
)
def record_root_of_other_rows(b: Bench) -> None:
    first, second = b.certificate.manifest.shards
    wrong = replace(first, record_root="0" * 64)
    roots = [bytes(32), bytes.fromhex(second.record_root)]
    _with_manifest(b, shards=(wrong, second), record_root=shards_root(roots).hex())


def _with_manifest(b: Bench, **changed: Any) -> None:
    """Sign another manifest, and statements in the shards that fit it."""
    manifest = replace(b.certificate.manifest, **changed)
    b.snapshot.certificate = replace(b.certificate, manifest=manifest)
    (b.path / "manifest.json").write_bytes(manifest.to_bytes())
    for index in (0, 1):
        b.rewrite_with(index, b.snapshot.envelope(index))
    b.snapshot.certify_files()
    b.enter()


@refused(
    "E_CLAIM_MISMATCH",
    "the issuer says that everything existed before 2020, and rows have dates up to 2021",
    why="every date is compared with the signed cutoff",
    level="content",
)
def a_cutoff_that_is_not_kept(b: Bench) -> None:
    b.certify(replace(b.certificate, policy=Policy(cutoff="2020-01-01T00:00:00Z")))


@refused(
    "E_CLAIM_MISMATCH",
    "the issuer says that everything existed before 2023, and one row has no date at all",
    why="what has no date did not show that it is older",
    level="content",
)
def a_cutoff_without_a_date(b: Bench) -> None:
    b.certify(replace(b.certificate, policy=Policy(cutoff="2023-01-01T00:00:00Z")))


@refused(
    "E_CLAIM_MISMATCH",
    "the issuer exchanges what two inputs gave, so that the better license gave more",
    why="the rows say which version each of them is from",
    level="content",
)
def inputs_exchanged(b: Bench) -> None:
    first, second = b.inputs
    swapped = (
        replace(first, documents=second.documents, bytes=second.bytes),
        replace(second, documents=first.documents, bytes=first.bytes),
    )
    assert asdict(swapped[0]) != asdict(first)
    b.certify(replace(b.certificate, inputs=swapped))


@refused(
    "E_CLAIM_MISMATCH",
    "the issuer's matrix of grades says that most human texts were archived, E5",
    why="the matrix is computed again from the rows",
    level="content",
)
def grades_that_the_rows_do_not_have(b: Bench) -> None:
    grades = {name: dict(row) for name, row in b.certificate.grades.items()}
    grades["human"]["E5"] = grades["human"].pop("E1")
    b.certify(replace(b.certificate, grades=grades))
