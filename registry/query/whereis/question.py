"""What is asked, texts or content hashes, and what is computed of it before it is looked up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from registry.core.contents import Rows
from registry.core.digest import sha256_hex
from registry.core.sketch import PASSAGE, SketchParams, passage_hashes, sketch
from registry.errors import InvalidInputError

MOST_BYTES: Final = 64 << 20
"""The largest text that can be asked about."""
PARAMS: Final = SketchParams()
_HASH: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Question:
    """A text, or the content hash of one.

    Attributes:
        text: The UTF-8 bytes; None where only the hash is known.
        content_hash: Their SHA-256 in hexadecimal.
    """

    text: bytes | None
    content_hash: str

    @classmethod
    def of_text(cls, text: bytes, *, name: str = "the text") -> Question:
        """Ask about a text.

        Args:
            text: Its bytes.
            name: What it is called in messages.

        Raises:
            InvalidInputError: It is empty, not UTF-8, or larger than `MOST_BYTES`.
        """
        if not text:
            raise InvalidInputError(
                f"{name} is empty", hint="an empty text comes from everywhere: ask about another"
            )
        if len(text) > MOST_BYTES:
            raise InvalidInputError(
                f"{name} has {len(text):,} bytes, more than {MOST_BYTES:,}",
                hint="ask about a part of it, or register it and look at its duplicates",
            )
        try:
            text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInputError(
                f"{name} is not UTF-8: byte {error.start + 1:,} cannot be read",
                hint="convert it to UTF-8, as `iconv -t utf-8` does",
            ) from error
        return cls(text, sha256_hex(text))

    @classmethod
    def of_hash(cls, written: str) -> Question:
        """Ask about a content hash, `sha256:…` or the 64 digits alone.

        Raises:
            InvalidInputError: It is neither.
        """
        found = _HASH.fullmatch(written.strip().lower())
        if found is None:
            raise InvalidInputError(
                f"`{written[:80]}` is not a content hash",
                hint="write `sha256:` and 64 hexadecimal digits, as `sha256sum` prints them",
            )
        return cls(None, found[1])

    def variants(self) -> dict[str, str]:
        """Return the hashes of texts that differ in one newline at the end, and what was done."""
        if self.text is None:
            return {}
        for ending, said in ((b"\r\n", "CRLF"), (b"\n", "newline")):
            if self.text.endswith(ending):
                rest = self.text.removesuffix(ending)
                return {sha256_hex(rest): f"without the {said} at its end"} if rest else {}
        return {sha256_hex(self.text + b"\n"): "with a newline at its end"}


@dataclass(frozen=True, slots=True)
class Sketched:
    """What texts are looked up by, besides their hashes.

    Attributes:
        signatures: A row for each question.
        tokens: How many tokens each has; 0 for a question without a text.
        bands: A row of keys for each.
        passages: All passage keys of all questions, each once per question.
        of: Which question each is of.
        token: The first token of its first occurrence there.
    """

    signatures: npt.NDArray[np.uint32]
    tokens: Rows
    bands: npt.NDArray[np.uint64]
    passages: npt.NDArray[np.uint64]
    of: Rows
    token: Rows


def sketched(questions: Sequence[Question]) -> Sketched:
    """Sketch the texts of questions."""
    data, ends = joined([question.text or b"" for question in questions])
    made = sketch(data, ends, params=PARAMS, window=None)
    keys, token = passage_hashes(data, ends)
    of = np.repeat(np.arange(len(questions)), np.maximum(made.tokens - PASSAGE + 1, 0))
    # A sentence that a text repeats is one thing to look for.
    order = np.lexsort((token, keys, of))
    same = np.zeros(len(order), np.bool_)
    same[1:] = (keys[order][1:] == keys[order][:-1]) & (of[order][1:] == of[order][:-1])
    once = np.sort(order[~same])
    return Sketched(made.signatures, made.tokens, made.bands, keys[once], of[once], token[once])


def joined(texts: Sequence[bytes]) -> tuple[npt.NDArray[np.uint8], Rows]:
    """Return texts as Arrow stores them: their bytes, and where each begins and ends."""
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return np.frombuffer(b"".join(texts), np.uint8), ends
