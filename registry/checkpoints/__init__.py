"""The signed, published log: checkpoints over the sequencer's entries, as static files.

What other modules call (`folder` is `Settings.log_folder`, `state` is `settings.state_folder()`)::

    refuse_rollback(database, folder, origin=, state=)               cheap; before long work
    advance(database, folder, signer, *, state=, now=, tell=)        a checkpoint of all entries
    proof_of(database, folder, position)                             a proof that brings its entry
    refresh(database, folder)                                        new cosignatures in the file
    publish(database, folder, to, *, hashes_only=)                   a copy for any web host
    recover(database, folder, signer, *, state=, now=, …)            go on after a backup came back
    problems(database, folder, *, origin=, state=)                   what `log fsck` finds in files

One publisher at a time: each of them that writes holds a lock on the folder, and `advance` and
`recover` the database's writing session as well. A checkpoint is signed only if it goes on from
what the database, the folder and a file outside of both (`high_water`) remember.
"""

from __future__ import annotations

from registry.checkpoints.advancing import advance, refresh, refuse_rollback
from registry.checkpoints.checking import problems
from registry.checkpoints.proofs import proof_of
from registry.checkpoints.publishing import Published, publish
from registry.checkpoints.recovery import Recovery, recover

__all__ = [
    "Published",
    "Recovery",
    "advance",
    "problems",
    "proof_of",
    "publish",
    "recover",
    "refresh",
    "refuse_rollback",
]
