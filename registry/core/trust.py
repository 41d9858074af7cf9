"""Whom a verifier believes: keys by role, since when, until when, and from when not any more.

A trust file is the caller's own: JSON that a person may write, read strictly. A single key that
the caller pins is the smallest trust there is.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

from registry.core.attest import PublicKey
from registry.core.digest import is_sha256_hex
from registry.core.note import NoteKey, SignatureType
from registry.errors import InvalidInputError

TRUST_TYPE: Final = "firsthand-trust/v1"
MAX_TRUST: Final = 1 << 20
_ROLES: Final = ("certificates", "logs", "witnesses", "timestamps", "archives")
_WINDOW: Final = ("not_before", "not_after", "revoked_from")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """When a key is to be believed.

    Attributes:
        not_before: What it signed earlier is not its.
        not_after: Nor is what it signed later.
        revoked_from: What it signed from then on counts for nothing; earlier signatures stay.
    """

    not_before: dt.datetime | None = None
    not_after: dt.datetime | None = None
    revoked_from: dt.datetime | None = None

    @property
    def bounded(self) -> bool:
        """Return whether it matters when something was signed."""
        return self != Window()

    def refusal(self, moment: dt.datetime | None) -> str | None:
        """Return the reason code why a signature of that time does not count, or None.

        Args:
            moment: When it was certainly there, by a clock that the signer does not hold; None
                where nothing shows it.
        """
        if self.revoked_from is not None and (moment is None or moment >= self.revoked_from):
            return "E_KEY_REVOKED"
        if self.not_before is not None and (moment is None or moment < self.not_before):
            return "E_UNKNOWN_KEY"
        if self.not_after is not None and (moment is None or moment > self.not_after):
            return "E_UNKNOWN_KEY"
        return None

    def to_json(self) -> dict[str, str]:
        """Return the bounds that there are."""
        return {
            name: value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
            for name in _WINDOW
            if (value := getattr(self, name)) is not None
        }


@dataclass(frozen=True, slots=True)
class CertificateKey:
    """A key that signs certificates."""

    key: PublicKey
    window: Window = Window()


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key that signs checkpoints; its name is the log's origin."""

    key: NoteKey
    window: Window = Window()


@dataclass(frozen=True, slots=True)
class Witness:
    """A key that cosigns checkpoints."""

    key: NoteKey
    window: Window = Window()


@dataclass(frozen=True, slots=True)
class TimestampRoot:
    """The root certificate of a timestamp authority, in PEM."""

    name: str
    certificate: str
    window: Window = Window()


@dataclass(frozen=True, slots=True)
class Archive:
    """The SHA-256 of a manifest that an archive published."""

    name: str
    sha256: str
    window: Window = Window()


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a caller believes.

    Attributes:
        certificates: Keys of certificates.
        logs: Keys of logs.
        witnesses: Keys of witnesses.
        quorum: How many of them must have cosigned a checkpoint.
        timestamps: Roots of timestamp authorities.
        archives: Manifests of archives.
        pinned: Whether it is a single key, which then also speaks for its own log.
    """

    certificates: tuple[CertificateKey, ...] = ()
    logs: tuple[LogKey, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    quorum: int = 0
    timestamps: tuple[TimestampRoot, ...] = ()
    archives: tuple[Archive, ...] = ()
    pinned: bool = field(default=False)

    @classmethod
    def of_key(cls, key: PublicKey) -> Self:
        """Return the trust in one key and in nobody else."""
        return cls(certificates=(CertificateKey(key),), pinned=True)

    def certificate_key(self, keyid: str) -> CertificateKey | None:
        """Return the key of that id, or None."""
        return next((item for item in self.certificates if item.key.keyid == keyid), None)

    def log_keys(self, origin: str) -> tuple[LogKey, ...]:
        """Return the keys that may sign the checkpoints of a log.

        A registry that one person runs has one key: whoever pins it has its log's key too.

        Raises:
            InvalidInputError: The origin cannot be the name of a key.
        """
        found = tuple(item for item in self.logs if item.key.name == origin)
        if self.pinned:
            found += tuple(
                LogKey(NoteKey(origin, item.key.raw), item.window) for item in self.certificates
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the trust file as JSON values."""
        return {
            "type": TRUST_TYPE,
            "certificates": [
                {"key": item.key.pem} | item.window.to_json() for item in self.certificates
            ],
            "logs": [{"key": str(item.key)} | item.window.to_json() for item in self.logs],
            "witnesses": [
                {"key": str(item.key)} | item.window.to_json() for item in self.witnesses
            ],
            "quorum": self.quorum,
            "timestamps": [
                {"name": item.name, "certificate": item.certificate} | item.window.to_json()
                for item in self.timestamps
            ],
            "archives": [
                {"name": item.name, "sha256": item.sha256} | item.window.to_json()
                for item in self.archives
            ],
        }

    def to_bytes(self) -> bytes:
        """Return the trust file, for people to read and change."""
        return json.dumps(self.to_json(), ensure_ascii=False, indent=2).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes, *, name: str) -> Self:
        """Read a trust file.

        Args:
            data: Its bytes.
            name: What to call it in messages.

        Raises:
            InvalidInputError: It is not one; the field is named.
        """
        reader = _Reader(name)
        value = reader.json(data)
        reader.keys(value, {"type", "quorum", *_ROLES}, {"type"}, "the file")
        if value["type"] != TRUST_TYPE:
            raise reader.bad(f"`type` is not `{TRUST_TYPE}`")
        quorum = value.get("quorum", 0)
        if not isinstance(quorum, int) or isinstance(quorum, bool) or quorum < 0:
            raise reader.bad("`quorum` is not a number from 0")
        made = cls(
            certificates=reader.list(value, "certificates", reader.certificate),
            logs=reader.list(value, "logs", reader.log),
            witnesses=reader.list(value, "witnesses", reader.witness),
            quorum=quorum,
            timestamps=reader.list(value, "timestamps", reader.timestamp),
            archives=reader.list(value, "archives", reader.archive),
        )
        if quorum > len({item.key for item in made.witnesses}):
            raise reader.bad(f"`quorum` is {quorum}, and it names fewer witnesses")
        return made


