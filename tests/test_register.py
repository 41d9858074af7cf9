from __future__ import annotations
from registry.core.dataset import Origin
from tests.world import World

def test_smoke(world: World) -> None:
    world.register("essays", ["By a person.", "By another."], origin=Origin.HUMAN)
    world.register("chat", [{"text": "By a model.", "by": "ai"}], origin_field="by", origin_map={"ai": Origin.AI})
    world.claim("essays", Origin.AI, where=["By another."])
    made = world.plan({"sources": ["essays", "chat"], "human": {"at_least": 0.5}})
    done = world.export(made, "snap")
    assert world.problems() == []
    assert world.origins("essays")[Origin.AI] == 1

def test_smoke2(sqlite_world: World) -> None:
    test_smoke(sqlite_world)
