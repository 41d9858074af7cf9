"""What a version, some texts or a dispute touched: derived versions, mixtures, snapshots, promises.

The data flow: what is asked about (`subject`) → the rows of the catalogue that name it, read with
a number of statements that does not grow with what they find (`touched`) → what counts today for
the documents of those snapshots (`recount`) → which promises still hold (`promises`) → documents
for people and programs (`report`).
"""

from __future__ import annotations

from registry.query.impact.report import Impact, impact
from registry.query.impact.subject import Subject, by_dispute, by_hash, by_ref

__all__ = ["Impact", "Subject", "by_dispute", "by_hash", "by_ref", "impact"]
