"""Plan → snapshot: Parquet shards, manifest, certificate, proof, in a folder that appears at once.

The data flow, in an order without circles: provenance of every drawn row → record roots per shard
→ manifest and snapshot root → signed shard statements → texts, each re-hashed against what was
registered → shards with their statements in the footers → file digests → certificate → one
transaction in the catalogue → the log is published, with a proof of the export's entry → the folder
appears. A kill before the transaction leaves nothing; a kill after it is finished by the next
command, then without the proof, which `firsthand log prove` adds. To an object store, everything
but the certificate is sent before the transaction, and the proof and the certificate after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import destinations, intents, ledger
from registry.blobs import Store
from registry.core.attest import Signer
from registry.core.certificate import Issuer, LogState, sign
from registry.core.digest import sha256_hex
from registry.db.models import IntentKind, Snapshot, Supersession
from registry.db.session import Database
from registry.errors import ConflictError, InvalidInputError
from registry.export import log_state, stating
from registry.export.proving import PROOF, Log
from registry.export.recording import Superseded, record
from registry.export.unchanged import check_unchanged, claims_since
from registry.export.writing import Clock, Job, write_sidecars
from registry.places import Place, contents
from registry.query import entries
from registry.query.layout import Layout
from registry.query.plan import Plan
from registry.query.texts import reading


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export.

    Attributes:
        place: The snapshot's folder, or its prefix in an object store.
        snapshot_root: Its identity.
        certificate: SHA-256 of `certificate.json`.
        documents: How many documents it holds.
        files: How many shards.
        log: The origin of the log that has it.
        entry: The position of its entry there.
        proven: Whether the proof of that lies beside the certificate.
        existed: The same snapshot was already there, and nothing was written.
    """

    place: Place
    snapshot_root: str
    certificate: str
    documents: int
    files: int
    log: str
    entry: int
    proven: bool
    existed: bool = False

    @property
    def path(self) -> Path:
        """Return the snapshot's folder; one in an object store has none."""
        if not isinstance(self.place, Path):
            raise TypeError(f"{self.place} is no folder")
        return self.place


def snapshot(
    database: Database,
    store: Store,
    plan: Plan,
    out: Place,
    *,
    signer: Signer,
    issuer: Issuer,
    log: Log,
    clock: Clock,
    supersedes: Superseded | None = None,
    threads: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Exported:
    """Write what a plan draws as a certified snapshot.

    Args:
        database: The catalogue.
        store: The registry's storage.
        plan: What to write; one that does not keep its recipe is refused.
        out: The folder to make, or the prefix to fill; nothing is there, or this very snapshot.
        signer: The certificate key.
        issuer: Who signs.
        log: Where the registry's log is published.
        clock: The registry's clock.
        supersedes: The certificate whose place the new one takes.
        threads: With two or more, reading overlaps with writing; the result is the same.
        on_progress: Called with documents written and documents in all.

    Raises:
        GuaranteeError: The plan does not keep its recipe.
        ConflictError: A text is gone or not what was registered, or `out` is taken.
        VerificationError: `E_ROLLBACK`: the log is older than what was signed.
        UnavailableError: The disk, the object store or the database refused.
    """
    plan.require()
    out = destinations.normal(out)
    intents.recover(database, store, now=clock())
    log.refuse_rollback(database)
    layout = Layout(plan)
    stated = stating.state(layout, issuer, store)
    manifest = stated.manifest
    total, files_made = manifest.total.documents, len(manifest.shards)
    if existing := destinations.existing(database, out, manifest):
        entry = _entry_of(database, existing, supersedes)
        proven = contents.read(out / PROOF) is not None
        return Exported(
            out, manifest.root, existing, total, files_made, log.origin, entry, proven, existed=True
        )
    destinations.check(database, out)
    _check_inputs(plan)
    planned_at, positions = _places(database, plan, log)
    writer = intents.open_intent(database, IntentKind.EXPORT, now=clock(), target=str(out))
    try:
        folder = intents.staged(store, out, writer.uid)
        envelopes = [sign(signer, statement.to_statement()) for statement in stated.statements]
        job = Job(database, store, layout, folder, writer, clock, threads, on_progress)
        files = job.run(envelopes)
        certificate = stating.certificate(
            plan,
            layout,
            stated,
            files,
            issuer,
            log=planned_at,
            positions=positions,
            now=clock(),
            supersedes=supersedes,
        )
        data = sign(signer, certificate.to_statement())
        write_sidecars(folder, manifest, certificate, data)
        destinations.send(
            folder, out, on_chunk=lambda: intents.renew(database, writer, now=clock())
        )
        seen = plan.log_size
        while True:
            again = reading(database, store, folder)
            seen = check_unchanged(database, store, plan, seen, again)
            with database.write() as session:
                if ledger.size(session) != seen and claims_since(session, seen):
                    continue
                entry = record(
                    session,
                    store,
                    plan,
                    manifest,
                    data,
                    out=out,
                    signer=signer,
                    now=clock(),
                    superseded=supersedes,
                )
                intents.commit_before_move(session, writer)
            break
    except BaseException:
        intents.abandon(database, store, writer)
        raise
    try:
        proven = log.prove(database, entry, folder=folder, out=out, now=clock())
        intents.appear(store, out, writer.uid)
    except BaseException:
        intents.give_up(database, writer.uid)
        raise
    intents.finish(database, writer)
    return Exported(
        out, manifest.root, sha256_hex(data), total, files_made, log.origin, entry, proven
    )


def _places(database: Database, plan: Plan, log: Log) -> tuple[LogState, dict[int, int]]:
    """Return the state of the log that a plan was made at, and where it has the plan's versions."""
    with database.read() as session:
        state = log_state.at(session, log.folder, origin=log.origin, size=plan.log_size)
        ids = {item.standing.version.id for item in plan.inputs}
        return state, entries.positions(session, "dataset_versions", ids)


def _entry_of(database: Database, certificate: str, supersedes: Superseded | None) -> int:
    """Return the position of the entry of an export that is there.

    Raises:
        ConflictError: It was to supersede a certificate, and does not.
    """
    with database.read() as session:
        made = session.execute(
            sa.select(Snapshot).where(Snapshot.certificate_digest == certificate)
        ).scalar_one()
        if supersedes is not None and _superseded(session, made) != supersedes.certificate:
            raise ConflictError(
                "this snapshot is there already, and it does not supersede that certificate",
                hint="choose another `--out`",
            )
        return entries.positions(session, "snapshots", {made.id})[made.id]


def _superseded(session: Session, made: Snapshot) -> str | None:
    return session.execute(
        sa.select(Supersession.certificate_digest).where(Supersession.snapshot_id == made.id)
    ).scalar_one_or_none()


MAX_INPUTS: Final = 400
"""How many inputs and evaluation sets a log entry can name."""


def _check_inputs(plan: Plan) -> None:
    """Refuse, before anything is written, more than a log entry can name."""
    sets = 0 if plan.evaluations is None else len(plan.evaluations.sets)
    if len(plan.inputs) + sets > MAX_INPUTS:
        more = f" and {sets} evaluation sets" if sets else ""
        raise InvalidInputError(
            f"the recipe has {len(plan.inputs)} sources{more}, more than {MAX_INPUTS}",
            hint="register some of them as one dataset",
        )
