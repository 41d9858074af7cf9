"""Time stamps (RFC 3161) beside a certificate: tokens of the checkpoint in its proof."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

from registry.core.trust import Trust
from registry.verify.found import Token
from registry.verify.report import Findings

SUFFIX: Final = ".tsr"
MAX_TOKEN: Final = 1 << 20


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
        self._folder, self._trust, self._findings = folder, trust, findings
        self._names = [name for name in present if name.endswith(SUFFIX)]

    def check(self, checkpoint: bytes | None) -> list[dt.datetime]:
        """Return the times of the tokens that hold.

        Args:
            checkpoint: The text that they must be of, or None if there is no proof.
        """
        for name in self._names:
            self._findings.tokens.append(
                Token(name, not_checked="this version of the verifier does not read time stamps")
            )
        return []
