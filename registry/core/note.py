"""Signed notes: a text, and below it lines that sign it (C2SP signed-note, tlog-cosignature).

Two kinds of signatures are known: a log's own over the text (Ed25519, type 1), and a witness's
over the text with the time at which the witness saw it (type 4). Lines of keys that the reader does
not know are kept and say nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from registry.core.digest import from_base64
from registry.errors import InvalidInputError, VerificationError

MAX_NOTE: Final = 1 << 20
MAX_SIGNATURES: Final = 256
_KEY_SIZE: Final = 32
_ID_SIZE: Final = 4
_SIGNATURE_SIZE: Final = 64
_TIME_SIZE: Final = 8
_DASH: Final = "\u2014"
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


class SignatureType(IntEnum):
    """What a key of a note signs."""

    NOTE = 1
    COSIGNATURE = 4


def _is_name(name: str) -> bool:
    """Return whether signatures can be under this name."""
    return bool(name) and "+" not in name and not _CONTROL.search(name) and name.split() == [name]


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key that notes are checked with.

    Attributes:
        name: Whose it is, such as `example.com/log`.
        public: The 32 bytes of the Ed25519 key.
        type: What it signs.
    """

    name: str
    public: bytes
    type: SignatureType = SignatureType.NOTE

    def __post_init__(self) -> None:
        """Refuse what cannot stand in a note."""
        if not _is_name(self.name):
            raise InvalidInputError(
                f"`{self.name}` cannot be the name of a key",
                hint="write it like an address, `example.com/log`, without spaces and `+`",
            )
        if len(self.public) != _KEY_SIZE:
            raise InvalidInputError(f"the key of `{self.name}` does not have 32 bytes")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key as `NAME+ID+KEY`, the form that logs and witnesses publish.

        Raises:
            InvalidInputError: It is no such key.
        """
        name, _, rest = text.strip().partition("+")
        id, _, encoded = rest.partition("+")
        try:
            raw = from_base64(encoded, code="E_ENVELOPE")
            made = cls(name, raw[1:], SignatureType(raw[0]))
        except (VerificationError, ValueError, IndexError) as error:
            raise InvalidInputError(
                f"`{text.strip()[:80]}` is not a key of a log or witness",
                hint="it looks like `example.com/log+1a2b3c4d+AZ…`",
            ) from error
        if made.id.hex() != id:
            raise InvalidInputError(
                f"the key of `{name}` does not have the id `{id}`", hint="copy it again"
            )
        return made

    @property
    def id(self) -> bytes:
        """Return the four bytes that stand for the key in a signature line."""
        kind = bytes([self.type])
        return hashlib.sha256(self.name.encode() + b"\n" + kind + self.public).digest()[:_ID_SIZE]

    def __str__(self) -> str:
        """Return the published form."""
        encoded = base64.b64encode(bytes([self.type]) + self.public).decode("ascii")
        return f"{self.name}+{self.id.hex()}+{encoded}"

    def check(self, text: bytes, signature: bytes) -> int | None:
        """Check a signature over a text; return the time that a cosignature is of.

        Raises:
            VerificationError: `E_SIGNATURE`.
        """
        moment = None
        if self.type is SignatureType.COSIGNATURE:
            moment = int.from_bytes(signature[:_TIME_SIZE], "big")
            signature, text = signature[_TIME_SIZE:], _cosigned(text, moment)
        if len(signature) != _SIGNATURE_SIZE or (moment or 0) >> 63:
            raise self._refused()
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError) as error:
            raise self._refused() from error
        return moment

    def _refused(self) -> VerificationError:
        return VerificationError(
            f"the signature of `{self.name}` does not belong to this text", code="E_SIGNATURE"
        )


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private key that signs notes under a name."""

    name: str
    key: Ed25519PrivateKey
    type: SignatureType = SignatureType.NOTE

    @property
    def public(self) -> NoteKey:
        """Return the public half."""
        return NoteKey(self.name, self.key.public_key().public_bytes_raw(), self.type)

    def sign(self, text: bytes, *, time: int | None = None) -> Signature:
        """Return the signature of a text.

        Args:
            text: The text of a note, with its last newline.
            time: For a cosignature when the text was seen, in seconds since 1970 UTC.

        Raises:
            ValueError: A time for a signature that has none, or none for one that has.
        """
        if (time is None) is (self.type is SignatureType.COSIGNATURE):
            raise ValueError("cosignatures have a time, and others have none")
        raw = self.key.sign(text if time is None else _cosigned(text, time))
        prefix = b"" if time is None else time.to_bytes(_TIME_SIZE, "big")
        return Signature(self.name, self.public.id, prefix + raw)


