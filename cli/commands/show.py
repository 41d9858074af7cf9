"""`firsthand show`, `history` and `dataset list`: what is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

from cli.contradictions import conflict_lines, dispute_lines
from cli.options import as_of_option
from cli.output import block, clean, count, emit, json_option, not_valid, plural, say, share, size
from cli.overlaps import inside_lines, overlap_lines
from cli.registrations import index_in_words


@click.command()
@click.argument("ref", metavar="DATASET[@VERSION]")
@as_of_option
@json_option
@click.pass_obj
def show(home: str | None, ref: str, as_of: str | None, as_json: bool) -> None:
    """Show a dataset version: what it holds, what is claimed about it, and what is missing."""
    import tempfile
    from pathlib import Path

    from cli.context import looking, opened
    from registry.core.dataset import DatasetRef
    from registry.query.show import version_record
    from registry.query.texts import reading

    wanted = DatasetRef.parse(ref)
    with (
        tempfile.TemporaryDirectory() as scratch,
        opened(home) as registry,
        looking(registry, as_of) as session,
    ):
        again = reading(registry.database, registry.store, Path(scratch) / "again")
        record = version_record(session, registry.store, wanted, again=again)
    if as_json:
        emit(record)
        return
    for line in _screen(record):
        say(line)


def _screen(record: dict[str, Any]) -> list[str]:
    name = f"{record['dataset']}@{record['version']}"
    lines = [
        f"{name}   {plural(record['documents'], 'document')} · {size(record['bytes'])} · "
        f"{plural(record['words'], 'word')} · registered {record['registered_at'][:10]}"
    ]
    rows: list[tuple[str, str]] = []
    rows += _withdrawn(record)
    rows += role_lines(record["roles"])
    rows += _origin(record)
    rows += _dates(record)
    rows += _anchored(record)
    rows += _conflicts(record, name)
    rows += dispute_lines(record)
    rows.append(("License", _license(record)))
    if record["languages"]:
        rows.append(("Language", clean(", ".join(record["languages"]))))
    copies = record["exact_duplicates"]
    rows.append(
        (
            "Copies",
            f"{plural(copies, 'exact duplicate')} within · {count(record['distinct'])} distinct "
            f"· {count(record['empty'])} empty",
        )
    )
    rows.append(("Index", index_in_words(record["index"])))
    inside = inside_lines(record["most_repeated"], {"texts": 0})
    rows += [("", line) for line in inside]
    rows += overlap_lines(record["overlaps"], record["documents"], label="Known")
    if not record["overlaps"]["compared"]:
        rows.append(("", "not compared with other datasets yet: the next registration does it"))
    rows += _places(record)
    rows += _lineage(record)
    rows += _deduplicated(record)
    rows += _snapshots(record)
    missing = _missing(record)
    if missing:
        rows.append(("Missing", ", ".join(missing) + ": not assessed"))
    rows.append(("Content root", record["content_root"]))
    return lines + block(rows)


def role_lines(roles: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the roles of a version, and what keeps it from what they promise."""
    from registry.core.policy import Terms

    rows = []
    for role in roles:
        by = f"by {clean(role['changed_by'])}, {role['changed_at'][:10]}"
        if role["role"] != "protected":
            rows.append(("Role", f"evaluation set, {by}"))
            if role["lacking"]:
                rows.append(("", f"! {clean(role['lacking'])}"))
            continue
        terms = f" ({Terms.from_json(role['terms'])})" if role["terms"] else ""
        rows.append(("Protected", f"{by}{terms}"))
        if role["breaks"]:
            rows.append(("", "! does not meet these terms any more; it is protected all the same"))
        rows += [("", f"  ! {clean(reason['message'])}") for reason in role["breaks"]]
    return rows


