"""Answers as the documents that `--json` prints and the server sends (`schemas/whereis.json`)."""

from __future__ import annotations

from typing import Any, Final

from registry.core.claim import Property
from registry.core.evidence import iso_time, to_micros
from registry.db.models import DatasetVersion
from registry.query import catalogue
from registry.query.whereis.facts import Text
from registry.query.whereis.place import Place
from registry.query.whereis.places import Searched
from registry.query.whereis.search import Answer, Kind, Match, standard_error
from registry.query.whereis.sides import Conflict

PLACES: Final = 20
"""How many places of a text are listed; of the others it is said how many documents they are."""
SNAPSHOTS: Final = 10
"""How many snapshots are listed for each place, the newest."""


def answer_record(answer: Answer, searched: Searched) -> dict[str, Any]:
    """Return one answer."""
    text = answer.question.text
    return {
        "question": {
            "content_hash": answer.question.content_hash,
            "bytes": None if text is None else len(text),
            "tokens": answer.tokens,
        },
        "found": bool(answer.matches),
        "first_seen": _first_seen(answer),
        "matches": [_match(match, searched.permutations) for match in answer.matches],
        "more": {str(kind): answer.more.get(kind, 0) for kind in Kind},
    }


def searched_record(searched: Searched) -> dict[str, Any]:
    """Return what was searched."""
    return {
        "documents": searched.documents,
        "not_indexed": searched.not_indexed,
        "near": {
            "documents": searched.near,
            "min_similarity": searched.min_similarity,
            "recall": round(searched.recall, 4),
        },
        "passages": {
            "documents": searched.passages,
            "guaranteed_tokens": searched.guaranteed,
        },
    }


def text_record(text: Text) -> dict[str, Any]:
    """Return what is known of a text."""
    shown = text.places[:PLACES]
    return {
        "content_hash": text.content_hash.hex(),
        "bytes": text.bytes,
        "words": text.words,
        "documents": text.documents,
        "origin": str(text.origin),
        "conflicts": [_conflict(item) for item in text.conflicts],
        "earliest": None if text.earliest is None else _earliest(text.earliest),
        "places": [_place(place) for place in shown],
        "more_documents": sum(place.documents for place in text.places[PLACES:]),
    }


def _match(match: Match, permutations: int) -> dict[str, Any]:
    share, passage = match.similarity, match.passage
    return {
        "kind": str(match.kind),
        "change": match.change,
        "similarity": None if share is None else round(share, 4),
        "standard_error": None if share is None else round(standard_error(share, permutations), 4),
        "passage": None
        if passage is None
        else {
            "compared": passage.words is not None,
            "tokens": passage.tokens,
            "words": passage.words,
            "pieces": passage.pieces,
            "of": passage.of,
        },
        **text_record(match.text),
    }


def _conflict(conflict: Conflict) -> dict[str, Any]:
    return {
        "property": conflict.property,
        "sides": [
            {
                **_version(side.version),
                "says": list(side.says),
                "generators": list(side.generators),
                "claimed_by": list(side.claimed_by),
                "basis": side.basis,
            }
            for side in conflict.sides
        ],
    }


def _first_seen(answer: Answer) -> dict[str, Any] | None:
    """Return the earliest date of the very bytes that were asked about; no other lends them one."""
    same = next((match for match in answer.matches if match.kind is Kind.EXACT), None)
    place = None if same is None else same.text.earliest
    return None if place is None else _earliest(place)


def _earliest(place: Place) -> dict[str, Any]:
    by = {it.claimed_by for it in place.known.about.claims if it.property is Property.DATE}
    return {**_version(place.version), **_dates(place), "claimed_by": sorted(by)}


def _dates(place: Place) -> dict[str, Any]:
    dated = place.not_after is not None
    return {
        "not_before": iso_time(place.not_before)
        if dated and place.not_before is not None
        else None,
        "not_after": None if place.not_after is None else iso_time(place.not_after),
        "grade": "E0" if place.not_after is None else "E1",
    }


def _version(version: DatasetVersion) -> dict[str, Any]:
    ref = catalogue.ref_of(version)
    return {"dataset": str(ref.dataset), "version": version.number}


def _place(place: Place) -> dict[str, Any]:
    snapshots = sorted(place.known.snapshots, key=lambda item: item[0].issued_at, reverse=True)
    return {
        **_version(place.version),
        "row": place.row + 1,
        "documents": place.documents,
        "base": place.location.base,
        "file": place.file,
        "record": place.record + 1,
        "origin": str(place.origin),
        "human_bytes": place.human_bytes,
        "contested": place.contested,
        "generators": list(place.generators),
        "licenses": list(place.licenses),
        "languages": list(place.languages),
        **_dates(place),
        "snapshots": [
            {
                "snapshot_root": snapshot.snapshot_root,
                "certificate": snapshot.certificate_digest,
                "issued_at": iso_time(to_micros(snapshot.issued_at)),
                "documents": part.documents,
                # A part of a version may lack this text; all of it cannot.
                "has_text": True if part.documents == place.version.documents else None,
            }
            for snapshot, part in snapshots[:SNAPSHOTS]
        ],
        "more_snapshots": max(0, len(snapshots) - SNAPSHOTS),
    }
