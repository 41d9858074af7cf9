"""What the options of commands have in common: headings in the help, lists, amounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from cli.output import clean

_UNITS: Final = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_AMOUNT: Final = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]B)", re.IGNORECASE)


class Amount(click.ParamType[int]):
    """An amount of memory, such as `512MB` or `4 GB`."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the amount in bytes."""
        if isinstance(value, int):
            return value
        match = _AMOUNT.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is no amount of memory, such as `512MB` or `4GB`", param, ctx)
        return int(float(match[1]) * _UNITS[match[2].upper()])


class Sectioned(click.Command):
    """A command whose help lists its options under headings.

    Args:
        sections: For the first option of each section, by its parameter's name, the heading. It
            lasts until the next one; options before the first section are under `Options`.
    """

    def __init__(self, *args: Any, sections: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections

    def by_section(self, ctx: click.Context) -> dict[str, list[click.Option]]:
        """Return the options under their headings, in order."""
        found: dict[str, list[click.Option]] = {}
        heading = "Options"
        for option in self.get_params(ctx):
            if isinstance(option, click.Option):
                heading = self.sections.get(option.name or "", heading)
                found.setdefault(heading, []).append(option)
        return found

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section after the other."""
        for heading, options in self.by_section(ctx).items():
            rows = [row for it in options if (row := it.get_help_record(ctx)) is not None]
            with formatter.section(heading):
                formatter.write_dl(rows)


def as_of_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--as-of` to a command that reads."""
    return click.option(
        "--as-of",
        metavar="DATE|log:N",
        help="Show what was recorded by the end of a date or time, or in the first N log entries.",
    )(command)


def text_fields(text: str | None) -> tuple[str, ...]:
    """Return the fields that `--text-field` names; none means the default."""
    if text is None:
        return ()
    fields = tuple(item.strip() for item in text.split(","))
    if not all(fields):
        raise click.UsageError(f"`--text-field` takes fields such as `a,b`, not `{clean(text)}`")
    return fields
