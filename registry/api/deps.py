"""What routes need: the session, the caller, the storage, and the parts of paths."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator, BeforeValidator
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.caller import OPERATOR, Caller
from registry.core.dataset import MAX_NAME_LENGTH, DatasetRef, check_name
from registry.db.session import Database
from registry.errors import InvalidInputError, NotAllowedError, NotFoundError
from registry.query.as_of import AsOf, reading
from registry.query.whereis.finder import Finder, Looking

# A name without `..`, and without what regular expressions of other languages lack.
NAME_PATTERN: Final = r"^[a-z0-9](?:(?:\.?[_-])*\.?[a-z0-9])*$"
DIGEST_PATTERN: Final = r"^[0-9a-f]{64}$"
REF_PATTERN: Final = rf"^(?:{NAME_PATTERN[1:-1]}/)?{NAME_PATTERN[1:-1]}(?:@[1-9][0-9]{{0,8}})?$"
HASH_PATTERN: Final = r"^(?:sha256:)?[0-9a-f]{64}$"
AS_OF_PATTERN: Final = (
    r"^(?:log:[0-9]{1,9}|[0-9]{4}(?:-[0-9]{2}){0,2}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z)$"
)
LAST_NUMBER: Final = 999_999_999
MOST_QUESTIONS: Final = 1000
"""How many texts, and how many hashes, can be asked about at once."""
_NUMBER = re.compile(r"[0-9]{1,9}")
_HERE = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Registry:
    """An open registry.

    Attributes:
        database: Its catalogue.
        store: Its storage.
        finder: What answers questions about texts, and keeps what they need often.
        log: The folder of the published log.
    """

    database: Database
    store: Store
    finder: Finder
    log: Folder

    @contextmanager
    def look(self, caller: Caller) -> Iterator[Looking]:
        """Give the catalogue with its index, as a caller sees it."""
        with self.database.read() as session, self.finder.look(session, caller) as looking:
            yield looking


# These two wait for nothing: as coroutines they take no thread of their own, which takes longer.
async def registry(request: Request) -> Registry:
    """Return the registry that this application serves."""
    found = request.app.state.registry
    assert isinstance(found, Registry)  # noqa: S101 - `create_app` puts it there
    return found


RegistryDep = Annotated[Registry, Depends(registry)]


async def caller(request: Request) -> Caller:
    """Return who asks: there are no keys yet, so only this machine's user, who may see everything.

    The name in `Host` is checked too: a web page that has its own name lead to 127.0.0.1 must
    not read the catalogue with its visitor's browser.

    Raises:
        NotAllowedError: The request is not from this machine, or not addressed to it.
    """
    if request.client is None or not is_loopback(request.client.host):
        raise NotAllowedError(
            "the request comes from another machine, and there are no keys yet",
            hint="ask on the machine of the registry, or forward a port with `ssh -L`",
        )
    if not _HERE.fullmatch(request.headers.get("host", "")):
        raise NotAllowedError(
            "the request is not addressed to this machine",
            hint="use `http://127.0.0.1` or `http://localhost` with the port",
        )
    return OPERATOR


CallerDep = Annotated[Caller, Depends(caller)]


def is_loopback(host: str) -> bool:
    """Return whether an address is of this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def session(registry: RegistryDep, _caller: CallerDep) -> Iterator[Session]:
    """Give a session that sees one state of the catalogue, once the caller is known."""
    with registry.database.read() as opened:
        yield opened


SessionDep = Annotated[Session, Depends(session)]


PastText = Annotated[
    str | None,
    Query(
        pattern=AS_OF_PATTERN,
        description="The state of the catalogue to answer from: `log:812`, or a date or time, "
        "which stands for what was recorded by its end. Default: the present one.",
    ),
]


def past_session(
    registry: RegistryDep, caller: CallerDep, as_of: PastText = None
) -> Iterator[Session]:
    """Give a session that sees the catalogue as it is, or as it was.

    Raises:
        NotFoundError: There is no such state.
        InvalidInputError: It would tell how many entries there are about what the caller may not
            see.
    """
    try:
        wanted = None if as_of is None else AsOf.parse(as_of)
    except InvalidInputError as error:
        # It has the form of a day that there is not.
        raise NotFoundError(error.message, hint=error.hint) from error
    if wanted is not None and wanted.size is not None and not caller.sees_all:
        raise InvalidInputError(
            "a log size names a state only for those who may see all of the log",
            hint="name a date or time, as in `as_of=2026-11-01`",
        )
    with reading(registry.database, wanted) as opened:
        yield opened


PastSessionDep = Annotated[Session, Depends(past_session)]


def as_number(value: Any) -> Any:
    """Accept a whole number in plain digits only; `1.0`, `+1` and `1_0` are something else."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError(f"a whole number from 0 to {LAST_NUMBER:,}, in digits")
    return value


def _named(what: str) -> Any:
    return Path(
        description=f"The {what}.",
        json_schema_extra={"pattern": NAME_PATTERN, "maxLength": MAX_NAME_LENGTH},
    )


def _namespace(text: str) -> str:
    return check_name(text, "namespace")


def _name(text: str) -> str:
    return check_name(text, "dataset name")


def dataset_ref(
    namespace: Annotated[str, _named("team"), AfterValidator(_namespace)],
    name: Annotated[str, _named("dataset"), AfterValidator(_name)],
) -> DatasetRef:
    """Return the dataset that a path names."""
    return DatasetRef(namespace, name)


DatasetDep = Annotated[DatasetRef, Depends(dataset_ref)]


def version_ref(
    ref: DatasetDep,
    number: Annotated[
        int,
        Path(ge=1, le=LAST_NUMBER, description="The number of the version."),
        BeforeValidator(as_number),
    ],
) -> DatasetRef:
    """Return the version that a path names."""
    return ref.at(number)


VersionDep = Annotated[DatasetRef, Depends(version_ref)]
ContentHash = Annotated[
    str,
    Path(
        pattern=HASH_PATTERN,
        description="SHA-256 of a text's UTF-8 bytes, in hexadecimal; `sha256:` may stand before.",
    ),
]
SnapshotRoot = Annotated[
    str, Path(pattern=DIGEST_PATTERN, description="The root of the snapshot, in hexadecimal.")
]
