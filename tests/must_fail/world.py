"""The good world that every case bends: a snapshot in a log, who signs it, and copies of both.

It is built once, into a folder; each case gets a copy of the folder and of the objects it was made
from. Keys and times are fixed, so that two runs differ only in what a time-stamp authority says.
"""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import importlib.util
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from registry import proving, tokens
from registry.core.attest import Signer, Statement
from registry.core.certificate import Certificate, Input
from registry.core.digest import canonical, digest_of
from registry.core.logproof import LogProof
from registry.core.note import NoteSigner
from registry.core.rowproof import AbsenceProof, RowProof
from registry.core.trust import CertificateKey, LogKey, TimestampRoot, Trust, Witness
from tests import logs, snapshots
from tests.logs import Log
from tests.must_fail.case import Case
from tests.snapshots import OTHER, SIGNER, Row, Snapshot
from tests.tsa import OPENSSL, Authority

ISSUED: Final = "2025-03-02T09:30:00Z"
ISSUED_AT: Final = dt.datetime.fromisoformat(ISSUED)
BEGIN: Final = dt.datetime(2025, 3, 1, 9, 0, tzinfo=dt.UTC)
ENTRY_TIME: Final = ISSUED_AT + dt.timedelta(seconds=2)
SEEN: Final = ISSUED_AT + dt.timedelta(hours=1)
"""When witnesses saw the checkpoint of the proof."""
LATER: Final = ISSUED_AT + dt.timedelta(days=30)
"""When they saw the newest one."""
DAY: Final = dt.timedelta(days=1)

READ_AT: Final = 300
"""How many entries the log had when the inputs were read."""
ENTRY: Final = 300
PROVEN: Final = 302
SIZE: Final = 640

LOG_SIGNER: Final = logs.LOG_SIGNER
WITNESSES: Final = logs.WITNESSES
STRANGER: Final = NoteSigner(logs.ORIGIN, logs.key("a stranger"))

SNAPSHOT, KEY, TRUST, LOG = "snapshot", "key.pem", "trust.json", "log"
CHECKPOINT, TEXT, PROOF = "older.checkpoint", "text.bin", "certificate.tlog-proof"


@dataclass(slots=True)
class World:
    """What was built, and never changes.

    Attributes:
        folder: Where `snapshot`, `newer` and `log` are.
        snapshot: The good snapshot.
        newer: The one that takes its place, at the end of the log.
        log: The log, with an entry for each of them and many others.
        roots: Time-stamp authorities that trust files name; none without openssl.
        stranger: An authority that nobody trusts.
        token: A time stamp of the checkpoint in the proof.
    """

    folder: Path
    snapshot: Snapshot
    newer: Snapshot
    log: Log
    roots: tuple[TimestampRoot, ...] = ()
    authority: Authority | None = None
    stranger: Authority | None = None
    token: bytes = b""


def rows() -> list[Row]:
    """Return 750 documents of every origin, from two versions, with an empty and a repeated one."""
    origins = ("human", "human", "human", "mixed", "ai", "assisted", "programmatic", "unknown")
    made = [
        snapshots.row(
            f"Document {at}: naïve café, 漢字. " + "It rained. " * (at % 5),
            origins[at % len(origins)],
            version=1 + at % 2,
        )
        for at in range(750)
    ]
    made[7] = snapshots.row("", "human", version=2, not_before=None, not_after=None, license=None)
    made[16] = snapshots.row(made[0]["text"], "human", version=1)
    return made


def _log() -> Log:
    log = Log()
    log.add("key.created", time=BEGIN, tables=["signing_keys"])
    for at in (1, 2):
        log.add(
            "version.registered",
            time=BEGIN + at * dt.timedelta(minutes=1),
            tables=["dataset_versions", "locations"],
        )
    claims(log, READ_AT, BEGIN)
    return log


def claims(log: Log, size: int, begin: dt.datetime) -> None:
    """Fill a log up with claims, a minute each."""
    while log.size < size:
        log.add(time=begin + log.size * dt.timedelta(minutes=1))


def exported(certificate: Certificate, digest: str, **facts: Any) -> dict[str, Any]:
    """Return the facts of the entry of a certificate."""
    said = {
        "certificate": digest,
        "plan": certificate.manifest.plan,
        "snapshot_root": certificate.manifest.root,
    }
    if certificate.supersedes is not None:
        said["supersedes"] = certificate.supersedes
    return said | facts


