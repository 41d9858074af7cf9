"""Private keys as files have them: PKCS#8 in PEM, plain or under a passphrase.

A passphrase is stretched with scrypt and the key encrypted with AES-256-CBC (PKCS#5 PBES2, RFC 8018
§6.2; scrypt in it, RFC 7914 §7). `cryptography` reads that and cannot write it (its best is
PBKDF2), so the few lines of DER are made here. `openssl pkey` reads it too.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from registry.core.attest import Signer
from registry.core.der import integer, object_id, octets, sequence
from registry.errors import InvalidInputError

MAX_PASSPHRASE: Final = 1024
SALT_SIZE: Final = 16
IV_SIZE: Final = 16
_BEGIN: Final = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
_END: Final = b"-----END ENCRYPTED PRIVATE KEY-----"
_LINE: Final = 64

# OpenSSL refuses scrypt that needs more than 32 MiB. This needs 16, five times over, which is one
# of the choices of OWASP's password storage cheat sheet (N = 2^14, r = 8, p = 5).
_COST: Final = 1 << 14
_BLOCK: Final = 8
_PARALLEL: Final = 5
_KEY_SIZE: Final = 32

_PBES2: Final = "1.2.840.113549.1.5.13"
_SCRYPT: Final = "1.3.6.1.4.1.11591.4.11"
_AES_256_CBC: Final = "2.16.840.1.101.3.4.1.42"


def is_encrypted(pem: bytes) -> bool:
    """Return whether a passphrase is needed to read a private key."""
    return _BEGIN in pem


def check_passphrase(text: str) -> None:
    """Refuse what protects nothing, or what could not be typed again.

    Raises:
        InvalidInputError: It is empty, too long, or has control characters.
    """
    if not text or not text.isprintable() or len(text.encode()) > MAX_PASSPHRASE:
        raise InvalidInputError(
            f"a passphrase is printable text of 1 to {MAX_PASSPHRASE:,} bytes",
            hint="take several words",
        )


def encrypt(signer: Signer, passphrase: str, *, random: Callable[[int], bytes]) -> bytes:
    """Return a private key in PEM that only the passphrase opens.

    Args:
        signer: The key.
        passphrase: What opens it.
        random: Gives so many random bytes.

    Raises:
        InvalidInputError: The passphrase is none.
    """
    check_passphrase(passphrase)
    salt, iv = random(SALT_SIZE), random(IV_SIZE)
    plain = signer.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    kdf = Scrypt(salt=salt, length=_KEY_SIZE, n=_COST, r=_BLOCK, p=_PARALLEL)
    encryptor = Cipher(
        algorithms.AES256(kdf.derive(passphrase.encode())), modes.CBC(iv)
    ).encryptor()
    padder = padding.PKCS7(128).padder()
    data = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    stretched = sequence(
        object_id(_SCRYPT),
        sequence(
            octets(salt), integer(_COST), integer(_BLOCK), integer(_PARALLEL), integer(_KEY_SIZE)
        ),
    )
    ciphered = sequence(object_id(_AES_256_CBC), octets(iv))
    der = sequence(sequence(object_id(_PBES2), sequence(stretched, ciphered)), octets(data))
    text = base64.b64encode(der)
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return b"\n".join([_BEGIN, *lines, _END, b""])


def decrypt(pem: bytes, passphrase: str, *, name: str) -> Signer:
    """Read a private key that has a passphrase.

    Args:
        pem: The file.
        passphrase: What opens it.
        name: What to call the file in messages.

    Raises:
        InvalidInputError: The passphrase does not open it, or it is no such key. The message
            never has the passphrase.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=passphrase.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm, MemoryError):
        # What the library says, and the frames it went through, are nobody's business.
        key = None
    if key is None:
        raise InvalidInputError(
            f"the passphrase does not open `{name}`, or the file is damaged",
            hint="try again, or restore the key file from your backup",
        )
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInputError(f"`{name}` is not an Ed25519 private key")
    return Signer(key)
