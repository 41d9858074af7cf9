"""Where documents stand, computed again row by row in Python from everything that was said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import documents
from registry.core import contents
from registry.core.dataset import Origin
from registry.core.lineage import EdgeKind
from tests.world import World

UNSAID, HUMAN, UNKNOWN = -1, Origin.HUMAN.caution, Origin.UNKNOWN.caution
MIXED, AI = Origin.MIXED.caution, Origin.AI.caution
ORIGINS = list(Origin)

Said = tuple[int, int]
"""The rank that a claim gives a row, or `UNSAID`, and the human bytes it grants."""


@dataclass
class Spoken:
    """One claim: what it says about each row, and whether it is a correction."""

    rows: list[Said]
    correction: bool = False


@dataclass
class Told:
    """What was said about one version.

    Attributes:
        texts: Its rows.
        claims: What each claim about origin says.
        named: Rows for which a record without an origin names a generator.
        by_model: Lineage says that a model made it.
    """

    texts: list[str]
    claims: list[Spoken] = field(default_factory=list)
    named: set[int] = field(default_factory=set)
    by_model: bool = False

    def voices(self, row: int) -> list[Said]:
        said = [claim.rows[row] for claim in self.claims]
        if row in self.named and max((rank for rank, _ in said), default=UNSAID) <= HUMAN:
            said.append((UNKNOWN, 0))
        return said + ([(AI, 0)] if self.by_model else [])

    def view(self, row: int) -> tuple[int, int, bool]:
        said = [one for one in self.voices(row) if one[0] != UNSAID]
        size = len(self.texts[row].encode())
        rank = max((rank for rank, _ in said), default=UNKNOWN)
        human = min([size, *(granted for _, granted in said)])
        human = human if rank in (HUMAN, MIXED) else 0
        return rank, human, max((granted for _, granted in said), default=0) > human

    def level(self, row: int) -> tuple[int, int, bool]:
        equal = [at for at, text in enumerate(self.texts) if text == self.texts[row]]
        views = [self.view(at) for at in equal]
        human = min(view[1] for view in views)
        disputed = any(view[2] for view in views) or max(view[1] for view in views) > human
        return max(view[0] for view in views), human, disputed

    def not_human(self) -> list[tuple[str, Said]]:
        """What counts for these texts in every other version too."""
        found: list[tuple[str, Said]] = []
        for row, text in enumerate(self.texts):
            for claim in self.claims:
                rank, granted = claim.rows[row]
                if rank > HUMAN and (claim.correction or rank != UNKNOWN):
                    found.append((text, (rank, granted)))
            extra = self.voices(row)[len(self.claims) :]
            found += [(text, said) for said in extra]
        return found


def expected(told: Told, everything: list[Told]) -> list[tuple[int, int, bool]]:
    made = []
    for row, text in enumerate(told.texts):
        rank, human, contested = told.level(row)
        marks = [said for other in everything for one, said in other.not_human() if one == text]
        least = min([human, *(granted for _, granted in marks)])
        made.append((max([rank, *(mark for mark, _ in marks)]), least, contested or least < human))
    return made


def granted(origin: Origin, text: str) -> Said:
    return origin.caution, len(text.encode()) if origin is Origin.HUMAN else 0


labels = st.none() | st.sampled_from(ORIGINS)


def register(world: World, name: str, data: st.DataObject, pool: list[str]) -> Told:
    texts = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=10))
    how = data.draw(st.sampled_from(["nothing", "flat", "labels", "fields", "generator"]))
    told = Told(texts)
    if how == "flat":
        origin = data.draw(st.sampled_from(ORIGINS))
        world.register(name, texts, origin=origin)
        told.claims.append(Spoken([granted(origin, text) for text in texts]))
    elif how == "labels":
        told.claims.append(labelled(world, name, data, texts, "one"))
    elif how == "fields":
        splits = [data.draw(st.integers(1, 2)) for _ in texts]
        parts = [text.split("\n") for text in texts]
        pairs = [
            ("\n".join(p[:at]), "\n".join(p[at:])) for p, at in zip(parts, splits, strict=True)
        ]
        rows: list[Any] = [{"q": one, "a": two} for one, two in pairs]
        world.register(name, rows, origin_by_field=[("q", Origin.HUMAN), ("a", Origin.AI)])
        told.claims.append(Spoken([(MIXED, len(one.encode())) for one, _ in pairs]))
    elif how == "generator":
        models = [data.draw(st.sampled_from([None, "gpt-4"])) for _ in texts]
        human = data.draw(st.booleans())
        more: dict[str, Any] = {"origin": Origin.HUMAN} if human else {}
        rows = [{"text": text, "model": model} for text, model in zip(texts, models, strict=True)]
        world.register(name, rows, generator_field="model", **more)
        if human:
            told.claims.append(Spoken([granted(Origin.HUMAN, text) for text in texts]))
        told.named = {at for at, model in enumerate(models) if model}
    else:
        world.register(name, texts)
    if data.draw(st.booleans()):
        order = data.draw(st.permutations(range(len(texts))))
        there = labelled(world, name, data, [texts[at] for at in order], "two")
        by_text: dict[str, list[Said]] = {}
        for at, said in zip(order, there.rows, strict=True):
            by_text.setdefault(texts[at], []).append(said)
        told.claims.append(
            Spoken(
                [
                    (max(rank for rank, _ in by_text[text]), min(h for _, h in by_text[text]))
                    for text in texts
                ]
            )
        )
    corrections = st.tuples(
        st.sampled_from(ORIGINS),
        st.none() | st.frozensets(st.sampled_from(texts), min_size=1),
    )
    for origin, about in data.draw(st.lists(corrections, max_size=2, unique=True)):
        chosen = None if about is None else sorted(about)
        world.claim(name, origin, where=chosen)
        told.claims.append(
            Spoken(
                [
                    granted(origin, text) if chosen is None or text in chosen else (UNSAID, 0)
                    for text in texts
                ],
                correction=True,
            )
        )
    return told


def labelled(world: World, name: str, data: st.DataObject, texts: list[str], folder: str) -> Spoken:
    given = [data.draw(labels) for _ in texts]
    rows: list[Any] = [{"text": text, "by": by} for text, by in zip(texts, given, strict=True)]
    world.register(name, rows, folder=f"files/{name}/{folder}", origin_field="by")
    return Spoken(
        [granted(by or Origin.UNKNOWN, text) for text, by in zip(texts, given, strict=True)]
    )


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(data=st.data())
@pytest.mark.parametrize("rows", [2, 1 << 16])
def test_every_row_stands_as_everything_said_about_its_text_adds_up_to(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch, rows: int, data: st.DataObject
) -> None:
    world = sqlite_world
    tag = f"w{world.log_size()}"
    pool = [f"{tag} {at}\n{'é' * at}\nend" for at in range(6)]
    names = [f"{tag}-{number}" for number in range(data.draw(st.integers(1, 4)))]
    told = [register(world, name, data, pool) for name in names]
    if len(names) > 1 and data.draw(st.booleans()):
        world.derive(names[0], names[1], EdgeKind.GENERATED)
        told[0].by_model = True
    with monkeypatch.context() as patch:
        patch.setattr(documents, "ROWS_PER_GROUP", rows)
        patch.setattr(contents, "BLOCK", rows)
        stands = world.standings(names)
        alone = [world.standing(name, across=False) for name in names]
    for one, own, mine in zip(stands, alone, told, strict=True):
        view = one.view
        found = list(
            zip(
                view.ranks.tolist(), view.human_bytes.tolist(), view.contested.tolist(), strict=True
            )
        )
        assert found == expected(mine, told)
        assert own.view.ranks.tolist() == [mine.level(at)[0] for at in range(len(mine.texts))]
        assert one.bytes.tolist() == [len(text.encode()) for text in mine.texts]
    assert [item.view.ranks.tolist() for item in stands] == [
        world.standing(name).view.ranks.tolist() for name in names
    ]
