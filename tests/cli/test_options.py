from __future__ import annotations

import click
import pytest

from cli.commands.register import SECTIONS, register
from cli.options import Sectioned, text_fields
from tests.cli.running import Cli


def test_the_help_has_options_under_headings(cli: Cli) -> None:
    assert isinstance(register, Sectioned)
    printed = cli("register", "--help").out
    places = [printed.index(f"\n{heading}:\n") for heading in ("Options", *SECTIONS.values())]
    assert places == sorted(places)
    for option in register.params:
        assert isinstance(option, click.Argument) or printed.count(f"  {option.opts[0]} ") == 1


def test_every_section_begins_at_an_option() -> None:
    assert isinstance(register, Sectioned)
    found = register.by_section(click.Context(register))
    assert list(found) == ["Options", *SECTIONS.values()]
    assert [it[0].name for it in found.values()][1:] == list(SECTIONS)


def test_the_fields_of_the_text() -> None:
    assert text_fields(None) == ()
    assert text_fields("a, b.c") == ("a", "b.c")


@pytest.mark.parametrize("text", ["", ",", "a,", "a,,b", " "])
@pytest.mark.parametrize("command", [("register", "--name", "d"), ("inspect",)])
def test_an_empty_field_is_not_the_default(cli: Cli, command: tuple[str, ...], text: str) -> None:
    ran = cli(*command, "nothing", "--text-field", text)
    assert ran.code == 2
    assert "`--text-field` takes fields such as `a,b`" in ran.err
