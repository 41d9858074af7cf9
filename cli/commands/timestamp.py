"""`firsthand timestamp …`: have an authority say when the log existed."""

from __future__ import annotations

from pathlib import Path

import click

from cli.files import given_bytes
from cli.output import block, clean, count, emit, json_option, say


@click.command()
@click.option(
    "--out", metavar="FILE", help="Where the request goes; default: `checkpoint-SIZE.tsq` here."
)
@json_option
@click.pass_obj
def request(home: str | None, out: str | None, as_json: bool) -> None:
    """Write a request for a time stamp of the newest checkpoint, to send to an authority.

    The authority (RFC 3161) sees a hash and nothing else. Its answer shows that the log, and all
    that was registered before, existed then, by the word of somebody who is not this registry.
    """
    import secrets
    import shlex

    from cli.context import opened
    from registry import timestamps
    from registry.blobs import write_file

    with opened(home) as registry, registry.database.read() as session:
        made = timestamps.request(session, nonce=secrets.randbits(64))
    size = made.checkpoint.size
    path = Path(out or f"checkpoint-{size}.tsq")
    write_file(path, made.data)
    answer = path.with_suffix(".tsr")
    name, back = shlex.quote(str(path)), shlex.quote(str(answer))
    send = (
        f"curl -sS -H 'Content-Type: application/timestamp-query' --data-binary @{name} "
        f"-o {back} URL"
    )
    if as_json:
        emit(
            {
                "request": str(path),
                "origin": made.checkpoint.origin,
                "size": size,
                "root": made.checkpoint.root.hex(),
                "send": send,
            }
        )
        return
    say(f"{clean(str(path))}   request for {clean(made.checkpoint.origin)}, {count(size)} entries")
    rows = [
        ("Look", f"openssl ts -query -in {clean(name)} -text"),
        ("Send", clean(send)),
        ("Then", f"firsthand timestamp attach {clean(back)}"),
    ]
    for line in block(rows):
        say(line)


@click.command()
@click.argument("token", metavar="TOKEN.tsr")
@json_option
@click.pass_obj
def attach(home: str | None, token: str, as_json: bool) -> None:
    """Keep the answer of a time-stamp authority with the checkpoint it is about.

    It must be over a checkpoint that this registry signed. Its signature is checked against the
    roots that the registry trusts (`firsthand keys add --role timestamp`); without any it is kept,
    and counts for nothing until somebody checks it. Needs `pip install 'firsthand[timestamps]'`.
    """
    from cli.context import clock, opened
    from registry import timestamps, tokens
    from registry.core.evidence import iso_time, to_micros

    data = given_bytes(token, "a time stamp", limit=tokens.MAX_TOKEN)
    with opened(home) as registry, registry.database.write() as session:
        done = timestamps.attach(session, data, now=clock())
    moment = iso_time(to_micros(done.time))
    if as_json:
        emit(
            {
                "size": done.size,
                "token": done.digest,
                "time": moment,
                "authority": done.authority,
                "chain": done.chain,
                "existed": done.existed,
            }
        )
        return
    word = "was kept already" if done.existed else "kept"
    say(f"checkpoint of {count(done.size)} entries   time stamp of {moment} {word}")
    rows = [("Authority", clean(done.authority))]
    if done.chain:
        rows.append(("Checked", "signed by an authority that this registry trusts"))
    else:
        rows[0] = ("Authority", f"“{clean(done.authority)}”, as the token calls itself")
        rows.append(("Not checked", "no root of an authority is trusted here, so that anybody may"))
        rows.append(("", "have made it: firsthand keys add --role timestamp FILE"))
    for line in block(rows):
        say(line)
