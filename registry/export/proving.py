"""The proof of an export's log entry, written beside its certificate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry import checkpoints
from registry.blobs import write_file
from registry.core.note import NoteSigner
from registry.db.session import Database
from registry.errors import RegistryError
from registry.places import Place, Remote, publishing

PROOF: Final = "certificate.tlog-proof"

Tell = Callable[[str], None]
"""Takes what whoever runs an export should know."""


def _silent(message: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Log:
    """Where a registry's log is published, and who signs it.

    Attributes:
        signer: Its key, under its origin.
        folder: Its files.
        state: Where this machine remembers what it signed.
        tell: Takes what whoever runs this should know.
    """

    signer: NoteSigner
    folder: Path
    state: Path
    tell: Tell = _silent

    @property
    def origin(self) -> str:
        """Return the log's name."""
        return self.signer.name

    def refuse_rollback(self, database: Database) -> None:
        """Refuse to go on from a database that is older than what was signed.

        Raises:
            VerificationError: `E_ROLLBACK`.
        """
        checkpoints.refuse_rollback(database, self.folder, origin=self.origin, state=self.state)

    def prove(
        self, database: Database, position: int, *, folder: Path, out: Place, now: dt.datetime
    ) -> bool:
        """Publish the log up to an entry and write its proof; return whether that was done.

        The export is recorded by now, so that nothing here may stop it from appearing: what cannot
        be proven yet is pending, and `firsthand log prove` makes up for it.

        Args:
            database: The catalogue.
            position: The entry.
            folder: The snapshot's files before they appear.
            out: Where they will.
            now: The registry's clock.
        """
        try:
            checkpoints.advance(
                database, self.folder, self.signer, state=self.state, now=now, tell=self.tell
            )
            proof = checkpoints.proof_of(database, self.folder, position).to_bytes()
            if isinstance(out, Remote):
                publishing.put(out / PROOF, proof)
            else:
                write_file(folder / PROOF, proof)
        except RegistryError as error:
            self.tell(
                f"log entry {position} is not proven yet: {error.message}; "
                f"`firsthand log prove {out}` makes up for it"
            )
            return False
        return True
