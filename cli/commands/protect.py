"""`firsthand protect`, `role give` and `role take`: what versions are used as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from cli.output import clean, count, emit, json_option, plural, say
from cli.progress import progress_option, stages

if TYPE_CHECKING:
    from registry.protect import Protected
    from registry.query.policy import Reason
    from registry.roles import Changed

REFUSED: Final = 3
GRADES: Final = ("E0", "E1", "E2", "E3", "E4", "E5", "E6")


@click.command()
@click.argument("ref", metavar="DATASET[@VERSION]")
@click.option(
    "--policy",
    type=click.Choice(["pre-aigc"]),
    default="pre-aigc",
    show_default=True,
    help="What is asked of it: every document existed before the cutoff, is human by all live "
    "claims, and its bytes are in the vault.",
)
@click.option(
    "--cutoff",
    metavar="DATE",
    default="2022-11-30",
    show_default=True,
    help="Before which every document must have existed.",
)
@click.option(
    "--min-grade",
    type=click.Choice(GRADES),
    default="E1",
    show_default=True,
    help="The least grade of the evidence for that; E1 is the owner's word.",
)
@click.option("--release", is_flag=True, help="Take the protection away again; needs `--reason`.")
@click.option("--reason", metavar="TEXT", help="With `--release`: why; others will ask.")
@progress_option
@json_option
@click.pass_obj
def protect(home: str | None, /, *, ref: str, as_json: bool, **given: Any) -> int:
    """Let a version belong to the vault if it meets the policy; otherwise say what it lacks.

    Its documents never go for those of a version that is not protected. If it does not meet the
    policy, every reason is told, with rows and what would repair it, and the exit code is 3. What
    is claimed later takes no protection away: `show` says what then breaks the policy.
    """
    from cli.context import clock, opened, tidy
    from registry import protect as verb
    from registry.core.dataset import DatasetRef, Role
    from registry.core.policy import Terms
    from registry.settings import actor

    if given["release"]:
        if not given["reason"]:
            raise click.UsageError("say why with `--reason`: it is kept on record")
        return _change(
            home, ref, str(Role.PROTECTED), given=False, reason=given["reason"], as_json=as_json
        )
    if given["reason"]:
        raise click.UsageError("`--reason` belongs to `--release`")
    wanted = DatasetRef.parse(ref)
    terms = Terms.parse(given["policy"], given["cutoff"], given["min_grade"])
    with opened(home) as registry:
        tidy(registry)
        with stages(given["progress"]) as on_progress:
            done = verb.version(
                registry.database,
                registry.store,
                wanted,
                terms,
                protected_by=actor(),
                clock=clock,
                on_progress=on_progress,
            )
    if as_json:
        emit(_document(done))
    else:
        _show(done)
    return REFUSED if str(done.outcome) == "refused" else 0


def _document(done: Protected) -> dict[str, Any]:
    from registry.query.catalogue import ref_of

    return {
        "dataset": str(ref_of(done.version).dataset),
        "version": done.version.number,
        "outcome": str(done.outcome),
        "terms": done.terms.to_json(),
        "held": None if done.held is None else done.held.to_json(),
        "documents": done.version.documents,
        "reasons": [reason.to_json() for reason in done.reasons],
        "notes": list(done.notes),
    }


def _show(done: Protected) -> None:
    from registry.query.catalogue import ref_of

    ref = ref_of(done.version)
    documents = plural(done.version.documents, "document")
    if str(done.outcome) == "refused":
        say(f"{ref}   not protected: it does not meet {done.terms}")
        for reason in done.reasons:
            _show_reason(reason)
        if done.held is not None:
            say(f"it stays protected as before ({done.held})")
        else:
            say("nothing was recorded")
    else:
        word = "protected" if str(done.outcome) == "protected" else "protected already"
        say(f"{ref}   {word}: {documents}, {done.terms}")
        say("every kept text was checked; the origin and the dates are claims, not proof")
    for note in done.notes:
        say(f"note: {clean(note)}")


def _show_reason(reason: Reason) -> None:
    say(f"  ! {clean(reason.message)}")
    for it in reason.examples:
        say(f"      document {count(it.row)} · {clean(it.where)} · {it.content_hash[:16]}…")
    say(f"    → {clean(reason.remedy)}")


@click.command()
@click.argument("ref", metavar="DATASET[@VERSION]")
@click.argument("role", type=click.Choice(["evaluation"]))
@click.option("--reason", metavar="TEXT", help="Why, for the record.")
@json_option
@click.pass_obj
def give(home: str | None, ref: str, role: str, reason: str | None, as_json: bool) -> int:
    """Give a registered version a role, such as that of an evaluation set.

    An evaluation set should be found by any 13 tokens that a text shares with it. If the version
    was registered for longer runs, that is told, with what repairs it. Protection is not given:
    see `firsthand protect`.
    """
    return _change(home, ref, role, given=True, reason=reason, as_json=as_json)


@click.command()
@click.argument("ref", metavar="DATASET[@VERSION]")
@click.argument("role", type=click.Choice(["evaluation"]))
@click.option("--reason", metavar="TEXT", required=True, help="Why; others will ask.")
@json_option
@click.pass_obj
def take(home: str | None, ref: str, role: str, reason: str, as_json: bool) -> int:
    """Take a role away from a version, with a reason.

    That it had it stays on record. Protection is taken with `firsthand protect DATASET --release`.
    """
    return _change(home, ref, role, given=False, reason=reason, as_json=as_json)


def _change(
    home: str | None, ref: str, role: str, *, given: bool, reason: str | None, as_json: bool
) -> int:
    from cli.context import clock, opened
    from registry import roles
    from registry.core.dataset import DatasetRef, Role
    from registry.query.catalogue import ref_of
    from registry.settings import actor

    wanted, what, who = DatasetRef.parse(ref), Role(role), actor()
    with opened(home) as registry, registry.database.write() as session:
        if given:
            done = roles.give(session, wanted, what, changed_by=who, now=clock(), reason=reason)
        else:
            done = roles.take(
                session, wanted, what, changed_by=who, now=clock(), reason=reason or ""
            )
        name = ref_of(done.version)
    if as_json:
        emit(
            {
                "dataset": str(name.dataset),
                "version": name.version,
                "role": role,
                "given": given,
                "changed": done.changed,
                "lacking": done.lacking,
            }
        )
        return 0
    say(f"{name}   {_in_words(done)}")
    if done.lacking:
        say(f"! {clean(done.lacking)}")
    return 0


def _in_words(done: Changed) -> str:
    what = "protected" if str(done.role) == "protected" else f"an {done.role} set"
    if done.given:
        return f"is {what} now" if done.changed else f"is {what} already"
    return f"is not {what} any more; that it was stays on record"
