"""Certificates: build, parse and check the signed statements about a snapshot and its shards.

The *certificate* signs the manifest together with the digests of one set of files. A *shard
statement* travels in each shard's footer, so that one shard can be checked alone. Everything here
is hand-parsed, strictly, because the verifier must stay small.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Final, Self

from registry.core.attest import Envelope, PublicKey, Signer, Statement, Subject
from registry.core.digest import HASH_SUITE
from registry.core.exclusions import LeftOutForSets
from registry.core.manifest import (
    ORIGIN_NAMES,
    Column,
    Manifest,
    ShardEntry,
    Tally,
    parse_origins,
    total,
)
from registry.core.strict import ObjectReader
from registry.errors import InvalidInputError, VerificationError

PREDICATE_TYPE: Final = "https://firsthand.dev/certified-snapshot/v0"
SHARD_PREDICATE_TYPE: Final = "https://firsthand.dev/certified-shard/v0"
EVALUATIONS: Final = "evaluations"
SNAPSHOT_SUBJECT: Final = "snapshot"
NOT_ASSESSED: Final = "not_assessed"
NOT_PROVEN: Final = "This does not prove that any text was written by a person, or may be used."
UNITS: Final = ("bytes", "words", "documents", "tokens")
_SHARE = re.compile(r"[01](?:\.[0-9]{1,18})?")


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs, in their own words, and the key they sign with."""

    name: str
    url: str | None
    key: str

    @classmethod
    def parse(cls, value: Any, code: str = "E_ENVELOPE") -> Self:
        """Read an issuer."""
        got = ObjectReader(value, "the issuer", code, {"key", "name", "url"})
        return cls(got.text("name"), got.optional_text("url"), got.text("key"))


