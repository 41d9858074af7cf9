from __future__ import annotations

import errno
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest

from cli import main as cli
from cli import output
from registry import __version__, errors
from registry.errors import InvalidInputError

Capture = pytest.CaptureFixture[str]
REPOSITORY = Path(__file__).parents[2]


def run(*arguments: str, **other: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | other,
    )


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the command `verify` end in an error."""

    @click.command(context_settings={"ignore_unknown_options": True})
    @click.argument("rest", nargs=-1)
    def failing(rest: tuple[str, ...]) -> None:
        raise error

    monkeypatch.setattr("cli.commands.verify.verify", failing)


def test_every_error_class_has_an_exit_code() -> None:
    classes = {
        item
        for _, item in inspect.getmembers(errors, inspect.isclass)
        if issubclass(item, errors.RegistryError) and item is not errors.RegistryError
    }
    assert set(cli.EXIT_CODES) == classes
    no = {kind for kind, code in cli.EXIT_CODES.items() if code == 3}
    assert no == {errors.GuaranteeError, errors.VerificationError}
    assert set(cli.EXIT_CODES.values()) == {1, 3}


def test_every_group_of_the_table_has_a_help_line() -> None:
    words = [name.split() for name in cli.COMMANDS]
    assert set(cli.GROUPS) == {" ".join(it[:n]) for it in words for n in range(1, len(it))}


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command, also those in groups, by its words."""
    for name in cli.COMMANDS:
        command: click.Command | None = cli.firsthand
        for word in name.split():
            assert isinstance(command, cli.LazyGroup)
            command = command.get_command(click.Context(command), word)
        assert command is not None
        yield name, command


def test_each_line_of_the_table_is_the_help_of_its_command() -> None:
    for name, command in commands():
        paragraph = inspect.cleandoc(command.help or "").partition("\n\n")[0]
        assert " ".join(paragraph.split()) == cli.COMMANDS[name][1], name


def test_every_option_has_a_help_line() -> None:
    for name, command in commands():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (name, parameter.name)


def test_help_lists_the_commands(capsys: Capture) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in cli.COMMANDS:
        assert f"  {name.split()[0]} " in shown


NESTED: dict[str, tuple[str, str]] = {
    "dataset list": ("cli.commands.verify:verify", "List datasets."),
    "dataset show": ("cli.commands.verify:verify", "Show one."),
    "plan": ("nowhere.at.all:plan", "Never imported here."),
}


def test_groups_nest_and_help_imports_nothing(capsys: Capture) -> None:
    group = cli.LazyGroup("x", table=NESTED, groups={"dataset": "Work with datasets."})
    group.main(["--help"], prog_name="x", standalone_mode=False)
    assert "Work with datasets." in capsys.readouterr().out
    group.main(["dataset", "--help"], prog_name="x", standalone_mode=False)
    shown = capsys.readouterr().out
    assert "List datasets." in shown
    assert "plan" not in shown
    with pytest.raises(click.UsageError) as caught:
        group.main(["dataset", "lisst"], prog_name="x", standalone_mode=False)
    assert "Did you mean 'list'" in caught.value.format_message()
    with pytest.raises(click.UsageError):
        group.main(["list"], prog_name="x", standalone_mode=False)


def test_the_version_is_printed(capsys: Capture) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"firsthand {__version__}\n"


