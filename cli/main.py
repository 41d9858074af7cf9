"""The command `firsthand`: find the command, run it, turn errors into messages and exit codes.

Nothing heavy is imported here: a command's module is loaded when the command is called, and the
help of all of them comes from the table below.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from cli.output import emit, report, tell, wants_json
from registry.errors import (
    ConflictError,
    GuaranteeError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    RegistryError,
    UnavailableError,
    VerificationError,
)

# Where each command is, and its help in one line; `dataset list` is a command of a group.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": (
        "cli.commands.init:init",
        "Make a registry here: a folder with a database, storage and a signing key.",
    ),
    "inspect": (
        "cli.commands.inspect:inspect",
        "Look at files before registering them: shape, texts, counts, problems, what to run next.",
    ),
    "register": (
        "cli.commands.register:register",
        "Record a dataset version: what is in some files, and what is claimed about it.",
    ),
    "show": (
        "cli.commands.show:show",
        "Show a dataset version: what it holds, what is claimed about it, and what is missing.",
    ),
    "history": (
        "cli.commands.show:history",
        "Tell what happened to a dataset: registrations, claims, lineage, snapshots.",
    ),
    "whereis": (
        "cli.commands.whereis:whereis",
        "Say where a text comes from: equal or near documents, shared passages, who claims what.",
    ),
    "first-seen": (
        "cli.commands.first_seen:first_seen",
        "Say since when the documents of a version are known to exist, and by whose word.",
    ),
    "duplicates": (
        "cli.commands.duplicates:duplicates",
        "Find documents that repeat one another, within a version or between two.",
    ),
    "overlap": (
        "cli.commands.overlap:overlap",
        "Say how many documents of each version have an equal or a near one in each other.",
    ),
    "check": (
        "cli.commands.check:check",
        "Compare new data with registered documents, registering nothing: 0 clean, 3 not.",
    ),
    "dedup": (
        "cli.commands.dedup:dedup",
        "Make a version of others in which of alike documents the best evidenced one stays.",
    ),
    "claim": (
        "cli.commands.claim:claim",
        "Correct what is claimed about a version: a new claim; the old ones stay.",
    ),
    "impact": (
        "cli.commands.impact:impact",
        "Say what a version, a text or a dispute touched, and whether each promise still holds.",
    ),
    "conflicts": (
        "cli.commands.dispute:conflicts",
        "List where claims contradict each other about the same texts.",
    ),
    "keep": (
        "cli.commands.keep:keep",
        "Put the texts of a registered version into the vault, each checked against its hash.",
    ),
    "protect": (
        "cli.commands.protect:protect",
        "Let a version belong to the vault if it meets the policy; otherwise say what it lacks.",
    ),
    "relocate": (
        "cli.commands.relocate:relocate",
        "Say where the files of a version are now: texts are read from there from then on.",
    ),
    "reissue": (
        "cli.commands.reissue:reissue",
        "Export a snapshot again as claims and withdrawals are now; the old one is superseded.",
    ),
    "withdraw": (
        "cli.commands.withdraw:withdraw",
        "Take a version, or some texts, out of use: hidden at once, left out of plans and exports.",
    ),
    "plan": (
        "cli.commands.plan:plan",
        "Show what a recipe would draw, or what it lacks. Nothing is written.",
    ),
    "export": (
        "cli.commands.export:export",
        "Write what a recipe draws as Parquet files with a certificate and a proof from the log.",
    ),
    "verify": (
        "cli.commands.verify:verify",
        "Check a snapshot, one shard of it, or a proof, offline with the signer's public key.",
    ),
    "prove": (
        "cli.commands.prove:prove",
        "Prove that one row is in a snapshot, or that a text is not, for somebody who has neither.",
    ),
    "serve": (
        "cli.commands.serve:serve",
        "Serve what is recorded over HTTP, to read, on this machine only.",
    ),
    "dataset list": (
        "cli.commands.show:dataset_list",
        "List the datasets with their latest versions.",
    ),
    "dispute open": (
        "cli.commands.dispute:open_",
        "Say that a claim is wrong, and what is so instead: from now on both sides count.",
    ),
    "dispute resolve": (
        "cli.commands.dispute:resolve",
        "Decide a dispute. Nothing is removed: claims that ended stay on record.",
    ),
    "dispute list": (
        "cli.commands.dispute:list_",
        "List disputes, open and decided: those about one version, or all.",
    ),
    "lineage add": (
        "cli.commands.claim:lineage_add",
        "Record that a version was derived from another.",
    ),
    "role give": (
        "cli.commands.protect:give",
        "Give a registered version a role, such as that of an evaluation set.",
    ),
    "role take": (
        "cli.commands.protect:take",
        "Take a role away from a version, with a reason.",
    ),
    "index status": (
        "cli.commands.index:status",
        "Say what is in the index, what it takes on disk, and which documents are not in it.",
    ),
    "index compact": (
        "cli.commands.index:compact",
        "Merge small files of the index; registrations do so too. Nobody who reads it waits.",
    ),
    "index rebuild": (
        "cli.commands.index:rebuild",
        "Make the index anew from document tables and sketches; until it is done, the old one "
        "answers.",
    ),
    "index verify": (
        "cli.commands.index:verify",
        "Read every block of the index, and compare its entries with document tables and sketches.",
    ),
    "log checkpoint": (
        "cli.commands.log:checkpoint",
        "Sign the log as it is now, if there is news, and print the checkpoint.",
    ),
    "log show": (
        "cli.commands.log:show",
        "Show an entry of the log, and whether the rows that it binds are as they were.",
    ),
    "log prove": (
        "cli.commands.log_prove:prove",
        "Prove that something is in the log, to somebody who has the log's key and nothing else.",
    ),
    "log fsck": (
        "cli.commands.log:fsck",
        "Replay the log: compare every row with its entry, and every entry with what was signed.",
    ),
    "log publish": (
        "cli.commands.log:publish",
        "Copy the log to a folder or an object store that any web host can serve.",
    ),
    "log recover": (
        "cli.commands.log:recover",
        "Go on after the database, or the folder of the log, came back from a backup.",
    ),
    "keys show": (
        "cli.commands.keys:show",
        "List every key: what it signs or vouches for, its id, since when, until when, revoked.",
    ),
    "keys rotate": (
        "cli.commands.keys:rotate",
        "Make a new key for a role; what the old one signed stays checkable.",
    ),
    "keys revoke": (
        "cli.commands.keys:revoke",
        "Let a key not be believed from some time on: one of this registry, or of somebody else.",
    ),
    "keys add": (
        "cli.commands.keys:add",
        "Trust a key of somebody else, and name it in the trust file.",
    ),
    "keys passphrase": (
        "cli.commands.keys:passphrase",
        "Set, change or remove the passphrase of a private key.",
    ),
    "witness init": (
        "cli.commands.witness:init",
        "Make the key of a witness, who vouches for the logs of others. Needs no registry.",
    ),
    "witness cosign": (
        "cli.commands.witness:cosign",
        "Cosign a checkpoint of a log, if the log only grew since the last time.",
    ),
    "log cosignatures add": (
        "cli.commands.cosignatures:add",
        "Take the cosignatures of a checkpoint of this registry's log, to publish them with it.",
    ),
    "log cosignatures list": (
        "cli.commands.cosignatures:listed",
        "List which witnesses cosigned which checkpoint, and when.",
    ),
    "timestamp request": (
        "cli.commands.timestamp:request",
        "Write a request for a time stamp of the newest checkpoint, to send to an authority.",
    ),
    "timestamp attach": (
        "cli.commands.timestamp:attach",
        "Keep the answer of a time-stamp authority with the checkpoint it is about.",
    ),
    "db upgrade": (
        "cli.commands.db:upgrade",
        "Bring the database to the schema of this version; back it up first.",
    ),
    "db check": (
        "cli.commands.db:check",
        "Compare the database with its schema and every row with the log.",
    ),
}
GROUPS: Final[dict[str, str]] = {
    "dataset": "List what is registered.",
    "dispute": "Say that claims are wrong, and decide it.",
    "lineage": "Say how versions came from others.",
    "role": "Say what versions are used as.",
    "index": "Look after what documents are found by.",
    "keys": "Show, rotate, revoke and add keys.",
    "witness": "Vouch for the logs of others.",
    "log": "Publish the log, and prove what is in it.",
    "log cosignatures": "Keep what witnesses say of the log.",
    "timestamp": "Have an authority say when the log existed.",
    "db": "Upgrade the registry's database, or check it.",
}

EXIT_CODES: Final[dict[type[RegistryError], int]] = {
    InvalidInputError: 1,
    NotAllowedError: 1,
    NotFoundError: 1,
    ConflictError: 1,
    GuaranteeError: 3,
    VerificationError: 3,
    UnavailableError: 1,
}
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called.

    Args:
        table: As `COMMANDS`.
        groups: As `GROUPS`.
        prefix: The words before the names of this group's commands, each followed by a space.
    """

    def __init__(
        self,
        *args: Any,
        table: Mapping[str, tuple[str, str]],
        groups: Mapping[str, str],
        prefix: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._table, self._groups, self._prefix = table, groups, prefix

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        names = [
            name.removeprefix(self._prefix).partition(" ")[0]
            for name in self._table
            if name.startswith(self._prefix)
        ]
        return list(dict.fromkeys(names))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing its module, or a group, importing nothing."""
        name = self._prefix + cmd_name
        if name in self._table:
            import importlib

            module, _, attribute = self._table[name][0].partition(":")
            command = getattr(importlib.import_module(module), attribute)
            assert isinstance(command, click.Command)  # noqa: S101 - a line of the table is wrong
            return command
        if any(other.startswith(f"{name} ") for other in self._table):
            return LazyGroup(
                cmd_name,
                help=self._groups[name],
                table=self._table,
                groups=self._groups,
                prefix=f"{name} ",
            )
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and for a wrong name suggest those that are like it."""
        command = self.get_command(ctx, args[0])
        if command is None and not ctx.resilient_parsing and not args[0].startswith("-"):
            names = self.list_commands(ctx)
            raise click.exceptions.NoSuchCommand(args[0], possibilities=names, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table alone."""
        rows = []
        for name in self.list_commands(ctx):
            full = self._prefix + name
            text = self._table[full][1] if full in self._table else self._groups[full]
            rows.append((name, text))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from registry import __version__

    click.echo(f"firsthand {__version__}")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    name="firsthand",
    table=COMMANDS,
    groups=GROUPS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--home",
    metavar="DIR",
    envvar="FIRSTHAND_HOME",
    help="The registry's folder; default: `.firsthand` here or in a folder above.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Print the version and exit.",
)
@click.pass_context
def firsthand(ctx: click.Context, home: str | None) -> None:
    """Know where training text comes from, and prove it.

    Register datasets with what made their texts, assemble training sets with a declared human
    share, export them with a certificate, and verify such a certificate offline.

    Begin with `firsthand inspect PATH`, which needs nothing, or with `firsthand init` and
    `firsthand register PATH --name NAME`. Datasets are named `name` or `team/name`, and their
    versions `name@3`; without a number the latest is meant.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 checked, and the answer is no.
    """
    ctx.obj = home


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    # Loading libraries makes many objects and no garbage: looking for it took a tenth of the start.
    gc.set_threshold(50_000, 20, 100)
    # Nothing here multiplies matrices, and threads that wait for one cost a tenth of a second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = wants_json(given)
    try:
        code = _run(given, as_json=as_json)
        _flush()
    except BrokenPipeError:
        # Whoever read our output went away, and needs no message.
        code = _silence(FAILED)
    except OSError as error:
        # The output itself could not be written; what is left in the buffer never will be.
        code = _silence(FAILED)
        with contextlib.suppress(OSError):
            report(f"the output could not be written: {error.strerror or error}")
    return code


def _run(given: list[str], *, as_json: bool) -> int:
    """Run the command; errors become one message, and one document with `--json`."""
    try:
        result = firsthand.main(given, prog_name="firsthand", standalone_mode=False)
    except RegistryError as error:
        return _fail(error, as_json=as_json, code=_exit_code(error))
    except click.ClickException as error:
        return _usage(error, as_json=as_json)
    except SystemExit as error:
        # Click answers a broken pipe, and a shell that asks for completions, this way.
        return _silence(error.code if isinstance(error.code, int) else FAILED)
    except (click.Abort, KeyboardInterrupt):
        tell("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(_as_ours(error), as_json=as_json, code=FAILED)
    except Exception as error:
        if os.environ.get("FIRSTHAND_DEBUG"):
            raise
        return _unexpected(error, as_json=as_json)
    return result if isinstance(result, int) else 0


def _exit_code(error: RegistryError) -> int:
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def _fail(error: RegistryError, *, as_json: bool, code: int) -> int:
    if as_json:
        details = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        if isinstance(error, VerificationError):
            details["code"] = error.code
        emit({"error": details})
    named = f"{error.code}: " if isinstance(error, VerificationError) else ""
    report(named + error.message, error.hint)
    return code


def _usage(error: click.ClickException, *, as_json: bool) -> int:
    context = getattr(error, "ctx", None)
    hint = f"try `{context.command_path} --help`" if context is not None else None
    message = error.format_message()
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and context is not None:
        # Click's message is the whole help, which is no message on one line.
        names = context.command.list_commands(context)
        message = f"`{context.command_path}` needs a command: {', '.join(names)}"
    if as_json:
        emit({"error": {"type": "UsageError", "message": message, "hint": hint}})
    report(message, hint)
    return USAGE if isinstance(error, click.UsageError) else FAILED


_REASONS: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
}


def _as_ours(error: OSError) -> RegistryError:
    """Return an error of the machine, which no verb expected, in our own words."""
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    where = f" (`{error.filename}`)" if error.filename else ""
    remedy = "make sure that you may read and write there"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "make room"
    elif error.errno not in _REASONS:
        remedy = "repair that"
    return UnavailableError(f"{reason}{where}", hint=f"{remedy}, then run the command again")


def _unexpected(error: Exception, *, as_json: bool) -> int:
    message = f"unexpected {type(error).__name__}: {error}"
    hint = "this is our mistake: please report it, with the output of FIRSTHAND_DEBUG=1"
    if as_json:
        emit({"error": {"type": "UnexpectedError", "message": message, "hint": hint}})
    report(message, hint)
    return FAILED


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _silence(code: int) -> int:
    """Send what is still buffered nowhere, so that Python does not complain on its way out."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return code


def program() -> int:
    """Be a program of its own: run the command line and return its exit code."""
    code = main()
    # What is left will not be looked at again: Python would look through all of it for garbage
    # before it ends, for a fifth of what a short command costs. DuckDB complains at the end of
    # objects that were not collected.
    if "duckdb" not in sys.modules:
        gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(program())
