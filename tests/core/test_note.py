from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.checkpoint import Checkpoint
from registry.core.logproof import LogProof
from registry.core.merkle import leaf_hash, tree_root
from registry.core.note import Note, NoteKey, NoteSigner, SignatureType
from registry.core.proof import inclusion
from registry.errors import InvalidInputError, VerificationError

LOG = NoteSigner("example.com/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = NoteSigner(
    "witness.example/w1",
    Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))),
    SignatureType.COSIGNATURE,
)
TEXT = b"example.com/log\n7\n" + base64.b64encode(b"r" * 32) + b"\n"


def signed(text: bytes = TEXT) -> Note:
    return Note(text, (LOG.sign(text), WITNESS.sign(text, time=1_700_000_000)))


def test_a_note_says_by_whom_and_when_it_was_signed() -> None:
    note = Note.parse(signed().to_bytes())
    assert note == signed()
    assert note.opened([LOG.public, WITNESS.public]) == {
        LOG.public: None,
        WITNESS.public: 1_700_000_000,
    }


def test_the_note_in_the_documentation_of_go_is_read() -> None:
    # golang.org/x/mod/sumdb/note, the example of its package documentation.
    key = NoteKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    line = (
        "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotp"
        "RZb6KE6RyyBwJnAM=\n"
    )
    note = Note.parse(f"{text}\n{line}".encode())
    assert note.opened([key]) == {key: None}
    assert note.text == text.encode()
    assert str(
        NoteKey.parse("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
    )


def test_lines_of_unknown_keys_say_nothing_and_stay() -> None:
    stranger = NoteSigner("example.com/log", Ed25519PrivateKey.generate())
    note = Note(TEXT, (stranger.sign(TEXT),))
    assert note.opened([LOG.public]) == {}
    both = note.with_signatures([LOG.sign(TEXT), LOG.sign(TEXT)])
    assert len(both.signatures) == 2
    assert both.opened([LOG.public]) == {LOG.public: None}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "E_ENVELOPE"),
        (TEXT, "E_ENVELOPE"),
        (TEXT + b"\n", "E_ENVELOPE"),
        (TEXT + b"\nnot a signature\n", "E_ENVELOPE"),
        (signed().to_bytes()[:-1], "E_ENVELOPE"),
        (signed().to_bytes().replace(b"\n7\n", b"\r\n7\n"), "E_ENVELOPE"),
        (signed().to_bytes() + b"\xff\n", "E_ENVELOPE"),
        (b"x" * ((1 << 20) + 1), "E_LIMIT"),
        (TEXT + b"\n" + str(LOG.sign(TEXT)).encode() * 257, "E_LIMIT"),
        (TEXT + "\n\u2014 a+b AAAAAAAA\n".encode(), "E_ENVELOPE"),
        (TEXT + "\n\u2014 name AAAA\n".encode(), "E_ENVELOPE"),
        (TEXT + "\n\u2014 name AAAAAAA\n".encode(), "E_ENVELOPE"),
        (TEXT + "\n\u2014 name AAAAAB==\n".encode(), "E_NONCANONICAL"),
    ],
)
def test_what_is_no_note_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(VerificationError) as refused:
        Note.parse(data)
    assert refused.value.code == code


def test_two_lines_of_one_key_are_refused() -> None:
    line = LOG.sign(TEXT)
    twice = Note.parse(TEXT + b"\n" + str(line).encode() * 2)
    with pytest.raises(VerificationError, match="two signatures"):
        twice.opened([LOG.public])


@settings(max_examples=400)
@given(st.integers(0, len(signed().to_bytes()) * 8 - 1))
def test_no_changed_bit_of_a_signed_note_leaves_both_signatures(bit: int) -> None:
    data = bytearray(signed().to_bytes())
    data[bit // 8] ^= 1 << bit % 8
    try:
        found = Note.parse(bytes(data)).opened([LOG.public, WITNESS.public])
    except VerificationError:
        return
    # A key whose name or id was changed is a stranger's.
    assert len(found) < 2


def test_a_witness_signs_the_time_too() -> None:
    line = WITNESS.sign(TEXT, time=5)
    later = type(line)(line.name, line.id, (6).to_bytes(8, "big") + line.raw[8:])
    with pytest.raises(VerificationError) as refused:
        Note(TEXT, (later,)).opened([WITNESS.public])
    assert refused.value.code == "E_SIGNATURE"
    with pytest.raises(ValueError, match="have a time"):
        WITNESS.sign(TEXT)
    with pytest.raises(ValueError, match="have a time"):
        LOG.sign(TEXT, time=5)


@pytest.mark.parametrize("text", [str(LOG.public), str(WITNESS.public)])
def test_keys_are_read_as_they_are_published(text: str) -> None:
    assert str(NoteKey.parse(f" {text}\n")) == text
    for bad in (
        text.replace("+", "-"),
        text[:-4],
        text.replace("example", "example two"),
        text.replace(text.split("+")[1], "00000000"),
        "",
        "name+00000000+",
    ):
        with pytest.raises(InvalidInputError):
            NoteKey.parse(bad)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "line\nbreak", "\u00a0", "a\u2003b"])