@dataclass(frozen=True, slots=True)
class HumanFraction:
    """The declared human share, exactly: `numerator` of `denominator` units.

    Attributes:
        of: The unit, one of `bytes words documents tokens`.
        count: The origins that count.
        numerator: Units that count.
        denominator: All units.
        at_least: The share that was asked for, as a decimal, or None.
    """

    of: str
    count: tuple[str, ...]
    numerator: int
    denominator: int
    at_least: str | None

    @property
    def value(self) -> Fraction:
        """Return the share; that of an empty snapshot is 0."""
        return Fraction(self.numerator, self.denominator) if self.denominator else Fraction(0)

    def to_json(self) -> dict[str, Any]:
        """Return the three numbers that always stand together; two are not assessed yet."""
        return {
            "asked": self.at_least,
            "audited": NOT_ASSESSED,
            "count": list(self.count),
            "declared": {"denominator": self.denominator, "numerator": self.numerator},
            "evidenced": NOT_ASSESSED,
            "of": self.of,
        }

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read the fraction and check that it keeps what was asked.

        Raises:
            VerificationError: `E_ENVELOPE`, or `E_FRACTION` when the share is below what the
                certificate says was asked for.
        """
        code, what = "E_ENVELOPE", "the human fraction"
        keys = {"asked", "audited", "count", "declared", "evidenced", "of"}
        got = ObjectReader(value, what, code, keys)
        got.constant("audited", NOT_ASSESSED, "E_VERSION")
        got.constant("evidenced", NOT_ASSESSED, "E_VERSION")
        share = ObjectReader(got.take("declared"), what, code, {"denominator", "numerator"})
        made = cls(
            got.text("of"),
            got.texts("count"),
            share.count("numerator"),
            share.count("denominator"),
            got.optional_text("asked"),
        )
        if made.of not in UNITS or not set(made.count) <= set(ORIGIN_NAMES):
            raise got.bad("has an unknown unit or origin")
        if len(set(made.count)) != len(made.count):
            raise got.bad("counts an origin twice")
        if made.numerator > made.denominator:
            raise VerificationError("the human share is larger than the whole", code="E_FRACTION")
        if made.at_least is not None:
            # `Fraction` also reads `1e999999999`, and would compute it.
            if not _SHARE.fullmatch(made.at_least) or (asked := Fraction(made.at_least)) > 1:
                raise got.bad("has no decimal from 0 to 1 in `asked`")
            if made.value < asked:
                raise VerificationError(
                    f"the certificate says {float(made.value):.4%} human, "
                    f"below the {float(asked):.4%} it says was asked for",
                    code="E_FRACTION",
                )
        return made


@dataclass(frozen=True, slots=True)
class Input:
    """A dataset version that documents were drawn from.

    Attributes:
        dataset: `team/name`.
        version: The version's number.
        content_root: The version's identity.
        documents: How many of its documents are in the snapshot.
        bytes: Their size.
        licenses: What is claimed for them, each SPDX expression once.
    """

    dataset: str
    version: int
    content_root: str
    documents: int
    bytes: int
    licenses: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the input as JSON values."""
        return asdict(self) | {"licenses": list(self.licenses)}

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read one input."""
        keys = {"bytes", "content_root", "dataset", "documents", "licenses", "version"}
        got = ObjectReader(value, "an input", "E_ENVELOPE", keys)
        return cls(
            got.text("dataset"),
            got.count("version"),
            got.digest("content_root"),
            got.count("documents"),
            got.count("bytes"),
            got.texts("licenses"),
        )


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the texts come to with one tokenizer, as the issuer counted.

    Attributes:
        tokenizer: SHA-256 of the `tokenizer.json`.
        by_origin: Tokens of the rows of each origin.
    """

    tokenizer: str
    by_origin: dict[str, int]

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read a count of tokens."""
        code = "E_ENVELOPE"
        got = ObjectReader(value, "the tokens", code, {"by_origin", "tokenizer"})
        sums = ObjectReader(
            got.take("by_origin"), "the tokens", code, set(got.mapping("by_origin"))
        )
        return cls(
            got.digest("tokenizer"), {name: sums.count(name) for name in got.mapping("by_origin")}
        )


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the issuer states about a snapshot.

    Attributes:
        manifest: The logical content.
        files: SHA-256 of each shard's file, by name.
        issuer: Who says so.
        issued_at: RFC 3339 time by the issuer's clock.
        human_fraction: The share, and what was asked.
        words: Words of the snapshot by origin, as the issuer counted them.
        tokens: Likewise its tokens, or None when no tokenizer was given.
        evaluations: What was left out for evaluation sets, or None where nothing is said of them.
        inputs: Where the documents came from.
        exact_duplicates_left_out: Copies that were not drawn because the text was drawn once.
        contested: Documents whose text some live claim calls human and another does not.
        builder: Versions of the programs that wrote the files.
        log_size: The size of the issuer's log that the inputs were read at.
    """

    manifest: Manifest
    files: dict[str, str]
    issuer: Issuer
    issued_at: str
    human_fraction: HumanFraction
    words: dict[str, int]
    inputs: tuple[Input, ...]
    exact_duplicates_left_out: int
    contested: int
    builder: dict[str, str]
    log_size: int
    tokens: Tokens | None = None
    evaluations: LeftOutForSets | None = None

    def to_statement(self) -> Statement:
        """Return the statement that gets signed."""
        subjects = [Subject(SNAPSHOT_SUBJECT, self.manifest.root)]
        subjects += [Subject(name, digest) for name, digest in sorted(self.files.items())]
        # Without anything to say the key is not there: as in certificates from before it.
        said = {} if self.evaluations is None else {EVALUATIONS: self.evaluations.to_json()}
        return Statement(
            tuple(subjects),
            PREDICATE_TYPE,
            {
                "builder": self.builder,
                "checkpoint": None,
                "contested": self.contested,
                "deduplication": {"exact_duplicates_left_out": self.exact_duplicates_left_out},
                "human_fraction": self.human_fraction.to_json(),
                "inputs": [item.to_json() for item in self.inputs],
                "issued_at": self.issued_at,
                "issuer": asdict(self.issuer),
                "log_size": self.log_size,
                "manifest": self.manifest.to_json(),
                "not_proven": NOT_PROVEN,
                "supersedes": None,
                "tokens": None if self.tokens is None else asdict(self.tokens),
                "words": self.words,
            }
            | said,
        )

    @classmethod
    def parse(cls, statement: Statement) -> Self:
        """Read a certificate and check that its parts agree with one another.

        Raises:
            VerificationError: `E_PREDICATE_TYPE`, `E_VERSION`, `E_ENVELOPE`, `E_MANIFEST`,
                `E_CLAIM_MISMATCH` or `E_FRACTION`.
        """
        check_predicate_type(statement, PREDICATE_TYPE)
        code = "E_ENVELOPE"
        keys = {
            "builder", "checkpoint", "contested", "deduplication", "human_fraction", "inputs",
            "issued_at", "issuer", "log_size", "manifest", "not_proven", "supersedes", "tokens",
            "words",
        }  # fmt: skip
        says = EVALUATIONS in statement.predicate
        if says:
            keys.add(EVALUATIONS)
        got = ObjectReader(statement.predicate, "the certificate", code, keys)
        if got.take("checkpoint") is not None or got.take("supersedes") is not None:
            raise VerificationError(
                "the certificate has parts that this version of Firsthand cannot check",
                code="E_VERSION",
                hint="verify it with a newer version",
            )
        got.constant("not_proven", NOT_PROVEN, "E_VERSION")
        removed = ObjectReader(
            got.take("deduplication"),
            "the deduplication",
            code,
            {"exact_duplicates_left_out"},
        )
        words = ObjectReader(got.take("words"), "the words", code, set(got.mapping("words")))
        if not set(got.mapping("words")) <= set(ORIGIN_NAMES):
            raise got.bad("counts words of an unknown origin")
        builder = ObjectReader(
            got.take("builder"), "the builder", code, set(got.mapping("builder"))
        )
        made = cls(
            manifest=Manifest.parse(got.take("manifest")),
            files={item.name: item.sha256 for item in statement.subjects},
            issuer=Issuer.parse(got.take("issuer")),
            issued_at=got.text("issued_at"),
            human_fraction=HumanFraction.parse(got.take("human_fraction")),
            words={name: words.count(name) for name in got.mapping("words")},
            inputs=tuple(Input.parse(item) for item in got.items("inputs")),
            exact_duplicates_left_out=removed.count("exact_duplicates_left_out"),
            contested=got.count("contested"),
            builder={name: builder.text(name) for name in got.mapping("builder")},
            log_size=got.count("log_size"),
            tokens=None if got.take("tokens") is None else Tokens.parse(got.take("tokens")),
            evaluations=LeftOutForSets.parse(got.take(EVALUATIONS)) if says else None,
        )
        made._check()
        return made

    def _check(self) -> None:
        """Check subjects against the manifest, and take the snapshot itself out of `files`."""
        if self.files.pop(SNAPSHOT_SUBJECT, None) != self.manifest.root:
            raise VerificationError(
                "the signed snapshot root is not that of the signed manifest",
                code="E_MANIFEST",
            )
        if set(self.files) != {shard.name for shard in self.manifest.shards}:
            raise VerificationError(
                "the signed files are not the shards of the signed manifest",
                code="E_MANIFEST",
            )
        sums, share = self.manifest.total, self.human_fraction
        if sum(item.documents for item in self.inputs) != sums.documents:
            raise _mismatch("the inputs do not add up to the documents")
        if sum(item.bytes for item in self.inputs) != sums.bytes:
            raise _mismatch("the inputs do not add up to the bytes")
        if self.evaluations is not None:
            inputs = {(item.dataset, item.version) for item in self.inputs}
            if not {item.name for item in self.evaluations.not_read} <= inputs:
                raise _mismatch("what was not read is no input")
        whole = {"bytes": sums.bytes, "documents": sums.documents}.get(share.of)
        if whole is not None and share.denominator != whole:
            raise _mismatch(f"the human fraction is not of all {share.of}")
        part = counted(self.manifest.origins, share.of, share.count)
        if part is not None and share.numerator != part:
            raise _mismatch("the human fraction is not what the origins add up to")
        if share.of in ("words", "tokens"):
            tokens = {} if self.tokens is None else self.tokens.by_origin
            _check_sums(share, self.words if share.of == "words" else tokens)


