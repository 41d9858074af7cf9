"""How long impact takes over 10,000 snapshots and 1,000 versions.

    python -m benchmarks.impact [--database URL] [--snapshots 10000] [--versions 1000]

The catalogue is made by direct inserts, with document tables and files of drawn rows as
registrations and exports would write them. Asked about are a version like any other and one that
all snapshots hold documents of; of these the newest hundred are counted anew, as by default.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import event

from registry import documents
from registry.blobs import Store
from registry.core.dataset import DatasetRef
from registry.core.digest import sha256_hex
from registry.core.recipe import parse
from registry.core.source import ReadOptions
from registry.db import models
from registry.db.session import Database
from registry.db.upgrade import upgrade
from registry.documents import TableWriter, hash_column
from registry.query import drawn
from registry.query.impact import by_ref, impact
from registry.query.impact.report import to_json

DOCUMENTS = 200
INPUTS = 5
NOT_HUMAN = 5
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def main() -> None:
    """Make the catalogue and ask."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--database", help="an empty database; default: SQLite")
    arguments.add_argument("--snapshots", type=int, default=10_000)
    arguments.add_argument("--versions", type=int, default=1_000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or f"sqlite:///{folder}/registry.db"
        database, store = Database(url), Store(Path(folder) / "storage")
        upgrade(database)
        made = _fill(database, store, given.versions, given.snapshots)
        print(f"{given.snapshots:,} snapshots of {INPUTS} inputs, {given.versions:,} versions of")
        print(f"{DOCUMENTS} documents, {made:,} files of drawn rows, {database.url.drivername}")
        for name in ("v7", "v7", "v0"):
            _ask(database, store, name)
        database.dispose()


def _ask(database: Database, store: Store, name: str) -> None:
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *it: asked.append(it[2]))
    begin, cpu = time.perf_counter(), time.process_time()
    with database.read() as session:
        subject = by_ref(session, DatasetRef.parse(name))
        found = impact(session, store, subject, limit=100)
        between = time.perf_counter()
        record = to_json(found)
    wall, used = time.perf_counter() - begin, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name}: {record['totals']['snapshots']:,} snapshots touched, "
        f"{record['totals']['counted']:,} counted anew: "
        f"{wall:.2f} s, {used:.2f} s of CPU (of it as a document {wall - (between - begin):.2f}), "
        f"{len(asked)} statements, peak {peak:.0f} MB"
    )


def _fill(database: Database, store: Store, versions: int, snapshots: int) -> int:
    rng = np.random.default_rng(1)
    recipe = parse(
        {
            "sources": [f"v{at}@1" for at in range(versions)],
            "where": {"license": ["MIT"]},
            "human": {"at_least": 0.5},
        },
        name="benchmark",
    )
    with database.write() as session:
        session.execute(
            sa.insert(models.Namespace),
            [{"id": 1, "name": "local", "visibility": "private", "created_at": NOW}],
        )
        for table, rows in _versions(store, versions).items():
            session.execute(sa.insert(table), rows)
        session.execute(
            sa.insert(models.SigningKey),
            [{"id": 1, "keyid": "0" * 64, "role": "certificate", "pem": "", "created_at": NOW}],
        )
        session.execute(
            sa.insert(models.RecipeRow),
            [{"id": 1, "digest": recipe.digest, "body": recipe.to_json(), "recorded_at": NOW}],
        )
        files = set[str]()
        found = _snapshots(store, rng, versions, snapshots, files)
        for table, rows in found.items():
            for begin in range(0, len(rows), 5000):
                session.execute(sa.insert(table), rows[begin : begin + 5000])
    return len(files)


