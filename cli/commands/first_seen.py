"""`firsthand first-seen`: since when the documents of a version are known to exist."""

from __future__ import annotations

from typing import Any

import click

from cli.output import block, clean, count, emit, json_option, plural, say, share

_YEARS = 40
_LISTED = 20


@click.command("first-seen")
@click.argument("ref", metavar="DATASET[@VERSION]")
@click.option(
    "--before",
    default="2022-11-30",
    show_default=True,
    metavar="DATE",
    help="Count what was seen before this day begins.",
)
@click.option(
    "--by",
    "field",
    metavar="FIELD",
    help="Also count the values of this field of the records; reads the files again.",
)
@json_option
@click.pass_obj
def first_seen(
    home: str | None, /, *, ref: str, before: str, field: str | None, as_json: bool
) -> None:
    """Say since when the documents of a version are known to exist, and by whose word.

    First seen is the earliest date that any version with the same bytes claims. A document that is
    only similar lends no date. Nothing is recorded.

    A date says "not by later models", never "human".
    """
    from cli.context import opened
    from registry.core.caller import OPERATOR
    from registry.core.dataset import DatasetRef
    from registry.core.evidence import instant_range
    from registry.query import catalogue
    from registry.query.first_seen.groups import group_record
    from registry.query.first_seen.report import first_seen_record
    from registry.query.whereis.finder import Finder

    wanted = DatasetRef.parse(ref)
    cutoff = instant_range(before)[0]
    with opened(home) as registry:
        finder = Finder(registry.store)
        with registry.database.read() as session, finder.look(session, OPERATOR) as looking:
            version = catalogue.version(session, wanted)
            record, seen = first_seen_record(looking, version, before=before)
            place = looking.seen.place(session, looking.seen.firsts[version.id])
        finder.close()
        if field is not None:
            record["groups"] = group_record(registry.store, seen, field, place=place, cutoff=cutoff)
    if as_json:
        emit(record)
        return
    for line in _screen(record, before):
        say(line)


def _screen(record: dict[str, Any], before: str) -> list[str]:
    many, found = record["documents"], record["first_seen"]
    lines = [
        f"{_ref(record)}   {count(found['before'])} of {plural(many, 'document')} "
        f"({share(found['before'], many)}) first seen before {clean(before)}"
    ]
    rows = [("Later", f"{plural(found['later'], 'document')} first seen on that day or after it")]
    rows.append(("No date", plural(found["undated"], "document")))
    if found["earliest"] is not None:
        rows.append(("Range", f"{found['earliest'][:10]} … {found['latest'][:10]}"))
    rows += [
        ("" if number else "Years", f"{item['year']}  {count(item['documents'])}")
        for number, item in enumerate(record["years"][-_YEARS:])
    ]
    rows += _by(record)
    groups = record["groups"]
    if groups is not None:
        rows.append(
            (
                "By field",
                f"{clean(groups['field'])}: {count(groups['before'])} of "
                f"{plural(groups['values'], 'value')} first seen before {clean(before)}",
            )
        )
        if groups["documents_without"]:
            without = plural(groups["documents_without"], "document")
            rows.append(("", f"{without} without a value are in none"))
    rows += _hints(record)
    searched = record["searched"]
    rows.append(
        (
            "Searched",
            f"{plural(searched['documents'], 'document')} in "
            f"{plural(searched['versions'], 'version')}, {count(searched['dated_versions'])} of "
            f"which claim dates; {searched['rule']}",
        )
    )
    return [*lines, *block(rows), 'a date says "not by later models", never "human"']


def _by(record: dict[str, Any]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for item in record["by"][:_LISTED]:
        own = " (itself)" if item["own"] else ""
        rows.append(
            (
                "" if rows else "By",
                f"{plural(item['documents'], 'document')}, {count(item['before'])} before: "
                f"{_ref(item)}{own}, {item['grade']}, the word of "
                f"{clean(', '.join(item['claimed_by']))}",
            )
        )
    left = len(record["by"]) - _LISTED
    return [*rows, ("", f"and {plural(left, 'version')} more")] if left > 0 else rows


def _hints(record: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            "" if number else "Hints",
            f"{plural(item['documents'], 'document')} only similar to some of {_ref(item)}: "
            "that lends no date",
        )
        for number, item in enumerate(record["hints"][:_LISTED])
    ]


def _ref(item: dict[str, Any]) -> str:
    return f"{item['dataset'].removeprefix('local/')}@{item['version']}"
