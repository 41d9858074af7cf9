"""Record a dataset version: its content, where it was found, and what is claimed about it.

The data flow: discover the files → open an intent → read, hash, count and write the document
table in a staging folder → sync and rename it into place → record everything, and the log entry
that binds it, in one transaction. A kill at any point leaves the catalogue as it was or as it
should be.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import documents, intents, ledger, readers
from registry.blobs import DOCUMENTS, VAULT, Store
from registry.core.claim import ClaimKind, Property
from registry.core.dataset import (
    Access,
    Assessment,
    DatasetRef,
    Origin,
    Visibility,
)
from registry.core.entry import EntryKind
from registry.core.evidence import DateInterval, iso_time
from registry.core.source import ReadOptions
from registry.db.base import Base
from registry.db.models import (
    Acquisition,
    Claim,
    Dataset,
    DatasetVersion,
    IntentKind,
    Location,
    Namespace,
)
from registry.db.session import Database
from registry.errors import InvalidInputError, UnavailableError
from registry.query import catalogue
from registry.shards import RecordTree

NOT_ASSESSED: Final = "not_assessed"
MAX_GENERATORS: Final = 200
MAX_LISTED: Final = 1000
"""How many of what is skipped is listed by name; all of it is counted."""
Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class Acquired:
    """How the texts were come by, as regulators ask it; each part until somebody says."""

    owner: str = NOT_ASSESSED
    access: Access = Access.NOT_ASSESSED
    crawler: str = NOT_ASSESSED
    opt_out_policy: str = NOT_ASSESSED
    opt_out_date: str = NOT_ASSESSED
    personal_data: str = NOT_ASSESSED
    purchase: str = NOT_ASSESSED
    first_use: str = NOT_ASSESSED
    url_field: str = NOT_ASSESSED


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the registrant says about the whole dataset. Nothing said stays unknown.

    Attributes:
        ref: The dataset's name, without a version.
        claimed_by: Who says so.
        origin: What made the texts, or None.
        generators: The models that wrote them, where the origin involves any.
        license: An SPDX expression, or None.
        language: A BCP 47 tag, or None.
        dates: Typed intervals for the whole dataset.
        sources: Where it came from, as URLs.
        acquired: How it was come by.
        visibility: Who may see the dataset; used when it is new.
    """

    ref: DatasetRef
    claimed_by: str
    origin: Origin | None = None
    generators: tuple[str, ...] = ()
    license: str | None = None
    language: str | None = None
    dates: tuple[DateInterval, ...] = ()
    sources: tuple[str, ...] = ()
    acquired: Acquired = field(default_factory=Acquired)
    visibility: Visibility = Visibility.PRIVATE

    def check(self, options: ReadOptions) -> None:
        """Refuse what contradicts itself.

        Raises:
            InvalidInputError: A version in the name, an origin said twice, generators of human
                text, or a text that is empty or has control characters.
        """
        if self.ref.version is not None:
            raise InvalidInputError(
                f"`{self.ref}` names a version; versions are numbered by the registry",
                hint=f"use `--name {self.ref.dataset.short}`",
            )
        if self.origin is not None and options.says_origin:
            raise InvalidInputError(
                "the origin is given for all documents and also per document",
                hint="leave out `--origin`: a label that is missing must not fall back to it",
            )
        nobody = (Origin.HUMAN, Origin.UNKNOWN, None)
        if self.generators and self.origin in nobody and not options.says_origin:
            raise InvalidInputError(
                f"generators are named, but the origin is `{self.origin or 'not given'}`",
                hint="add `--origin ai`, `assisted`, `mixed` or `programmatic`",
            )
        if options.generator_field and self.generators:
            raise InvalidInputError(
                "generators are named for all documents and also per document",
                hint="leave out one of `--generator` and `--generator-field`",
            )
        said = [("license", self.license), ("language", self.language)]
        said += [("source", item) for item in self.sources]
        said += [("generator", item) for item in self.generators]
        said += [
            (name.replace("_", " "), getattr(self.acquired, name))
            for name in Acquired.__dataclass_fields__
        ]
        for what, text in said:
            if text is not None and (not text.strip() or not text.isprintable()):
                raise InvalidInputError(
                    f"the {what} is empty or has control characters", hint="write it as plain text"
                )


