"""A small registry in one line, and handles to bend it with.

    def test_a_share_is_kept(world: World) -> None:
        world.register("essays", ["By a person.", "By another."], origin=Origin.HUMAN)
        world.register("chat", [{"text": "By a model.", "by": "ai"}], origin_field="by")
        world.claim("essays", Origin.AI, where=["By another."])
        made = world.plan({"sources": ["essays", "chat"], "human": {"at_least": 0.5}})
        done = world.export(made, "snap")
        assert world.problems() == []

Everything is real: files on disk, a database made by the migrations, the storage folder, a key.
Its folder `world.home` is a complete home, so the command line can be pointed at it as well.
Fixtures: `world` runs a test on SQLite and on PostgreSQL, `sqlite_world` on SQLite alone.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import assemble, dedup, documents, export, home, keep, ledger, lifecycle, register
from registry.blobs import Store, write_file
from registry.core import recipe as recipes
from registry.core.attest import Signer
from registry.core.certificate import Issuer
from registry.core.dataset import DatasetRef, Origin, Role
from registry.core.digest import sha256_hex
from registry.core.entry import EntryKind
from registry.core.lineage import EdgeKind
from registry.core.source import ReadOptions
from registry.db import upgrade
from registry.db.models import (
    Claim,
    DatasetVersion,
    Dispute,
    KeptTexts,
    KeyRole,
    LineageEdge,
    Outcome,
    RoleChange,
    Segment,
    SigningKey,
    SketchTable,
)
from registry.db.session import Database
from registry.export import Exported
from registry.lifecycle import Assertion, Chosen, of_field
from registry.places import Place, Remote
from registry.query import catalogue, texts
from registry.query.plan import Plan
from registry.query.standing import Standing, standing, standings
from registry.register import Declaration, Registration
from registry.settings import HOME_NAME, Settings

START: Final = dt.datetime(2025, 3, 1, 12, tzinfo=dt.UTC)

SIGNER: Final = Signer.parse(
    b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
""",
    name="test key",
)

Document = str | Mapping[str, Any]
"""A text, or a record with a field `text` and others."""


def migrate(url: str) -> None:
    """Give a database its tables; for the fixture `prepared_url`."""
    database = Database(url)
    try:
        upgrade.upgrade(database)
    finally:
        database.dispose()


@dataclass(slots=True)
class Clock:
    """A clock that tells a fixed time, one second later each time it is asked."""

    now: dt.datetime = START

    def __call__(self) -> dt.datetime:
        self.now += dt.timedelta(seconds=1)
        return self.now

    def advance(self, **much: float) -> None:
        """Let time pass, as in `advance(days=2)`; it may also go back."""
        self.now += dt.timedelta(**much)


def hashes_of(texts: Sequence[str]) -> documents.Hashes:
    """Return the content hashes of texts."""
    raw = b"".join(bytes.fromhex(sha256_hex(text.encode("utf-8"))) for text in texts)
    return documents.as_hashes(raw)


def write_documents(path: Path, texts: Sequence[Document]) -> Path:
    """Write documents into one file; its suffix says how: .jsonl, .parquet, .csv or .txt."""
    records = [{"text": item} if isinstance(item, str) else dict(item) for item in texts]
    names = list(dict.fromkeys(name for record in records for name in record)) or ["text"]
    path.parent.mkdir(parents=True, exist_ok=True)
    match path.suffix:
        case ".jsonl":
            path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
        case ".parquet":
            schema = None if records else pa.schema([("text", pa.string())])
            pq.write_table(pa.Table.from_pylist(records, schema=schema), path)
        case ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, names)
                writer.writeheader()
                writer.writerows(records)
        case ".txt":
            path.write_text("".join(f"{record['text']}\n" for record in records), "utf-8")
        case other:
            raise ValueError(other)
    return path