def test_names_that_cannot_stand_in_a_note_are_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot be the name of a key"):
        NoteKey(name, bytes(32))


def test_a_checkpoint_has_three_lines_written_the_one_way() -> None:
    head = Checkpoint("example.com/log", 7, b"r" * 32)
    assert Checkpoint.parse(head.to_bytes()) == head
    assert head.to_bytes() == TEXT
    head.require_origin("example.com/log")
    with pytest.raises(VerificationError) as refused:
        head.require_origin("example.com/other")
    assert refused.value.code == "E_CHECKPOINT_ORIGIN"
    for bad in (
        TEXT.replace(b"7", b"07"),
        TEXT.replace(b"7", b"-7"),
        TEXT.replace(b"7", "\u0667".encode()),
        TEXT.replace(b"7", b"9" * 19),
        TEXT + b"extension\n",
        TEXT[:-1],
        b"\n" + TEXT,
        TEXT.replace(b"cnJycn", b"cnJyc="),
        b"example.com/log\n7\nAAAA\n",
        b"\xff" + TEXT,
    ):
        with pytest.raises(VerificationError):
            Checkpoint.parse(bad)


def test_a_proof_that_travels_alone_shows_one_entry_and_no_other() -> None:
    entries = [f"entry {at}".encode() for at in range(11)]
    leaves = [leaf_hash(entry) for entry in entries]
    head = Checkpoint("example.com/log", 11, tree_root(leaves))
    note = Note(head.to_bytes(), (LOG.sign(head.to_bytes()),))
    for index, entry in enumerate(entries):
        path = inclusion(lambda begin, end: tree_root(leaves[begin:end]), index, 11)
        made = LogProof(index, tuple(path), note)
        again = LogProof.parse(made.to_bytes())
        assert again == made
        assert again.check(entry) == head
        with pytest.raises(VerificationError) as refused:
            again.check(b"another entry")
        assert refused.value.code == "E_INCLUSION"
        with pytest.raises(VerificationError, match="not about this entry"):
            again.check()


def test_a_proof_may_bring_its_entry_along_and_is_then_about_that_alone() -> None:
    head = Checkpoint("example.com/log", 1, leaf_hash(b"one"))
    proof = LogProof(0, (), Note(head.to_bytes(), (LOG.sign(head.to_bytes()),)), b"one")
    assert proof.to_bytes().startswith(b"c2sp.org/tlog-proof@v1\nextra b25l\nindex 0\n\n")
    again = LogProof.parse(proof.to_bytes())
    assert again == proof
    assert again.check() == head
    for entry in (b"two", b""):
        with pytest.raises(VerificationError, match="not about this entry"):
            again.check(entry)
    other = LogProof.parse(proof.to_bytes().replace(b"b25l", b"dHdv"))
    with pytest.raises(VerificationError, match="not in this tree") as refused:
        other.check()
    assert refused.value.code == "E_INCLUSION"


@pytest.mark.parametrize(
    "change",
    [
        (b"@v1", b"@v2"),
        (b"index 0", b"index 00"),
        (b"index 0", b"extra AAAA\nindex 0"),
        (b"index 0", b"place 0"),
        (b"index 0", b"index -1"),
        (b"\n\n", b"\n"),
        (b"index 0\n", b"index 0\nAAAA\n"),
        (b"index 0\n", b"index 0\n" + (base64.b64encode(bytes(32)) + b"\n") * 64),
    ],
)
def test_a_proof_that_is_written_otherwise_is_refused(change: tuple[bytes, bytes]) -> None:
    head = Checkpoint("example.com/log", 1, leaf_hash(b"one"))
    proof = LogProof(0, (), Note(head.to_bytes(), (LOG.sign(head.to_bytes()),)))
    with pytest.raises(VerificationError):
        LogProof.parse(proof.to_bytes().replace(*change, 1)).check(b"one")
