"""The verb: look after the index. Say what is in it, make it anew, check all of it.

Merging its files is `registry.merging`, which registrations do too.
"""

from registry.reindex.checking import Checked, Problem, check
from registry.reindex.rebuilding import Progress, Rebuilt, Unreadable, rebuild
from registry.reindex.status import KindStatus, Missing, Status, status

__all__ = [
    "Checked",
    "KindStatus",
    "Missing",
    "Problem",
    "Progress",
    "Rebuilt",
    "Status",
    "Unreadable",
    "check",
    "rebuild",
    "status",
]
