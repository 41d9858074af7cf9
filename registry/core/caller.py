"""Who asks, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from registry.core.dataset import Visibility


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who reads the catalogue.

    A dataset that a caller may not see does not exist for them: nothing they are told, counted or
    suggested depends on it.

    Attributes:
        name: Who it is, for messages.
        sees: The visibilities of the datasets they may see.
    """

    name: str
    sees: frozenset[Visibility]

    @property
    def sees_all(self) -> bool:
        """Return whether nothing is hidden from them."""
        return self.sees == frozenset(Visibility)


OPERATOR: Final = Caller("operator", frozenset(Visibility))
"""Whoever can read the registry's own files; nothing is hidden from them."""
PUBLIC: Final = Caller("public", frozenset({Visibility.PUBLIC}))
"""Anybody."""
