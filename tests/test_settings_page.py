"""`docs/settings.md` lists every setting there is: variables, keys of `config.json`, extras."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import click

from cli.main import COMMANDS, firsthand
from registry.settings import Settings
from tests.conftest import REPOSITORY
from tests.test_docs import in_the_code, rows_after

PAGE = REPOSITORY / "docs" / "settings.md"


def documented(heading: str) -> dict[str, str]:
    """Return what the page says of each name in the first column of a table."""
    return {
        name: " ".join(row[1:])
        for row in rows_after(PAGE, heading)
        for name in re.findall(r"`([^`]+)`", row[0])
    }


def options() -> list[tuple[str, click.Option]]:
    """Return every option of every command that a variable can set."""
    context = click.Context(firsthand)
    found: list[tuple[str, click.Option]] = []
    for name in ("", *COMMANDS):
        command: click.Command | None = firsthand
        for word in name.split():
            assert isinstance(command, click.Group)
            command = command.get_command(context, word)
        assert command is not None
        found += [
            (name, option)
            for option in command.params
            if isinstance(option, click.Option) and option.envvar is not None
        ]
    return found


def test_every_variable_is_on_the_page() -> None:
    assert set(documented("## Environment")) == in_the_code(r"\bFIRSTHAND_[A-Z0-9_]+\b")


def test_the_page_names_the_option_and_the_command_of_a_variable() -> None:
    said = documented("## Environment")
    found = options()
    assert len(found) > 10
    for command, option in found:
        assert isinstance(option.envvar, str)
        text = said[option.envvar]
        assert f"`{option.opts[0]}`" in text
        assert not command or f"`{command}`" in text or "every command" in text, option.envvar


def test_defaults_that_are_shown_are_right() -> None:
    said = documented("## Environment")
    for _, option in options():
        if option.show_default:
            assert isinstance(option.envvar, str)
            assert said[option.envvar].endswith(f"`{option.default}`")


def test_every_key_of_the_configuration_is_on_the_page() -> None:
    def keys(value: dict[str, Any], above: str = "") -> set[str]:
        found = set()
        for name, item in value.items():
            found |= keys(item, f"{above}{name}.") if isinstance(item, dict) else {above + name}
        return found

    assert set(documented("## config.json")) == keys(Settings(Path("home"), "us").to_json())


def test_every_foreign_variable_is_on_the_page() -> None:
    read = in_the_code(
        r"\b(?:AWS|GOOGLE|AZURE)_[A-Z0-9_]+\b|\b(?:TMPDIR|NUMBA_CACHE_DIR|XDG_CACHE_HOME|XDG_STATE_HOME)\b"
    )
    assert set(documented("## What others read")) == read


def test_every_extra_is_on_the_page() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {f"firsthand[{name}]" for name in project["optional-dependencies"]}
    assert set(documented("## Extras")) == extras
