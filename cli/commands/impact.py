"""`firsthand impact`: what a version, some texts or a dispute touched, and what still holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.output import clean, count, emit, json_option, plural, say, share

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cli.context import Opened
    from registry.blobs import Store
    from registry.core.contents import Hashes
    from registry.query.impact import Impact, Subject

SHOWN = 20
"""How many snapshots are shown, and how many versions of each list."""


@click.command()
@click.argument("ref", metavar="[DATASET[@VERSION]]", required=False)
@click.option("--hash", "digest", metavar="SHA256", help="A text, wherever it is registered.")
@click.option(
    "--where",
    metavar="FILE",
    help="Only the texts of the version whose SHA-256 stands in this file, one a line.",
)
@click.option("--dispute", type=int, metavar="N", help="What a dispute is about.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    metavar="N",
    help="How many snapshots are counted anew, the newest first; 0: all.",
)
@json_option
@click.pass_obj
def impact(
    home: str | None,
    /,
    *,
    ref: str | None,
    digest: str | None,
    where: str | None,
    dispute: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """Say what a version, a text or a dispute touched, and whether each promise still holds.

    Snapshots, certificates and mixtures that hold its documents, versions derived from it, and
    what was left out for it. Each snapshot's human share is counted again under today's claims.
    """
    from cli.context import opened
    from registry.query.impact.report import to_json

    if sum(it is not None for it in (ref, digest, dispute)) != 1:
        raise click.UsageError("name one of: a dataset, `--hash`, `--dispute`")
    if where is not None and ref is None:
        raise click.UsageError("`--where` needs a dataset")
    with opened(home) as registry:
        made = _impact(registry, ref, digest, where, dispute, limit or None)
    record = to_json(made)
    if as_json:
        emit(record)
        return
    for line in _screen(record):
        say(line)


def _impact(
    registry: Opened,
    ref: str | None,
    digest: str | None,
    where: str | None,
    dispute: int | None,
    limit: int | None,
) -> Impact:
    from pathlib import Path

    from registry import lifecycle
    from registry.query.impact import impact

    chosen = lifecycle.read_hash_list(Path(where)) if where else None
    with registry.database.read() as session:
        subject = subject_of(
            session, registry.store, ref=ref, digest=digest, where=chosen, dispute=dispute
        )
        return impact(session, registry.store, subject, limit=limit)


def subject_of(
    session: Session,
    store: Store,
    *,
    ref: str | None,
    digest: str | None,
    where: Hashes | None,
    dispute: int | None = None,
) -> Subject:
    """Return what options name: a version, some of its texts, a text anywhere, a dispute."""
    from registry.core.caller import OPERATOR
    from registry.core.dataset import DatasetRef
    from registry.query.impact import by_dispute, by_hash, by_ref
    from registry.query.whereis.finder import Finder

    if digest is not None:
        finder = Finder(store)
        try:
            with finder.look(session, OPERATOR) as looking:
                return by_hash(looking, digest)
        finally:
            finder.close()
    if dispute is not None:
        return by_dispute(session, store, dispute)
    return by_ref(session, DatasetRef.parse(ref or ""), where=where)


def _screen(record: dict[str, Any]) -> list[str]:
    totals = record["totals"]
    broken = totals["broken"]
    lines = [
        f"{clean(record['about'])}   {plural(totals['snapshots'], 'snapshot')} · "
        f"{plural(len(record['derived']), 'derived version')} · "
        + (f"{plural(broken, 'snapshot')} with a broken promise" if broken else "no broken promise")
        + (f" among the newest {totals['counted']:,}" if record["after"] else "")
        + f" · catalogue as of log {count(record['log_size'])}"
    ]
    for item in record["versions"][:SHOWN]:
        lines.append(f"  {_name(item)}   {_version(item)}")
    for item in record["derived"][:SHOWN]:
        source = clean(item["from"].removeprefix("local/"))
        steps = "" if item["steps"] == 1 else f", {item['steps']} steps away"
        lines.append(f"  {_name(item)}   was {item['kind']} from {source}{steps}")
    for item in record["snapshots"][:SHOWN]:
        lines += _snapshot(item)
    more = totals["snapshots"] - min(SHOWN, totals["counted"])
    if more:
        lines.append(
            f"… and {plural(more, 'snapshot')} more, of which "
            f"{max(0, totals['counted'] - SHOWN):,} were counted: `--json --limit 0` lists all"
        )
    for item in record["excluded"][:SHOWN]:
        gone = item["exact"] + item["near"] + item["passage"]
        lines.append(
            f"{clean(item['path'])}   {plural(gone, 'document')} left out of it for this "
            "evaluation set"
        )
    lines.append("Training runs are not recorded, so nothing is known of them.")
    return lines


def _name(item: dict[str, Any]) -> str:
    return f"{item['dataset'].removeprefix('local/')}@{item['version']}"


def _version(item: dict[str, Any]) -> str:
    origins = " · ".join(f"{number:,} {name}" for name, number in item["origins"].items())
    few = "" if item["documents"] == item["of"] else f" of {item['of']:,}"
    gone = " · withdrawn" if any(it["about"] == "all" for it in item["withdrawn"]) else ""
    return f"{item['documents']:,}{few} documents, which count as {origins or 'nothing'}{gone}"


def _snapshot(item: dict[str, Any]) -> list[str]:
    human = item["human_fraction"]
    declared, of = human["declared"], human["of"]
    lines = [
        f"{clean(item['path'])}   {_between(item['touched'])} of {item['documents']:,} documents",
        f"  certificate {item['certificate'][:16]}…"
        + (f" · superseded by {item['superseded_by'][-1][:16]}…" if item["superseded_by"] else ""),
        f"  declared {_share(declared['then'], 'not on record')} human of {of} then, "
        f"{_today(declared)} under today's claims   evidenced: not assessed   "
        "audited: not assessed",
    ]
    if item["withdrawn"]["at_most"]:
        lines.append(f"  {_between(item['withdrawn'])} withdrawn since; the files have them still")
    for promise in item["promises"]:
        word = {True: "holds", False: "BROKEN", None: "not known"}[promise["holds"]]
        why = f": {clean(promise['because'])}" if promise["because"] else ""
        lines.append(f"  {word}   {clean(promise['asked'])}{why}")
    if not item["rows_known"]:
        lines.append("  which rows it holds is not on record: it was exported by an older release")
    return lines


def _between(bounds: dict[str, int]) -> str:
    low, high = bounds["at_least"], bounds["at_most"]
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _share(fraction: dict[str, int] | None, otherwise: str) -> str:
    return share(fraction["numerator"], fraction["denominator"]) if fraction else otherwise


def _today(declared: dict[str, Any]) -> str:
    if declared["today"] is not None or declared["today_between"] is None:
        return _share(declared["today"], "not known")
    low, high = declared["today_between"]
    return f"between {_share(low, '')} and {_share(high, '')}"
