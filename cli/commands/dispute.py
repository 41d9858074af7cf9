"""`firsthand dispute open`, `resolve`, `list` and `conflicts`: what is contradicted."""

from __future__ import annotations

from typing import Any

import click

from cli.assertions import Wanted, assertion_options, chosen_by, scope_options
from cli.commands.claim import counted
from cli.contradictions import dispute_in_words, in_words
from cli.options import as_of_option
from cli.output import clean, emit, json_option, say, tell


@click.command("open")
@click.argument("ref", metavar="DATASET[@VERSION]")
@assertion_options
@click.option("--reason", metavar="TEXT", required=True, help="Why; others will ask.")
@click.option(
    "--claim",
    "challenged",
    metavar="N",
    type=click.IntRange(1),
    help="The claim that is wrong, as `show --json` numbers them; default: all said so far.",
)
@click.option("--field", metavar="NAME", help="Only what is of this field of the records.")
@scope_options
@click.option(
    "--evidence", metavar="FILE", help="What supports it; its SHA-256 is recorded, not the file."
)
@json_option
@click.pass_obj
def open_(
    home: str | None,
    /,
    *,
    ref: str,
    reason: str,
    challenged: int | None,
    field: str | None,
    evidence: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Say that a claim is wrong, and what is so instead: from now on both sides count.

    Without `--origin`, `--license`, `--date` or `--language` it says that the origin is unknown.
    Until somebody resolves it, the more cautious side counts, in every dataset that has the texts.
    """
    from cli.context import clock, opened
    from registry import lifecycle
    from registry.core.dataset import DatasetRef, Origin
    from registry.query import catalogue
    from registry.settings import actor

    wanted = DatasetRef.parse(ref)
    asked = Wanted.of(given)
    said = asked.assertion() or lifecycle.Assertion.of_origin(Origin.UNKNOWN)
    digest = None if evidence is None else _digest(evidence)
    whole = None
    with opened(home) as registry:
        chosen = chosen_by(registry, wanted, asked)
        if field is not None:
            with registry.database.read() as session:
                version = catalogue.version(session, wanted)
                about = lifecycle.of_field(
                    session, registry.store, version, field, said, within=chosen
                )
            said, chosen, whole = about.said, about.chosen, about.whole
        with registry.database.write() as session:
            made = lifecycle.open_dispute(
                session,
                registry.store,
                wanted,
                said,
                reason=reason,
                opened_by=actor(),
                now=clock(),
                challenged=challenged,
                field=field,
                chosen=chosen,
                evidence=digest,
            )
            number, name = made.id, catalogue.ref_of(made.version)
        record, dispute = _after(registry, name, number)
    if as_json:
        emit(_json(record, dispute) | {"whole": whole})
        return
    if whole is not None:
        tell(f"all of each document is taken for the field: {clean(whole)}")
    say(f"{name}   dispute {number} opened")
    for line in dispute_in_words(dispute):
        say(line)
    counted(record)
    say(f"Next   firsthand dispute resolve {number} --uphold|--reject --role ROLE --reason …")


@click.command()
@click.argument("number", metavar="N", type=click.IntRange(1))
@click.option("--uphold", is_flag=True, help="The dispute is right: the challenged claims end.")
@click.option("--reject", is_flag=True, help="It is wrong: what it claimed instead ends.")
@click.option("--role", metavar="ROLE", required=True, help="As what you decide: `data owner`.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; others will ask.")
@json_option
@click.pass_obj
def resolve(
    home: str | None,
    /,
    *,
    number: int,
    uphold: bool,
    reject: bool,
    role: str,
    reason: str,
    as_json: bool,
) -> None:
    """Decide a dispute. Nothing is removed: claims that ended stay on record.

    Challenged claims that are about more than the dispute stay: end those with a dispute about as
    much.
    """
    from cli.context import clock, opened
    from registry import lifecycle
    from registry.db.models import Outcome
    from registry.query import catalogue
    from registry.query.disputes import numbered
    from registry.settings import actor

    if uphold == reject:
        raise click.UsageError("say one of `--uphold` and `--reject`")
    with opened(home) as registry:
        with registry.database.write() as session:
            done = lifecycle.resolve_dispute(
                session,
                registry.store,
                number,
                Outcome.UPHELD if uphold else Outcome.REJECTED,
                role=role,
                reason=reason,
                resolved_by=actor(),
                now=clock(),
            )
            name = catalogue.ref_of(done.resolution.dispute.version)
            stays = {it.id for it in done.wider}
            wider = [
                it.number
                for it in numbered(session, done.resolution.dispute.version)
                if it.claim.id in stays
            ]
        record, dispute = _after(registry, name, number)
    if as_json:
        emit(_json(record, dispute) | {"wider": wider})
        return
    say(f"{name}   dispute {number} {dispute['state']}")
    ended = dispute["resolution"]["ended"]
    said = ", ".join(f"claim {it}" for it in ended) or "no claim"
    say(f"ended: {said}")
    for it in wider:
        say(f"claim {it} is about more than the dispute, and stays")
    counted(record)


@click.command("list")
@click.argument("ref", metavar="[DATASET[@VERSION]]", required=False)
@as_of_option
@json_option
@click.pass_obj
def list_(home: str | None, ref: str | None, as_of: str | None, as_json: bool) -> None:
    """List disputes, open and decided: those about one version, or all."""
    from cli.context import looking, opened
    from registry.core.dataset import DatasetRef
    from registry.query.pages import dispute_records

    wanted = None if ref is None else DatasetRef.parse(ref)
    with opened(home) as registry, looking(registry, as_of) as session:
        found = dispute_records(session, wanted)
    if as_json:
        emit({"disputes": found})
        return
    if not found:
        say("no disputes")
    for item in found:
        say(f"{item['dataset']}@{item['version']}")
        for line in dispute_in_words(item):
            say(f"  {line}")


@click.command()
@click.argument("ref", metavar="[DATASET[@VERSION]]", required=False)
@as_of_option
@json_option
@click.pass_obj
def conflicts(home: str | None, ref: str | None, as_of: str | None, as_json: bool) -> None:
    """List where claims contradict each other about the same texts; nobody's claim is changed.

    Of one version, or of all. Numbers hold for as long as nothing else is recorded; `claim
    --conflict N` takes those of one version.
    """
    from cli.context import looking, opened
    from registry import ledger
    from registry.core.dataset import DatasetRef
    from registry.query.conflicts import listing

    wanted = None if ref is None else DatasetRef.parse(ref)
    with opened(home) as registry, looking(registry, as_of) as session:
        found = listing.numbered(session, registry.store, wanted)
        size = ledger.size(session)
    if as_json:
        emit({"log_size": size, "conflicts": found})
        return
    if not found:
        say("no conflicts")
    for item in found:
        here = item["here"]
        if wanted is None:
            say(f"{here['dataset']}@{here['version']}")
        for line in in_words(item):
            say(line if wanted is not None else f"  {line}")


def _digest(name: str) -> str:
    import hashlib
    from pathlib import Path

    from registry.errors import InvalidInputError

    try:
        with Path(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInputError(
            f"`{name}` cannot be read: {error.strerror}", hint="name a file with `--evidence`"
        ) from error


def _after(registry: Any, name: Any, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the version as it is now, and a dispute about it."""
    from registry.query.show import version_record

    with registry.database.read() as session:
        record = version_record(session, registry.store, name)
    return record, next(it for it in record["disputes"] if it["id"] == number)


def _json(record: dict[str, Any], dispute: dict[str, Any]) -> dict[str, Any]:
    names = ("dataset", "version", "origins", "human_fraction")
    return {"dispute": dispute} | {name: record[name] for name in names}