def _withdrawn(record: dict[str, Any]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for stone in record["withdrawn"]:
        what = "all documents" if stone["about"] == "all" else plural(stone["about"], "text")
        done = " and erased" if stone["erased"] else ""
        rows.append(
            (
                "" if rows else "Withdrawn",
                f"! {what}{done}, tombstone {stone['withdrawal']}, {stone['withdrawn_at'][:10]}: "
                f"{clean(stone['reason'])}",
            )
        )
    return rows


def _origin(record: dict[str, Any]) -> list[tuple[str, str]]:
    claims = [item for item in record["claims"] if item["property"] == "origin"]
    if not claims:
        nobody = ("Origin", "unknown: nobody has said what made these texts (not assessed)")
        return [nobody, *_counted(record, ["unknown"])]
    from registry.query.words import claim_in_words

    rows = []
    decided = {item["claim"]: item["state"] for item in record["disputes"]}
    for number, claim in enumerate(claims):
        about = _about(claim)
        kind = decided.get(claim["number"], claim["kind"])
        correction = _KINDS.get(kind, "declared ")
        rows.append(
            (
                "" if number else "Origin",
                f"{correction}{clean(claim_in_words(claim))}{about} by "
                f"{clean(claim['claimed_by'])}, {claim['claimed_at'][:10]}{_ended(claim)}",
            )
        )
    fraction = record["human_fraction"]["declared"]
    rows += [
        ("", f"  declared   {share(fraction['numerator'], fraction['denominator'])} human of bytes"
             "   somebody's word"),
        ("", "  evidenced  not assessed"),
        ("", "  audited    not assessed"),
    ]  # fmt: skip
    claims = [claim for claim in claims if claim["ended"] is None]
    named = [claim["value"].get("origin") for claim in claims]
    rows += _counted(record, named if len(claims) == 1 else [])
    if record["generators"]:
        names = record["generators"]
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        rows.append(("Generators", clean(", ".join(names[:8])) + more))
    return rows


_KINDS: Final = {
    "correction": "corrected to ",
    "open": "disputed as ",
    "rejected": "disputed as ",
    "upheld": "by dispute ",
}


def _ended(claim: dict[str, Any]) -> str:
    """Return that a claim counts no more, if that is so."""
    if claim["ended"] is None:
        return ""
    return f"   ended: dispute {claim['ended']['dispute']} was {claim['ended']['outcome']}"


def _about(claim: dict[str, Any]) -> str:
    """Return which documents a claim is about, where it is not all of them."""
    return "" if claim["about"] == "all" else f" for {claim['about']}"


def _counted(record: dict[str, Any], expected: list[Any]) -> list[tuple[str, str]]:
    """Return what the documents count as, unless that is what was said."""
    if list(record["origins"]) in ([], expected):
        return []
    parts = [f"{count(sums['documents'])} {name}" for name, sums in record["origins"].items()]
    return [("", f"  counted as {' · '.join(parts)}")]


def _dates(record: dict[str, Any]) -> list[tuple[str, str]]:
    dates = record["dates"]
    if not dates["dated"]:
        return [("Dates", "none claimed")]
    all_of_them = dates["dated"] == record["documents"]
    which = "all documents" if all_of_them else plural(dates["dated"], "document")
    begin = (dates["not_before"] or "…")[:10]
    return [
        ("Dates", f"{begin} … {dates['not_after'][:10]} for {which}   grade {dates['grade']}, "
                  "the owner's word"),
        ("", 'a date says "not by later models", never "human"'),
    ]  # fmt: skip


def _anchored(record: dict[str, Any]) -> list[tuple[str, str]]:
    """Return how many documents protected versions have too, where there are such versions."""
    found = record["anchored"]
    if not found["protected_versions"]:
        return []
    names = [f"{item['dataset'].removeprefix('local/')}@{item['version']}" for item in found["by"]]
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    where = f", {', '.join(names[:8])}{more}" if names else ""
    rows = [
        (
            "Anchored",
            f"{count(found['documents'])} of {plural(record['documents'], 'document')} with a text "
            f"that a protected version has{where}",
        )
    ]
    if found["normalised"]:
        other = plural(found["normalised"], "document")
        rows.append(("", f"{other} of them but for one newline at the end"))
    if found["not_compared"]:
        left = plural(len(found["not_compared"]), "protected version")
        rows.append(("", f"the texts of {left} could not be read: their bytes alone were compared"))
    return rows


def _snapshots(record: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for item in record["snapshots"]:
        rows.append(
            (
                "Snapshots",
                f"{item['snapshot_root'][:16]}… has {count(item['documents'])} of these, "
                f"issued {item['issued_at'][:10]}",
            )
        )
        rows += [
            ("", f"left out of it for {one['dataset']}@{one['version']}: {_left_out(one)}")
            for one in item["evaluations"]
        ]
    rows += [
        ("Left out of", f"{item['snapshot_root'][:16]}…, issued {item['issued_at'][:10]}, because "
         f"of items of this: {_left_out(item)}")
        for item in record["left_out_of"]
    ]  # fmt: skip
    return rows


def _left_out(item: dict[str, Any]) -> str:
    return (
        f"{plural(item['exact'], 'document')} equal · {count(item['near'])} nearly equal · "
        f"{count(item['passage'])} with a shared passage"
    )


def _conflicts(record: dict[str, Any], name: str) -> list[tuple[str, str]]:
    rows = []
    if record["contested"]:
        rows.append(
            (
                "Conflicts",
                f"{plural(record['contested'], 'document')} called human in one place and not in "
                "another: the most cautious claim counts",
            )
        )
    if len(record["licenses"]) > 1:
        rows.append(
            (
                "" if rows else "Conflicts",
                f"licenses {clean(', '.join(record['licenses']))}: all of their terms apply",
            )
        )
    numbered = conflict_lines(record["conflicts"], name)
    return rows + ([("" if rows else label, text) for label, text in numbered])


def _license(record: dict[str, Any]) -> str:
    if not record["licenses"]:
        return "none claimed"
    return f"{clean(' AND '.join(record['licenses']))} for the collection (declared)"


def _places(record: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for number, place in enumerate(record["locations"]):
        kept = " · texts kept in the vault" if place["kept"] else ""
        rows.append(
            (
                "" if number else "Found at",
                f"{clean(place['base'])} ({plural(place['files'], 'file')}){kept}",
            )
        )
        rows += [("", f"from {clean(source)}") for source in place["sources"]]
        if place["left_out"]:
            rows.append(("Left out", f"{not_valid(place['left_out'])} at {clean(place['base'])}"))
    return rows


def _lineage(record: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("Comes from", f"{edge['dataset']}@{edge['version']} ({edge['kind']})")
        for edge in record["lineage"]["from"]
    ]
    return rows + [
        ("Led to", f"{edge['dataset']}@{edge['version']} ({edge['kind']})")
        for edge in record["lineage"]["to"]
    ]


def _deduplicated(record: dict[str, Any]) -> list[tuple[str, str]]:
    made = record["deduplication"]
    if made is None:
        return []
    gone = made["removed"]["exact"] + made["removed"]["near"]
    return [
        (
            "Removed",
            f"{count(gone)} of {plural(made['documents'], 'document')}: "
            f"{count(made['removed']['exact'])} equal · {count(made['removed']['near'])} near   "
            f"storage/{made['removals']['name']}",
        )
    ]


def _missing(record: dict[str, Any]) -> list[str]:
    if not record["acquisition"]:
        return []
    names = record["acquisition"][0]
    return [
        name.replace("_", " ")
        for name in names
        if all(item[name] == "not_assessed" for item in record["acquisition"])
    ]


@click.command()
@click.argument("ref", metavar="DATASET[@VERSION]")
@as_of_option
@json_option
@click.pass_obj
def history(home: str | None, ref: str, as_of: str | None, as_json: bool) -> None:
    """Tell what happened to a dataset: registrations, claims, lineage, snapshots."""
    from cli.context import looking, opened
    from registry.core.dataset import DatasetRef
    from registry.query.history import history as happened

    wanted = DatasetRef.parse(ref)
    with opened(home) as registry, looking(registry, as_of) as session:
        events = happened(session, wanted)
    if as_json:
        emit({"dataset": str(wanted.dataset), "events": events})
        return
    for event in events:
        when = event["at"][:19].replace("T", " ")
        say(f"{when}  @{event['version']}  {_event(event)}")


def _event(event: dict[str, Any]) -> str:
    from registry.query.words import claim_in_words

    kind = event["event"]
    if kind == "registered":
        return f"registered {plural(event['documents'], 'document')}, {event['content_root'][:16]}…"
    if kind == "location":
        kept = ", texts kept" if event["kept"] else ""
        return f"found at {clean(event['base'])} ({plural(event['files'], 'file')}{kept})"
    if kind == "kept":
        return (
            f"texts of {plural(event['documents'], 'document')} kept by {clean(event['kept_by'])}"
        )
    if kind in _OTHERS:
        return _OTHERS[kind](event)
    if kind == "lineage":
        return f"{event['kind']} from {event['from']}, says {clean(event['added_by'])}"
    if kind == "snapshot":
        return (
            f"{plural(event['documents'], 'document')} went into snapshot "
            f"{event['snapshot_root'][:16]}…"
        )
    about = _about(event)
    word = "corrected" if event["kind"] == "correction" else "claimed"
    reason = f': "{clean(event["reason"])}"' if event["reason"] else ""
    return (
        f"{event['property']} {word} as {clean(claim_in_words(event))}{about} "
        f"by {clean(event['claimed_by'])}{reason}"
    )


def _gone_event(event: dict[str, Any]) -> str:
    """Return that files were moved, or documents withdrawn."""
    if event["event"] == "moved":
        return f"files read from {clean(event['base'])} since, says {clean(event['moved_by'])}"
    few = "" if event["about"] == "all" else f" ({event['about']} texts)"
    done = "withdrawn and erased" if event["erased"] else "withdrawn"
    return (
        f"{done}{few}, tombstone {event['withdrawal']}, by {clean(event['withdrawn_by'])}: "
        f'"{clean(event["reason"])}"'
    )


def _dispute_event(event: dict[str, Any]) -> str:
    from registry.query.words import claim_in_words

    if event["event"] == "dispute":
        against = f" against claim {event['challenged']}" if event["challenged"] else ""
        words = clean(claim_in_words(event))
        return (
            f"dispute {event['dispute']} opened{against}: {event['property']} {words}, says "
            f'{clean(event["opened_by"])}: "{clean(event["reason"])}"'
        )
    ended = ", ".join(map(str, event["ended"])) or "none"
    return (
        f"dispute {event['dispute']} {event['outcome']} by {clean(event['resolved_by'])} as "
        f'{clean(event["role"])}, claims ended: {ended}: "{clean(event["reason"])}"'
    )


def _role_event(event: dict[str, Any]) -> str:
    from registry.core.policy import Terms

    said = f"made an {event['role']} set" if event["given"] else f"no {event['role']} set any more"
    if event["role"] == "protected":
        said = "protected" if event["given"] else "not protected any more"
    if event["given"] and event["terms"]:
        said += f" ({Terms.from_json(event['terms'])})"
    reason = f': "{clean(event["reason"])}"' if event["reason"] else ""
    return f"{said}, says {clean(event['changed_by'])}{reason}"


@click.command("list")
@as_of_option
@json_option
@click.pass_obj
def dataset_list(home: str | None, as_of: str | None, as_json: bool) -> None:
    """List the datasets with their latest versions."""
    from cli.context import looking, opened
    from registry.query import pages

    with opened(home) as registry, looking(registry, as_of) as session:
        rows = list(pages.all_datasets(session))
    if as_json:
        emit({"datasets": rows})
        return
    if not rows:
        say("no datasets yet: firsthand register FILES --name NAME")
        return
    # A column for what few have is of use where some have it.
    roles = any(row["roles"] for row in rows)
    table = [("DATASET", "DOCUMENTS", "TEXT", "ORIGIN", "LICENSE", *(("ROLE",) if roles else ()))]
    for row in rows:
        origins = ", ".join(row["claimed_origins"]) or "unknown"
        mark = " (disputed)" if row["assessment"] == "disputed" else ""
        table.append(
            (
                f"{row['dataset']}@{row['version']}",
                count(row["documents"]),
                size(row["bytes"]),
                origins + mark,
                clean(" AND ".join(row["licenses"])) or "-",
                *((", ".join(row["roles"]) or "-",) if roles else ()),
            )
        )
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        cells = [
            cell.rjust(width) if column in (1, 2) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        say("  ".join(cells).rstrip())


_OTHERS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "role": _role_event,
    "dispute": _dispute_event,
    "resolution": _dispute_event,
    "moved": _gone_event,
    "withdrawn": _gone_event,
}
