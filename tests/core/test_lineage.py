from __future__ import annotations

import inspect

from cli.commands.claim import lineage_add
from registry.core.lineage import EdgeKind


def test_the_command_line_offers_every_kind_of_edge() -> None:
    (option,) = (param for param in lineage_add.params if param.name == "kind")
    assert list(getattr(option.type, "choices", [])) == [str(kind) for kind in EdgeKind]
    assert inspect.getdoc(EdgeKind)
