"""Claims in words."""

from __future__ import annotations

from typing import Any

from registry.core.claim import Property
from registry.core.evidence import DateInterval


def claim_in_words(claim: dict[str, Any]) -> str:
    """Return what a claim record says, in a few words."""
    value = claim["value"]
    if claim["property"] == Property.DATE and "kind" in value:
        return f"{value['kind']} {DateInterval.from_json(value)}"
    if "origins" in value:
        parts = [
            f"{sums['documents']:,} {name}"
            for name, sums in value["origins"].items()
            if sums["documents"]
        ]
        return " · ".join(parts)
    if "field_origin" in value:
        by = f" ({', '.join(value['generators'])})" if value.get("generators") else ""
        return f"{value['field_origin']}{by} in field {value['field']}"
    said = str(value.get("origin") or value.get("license") or value.get("language") or "")
    generators = value.get("generators")
    if generators:
        names = ", ".join(generators)
        return f"{said} ({names})" if said else f"by {names}, where nothing says human"
    return said or "per document"