def _versions(store: Store, versions: int) -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = {
        models.Dataset: [],
        models.DatasetVersion: [],
        models.Location: [],
        models.Claim: [],
    }
    for at in range(versions):
        uid = f"{at:032x}"
        folder = store.documents(uid)
        folder.mkdir(parents=True)
        raw = b"".join(hashlib.sha256(f"{at}.{row}".encode()).digest() for row in range(DOCUMENTS))
        sizes = np.full(DOCUMENTS, 1000, np.int64)
        batch = pa.record_batch(
            {
                "content_hash": hash_column(documents.as_hashes(raw)),
                "bytes": pa.array(sizes),
                "words": pa.array(sizes // 6),
                "file": pa.array(np.zeros(DOCUMENTS, np.int32)),
                "record": pa.array(np.arange(DOCUMENTS)),
            }
        )
        writer = TableWriter(folder / documents.part_name(0))
        writer.add(batch)
        writer.close(batch.schema)
        found[models.Dataset].append(
            {
                "id": at + 1,
                "namespace_id": 1,
                "name": f"v{at}",
                "visibility": "private",
                "created_at": NOW,
            }
        )
        found[models.DatasetVersion].append(
            {
                "id": at + 1,
                "dataset_id": at + 1,
                "number": 1,
                "content_root": sha256_hex(raw),
                "documents": DOCUMENTS,
                "distinct": DOCUMENTS,
                "empty": 0,
                "bytes": int(sizes.sum()),
                "words": int((sizes // 6).sum()),
                "registered_at": NOW,
            }
        )
        found[models.Location].append(
            {
                "id": at + 1,
                "version_id": at + 1,
                "uid": uid,
                "base": "/data",
                "options": ReadOptions().to_json(),
                "files": [{"name": "a.jsonl", "size": 1, "modified": 0}],
                "order_root": sha256_hex(raw),
                "table_digest": documents.digest_table(folder),
                "claims_root": None,
                "kept": False,
                "sources": [],
                "registered_at": NOW,
            }
        )
        origin = "ai" if at % NOT_HUMAN == 1 else "human"
        for number, (property, value) in enumerate(
            {"origin": {"origin": origin}, "license": {"license": "MIT"}}.items()
        ):
            found[models.Claim].append(
                {
                    "id": 2 * at + number + 1,
                    "version_id": at + 1,
                    "property": property,
                    "value": value,
                    "location_id": None,
                    "selection_id": None,
                    "kind": "registration",
                    "assessment": "declared",
                    "claimed_by": "me",
                    "reason": None,
                    "claimed_at": NOW,
                }
            )
    return found


def _snapshots(
    store: Store, rng: np.random.Generator, versions: int, snapshots: int, files: set[str]
) -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = {
        models.Mixture: [],
        models.MixtureInput: [],
        models.DrawnRows: [],
        models.Snapshot: [],
    }
    for at in range(snapshots):
        plan = sha256_hex(f"plan {at}".encode())
        # One version is in all of them, the others are drawn.
        chosen = [0, *(int(it) for it in rng.choice(versions - 1, INPUTS - 1, replace=False) + 1)]
        found[models.Mixture].append(
            {
                "id": at + 1,
                "recipe_id": 1,
                "plan_digest": plan,
                "log_size": 1,
                "documents": 0,
                "bytes": 0,
                "words": 0,
                "recorded_at": NOW,
            }
        )
        found[models.Snapshot].append(
            {
                "id": at + 1,
                "mixture_id": at + 1,
                "key_id": 1,
                "snapshot_root": plan,
                "certificate_digest": sha256_hex(f"certificate {at}".encode()),
                "path": f"/snapshots/{at}",
                "issued_at": NOW,
            }
        )
        for version in chosen:
            # Half of the draws are whole, as those of recipes without a size.
            rows = np.arange(DOCUMENTS)
            digest = None
            if rng.random() < 0.5:
                rows = np.flatnonzero(rng.random(DOCUMENTS) < 0.5)
                data = drawn.encode(rows)
                digest = sha256_hex(data)
                if digest not in files:
                    files.add(digest)
                    path = store.root / "mixtures" / digest
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
            number = len(found[models.MixtureInput]) + 1
            weight = 1000 * len(rows)
            found[models.MixtureInput].append(
                {
                    "id": number,
                    "mixture_id": at + 1,
                    "version_id": version + 1,
                    "documents": len(rows),
                    "bytes": weight,
                }
            )
            found[models.DrawnRows].append(
                {
                    "id": number,
                    "input_id": number,
                    "digest": digest,
                    "documents": len(rows),
                    "weight": weight,
                    "human": 0 if version % NOT_HUMAN == 1 else weight,
                }
            )
    return found


if __name__ == "__main__":
    main()
