"""Record a dataset version: its content, where it was found, and what is claimed about it.

The data flow: discover the files → open an intent → read, hash, count, sketch and write the
document table in a staging folder → make the index files of it → sync and rename all of it into
place → record everything, and the log entry that binds it, in one transaction → merge small index
files. A kill at any point leaves the catalogue as it was or as it should be.
"""

from __future__ import annotations

from registry.intake.run import Progress
from registry.register.declaration import (
    NOT_ASSESSED,
    Acquired,
    Declaration,
    Outcome,
    Registration,
)
from registry.register.many import Settled, many
from registry.register.version import version

__all__ = [
    "NOT_ASSESSED",
    "Acquired",
    "Declaration",
    "Outcome",
    "Progress",
    "Registration",
    "Settled",
    "many",
    "version",
]
