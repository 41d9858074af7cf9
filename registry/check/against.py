"""What new data is compared with: versions of a catalogue, as one caller sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from registry.core.caller import Caller
from registry.core.contents import Rows
from registry.db.models import DatasetVersion
from registry.db.session import Database
from registry.errors import InvalidInputError, UnavailableError
from registry.matching import Target
from registry.matching.targets import EVALUATION_RUN
from registry.query import protection, texts
from registry.query.selecting import by_model_ids, select
from registry.query.whereis.finder import Looking


@dataclass(frozen=True, slots=True)
class Against:
    """Versions to compare with.

    Attributes:
        database: Their catalogue.
        looking: The same with its index, as the caller sees it.
        versions: The versions, each once.
        evaluation: The ids of those that are evaluation sets.
        protected: The ids of those that are protected.
        by_model: The ids of those of which anybody says that a model had a hand in a document.
        paths: What versions are called that are registered for this check alone.
        most_reread: Of versions with more bytes, texts are not read again to compare passages;
            None to read them all.
    """

    database: Database
    looking: Looking
    versions: Sequence[DatasetVersion]
    evaluation: frozenset[int]
    protected: frozenset[int]
    by_model: frozenset[int]
    paths: Mapping[int, str]
    most_reread: int | None = None

    @classmethod
    def of_paths(cls, database: Database, looking: Looking, paths: Mapping[int, str]) -> Against:
        """Return files and folders that were registered for this check alone.

        They are taken for evaluation sets: whoever names files rather than a dataset asks whether
        they are in the data.

        Args:
            database: The catalogue they were registered in.
            looking: The same.
            paths: What each version is called, by its id.
        """
        versions = [looking.session.get_one(DatasetVersion, number) for number in paths]
        none: frozenset[int] = frozenset()
        return cls(database, looking, versions, frozenset(paths), none, none, dict(paths))

    def targets(self, run: int) -> dict[int, Target]:
        """Return what is searched, by the ids of versions, with the shortest run that counts."""
        found = {}
        for version in self.versions:
            items = version.id in self.evaluation
            found[version.id] = Target(
                self.looking.seen.firsts[version.id],
                version.documents,
                min(run, EVALUATION_RUN) if items else run,
                every=items,
                mixed=version.id in self.by_model,
            )
        return found

    def texts(self, scratch: Path, location: int, rows: Rows) -> Iterator[pa.Array]:
        """Give texts of documents again.

        Raises:
            RegistryError: They are not at hand any more.
        """
        seen, session = self.looking.seen, self.looking.session
        version = next(it for it in self.versions if seen.firsts[it.id] == location)
        if self.most_reread is not None and version.bytes > self.most_reread:
            raise UnavailableError("reading the texts again takes too long")
        place = seen.place(session, location)
        return texts.again(self.database, self.looking.store, scratch, version, place, rows)


def selected(
    database: Database,
    looking: Looking,
    words: Sequence[str],
    caller: Caller,
    *,
    most_reread: int | None = None,
) -> Against:
    """Return the versions that words and names stand for; see `registry.query.selecting`.

    Args:
        database: The catalogue.
        looking: The same, as the caller sees it.
        words: The words and names.
        caller: Who asks.
        most_reread: Of versions with more bytes, texts are not read again to compare passages.

    Raises:
        InvalidInputError: A word is neither a word nor a name, or stands for no version.
        NotFoundError: There is no such dataset or version that the caller may see.
    """
    session = looking.session
    versions = select(session, words, caller) if words else []
    for word in ",".join(words).split(",") if words else ():
        if not select(session, [word], caller):
            raise InvalidInputError(
                f"`{word.strip()}` stands for no version: there is nothing to compare with",
                hint="register or protect one, or leave the word out",
            )
    return Against(
        database,
        looking,
        versions,
        frozenset(protection.evaluation_ids(session)),
        frozenset(protection.protected_ids(session)),
        frozenset(by_model_ids(session, caller)),
        {},
        most_reread,
    )
