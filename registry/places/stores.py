"""Object stores as pyarrow sees them: what they hold, and their errors in our words.

Endpoint, region and credentials come from the environment, under the names that every tool for
the store knows. Failing requests are repeated by pyarrow; what still fails is reported.
"""

from __future__ import annotations

import fnmatch
import functools
import glob
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from registry.errors import InvalidInputError, RegistryError, UnavailableError
from registry.places.naming import Remote, checked, shown
from registry.settings import s3_anonymous

ATTEMPTS: Final = 4
"""How often a request is sent before it counts as failed; pyarrow waits longer each time."""
_CONNECT_SECONDS: Final = 10
_REQUEST_SECONDS: Final = 20
_GCS_SECONDS: Final = 60

_NOTHING: Final = re.compile(r"NO_SUCH_KEY|RESOURCE_NOT_FOUND|HTTP status 404|does not exist")
_NO_STORE: Final = re.compile(r"NO_SUCH_BUCKET|[Bb]ucket '[^']*' not found|ContainerNotFound")
_DENIED: Final = re.compile(
    r"ACCESS_DENIED|HTTP status 40[13]|INVALID_ACCESS_KEY|INVALID_CLIENT_TOKEN|EXPIRED_TOKEN"
    r"|SIGNATURE|InvalidAccessKeyId|[Pp]ermission|UNAUTHENTICATED|[Cc]redential"
)
_ELSEWHERE: Final = re.compile(r"HTTP status 30[17]|PermanentRedirect|AuthorizationHeaderMalformed")


@dataclass(frozen=True, slots=True)
class Info:
    """What a store says about an object.

    Attributes:
        size: Its bytes.
        mtime_ns: When it was last written, in nanoseconds since 1970, or None.
        etag: What changes whenever its content does, or None where the store has no such thing.
    """

    size: int
    mtime_ns: int | None
    etag: str | None


def filesystem(remote: Remote) -> fs.FileSystem:
    """Return the filesystem that a place is in; it is kept for the next call.

    Raises:
        RegistryError: The environment does not say how to reach it.
    """
    with errors(remote):
        if remote.scheme == "s3":
            return _s3(remote.store, *s3_endpoint(os.environ), s3_anonymous(os.environ))
        if remote.scheme == "gs":
            return _gcs()
        return _azure(remote.store)