def _check_sums(share: HumanFraction, sums: dict[str, int]) -> None:
    """Check a share of units that the rows do not say, against their sums by origin."""
    if share.denominator != sum(sums.values()):
        raise _mismatch(f"the human fraction is not of all {share.of}")
    whole = sum(sums.get(name, 0) for name in share.count if name != "mixed")
    if not whole <= share.numerator <= whole + sums.get("mixed", 0):
        raise _mismatch(f"the human fraction is not what the {share.of} add up to")


def _mismatch(message: str) -> VerificationError:
    return VerificationError(message, code="E_CLAIM_MISMATCH")


def counted(origins: dict[str, Tally], of: str, count: tuple[str, ...]) -> int | None:
    """Return the units that count towards the human share, or None where rows do not say.

    A mixed document counts with its human bytes, and as no whole document.
    """
    if of == "documents":
        return sum(origins[name].documents for name in count if name in origins)
    if of != "bytes":
        return None
    whole = sum(origins[name].bytes for name in count if name in origins and name != "mixed")
    parts = origins.get("mixed", Tally()).human_bytes if "human" in count else 0
    return whole + parts


def check_predicate_type(statement: Statement, expected: str) -> None:
    """Refuse a statement about something else.

    Raises:
        VerificationError: `E_PREDICATE_TYPE`, or `E_VERSION` for another version of ours.
    """
    if statement.predicate_type == expected:
        return
    ours = statement.predicate_type.rpartition("/")[0] == expected.rpartition("/")[0]
    raise VerificationError(
        f"the statement is a `{statement.predicate_type[:100]}`, expected `{expected}`",
        code="E_VERSION" if ours else "E_PREDICATE_TYPE",
    )


