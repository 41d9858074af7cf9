"""Count tokens: read a version's texts again and run a tokenizer over them.

Nobody but the user says which tokenizer matters, so nothing is counted before it is asked for,
and the tokenizer's digest stands beside every number.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from registry.core.claim import Amounts
from registry.core.digest import sha256_hex
from registry.errors import InvalidInputError
from registry.query import catalogue
from registry.query.plan import PlannedInput
from registry.query.standing import Standing
from registry.query.texts import TextSource

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BATCH = 512


class TokenCounter:
    """Counts the tokens of documents with one `tokenizer.json`.

    Args:
        source: Where texts are read from.
        path: The tokenizer, as the `tokenizers` library saves it.

    Attributes:
        digest: SHA-256 of the file.

    Raises:
        InvalidInputError: The library is not installed, or the file is not a tokenizer.
    """

    def __init__(self, source: TextSource, path: Path) -> None:
        self._source = source
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InvalidInputError(
                f"the tokenizer `{path}` cannot be read: {error.strerror}", hint="check the path"
            ) from error
        self.digest = sha256_hex(data)
        self._tokenizer = _load(data, path)

    def __call__(self, standing: Standing) -> Amounts:
        """Return the tokens of each document, special tokens left out.

        Raises:
            ConflictError: A text is gone or not what was registered.
        """
        rows = np.arange(len(standing.hashes), dtype=np.int64)
        ref = catalogue.ref_of(standing.version)
        everything = PlannedInput(ref, standing, rows, len(rows), (), np.ones(len(rows), np.bool_))
        counts = array("q")
        for texts in self._source.texts(everything):
            for begin in range(0, len(texts), BATCH):
                found = self._tokenizer.encode_batch(
                    texts[begin : begin + BATCH].to_pylist(), add_special_tokens=False
                )
                counts.extend(len(item.ids) for item in found)
        return np.frombuffer(counts, np.int64)


def _load(data: bytes, path: Path) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise InvalidInputError(
            "counting tokens needs a library that is not installed",
            hint="pip install 'firsthand[tokens]'",
        ) from error
    try:
        return Tokenizer.from_str(data.decode("utf-8"))
    except Exception as error:  # the library raises bare Exception
        raise InvalidInputError(
            f"`{path}` is not a tokenizer: {error}",
            hint="give the `tokenizer.json` of the model",
        ) from error
