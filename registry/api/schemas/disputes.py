"""What may be asked of disputes and conflicts."""

from __future__ import annotations

from pydantic import Field

from registry.api.schemas.base import PastNumbersIn, Reference


class AboutIn(PastNumbersIn):
    """Those about one version, or all of them."""

    ref: Reference | None = Field(
        None, description="A dataset, or a version of it: `team/name@3`; default: all."
    )
