"""Compare new data with registered documents, registering nothing.

The data flow: what is searched is selected (`against`) → batches of texts are streamed (`data`) and
looked up by several threads at once (`registry.matching`) → piece by piece, passages are compared
and it is looked up what is known of the documents that match (`facts`) → each match is given its
reason (`reasons`), counted (`report`), and written where it is asked for (`listing`, `page`).
"""

from __future__ import annotations

from registry.check.against import Against, selected
from registry.check.data import Data, from_paths, from_texts
from registry.check.listing import Files
from registry.check.reasons import FAILURES, Reason
from registry.check.report import Report
from registry.check.verb import Wanted, check

__all__ = [
    "FAILURES",
    "Against",
    "Data",
    "Files",
    "Reason",
    "Report",
    "Wanted",
    "check",
    "from_paths",
    "from_texts",
    "selected",
]