def s3_endpoint(environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the endpoint and the region that the environment names for S3.

    Raises:
        InvalidInputError: The endpoint is no address of a server.
    """
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if endpoint := environ.get(name):
            parts = urlsplit(endpoint)
            if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
                raise InvalidInputError(
                    f"{name} is not the address of a server",
                    hint="write it as in `https://storage.example:9000`",
                )
            return f"{parts.scheme}://{parts.netloc}", region
    return None, region


@functools.cache
def _s3(bucket: str, endpoint: str | None, region: str | None, anonymous: bool) -> fs.S3FileSystem:
    if region is None:
        # Whoever runs an endpoint of their own rarely cares for regions, AWS does.
        region = "us-east-1" if endpoint else fs.resolve_s3_region(bucket)
    scheme, _, address = (endpoint or "https://").partition("://")
    return fs.S3FileSystem(
        anonymous=anonymous,
        region=region,
        allow_delayed_open=True,  # small objects take one request instead of three
        background_writes=False,  # which would hold all of a file in memory
        scheme=scheme,
        endpoint_override=address or None,
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_REQUEST_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )


@functools.cache
def _gcs() -> fs.GcsFileSystem:
    import datetime as dt

    return fs.GcsFileSystem(retry_time_limit=dt.timedelta(seconds=_GCS_SECONDS))


@functools.cache
def _azure(store: str) -> fs.FileSystem:
    return fs.FileSystem.from_uri(f"abfss://{store}/")[0]


def look(remote: Remote) -> Info | None:
    """Return what is known of an object, or None if there is no object of that name.

    Raises:
        RegistryError: The store does not answer, or does not let us.
    """
    system = filesystem(remote)
    try:
        with errors(remote), system.open_input_file(remote.inside) as opened:
            return info(opened)
    except NothingThereError:
        return None


def info(opened: pa.NativeFile) -> Info:
    """Return what is known of an object that was opened."""
    said = {
        key.lower() if isinstance(key, str) else key.decode().lower(): value
        for key, value in (opened.metadata() or {}).items()
    }
    etag = said.get("etag")
    changed = said.get("last-modified")
    return Info(
        opened.size(),
        _nanoseconds(changed.decode("ascii", "replace")) if changed else None,
        etag.decode("utf-8", "replace") if etag else None,
    )


def _nanoseconds(time: str) -> int | None:
    import datetime as dt

    try:
        return int(dt.datetime.fromisoformat(time).timestamp()) * 10**9
    except ValueError:
        return None


def below(remote: Remote, *, deep: bool = True) -> list[Remote]:
    """Return the objects whose names continue that of a place, sorted by name.

    Args:
        remote: What the names begin with, as a folder.
        deep: To any depth; otherwise names one part longer only, folders among them.

    Raises:
        RegistryError: There is no such store, it does not answer or does not let us, or a name has
            empty parts.
    """
    system = filesystem(remote)
    with errors(remote):
        try:
            found = system.get_file_info(fs.FileSelector(remote.inside, recursive=deep))
        except FileNotFoundError:
            return []
    bucket = len(Remote(remote.scheme, remote.store).inside) + 1
    return sorted(
        (
            checked(Remote(remote.scheme, remote.store, info.path[bucket:].rstrip("/")))
            for info in found
            if info.is_file or not deep
        ),
        key=lambda item: item.key,
    )


def matching(remote: Remote, parts: list[str]) -> list[Remote]:
    """Return what matches a pattern, part by part, as a shell does with files.

    `*` stands for anything within a part but a leading dot, `[ab]` for one of some characters,
    and the part `**` for any folders.

    Args:
        remote: The store.
        parts: The pattern's parts, percent-encoded.

    Raises:
        RegistryError: The store does not answer, or does not let us.
    """
    places = [Remote(remote.scheme, remote.store)]
    for part in parts:
        if not re.search(r"[*\[]", part):
            places = [place / unquote(part) for place in places]
        elif part == "**":
            places = sorted({deeper for place in places for deeper in _folders(place)}, key=str)
        else:
            # What is encoded stands for itself.
            pattern = re.sub(
                "(?:%[0-9A-Fa-f]{2})+", lambda found: glob.escape(unquote(found[0])), part
            )
            places = [
                inside
                for place in places
                for inside in below(place, deep=False)
                if fnmatch.fnmatchcase(inside.name, pattern)
                and (pattern.startswith(".") or not inside.name.startswith("."))
            ]
    return places


def _folders(remote: Remote) -> Iterator[Remote]:
    """Give a folder and those in it, at any depth, but hidden ones."""
    yield remote
    start = remote.key.split("/") if remote.key else []
    for found in below(remote):
        parts = found.key.split("/")[:-1]
        for end in range(len(start) + 1, len(parts) + 1):
            if not any(part.startswith(".") for part in parts[len(start) : end]):
                yield Remote(remote.scheme, remote.store, "/".join(parts[:end]))


class NothingThereError(InvalidInputError):
    """There is no object of that name."""


@contextmanager
def errors(remote: Remote) -> Iterator[None]:
    """Turn what pyarrow raises for an object store into our errors."""
    try:
        yield
    except RegistryError:
        raise
    except (OSError, pa.ArrowException, ValueError) as error:
        raise told(remote, error) from error


def told(remote: Remote, error: Exception) -> RegistryError:
    """Return our error for what an object store said about a place."""
    said = str(error)
    if _NO_STORE.search(said):
        return NothingThereError(
            f"there is no store for `{remote}`", hint="check the name of the bucket or container"
        )
    if isinstance(error, FileNotFoundError) or _NOTHING.search(said):
        return NothingThereError(f"`{remote}` does not exist", hint="check the name of the object")
    if _DENIED.search(said):
        return InvalidInputError(
            f"`{remote}` may not be used: {_reason(said)}",
            hint="give credentials in the environment or a profile, see docs/storage.md",
        )
    if _ELSEWHERE.search(said):
        return InvalidInputError(
            f"`{remote}` is in another region: {_reason(said)}",
            hint="set AWS_REGION to the region of the bucket",
        )
    return UnavailableError(
        f"`{remote}` cannot be reached: {_reason(said)}",
        hint="run the command again; if it stays so, check the network and AWS_ENDPOINT_URL",
    )


def _reason(said: str) -> str:
    """Return the part of pyarrow's message that tells something."""
    line = " ".join(said.split())
    line = re.sub(r"^When [^:]*?(?:'[^']*'[^:']*)*: ", "", line)
    line = re.sub(r" ?\(Request ID: [^)]*\)", "", line)
    return shown(line[:300]).rstrip(". ")