@dataclass(slots=True)
class World:
    """A registry in a folder.

    Args:
        url: A database that has its tables.
        folder: Where the home, the files that are registered and the snapshots go.
    """

    url: str
    folder: Path
    clock: Clock = field(default_factory=Clock)
    signer: Signer = SIGNER
    settings: Settings = field(init=False)
    database: Database = field(init=False)
    store: Store = field(init=False)
    issuer: Issuer = field(init=False)

    def __enter__(self) -> Self:
        self.settings = Settings(self.folder / HOME_NAME, "Test team", None, self.url)
        there = self.settings.storage.exists()  # filled before: see `tests/filled.py`
        self.settings.storage.mkdir(parents=True, exist_ok=True)
        self.settings.private_key_file.parent.mkdir(mode=0o700, exist_ok=True)
        write_file(self.settings.private_key_file, self.signer.to_pem(), mode=0o600)
        write_file(self.settings.public_key_file, self.signer.public.pem.encode("ascii"))
        write_file(self.settings.config_file, orjson.dumps(self.settings.to_json()))
        self.store = Store(self.settings.storage)
        self.issuer = home.issuer(self.settings, self.signer)
        self.database = Database(self.url)
        if there:
            return self
        with self.database.write() as session:
            key = SigningKey(
                keyid=self.signer.public.keyid,
                role=KeyRole.CERTIFICATE,
                pem=self.signer.public.pem,
                created_at=self.clock(),
            )
            session.add(key)
            ledger.append(
                session,
                EntryKind.KEY_CREATED,
                now=key.created_at,
                facts={"keyid": key.keyid, "role": str(key.role)},
                rows=[key],
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.database.dispose()

    @property
    def home(self) -> Path:
        """The registry's home, for the option `--home`."""
        return self.settings.home

    @property
    def log(self) -> export.Log:
        """Where the registry's log is published, and who signs it."""
        with self.database.read() as session:
            signer = home.load_log_signer(self.settings, session)
        return export.Log(signer, self.settings.log_folder, self.folder / "state")

    # What people do.

    def register(
        self,
        name: str,
        texts: Sequence[Document] | None = None,
        *,
        paths: Sequence[Place | str] | None = None,
        file: str = "part-0.jsonl",
        folder: str | None = None,
        keep: bool = False,
        clock: Callable[[], dt.datetime] | None = None,
        on_progress: Callable[[register.Progress], None] | None = None,
        **more: Any,
    ) -> Registration:
        """Register documents, which are written to a file first, or files that exist.

        Args:
            name: The dataset.
            texts: The documents.
            paths: Files and folders, instead of `texts`.
            file: The name of the file; its suffix says the format.
            folder: Where the file goes, below the world's folder; default: `files/<name>`.
            keep: Keep the texts in the vault.
            clock: Another clock than the world's.
            on_progress: As in `register.version`.
            more: `allow_withdrawn`, `reread`, `jobs`, `dry_run`, `window`; fields of `ReadOptions` (without a need for tuples)
                and of `Declaration`.
        """
        if paths is None:
            place = self.folder / (folder or f"files/{name.replace('/', '-')}") / file
            paths = [write_documents(place, texts or [])]
        names = ("allow_withdrawn", "reread", "jobs", "dry_run", "window")
        asked = {k: more.pop(k) for k in names if k in more}
        reading = {k: more.pop(k) for k in list(more) if k in ReadOptions.__dataclass_fields__}
        # `origin_map={"0": Origin.HUMAN}` reads better than pairs in a tuple.
        reading = {
            k: tuple(v.items()) if isinstance(v, dict) else tuple(v) if isinstance(v, list) else v
            for k, v in reading.items()
        }
        if isinstance(more.get("origin"), str):
            more["origin"] = Origin(more["origin"])
        if "language" in reading:
            more["language"] = reading.pop("language")
        declaration = Declaration(DatasetRef.parse(name), more.pop("claimed_by", "tester"), **more)
        return register.version(
            self.database,
            self.store,
            paths,
            declaration,
            options=ReadOptions(**reading),
            clock=clock or self.clock,
            keep=keep,
            on_progress=on_progress,
            **asked,
        )

    def claim(
        self,
        name: str,
        origin: Origin | str,
        *,
        reason: str = "looked again",
        where: Sequence[str] | None = None,
        generators: Sequence[str] = (),
        claimed_by: str = "reviewer",
    ) -> Claim:
        """Correct the origin of a version, or of those of its texts that are listed."""
        chosen = None
        if where is not None:
            chosen = hashes_of(where)
        with self.database.write() as session:
            return lifecycle.claim_origin(
                session,
                self.store,
                DatasetRef.parse(name),
                Origin(origin),
                reason=reason,
                claimed_by=claimed_by,
                now=self.clock(),
                generators=generators,
                where=chosen,
            )

    def dispute(
        self,
        name: str,
        origin: Origin | str | None = None,
        *,
        challenged: int | None = None,
        field: str | None = None,
        where: Sequence[str] | None = None,
        reason: str = "it reads like a model",
        evidence: str | None = None,
    ) -> Dispute:
        """Say that a claim about a version, or some of its texts or bytes, is wrong."""
        said = None if origin is None else Assertion.of_origin(Origin(origin))
        chosen = None if where is None else Chosen(hashes_of(where))
        if field is not None:
            assert said is not None
            with self.database.read() as session:
                version = catalogue.version(session, DatasetRef.parse(name))
                found = of_field(session, self.store, version, field, said, within=chosen)
            said, chosen = found.said, found.chosen
        with self.database.write() as session:
            return lifecycle.open_dispute(
                session,
                self.store,
                DatasetRef.parse(name),
                said,
                reason=reason,
                opened_by="disputer",
                now=self.clock(),
                challenged=challenged,
                field=field,
                chosen=chosen,
                evidence=evidence,
            )

    def resolve(self, dispute: Dispute | int, outcome: Outcome | str) -> lifecycle.Resolved:
        """Decide a dispute."""
        with self.database.write() as session:
            return lifecycle.resolve_dispute(
                session,
                self.store,
                dispute if isinstance(dispute, int) else dispute.id,
                Outcome(outcome),
                role="data owner",
                reason="looked into it",
                resolved_by="decider",
                now=self.clock(),
            )

    def derive(
        self, name: str, source: str, kind: EdgeKind = EdgeKind.FILTERED, *, note: str | None = None
    ) -> LineageEdge:
        """Record that a version came from another."""
        with self.database.write() as session:
            return lifecycle.add_lineage(
                session,
                DatasetRef.parse(name),
                DatasetRef.parse(source),
                kind,
                added_by="tester",
                now=self.clock(),
                note=note,
            )

    def keep(self, name: str, **more: Any) -> keep.Kept:
        """Put the texts of a version into the vault."""
        return keep.version(
            self.database,
            self.store,
            DatasetRef.parse(name),
            kept_by="keeper",
            clock=self.clock,
            **more,
        )

    def dedup(self, *words: str, name: str | None = None, **more: Any) -> dedup.Report:
        """Make a version of others in which of alike documents one stays."""
        ref = None if name is None else DatasetRef.parse(name)
        wanted = dedup.Wanted(words, "deduplicator", name=ref, **more)
        return dedup.run(self.database, self.store, wanted, clock=self.clock)

    def role(
        self,
        name: str,
        role: Role,
        *,
        given: bool = True,
        reason: str | None = "somebody said so",
        value: Mapping[str, Any] | None = None,
    ) -> RoleChange:
        """Give a version a role or take it away, whatever policy there is for it."""
        with self.database.write() as session:
            version = catalogue.version(session, DatasetRef.parse(name))
            change = RoleChange(
                version_id=version.id,
                role=role,
                given=given,
                value=dict(value or {}),
                changed_by="tester",
                reason=reason,
                changed_at=self.clock(),
            )
            session.add(change)
            ledger.append(
                session,
                EntryKind.ROLE_CHANGED,
                now=change.changed_at,
                facts={"given": given, "role": str(role)},
                rows=[change],
            )
        return change

    def plan(self, recipe: Mapping[str, Any]) -> Plan:
        """Plan a recipe, given as the YAML file would say it."""
        asked = recipes.parse(dict(recipe), name="test.yaml")
        with self.database.read() as session:
            again = texts.reading(self.database, self.store, self.folder / "scratch")
            return assemble.plan(session, self.store, asked, again=again)

    def export(
        self,
        plan: Plan | Mapping[str, Any],
        out: str | Place = "snap",
        *,
        threads: int = 1,
        supersedes: export.Superseded | None = None,
    ) -> Exported:
        """Export a plan or a recipe to a place, by default a folder below the world's."""
        return export.snapshot(
            self.database,
            self.store,
            plan if isinstance(plan, Plan) else self.plan(plan),
            out if isinstance(out, Remote) else self.folder / out,
            signer=self.signer,
            issuer=self.issuer,
            log=self.log,
            clock=self.clock,
            threads=threads,
            supersedes=supersedes,
        )

    # What tests look at.

    def ref(self, name: str) -> DatasetRef:
        """Return a name, read."""
        return DatasetRef.parse(name)

    def version(self, name: str) -> DatasetVersion:
        """Return a version as the catalogue has it."""
        with self.database.read() as session:
            return catalogue.version(session, DatasetRef.parse(name))

    def versions(self, name: str) -> list[DatasetVersion]:
        """Return all versions of a dataset."""
        with self.database.read() as session:
            owner = catalogue.dataset(session, DatasetRef.parse(name))
            return list(catalogue.versions(session, owner))

    def standing(self, name: str, *, across: bool = True) -> Standing:
        """Return what counts for each document of a version, under all claims."""
        with self.database.read() as session:
            version = catalogue.version(session, DatasetRef.parse(name))
            return standing(session, self.store, version, across=across)

    def standings(self, names: Sequence[str]) -> list[Standing]:
        """Return the same for several versions at once."""
        with self.database.read() as session:
            chosen = [catalogue.version(session, DatasetRef.parse(name)) for name in names]
            return standings(session, self.store, chosen)

    def origins(self, name: str) -> dict[Origin, int]:
        """Return how many documents of a version count as what."""
        ranks = self.standing(name).view.ranks
        counts = {origin: int(np.count_nonzero(ranks == origin.caution)) for origin in Origin}
        return {origin: count for origin, count in counts.items() if count}

    def problems(self) -> list[str]:
        """Return what `firsthand db check` would complain about, and files that nobody owns."""
        with self.database.read() as session:
            found = [str(item) for item in ledger.discrepancies(session)]
        return upgrade.differences(self.database) + found + self.stray_files()

    def stray_files(self) -> list[str]:
        """Return folders of the storage that no location in the catalogue owns."""
        return stray_files(self.database, self.store)

    def log_size(self) -> int:
        """Return how many entries the log has."""
        with self.database.read() as session:
            return ledger.size(session)


def stray_files(database: Database, store: Store) -> list[str]:
    """Return what is in the storage and belongs to nothing in the catalogue, and what is missing.

    Stored selections may be left over: they are named by their content, and the next claim that
    needs one uses it.
    """
    with database.read() as session:
        places = {place.uid: place.kept for place in _locations(session)}
        later = set(session.scalars(sa.select(KeptTexts.uid)))
        sketched = {row.location.uid for row in session.scalars(sa.select(SketchTable))}
        segments = {name.partition("/")[0] for name in session.scalars(sa.select(Segment.name))}
    found = []
    for part in ("staging", "documents", "vault", "sketches", "segments"):
        folder = store.root / part
        there = {item.name for item in folder.iterdir()} if folder.is_dir() else set()
        owned = {
            "staging": set[str](),
            "documents": set(places),
            "vault": {uid for uid, stays in places.items() if stays} | later,
            "sketches": sketched,
            "segments": segments,
        }[part]
        found += [f"{part}/{name} belongs to nothing" for name in sorted(there - owned)]
        found += [f"{part}/{name} is missing" for name in sorted(owned - there)]
    return found


def _locations(session: Session) -> Iterator[Any]:
    for version in catalogue.all_versions(session):
        yield from catalogue.locations(session, version)