def _cosigned(text: bytes, moment: int) -> bytes:
    """Return what a witness signs."""
    return b"cosignature/v1\ntime %d\n" % moment + text


@dataclass(frozen=True, slots=True)
class Signature:
    """A line below a note.

    Attributes:
        name: Whose it is said to be.
        id: Which key is said to have made it.
        raw: What follows the id.
    """

    name: str
    id: bytes
    raw: bytes

    def __str__(self) -> str:
        """Return the line."""
        return f"{_DASH} {self.name} {base64.b64encode(self.id + self.raw).decode('ascii')}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures; nothing of it is true until `opened` says by whom it is.

    Attributes:
        text: The text, with its last newline.
        signatures: All of them, known or not.
    """

    text: bytes
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a note.

        Raises:
            VerificationError: `E_LIMIT`, `E_ENVELOPE` or `E_NONCANONICAL`.
        """
        if len(data) > MAX_NOTE:
            raise VerificationError(
                f"a note of {len(data):,} bytes is larger than {MAX_NOTE:,}", code="E_LIMIT"
            )
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _bad("it is not UTF-8") from error
        if _CONTROL.search(whole):
            raise _bad("it has control characters")
        text, separator, below = whole.rpartition("\n\n")
        if not separator or not below.endswith("\n"):
            raise _bad("it has no signatures")
        lines = below[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise VerificationError(
                f"a note of {len(lines):,} signatures has more than {MAX_SIGNATURES}",
                code="E_LIMIT",
            )
        return cls(text.encode() + b"\n", tuple(_signature(line) for line in lines))

    def to_bytes(self) -> bytes:
        """Return the note as it is written."""
        return self.text + b"\n" + "".join(map(str, self.signatures)).encode()

    def opened(self, keys: Iterable[NoteKey]) -> dict[NoteKey, int | None]:
        """Return which of some keys signed, with the times of cosignatures.

        Raises:
            VerificationError: `E_SIGNATURE`: a line is of one of the keys, and it did not sign
                this; `E_NONCANONICAL`: it has two lines.
        """
        known = {(key.name, key.id): key for key in keys}
        found: dict[NoteKey, int | None] = {}
        for line in self.signatures:
            key = known.get((line.name, line.id))
            if key is None:
                continue
            if key in found:
                raise VerificationError(
                    f"the note has two signatures of `{key.name}`", code="E_NONCANONICAL"
                )
            found[key] = key.check(self.text, line.raw)
        return found

    def with_signatures(self, more: Sequence[Signature]) -> Self:
        """Return the same text with further signatures; one that is there stays once."""
        joined = dict.fromkeys((*self.signatures, *more))
        return type(self)(self.text, tuple(joined))


def _signature(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH or not _is_name(parts[1]):
        raise _bad("a line below it is no signature")
    raw = from_base64(parts[2], code="E_ENVELOPE")
    if len(raw) <= _ID_SIZE:
        raise _bad("a signature is too short")
    return Signature(parts[1], raw[:_ID_SIZE], raw[_ID_SIZE:])


def _bad(why: str) -> VerificationError:
    return VerificationError(f"this is not a signed note: {why}", code="E_ENVELOPE")
