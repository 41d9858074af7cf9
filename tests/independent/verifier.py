"""A second verifier of snapshots, shards and proofs, written from docs/trust.md and the schemas alone.

It shares no code with `registry.verify` and was written without reading it, so that what both accept and
refuse is what the specification says, and not what one program happens to do. It is for tests:
`firsthand verify` is the one to use. Time-stamp tokens are not checked.

    python -m tests.independent.verifier PATH [--key PEM | --trust FILE] [--level content]
        [--checkpoint FILE] [--log DIR]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.independent import form, trusting
from tests.independent.form import (
    MEGA,
    OpenError,
    RefusedError,
    canonical,
    leads,
    leaf,
    moment,
    sha256,
    unbase64,
)
from tests.independent.parquet import Shard
from tests.independent.trusting import Copy, LogProof, Trust

PREDICATE = "https://firsthand.dev/certified-{}/v1"
ORIGINS = {"human", "assisted", "mixed", "unknown", "programmatic", "ai"}
COLUMNS = [
    ("text", "text"), ("content_hash", "bytes"), ("dataset", "text"), ("version", "integer"), ("origin", "text"),
    ("human_bytes", "integer"), ("generator", "text"), ("not_before", "time"), ("not_after", "time"),
    ("date_grade", "text"), ("license", "text"),
]  # fmt: skip
FIXED = {
    "shard": {"hash": "firsthand-hash/v1"},
    "snapshot": {
        "manifest.type": "firsthand-manifest/v1",
        "manifest.hash": "firsthand-hash/v1",
        "not_proven": "This does not prove that any text was written by a person, or may be used.",
        **dict.fromkeys(
            ("audits", "deduplication.near", "human_fraction.evidenced", "human_fraction.audited"),
            "not_assessed",
        ),
    },
}
TAGS = {"bytes": 1, "text": 2, "integer": 3, "time": 4}


@dataclass
class Report:
    """What was found: failures in order, what stayed open, and whom the reader trusts."""

    trust: Trust
    failures: list[tuple[str, str]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def fail(self, code: str, why: str) -> None:
        self.failures.append((code, why))

    def check(self, holds: bool, code: str, why: str) -> None:
        if not holds:
            self.fail(code, why)

    @property
    def exit(self) -> int:
        return 3 if self.failures else 1 if self.open else 0


# ------------------------------------------------------------------ envelopes


def opened(data: bytes, kind: str, report: Report) -> tuple[dict[str, Any], str]:
    """The statement in an envelope, and the key id that it was checked with."""
    envelope = form.parse(data)
    top = form.schema("envelope")
    if not isinstance(envelope, dict) or set(envelope) != set(top["required"]):
        raise RefusedError("E_ENVELOPE", "not an envelope")
    if not isinstance(envelope["payload"], str):
        raise RefusedError("E_ENVELOPE", "not an envelope")
    payload = unbase64(envelope["payload"])
    for entry in envelope["signatures"] if isinstance(envelope["signatures"], list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("sig"), str):
            unbase64(entry["sig"])
    if wrong := form.conforms(envelope, top, top):
        raise RefusedError("E_ENVELOPE", f"not an envelope: {wrong}")
    signature = envelope["signatures"][0]
    keyid, sig = signature["keyid"], unbase64(signature["sig"])
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload)
    mine = [key.raw for key in report.trust.certificates if key.keyid == keyid]
    if report.trust.given and not mine:
        report.fail("E_UNKNOWN_KEY", f"signed by another key: {keyid[:16]}")
    if mine and not trusting.holds(mine[0], sig, signed):
        raise RefusedError("E_SIGNATURE", "the signature does not belong to this content")
    statement = form.parse(payload)
    _about(statement, kind)
    try:
        stated = trusting.Key(trusting.of_pem(statement["predicate"]["issuer"]["key"]))
    except OpenError as error:
        raise RefusedError("E_ENVELOPE", f"the issuer's key: {error}") from None
    report.check(stated.keyid == keyid, "E_ENVELOPE", "the issuer's key is not the one that signed")
    if not trusting.holds(stated.raw, sig, signed):
        raise RefusedError("E_SIGNATURE", "the signature does not belong to this content")
    if not report.trust.given:
        report.open.append("no key was given")
    return statement, keyid


def _about(statement: Any, kind: str) -> None:
    """That it is a statement of ours, of this version, and as its schema says."""
    told = statement.get("predicateType") if isinstance(statement, dict) else None
    if not isinstance(told, str) or statement.get("_type") != "https://in-toto.io/Statement/v1":
        raise RefusedError("E_ENVELOPE", "not a statement")
    if told != PREDICATE.format(kind):
        ours = re.fullmatch(re.escape(PREDICATE.format(kind)[:-1]) + "[0-9]+", told)
        raise RefusedError(
            "E_VERSION" if ours else "E_PREDICATE_TYPE", f"a statement about {told[:80]}"
        )
    predicate = statement.get("predicate")
    if not isinstance(predicate, dict):
        raise RefusedError("E_ENVELOPE", "a statement without a predicate")
    for path, known in FIXED[kind].items():
        where: Any = predicate
        for name in path.split("."):
            where = where.get(name) if isinstance(where, dict) else None
        if isinstance(where, str) and where != known:
            raise RefusedError("E_VERSION", f"{path} is {where[:40]}")
    top = form.schema("certificate" if kind == "snapshot" else "shard-statement")
    subjects = statement.get("subject")
    if kind == "snapshot" and subjects == []:
        raise RefusedError("E_MANIFEST", "a statement about nothing")
    if kind == "shard" and isinstance(subjects, list) and len(subjects) != 1:
        raise RefusedError("E_CLAIM_MISMATCH", "a shard's statement about other things too")
    if wrong := form.conforms(statement, top, top):
        code = (
            "E_MANIFEST"
            if wrong.startswith(("$.predicate.manifest", "$.predicate.shard.name"))
            else "E_ENVELOPE"
        )
        raise RefusedError(code, f"not a statement of this kind: {wrong}")


# ------------------------------------------------------------------ the certificate against itself


def summed(tallies: list[dict[str, int]]) -> dict[str, int]:
    return {
        name: sum(each[name] for each in tallies) for name in ("documents", "bytes", "human_bytes")
    }


def labels_fit(origins: dict[str, dict[str, int]]) -> bool:
    """Human bytes are all of a human text, some of a mixed one, none of any other."""
    return all(
        tally["human_bytes"] == tally["bytes"] if name == "human"
        else tally["human_bytes"] <= (tally["bytes"] if name == "mixed" else 0)
        for name, tally in origins.items()
    )  # fmt: skip


def certificate(statement: dict[str, Any], report: Report) -> None:
    """The parts of a certificate against one another."""
    told = statement["predicate"]
    m = told["manifest"]
    if re.search(r"[\s+\x00-\x1f]", told["log"]["origin"]):
        raise RefusedError("E_ENVELOPE", "no name of a log")
    names = [shard["name"] for shard in m["shards"]]
    subjects = [item["name"] for item in statement["subject"]]
    columns = [column["name"] for column in m["columns"]]
    once = len(set(names)) == len(names) and len(set(columns)) == len(columns)
    report.check(once, "E_MANIFEST", "two shards or columns of one name")
    report.check(len(set(subjects)) == len(subjects), "E_ENVELOPE", "a subject twice")
    report.check(
        sorted(subjects) == sorted(["snapshot", *names]), "E_MANIFEST", "other subjects than shards"
    )
    root = {item["name"]: item["digest"]["sha256"] for item in statement["subject"]}.get("snapshot")
    report.check(
        root == sha256(canonical(m)).hex(), "E_MANIFEST", "the snapshot root is of another manifest"
    )
    total = {name: m[name] for name in ("documents", "bytes", "human_bytes")}
    report.check(
        summed([*m["origins"].values()]) == total,
        "E_MANIFEST",
        "totals are not those of the origins",
    )
    report.check(
        sum(s["rows"] for s in m["shards"]) == m["documents"], "E_MANIFEST", "rows of the shards"
    )
    roots = [bytes.fromhex(shard["record_root"]) for shard in m["shards"]]
    record = form.chunked(b"firsthand shard-leaf v1\n", roots, 1).hex()
    report.check(
        record == m["record_root"], "E_MANIFEST", "the record root is not that of the shards"
    )
    report.check(labels_fit(m["origins"]), "E_MANIFEST", "human bytes of an origin that cannot be")
    few = m["distinct"] <= m["documents"] and (m["distinct"] > 0) == (m["documents"] > 0)
    report.check(few and m["empty"] <= m["documents"], "E_MANIFEST", "distinct or empty texts")

    mismatch = "E_CLAIM_MISMATCH"
    report.check(inputs_add_up(told, m), mismatch, "the inputs do not add up")
    cells = {
        origin: {name: sum(cell[name] for cell in row.values()) for name in ("documents", "bytes")}
        for origin, row in told["grades"].items()
    }
    plain = {o: {"documents": t["documents"], "bytes": t["bytes"]} for o, t in m["origins"].items()}
    cells = {origin: cell for origin, cell in cells.items() if any(cell.values())}
    plain = {origin: cell for origin, cell in plain.items() if any(cell.values())}
    report.check(cells == plain, mismatch, "the grades do not add up to the origins")
    counted = [told["words"], *([told["tokens"]["by_origin"]] if told["tokens"] else [])]
    report.check(
        all(set(c) <= set(m["origins"]) for c in counted),
        mismatch,
        "words of an origin that is not there",
    )
    fraction(told, m, report)
    report.check(
        evaluations(told["evaluations"]), mismatch, "the parts on evaluation sets do not fit"
    )
    lowest = told["policy"]["minimum_date_grade"]
    seen = {
        grade for row in told["grades"].values() for grade, cell in row.items() if cell["documents"]
    }
    report.check(
        not lowest or all(grade >= lowest for grade in seen),
        mismatch,
        "a grade below the lowest asked",
    )
    size = told["log"]["checkpoint"]["size"]
    report.check(
        all(i["log_index"] < size for i in told["inputs"]),
        mismatch,
        "an input later than the log was read",
    )
    for time in (told["issued_at"], told["policy"]["cutoff"]):
        if time:
            moment(time)


def inputs_add_up(told: dict[str, Any], m: dict[str, Any]) -> bool:
    inputs = told["inputs"]
    names = {(each["dataset"], each["version"]) for each in inputs}
    sums = all(sum(each[name] for each in inputs) == m[name] for name in ("documents", "bytes"))
    drawn = {each["grade"] for each in inputs if each["documents"]}
    seen = {
        grade for row in told["grades"].values() for grade, cell in row.items() if cell["documents"]
    }
    none = all(each["grade"] == "E0" for each in inputs if not each["documents"])
    return (
        sums
        and len(names) == len(inputs)
        and none
        and drawn <= seen
        and min(drawn, default="") == min(seen, default="")
    )


def fraction(told: dict[str, Any], m: dict[str, Any], report: Report) -> None:
    """That the declared share follows, and that what was asked for is kept."""
    human, policy = told["human_fraction"], told["policy"]
    same = human["asked"] == policy["asked"] and human["count"] == policy["count_as_human"]
    report.check(same, "E_CLAIM_MISMATCH", "the policy is not that of the human share")
    top, bottom = human["declared"]["numerator"], human["declared"]["denominator"]
    counts, origins = set(human["count"]), m["origins"]
    if human["of"] in ("bytes", "documents"):
        of = human["of"]
        share = sum(tally[of] for name, tally in origins.items() if name in counts)
        if of == "bytes" and "human" in counts and "mixed" not in counts:
            share += origins.get("mixed", {}).get("human_bytes", 0)
        right = (top, bottom) == (share, m[of])
    else:
        words = told["words"] if human["of"] == "words" else (told["tokens"] or {}).get("by_origin")
        right = words is not None and bottom == sum(words.values())
        least = sum(number for name, number in (words or {}).items() if name in counts)
        most = least + (0 if "mixed" in counts else (words or {}).get("mixed", 0))
        right = right and least <= top <= most
    report.check(top <= bottom, "E_FRACTION", "more than all")
    report.check(right, "E_CLAIM_MISMATCH", "the human share does not follow from the counts")
    kept = not human["asked"] or top >= Fraction(human["asked"]) * bottom
    report.check(kept, "E_FRACTION", "less human than was asked for")


def evaluations(told: Any) -> bool:
    """Only what cannot be otherwise: the page does not say which parts must fit."""
    if told == "not_assessed":
        return True
    found = [each["exact"] + each["near"] + each["passage"] for each in told["sets"]]
    return (
        len({(each["dataset"], each["version"]) for each in told["sets"]}) == len(found)
        and all(number <= told["documents"] for number in found)
        and told["documents"] <= sum(found)
        and (told["documents"] > 0 or told["bytes"] == 0)
        and all(each["near_searched"] or not each["near"] for each in told["sets"])
        and all(
            each["guaranteed_tokens"] is not None or not each["passage"] for each in told["sets"]
        )
        and all(each["short_items"] <= each["items"] for each in told["sets"])
        and max(Fraction(told["recall"]), Fraction(told["min_similarity"])) <= 1
    )


# ------------------------------------------------------------------ rows


def cell(value: Any, kind: str) -> bytes:
    if value is None:
        return b"\x00"
    data = value.to_bytes(8, "big", signed=True) if isinstance(value, int) else value
    return bytes([TAGS[kind]]) + len(data).to_bytes(4, "big") + data


def row_fits(row: dict[str, Any], size: int | None) -> bool:
    """What must hold of every row; `size` is that of its text, where it is known."""
    origin, human = row["origin"], row["human_bytes"]
    if not isinstance(row["content_hash"], bytes) or len(row["content_hash"]) != 32:
        return False
    if origin is None or origin.decode() not in ORIGINS or human is None or human < 0:
        return False
    if re.fullmatch(rb"E[0-6]", row["date_grade"] or b"") is None:
        return False
    if row["not_after"] is None and row["date_grade"] != b"E0":
        return False
    if origin not in (b"human", b"mixed"):
        return bool(human == 0)
    return size is None or (human == size if origin == b"human" else human <= size)


@dataclass
class Rows:
    """What all rows that were read come to."""

    hashes: list[bytes] = field(default_factory=list)
    empty: int = 0
    grades: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    origins: dict[str, dict[str, int]] = field(default_factory=dict)
    inputs: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    latest: int | None = -(1 << 63)

    def add(self, row: dict[str, Any], size: int) -> None:
        origin, grade = row["origin"].decode(), row["date_grade"].decode()
        self.hashes.append(row["content_hash"])
        self.empty += size == 0
        tally = self.origins.setdefault(origin, {"documents": 0, "bytes": 0, "human_bytes": 0})
        source = (row["dataset"].decode(), row["version"])
        found = self.inputs.setdefault(
            source, {"documents": 0, "bytes": 0, "grade": "E6", "licenses": set()}
        )
        for each in (tally, found):
            each["documents"] += 1
            each["bytes"] += size
        tally["human_bytes"] += row["human_bytes"]
        self.grades[origin, grade, "documents"] += 1
        self.grades[origin, grade, "bytes"] += size
        found["grade"] = min(found["grade"], grade)
        if row["license"] is not None:
            found["licenses"].add(row["license"].decode())
        if self.latest is not None:
            self.latest = None if row["not_after"] is None else max(self.latest, row["not_after"])


def read_shard(
    path: Path, columns: list[dict[str, str]], told: dict[str, Any], rows: Rows, report: Report
) -> Any:
    """Every row of a shard against what is signed of it; returns its footer's statements."""
    shard = Shard(path)
    listed = [(column["name"], column["type"]) for column in columns]
    if listed != shard.columns() or listed != COLUMNS:
        report.fail("E_MANIFEST", f"{path.name} has other columns")
        return shard.statements, None
    values, false = shard.rows()
    texts = values.pop("text")
    mine = Rows()
    if None in texts or None in values["content_hash"]:
        report.fail("E_CLAIM_MISMATCH", f"{path.name}: a row without text or hash")
        return shard.statements, None
    hashed = all(
        sha256(text) == expected
        for text, expected in zip(texts, values["content_hash"], strict=True)
    )
    report.check(hashed, "E_CONTENT_ROOT", f"{path.name}: a text does not have the hash beside it")
    kinds, encoded, fit = [kind for _, kind in listed[1:]], [], True
    for text, *row in zip(texts, *values.values(), strict=True):
        encoded.append(b"".join(map(cell, row, kinds)))
        named = dict(zip(values, row, strict=True))
        if (
            fit := fit
            and row_fits(named, len(text))
            and None not in (named["dataset"], named["version"])
        ):
            for each in (rows, mine):
                each.add(named, len(text))
    report.check(fit, "E_CLAIM_MISMATCH", f"{path.name}: a row that cannot be")
    root = form.chunked(b"firsthand record-leaf v1\n", encoded).hex()
    same = len(encoded) == told["rows"] and root == told["record_root"]
    report.check(same, "E_RECORD_ROOT", f"{path.name}: other rows than the signed ones")
    return shard.statements, (mine, false)