def test_a_wrong_name_suggests_the_right_one(capsys: Capture) -> None:
    assert cli.main(["verfy"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Did you mean 'verify'" in captured.err
    assert "hint: try `firsthand --help`" in captured.err


@pytest.mark.parametrize("arguments", [["--nope"], ["verify"], ["verify", "x", "--level", "deep"]])
def test_wrong_usage_exits_2(arguments: list[str], capsys: Capture) -> None:
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("group", [[], ["index"], ["dataset"]])
def test_a_group_without_a_command_names_them_on_one_line(
    group: list[str], capsys: Capture
) -> None:
    assert cli.main(group) == 2
    message, hint = capsys.readouterr().err.splitlines()
    assert message.startswith(f"error: `{' '.join(['firsthand', *group])}` needs a command: ")
    assert "\\x" not in message
    assert hint.startswith("hint: try `firsthand")


def test_wrong_usage_is_one_json_document_too(capsys: Capture) -> None:
    assert cli.main(["verify", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["type"] == "UsageError"
    assert set(document["error"]) == {"type", "message", "hint"}


def test_the_home_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    @click.command()
    @click.pass_obj
    def looking(home: object) -> None:
        seen.append(home)

    monkeypatch.setattr("cli.commands.verify.verify", looking)
    assert cli.main(["--home", "here", "verify"]) == 0
    monkeypatch.setenv("FIRSTHAND_HOME", "there")
    assert cli.main(["verify"]) == 0
    assert seen == ["here", "there"]


@pytest.mark.parametrize(("kind", "code"), cli.EXIT_CODES.items(), ids=str)
def test_each_error_ends_in_its_exit_code_with_a_message_and_a_hint(
    kind: type[errors.RegistryError], code: int, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    error = (
        errors.VerificationError("it does not hold", code="E_X", hint="look again")
        if kind is errors.VerificationError
        else kind("it does not hold", hint="look again")
    )
    raising(monkeypatch, error)
    assert cli.main(["verify", "x"]) == code
    said = "E_X: it does not hold" if kind is errors.VerificationError else "it does not hold"
    assert capsys.readouterr() == ("", f"error: {said}\nhint: look again\n")
    assert cli.main(["verify", "x", "--json"]) == code
    document = json.loads(capsys.readouterr().out)["error"]
    assert document["type"] == kind.__name__
    assert (document["message"], document["hint"]) == ("it does not hold", "look again")
    assert document.get("code") == ("E_X" if kind is errors.VerificationError else None)


def test_a_subclass_ends_as_its_parent_does(monkeypatch: pytest.MonkeyPatch) -> None:
    class LaterError(errors.GuaranteeError):
        pass

    raising(monkeypatch, LaterError("no"))
    assert cli.main(["verify"]) == 3


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_trouble_with_the_machine_is_said_plainly(
    number: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    raising(monkeypatch, OSError(number, os.strerror(number), "some/file"))
    assert cli.main(["verify"]) == 1
    assert f"error: {words} (`some/file`)" in capsys.readouterr().err


def test_an_interruption_exits_130(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    raising(monkeypatch, KeyboardInterrupt())
    assert cli.main(["verify"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_mistake_of_ours_asks_for_a_report_and_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    raising(monkeypatch, ZeroDivisionError("oops\x1b[2J"))
    assert cli.main(["verify"]) == 1
    shown = capsys.readouterr().err
    assert "unexpected ZeroDivisionError: oops\\x1b[2J" in shown
    assert "FIRSTHAND_DEBUG=1" in shown
    assert cli.main(["verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["type"] == "UnexpectedError"

    monkeypatch.setenv("FIRSTHAND_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["verify"])


def test_a_reader_that_goes_away_is_no_error_message() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "--help"],
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_said() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the disk is full\nhint: ")
    assert len(done.stderr.splitlines()) == 2


def test_the_module_runs_as_a_program() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"firsthand {__version__}\n", "")


PROBE = """
import sys
from cli import main
code = main.main(sys.argv[1:])
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["verify", "--help"], ["--version"], ["nope"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    heavy = {"cryptography", "pyarrow", "numpy", "sqlalchemy", "pydantic", "alembic", "rich", "rfc8785", "orjson", "yaml"}  # fmt: skip
    assert not loaded & heavy
    assert "click" in loaded


# Printing


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.00 kB"), (3_710_000_000, "3.71 GB"),
        (9_994, "9.99 kB"), (9_996, "10.0 kB"), (99_949, "99.9 kB"), (99_960, "100 kB"),
        (999_499, "999 kB"), (999_500, "1.00 MB"), (10**18, "1.00 EB"), (5 * 10**21, "5,000 EB"),
    ],
)  # fmt: skip
def test_sizes_have_three_digits(number: int, text: str) -> None:
    assert output.size(number) == text


@pytest.mark.parametrize(
    ("part", "whole", "digits", "text"),
    [
        (8996, 10_000, 1, "89.9 %"), (8996, 10_000, 2, "89.96 %"), (9, 10, 1, "90.0 %"),
        (1, 3, 0, "33 %"), (2**80 - 1, 2**80, 2, "99.99 %"), (1, 1, 1, "100.0 %"), (0, 0, 1, "0.0 %"),
        (0, 5, 0, "0 %"), (0, 5, 1, "0.0 %"), (1, 20_000, 1, "<0.1 %"), (1, 20_000, 2, "<0.01 %"), (1, 101, 0, "<1 %"),
    ],
)  # fmt: skip
def test_shares_are_rounded_down(part: int, whole: int, digits: int, text: str) -> None:
    assert output.share(part, whole, digits=digits) == text


def test_counts_are_grouped() -> None:
    assert output.count(1_204_118) == "1,204,118"
    assert output.plural(1, "document") == "1 document"
    assert output.plural(2000, "copy", "copies") == "2,000 copies"


def test_blocks_are_aligned() -> None:
    lines = output.block([("Signer", "ACME"), ("", "more"), ("By", "")])
    assert lines == ["Signer  ACME", "        more", "By"]
    assert output.block([]) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("naïve 漢字", "naïve 漢字"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("two\nlines\r", "two\\x0alines\\x0d"),
        ("\u202eevil", "\\u202eevil"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_control_characters_are_neutralized(text: str, shown: str) -> None:
    assert output.clean(text) == shown
    assert output.clean(text).isprintable()


def test_long_texts_are_cut() -> None:
    assert output.clean("x" * 50, limit=10) == "x" * 9 + "…"


class Ascii:
    """A stream like stdout where the locale is C."""

    encoding = "ascii"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        text.encode("ascii")
        self.text += text


def on_ascii(monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> str:
    stream = Ascii()
    monkeypatch.setattr(sys, "stdout", stream)
    do()
    return stream.text


def test_an_ascii_terminal_gets_what_it_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_ascii(monkeypatch, lambda: output.say("share ≥ 90 % · naïve…"))
    assert shown == "share >= 90 % - na\\xefve...\n"


def test_json_stays_json_on_an_ascii_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"name": "naïve 漢字", "odd": "\ud800"}
    shown = on_ascii(monkeypatch, lambda: output.emit(document))
    assert json.loads(shown) == document


def test_json_with_a_lone_surrogate_is_escaped(capsys: Capture) -> None:
    output.emit({"odd": "\ud800"})
    assert capsys.readouterr().out == '{\n  "odd": "\\ud800"\n}\n'


def test_without_a_stdout_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    output.say("x")
    output.emit({})


def test_progress_is_shown_to_terminals_only(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    with output.progress("verifying") as update:
        assert update is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with output.progress("verifying") as update:
        assert update is not None
        for done in (0, 1, 50):
            update(done, 100)
    assert capsys.readouterr().err.endswith("\r\x1b[Kverifying 50 %\r\x1b[K")


def test_progress_is_wiped_before_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with suppress(InvalidInputError), output.progress("exporting") as update:
        assert update is not None
        update(99, 100)
        raise InvalidInputError("no")
    assert capsys.readouterr().err.endswith("exporting 99 %\r\x1b[K")