def write_snapshot(
    path: Path, parts: Sequence[Sequence[Row]], signer: Signer = SIGNER, **changed: Any
) -> Snapshot:
    """Write a snapshot folder without a proof; `changed` are fields of the certificate."""
    shutil.rmtree(path, ignore_errors=True)
    kept = [list(part) for part in parts]
    manifest = snapshots.manifest_of(kept)
    (path / "data").mkdir(parents=True)
    files = {}
    for index, (entry, part) in enumerate(zip(manifest.shards, kept, strict=True)):
        envelope = snapshots.shard_envelope(manifest, index, part, signer)
        snapshots.write_shard(path / entry.name, part, envelope, group=256)
        files[entry.name] = sha256(path / entry.name)
    certificate = snapshots.certificate_of(manifest, kept, files, signer)
    certificate = replace(certificate, **{"issued_at": ISSUED} | changed)
    (path / "manifest.json").write_bytes(manifest.to_bytes())
    (path / "README.md").write_text("# A snapshot\n", encoding="utf-8")
    made = Snapshot(path, kept, certificate, signer)
    made.sign(certificate)
    return made


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build(folder: Path) -> World:
    """Build the good world into an empty folder."""
    log, everything = _log(), rows()
    parts = [everything[:600], everything[600:]]
    state = log.state(READ_AT)
    first = write_snapshot(folder / SNAPSHOT, parts, log=state)
    digest = sha256(first.path / "certificate.json")
    log.add("snapshot.exported", time=ENTRY_TIME, facts=exported(first.certificate, digest))
    claims(log, PROVEN, ISSUED_AT)
    prove(first.path, log, ENTRY, PROVEN)
    claims(log, SIZE, ISSUED_AT)
    log.publish(folder / LOG, witnesses=WITNESSES, time=LATER)
    newer = _newer(folder, log, parts, digest)
    world = World(folder, first, newer, log)
    if can_stamp():
        world.authority = Authority.create(folder / "tsa")
        world.stranger = Authority.create(folder / "stranger", "Nobody's TSA")
        pem = world.authority.root.read_text("ascii")
        world.roots = (TimestampRoot("Test TSA", pem),)
        text = log.head(PROVEN).to_bytes()
        world.token = world.authority.reply(tokens.request(text, nonce=7))
    return world


def _newer(folder: Path, log: Log, parts: list[list[Row]], digest: str) -> Snapshot:
    """Write the snapshot that takes the place of the first, with its proof."""
    after = logs.Log(list(log.leaves))
    fewer = [parts[0][:-1], parts[1]]
    issued = (LATER + DAY).isoformat().replace("+00:00", "Z")
    made = write_snapshot(
        folder / "newer", fewer, issued_at=issued, log=after.state(), supersedes=digest
    )
    own = sha256(made.path / "certificate.json")
    after.add("snapshot.exported", time=LATER + DAY, facts=exported(made.certificate, own))
    prove(made.path, after, after.size - 1, after.size, time=LATER + 2 * DAY)
    after.publish(folder / "superseding", witnesses=WITNESSES, time=LATER + 2 * DAY)
    return made


def prove(path: Path, log: Log, index: int, size: int, **signed: Any) -> None:
    """Write the proof of an entry beside a certificate, cosigned by two witnesses."""
    options = {"witnesses": WITNESSES[:2], "time": SEEN} | signed
    (path / PROOF).write_bytes(log.proof(index, size, **options).to_bytes())


def can_stamp() -> bool:
    """Return whether time stamps can be made and checked here."""
    return OPENSSL is not None and importlib.util.find_spec("rfc3161_client") is not None


