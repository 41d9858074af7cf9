"""The selection language of the catalogue: words and names that stand for versions.

`protected` and `evals` are the versions with that role; `ai` and `human` those of which some live
claim says it of any document, or of a part of one; `all` is all of them. Anything else is the
name of a dataset or version. A dataset that is called like a word is reached by its full name, as
in `local/ai`, or with a number, as in `ai@1`. What the caller may not see is never selected, and
naming it is answered like naming what does not exist.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.caller import OPERATOR, Caller
from registry.core.claim import Property
from registry.core.dataset import DatasetRef, Origin
from registry.core.lineage import EdgeKind
from registry.db.models import Claim, DatasetVersion, LineageEdge
from registry.errors import InvalidInputError, NotFoundError
from registry.query import catalogue, protection, withdrawn
from registry.query.live import live
from registry.query.visible import visible_version


def select(
    session: Session, words: Sequence[str], caller: Caller = OPERATOR
) -> list[DatasetVersion]:
    """Return the versions that words and names stand for.

    They come in the order of the words, and for one word oldest first; no version comes twice. A
    word may stand for none.

    Args:
        session: A reading session.
        words: Words of `WORDS` and names of datasets or versions; several in one text are
            separated by commas.
        caller: Who asks.

    Raises:
        InvalidInputError: A word is empty, or no word and no valid name.
        NotFoundError: There is no such dataset or version that the caller may see.
    """
    found: dict[int, DatasetVersion] = {}
    for word in _split(words):
        for version in _meant(session, word, caller):
            found.setdefault(version.id, version)
    return list(found.values())


def _split(words: Sequence[str]) -> Iterator[str]:
    for text in words:
        for word in text.split(","):
            if not word.strip():
                raise InvalidInputError(
                    "a selection has an empty part",
                    hint=f"give names of datasets, or of {_named()}, separated by single commas",
                )
            yield word.strip()


def _meant(session: Session, word: str, caller: Caller) -> Sequence[DatasetVersion]:
    if word in WORDS:
        return _versions(session, WORDS[word](session, caller), caller)
    ref = DatasetRef.parse(word)
    try:
        found = catalogue.version(session, ref, caller)
        withdrawn.require(session, found)
        return [found]
    except NotFoundError as error:
        if ref.version is not None or "/" in word or catalogue.find_dataset(session, ref, caller):
            raise
        near = difflib.get_close_matches(word, list(WORDS), n=1)
        hint = error.hint or ""
        if not near:
            hint = f"{hint}; besides names there are {_named()}"
        elif hint.startswith("did you mean"):
            hint = f"{hint.rstrip('?')}, or the word `{near[0]}`?"
        else:
            hint = f"did you mean the word `{near[0]}`?"
        raise NotFoundError(error.message, hint=hint) from error


def _versions(
    session: Session, ids: Iterable[int] | None, caller: Caller
) -> Sequence[DatasetVersion]:
    """Return versions that the caller may see, oldest first: those with these ids, or all."""
    gone = withdrawn.whole_ids(session)
    seen = [it for it in catalogue.all_versions(session, caller) if it.id not in gone]
    if ids is None:
        return seen
    wanted = set(ids)
    return [version for version in seen if version.id in wanted]


def _ai(session: Session, caller: Caller) -> set[int]:
    """Return the versions with text by a model, by a claim or by lineage."""
    generated = sa.select(LineageEdge.version_id).where(
        LineageEdge.kind == EdgeKind.GENERATED, visible_version(caller, LineageEdge.source_id)
    )
    return _claimed(session, Origin.AI) | set(session.scalars(generated))


def by_model_ids(session: Session, caller: Caller) -> set[int]:
    """Return the ids of the versions of which anybody says that a model had a hand in a document.

    They need not be visible to the caller; an edge that says it is.
    """
    claims = session.execute(
        sa.select(Claim.version_id, Claim.value)
        .where(Claim.property == Property.ORIGIN, live())
        .execution_options(yield_per=1000)
    )
    hands = (Origin.ASSISTED, Origin.MIXED)
    said = {
        version
        for version, value in claims
        if value.get("generators") or any(_says(value, origin) for origin in hands)
    }
    return said | _ai(session, caller)


def _human(session: Session, caller: Caller) -> set[int]:
    return _claimed(session, Origin.HUMAN)


def _claimed(session: Session, origin: Origin) -> set[int]:
    """Return the versions of which a live claim gives any document, or a part of one, an origin."""
    claims = session.execute(
        sa.select(Claim.version_id, Claim.value)
        .where(Claim.property == Property.ORIGIN, live())
        .execution_options(yield_per=1000)
    )
    return {version for version, value in claims if _says(value, origin)}


def _says(value: Mapping[str, object], origin: Origin) -> bool:
    if value.get("origin") == origin:
        return True
    sums = value.get("origins")
    said = sums.get(str(origin)) if isinstance(sums, Mapping) else None
    return bool(said and (said["documents"] or said["bytes"]))


def _named() -> str:
    *most, last = [f"`{word}`" for word in WORDS]
    return f"{', '.join(most)} and {last}"


WORDS: Final[Mapping[str, Callable[[Session, Caller], Iterable[int] | None]]] = {
    "protected": lambda session, _: protection.protected_ids(session),
    "evals": lambda session, _: protection.evaluation_ids(session),
    "ai": _ai,
    "human": _human,
    "all": lambda *_: None,
}
"""What each word stands for: ids of versions, seen by the caller or not; None for all."""
