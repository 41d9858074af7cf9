"""`firsthand db upgrade` and `db check`."""

from __future__ import annotations

import click

from cli.output import clean, emit, json_option, say


@click.command()
@json_option
@click.pass_obj
def upgrade(home: str | None, as_json: bool) -> None:
    """Bring the database to the schema of this version; back it up first."""
    from cli.context import opened
    from registry.db.upgrade import upgrade as run

    with opened(home, any_revision=True) as registry:
        before = registry.database.revision()
        run(registry.database)
        after = registry.database.revision()
    if as_json:
        emit({"before": before, "after": after})
        return
    say(f"schema {after}" + (" (nothing to do)" if before == after else f", was {before}"))


@click.command()
@json_option
@click.pass_obj
def check(home: str | None, as_json: bool) -> int:
    """Compare the database with its schema and every row with the log.

    Exit codes: 0 all is as it was logged, 3 it is not.
    """
    from cli.context import opened
    from registry import ledger
    from registry.db.upgrade import differences

    with opened(home) as registry:
        schema = differences(registry.database)
        with registry.database.read() as session:
            rows = [str(item) for item in ledger.discrepancies(session)]
            entries = ledger.size(session)
    problems = schema + rows
    if as_json:
        emit({"log_size": entries, "schema": schema, "rows": rows})
    else:
        for problem in problems:
            say(clean(problem))
        if not problems:
            say(f"the schema is right, and every row is as its log entry says ({entries} entries)")
    return 3 if problems else 0
