"""Which documents of a version repeat one another, or those of another version."""

from registry.duplicates.report import Cluster, Report
from registry.duplicates.verb import Wanted, find

__all__ = ["Cluster", "Report", "Wanted", "find"]