class Outcome(StrEnum):
    """What a registration changed."""

    REGISTERED = "registered"
    ADDED = "added"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Registration:
    """The result of a registration.

    Attributes:
        version: The version that the content is, new or known.
        outcome: What changed.
        added: For a known version: what was added to it, in words.
        skipped: Files, and members of archives, that are no input: hidden ones, cards, links.
        bad_input: Records and text files that are not valid and were left out, as `--on-bad-input
            skip` asks: place and reason of the first `MAX_LISTED`.
        bad_count: How many of those there are.
        files: How many files were read.
        same_content: Other datasets' versions with exactly this content.
    """

    version: DatasetVersion
    outcome: Outcome
    added: tuple[str, ...]
    skipped: tuple[str, ...]
    bad_input: tuple[readers.Skip, ...]
    bad_count: int
    files: int
    same_content: tuple[DatasetRef, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a registration is."""

    documents: int
    bytes: int
    files: int
    total_files: int


def version(
    database: Database,
    store: Store,
    paths: Sequence[Path],
    declaration: Declaration,
    *,
    options: ReadOptions,
    clock: Clock,
    keep: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Registration:
    """Register the documents in some files as a version of a dataset.

    Content that the dataset already has makes no new version: what is new about it, a claim or a
    place, is added to the version it is.

    Args:
        database: The catalogue.
        store: The registry's own storage.
        paths: Files and folders.
        declaration: What is said about the whole dataset.
        options: How files become documents, and what each record says itself.
        clock: The registry's clock.
        keep: Keep the texts in the vault, so that they outlive their files.
        on_progress: Called after each batch.

    Raises:
        InvalidInputError: A file, a field or the declaration; nothing is recorded then.
        ConflictError: The command was taken for dead meanwhile, or the clock went back.
        UnavailableError: The disk or the database refused.
    """
    declaration.check(options)
    asked = _Asked(readers.discover(paths, options), declaration, options, keep)
    intents.recover(database, store, now=clock())
    writer = intents.open_intent(database, IntentKind.REGISTER, now=clock())
    try:
        draft = _read(database, store, writer, asked, clock, on_progress)
        store.publish(writer.uid, DOCUMENTS)
        if keep:
            store.publish(writer.uid, VAULT)
        store.end_staging(writer.uid)
        with database.write() as session:
            result = _record(session, writer, asked, draft, clock())
            if result.uses_table:
                intents.close(session, writer)
            else:
                intents.close_without_files(session, writer)
    except BaseException:
        intents.abandon(database, store, writer)
        raise
    if not result.uses_table:
        intents.abandon(database, store, writer)
    return result.registration


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be registered."""

    found: readers.Discovered
    declaration: Declaration
    options: ReadOptions
    keep: bool


@dataclass(slots=True)
class _Draft:
    """What reading the files gave."""

    totals: documents.Totals
    identity: documents.Identity
    table_digest: str
    claims_root: str | None
    spoken: _Spoken
    passed: _Passed


@dataclass(slots=True)
class _Passed:
    """What was passed over while the files were read; the first ones by name."""

    members: list[str] = field(default_factory=list)
    bad: list[readers.Skip] = field(default_factory=list)
    bad_by_file: Counter[Path] = field(default_factory=Counter)

    def add(self, skip: readers.Skip) -> None:
        """Note one of them."""
        if skip.why is None:
            if len(self.members) < MAX_LISTED:
                self.members.append(skip.where)
            return
        self.bad_by_file[skip.file.path] += 1
        if len(self.bad) < MAX_LISTED:
            self.bad.append(skip)

    def of(self, file: readers.SourceFile) -> dict[str, Any]:
        """Return what the place of a version says about a file that lacks something."""
        count = self.bad_by_file[file.path]
        if not count:
            return {}
        listed = [skip.why for skip in self.bad if skip.file.path == file.path]
        return {"skipped": {"count": count, "listed": listed}}


@dataclass(slots=True)
class _Spoken:
    """What the data says per document, summed up for the claim that records it."""

    origins: dict[Origin, dict[str, int]] = field(default_factory=dict)
    generators: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    dated: int = 0
    not_before: int | None = None
    not_after: int | None = None

    def add(self, rows: pa.RecordBatch) -> None:
        """Count the rows of a batch."""
        names = rows.schema.names
        if "origin" in names:
            for origin, sums in documents.sums_by_origin(rows).items():
                entry = self.origins.setdefault(origin, dict.fromkeys(sums, 0))
                for unit, amount in sums.items():
                    entry[unit] += amount
        if "generator" in names:
            _tally(self.generators, _not_human(rows).column("generator"))
        if "language" in names:
            _tally(self.languages, rows.column("language"))
        if "not_after" in names:
            self._add_dates(rows)

    def _add_dates(self, rows: pa.RecordBatch) -> None:
        ends = rows.column("not_after").cast(pa.int64())
        self.dated += len(ends) - ends.null_count
        low = pc.min(rows.column("not_before").cast(pa.int64())).as_py()
        high = pc.max(ends).as_py()
        if low is not None:
            self.not_before = low if self.not_before is None else min(low, self.not_before)
        if high is not None:
            self.not_after = high if self.not_after is None else max(high, self.not_after)


def _not_human(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows that the data does not call human: only those have a generator."""
    if "origin" not in rows.schema.names:
        return rows
    human = pc.equal(rows.column("origin"), str(Origin.HUMAN))
    return rows.filter(pc.invert(pc.fill_null(human, False)))


def _tally(counter: Counter[str], column: pa.Array) -> None:
    for item in pc.value_counts(column).to_pylist():
        if item["values"] is not None:
            counter[item["values"]] += item["counts"]


def _read(
    database: Database,
    store: Store,
    writer: intents.Writer,
    asked: _Asked,
    clock: Clock,
    on_progress: Callable[[Progress], None] | None,
) -> _Draft:
    """Read every document once: hash, count, and write the document table."""
    files, options, keep = asked.found.files, asked.options, asked.keep
    staging = store.staging(writer.uid)
    folders = {DOCUMENTS: staging / DOCUMENTS} | ({VAULT: staging / VAULT} if keep else {})
    totals, spoken, finished = documents.Totals(), _Spoken(), Counter[str]()
    passed = _Passed()
    tree = RecordTree()
    said = _said_columns(readers.schema(options).names)
    tables: dict[str, documents.TableWriter] = {}
    try:
        for name, folder in folders.items():
            folder.mkdir()
            tables[name] = documents.TableWriter(folder, plain=("content_hash", "text"))
        stream = readers.documents(
            files,
            options,
            on_file=lambda _: finished.update(files=1),
            on_skip=passed.add,
        )
        schema: pa.Schema | None = None
        for batch, rows in _measured(stream):
            schema = rows.schema
            tables[DOCUMENTS].add(rows)
            if keep:
                tables[VAULT].add(batch.select(["text"]))
            totals.add(rows)
            spoken.add(rows)
            if said:
                tree.add(rows.select(["content_hash", *said]))
            intents.renew(database, writer, now=clock())
            if on_progress:
                on_progress(Progress(totals.documents, totals.bytes, finished["files"], len(files)))
        if schema is None:
            empty = pa.RecordBatch.from_pylist([], schema=readers.schema(options))
            schema = documents.measure(empty).schema
        tables[DOCUMENTS].close(schema)
        if keep:
            tables[VAULT].close(pa.schema([pa.field("text", pa.large_string(), nullable=False)]))
    except OSError as error:
        raise UnavailableError(
            f"the storage `{store.root}` cannot be written: {error.strerror or error}",
            hint="make room on the disk; nothing was recorded",
        ) from error
    finally:
        for table in tables.values():
            table.discard()
    return _Draft(
        totals,
        totals.identity(),
        documents.digest_table(folders[DOCUMENTS]),
        tree.root().hex() if said else None,
        spoken,
        passed,
    )


def _measured(
    stream: Iterator[pa.RecordBatch],
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Give each batch with the rows of its document table, while the next one is being read."""
    for batch in readers.read_ahead(stream):
        yield batch, documents.measure(batch)


def _said_columns(names: Sequence[str]) -> list[str]:
    return [name for name in names if name not in ("text", "file", "record", "part")]


@dataclass(frozen=True, slots=True)
class _Recorded:
    registration: Registration
    uses_table: bool


def _record(
    session: Session,
    writer: intents.Writer,
    asked: _Asked,
    draft: _Draft,
    now: dt.datetime,
) -> _Recorded:
    """Write the rows and the log entry that binds them."""
    found, declaration, options = asked.found, asked.declaration, asked.options
    rows: list[Base] = []
    owner = _dataset(session, declaration, now, rows)
    base, names = _relative(found.files)
    same = _same_content(session, draft, owner)
    known = session.execute(
        sa.select(DatasetVersion).where(
            DatasetVersion.dataset_id == owner.id,
            DatasetVersion.content_root == draft.identity.content_root,
        )
    ).scalar_one_or_none()
    target = known or _new_version(session, owner, draft, now, rows)
    place = None
    if known is None or _new_place(session, known, asked, draft, base, names):
        place = Location(
            version_id=target.id,
            uid=writer.uid,
            base=base,
            options=options.to_json(),
            files=[
                {"mtime_ns": str(file.mtime_ns), "name": name, "size": file.size}
                | draft.passed.of(file)
                for file, name in zip(found.files, names, strict=True)
            ],
            order_root=draft.identity.order_root,
            table_digest=draft.table_digest,
            claims_root=draft.claims_root,
            kept=asked.keep,
            sources=list(declaration.sources),
            registered_at=now,
        )
        session.add(place)
        session.flush()
        acquired = Acquisition(location_id=place.id, **_fields(declaration.acquired))
        session.add(acquired)
        rows += [place, acquired]
    new_claims = _not_yet_made(session, known, _claims(declaration, draft, options))
    if place is None:
        new_claims = [made for made in new_claims if made.location_id != _HERE]
    for made in new_claims:
        made.version_id = target.id
        if made.location_id == _HERE and place is not None:
            made.location_id = place.id
        made.claimed_at = now
        session.add(made)
    rows += new_claims
    added = _in_words(place, new_claims) if known is not None else ()
    outcome = Outcome.REGISTERED
    if known is not None:
        outcome = Outcome.ADDED if rows else Outcome.UNCHANGED
    if rows:
        kind = EntryKind.CLAIM_ADDED if place is None else EntryKind.LOCATION_ADDED
        if known is None:
            kind = EntryKind.VERSION_REGISTERED
        ledger.append(session, kind, now=now, facts={"version": target.number}, rows=rows)
    passed = draft.passed
    registration = Registration(
        target,
        outcome,
        added,
        skipped=(*map(str, found.skipped), *passed.members),
        bad_input=tuple(passed.bad),
        bad_count=passed.bad_by_file.total(),
        files=len(found.files),
        same_content=same,
    )
    return _Recorded(registration, place is not None)


_HERE: Final = -1
"""Stands for the location of this registration in a claim, until that has an id."""


def _dataset(
    session: Session, declaration: Declaration, now: dt.datetime, rows: list[Base]
) -> Dataset:
    ref = declaration.ref
    owner = catalogue.find_dataset(session, ref)
    if owner is not None:
        return owner
    team = session.execute(
        sa.select(Namespace).where(Namespace.name == ref.namespace)
    ).scalar_one_or_none()
    if team is None:
        team = Namespace(name=ref.namespace, visibility=declaration.visibility, created_at=now)
        session.add(team)
        rows.append(team)
    session.flush()
    owner = Dataset(
        namespace_id=team.id, name=ref.name, visibility=declaration.visibility, created_at=now
    )
    owner.namespace = team
    session.add(owner)
    session.flush()
    rows.append(owner)
    return owner


def _new_version(
    session: Session, owner: Dataset, draft: _Draft, now: dt.datetime, rows: list[Base]
) -> DatasetVersion:
    last = session.execute(
        sa.select(sa.func.max(DatasetVersion.number)).where(DatasetVersion.dataset_id == owner.id)
    ).scalar_one()
    made = DatasetVersion(
        dataset_id=owner.id,
        number=(last or 0) + 1,
        content_root=draft.identity.content_root,
        documents=draft.totals.documents,
        distinct=draft.identity.distinct,
        empty=draft.totals.empty,
        bytes=draft.totals.bytes,
        words=draft.totals.words,
        registered_at=now,
    )
    made.dataset = owner
    session.add(made)
    session.flush()
    rows.append(made)
    return made


def _same_content(session: Session, draft: _Draft, owner: Dataset) -> tuple[DatasetRef, ...]:
    twins = session.execute(
        sa.select(DatasetVersion)
        .where(
            DatasetVersion.content_root == draft.identity.content_root,
            DatasetVersion.dataset_id != owner.id,
        )
        .order_by(DatasetVersion.id)
    ).scalars()
    return tuple(catalogue.ref_of(twin) for twin in twins)


def _new_place(
    session: Session,
    known: DatasetVersion,
    asked: _Asked,
    draft: _Draft,
    base: str,
    names: list[str],
) -> bool:
    """Return whether a known version was found somewhere new, or says new things per document.

    Where it came from and how it was come by belong to a place, so to say more of that is to
    name a place again.
    """
    places = catalogue.locations(session, known)
    acquired = {row.location_id: row for row in catalogue.acquisitions(session, known)}
    if asked.keep and not any(place.kept for place in places):
        return True
    if draft.claims_root not in {None, *(place.claims_root for place in places)}:
        return True
    return not any(
        place.base == base
        and [file["name"] for file in place.files] == names
        and place.options == asked.options.to_json()
        and place.order_root == draft.identity.order_root
        and set(asked.declaration.sources) <= set(place.sources)
        and _says_as_much(acquired[place.id], asked.declaration.acquired)
        for place in places
    )


def _says_as_much(known: Acquisition, acquired: Acquired) -> bool:
    """Return whether everything that was said now was said of a place before."""
    said = _fields(acquired).items()
    return all(value in (NOT_ASSESSED, getattr(known, name)) for name, value in said)


def _claims(declaration: Declaration, draft: _Draft, options: ReadOptions) -> list[Claim]:
    """Return what this registration claims, for all documents or per document."""
    made = []
    if declaration.origin is not None:
        value: dict[str, Any] = {"origin": str(declaration.origin)}
        if declaration.generators:
            value["generators"] = sorted(set(declaration.generators))
        made.append(_claim(declaration, Property.ORIGIN, value))
    spoken = draft.spoken
    if options.says_origin or options.generator_field:
        value = {"per_document": True, "claims_root": draft.claims_root}
        if options.says_origin:
            value["origins"] = {str(name): sums for name, sums in spoken.origins.items()}
        if options.generator_field:
            value["generators"] = _most_common(spoken.generators)
        made.append(_claim(declaration, Property.ORIGIN, value, here=True))
    if declaration.generators and declaration.origin is None:
        # Who wrote the documents that the data itself says are not human.
        value = {"generators": sorted(set(declaration.generators))}
        made.append(_claim(declaration, Property.ORIGIN, value))
    if declaration.license is not None:
        made.append(_claim(declaration, Property.LICENSE, {"license": declaration.license}))
    if declaration.language is not None:
        made.append(_claim(declaration, Property.LANGUAGE, {"language": declaration.language}))
    if options.language_field:
        value = {
            "per_document": True,
            "claims_root": draft.claims_root,
            "languages": _most_common(spoken.languages),
        }
        made.append(_claim(declaration, Property.LANGUAGE, value, here=True))
    made += [_claim(declaration, Property.DATE, date.to_json()) for date in declaration.dates]
    if options.date_fields:
        value = {
            "per_document": True,
            "claims_root": draft.claims_root,
            "kinds": sorted(str(kind) for kind, _ in options.date_fields),
            "dated": spoken.dated,
        }
        if spoken.not_before is not None and spoken.not_after is not None:
            value["not_before"] = iso_time(spoken.not_before)
            value["not_after"] = iso_time(spoken.not_after)
        made.append(_claim(declaration, Property.DATE, value, here=True))
    return made


def _claim(
    declaration: Declaration, property: Property, value: dict[str, Any], *, here: bool = False
) -> Claim:
    return Claim(
        property=property,
        value=value,
        location_id=_HERE if here else None,
        selection_id=None,
        kind=ClaimKind.REGISTRATION,
        assessment=Assessment.DECLARED,
        claimed_by=declaration.claimed_by,
        reason=None,
    )


def _most_common(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.most_common(MAX_GENERATORS)))


def _not_yet_made(
    session: Session, known: DatasetVersion | None, claims: list[Claim]
) -> list[Claim]:
    """Return the claims that nobody has made about the version in the same words."""
    if known is None:
        return claims
    before = catalogue.claims(session, known)
    made = {(item.property, _key(item.value)) for item in before if item.selection_id is None}
    return [item for item in claims if (item.property, _key(item.value)) not in made]


def _key(value: dict[str, Any]) -> str:
    return repr(sorted((name, repr(part)) for name, part in value.items()))


def _in_words(place: Location | None, claims: list[Claim]) -> tuple[str, ...]:
    words = [] if place is None else [f"location `{place.base}`"]
    for claim in claims:
        value = claim.value
        said = value.get("license") or value.get("language") or value.get("origin")
        if claim.property is Property.DATE and "kind" in value:
            said = str(DateInterval.from_json(value))
        words.append(f"{claim.property} claim `{said or 'per document'}`")
    return tuple(words)


def _relative(files: Sequence[readers.SourceFile]) -> tuple[str, list[str]]:
    """Return the folder that all files are in, and their names relative to it."""
    folders = [str(file.path.parent) for file in files]
    base = os.path.commonpath(folders)
    return base, [os.path.relpath(file.path, base) for file in files]


def _fields(acquired: Acquired) -> dict[str, Any]:
    return {name: getattr(acquired, name) for name in Acquired.__dataclass_fields__}
