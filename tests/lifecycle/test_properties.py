"""Whatever is claimed, disputed, decided and exported: what a live claim calls not human is not.

Beside the registry runs a model of it in plain Python: texts, claims and what ended them. After
each step both must agree on every text of every version.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pyarrow.parquet as pq
import pytest

from registry.core.dataset import Origin
from registry.errors import RegistryError
from tests.world import World

TEXTS = [f"Text {number}, as somebody wrote it." for number in range(7)]


@dataclass
class Said:
    """A claim: of which texts, what, on which occasion, and whether it is live."""

    about: frozenset[str] | None
    origin: Origin
    registered: bool = False
    live: bool = True
    open: bool = False

    def speaks_of(self, text: str) -> bool:
        return self.live and (self.about is None or text in self.about)


@dataclass
class Model:
    """The registry as the rules describe it."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    claims: dict[str, list[Said]] = field(default_factory=dict)
    disputes: list[tuple[str, Said, Said | None]] = field(default_factory=list)
    decided: set[int] = field(default_factory=set)

    def human(self, version: str, text: str) -> bool:
        mine = [it.origin for it in self.claims[version] if it.speaks_of(text)]
        others = [
            it.origin
            for name, claims in self.claims.items()
            if name != version and text in self.texts[name]
            for it in claims
            if it.speaks_of(text) and not (it.registered and it.origin is Origin.UNKNOWN)
        ]
        return bool(mine) and all(it is Origin.HUMAN for it in mine + others)

    def decide(self, number: int, upheld: bool) -> None:
        version, said, against = self.disputes[number]
        self.decided.add(number)
        if not upheld:
            said.live = False
        else:
            claims = self.claims[version]
            aimed = [against] if against else claims[: claims.index(said)]
            for it in aimed:
                whole = said.about is None
                within = whole or (it.about is not None and it.about <= (said.about or set()))
                if it is not said and within and (against is it or not it.open):
                    it.live = False
        said.open = False


class Beside:
    """A registry and the model of it, to which the same things happen.

    Args:
        world: The registry.
        seed: What happens.
    """

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.model, self.rng = world, Model(), random.Random(seed)
        self.numbers: list[int] = []

    def step(self) -> None:
        ways = [self.register, self.claim, self.claim, self.dispute, self.dispute, self.resolve,
                self.resolve, self.export]  # fmt: skip
        self.rng.choice(ways if self.model.texts else [self.register])()

    def register(self) -> None:
        name = f"set-{len(self.model.texts)}@1"
        if len(self.model.texts) == 4:
            return
        texts = self.rng.sample(TEXTS, self.rng.randint(1, 5))
        origin = self.rng.choice([None, Origin.HUMAN, Origin.HUMAN, Origin.UNKNOWN])
        self.world.register(name.partition("@")[0], texts, origin=origin)
        self.model.texts[name] = texts
        self.model.claims[name] = [] if origin is None else [Said(None, origin, registered=True)]

    def _scope(self) -> tuple[str, frozenset[str] | None]:
        name = self.rng.choice(list(self.model.texts))
        texts = self.model.texts[name]
        some = frozenset(self.rng.sample(texts, self.rng.randint(1, len(texts))))
        return name, self.rng.choice([None, some])

    def claim(self) -> None:
        name, about = self._scope()
        said = Said(about, self.rng.choice([Origin.HUMAN, *Origin]))
        try:
            self.world.claim(name, said.origin, where=None if about is None else sorted(about))
        except RegistryError:
            return
        self.model.claims[name].append(said)

    def dispute(self) -> None:
        name, about = self._scope()
        claims = self.model.claims[name]
        number = self.rng.choice([None, *range(1, len(claims) + 1)])
        said = Said(about, self.rng.choice([Origin.HUMAN, *Origin]), open=True)
        where = None if about is None else sorted(about)
        try:
            made = self.world.dispute(name, said.origin, challenged=number, where=where)
        except RegistryError:
            return
        self.numbers.append(made.id)
        self.model.disputes.append((name, said, None if number is None else claims[number - 1]))
        claims.append(said)

    def resolve(self) -> None:
        waiting = [at for at in range(len(self.numbers)) if at not in self.model.decided]
        if waiting:
            at, upheld = self.rng.choice(waiting), self.rng.random() < 0.5
            self.world.resolve(self.numbers[at], "upheld" if upheld else "rejected")
            self.model.decide(at, upheld)

    def export(self) -> None:
        names = self.rng.sample(list(self.model.texts), min(2, len(self.model.texts)))
        out = f"snap-{self.world.log_size()}"
        if (self.world.folder / out).exists():
            return
        done = self.world.export({"sources": names}, out)
        for path in done.path.glob("data/*.parquet"):
            for row in pq.read_table(path, columns=["text", "origin"]).to_pylist():
                human = any(
                    self.model.human(name, row["text"])
                    for name in names
                    if row["text"] in self.model.texts[name]
                )
                assert (row["origin"] == "human") == human, row

    def compare(self) -> None:
        for name, texts in self.model.texts.items():
            stand = self.world.standing(name)
            for row, text in enumerate(texts):
                human = self.model.human(name, text)
                assert (stand.view.ranks[row] == Origin.HUMAN.caution) == human, (name, text)
                if not human:
                    assert stand.view.human_bytes[row] == 0, (name, text)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_a_live_claim_calls_not_human_counts_as_human(
    sqlite_world: World, seed: int
) -> None:
    beside = Beside(sqlite_world, seed)
    for _ in range(40):
        beside.step()
        beside.compare()
    assert sqlite_world.problems() == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 16))
def test_nothing_ever_does(world: World, seed: int) -> None:
    beside = Beside(world, seed)
    for _ in range(150):
        beside.step()
        beside.compare()
    assert world.problems() == []
