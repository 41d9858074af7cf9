"""Small snapshots for tests: real shards, a real certificate, and handles to bend them with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from registry import shards
from registry.core.attest import Signer, Statement
from registry.core.certificate import (
    Amount,
    Certificate,
    Grades,
    HumanFraction,
    Input,
    Issuer,
    LogState,
    Policy,
    ShardStatement,
    counted,
    sign,
)
from registry.core.logproof import LogProof
from registry.core.manifest import Manifest, ShardEntry, Tally, shard_name
from registry.core.merkle import content_root, shards_root
from registry.core.note import NoteSigner
from registry.core.trust import CertificateKey, LogKey, Trust, Window, Witness
from tests import logs

Row = dict[str, Any]

SIGNER: Final = Signer.parse(
    b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
""",
    name="test key",
)
OTHER: Final = Signer.parse(
    b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIEzNCJsouiuW0GwQ04atjzGm+BW8ObYo8uPS7QKF0aY5
-----END PRIVATE KEY-----
""",
    name="another test key",
)


def row(text: str, origin: str = "human", **other: Any) -> Row:
    """Return one document with its provenance; `other` overrides columns."""
    size = len(text.encode())
    made: Row = {
        "text": text,
        "content_hash": hashlib.sha256(text.encode()).digest(),
        "dataset": "local/forum",
        "version": 1,
        "origin": origin,
        "human_bytes": {"human": size, "mixed": size // 2}.get(origin, 0),
        "generator": "gpt-4" if origin in ("ai", "mixed") else None,
        "not_before": datetime(2019, 2, 1, tzinfo=UTC),
        "not_after": datetime(2021, 8, 31, 23, 59, 59, 999999, tzinfo=UTC),
        "license": "MIT",
    } | other
    made.setdefault("date_grade", "E0" if made["not_after"] is None else "E1")
    return made


def rows(count: int = 40) -> list[Row]:
    """Return a story of every origin, in several scripts, with an empty text and a repetition."""
    origins = ("human", "human", "human", "mixed", "ai", "assisted", "programmatic", "unknown")
    made = [
        row(
            f"Document {at}: " + "naïve café, 漢字, ภาษา. " * (at % 7),
            origins[at % len(origins)],
            version=1 + at % 2,
        )
        for at in range(count)
    ]
    if count > 2:
        made[1] = row("", "human", not_before=None, not_after=None, license=None)
        made[2] = row(made[0]["text"], "human")
    return made


def table(documents: Sequence[Row]) -> pa.Table:
    """Return documents as Arrow, with the columns of a shard."""
    return pa.Table.from_pylist(list(documents), schema=shards.SCHEMA)


def tallies(documents: Sequence[Row]) -> dict[str, Tally]:
    """Return what documents add up to by origin, in plain Python."""
    made: dict[str, Tally] = {}
    for item in documents:
        tally = Tally(1, len(item["text"].encode()), item["human_bytes"])
        made[item["origin"]] = made.get(item["origin"], Tally()) + tally
    return made


def record_root(documents: Sequence[Row]) -> bytes:
    """Return the record root of one shard."""
    tree = shards.RecordTree()
    for batch in table(documents).to_batches():
        tree.add(batch)
    return tree.root()


def manifest_of(parts: Sequence[Sequence[Row]]) -> Manifest:
    """Return the manifest of shards with these documents."""
    everything = [item for part in parts for item in part]
    hashes = sorted(item["content_hash"] for item in everything)
    roots = [record_root(part) for part in parts]
    return Manifest(
        plan=hashlib.sha256(b"the plan").hexdigest(),
        content_root=content_root(b"".join(hashes)).hex(),
        record_root=shards_root(roots).hex(),
        columns=shards.columns(),
        distinct=len(set(hashes)),
        empty=sum(not item["text"] for item in everything),
        origins=tallies(everything),
        shards=tuple(
            ShardEntry(shard_name(at), len(part), root.hex())
            for at, (part, root) in enumerate(zip(parts, roots, strict=True))
        ),
    )


def issuer_of(signer: Signer) -> Issuer:
    """Return the issuer that a signer calls itself."""
    return Issuer("ACME Data", "https://acme.example", signer.public.pem)


def grades(documents: Sequence[Row]) -> Grades:
    """Return what documents add up to by origin and date grade, in plain Python."""
    made: Grades = {}
    for item in documents:
        row = made.setdefault(item["origin"], {})
        cell = Amount(1, len(item["text"].encode()))
        row[item["date_grade"]] = row.get(item["date_grade"], Amount()) + cell
    return made


def certificate_of(
    manifest: Manifest,
    parts: Sequence[Sequence[Row]],
    files: dict[str, str],
    signer: Signer,
    log: LogState | None = None,
) -> Certificate:
    """Return a certificate about shards with these documents and files."""
    everything = [item for part in parts for item in part]
    sums = manifest.total
    share = counted(manifest.origins, "bytes", ("human",))
    assert share is not None
    inputs = []
    names = sorted({(it["dataset"], it["version"]) for it in everything})
    for at, (dataset, version) in enumerate(names):
        part = [it for it in everything if (it["dataset"], it["version"]) == (dataset, version)]
        size = sum(len(it["text"].encode()) for it in part)
        grade = min(it["date_grade"] for it in part)
        inputs.append(
            Input(dataset, version, "0" * 64, len(part), size, grade, ("MIT",), 1 + at % 2)
        )
    return Certificate(
        manifest=manifest,
        files=dict(files),
        issuer=issuer_of(signer),
        issued_at="2026-11-21T09:30:00Z",
        human_fraction=HumanFraction("bytes", ("human",), share, sums.bytes, None),
        words={name: tally.documents for name, tally in manifest.origins.items()},
        inputs=tuple(inputs),
        grades=grades(everything),
        log=log or logs.beginning().state(),
        exact_duplicates_left_out=0,
        contested=0,
        builder={"firsthand": "0.1.0"},
        policy=Policy(),
    )


@dataclass(slots=True)
class Snapshot:
    """A snapshot folder, and what it was made from."""

    path: Path
    parts: list[list[Row]]
    certificate: Certificate
    signer: Signer = field(default=SIGNER)

    @property
    def shards(self) -> list[Path]:
        """Return the shard files in order."""
        return [self.path / entry.name for entry in self.certificate.manifest.shards]

    def sign(self, certificate: Certificate | Statement, signer: Signer | None = None) -> None:
        """Replace `certificate.json` by another one, signed."""
        statement = (
            certificate if isinstance(certificate, Statement) else certificate.to_statement()
        )
        (self.path / "certificate.json").write_bytes(sign(signer or self.signer, statement))

    def rewrite(self, index: int, documents: Sequence[Row], **options: Any) -> None:
        """Write one shard again with other documents, under the same signed statement."""
        write_shard(self.shards[index], documents, self.envelope(index), **options)

    def envelope(self, index: int) -> bytes:
        """Return the signed statement of one shard."""
        return shard_envelope(self.certificate.manifest, index, self.parts[index], self.signer)

    def certify_files(self) -> None:
        """Sign the digests of the files as they are now; nothing else changes."""
        files = {
            entry.name: hashlib.sha256((self.path / entry.name).read_bytes()).hexdigest()
            for entry in self.certificate.manifest.shards
        }
        self.certificate = replace(self.certificate, files=files)
        self.sign(self.certificate)


def shard_envelope(
    manifest: Manifest, at: int, documents: Sequence[Row], signer: Signer, **other: Any
) -> bytes:
    """Return the signed envelope that goes into a shard's footer; `other` overrides fields."""
    statement = ShardStatement(
        snapshot_root=manifest.root,
        index=at,
        shard=manifest.shards[at],
        columns=manifest.columns,
        origins=tallies(documents),
        issuer=issuer_of(signer),
    )
    return sign(signer, replace(statement, **other).to_statement())


def write_shard(
    path: Path, documents: Sequence[Row], envelope: bytes | None, *, group: int = 16, **other: Any
) -> None:
    """Write one shard; small row groups, so that there are several."""
    options = shards.writer_options() | other
    with pq.ParquetWriter(path, shards.SCHEMA, **options) as writer:
        writer.write_table(table(documents), row_group_size=group)
        if envelope is not None:
            writer.add_key_value_metadata({shards.STATEMENT_KEY: envelope})


def write(
    path: Path, parts: Sequence[Sequence[Row]] | None = None, *, signer: Signer = SIGNER
) -> Snapshot:
    """Write a valid snapshot folder; two shards unless told otherwise."""
    if parts is None:
        everything = rows()
        parts = [everything[:25], everything[25:]]
    kept = [list(part) for part in parts]
    manifest = manifest_of(kept)
    (path / "data").mkdir(parents=True)
    files = {}
    for index, (entry, part) in enumerate(zip(manifest.shards, kept, strict=True)):
        write_shard(path / entry.name, part, shard_envelope(manifest, index, part, signer))
        files[entry.name] = hashlib.sha256((path / entry.name).read_bytes()).hexdigest()
    certificate = certificate_of(manifest, kept, files, signer)
    (path / "manifest.json").write_bytes(manifest.to_bytes())
    (path / "README.md").write_text("# A snapshot\n", encoding="utf-8")
    made = Snapshot(path, kept, certificate, signer)
    made.sign(certificate)
    return made


@dataclass(slots=True)
class Logged:
    """A snapshot whose certificate is in a log, and the log.

    Attributes:
        snapshot: The snapshot, with its proof.
        log: The log; it has entries before and after.
        entry: The position of the certificate's entry.
    """

    snapshot: Snapshot
    log: logs.Log
    entry: int

    @property
    def path(self) -> Path:
        """Return the snapshot's folder."""
        return self.snapshot.path

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the certificate as it is now."""
        return hashlib.sha256((self.path / "certificate.json").read_bytes()).hexdigest()

    def prove(self, proof: LogProof | None = None, **signed: Any) -> None:
        """Write the proof again; `signed` says by whom its checkpoint is signed."""
        made = proof or self.log.proof(self.entry, **signed)
        (self.path / "certificate.tlog-proof").write_bytes(made.to_bytes())

    def trust(
        self,
        *,
        quorum: int = 0,
        signer: Window = Window(),  # noqa: B008 - a value that cannot change
        log: Window = Window(),  # noqa: B008
        witness: Window = Window(),  # noqa: B008
    ) -> Trust:
        """Return a trust in all who sign here, each in a window."""
        return Trust(
            certificates=(CertificateKey(self.snapshot.signer.public, signer),),
            logs=(LogKey(self.log.signer.public, log),),
            witnesses=tuple(Witness(item.public, witness) for item in self.log.witnesses),
            quorum=quorum,
        )

    def supersede(self, **facts: Any) -> int:
        """Add the entry of a certificate that takes the place of this one."""
        said = {"certificate": "5" * 64, "plan": "6" * 64, "snapshot_root": "7" * 64}
        return self.log.add(
            "snapshot.exported",
            facts=said | {"supersedes": self.digest} | facts,
            tables=["snapshots"],
        )


def logged(
    path: Path,
    parts: Sequence[Sequence[Row]] | None = None,
    *,
    signer: Signer = SIGNER,
    witnesses: int = 2,
    supersedes: str | None = None,
    solo: bool = False,
) -> Logged:
    """Write a valid snapshot folder with a proof from a log, cosigned by some witnesses.

    Args:
        path: The folder to make.
        parts: The documents of each shard.
        signer: The key of the certificate.
        witnesses: How many of the three witnesses cosign.
        supersedes: The certificate whose place it takes.
        solo: The certificate's key signs the log too.
    """
    log = logs.beginning()
    if solo:
        log.signer = NoteSigner(logs.ORIGIN, signer.key)
    made = write(path, parts, signer=signer)
    certificate = replace(made.certificate, log=log.state(), supersedes=supersedes)
    made.certificate = certificate
    made.sign(certificate)
    result = Logged(made, log, 0)
    facts = {
        "certificate": result.digest,
        "plan": certificate.manifest.plan,
        "snapshot_root": certificate.manifest.root,
    }
    if supersedes is not None:
        facts["supersedes"] = supersedes
    moment = datetime.fromisoformat(certificate.issued_at) + timedelta(seconds=2)
    result.entry = log.add("snapshot.exported", time=moment, facts=facts, tables=["snapshots"])
    log.add(time=moment + timedelta(minutes=1))
    result.prove(witnesses=log.witnesses[:witnesses], time=moment + timedelta(hours=1))
    return result