class _Reader:
    """Takes a trust file apart; every error names the file and the field."""

    def __init__(self, name: str) -> None:
        self._name = name

    def bad(self, message: str) -> InvalidInputError:
        return InvalidInputError(
            f"the trust file `{self._name}` cannot be used: {message}",
            hint="`firsthand keys show --trust` writes one; docs/trust.md explains its keys",
        )

    def json(self, data: bytes) -> dict[str, Any]:
        if len(data) > MAX_TRUST:
            raise self.bad(f"it has more than {MAX_TRUST:,} bytes")
        try:
            value = json.loads(data.decode("utf-8"), object_pairs_hook=self._once)
        except (ValueError, RecursionError) as error:
            raise self.bad(f"it is not JSON: {str(error)[:200]}") from error
        if not isinstance(value, dict):
            raise self.bad("it is not an object")
        return value

    def _once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise self.bad("an object has the same key twice")
        return made

    def keys(self, value: Any, known: set[str], needed: set[str], where: str) -> None:
        if not isinstance(value, dict):
            raise self.bad(f"{where} is not an object")
        for odd in sorted(value.keys() - known):
            raise self.bad(f"{where} has an unknown key `{odd[:40]}`")
        for missing in sorted(needed - value.keys()):
            raise self.bad(f"{where} has no `{missing}`")

    def list(
        self, value: Mapping[str, Any], role: str, read: Callable[[dict[str, Any], str], T]
    ) -> tuple[T, ...]:
        items = value.get(role, [])
        if not isinstance(items, list):
            raise self.bad(f"`{role}` is not a list")
        return tuple(read(item, f"`{role}[{at}]`") for at, item in enumerate(items))

    def certificate(self, value: dict[str, Any], where: str) -> CertificateKey:
        self.keys(value, {"key", *_WINDOW}, {"key"}, where)
        pem = self._text(value, "key", where)
        try:
            key = PublicKey.parse(pem.encode(), name="key")
        except (InvalidInputError, UnicodeError) as error:
            raise self.bad(f"{where} has no PEM Ed25519 public key in `key`") from error
        return CertificateKey(key, self._window(value, where))

    def log(self, value: dict[str, Any], where: str) -> LogKey:
        return LogKey(self._note_key(value, where, SignatureType.NOTE), self._window(value, where))

    def witness(self, value: dict[str, Any], where: str) -> Witness:
        key = self._note_key(value, where, SignatureType.COSIGNATURE)
        return Witness(key, self._window(value, where))

    def timestamp(self, value: dict[str, Any], where: str) -> TimestampRoot:
        self.keys(value, {"name", "certificate", *_WINDOW}, {"name", "certificate"}, where)
        pem = self._text(value, "certificate", where)
        if "-----BEGIN CERTIFICATE-----" not in pem:
            raise self.bad(f"{where} has no PEM certificate in `certificate`")
        return TimestampRoot(self._text(value, "name", where), pem, self._window(value, where))

    def archive(self, value: dict[str, Any], where: str) -> Archive:
        self.keys(value, {"name", "sha256", *_WINDOW}, {"name", "sha256"}, where)
        digest = self._text(value, "sha256", where)
        if not is_sha256_hex(digest):
            raise self.bad(f"{where} has no SHA-256 in `sha256`")
        return Archive(self._text(value, "name", where), digest, self._window(value, where))

    def _note_key(self, value: dict[str, Any], where: str, kind: SignatureType) -> NoteKey:
        self.keys(value, {"key", *_WINDOW}, {"key"}, where)
        try:
            key = NoteKey.parse(self._text(value, "key", where))
        except InvalidInputError as error:
            raise self.bad(f"{where}: {error.message}") from error
        if key.type is not kind:
            raise self.bad(f"{where} is a key of another kind")
        return key

    def _text(self, value: dict[str, Any], key: str, where: str) -> str:
        found = value[key]
        if not isinstance(found, str) or not found.strip():
            raise self.bad(f"{where} has no text in `{key}`")
        return found

    def _window(self, value: dict[str, Any], where: str) -> Window:
        return Window(*(self._time(value.get(name), name, where) for name in _WINDOW))

    def _time(self, value: Any, name: str, where: str) -> dt.datetime | None:
        if value is None:
            return None
        try:
            made = dt.datetime.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise self.bad(f"{where} has no time in `{name}`") from error
        if made.tzinfo is None:
            raise self.bad(f"{where} has a time without a zone in `{name}`; write `…T00:00:00Z`")
        return made.astimezone(dt.UTC)
