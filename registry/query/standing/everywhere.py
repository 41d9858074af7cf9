"""What the whole catalogue says about the texts of a few versions.

The catalogue is gone through in parts, and what it calls not human is looked up among the texts
asked about: memory follows these, and not the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np

from registry.core.claim import UNSAID, Amounts, ClaimKind, Property, Ranks, granted_bytes
from registry.core.contents import ContentIndex, Hashes
from registry.core.dataset import Origin
from registry.db.models import DatasetVersion
from registry.documents import salted
from registry.query.standing.equal import Texts
from registry.query.standing.part import ORIGINS, Part
from registry.query.standing.said import Said


def lower(
    versions: Sequence[DatasetVersion], texts: Sequence[Texts], everything: Iterable[Said]
) -> None:
    """Apply to texts what any live claim says that does not call them human.

    Args:
        versions: The versions that are asked about.
        texts: The texts of each; what is claimed about their own version counts already.
        everything: What is said about every version that may have these texts. Datasets that the
            caller may not see are left out: a text must not tell that it occurs there.

    Raises:
        ConflictError: A document table or stored selection is missing or was changed.
    """
    asked = [version.id for version in versions]
    index: ContentIndex | None = None
    by_salt: dict[bytes, ContentIndex] = {}
    starts = np.cumsum([0, *(len(item.hashes) for item in texts)])
    for said in everything:
        if asked == [said.version.id]:
            continue
        for hashes, ranks, human in not_human(said):
            index = index or ContentIndex(
                [item.hashes for item in texts], [item.firsts for item in texts]
            )
            found = [index.find(hashes)]
            for salt in said.salts:
                # Of what was erased, only salted hashes are known.
                if salt not in by_salt:
                    marked = [salted(salt, item.hashes) for item in texts]
                    by_salt[salt] = ContentIndex(marked, [item.firsts for item in texts])
                found.append(by_salt[salt].find(hashes))
            for at, rows in chain.from_iterable(found):
                owner = np.searchsorted(starts, rows, side="right") - 1
                for mine in np.unique(owner).tolist():
                    here = owner == mine
                    own = rows[here] - starts[mine]
                    texts[mine].lower(own, ranks[at[here]], human[at[here]])


def not_human(said: Said) -> Iterator[tuple[Hashes, Ranks, Amounts]]:
    """Give the texts of a version that some live claim about it does not call human.

    With each text come the most cautious origin that is claimed for it and the fewest human bytes
    that such a claim grants it; a text may come more than once.

    A text that was registered as unknown is not among them, because nothing was said about it;
    one that a correction calls unknown is, one whose record names a generator, and what lineage
    says a model generated.
    """
    claims = said.of(Property.ORIGIN)
    if not said.by_model and all(item.value.get("origin") == Origin.HUMAN for item in claims):
        return
    for part in said.parts(ORIGINS):
        ranks, human = _cautious(said, part)
        spoken = ranks != UNSAID
        if spoken.any():
            yield part.hashes[spoken], ranks[spoken], human[spoken]


def _cautious(said: Said, part: Part) -> tuple[Ranks, Amounts]:
    """Return the highest rank that says not human and the fewest human bytes, of each row."""
    claims = said.of(Property.ORIGIN)
    ranks = np.full(len(part), UNSAID, np.int8)
    human = part.bytes.copy()
    voices = [said.voice(part, claim) for claim in claims]
    for claim, voice in zip(claims, voices, strict=True):
        spoken = voice.ranks > Origin.HUMAN.caution
        if claim.kind is ClaimKind.REGISTRATION:
            spoken &= voice.ranks != Origin.UNKNOWN.caution
        np.maximum(ranks, voice.ranks, out=ranks, where=spoken)
        np.minimum(human, granted_bytes(voice, part.bytes), out=human, where=spoken)
    named = said.named_generator(part, claims, voices).ranks
    np.maximum(ranks, named, out=ranks)
    human[named != UNSAID] = 0
    if said.by_model:
        np.maximum(ranks, np.int8(Origin.AI.caution), out=ranks)
        human[:] = 0
    return ranks, human