@dataclass(frozen=True, slots=True)
class ShardStatement:
    """What the issuer states about one shard, inside its own footer.

    Attributes:
        snapshot_root: The snapshot that the shard belongs to.
        index: Its position there, from 0.
        shard: Its name, rows and record root.
        columns: What it holds, in order.
        origins: What its rows add up to.
        issuer: Who says so.
    """

    snapshot_root: str
    index: int
    shard: ShardEntry
    columns: tuple[Column, ...]
    origins: dict[str, Tally]
    issuer: Issuer

    def to_statement(self) -> Statement:
        """Return the statement that gets signed."""
        return Statement(
            (Subject(self.shard.name, self.shard.record_root),),
            SHARD_PREDICATE_TYPE,
            {
                "columns": [asdict(column) for column in self.columns],
                "hash": HASH_SUITE,
                "index": self.index,
                "issuer": asdict(self.issuer),
                "origins": {name: asdict(tally) for name, tally in self.origins.items()},
                "shard": asdict(self.shard),
                "snapshot_root": self.snapshot_root,
            },
        )

    @classmethod
    def parse(cls, statement: Statement) -> Self:
        """Read a shard statement and check that its parts agree with one another.

        Raises:
            VerificationError: `E_PREDICATE_TYPE`, `E_VERSION`, `E_ENVELOPE`, `E_MANIFEST` or
                `E_CLAIM_MISMATCH`.
        """
        check_predicate_type(statement, SHARD_PREDICATE_TYPE)
        code = "E_ENVELOPE"
        keys = {
            "columns",
            "hash",
            "index",
            "issuer",
            "origins",
            "shard",
            "snapshot_root",
        }
        got = ObjectReader(statement.predicate, "the shard statement", code, keys)
        got.constant("hash", HASH_SUITE, "E_VERSION")
        made = cls(
            got.digest("snapshot_root"),
            got.count("index"),
            ShardEntry.parse(got.take("shard")),
            tuple(Column.parse(item, code) for item in got.items("columns")),
            parse_origins(got.mapping("origins"), code),
            Issuer.parse(got.take("issuer")),
        )
        if statement.subjects != (Subject(made.shard.name, made.shard.record_root),):
            raise _mismatch("the shard statement is not about its own shard")
        if total(made.origins).documents != made.shard.rows:
            raise _mismatch("the shard's origins do not add up to its rows")
        return made


def sign(signer: Signer, statement: Statement) -> bytes:
    """Return the canonical bytes of the signed envelope."""
    return signer.sign(statement).to_bytes()


def open_envelope(data: bytes, key: PublicKey | None) -> tuple[Statement, PublicKey]:
    """Return the signed statement and the key that verified it.

    Without a key the one inside the statement is used: that shows the content is whole, not who
    signed it. The caller must say so.

    Raises:
        VerificationError: Any reason of the envelope, key and signature.
    """
    envelope = Envelope.parse(data)
    statement = key.open(envelope) if key is not None else Statement.parse(envelope.payload)
    issuer = Issuer.parse(statement.predicate.get("issuer"))
    try:
        own = PublicKey.parse(issuer.key.encode("utf-8"), name="issuer.key")
    except (InvalidInputError, UnicodeError) as error:
        raise VerificationError(
            "the issuer's own key is not a public key", code="E_ENVELOPE"
        ) from error
    if own.keyid != envelope.keyid:
        raise VerificationError(
            f"the issuer's own key is {own.keyid[:16]}…, "
            f"but the envelope names key {envelope.keyid[:16]}…",
            code="E_ENVELOPE",
        )
    return (own.open(envelope) if key is None else statement), own
