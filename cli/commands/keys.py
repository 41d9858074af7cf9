"""`firsthand keys …`: show, rotate, revoke and add keys, and set passphrases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli.files import given_bytes
from cli.output import block, clean, emit, json_option, say, tell

if TYPE_CHECKING:
    import datetime as dt

    from registry.db.models import KeyRole
    from registry.keys import Event
    from registry.query.trust import Keys
    from registry.settings import Settings

_LARGEST_KEY: Final = 1 << 16
_ROLES: Final = ("certificate", "log")


@click.command()
@click.option(
    "--trust", "as_trust", is_flag=True, help="Print the trust file, to hand out, and nothing else."
)
@json_option
@click.pass_obj
def show(home: str | None, as_trust: bool, as_json: bool) -> None:
    """List every key: what it signs or vouches for, its id, since when, until when, revoked.

    `--trust` prints the file that others verify with: `firsthand verify PATH --trust FILE`. It is
    in the home as `trust.json` too.
    """
    from cli.context import finish_keys, opened
    from registry.home import log_origin
    from registry.query import trust as reading

    with opened(home) as registry:
        finish_keys(registry)
        with registry.database.read() as session:
            found = reading.keys(session)
            origin = log_origin(registry.settings, session)
            document = reading.trust(session, origin)
    if as_trust:
        say(document.to_bytes().decode().rstrip("\n"))
        return
    rows = _listed(found, registry.settings)
    if as_json:
        emit({"origin": origin, "trust": str(registry.settings.trust_file), "keys": rows})
        return
    say(f"log {clean(origin)} · to hand out: {clean(str(registry.settings.trust_file))}")
    for row in rows:
        whose = f" · {clean(row['name'])}" if row["name"] is not None else ""
        say(f"{row['keyid'][:16]}…  {row['role']}{whose}")
        for line in block(_about(row)):
            say(f"  {line}")


def _listed(found: Keys, settings: Settings) -> list[dict[str, Any]]:
    """Return what there is to say of each key; those of this registry have no name."""
    from registry import key_files
    from registry.db.models import KeyRole

    rows: list[dict[str, Any]] = []
    solo = not any(key.role is KeyRole.LOG for key in found.own)
    for key in found.own:
        until = found.until(key, key.role)
        usual = settings.log_key_file if key.role is KeyRole.LOG else settings.private_key_file
        path = usual if until is None else key_files.kept(settings.keys, key.keyid)
        rows.append(
            {
                "role": str(key.role),
                "keyid": key.keyid,
                "name": None,
                "since": _time(key.created_at),
                "until": None if until is None else _time(until),
                "signs": [str(key.role), *(["log"] if solo else [])] if until is None else [],
                "private": _private(path),
            }
            | _revoked(found, key.keyid)
        )
    rows += [
        {
            "role": str(other.role),
            "keyid": other.keyid,
            "name": other.name,
            "since": _time(other.added_at),
            "until": None,
            "signs": [],
            "private": None,
        }
        | _revoked(found, other.keyid)
        for other in found.others
    ]
    return rows


def _private(path: Path) -> dict[str, Any] | None:
    """Return where a private key is and whether it has a passphrase; None where it is not here."""
    from registry import key_files
    from registry.core import keyfile

    try:
        with path.open("rb") as file:
            data = file.read(key_files.MAX_KEY_FILE)
    except OSError:
        return None
    return {"path": str(path), "passphrase": keyfile.is_encrypted(data)}


def _revoked(found: Keys, keyid: str) -> dict[str, Any]:
    row = found.revocations.get(keyid)
    if row is None:
        return {"revoked": None}
    return {"revoked": {"from": _time(row.revoked_from), "reason": row.reason}}


def _about(row: dict[str, Any]) -> list[tuple[str, str]]:
    lines = [("Id", row["keyid"]), ("Since", row["since"])]
    if row["until"]:
        lines.append(("Until", f"{row['until']}, when the key after it came"))
    if row["signs"] and not row["revoked"]:
        lines.append(("Signs", " and ".join(f"{what}s" for what in row["signs"])))
    if row["private"]:
        has = "a passphrase" if row["private"]["passphrase"] else "no passphrase"
        lines.append(("Private", f"{clean(row['private']['path'])}, {has}"))
    if row["revoked"]:
        why = clean(row["revoked"]["reason"])
        lines.append(("Revoked", f"from {row['revoked']['from']}: {why}"))
    return lines


@click.command()
@click.option(
    "--role",
    type=click.Choice(_ROLES),
    default="certificate",
    show_default=True,
    help="What the new key signs. Until a key has the role `log`, that of certificates signs the "
    "log too.",
)
@click.option(
    "--passphrase",
    "with_passphrase",
    is_flag=True,
    help="Ask for a passphrase for the new key; without this it gets that of the old one, if any.",
)
@json_option
@click.pass_obj
def rotate(home: str | None, role: str, with_passphrase: bool, as_json: bool) -> None:
    """Make a new key for a role; what the old one signed stays checkable.

    The old private key is kept in `keys/` under its id. Hand out `trust.json` again afterwards:
    whoever pinned the old key alone cannot check what the new one signs.
    """
    from cli.context import clock, opened
    from registry import keys as verb
    from registry.db.models import KeyRole
    from registry.settings import passphrase

    with opened(home) as registry:
        wanted = KeyRole(role)
        secret: str | None
        if with_passphrase:
            secret = passphrase("the new key", twice=True)
        else:
            secret = _secret_of(registry, wanted)
        done = verb.rotate(
            registry.database, registry.settings, wanted, passphrase=secret, clock=clock
        )
    if as_json:
        emit(_document(done))
        return
    say(f"{done.keyid[:16]}…  signs this registry's {role}s from now on")
    rows = [("Id", done.keyid), ("Before", f"{(done.before or '')[:16]}…")]
    if done.lost:
        rows.append(("Not kept", "the private half of the old key was not there"))
    rows.append(("Passphrase", "yes" if secret is not None else "none"))
    rows.append(_hand_out(registry.settings))
    for line in block(rows):
        say(line)


def _secret_of(registry: Any, role: KeyRole) -> str | None:
    """Return the passphrase of the key that a role has now, checked; None if it has none."""
    from registry import key_files
    from registry import keys as verb
    from registry.core import keyfile
    from registry.settings import passphrase

    with registry.database.read() as session:
        path = verb.current_file(session, registry.settings, role)
    if not key_files.there(path):
        return None
    data = key_files.read(path)
    if not keyfile.is_encrypted(data):
        return None
    secret = passphrase(f"`{path}`")
    keyfile.decrypt(data, secret, name=str(path))
    return secret


@click.command()
@click.argument("keyid", metavar="KEYID")
@click.option(
    "--from",
    "since",
    metavar="TIME",
    required=True,
    help="From when on the key is not to be believed: `now`, a day, or a time such as "
    "`2026-11-20T09:00:00Z`.",
)
@click.option("--reason", metavar="TEXT", required=True, help="Why; people will ask.")
@json_option
@click.pass_obj
def revoke(home: str | None, keyid: str, since: str, reason: str, as_json: bool) -> None:
    """Let a key not be believed from some time on: one of this registry, or of somebody else.

    KEYID is its id, or the beginning of it. What it signed before stays checkable where something
    else than the key itself shows when. A revoked key signs nothing more here: rotate it.
    """
    from cli.context import clock, opened
    from registry import keys as verb
    from registry.settings import actor

    with opened(home) as registry:
        done = verb.revoke(
            registry.database,
            registry.settings,
            keyid,
            since=_moment(since),
            reason=reason,
            revoked_by=actor(),
            clock=clock,
        )
    if as_json:
        emit(_document(done))
        return
    say(f"{done.keyid[:16]}…  revoked from {_time(done.since)}")
    rows = [("Id", done.keyid), _hand_out(registry.settings)]
    if done.name is None:
        rows.append(("Next", f"firsthand keys rotate --role {done.role}"))
    for line in block(rows):
        say(line)


def _moment(text: str) -> dt.datetime:
    """Return the time that `--from` names."""
    import datetime as dt

    from cli.context import clock
    from registry.core.evidence import EPOCH, instant_range

    if text == "now":
        return clock()
    # The earliest that it can mean: a revocation rather takes a bit more.
    return EPOCH + dt.timedelta(microseconds=instant_range(text)[0])


@click.command()
@click.argument("key", metavar="FILE|KEY")
@click.option(
    "--role",
    type=click.Choice(["witness", "timestamp", "archive"]),
    required=True,
    help="What it vouches for: checkpoints it has seen, when they existed, or bytes it had.",
)
@click.option("--name", metavar="NAME", help="Whose it is; default for a witness: its key's name.")
@json_option
@click.pass_obj
def add(home: str | None, key: str, role: str, name: str | None, as_json: bool) -> None:
    """Trust a key of somebody else, and name it in the trust file.

    For a witness, its key `NAME+ID+KEY`; for a time-stamp authority, the file of its root
    certificate (PEM); for an archive, the SHA-256 of its manifest, or the manifest as a file. Get
    it over a channel you trust.
    """
    from cli.context import clock, opened
    from registry import keys as verb
    from registry.db.models import TrustRole
    from registry.settings import actor

    wanted = TrustRole(role)
    with opened(home) as registry:
        done = verb.add(
            registry.database,
            registry.settings,
            wanted,
            _given(key, archive=wanted is TrustRole.ARCHIVE),
            name=name,
            added_by=actor(),
            clock=clock,
        )
    if done is None:
        tell("this registry trusts exactly that already; nothing was recorded")
    if as_json:
        emit({"added": None if done is None else _document(done)})
        return
    if done is not None:
        say(f"{done.keyid[:16]}…  trusted as {role}: {clean(done.name or '')}")
        for line in block([("Id", done.keyid), _hand_out(registry.settings)]):
            say(line)


def _given(text: str, *, archive: bool) -> bytes:
    """Return a key that was given as such, or as a file; of an archive's manifest its digest."""
    from registry.core.digest import is_sha256_hex
    from registry.plain_files import open_plain, sha256_of

    if not archive:
        return given_bytes(text, "the key", limit=_LARGEST_KEY, or_text="+" in text)
    if is_sha256_hex(text) and not Path(text).exists():
        return text.encode()
    given_bytes(text, "the manifest", limit=0, or_text=False, whole=False)
    with open_plain(Path(text), text) as file:
        return sha256_of(file, text, lambda _: None).encode()


