"""Make a version of others in which of alike documents one stays: the one with the best provenance.

The data flow: the versions and what counts for their documents (`inputs`) → pairs of alike texts
from the batch plane, and who stays (`choosing`, by the order in `registry.core.survivor`) → what
goes of each source against its budget (`budgets`, `report`) → the claims that survivors carry
(`carrying`) → the record of what went (`removals`) → the files of the derived version, its texts
among them (`deriving`) → everything in one transaction (`recording`).
"""

from registry.dedup.report import Cluster, Made, Report, Source
from registry.dedup.verb import Wanted, run

__all__ = ["Cluster", "Made", "Report", "Source", "Wanted", "run"]