@dataclass(slots=True)
class Bench:
    """The world of one case, to bend.

    Attributes:
        world: What it was copied from.
        folder: The folder of the case.
        snapshot: The snapshot in it, and what it was made from.
        log: The log, in memory.
        entry: The position of the certificate's entry.
        proven: The size of the checkpoint in the proof.
        given: What the verifier is given: names of files in the folder.
    """

    world: World
    folder: Path
    snapshot: Snapshot
    log: Log
    entry: int = ENTRY
    proven: int = PROVEN
    given: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World, folder: Path, case: Case) -> Bench:
        """Copy the world for a case; the folder must not be there yet."""
        folder.mkdir(parents=True)
        shutil.copytree(world.folder / SNAPSHOT, folder / SNAPSHOT)
        good = world.snapshot
        made = cls(
            world,
            folder,
            Snapshot(
                folder / SNAPSHOT,
                [[dict(item) for item in part] for part in good.parts],
                good.certificate,
                good.signer,
            ),
            Log(list(world.log.leaves), world.log.signer, world.log.witnesses),
            given={"path": SNAPSHOT},
        )
        if case.level is not None:
            made.given["level"] = case.level
        for word in case.given:
            getattr(made, f"give_{word}")()
        return made

    # What the verifier is given.

    def give_key(self, signer: Signer = SIGNER) -> None:
        """Give the public key of a signer."""
        (self.folder / KEY).write_text(signer.public.pem, encoding="ascii")
        self.given["key"] = KEY

    def give_trust(self, **changed: Any) -> None:
        """Give a trust in all who sign here, with two of three witnesses; or with changes."""
        standard = Trust(
            certificates=(CertificateKey(SIGNER.public),),
            logs=(LogKey(LOG_SIGNER.public),),
            witnesses=tuple(Witness(item.public) for item in WITNESSES),
            quorum=2,
            timestamps=self.world.roots,
        )
        (self.folder / TRUST).write_bytes(replace(standard, **changed).to_bytes())
        self.given["trust"] = TRUST

    def give_log(self) -> None:
        """Give the published copy of the log, with 640 entries."""
        shutil.copytree(self.world.folder / LOG, self.folder / LOG)
        self.given["log"] = LOG

    def give_superseding_log(self) -> None:
        """Give the copy of the log in which the newer snapshot takes the place of the first."""
        shutil.rmtree(self.folder / LOG, ignore_errors=True)
        shutil.copytree(self.world.folder / "superseding", self.folder / LOG)
        self.given["log"] = LOG

    def give_checkpoint(self, size: int = 280, log: Log | None = None, **signed: Any) -> None:
        """Give an older checkpoint, cosigned by two witnesses."""
        options: dict[str, Any] = {"witnesses": WITNESSES[:2], "time": ISSUED_AT} | signed
        note = (log or self.log).note(size, **options)
        (self.folder / CHECKPOINT).write_bytes(note.to_bytes())
        self.given["checkpoint"] = CHECKPOINT

    def give_text(self, text: bytes) -> None:
        """Give a text that a proof should be about."""
        (self.folder / TEXT).write_bytes(text)
        self.given["text"] = TEXT

    # Handles.

    @property
    def path(self) -> Path:
        """The folder of the snapshot."""
        return self.snapshot.path

    @property
    def certificate(self) -> Certificate:
        """What was signed."""
        return self.snapshot.certificate

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The certificate's inputs: versions 1 and 2."""
        return self.certificate.inputs

    @property
    def envelope(self) -> Path:
        """The file of the certificate."""
        return self.path / "certificate.json"

    @property
    def proof(self) -> Path:
        """The file of the proof from the log."""
        return self.path / PROOF

    def patch(self, path: Path, change: Callable[[bytes], bytes]) -> None:
        """Replace a file by what a function makes of it; it must be something else."""
        data = path.read_bytes()
        made = change(data)
        assert made != data
        path.write_bytes(made)

    def json(self, path: Path, change: Callable[[dict[str, Any]], object]) -> None:
        """Change a JSON file, canonical before and after."""
        value = json.loads(path.read_bytes())
        change(value)
        path.write_bytes(canonical(value))

    def certify(self, changed: Certificate | Statement, signer: Signer = SIGNER) -> None:
        """Sign another certificate, and log it in the place of the first one."""
        self.snapshot.sign(changed, signer)
        if isinstance(changed, Certificate):
            self.snapshot.certificate = changed
        self.enter()

    def enter(self, *, time: dt.datetime = ENTRY_TIME, **facts: Any) -> None:
        """Replace the certificate's entry by one about it as it is now; prove it again."""
        said = exported(self.certificate, sha256(self.envelope), **facts)
        said = {name: value for name, value in said.items() if value is not None}
        self.log.leaves[self.entry] = logs.leaf("snapshot.exported", time, said)
        self.prove()
        if "log" in self.given:
            self.publish()

    def prove(self, proof: LogProof | None = None, **signed: Any) -> None:
        """Write the proof again; `signed` says by whom its checkpoint is signed, and when."""
        if proof is not None:
            self.proof.write_bytes(proof.to_bytes())
        else:
            prove(self.path, self.log, self.entry, self.proven, **signed)

    def proof_of(self, index: int = ENTRY, size: int = PROVEN, **signed: Any) -> LogProof:
        """Return the proof of an entry, signed as the good one is."""
        return self.log.proof(index, size, **{"witnesses": WITNESSES[:2], "time": SEEN} | signed)

    def publish(
        self,
        log: Log | None = None,
        size: int | None = None,
        *,
        hashes_only: bool = False,
        **signed: Any,
    ) -> None:
        """Write the copy of the log again."""
        shutil.rmtree(self.folder / LOG, ignore_errors=True)
        options = {"witnesses": WITNESSES[:2], "time": LATER} | signed
        (log or self.log).publish(self.folder / LOG, size, hashes_only=hashes_only, **options)
        self.given["log"] = LOG

    def predicate(
        self, change: Callable[[dict[str, Any]], object], signer: Signer = SIGNER
    ) -> None:
        """Sign and log a certificate whose predicate was changed as JSON."""
        statement = self.certificate.to_statement()
        said = copy.deepcopy(statement.predicate)
        change(said)
        self.certify(replace(statement, predicate=said), signer)

    def manifest(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Sign and log a certificate about another manifest, and put that in its place."""
        statement = self.certificate.to_statement()
        said = copy.deepcopy(statement.predicate)
        change(said["manifest"])
        root = digest_of(said["manifest"])
        first, *files = statement.subjects
        subjects = (replace(first, sha256=root), *files)
        self.certify(replace(statement, predicate=said, subjects=subjects))
        (self.path / "manifest.json").write_bytes(canonical(said["manifest"]))

    def issue(
        self, parts: Sequence[Sequence[Row]], signer: Signer = SIGNER, **changed: Any
    ) -> None:
        """Make another snapshot of other rows in the place of the first; sign and log it."""
        options = {"log": self.log.state(READ_AT)} | changed
        self.snapshot = write_snapshot(self.path, parts, signer, **options)
        self.enter()

    def rewrite(self, index: int, documents: Sequence[Row], **options: Any) -> None:
        """Write one shard again with other rows, under the old signatures."""
        self.snapshot.rewrite(index, documents, **{"group": 256} | options)

    def rewrite_with(self, index: int, envelope: bytes | None, **options: Any) -> None:
        """Write one shard again with the same rows and another statement in its footer."""
        documents = self.snapshot.parts[index]
        path = self.snapshot.shards[index]
        snapshots.write_shard(path, documents, envelope, **{"group": 256} | options)

    def lone(self, index: int = 0) -> Path:
        """Give a shard that travels alone instead of the snapshot; return its file."""
        path = self.folder / self.snapshot.shards[index].name
        shutil.copyfile(self.snapshot.shards[index], path)
        shutil.rmtree(self.path)
        self.given["path"] = path.name
        return path

    def give_row(self, number: int, *, with_text: bool = False) -> RowProof:
        """Give the proof of a row instead of the snapshot; return it."""
        made = proving.row(self.path, number, with_text=with_text)
        self.give_proof(made)
        return made

    def give_absence(self, content_hash: bytes) -> AbsenceProof:
        """Give the proof that no row has a text instead of the snapshot; return it."""
        made = proving.absent(self.path, content_hash)
        self.give_proof(made)
        return made

    def give_proof(self, proof: RowProof | AbsenceProof) -> None:
        """Give a proof instead of the snapshot."""
        (self.folder / "x.proof").write_bytes(proof.to_bytes())
        self.given["path"] = "x.proof"

    def finish(self) -> None:
        """Leave only what is given."""
        if self.given["path"] != SNAPSHOT and Path(self.given["path"]).parts[0] != SNAPSHOT:
            shutil.rmtree(self.path, ignore_errors=True)


def run(world: World, folder: Path, case: Case) -> dict[str, str]:
    """Make the folder of a case; return what the verifier is given."""
    bench = Bench.of(world, folder, case)
    case.build(bench)
    bench.finish()
    return bench.given


__all__ = ["OTHER", "SIGNER", "Bench", "World", "build", "run"]
