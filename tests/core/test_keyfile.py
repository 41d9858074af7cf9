from __future__ import annotations

import os
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from registry.core import der, keyfile
from registry.core.attest import Signer
from registry.errors import InvalidInputError
from tests.tsa import needs_openssl
from tests.world import SIGNER

WORDS = "vier Wörter, nicht eins"


@pytest.fixture(scope="module")
def pem() -> bytes:
    return keyfile.encrypt(SIGNER, WORDS, random=os.urandom)


def test_a_key_comes_back_with_its_passphrase_alone(pem: bytes) -> None:
    assert keyfile.is_encrypted(pem)
    assert not keyfile.is_encrypted(SIGNER.to_pem())
    assert keyfile.decrypt(pem, WORDS, name="k").public == SIGNER.public
    loaded = serialization.load_pem_private_key(pem, password=WORDS.encode())
    assert loaded.public_key() == SIGNER.public.key
    for wrong in ("", "four words", WORDS + " "):
        with pytest.raises(InvalidInputError, match="does not open `k`") as refused:
            keyfile.decrypt(pem, wrong, name="k")
        assert WORDS not in str(refused.value)
        assert refused.value.__context__ is None


def test_no_two_files_of_a_key_are_alike(pem: bytes) -> None:
    assert keyfile.encrypt(SIGNER, WORDS, random=os.urandom) != pem


@needs_openssl
@pytest.mark.parametrize("words", [WORDS, "x", "w" * 1000])
def test_openssl_reads_the_file(words: str) -> None:
    data = keyfile.encrypt(SIGNER, words, random=os.urandom)
    done = subprocess.run(
        ["openssl", "pkey", "-passin", "env:WORDS", "-pubout"],
        input=data,
        env=os.environ | {"WORDS": words},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == SIGNER.public.pem
    shown = subprocess.run(["openssl", "asn1parse"], input=data, capture_output=True, check=True)
    assert b":scrypt" in shown.stdout
    assert b":aes-256-cbc" in shown.stdout


@pytest.mark.parametrize("words", ["", "a\nb", "\x1b[31m", "w" * 1025, "ü" * 513])
def test_what_is_no_passphrase_is_refused(words: str) -> None:
    with pytest.raises(InvalidInputError, match="printable text of 1 to"):
        keyfile.encrypt(SIGNER, words, random=os.urandom)


@pytest.mark.parametrize("at", range(0, 280, 7))
def test_a_damaged_file_is_an_error_of_ours(pem: bytes, at: int) -> None:
    data = bytearray(pem)
    data[at] ^= 1
    try:
        found = keyfile.decrypt(bytes(data), WORDS, name="k")
    except InvalidInputError:
        return
    assert isinstance(found, Signer)  # of CBC, one block more or less is still some key


def test_another_kind_of_key_is_refused() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    data = other.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x"),
    )
    with pytest.raises(InvalidInputError, match="not an Ed25519 private key"):
        keyfile.decrypt(data, "x", name="k")


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "020100"), (127, "02017f"), (128, "02020080"), (255, "020200ff"), (256, "02020100"),
     (2**63, "0209008000000000000000")],
)  # fmt: skip
def test_integers_are_never_negative(number: int, written: str) -> None:
    assert der.integer(number).hex() == written


def test_long_values_say_how_long_they_are() -> None:
    assert der.octets(bytes(127))[:2] == b"\x04\x7f"
    assert der.octets(bytes(128))[:3] == b"\x04\x81\x80"
    assert der.octets(bytes(300))[:4] == b"\x04\x82\x01\x2c"
    assert der.object_id("1.2.840.113549.1.5.13").hex() == "06092a864886f70d01050d"
