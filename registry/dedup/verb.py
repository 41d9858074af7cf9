"""The verb: read the inputs, decide, hold it against the budgets, write and record."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from registry import intents
from registry.batch import Asked
from registry.batch.engine import Limits
from registry.batch.run import PAIR_LIMIT, Progress
from registry.batch.stages import Workspace
from registry.blobs import DOCUMENTS, SEGMENTS, SKETCHES, VAULT, Store, make_folder
from registry.core.dataset import DatasetRef
from registry.core.sketch import SketchParams
from registry.db.models import IntentKind
from registry.db.session import Database
from registry.dedup import budgets, deriving, recording, removals
from registry.dedup.carrying import carried
from registry.dedup.choosing import choose
from registry.dedup.inputs import Inputs
from registry.dedup.recording import Decided
from registry.dedup.report import Made, Report, rule_of, summarize
from registry.errors import InvalidInputError, UnavailableError
from registry.query import catalogue, compared, selecting
from registry.query.compared import FOLDER

Clock = Callable[[], dt.datetime]
REMOVALS: Final = "removals.parquet"
"""The name of the file of removals, beside the document table."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        words: Which versions, in the words of `registry.query.selecting`.
        name: The dataset that the result becomes a version of; None only to plan.
        made_by: Who asks.
        budgets: Which share of a version's documents may go, by its name.
        exact: Compare by true Jaccard similarity, which reads the texts again.
        threshold: The smallest similarity that counts as near.
        out: A file for what goes, or None.
        pair_limit: How many pairs a group of alike texts may make.
        limits: Memory and threads.
        temp: Where stages are kept; by default in the registry's storage.
    """

    words: Sequence[str]
    made_by: str
    name: DatasetRef | None = None
    budgets: Mapping[DatasetRef, Fraction] = field(default_factory=dict)
    exact: bool = False
    threshold: float = 0.8
    out: Path | None = None
    pair_limit: int = PAIR_LIMIT
    limits: Limits = field(default_factory=Limits)
    temp: Path | None = None


def run(
    database: Database,
    store: Store,
    wanted: Wanted,
    *,
    clock: Clock,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Find what repeats in some versions, decide what stays, and record that as a version.

    Nothing is recorded where a budget would be exceeded, or where no name is given.

    Args:
        database: The catalogue.
        store: The registry's storage.
        wanted: What is asked for.
        clock: The registry's clock.
        on_progress: Hears how far it is.

    Returns:
        What goes and what stays; `Report.exceeded` names the sources of which too much would go.

    Raises:
        NotFoundError: There is no such version.
        InvalidInputError: An option is out of its range, or a budget is of no source.
        ConflictError: A version has no sketches, a file is damaged, the name is taken by something
            else, or the catalogue changed meanwhile.
        UnavailableError: The disk is full, or the memory does not suffice.
    """
    if wanted.name is not None and wanted.name.version is not None:
        raise InvalidInputError(
            f"`{wanted.name.short}` names a version; versions are numbered by the registry",
            hint=f"use `--name {wanted.name.dataset.short}`",
        )
    if wanted.name is not None:
        intents.recover(database, store, now=clock())
    with database.read() as session:
        inputs = Inputs.read(session, store, selecting.select(session, wanted.words))
        if wanted.name is not None:
            recording.check_name(session, inputs, wanted.name)
    shares = budgets.of(inputs.sides, inputs.protected, wanted.budgets)
    with Workspace(wanted.temp or store.root / FOLDER) as space, space.scratch() as scratch:
        asked = Asked(
            mine=[compared.source(database, store, side, scratch) for side in inputs.sides],
            params=SketchParams(permutations=inputs.sides[0].table.permutations),
            threshold=wanted.threshold,
            exact=wanted.exact,
            pair_limit=wanted.pair_limit,
            limits=wanted.limits,
        )
        outcome = choose(inputs, asked, space, on_progress)
        merits = inputs.merits()
        claims = list(carried(inputs, store, outcome))
        report = summarize(inputs, outcome, merits, shares, claims)
        record = scratch / REMOVALS
        if wanted.out is not None or (wanted.name is not None and not report.exceeded):
            removals.write(record, inputs, outcome, merits, report.rule)
        if wanted.out is not None:
            _copy(record, wanted.out)
            report = report.with_out(str(wanted.out))
        if wanted.name is None or report.exceeded:
            return report
        decided = Decided(
            ref=wanted.name,
            inputs=inputs,
            outcome=outcome,
            carried=claims,
            budgets=shares,
            rule=rule_of(asked.rule),
            removals_digest=_digest(record),
            made_by=wanted.made_by,
        )
        maker = _Maker(database, store, clock, on_progress)
        return replace(report, made=maker.make(decided, record, scratch))


@dataclass(frozen=True, slots=True)
class _Maker:
    """Records what was decided.

    Attributes:
        database: The catalogue.
        store: The registry's storage.
        clock: The registry's clock.
        on_progress: Hears how far it is.
    """

    database: Database
    store: Store
    clock: Clock
    on_progress: Callable[[Progress], None]

    def make(self, decided: Decided, record: Path, scratch: Path) -> Made:
        """Record the derived version, or what is new about the one there is."""
        identity = deriving.identity(decided.inputs, decided.outcome, scratch)
        with self.database.read() as session:
            known = recording.known(session, decided.inputs, decided.ref, identity)
        if known is None:
            return self._written(decided, record)
        with self.database.write() as session:
            decided.inputs.check_unchanged(session)
            claims = recording.add_claims(session, self.store, known, decided, self.clock())
            place = catalogue.locations(session, known)[0]
            return Made(
                catalogue.ref_of(known),
                "added" if claims else "unchanged",
                claims,
                str(self.store.documents(place.uid) / REMOVALS),
                recording.removals_digest(session, known),
            )

    def _written(self, decided: Decided, record: Path) -> Made:
        """Write the files, put them into their places, and record everything."""
        database, store = self.database, self.store
        writer = intents.open_intent(database, IntentKind.REGISTER, now=self.clock())

        def tell(done: int, of: int) -> None:
            intents.renew(database, writer, now=self.clock())
            self.on_progress(Progress("writing", done, of))

        try:
            staging = store.staging(writer.uid)
            try:
                derived = deriving.write(
                    decided.inputs, decided.outcome, database, store, staging, on_progress=tell
                )
                shutil.copyfile(record, staging / DOCUMENTS / REMOVALS)
            except OSError as error:
                raise UnavailableError(
                    f"the storage `{store.root}` cannot be written: {error.strerror or error}",
                    hint="make room on the disk; nothing was recorded",
                ) from error
            for part in (DOCUMENTS, VAULT, SKETCHES, SEGMENTS):
                store.publish(writer.uid, part)
            store.end_staging(writer.uid)
            with database.write() as session:
                version = recording.record(
                    session, store, writer.uid, decided, derived, self.clock()
                )
                intents.close(session, writer)
                return Made(
                    catalogue.ref_of(version),
                    "registered",
                    len(catalogue.claims(session, version)),
                    str(store.documents(writer.uid) / REMOVALS),
                    decided.removals_digest,
                )
        except BaseException:
            intents.abandon(database, store, writer)
            raise


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(record: Path, out: Path) -> None:
    """Put the file of removals where it was asked for, as a whole or not at all."""
    partial = out.with_name(f".{out.name}.partial")
    try:
        make_folder(out.absolute().parent)
        shutil.copyfile(record, partial)
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UnavailableError(
            f"`{out}` cannot be written: {error.strerror or error}",
            hint="choose another file with `--out`",
        ) from error
