"""Where a registry lives and how it is configured, read once, at the edge.

A home is a folder `.firsthand/` with `config.json`, `registry.db`, `issuer.pub`, `trust.json`,
`keys/` and `storage/`. It is found like a git repository: here, or in the nearest folder above.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from registry.errors import InvalidInputError, NotFoundError

HOME_NAME: Final = ".firsthand"
ENV_HOME: Final = "FIRSTHAND_HOME"
ENV_DATABASE: Final = "FIRSTHAND_DATABASE"
ENV_ACTOR: Final = "FIRSTHAND_ACTOR"
ENV_BUSY: Final = "FIRSTHAND_BUSY_SECONDS"
ENV_STATE: Final = "FIRSTHAND_STATE"
BUSY_SECONDS: Final = 30.0
LONGEST_BUSY: Final = 86_400.0
ENV_S3_ANONYMOUS: Final = "FIRSTHAND_S3_ANONYMOUS"
ENV_PASSPHRASE: Final = "FIRSTHAND_PASSPHRASE"  # noqa: S105 - its name, not its value


@dataclass(frozen=True, slots=True)
class Settings:
    """A registry's configuration.

    Attributes:
        home: The `.firsthand` folder.
        issuer_name: Who signs certificates, in their own words.
        issuer_url: Where to find them, or None.
        database: The database's URL, or None for `registry.db` in the home.
        busy_seconds: How long to wait for another command that writes to the database.
        log_origin: The name of the registry's log, such as `acme.example/log`; None in homes of
            earlier releases, whose log is named after their first key.
    """

    home: Path
    issuer_name: str
    issuer_url: str | None = None
    database: str | None = None
    busy_seconds: float = BUSY_SECONDS
    log_origin: str | None = None

    @property
    def config_file(self) -> Path:
        """Return the file this is stored in."""
        return self.home / "config.json"

    @property
    def database_file(self) -> Path:
        """Return the default database."""
        return self.home / "registry.db"

    @property
    def keys(self) -> Path:
        """Return the folder of private keys."""
        return self.home / "keys"

    @property
    def private_key_file(self) -> Path:
        """Return the file of the private key that signs certificates."""
        return self.keys / "issuer.key"

    @property
    def log_key_file(self) -> Path:
        """Return the file of the private key that signs the log, if it has one of its own."""
        return self.keys / "log.key"

    @property
    def public_key_file(self) -> Path:
        """Return the file of the public key, the one to hand out."""
        return self.home / "issuer.pub"

    @property
    def trust_file(self) -> Path:
        """Return the trust file, the one to hand out."""
        return self.home / "trust.json"

    @property
    def storage(self) -> Path:
        """Return the folder of document tables and kept texts."""
        return self.home / "storage"

    @property
    def log_folder(self) -> Path:
        """Return the folder of the published log, which any web host can serve."""
        return self.home / "log"

    def to_json(self) -> dict[str, Any]:
        """Return what `config.json` holds."""
        return {
            "database": self.database,
            "issuer": {"name": self.issuer_name, "url": self.issuer_url},
            "log": {"origin": self.log_origin},
        }

    @classmethod
    def load(cls, home: Path, environ: Mapping[str, str] = os.environ) -> Self:
        """Read the configuration of a home; the environment has the last word.

        `FIRSTHAND_DATABASE` overrides its database, `FIRSTHAND_BUSY_SECONDS` how long to wait.

        Raises:
            NotFoundError: There is no registry at that place.
            InvalidInputError: `config.json` is not what `firsthand init` writes, or the variable
                is no time.
        """
        file = home / "config.json"
        try:
            value = json.loads(file.read_bytes())
            issuer = value["issuer"]
            name, url, database = issuer["name"], issuer["url"], value["database"]
            origin = value.get("log", {}).get("origin")
            optional = {type(url), type(database), type(origin)}
            if not isinstance(name, str) or not optional <= {str, type(None)}:
                raise TypeError("a value is not text")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(
                f"there is no registry at `{home}`", hint="run `firsthand init` there first"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InvalidInputError(
                f"`{file}` cannot be read: {error}",
                hint='it holds {"database": null, "issuer": {"name": "…", "url": null}}',
            ) from error
        return cls(
            home,
            name,
            url,
            environ.get(ENV_DATABASE) or database,
            busy_seconds(environ),
            origin,
        )


def home_for_init(
    given: Path | None, environ: Mapping[str, str] = os.environ, here: Path | None = None
) -> Path:
    """Return the folder that `init` makes: the one given, that of the environment, or here.

    Raises:
        InvalidInputError: Its path is not valid UTF-8.
    """
    if given is None:
        named = environ.get(ENV_HOME)
        given = Path(named) if named else (here or Path.cwd()) / HOME_NAME
    home = given.absolute()
    try:
        str(home).encode()
    except UnicodeEncodeError as error:
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(home))
        raise InvalidInputError(
            f"the path `{shown}` is not valid UTF-8, which a home's must be",
            hint="choose another place with `--home`",
        ) from error
    return home


def find_home(
    given: Path | None, environ: Mapping[str, str] = os.environ, here: Path | None = None
) -> Path:
    """Return the home to use: the one given, that of the environment, or the nearest one above.

    Raises:
        NotFoundError: There is none.
        InvalidInputError: The path of the one given is not valid UTF-8.
    """
    if given is not None or environ.get(ENV_HOME):
        return home_for_init(given, environ)
    start = (here or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        if (folder / HOME_NAME / "config.json").is_file():
            return folder / HOME_NAME
    raise NotFoundError(
        f"there is no registry in `{start}` or above it",
        hint="run `firsthand init` here, or name one with `--home` or FIRSTHAND_HOME",
    )


def busy_seconds(environ: Mapping[str, str] = os.environ) -> float:
    """Return how long to wait for another writer: FIRSTHAND_BUSY_SECONDS, or half a minute.

    Raises:
        InvalidInputError: It is no number from 0 to a day.
    """
    said = environ.get(ENV_BUSY)
    if not said:
        return BUSY_SECONDS
    try:
        seconds = float(said)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_BUSY:
        raise InvalidInputError(
            f"{ENV_BUSY} is not a number of seconds from 0 to {LONGEST_BUSY:,.0f}",
            hint="write how long to wait for other commands, such as `30`",
        )
    return seconds


def actor(environ: Mapping[str, str] = os.environ) -> str:
    """Return who is making claims: FIRSTHAND_ACTOR, or the name of the user logged in.

    Raises:
        InvalidInputError: FIRSTHAND_ACTOR is not plain text.
    """
    said = environ.get(ENV_ACTOR)
    if said:
        if not said.strip() or not said.isprintable() or len(said) > 200:
            raise InvalidInputError(
                f"{ENV_ACTOR} is empty, longer than 200 characters or not plain text",
                hint="give the name of a person or a team",
            )
        return said
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where this machine remembers what it signed: outside of every home and backup.

    `FIRSTHAND_STATE`, or a folder in `XDG_STATE_HOME`, or `~/.local/state/firsthand`.
    """
    if said := environ.get(ENV_STATE):
        return Path(said).absolute()
    base = environ.get("XDG_STATE_HOME")
    # The specification of these folders has relative paths ignored.
    if base and Path(base).is_absolute():
        return Path(base) / "firsthand"
    return Path.home() / ".local" / "state" / "firsthand"