@click.command()
@click.option(
    "--role",
    type=click.Choice(_ROLES),
    default="certificate",
    show_default=True,
    help="Whose passphrase: that of the key which signs these.",
)
@click.option("--remove", is_flag=True, help="Take the passphrase away.")
@json_option
@click.pass_obj
def passphrase(home: str | None, role: str, remove: bool, as_json: bool) -> None:
    """Set, change or remove the passphrase of a private key.

    It is typed at the terminal, unseen, or taken from FIRSTHAND_PASSPHRASE: the one that opens the
    key, or if it has none, the new one. Whoever had the file before still has what opens it: after
    a leak, rotate.
    """
    from cli.context import finish_keys, opened
    from registry import key_files
    from registry import keys as verb
    from registry.core import keyfile
    from registry.db.models import KeyRole
    from registry.errors import ConflictError
    from registry.settings import passphrase as ask
    from registry.settings import typed_passphrase

    with opened(home) as registry:
        finish_keys(registry)
        with registry.database.read() as session:
            path = verb.current_file(session, registry.settings, KeyRole(role))
    has_one = keyfile.is_encrypted(key_files.read(path))
    old = new = None
    if has_one:
        old = ask(f"`{path}`")
        keyfile.decrypt(key_files.read(path), old, name=str(path))
        new = None if remove else typed_passphrase("it from now on", twice=True)
    elif remove:
        raise ConflictError(f"`{path}` has no passphrase", hint="there is nothing to remove")
    else:
        new = ask(f"`{path}` from now on", twice=True)
    verb.change_passphrase(registry.settings, path, old=old, new=new)
    if as_json:
        emit({"path": str(path), "passphrase": new is not None})
        return
    say(f"{clean(str(path))}   has {'a' if new is not None else 'no'} passphrase now")


def _document(done: Event) -> dict[str, Any]:
    return {
        "event": str(done.kind),
        "keyid": done.keyid,
        "role": done.role,
        "name": done.name,
        "before": done.before,
        "from": None if done.since is None else _time(done.since),
        "trust": done.trust,
    }


def _hand_out(settings: Settings) -> tuple[str, str]:
    return ("Hand out", clean(str(settings.trust_file)))


def _time(moment: dt.datetime | None) -> str:
    from registry.core.evidence import iso_time, to_micros

    return "" if moment is None else iso_time(to_micros(moment))
