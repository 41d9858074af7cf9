"""Time stamps (RFC 3161) beside a certificate: tokens of the checkpoint in its proof."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

from registry import tokens
from registry.core.trust import Trust
from registry.errors import RegistryError
from registry.plain_files import read_small
from registry.verify.found import Token
from registry.verify.report import Findings

MOST: Final = 16
"""How many tokens are looked at."""


class Stamps:
    """The tokens in the folder of a snapshot."""

    def __init__(
        self, folder: Path, present: dict[str, bool], trust: Trust | None, findings: Findings
    ) -> None:
        """Read nothing yet.

        Args:
            folder: The snapshot.
            present: What is in it.
            trust: Whom the caller believes.
            findings: Takes what is found.
        """
        self._folder, self._findings = folder, findings
        self._roots = () if trust is None else trust.timestamps
        self._names = [name for name in present if name.endswith(tokens.SUFFIX)][:MOST]

    def check(self, checkpoint: bytes | None) -> list[dt.datetime]:
        """Return the times of the tokens that hold, by authorities that the caller trusts.

        Args:
            checkpoint: The text that they must be of, or None if there is no proof.
        """
        checked = [self._check(name, checkpoint) for name in self._names]
        self._findings.tokens += checked
        return [token.time for token in checked if token.time is not None]

    def _check(self, name: str, checkpoint: bytes | None) -> Token:
        if checkpoint is None:
            return Token(name, not_checked="not checked: there is no proof that it could be of")
        if not tokens.available():
            return Token(name, not_checked="not checked: rfc3161-client is not installed")
        try:
            data = read_small(self._folder / name, name, limit=tokens.MAX_TOKEN)
            found = tokens.check_token(data, checkpoint, self._roots)
        except RegistryError as error:
            self._findings.add(error, name)
            return Token(name, not_checked=error.message)
        if not found.chain:
            return Token(name, not_checked="not checked: you trust no time-stamp authority")
        return Token(name, found.time, found.authority)
