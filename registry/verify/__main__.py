"""The verifier as a program of its own: `firsthand verify` without the rest of Firsthand.

`python -m registry.verify`, or the one file that `registry.verify.bundle` builds, whose needs are
Python, `cryptography`, and `pyarrow` to read rows. Same options, same output, same exit codes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from registry import __version__
from registry.errors import RegistryError, VerificationError
from registry.plain_output import emit, progress, report, say, tell

USAGE: Final = 2
FAILED: Final = 1
REFUSED: Final = 3
INTERRUPTED: Final = 130


def parser() -> argparse.ArgumentParser:
    """Return the options: those of `firsthand verify`."""
    made = argparse.ArgumentParser(
        prog="firsthand-verify",
        description="Check a snapshot, one shard of it, or a proof, offline with the signer's "
        "public key. Needs no account, network or registry.",
        epilog="Exit codes: 0 valid, 3 refused, 1 could not decide (such as without a key), "
        "2 wrong usage.",
        allow_abbrev=False,
    )
    made.add_argument(
        "path", metavar="PATH", help="the folder of a snapshot, one Parquet shard, or a proof"
    )
    made.add_argument(
        "--key",
        dest="key_file",
        metavar="FILE",
        default=os.environ.get("FIRSTHAND_KEY"),
        help="the signer's public key (PEM), from a source you trust; without it nothing is valid",
    )
    made.add_argument(
        "--trust",
        dest="trust_file",
        metavar="FILE",
        default=os.environ.get("FIRSTHAND_TRUST"),
        help="instead of a key: a trust file with the keys of signers, logs and witnesses that you "
        "believe",
    )
    made.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="a checkpoint of the signer's log that you kept: the log must go on from it",
    )
    made.add_argument(
        "--log",
        metavar="DIR",
        help="a newer copy of the signer's log: whether it has the snapshot, and what came after",
    )
    made.add_argument(
        "--level",
        choices=["files", "content"],
        default=os.environ.get("FIRSTHAND_LEVEL"),
        help="how deep to look: `files` (the default) compares every file with its signed digest; "
        "`content` reads every row, which needs pyarrow",
    )
    made.add_argument(
        "--text",
        dest="text_file",
        metavar="FILE",
        help="for a proof: the text that it should be about, to the last byte",
    )
    made.add_argument(
        "--json",
        dest="as_json",
        action="store_true",
        default=os.environ.get("FIRSTHAND_JSON", "").lower()
        in ("1", "true", "t", "yes", "y", "on"),
        help="print one JSON document instead of text",
    )
    made.add_argument("--version", action="version", version=f"firsthand-verify {__version__}")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify, print the report, and return the exit code."""
    options = parser()
    try:
        asked = options.parse_args(arguments)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else USAGE
    try:
        return _answer(options, asked)
    except RegistryError as error:
        if asked.as_json:
            details = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
            if isinstance(error, VerificationError):
                details["code"] = error.code
            emit({"error": details})
        report(error.message, error.hint)
        return REFUSED if isinstance(error, VerificationError) else FAILED
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED


def _answer(options: argparse.ArgumentParser, asked: argparse.Namespace) -> int:
    from registry.verify import front, screen

    try:
        with progress("verifying") as on_progress:
            found = front.examine(
                asked.path,
                key_file=asked.key_file,
                trust_file=asked.trust_file,
                checkpoint=asked.checkpoint,
                log=asked.log,
                level=asked.level,
                text_file=asked.text_file,
                tell=tell,
                on_progress=on_progress,
            )
    except front.UsageError as error:
        options.print_usage(sys.stderr)
        report(str(error))
        return USAGE
    if asked.as_json:
        emit(found.to_json())
    else:
        for line in screen.lines(found):
            say(line)
    return found.exit_code


def program() -> int:
    """Be a program: whoever reads the output may go away before its end."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        code = FAILED
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
    return code


if __name__ == "__main__":
    sys.exit(program())
