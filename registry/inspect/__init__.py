"""Look at files before they are registered; nothing is written and no registry is needed.

`files` gives a `Report`. In order: `finding` sees which files can be read, `shape` what is in their
first records, `guess` which fields are the text, `counting` reads everything with that guess, and
`verb` puts together the command to run next.
"""

from __future__ import annotations

from registry.inspect.report import Report
from registry.inspect.verb import files, name_for

__all__ = ["Report", "files", "name_for"]
