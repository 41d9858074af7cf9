"""What gets damaged, and what must then refuse it.

A target takes damaged bytes and returns if they were believed, so that whoever damages counts what
was accepted, refused for a reason, and what raised something that nobody expected.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from registry import proving, verify
from registry import tokens as reader
from registry.core.checkpoint import Checkpoint
from registry.core.logproof import LogProof
from registry.core.note import Note
from registry.core.trust import TimestampRoot, Trust
from registry.errors import RegistryError, VerificationError
from registry.verify import Level, Report
from registry.verify.heads import Signatures, signatures
from registry.verify.shown import Shown
from tests import logs, snapshots, tsa
from tests.mutation.damage import Damage, blind, knowing, resealed


@dataclass(frozen=True, slots=True)
class Target:
    """Bytes to damage, and a function that raises a RegistryError unless it believes them."""

    name: str
    data: bytes
    believe: Callable[[bytes], object]
    ways: tuple[Damage, ...] = (blind,)

    def damaged(self, rng: random.Random) -> bytes:
        """Return other bytes."""
        return rng.choice(self.ways)(rng, self.data)


@dataclass(slots=True)
class Score:
    """What came of damaging one target."""

    tried: int = 0
    accepted: list[bytes] = field(default_factory=list)
    untyped: list[BaseException] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    def attack(self, target: Target, rng: random.Random) -> None:
        """Damage the target once."""
        data = target.damaged(rng)
        self.tried += 1
        try:
            target.believe(data)
        except VerificationError as error:
            self.reasons[error.code] = self.reasons.get(error.code, 0) + 1
        except RegistryError as error:
            name = type(error).__name__
            self.reasons[name] = self.reasons.get(name, 0) + 1
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - looked for, and panics of Rust are no Exception
            self.untyped.append(error)
        else:
            self.accepted.append(data)


def targets(folder: Path) -> list[Target]:
    """Return everything that is verified; files that must be are written to the folder."""
    long = [snapshots.row(f"text {at}", ("human", "ai")[at % 2]) for at in range(600)]
    logged = snapshots.logged(folder / "snap", [long, snapshots.rows(30)], witnesses=3)
    made, trust = logged.snapshot, logged.trust(quorum=3)
    certificate, log_proof = made.path / "certificate.json", made.path / "certificate.tlog-proof"
    row = proving.row(made.path, 333, with_text=True).to_bytes()
    last = proving.row(made.path, 629).to_bytes()
    absent = proving.absent(made.path, hashlib.sha256(b"nowhere").digest()).to_bytes()
    between = proving.absent(made.path, _between(made)).to_bytes()
    lone, proof, true = made.shards[1], _Proof(made, trust), _TrueProof(made, trust)
    note = LogProof.parse(log_proof.read_bytes()).note
    json = (blind, knowing)
    return [
        Target("certificate", certificate.read_bytes(), _File(made, trust, certificate), json),
        Target("checkpoint", note.to_bytes(), _checkpoint(trust)),
        Target("log proof", log_proof.read_bytes(), _File(made, trust, log_proof)),
        Target("row proof", row, proof, json),
        Target("absence proof", absent, proof, json),
        Target("row proof, sealed", row, true, (resealed,)),
        Target("row proof, last leaf, sealed", last, true, (resealed,)),
        Target("absence proof, sealed", absent, true, (resealed,)),
        Target("absence of two leaves, sealed", between, true, (resealed,)),
        Target("shard, files", lone.read_bytes(), _File(made, trust, lone)),
        Target("shard, content", lone.read_bytes(), _Shard(made, trust, lone)),
        *tokens(folder),
    ]  # fmt: skip


def tokens(folder: Path) -> list[Target]:
    """Return a time stamp by an authority of our own; none on a machine without openssl."""
    if tsa.OPENSSL is None:
        return []
    authority = tsa.Authority.create(folder / "tsa")
    root = TimestampRoot("ours", authority.root.read_text("ascii"))
    text = Checkpoint(logs.ORIGIN, 1, bytes(32)).to_bytes()
    data = authority.reply(reader.request(text, nonce=7))
    whole = reader.check_token(data, text, [root])

    def believe(damaged: bytes) -> reader.TokenChecked:
        found = reader.check_token(damaged, text, [root])
        if found == whole:
            raise VerificationError("the same imprint and time", code="SAME_IMPRINT_AND_TIME")
        return found

    return [Target("token", data, believe)]


def _between(made: snapshots.Snapshot) -> bytes:
    """Return a hash that would be between the first two content leaves."""
    hashes = sorted(row["content_hash"] for part in made.parts for row in part)
    number = (int.from_bytes(hashes[255]) + int.from_bytes(hashes[256])) // 2
    return number.to_bytes(32)


class _File:
    """One file of a snapshot."""

    def __init__(self, made: snapshots.Snapshot, trust: Trust, path: Path) -> None:
        self._folder, self._trust, self._path = made.path, trust, path
        self._good = path.read_bytes()

    def __call__(self, data: bytes) -> Report:
        self._path.write_bytes(data)
        try:
            return verify.snapshot(self._folder, trust=self._trust, level=self._level)
        finally:
            self._path.write_bytes(self._good)

    _level = Level.FILES


class _Shard(_File):
    """A shard that is read. Rows that are the same in another file are no damage."""

    _level = Level.CONTENT

    def __init__(self, made: snapshots.Snapshot, trust: Trust, path: Path) -> None:
        super().__init__(made, trust, path)
        self._rows = self._read(path.read_bytes())

    def __call__(self, data: bytes) -> Report:
        report = super().__call__(data)
        if self._read(data) == self._rows:
            raise VerificationError("the same rows, which the report says", code="SAME_ROWS")
        return report

    @staticmethod
    def _read(data: bytes) -> list[tuple[str, list[object]]]:
        """Return names and values. How Arrow holds a value (`large_string`, `string`) is no value."""
        table = pq.read_table(pa.BufferReader(data), partitioning=None)
        return [(name, table.column(name).to_pylist()) for name in table.column_names]


class _Proof:
    """A proof, which is believed or not."""

    def __init__(self, made: snapshots.Snapshot, trust: Trust) -> None:
        self._path, self._trust = made.path.parent / "damaged.proof", trust

    def __call__(self, data: bytes) -> Shown:
        # A file that does not begin as proofs do is taken for a shard, and refused as one.
        self._path.write_bytes(data)
        shown = verify.examine(self._path, trust=self._trust).require().proven
        assert shown is not None
        return shown


class _TrueProof(_Proof):
    """A proof. Whoever makes proofs may make one from another, if what it shows is true."""

    def __init__(self, made: snapshots.Snapshot, trust: Trust) -> None:
        super().__init__(made, trust)
        self._rows = [row for part in made.parts for row in part]
        self._hashes = {row["content_hash"] for row in self._rows}

    def __call__(self, data: bytes) -> Shown:
        shown = super().__call__(data)
        about = bytes.fromhex(shown.content_hash)
        if shown.row is None:
            true = about not in self._hashes
        else:
            row = self._rows[shown.row.number]
            said = [shown.row.cells[name] for name in ("content_hash", "origin", "human_bytes")]
            true = said == [row["content_hash"], row["origin"], row["human_bytes"]]
            true = true and shown.text in (None, row["text"].encode())
        if true:
            raise VerificationError("another proof, and a true one", code="ANOTHER_TRUE_PROOF")
        return shown


def _checkpoint(trust: Trust) -> Callable[[bytes], object]:
    """Return what believes a checkpoint that the log and all its witnesses signed."""

    def complain(error: VerificationError) -> None:
        raise error

    def believe(data: bytes) -> Signatures:
        note = Note.parse(data)
        Checkpoint.parse(note.text).require_origin(logs.ORIGIN)
        return signatures(note, logs.ORIGIN, trust, complain)

    return believe
