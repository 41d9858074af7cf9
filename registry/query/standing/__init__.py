"""Where each document of a version stands while all live claims hold.

These are views: derived from claims and document tables every time, stored nowhere. The data flow:
document tables are read in parts (`part`) → what each live claim says about the rows of a part
(`said`, and `dates` and `labels`) → put together for all rows of a version (`rows`), in arrays as
narrow as their values (`columns`) → equal texts stand equally → what the rest of the catalogue
says about the same texts (`everywhere`).
"""

from __future__ import annotations

from registry.core.contents import member
from registry.query.standing.dates import EVER, NEVER
from registry.query.standing.labels import Labels
from registry.query.standing.rows import Standing, standing, standings, sums_by_origin

__all__ = [
    "EVER",
    "NEVER",
    "Labels",
    "Standing",
    "member",
    "standing",
    "standings",
    "sums_by_origin",
]
