"""What a verification found: the report, its verdict and its JSON document."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from registry.core.certificate import NOT_PROVEN, Certificate, ShardStatement
from registry.core.manifest import total
from registry.errors import InvalidInputError, RegistryError, UnavailableError, VerificationError
from registry.verify.found import CopySeen, LogFound, Token, shown
from registry.verify.shown import Shown

REPORT_TYPE: Final = "firsthand-verification/v1"


class Level(StrEnum):
    """How deep to look.

    FILES compares every file with its signed digest. CONTENT reads every row, hashes its text and
    recomputes roots, counts and footer statistics; the same rows in other files are fine then.
    """

    FILES = "files"
    CONTENT = "content"


class Verdict(StrEnum):
    """The answer."""

    VALID = "valid"
    REFUSED = "refused"
    UNDECIDED = "undecided"


_EXIT_CODES: Final = {Verdict.VALID: 0, Verdict.UNDECIDED: 1, Verdict.REFUSED: 3}


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that does not hold.

    Attributes:
        code: The stable reason code.
        message: What was found and what was expected.
        hint: What to do next, or None.
        file: The file it is about, relative to the snapshot, or None.
    """

    code: str
    message: str
    hint: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that kept us from deciding: no key was given, a disk did not answer."""

    message: str
    hint: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Who signed, as far as the signature shows it.

    Attributes:
        keyid: SHA-256 of the public key.
        pinned: Whether the caller gave this key. A key found beside the snapshot never counts.
        name: What the issuer calls itself; nobody else says so.
        url: The address it gives.
        found: Where the same key was found beside the snapshot.
    """

    keyid: str
    pinned: bool
    name: str
    url: str | None
    found: tuple[str, ...]

    def to_json(self, *, refused: bool) -> dict[str, Any]:
        """Return the signer as JSON values; of a refused snapshot without what it calls itself."""
        made = asdict(self) | {"attested_by": "self", "found": list(self.found)}
        return made | ({"name": None, "url": None} if refused else {})


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, of how much.

    Attributes:
        files: Shards that hold.
        files_of: Shards the signed statement lists.
        bytes: Bytes of shard files read.
        rows: Rows read; 0 at level FILES.
        rows_of: Rows the signed statement lists.
        statistics: Footer statistics recomputed.
        shard_statements: Shards whose own signed statement holds.
    """

    files: int = 0
    files_of: int = 0
    bytes: int = 0
    rows: int = 0
    rows_of: int = 0
    statistics: int = 0
    shard_statements: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found.

    Attributes:
        kind: `snapshot`, `shard` for a shard that travels alone, or `proof`.
        level: The level reached if nothing failed.
        failures: What does not hold, in the order found; the first names the verdict.
        obstacles: What kept us from deciding.
        signer: Who signed, or None if no signature was found to hold.
        certificate: What is signed about the snapshot, or None.
        statement: What is signed about the lone shard, or None.
        checked: What was looked at.
        not_covered: Files and parts that no signature covers.
        notes: What is unusual and no failure.
        log: What the proof from the log shows, or None if there is none that holds.
        copy: What the copy of the log is that the caller gave, or None.
        older: The size of the caller's older checkpoint if the log goes on from it, or None.
        tokens: Time stamps beside the certificate.
        as_of: The time of the newest log entry that was seen, or None.
        proven: What a proof of a row or of absence shows, or None.
    """

    kind: str
    level: Level
    failures: tuple[Failure, ...]
    obstacles: tuple[Obstacle, ...]
    signer: SignedBy | None
    certificate: Certificate | None
    statement: ShardStatement | None
    checked: Checked
    not_covered: tuple[str, ...]
    notes: tuple[str, ...]
    log: LogFound | None = None
    copy: CopySeen | None = None
    older: int | None = None
    tokens: tuple[Token, ...] = ()
    as_of: dt.datetime | None = None
    proven: Shown | None = None

    @property
    def verdict(self) -> Verdict:
        """Return the answer: any failure refuses, and missing evidence is never success."""
        if self.failures:
            return Verdict.REFUSED
        if self.obstacles or self.signer is None or not self.signer.pinned:
            return Verdict.UNDECIDED
        return Verdict.VALID

    @property
    def exit_code(self) -> int:
        """Return 0 for valid, 3 for refused, 1 for undecided."""
        return _EXIT_CODES[self.verdict]

    def require(self) -> Self:
        """Return this report if the verdict is valid.

        Raises:
            VerificationError: Refused; the code is that of the first failure.
            InvalidInputError: Undecided, because no trusted key was given.
            UnavailableError: Undecided, because something could not be read.
        """
        if self.failures:
            first = self.failures[0]
            where = f"`{first.file}`: " if first.file else ""
            more = len(self.failures) - 1
            rest = f" (and {more} more)" if more else ""
            raise VerificationError(
                f"{where}{first.message}{rest}", code=first.code, hint=first.hint
            )
        if self.verdict is Verdict.VALID:
            return self
        for obstacle in self.obstacles:
            kind: type[RegistryError] = UnavailableError
            if self.signer is not None and not self.signer.pinned and obstacle.file is None:
                kind = InvalidInputError
            raise kind(obstacle.message, hint=obstacle.hint)
        raise UnavailableError("the signature could not be checked")

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values. Of a refused snapshot, no statement is repeated."""
        refused = self.verdict is Verdict.REFUSED
        return {
            "type": REPORT_TYPE,
            "verdict": self.verdict.value,
            "exit_code": self.exit_code,
            "kind": self.kind,
            "level": self.level.value,
            "failures": [asdict(item) for item in self.failures],
            "undecided": [asdict(item) for item in self.obstacles],
            "signer": None if self.signer is None else self.signer.to_json(refused=refused),
            "checked": asdict(self.checked),
            "proven": None if refused or self.proven is None else self.proven.to_json(),
            "declared": self._declared(),
            "not_covered": list(self.not_covered),
            "as_of": None if refused or self.as_of is None else shown(self.as_of),
            "log": None if refused or self.log is None else self.log.to_json(),
            "copy": None if refused or self.copy is None else self.copy.to_json(),
            "older_checkpoint": None if refused else self.older,
            "tokens": [] if refused else [item.to_json() for item in self.tokens],
            "not_known": list(self.not_known),
            "notes": list(self.notes),
            "not_proven": NOT_PROVEN,
        }

    @property
    def not_known(self) -> tuple[str, ...]:
        """Return what was not checked and could be, and what nobody could check."""
        if self.kind == "shard":
            found = ["whether the snapshot it is of was superseded, and when it was made"]
        elif self.copy is not None and self.copy.entries:
            claims = f"; {self.copy.claims:,} came, and the log does not say about what"
            found = [
                "what the claims after the snapshot are about" + claims
                if self.copy.claims
                else "disputes or withdrawals after the newest entry of the log"
            ]
        elif self.copy is not None:
            found = ["later disputes or newer certificates: the copy of the log has only hashes"]
        else:
            found = ["disputes, withdrawals or newer certificates since it was made"]
        if self.kind != "shard" and self.log is None:
            found.append("whether the issuer's log has this certificate, and since when")
        if self.log is not None and not self.log.signed:
            found.append(
                "whether the log is signed by its keeper"
                + (f": {self.log.why_not}" if self.log.why_not else "")
            )
        if self.log is not None and not self.log.witnesses:
            found.append("whether others saw the same log: no witness that you trust cosigned")
        found += [f"{it.file}: {it.not_checked}" for it in self.tokens if it.not_checked]
        return tuple(found)

    def _declared(self) -> dict[str, Any] | None:
        """Return what the signer says, or None where that must not be repeated."""
        if self.verdict is Verdict.REFUSED:
            return None
        if self.certificate is not None:
            said = self.certificate
            sums = said.manifest.total
            return {
                "snapshot_root": said.manifest.root,
                "content_root": said.manifest.content_root,
                "documents": sums.documents,
                "distinct": said.manifest.distinct,
                "empty": said.manifest.empty,
                "bytes": sums.bytes,
                "human_bytes": sums.human_bytes,
                "origins": {name: asdict(it) for name, it in said.manifest.origins.items()},
                "words": said.words,
                "tokens": None if said.tokens is None else asdict(said.tokens),
                "human_fraction": said.human_fraction.to_json(),
                "inputs": [item.to_json() for item in said.inputs],
                "contested": said.contested,
                "exact_duplicates_left_out": said.exact_duplicates_left_out,
                "evaluations": None if said.evaluations is None else said.evaluations.to_json(),
                "issued_at": said.issued_at,
                "grades": {
                    origin: {grade: asdict(it) for grade, it in row.items()}
                    for origin, row in said.grades.items()
                },
                "policy": said.policy.to_json(said.human_fraction),
                "log": said.log.to_json(),
                "supersedes": said.supersedes,
                "reissued": None if said.reissued is None else asdict(said.reissued),
                "builder": said.builder,
            }
        if self.statement is not None:
            shard = self.statement
            sums = total(shard.origins)
            return {
                "snapshot_root": shard.snapshot_root,
                "index": shard.index,
                "record_root": shard.shard.record_root,
                "documents": sums.documents,
                "bytes": sums.bytes,
                "human_bytes": sums.human_bytes,
                "origins": {name: asdict(it) for name, it in shard.origins.items()},
            }
        return None


@dataclass(slots=True)
class Findings:
    """Gathers what is found on the way; `report` closes it."""

    kind: str
    level: Level
    failures: list[Failure] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    signer: SignedBy | None = None
    certificate: Certificate | None = None
    statement: ShardStatement | None = None
    not_covered: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: int = 0
    files_of: int = 0
    bytes: int = 0
    rows: int = 0
    rows_of: int = 0
    statistics: int = 0
    shard_statements: int = 0
    log: LogFound | None = None
    copy: CopySeen | None = None
    older: int | None = None
    tokens: list[Token] = field(default_factory=list)
    as_of: dt.datetime | None = None
    proven: Shown | None = None

    def add(self, error: RegistryError, file: str | None = None) -> None:
        """Keep an error: a failure if it says so, else an obstacle."""
        if isinstance(error, VerificationError):
            self.failures.append(Failure(error.code, error.message, error.hint, file))
        else:
            self.obstacles.append(Obstacle(error.message, error.hint, file))

    def report(self) -> Report:
        """Return what was found."""
        return Report(
            kind=self.kind,
            level=self.level,
            failures=tuple(self.failures),
            obstacles=tuple(self.obstacles),
            signer=self.signer,
            certificate=self.certificate,
            statement=self.statement,
            checked=Checked(
                self.files,
                self.files_of,
                self.bytes,
                self.rows,
                self.rows_of,
                self.statistics,
                self.shard_statements,
            ),
            not_covered=tuple(self.not_covered),
            notes=tuple(self.notes),
            log=self.log,
            copy=self.copy,
            older=self.older,
            tokens=tuple(self.tokens),
            as_of=self.as_of,
            proven=self.proven,
        )
