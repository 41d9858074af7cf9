"""What happens to a version after it was registered: corrections, disputes, where it came from.

`claims` adds claims, `disputes` opens and decides disputes, `lineage` adds edges, `withdrawals`
take documents out of use, and `erasing` removes what the registry has of them. Which texts they
are about is chosen by lists (`selections`), by a condition over the document table (`conditions`)
or by a field of the records (`fields`); `asserting` is what is said of them. Nothing is
overwritten: a claim that counts no more stays, and so does the history.
"""

from __future__ import annotations

from registry.lifecycle.asserting import Assertion
from registry.lifecycle.claims import claim, claim_origin
from registry.lifecycle.conditions import by_condition
from registry.lifecycle.disputes import Resolved, open_dispute, resolve_dispute
from registry.lifecycle.erasing import Erased, erase, settle
from registry.lifecycle.fields import OfField, of_field
from registry.lifecycle.lineage import add_lineage
from registry.lifecycle.relocating import Relocated, relocate
from registry.lifecycle.selections import Chosen, read_hash_list
from registry.lifecycle.withdrawals import withdraw

__all__ = [
    "Assertion",
    "Chosen",
    "Erased",
    "OfField",
    "Relocated",
    "Resolved",
    "add_lineage",
    "by_condition",
    "claim",
    "claim_origin",
    "erase",
    "of_field",
    "open_dispute",
    "read_hash_list",
    "relocate",
    "resolve_dispute",
    "settle",
    "withdraw",
]
