"""RFC 3161: ask a time-stamp authority when a checkpoint existed, and check what it answers.

The request is a few bytes that are written here. The answer is CMS, which is left to the library
`rfc3161-client`; it is optional, and its errors end here. Verification uses this module: it needs
neither database nor network.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.util
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from registry.core import der
from registry.core.trust import TimestampRoot
from registry.errors import UnavailableError, VerificationError

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

MAX_TOKEN: Final = 1 << 18
SUFFIX: Final = ".tsr"
_SHA256: Final = "2.16.840.1.101.3.4.2.1"
_SEQUENCE: Final = 0x30
_OBJECT_ID: Final = 0x06
_NAME: Final = 200
_GRANTED: Final = (0, 1)
"""Granted, and granted with changes that the token itself states (RFC 3161 §2.4.2)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says of itself; nothing of it is true until its chain is checked.

    Attributes:
        data: The token, DER, without the response around it.
        imprint: The SHA-256 of what existed.
        time: When it did.
        authority: The name in the certificate of who signed.
    """

    data: bytes
    imprint: bytes
    time: dt.datetime
    authority: str


@dataclass(frozen=True, slots=True)
class TokenChecked:
    """A token over a checkpoint.

    Attributes:
        time: When the checkpoint existed, by the word of the authority.
        authority: Which one: as the trusted root is called, or as the token calls itself.
        chain: Whether its signature leads to a trusted root. Otherwise anybody may have made it.
    """

    time: dt.datetime
    authority: str
    chain: bool


def available() -> bool:
    """Return whether tokens can be checked here: whether the library is installed."""
    return importlib.util.find_spec("rfc3161_client") is not None


def request(text: bytes, *, nonce: int) -> bytes:
    """Return the request for a time stamp of a checkpoint, DER (RFC 3161 §2.4.1).

    Args:
        text: The text of the checkpoint, without signatures.
        nonce: A random number, so that no old answer fits.
    """
    algorithm = der.sequence(der.object_id(_SHA256), der.null())
    imprint = der.sequence(algorithm, der.octets(hashlib.sha256(text).digest()))
    # The version, and at the end that the answer should bring the certificates along.
    return der.sequence(der.integer(1), imprint, der.integer(nonce), der.TRUE)


def response(token: bytes) -> bytes:
    """Return a token as authorities send it, and as `openssl ts -verify -in` reads it."""
    return der.sequence(der.sequence(der.integer(0)), token)


def parse(data: bytes) -> Token:
    """Read a token, or the answer of an authority with one.

    Raises:
        VerificationError: `E_LIMIT` or `E_ENVELOPE`; `E_TSA_IMPRINT` if it is not over a SHA-256.
        UnavailableError: The library is not installed.
    """
    return _parsed(data)[0]


def check_token(
    token: bytes, checkpoint_text: bytes, roots: Sequence[TimestampRoot]
) -> TokenChecked:
    """Check a token over a checkpoint.

    Args:
        token: The token, or the answer of an authority with one.
        checkpoint_text: The text of the checkpoint, without signatures.
        roots: The authorities that are trusted. Without any, the chain is not checked, and the
            token shows nothing.

    Raises:
        VerificationError: `E_TSA_IMPRINT`: it is about something else. `E_TSA_CHAIN`: it does not
            lead to a trusted root. `E_TIME_BRACKET`: it does, outside the time for which that root
            is trusted. `E_LIMIT` or `E_ENVELOPE`: it is no token.
        UnavailableError: The library is not installed.
    """
    found, answer = _parsed(token)
    if found.imprint != hashlib.sha256(checkpoint_text).digest():
        raise VerificationError("the time stamp is not about this checkpoint", code="E_TSA_IMPRINT")
    if not roots:
        return TokenChecked(found.time, found.authority, chain=False)
    leading = [root for root in roots if _leads_to(root, answer, found.imprint)]
    if not leading:
        raise VerificationError(
            "the time stamp's signature does not lead to a trusted authority", code="E_TSA_CHAIN"
        )
    for root in leading:
        if root.window.refusal(found.time) is None:
            return TokenChecked(found.time, root.name, chain=True)
    raise VerificationError(
        f"the time stamp is of a time for which `{leading[0].name}` is not trusted",
        code="E_TIME_BRACKET",
    )


def _parsed(data: bytes) -> tuple[Token, TimeStampResponse]:
    if len(data) > MAX_TOKEN:
        raise VerificationError(
            f"a time stamp of {len(data):,} bytes is larger than {MAX_TOKEN:,}", code="E_LIMIT"
        )
    if not available():
        raise UnavailableError(
            "time stamps cannot be checked: a library is not installed",
            hint="pip install 'firsthand[timestamps]'",
        )
    whole = response(data) if _is_bare(data) else data
    return _guarded(lambda: _read(whole), _bad, "it cannot be read")


def _is_bare(data: bytes) -> bool:
    """Return whether this begins as a token does: its type first; a response has a status."""
    if len(data) < 2 or data[0] != _SEQUENCE:
        return False
    head = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    return data[head : head + 1] == bytes([_OBJECT_ID])


def _read(data: bytes) -> tuple[Token, TimeStampResponse]:
    from rfc3161_client import decode_timestamp_response

    answer = decode_timestamp_response(data)
    if answer.status not in _GRANTED:
        said = "; ".join(answer.status_string)[:_NAME]
        raise _bad(f"the authority refused{': ' if said else ''}{said}")
    info = answer.tst_info
    imprint = info.message_imprint
    if imprint.hash_algorithm.dotted_string != _SHA256 or len(imprint.message) != 32:
        raise VerificationError("the time stamp is not over a SHA-256", code="E_TSA_IMPRINT")
    time = info.gen_time
    time = time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)
    return Token(answer.time_stamp_token(), bytes(imprint.message), time, _signer(answer)), answer


def _signer(answer: TimeStampResponse) -> str:
    """Return the name in the certificate that is said to have signed."""
    signed = answer.signed_data
    infos = list(signed.signer_infos)
    if len(infos) != 1:
        raise _bad("it does not have exactly one signer")
    for raw in signed.certificates:
        certificate = x509.load_der_x509_certificate(raw)
        same = certificate.serial_number == infos[0].serial_number
        if same and certificate.issuer == infos[0].issuer:
            return _name(certificate.subject)
    return _name(infos[0].issuer)


def _name(name: x509.Name) -> str:
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for item in name.get_attributes_for_oid(kind):
            return str(item.value)[:_NAME]
    return name.rfc4514_string()[:_NAME]


def _leads_to(root: TimestampRoot, answer: TimeStampResponse, imprint: bytes) -> bool:
    """Return whether a token was signed, for time stamps, under a root."""

    def check() -> bool:
        from rfc3161_client import VerifierBuilder

        certificate = x509.load_pem_x509_certificate(root.certificate.encode("ascii"))
        verifier = VerifierBuilder(roots=[certificate]).build()
        return verifier.verify(_granted(answer), imprint)

    try:
        return _guarded(check, _not_signed, "")
    except VerificationError:
        return False


def _granted(answer: TimeStampResponse) -> TimeStampResponse:
    """Return the answer as the library takes it: granted without changes, and nothing else."""
    from rfc3161_client import decode_timestamp_response

    if answer.status == 0:
        return answer
    return decode_timestamp_response(response(answer.time_stamp_token()))


def _bad(why: str) -> VerificationError:
    return VerificationError(f"this is not a time stamp: {why}", code="E_ENVELOPE")


def _not_signed(_: str) -> VerificationError:
    return VerificationError("not signed under this root", code="E_TSA_CHAIN")


_STRAY: Final[tuple[type[Exception], ...]] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    InvalidSignature,
    LookupError,
    NotImplementedError,
    TypeError,
    UnsupportedAlgorithm,
    ValueError,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the libraries let through for bytes that they cannot take."""


def _guarded(call: Callable[[], T], refused: Callable[[str], VerificationError], why: str) -> T:
    """Call a library that raises all kinds of errors for what strangers send."""
    stray: Any = (*_STRAY, *_of_the_library())
    try:
        with warnings.catch_warnings(action="ignore"):
            return call()
    except VerificationError:
        raise
    except stray as error:
        raise refused(why) from error
    except BaseException as error:
        # A panic of the library's Rust is no `Exception`, so that nobody would catch it.
        if type(error).__module__ == "pyo3_runtime":
            raise refused(why) from error
        raise


def _of_the_library() -> tuple[type[Exception], ...]:
    from rfc3161_client import VerificationError as Theirs

    return (Theirs,)