def shard_statement(data: bytes, report: Report) -> tuple[dict[str, Any], str]:
    statement, keyid = opened(data, "shard", report)
    told = statement["predicate"]
    subject = {"name": told["shard"]["name"], "digest": {"sha256": told["shard"]["record_root"]}}
    report.check(
        statement["subject"] == [subject], "E_CLAIM_MISMATCH", "the subject is not the shard"
    )
    documents = sum(tally["documents"] for tally in told["origins"].values())
    fits = documents == told["shard"]["rows"] and labels_fit(told["origins"])
    report.check(fits, "E_CLAIM_MISMATCH", "the origins of a shard do not add up")
    return statement, keyid


def content(folder: Path, told: dict[str, Any], keyid: str, report: Report) -> None:
    """Level `content`: every row of every shard, then all of them together."""
    m, rows, complete = told["manifest"], Rows(), True
    for index, shard in enumerate(m["shards"]):
        if not (folder / shard["name"]).is_file() or (folder / shard["name"]).is_symlink():
            complete = False
            continue
        try:
            found, read = read_shard(folder / shard["name"], m["columns"], shard, rows, report)
            complete = complete and read is not None
            if len(found) > 1:
                report.fail("E_ENVELOPE", f"{shard['name']}: two statements")
            for data in found[:1]:
                statement, by = shard_statement(data, report)
                expected = {
                    "hash": m["hash"], "snapshot_root": sha256(canonical(m)).hex(), "index": index,
                    "shard": shard, "columns": m["columns"], "issuer": statement["predicate"]["issuer"],
                    "origins": read[0].origins if read else statement["predicate"]["origins"],
                }  # fmt: skip
                report.check(
                    by == keyid, "E_UNKNOWN_KEY", f"{shard['name']}: a statement by another key"
                )
                same = statement["predicate"] == expected
                report.check(
                    same, "E_CLAIM_MISMATCH", f"{shard['name']}: a statement about something else"
                )
            for why in read[1] if read else []:
                report.fail("E_STATISTICS", f"{shard['name']}: {why}")
        except RefusedError as error:
            report.failures.append(error.args)
            complete = False
    if not complete:
        return
    root = form.chunked(b"firsthand content-leaf v1\n", sorted(rows.hashes)).hex()
    report.check(root == m["content_root"], "E_CONTENT_ROOT", "the texts are not the signed ones")
    counts = (len(set(rows.hashes)), rows.empty, rows.origins) == (
        m["distinct"],
        m["empty"],
        m["origins"],
    )
    report.check(
        counts, "E_CLAIM_MISMATCH", "distinct or empty texts or origins are not those of the rows"
    )
    none = {"documents": 0, "bytes": 0, "grade": "E0", "licenses": set()}
    stated = {(each["dataset"], each["version"]): each for each in told["inputs"]}
    fit = set(rows.inputs) <= set(stated)
    for name, each in stated.items():
        seen = rows.inputs.get(name, none)
        fit = fit and all(each[part] == seen[part] for part in ("documents", "bytes", "grade"))
        fit = fit and seen["licenses"] <= set(each["licenses"])
    report.check(fit, "E_CLAIM_MISMATCH", "the inputs are not those of the rows")
    grades = Counter(
        {
            (origin, grade, name): tally[name]
            for origin, row in told["grades"].items()
            for grade, tally in row.items()
            for name in ("documents", "bytes")
        }
    )
    report.check(grades == rows.grades, "E_CLAIM_MISMATCH", "the grades are not those of the rows")
    if cutoff := told["policy"]["cutoff"]:
        until = (moment(cutoff) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        early = rows.latest is not None and rows.latest < until
        report.check(
            early,
            "E_CLAIM_MISMATCH",
            "a text of which nothing says that it is from before the cutoff",
        )


# ------------------------------------------------------------------ the log


@dataclass
class Asked:
    """What the reader brought of the log."""

    kept: Path | None = None
    copy: Path | None = None
    text: Path | None = None


def history(
    told: dict[str, Any],
    keyid: str,
    digest: str,
    proof: LogProof | None,
    asked: Asked,
    report: Report,
) -> None:
    """What the log says of a certificate: its proof, who signed, the key's time, an older and a newer state."""
    origin, state = told["log"]["origin"], told["log"]["checkpoint"]
    before = (state["size"], bytes.fromhex(state["root"]))
    copy, revoked = _copy(asked.copy, report)
    time: datetime | None = None
    if proof:
        logged = exported(told, digest, proof, report)
        at = moment(logged["time"]) if logged else None
        signed = trusting.signatures(proof.note, report.trust, revoked, at)
        report.failures += signed.failures
        held = proof.inclusion() and proof.note.origin == origin
        by = signed.by if held else None
        time = at if held and signed.free else by
    else:
        quorum = report.trust.quorum
        report.check(
            not quorum, "E_WITNESS_QUORUM", f"no proof, and {quorum} witnesses are asked for"
        )
    key_in_time(keyid, time, revoked, report)

    heads = [(proof.note.size, proof.note.root)] if proof else []
    if asked.kept:
        kept = trusting.checkpoint(form.plain(asked.kept, MEGA))
        report.check(
            kept.origin == origin,
            "E_CHECKPOINT_ORIGIN",
            "the checkpoint that was kept is of another log",
        )
        kept_by = trusting.signatures(
            kept, Trust([], report.trust.logs, pinned=report.trust.pinned), {}, None
        )
        report.failures += kept_by.failures
        report.open += [kept_by.left] if kept_by.left else []
        for size, root in [before, *heads]:
            split = size == kept.size and root != kept.root
            report.check(not split, "E_SPLIT_VIEW", f"two histories of {size} entries")
        if copy and (wrong := copy.goes_on(kept.size, kept.root)):
            report.fail(*wrong)
        if not copy and (kept.size, kept.root) not in [before, *heads]:
            report.open.append(
                "nothing shows that the log goes on from the checkpoint that was kept"
            )
    if not copy:
        return
    report.check(copy.note.origin == origin, "E_CHECKPOINT_ORIGIN", "the copy is of another log")
    signed = trusting.signatures(copy.note, report.trust, revoked)
    report.failures += signed.failures
    report.open += [signed.left] if signed.left else []
    for size, root in [before, *heads]:
        if wrong := copy.goes_on(size, root):
            report.fail(*wrong)
    if copy.entries is not None:
        entries(told, digest, copy.entries, proof, report)


def _copy(folder: Path | None, report: Report) -> tuple[Copy | None, dict[str, datetime]]:
    """A copy of the log, if it holds together, and what it says was revoked when."""
    revoked: dict[str, datetime] = {}
    if not folder:
        return None, revoked
    try:
        copy = Copy(folder)
        for each in copy.entries or []:
            facts = each["facts"]
            if each["kind"] == "key.revoked" and "revoked_from" in facts:
                since = moment(facts["revoked_from"])
                revoked[facts["keyid"]] = min(since, revoked.get(facts["keyid"], since))
    except RefusedError as error:
        report.failures.append(error.args)
    except OpenError as error:
        report.open.append(str(error))
    else:
        return copy, revoked
    return None, {}


def exported(
    told: dict[str, Any], digest: str, proof: LogProof, report: Report
) -> dict[str, Any] | None:
    """The entry of a proof, and whether it is about this certificate."""
    logged = trusting.entry(proof.entry)
    about = logged["kind"] == "snapshot.exported" and logged["facts"].get("certificate") == digest
    report.check(about, "E_INCLUSION", "the log entry is about something else")
    same = logged["facts"].get("supersedes") == told["supersedes"]
    report.check(
        same or not about, "E_CLAIM_MISMATCH", "the log says otherwise whose place this takes"
    )
    report.check(
        proof.index >= told["log"]["checkpoint"]["size"],
        "E_INCLUSION",
        "an entry from before its inputs",
    )
    late = moment(logged["time"]) >= moment(told["issued_at"]) - timedelta(seconds=1)
    report.check(late, "E_TIME_BRACKET", "logged before it was issued")
    report.check(proof.inclusion(), "E_INCLUSION", "the entry is not in the tree")
    same = proof.note.origin == told["log"]["origin"]
    report.check(same, "E_CHECKPOINT_ORIGIN", "the proof is of another log")
    return logged if about else None


def key_in_time(
    keyid: str, time: datetime | None, revoked: dict[str, datetime], report: Report
) -> None:
    """That the key of the certificate signed when it was to be believed."""
    mine = [key for key in report.trust.certificates if key.keyid == keyid]
    found = []
    for key in mine:
        end = key.revoked(revoked)
        if end and (time is None or end <= time):
            found.append(
                ("E_KEY_REVOKED", "signed by a revoked key, and nothing shows that it was before")
            )
        elif (key.not_before and (time is None or time < key.not_before)) or (
            key.not_after and (time is None or time > key.not_after)
        ):
            found.append(("E_UNKNOWN_KEY", "signed by a key of yours outside of its time"))
    if mine and len(found) == len(mine):
        report.failures.append(found[0])


def entries(
    told: dict[str, Any],
    digest: str,
    found: list[dict[str, Any]],
    proof: LogProof | None,
    report: Report,
) -> None:
    """What the entries of a copy say: the inputs, this certificate, and what took its place."""
    for each in told["inputs"]:
        at = each["log_index"]
        tables = [row.get("table") for row in found[at]["rows"]] if at < len(found) else []
        report.check(
            "dataset_versions" in tables, "E_INCLUSION", f"entry {at} registers no version"
        )
    mine = [
        n
        for n, each in enumerate(found)
        if each["kind"] == "snapshot.exported" and each["facts"].get("certificate") == digest
    ]
    there = proof.index in mine if proof else bool(mine)
    newest = max((moment(each["time"]) for each in found), default=None)
    if not proof and not there and (newest is None or newest < moment(told["issued_at"])):
        report.open.append("the copy of the log is older than the certificate")
    else:
        report.check(there, "E_INCLUSION", "the entry of the certificate is not in the log")
    for n in mine if proof is None else [proof.index] if there else []:
        before = moment(found[n - 1]["time"]) if n else datetime.min.replace(tzinfo=UTC)
        order = moment(found[n]["time"]) >= before - timedelta(seconds=1)
        report.check(order, "E_TIME_BRACKET", f"entry {n} is dated before the one that precedes it")
    taken = any(
        each["kind"] == "snapshot.exported" and each["facts"].get("supersedes") == digest
        for each in found
    )
    report.check(not taken, "E_SUPERSEDED", "another certificate has taken the place of this one")


# ------------------------------------------------------------------ proofs of a row, and of absence


def proof_of(data: bytes, asked: Asked, report: Report) -> None:
    """A file `*.proof`."""
    found = form.parse(data, 32 * MEGA)
    told = found.get("type") if isinstance(found, dict) else None
    if not isinstance(told, str) or not told.startswith("firsthand-proof/v"):
        raise RefusedError("E_ENVELOPE", "not a proof")
    if told != "firsthand-proof/v1":
        raise RefusedError("E_VERSION", told[:40])
    rest = canonical({key: value for key, value in found.items() if key != "digest"})
    if found.get("digest") != sha256(rest).hex():
        raise RefusedError("E_ROW_PROOF", "its digest is not that of its other parts")
    _limits(found)
    top = form.schema("proof")
    if wrong := form.conforms(found, top, top):
        raise RefusedError("E_ENVELOPE", f"not a proof: {wrong}")
    envelope = unbase64(found["certificate"])
    statement, keyid = opened(envelope, "snapshot", report)
    certificate(statement, report)
    told = statement["predicate"]
    logged = trusting.log_proof(unbase64(found["log_proof"])) if found["log_proof"] else None
    history(told, keyid, sha256(envelope).hex(), logged, asked, report)
    about = (row_proof if found["kind"] == "row" else absence)(found, told["manifest"], report)
    if asked.text and sha256(asked.text.read_bytes()) != about:
        report.fail("E_ROW_PROOF", "the proof is about another text")


def _limits(found: dict[str, Any]) -> None:
    for each in [found, *(found["leaves"] if isinstance(found.get("leaves"), list) else [])]:
        if isinstance(each, dict) and isinstance(each.get("path"), list) and len(each["path"]) > 63:
            raise RefusedError("E_LIMIT", "a path of more than 63 hashes")
    if isinstance(found.get("leaf"), str) and len(found["leaf"]) > -(-8 * MEGA // 3) * 4:
        raise RefusedError("E_LIMIT", "a leaf of more than 8 MiB")


def row_proof(found: dict[str, Any], m: dict[str, Any], report: Report) -> Any:
    shards, row = m["shards"], found["row"]
    if found["shard"] >= len(shards) or row >= shards[found["shard"]]["rows"]:
        raise RefusedError("E_ROW_PROOF", "there is no such row")
    shard, data = shards[found["shard"]], unbase64(found["leaf"])
    leaves, path = -(-shard["rows"] // 256), [unbase64(step) for step in found["path"]]
    root = leads(leaf(b"firsthand record-leaf v1\n", data), row // 256, leaves, path)
    if root != bytes.fromhex(shard["record_root"]):
        raise RefusedError("E_ROW_PROOF", "the leaf is not in the tree")
    columns = [(column["name"], column["type"]) for column in m["columns"]]
    if columns != COLUMNS:
        raise RefusedError("E_MANIFEST", "columns that rows cannot have")
    rows = taken_apart(data, columns[1:])
    if len(rows) != min(256, shard["rows"] - row // 256 * 256):
        raise RefusedError("E_ROW_PROOF", "a leaf of another number of rows")
    shown = rows[row % 256]
    text = None if found["text"] is None else unbase64(found["text"])
    fits = row_fits(shown, None if text is None else len(text))
    report.check(fits, "E_CLAIM_MISMATCH", "a row that cannot be")
    same = text is None or sha256(text) == shown["content_hash"]
    report.check(same, "E_ROW_PROOF", "the text is another")
    return shown["content_hash"]


def taken_apart(data: bytes, columns: list[tuple[str, str]]) -> list[dict[str, Any]]:
    rows, at = [], 0
    while at < len(data):
        row: dict[str, Any] = {}
        for name, kind in columns:
            tag, at = data[at : at + 1], at + 1
            size = int.from_bytes(data[at : at + 4], "big")
            if tag == b"\x00":
                row[name] = None
                continue
            value, at = data[at + 4 : at + 4 + size], at + 4 + size
            whole = tag == bytes([TAGS[kind]]) and at <= len(data)
            if not whole or (kind in ("integer", "time") and size != 8):
                raise RefusedError("E_ROW_PROOF", "a cell of another form")
            if kind == "text":
                try:
                    value.decode()
                except ValueError:
                    raise RefusedError("E_ROW_PROOF", "a text that is no UTF-8") from None
            row[name] = (
                int.from_bytes(value, "big", signed=True) if kind in ("integer", "time") else value
            )
        rows.append(row)
    return rows


def absence(found: dict[str, Any], m: dict[str, Any], report: Report) -> bytes:
    asked, count = bytes.fromhex(found["content_hash"]), m["documents"]
    leaves: list[tuple[int, list[bytes]]] = []
    size = -(-count // 256)
    for each in found["leaves"]:
        data, at = unbase64(each["leaf"]), each["index"]
        hashes = [data[i : i + 32] for i in range(0, len(data), 32)]
        if at >= size or len(data) != 32 * min(256, count - 256 * at) or hashes != sorted(hashes):
            raise RefusedError("E_ROW_PROOF", "a leaf of another length, or one that descends")
        path = [unbase64(step) for step in each["path"]]
        if leads(leaf(b"firsthand content-leaf v1\n", data), at, size, path) != bytes.fromhex(
            m["content_root"]
        ):
            raise RefusedError("E_ROW_PROOF", "a leaf is not in the tree")
        if asked in hashes:
            raise RefusedError("E_PRESENT", "a row has the text")
        leaves.append((at, hashes))
    if not leaves:
        holds = count == 0
    elif len(leaves) == 1:
        (at, hashes) = leaves[0]
        holds = (hashes[0] < asked or at == 0) and (hashes[-1] > asked or at == size - 1)
    else:
        (at, first), (then, second) = leaves
        holds = then == at + 1 and first[-1] < asked < second[0]
    report.check(holds, "E_ROW_PROOF", "the leaves do not show that the text is absent")
    return asked


# ------------------------------------------------------------------ what was given


def snapshot(folder: Path, level: str, asked: Asked, report: Report) -> None:
    envelope = form.plain(folder / "certificate.json", 16 * MEGA, "E_UNSIGNED")
    statement, keyid = opened(envelope, "snapshot", report)
    certificate(statement, report)
    told = statement["predicate"]
    try:
        found = form.plain(folder / "manifest.json", 16 * MEGA, "E_FILE_MISSING")
        report.check(
            found == canonical(told["manifest"]),
            "E_MANIFEST",
            "manifest.json is not the signed manifest",
        )
    except RefusedError as error:
        code, why = error.args
        report.fail("E_MANIFEST" if code == "E_LIMIT" else code, why)
    files = {
        item["name"]: item["digest"]["sha256"]
        for item in statement["subject"]
        if item["name"] != "snapshot"
    }
    data = folder / "data"
    linked = data.is_symlink()
    report.check(not linked, "E_FILE_EXTRA", "data is a link")
    listed = (
        {}
        if linked or not data.is_dir()
        else {f"data/{path.name}": path for path in data.iterdir()}
    )
    for name in sorted(set(listed) - set(files)):
        report.fail("E_FILE_EXTRA", f"{name} is not signed")
    for name, digest in files.items():
        if name not in listed or listed[name].is_symlink() or not listed[name].is_file():
            report.fail("E_FILE_MISSING", f"{name} is missing, or no plain file")
        elif level == "files":
            same = sha256(listed[name].read_bytes()).hex() == digest
            report.check(same, "E_FILE_DIGEST", f"{name} is another file")
    if level == "content" and not linked:
        content(folder, told, keyid, report)
    path = folder / "certificate.tlog-proof"
    logged = None
    if path.exists() or path.is_symlink():
        logged = trusting.log_proof(form.plain(path, MEGA))
    history(told, keyid, sha256(envelope).hex(), logged, asked, report)


def lone(path: Path, report: Report) -> None:
    found = Shard(path).statements
    if not found:
        raise RefusedError("E_UNSIGNED", "the shard has no statement")
    if len(found) > 1:
        raise RefusedError("E_ENVELOPE", "two statements")
    statement, keyid = shard_statement(found[0], report)
    told = statement["predicate"]
    _, read = read_shard(path, told["columns"], told["shard"], Rows(), report)
    if read:
        report.check(
            read[0].origins == told["origins"],
            "E_CLAIM_MISMATCH",
            "the origins are not those of the rows",
        )
        for why in read[1]:
            report.fail("E_STATISTICS", why)
    key_in_time(keyid, None, {}, report)
    asks = report.trust.quorum
    report.check(not asks, "E_WITNESS_QUORUM", f"{asks} witnesses are asked for, of a lone shard")


def _inside(file: Path, path: Path) -> bool:
    return path.is_dir() and file.resolve().is_relative_to(path.resolve())


def verify(
    path: Path,
    *,
    key: Path | None = None,
    trust: Path | None = None,
    level: str = "files",
    kept: Path | None = None,
    copy: Path | None = None,
    text: Path | None = None,
) -> tuple[int, list[str], list[str]]:
    """Exit code, reason codes, and sentences.

    Returns:
        The exit code of `firsthand verify`, the codes in the order they were found, and why.
    """
    report = Report(Trust())
    try:
        beside = next((each for each in (key, trust) if each and _inside(each, path)), None)
        if beside:
            report.open.append(
                f"{beside.name} came with what it is to vouch for, and counts for nothing"
            )
        else:
            report.trust = trusting.read_trust(key, trust)
        asked = Asked(kept, copy, text)
        if path.is_dir():
            snapshot(path, level, asked, report)
        else:
            if path.is_symlink():
                raise RefusedError("E_FILE_MISSING", f"{path.name} is a link")
            with path.open("rb") as file:
                begins = file.read(1)
            if begins == b"{":
                proof_of(form.plain(path, 32 * MEGA), asked, report)
            else:
                if asked.kept or asked.copy:
                    return 2, [], ["no log is about a lone shard"]
                lone(path, report)
    except RefusedError as error:
        report.failures.append(error.args)
    except (OpenError, OSError) as error:
        report.open.append(str(error))
    return (
        report.exit,
        [code for code, _ in report.failures],
        [*(why for _, why in report.failures), *report.open],
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Check a snapshot, a shard or a proof.")
    parser.add_argument("path", type=Path)
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--key", type=Path)
    given.add_argument("--trust", type=Path)
    parser.add_argument("--level", choices=("files", "content"), default="files")
    parser.add_argument("--checkpoint", type=Path, dest="kept")
    parser.add_argument("--log", type=Path, dest="copy")
    parser.add_argument("--text", type=Path)
    code, codes, why = verify(**vars(parser.parse_args()))
    sys.stdout.write(json.dumps({"exit": code, "codes": codes, "why": why}) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
