from __future__ import annotations

import random

import pytest

from tests.mutation.damage import blind, knowing
from tests.mutation.soak import attack
from tests.mutation.targets import Target, targets

COUNT = 6000


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Target]:
    """Everything that is verified."""
    return targets(tmp_path_factory.mktemp("mutations"))


def test_what_is_whole_is_believed(found: list[Target]) -> None:
    for target in found:
        if target.name not in ("shard, content", "token") and "sealed" not in target.name:
            target.believe(target.data)


def test_damage_is_damage(found: list[Target]) -> None:
    rng = random.Random(1)
    for target in found:
        for _ in range(20):
            assert blind(rng, target.data) != target.data
            for way in target.ways:
                assert way(rng, target.data) != target.data


def test_nothing_damaged_is_believed_and_every_refusal_has_a_reason(found: list[Target]) -> None:
    scores = attack(found, COUNT, seed=20261129)
    assert sum(score.tried for score in scores.values()) >= 5000
    assert {name: score.accepted for name, score in scores.items() if score.accepted} == {}
    assert {name: score.untyped for name, score in scores.items() if score.untyped} == {}
    # Damage by somebody who knows the format gets as far as what proofs are about.
    for name, score in scores.items():
        if "sealed" in name:
            assert score.reasons["E_ROW_PROOF"] > 20, name


def test_every_byte_of_a_proof_counts(found: list[Target]) -> None:
    rng = random.Random(2)
    for target in found:
        if knowing not in target.ways:
            continue
        for at in rng.sample(range(len(target.data)), 150):
            data = bytearray(target.data)
            data[at] ^= 1 << rng.randrange(8)
            with pytest.raises(Exception, match=r".") as caught:
                target.believe(bytes(data))
            assert caught.type.__module__ == "registry.errors"