def passphrase(what: str, *, twice: bool = False, environ: Mapping[str, str] = os.environ) -> str:
    """Return a passphrase: FIRSTHAND_PASSPHRASE, or what is typed at the terminal, unseen.

    Args:
        what: What it opens, or is to open, for the question.
        twice: It is a new one, and has to be typed twice.
        environ: The environment.

    Raises:
        InvalidInputError: There is neither, or what was typed differs.
    """
    return environ.get(ENV_PASSPHRASE) or typed_passphrase(what, twice=twice)


def typed_passphrase(what: str, *, twice: bool = False) -> str:
    """Return a passphrase that is typed at the terminal, unseen.

    Raises:
        InvalidInputError: There is no terminal, or what was typed differs.
    """
    try:
        # `getpass` would read from elsewhere, visibly, where there is no terminal.
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        typed = getpass.getpass(f"Passphrase of {what}: ")
        again = getpass.getpass("Once more: ") if twice else typed
    except (OSError, EOFError) as error:
        raise InvalidInputError(
            f"{what} needs a passphrase, and there is no terminal to ask for it",
            hint=f"set {ENV_PASSPHRASE}; it is never taken from the command line",
        ) from error
    if typed != again:
        raise InvalidInputError("the two passphrases differ", hint="run the command again")
    return typed


def s3_anonymous(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether S3 is asked without credentials: FIRSTHAND_S3_ANONYMOUS is `1`.

    Raises:
        InvalidInputError: It is neither `0` nor `1`.
    """
    said = environ.get(ENV_S3_ANONYMOUS) or "0"
    if said not in ("0", "1"):
        raise InvalidInputError(
            f"{ENV_S3_ANONYMOUS} is neither `0` nor `1`",
            hint="`1` reads public buckets without credentials",
        )
    return said == "1"
