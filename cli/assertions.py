"""The options that say what is claimed, and of which texts; for `claim` and `dispute open`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from cli.commands.register import ORIGINS

if TYPE_CHECKING:
    from cli.context import Opened
    from registry.core.dataset import DatasetRef
    from registry.lifecycle import Assertion, Chosen

_SAID = (
    click.option("--origin", type=click.Choice(ORIGINS), help="What made the texts, as you claim."),
    click.option("--license", metavar="SPDX", help="The license of the texts, such as `MIT`."),
    click.option(
        "--date",
        metavar="KIND=DATE[..DATE]",
        help="When they were `authored`, `published`, `captured` or `collected`, as in "
        "`collected=2021-05`.",
    ),
    click.option("--language", metavar="TAG", help="The language of the texts, such as `en`."),
    click.option(
        "--generator",
        "generators",
        metavar="MODEL",
        multiple=True,
        help="A model that wrote them; may be repeated.",
    ),
)
_SCOPE = (
    click.option(
        "--where",
        metavar="FILE",
        help="Only the texts whose SHA-256 stands in this file, one a line; default: all.",
    ),
    click.option(
        "--where-sql",
        metavar="CONDITION",
        help="Only the texts of documents that meet a condition over the document table, such as "
        "`language = 'vi'`.",
    ),
)


def assertion_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what is claimed."""
    for option in reversed(_SAID):
        command = option(command)
    return command


def scope_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say of which texts."""
    for option in reversed(_SCOPE):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Wanted:
    """What those options were given."""

    origin: str | None
    license: str | None
    date: str | None
    language: str | None
    generators: tuple[str, ...]
    where: str | None
    where_sql: str | None

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """Take them from the parameters of a command."""
        return cls(**given)

    def assertion(self) -> Assertion | None:
        """Return what is claimed, or None if nothing is.

        Raises:
            UsageError: Several things are said at once.
            InvalidInputError: A value cannot be claimed.
        """
        from registry.core.dataset import Origin
        from registry.core.evidence import DateInterval, DateKind
        from registry.lifecycle import Assertion

        said = {
            name: value
            for name in ("origin", "license", "date", "language")
            if (value := getattr(self, name)) is not None
        }
        if len(said) > 1:
            names = " and ".join(f"`--{name}`" for name in said)
            raise click.UsageError(f"{names} are claims of their own: say one at a time")
        if self.generators and "origin" not in said:
            raise click.UsageError("`--generator` goes with `--origin`")
        match said:
            case {"origin": value}:
                return Assertion.of_origin(Origin(value), self.generators)
            case {"license": value}:
                return Assertion.of_license(value)
            case {"language": value}:
                return Assertion.of_language(value)
            case {"date": value}:
                kind, equals, interval = value.partition("=")
                if not equals or kind not in [str(it) for it in DateKind]:
                    kinds = ", ".join(f"`{it}`" for it in DateKind)
                    raise click.UsageError(
                        f"`--date` takes KIND=DATE, as in `collected=2021-05`; kinds are {kinds}"
                    )
                return Assertion.of_date(DateInterval.parse(DateKind(kind), interval))
        return None


def chosen_by(
    registry: Opened, ref: DatasetRef, asked: Wanted, *, conflict: int | None = None
) -> Chosen | None:
    """Return the texts that a claim is about, or None for all.

    Raises:
        UsageError: They are chosen in several ways at once.
        RegistryError: They cannot be found.
    """
    from registry.lifecycle import Chosen, by_condition, read_hash_list
    from registry.query import catalogue
    from registry.query.conflicts import listing

    ways = [
        flag
        for flag, value in (
            ("--where", asked.where),
            ("--where-sql", asked.where_sql),
            ("--conflict", conflict),
        )
        if value is not None
    ]
    if len(ways) > 1:
        names = " and ".join(f"`{flag}`" for flag in ways)
        raise click.UsageError(f"{names} choose texts on their own: use one")
    if asked.where is not None:
        return Chosen(read_hash_list(Path(asked.where)))
    if not ways:
        return None
    with registry.database.read() as session:
        if asked.where_sql is not None:
            version = catalogue.version(session, ref)
            return by_condition(session, registry.store, version, asked.where_sql)
        found, hashes = listing.texts_of(session, registry.store, ref, conflict or 0)
    there = catalogue.ref_of(found.there)
    return Chosen(hashes, {"conflict": {"property": found.property, "with": str(there)}})
