"""The certificate: all that an issuer states about a snapshot, in one signed statement."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Self

from registry.core.attest import Statement, Subject
from registry.core.certificate.opening import check_predicate_type
from registry.core.certificate.parts import (
    NOT_ASSESSED,
    Grades,
    HumanFraction,
    Input,
    Issuer,
    LogState,
    Policy,
    Reissued,
    Tokens,
    check_grades,
    counted,
    lowest_grade,
    mismatch,
    parse_grades,
)
from registry.core.exclusions import LeftOutForSets
from registry.core.manifest import ORIGIN_NAMES, Manifest
from registry.core.strict import ObjectReader
from registry.errors import VerificationError

PREDICATE_TYPE: Final = "https://firsthand.dev/certified-snapshot/v1"
SNAPSHOT_SUBJECT: Final = "snapshot"
REISSUED: Final = "reissued"
"""A key that is there only where there is something to say."""
NOT_PROVEN: Final = "This does not prove that any text was written by a person, or may be used."


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
        inputs: Where the documents came from.
        grades: Documents and bytes by origin and date grade.
        log: The state of the issuer's log that the inputs were read at.
        policy: What the issuer says it went by.
        exact_duplicates_left_out: Copies that were not drawn because the text was drawn once.
        contested: Documents whose text some live claim calls human and another does not.
        builder: Versions of the programs that wrote the files.
        tokens: The snapshot's tokens, or None when no tokenizer was given.
        evaluations: What was left out for evaluation sets, or None where nothing is said of them.
        supersedes: SHA-256 of the certificate that this one takes the place of, or None.
        reissued: What became of the documents of that one, or None where nothing is said of it.
    """

    manifest: Manifest
    files: dict[str, str]
    issuer: Issuer
    issued_at: str
    human_fraction: HumanFraction
    words: dict[str, int]
    inputs: tuple[Input, ...]
    grades: Grades
    log: LogState
    exact_duplicates_left_out: int
    contested: int
    builder: dict[str, str]
    policy: Policy
    tokens: Tokens | None = None
    evaluations: LeftOutForSets | None = None
    supersedes: str | None = None
    reissued: Reissued | None = None

    def to_statement(self) -> Statement:
        """Return the statement that gets signed."""
        subjects = [Subject(SNAPSHOT_SUBJECT, self.manifest.root)]
        subjects += [Subject(name, digest) for name, digest in sorted(self.files.items())]
        evaluations, tokens = self.evaluations, self.tokens
        said = {} if self.reissued is None else {REISSUED: asdict(self.reissued)}
        return Statement(
            tuple(subjects),
            PREDICATE_TYPE,
            {
                "audits": NOT_ASSESSED,
                "builder": self.builder,
                "contested": self.contested,
                "deduplication": {
                    "exact_duplicates_left_out": self.exact_duplicates_left_out,
                    "near": NOT_ASSESSED,
                },
                "evaluations": NOT_ASSESSED if evaluations is None else evaluations.to_json(),
                "grades": {
                    origin: {grade: asdict(cell) for grade, cell in row.items()}
                    for origin, row in self.grades.items()
                },
                "human_fraction": self.human_fraction.to_json(),
                "inputs": [item.to_json() for item in self.inputs],
                "issued_at": self.issued_at,
                "issuer": asdict(self.issuer),
                "log": self.log.to_json(),
                "manifest": self.manifest.to_json(),
                "not_proven": NOT_PROVEN,
                "policy": self.policy.to_json(self.human_fraction),
                "supersedes": self.supersedes,
                "tokens": None if tokens is None else asdict(tokens),
                "words": self.words,
                **said,
            },
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
            "audits", "builder", "contested", "deduplication", "evaluations", "grades",
            "human_fraction", "inputs", "issued_at", "issuer", "log", "manifest", "not_proven",
            "policy", "supersedes", "tokens", "words",
        }  # fmt: skip
        if REISSUED in statement.predicate:
            keys.add(REISSUED)
        got = ObjectReader(statement.predicate, "the certificate", code, keys)
        # What a later version may fill: this one could not say whether it is true.
        got.constant("audits", NOT_ASSESSED, "E_VERSION")
        got.constant("not_proven", NOT_PROVEN, "E_VERSION")
        removed = ObjectReader(
            got.take("deduplication"),
            "the deduplication",
            code,
            {"exact_duplicates_left_out", "near"},
        )
        removed.constant("near", NOT_ASSESSED, "E_VERSION")
        evaluations = got.take("evaluations")
        words = ObjectReader(got.take("words"), "the words", code, set(got.mapping("words")))
        if not set(got.mapping("words")) <= set(ORIGIN_NAMES):
            raise got.bad("counts words of an unknown origin")
        builder = ObjectReader(
            got.take("builder"), "the builder", code, set(got.mapping("builder"))
        )
        fraction = HumanFraction.parse(got.take("human_fraction"))
        made = cls(
            manifest=Manifest.parse(got.take("manifest")),
            files={item.name: item.sha256 for item in statement.subjects},
            issuer=Issuer.parse(got.take("issuer")),
            issued_at=got.time("issued_at"),
            human_fraction=fraction,
            words={name: words.count(name) for name in got.mapping("words")},
            inputs=tuple(Input.parse(item) for item in got.items("inputs")),
            grades=parse_grades(got.take("grades")),
            log=LogState.parse(got.take("log")),
            exact_duplicates_left_out=removed.count("exact_duplicates_left_out"),
            contested=got.count("contested"),
            builder={name: builder.text(name) for name in got.mapping("builder")},
            policy=Policy.parse(got.take("policy"), fraction),
            tokens=None if got.take("tokens") is None else Tokens.parse(got.take("tokens")),
            evaluations=None if evaluations == NOT_ASSESSED else LeftOutForSets.parse(evaluations),
            supersedes=None if got.take("supersedes") is None else got.digest("supersedes"),
            reissued=Reissued.parse(got.take(REISSUED)) if REISSUED in keys else None,
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
        if self.reissued is not None:
            again = self.reissued
            if self.supersedes is None:
                raise mismatch("it says what left a snapshot whose place it does not take")
            if again.documents - again.left + again.added != sums.documents:
                raise mismatch("what left and what was added do not add up to the documents")
        if sum(item.documents for item in self.inputs) != sums.documents:
            raise mismatch("the inputs do not add up to the documents")
        if sum(item.bytes for item in self.inputs) != sums.bytes:
            raise mismatch("the inputs do not add up to the bytes")
        if self.evaluations is not None:
            inputs = {(item.dataset, item.version) for item in self.inputs}
            if not {item.name for item in self.evaluations.not_read} <= inputs:
                raise mismatch("what was not read is no input")
        self._check_dates()
        whole = {"bytes": sums.bytes, "documents": sums.documents}.get(share.of)
        if whole is not None and share.denominator != whole:
            raise mismatch(f"the human fraction is not of all {share.of}")
        part = counted(self.manifest.origins, share.of, share.count)
        if part is not None and share.numerator != part:
            raise mismatch("the human fraction is not what the origins add up to")
        if share.of in ("words", "tokens"):
            tokens = {} if self.tokens is None else self.tokens.by_origin
            _check_sums(share, self.words if share.of == "words" else tokens)

    def _check_dates(self) -> None:
        """Check grades and the log against origins and inputs."""
        check_grades(self.grades, self.manifest.origins)
        drawn = [item.grade for item in self.inputs if item.documents]
        if drawn and min(drawn) != lowest_grade(self.grades):
            raise mismatch("the grades of the inputs are not those of the documents")
        least = self.policy.minimum_date_grade
        if least is not None and drawn and min(drawn) < least:
            raise mismatch(f"dates are of grade {min(drawn)}, and the policy asks for {least}")
        if any(item.log_index >= self.log.size for item in self.inputs):
            raise mismatch("an input is not in the log at the state it was read at")


def _check_sums(share: HumanFraction, sums: dict[str, int]) -> None:
    """Check a share of units that the rows do not say, against their sums by origin."""
    if share.denominator != sum(sums.values()):
        raise mismatch(f"the human fraction is not of all {share.of}")
    whole = sum(sums.get(name, 0) for name in share.count if name != "mixed")
    if not whole <= share.numerator <= whole + sums.get("mixed", 0):
        raise mismatch(f"the human fraction is not what the {share.of} add up to")
