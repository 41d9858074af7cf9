from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.core.dataset import Origin
from registry.core.digest import sha256_hex
from registry.core.evidence import DateInterval, DateKind
from registry.errors import GuaranteeError, InvalidInputError, NotFoundError
from registry.query.plan import Plan, to_json
from tests.world import World


def texts(count: int, of: str = "text", size: int = 100) -> list[str]:
    return [f"{of} {at:04d} ".ljust(size, ".") for at in range(count)]


def drawn_hashes(made: Plan) -> list[bytes]:
    return [bytes(h) for item in made.inputs for h in item.standing.hashes[item.rows].tolist()]


def half_and_half(world: World, count: int = 100) -> None:
    world.register("essays", texts(count, "essay"), origin=Origin.HUMAN)
    world.register("chat", texts(count, "chat"), origin=Origin.AI)


def test_a_plan_keeps_the_share_and_counts_what_it_draws(world: World) -> None:
    half_and_half(world)
    recipe = {"sources": ["essays", "chat"], "human": {"at_least": "0.8"}, "size": "10 kB"}
    made = world.plan(recipe)
    assert made.shortfall is None
    assert made.bytes == made.human.denominator == 10_000
    assert made.human.value >= Fraction("0.8")
    assert made.documents == sum(item.documents for item in made.inputs) == 100
    assert made.log_size == world.log_size()
    assert to_json(made)["feasible"]


def test_planning_twice_gives_the_same_plan_and_writes_nothing(sqlite_world: World) -> None:
    world = sqlite_world
    half_and_half(world)
    recipe = {"sources": ["essays", "chat"], "human": {"at_least": "0.6"}, "size": "9 kB"}
    one, two = world.plan(recipe), world.plan(recipe)
    assert one.digest == two.digest
    assert to_json(one) == to_json(two)
    assert world.plan(recipe | {"seed": 1}).digest != one.digest
    assert world.problems() == []


def test_the_draw_does_not_depend_on_order_names_or_files(sqlite_world: World) -> None:
    world = sqlite_world
    rows: list[dict[str, Any]] = [
        {"text": text, "by": "ai" if at % 2 else "human"} for at, text in enumerate(texts(60))
    ]
    world.register("a", rows, origin_field="by")
    world.register("b", rows[::-1], file="b.parquet", origin_field="by")
    asked: dict[str, Any] = {"human": {"at_least": "0.7"}, "size": {"at_most": 2500}}
    one = world.plan({"sources": ["a"]} | asked)
    two = world.plan({"sources": ["b"]} | asked)
    assert sorted(drawn_hashes(one)) == sorted(drawn_hashes(two))


def test_each_text_is_drawn_once_from_the_first_source_that_offers_it(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("a", ["x", "y", "x"], origin=Origin.HUMAN)
    world.register("b", ["y", "z", "z", "x"], origin=Origin.HUMAN)
    made = world.plan({"sources": ["a", "b"]})
    assert [item.documents for item in made.inputs] == [2, 1]
    assert made.duplicates == 4
    assert len(set(drawn_hashes(made))) == made.documents == 3
    other = world.plan({"sources": ["b", "a"]})
    assert [item.documents for item in other.inputs] == [3, 0]


def test_a_text_that_a_filter_of_the_first_source_stops_may_come_from_the_second(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.register("a", ["x", "y"], origin=Origin.HUMAN, license="NC")
    world.register("b", ["x", "z"], origin=Origin.HUMAN, license="MIT")
    made = world.plan({"sources": ["a", "b"], "where": {"license": ["MIT"]}})
    assert [item.documents for item in made.inputs] == [0, 2]
    assert [(out.reason, out.documents) for out in made.inputs[0].left_out] == [
        ("license is not MIT", 2)
    ]


def test_a_contested_text_never_counts_whichever_source_it_is_drawn_from(world: World) -> None:
    world.register("essays", texts(10), origin=Origin.HUMAN)
    world.register("found", texts(3), origin=Origin.AI)
    for sources in (["essays"], ["essays", "found"], ["found", "essays"]):
        made = world.plan({"sources": sources})
        assert (made.human.numerator, made.human.denominator) == (700, 1000)
    strict = world.plan({"sources": ["essays"], "human": {"at_least": 1}})
    assert strict.documents == 7
    assert strict.inputs[0].contested == 0


def test_a_claim_changes_later_plans(world: World) -> None:
    world.register("essays", texts(400), origin=Origin.HUMAN)
    recipe = {"sources": ["essays"], "human": {"at_least": "0.9"}}
    assert world.plan(recipe).documents == 400
    world.claim("essays", Origin.AI, where=texts(200))
    made = world.plan(recipe)
    assert (made.documents, made.human.numerator, made.human.denominator) == (222, 20000, 22200)
    assert world.plan({"sources": ["essays"]}).inputs[0].contested == 200


def test_assisted_counts_only_when_the_recipe_says_so(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("a", texts(5, "a"), origin=Origin.HUMAN)
    world.register("b", texts(5, "b"), origin=Origin.ASSISTED)
    sources = {"sources": ["a", "b"]}
    assert world.plan(sources | {"human": {"at_least": 0}}).human.value == Fraction(1, 2)
    both = {"at_least": 1, "count": ["human", "assisted"]}
    for unit in ("bytes", "words", "documents"):
        assert world.plan(sources | {"human": both | {"of": unit}}).human.value == 1


def test_assisted_parts_of_mixed_documents_never_count(sqlite_world: World) -> None:
    world = sqlite_world
    fields = [("h", Origin.HUMAN), ("s", Origin.ASSISTED), ("m", Origin.AI)]
    world.register("d", [{"h": "aaaa", "s": "bbb", "m": "cc"}], origin_by_field=fields)
    for count in (["human"], ["human", "assisted"]):
        made = world.plan({"sources": ["d"], "human": {"at_least": 0, "count": count}})
        assert made.human.value == Fraction(4, 11)
    for unit in ("words", "documents"):
        made = world.plan({"sources": ["d"], "human": {"at_least": 0, "of": unit}})
        assert made.human.value == 0


def test_documents_without_words_keep_no_share_of_words(sqlite_world: World) -> None:
    """Nothing of nothing is no share: the certificate could not say that it was kept."""
    world = sqlite_world
    world.register("dots", ["!!!", "..."], origin=Origin.AI)
    recipe = {"sources": ["dots"], "human": {"at_least": "0.8", "of": "words"}}
    made = world.plan(recipe)
    assert made.shortfall is not None
    with pytest.raises(GuaranteeError):
        made.require()
    assert world.plan({"sources": ["dots"]}).shortfall is None


def bracket(text: str) -> tuple[DateInterval, ...]:
    return (DateInterval.parse(DateKind.PUBLISHED, text),)


@pytest.mark.parametrize(
    ("published", "passes"),
    [
        ("2022-11-29", True),
        ("2022-11-29T23:59:59Z", True),
        ("2022-11-29T23:59:59.999999Z", True),
        ("2022-11-30T00:00:00Z", False),
        ("2022-11-30T00:59:59+01:00", True),
        ("2022-11-29T23:59:59-00:01", False),
        ("2022-11-29T12:00:00", False),
        ("2022-11-29T09:00:00", True),
        ("2022-11-30", False),
        ("2022-11", False),
        ("2022", False),
        ("2019..2022-11-29", True),
        ("2019..2022-11-30", False),
    ],
)
def test_before_a_day_means_before_its_first_microsecond_in_utc(
    sqlite_world: World, published: str, passes: bool
) -> None:
    sqlite_world.register("d", ["x"], dates=bracket(published))
    made = sqlite_world.plan({"sources": ["d"], "where": {"date_before": "2022-11-30"}})
    assert made.documents == int(passes)


def test_a_document_without_a_date_is_before_nothing(sqlite_world: World) -> None:
    world = sqlite_world
    rows: list[dict[str, Any]] = [
        {"text": "x", "at": None},
        {"text": "y", "at": "2001"},
        {"text": "z", "at": ""},
    ]
    world.register("d", rows, date_fields=[(DateKind.AUTHORED, "at")])
    world.register("e", ["w"])
    made = world.plan({"sources": ["d", "e"], "where": {"date_before": "9999-12-31"}})
    assert [item.documents for item in made.inputs] == [1, 0]


def test_filters_of_a_source_and_of_the_recipe_both_have_to_let_a_document_pass(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    rows: list[dict[str, Any]] = [
        {"text": f"{lang} word " * size, "lang": lang}
        for lang in ("en", "de")
        for size in (1, 5, 9)
    ]
    world.register("d", rows, language_field="lang", license="MIT")
    made = world.plan(
        {
            "sources": [{"dataset": "d", "where": {"words": {"at_least": 3}}}],
            "where": {
                "language": ["en"],
                "words": {"at_most": 12},
                "license": ["MIT", "Apache-2.0"],
            },
        }
    )
    assert made.documents == 1
    assert made.words == 10


def test_an_origin_filter_sees_what_all_claims_add_up_to(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", texts(10), origin=Origin.HUMAN)
    world.claim("essays", Origin.AI, where=texts(4))
    made = world.plan({"sources": ["essays"], "where": {"origin": ["human"]}})
    assert made.human.value == 1
    assert made.documents == 6


@pytest.mark.parametrize("asked", ["0.6", "0.9", "1"])
def test_what_a_refusal_says_can_be_reached(sqlite_world: World, asked: str) -> None:
    world = sqlite_world
    rng = np.random.default_rng(5)
    world.register("h", [t[: rng.integers(20, 100)] for t in texts(40, "h")], origin=Origin.HUMAN)
    world.register("m", [t[: rng.integers(20, 100)] for t in texts(40, "m")], origin=Origin.AI)
    least = 4450
    recipe: dict[str, Any] = {
        "sources": ["h", "m"],
        "size": {"at_least": least},
        "human": {"at_least": asked},
    }
    made = world.plan(recipe)
    short = made.shortfall
    assert short is not None
    assert short.best_share is not None
    assert world.plan(recipe | {"size": {"at_least": short.best_size}}).shortfall is None
    assert world.plan(recipe | {"size": {"at_least": short.best_size + 100}}).shortfall is not None
    millionths = short.best_share.numerator * 10**6 // short.best_share.denominator
    kept = f"{millionths / 10**6:.6f}"
    assert world.plan(recipe | {"human": {"at_least": kept}}).shortfall is None
    more = f"{millionths / 10**6 + 0.03:.6f}"
    assert world.plan(recipe | {"human": {"at_least": more}}).shortfall is not None
    with pytest.raises(GuaranteeError, match="cannot give 4,450 bytes") as caught:
        made.require()
    assert f"{short.best_size:,} bytes" in str(caught.value.hint)


def test_a_refusal_says_which_of_several_reasons_it_has(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("d", texts(3), origin=Origin.HUMAN)

    def refusal(**asked: Any) -> str:
        short = world.plan({"sources": ["d"]} | asked).shortfall
        assert short is not None
        return f"{short.sentence}: {short.hint}"

    assert refusal(size="1 kB") == (
        "the sources cannot give between 990 and 1,000 bytes: "
        "they hold 300 bytes; ask for less, or add sources"
    )
    assert refusal(size={"at_most": 250, "at_least": 210}) == (
        "the sources cannot give between 210 and 250 bytes: they hold 300 bytes, "
        "but whole documents do not add up to that; ask for a wider range of sizes"
    )
    assert refusal(size={"at_most": 50}).startswith(
        "the sources cannot give anything up to 50 bytes: they hold"
    )
    assert refusal(where={"origin": ["ai"]}).endswith(
        "no document passes the filters; widen them, or add sources"
    )
    world.claim("d", Origin.AI)
    assert refusal(human={"at_least": "0.5"}) == (
        "the sources cannot give anything with at least 50.00 % human: at that share they give 0 bytes; "
        "at any size the best share of bytes is 0.00 %; lower one of them, or add human documents"
    )


def test_a_source_that_is_not_there_or_there_twice(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", ["x"])
    with pytest.raises(NotFoundError, match="no dataset `esays`") as caught:
        world.plan({"sources": ["esays"]})
    assert caught.value.hint == "did you mean `essays`?"
    with pytest.raises(NotFoundError, match="no version 2"):
        world.plan({"sources": ["essays@2"]})
    with pytest.raises(InvalidInputError, match="two sources of the recipe are `essays@1`"):
        world.plan({"sources": ["essays", "essays@1"]})


def test_tokens_need_a_tokenizer(sqlite_world: World) -> None:
    sqlite_world.register("d", ["x"])
    with pytest.raises(InvalidInputError, match="tokenizer"):
        sqlite_world.plan({"sources": ["d"], "size": {"at_most": 5, "unit": "tokens"}})


ORIGINS = ["human", "assisted", "programmatic", "ai", "unknown", "mixed"]


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_is_asked_the_rows_that_are_drawn_keep_it(
    sqlite_world: World, data: st.DataObject
) -> None:
    """The share is recomputed from the rows alone, in Python, against everything that was said."""
    world = sqlite_world
    tag = f"w{world.log_size()}"
    pool = [f"{tag} text {at} ".ljust(12 + 3 * at, "é") for at in range(14)] + [""]
    said: dict[str, list[str]] = {}
    names = []
    for number in range(data.draw(st.integers(1, 3))):
        chosen = data.draw(
            st.lists(
                st.tuples(st.sampled_from(pool), st.sampled_from(ORIGINS)), min_size=1, max_size=12
            )
        )
        name = f"{tag}-{number}"
        names.append(name)
        world.register(name, [{"text": t, "by": o} for t, o in chosen], origin_field="by")
        mine: dict[str, list[str]] = {}
        for text, origin in chosen:
            mine.setdefault(text, []).append(origin)
        if chosen and data.draw(st.sampled_from([True, False])):
            text = data.draw(st.sampled_from(sorted(mine)))
            origin = data.draw(st.sampled_from(ORIGINS))
            world.claim(name, origin, where=[text])
            mine[text].append(origin)
            if origin == "unknown":
                said.setdefault(text, []).append(origin)
        for text, origins in mine.items():
            # An `unknown` label lowers its own version only.
            said.setdefault(text, []).extend(o for o in origins if o != "unknown")
            if "unknown" in origins:
                said.setdefault(f"{name}\0{text}", []).append("unknown")
    unit = data.draw(st.sampled_from(["bytes", "documents"]))
    share = data.draw(st.sampled_from(["0", "0.3", "0.5", "0.8", "0.999999", "1"]))
    count = data.draw(st.sampled_from([["human"], ["human", "assisted"]]))
    most = data.draw(st.none() | st.integers(1, 400))
    size = {} if most is None else {"at_most": most}
    made = world.plan(
        {
            "sources": names,
            "human": {"at_least": share, "of": unit, "count": count},
            "size": size,
            "seed": data.draw(st.integers(0, 9)),
        }
    )
    by_hash = {sha256_hex(text.encode()): text for text in pool}
    whole = part = total = 0
    seen = set()
    for item in made.inputs:
        for row in item.rows.tolist():
            text = by_hash[bytes(item.standing.hashes[row]).ljust(32, b"\0").hex()]
            assert text not in seen
            seen.add(text)
            origins = said.get(text, []) + said.get(f"{item.ref.name}\0{text}", [])
            weight = len(text.encode()) if unit == "bytes" else 1
            counts = bool(origins) and set(origins) <= set(count)
            part += weight if counts else 0
            whole += weight
            total += len(text.encode())
    assert made.human.numerator <= part
    assert made.human.denominator == whole
    assert most is None or total <= most
    if made.shortfall is None:
        assert Fraction(part, whole) >= Fraction(share) if whole else share == "0"


def test_a_record_that_names_a_generator_is_not_human_by_a_blanket_claim(world: World) -> None:
    """The mistake that put machine-written rows into the best audited corpus."""
    rows: list[Any] = [{"text": "alpha", "model": "gpt-4"}, {"text": "beta", "model": ""}]
    world.register("a", rows, origin=Origin.HUMAN, generator_field="model")
    counted = world.origins("a")
    assert counted == {Origin.HUMAN: 1, Origin.UNKNOWN: 1}
    made = world.plan({"sources": ["a"], "human": {"at_least": 1}})
    assert (made.documents, made.bytes) == (1, len("beta"))
    stand = world.standing("a")
    assert stand.generators.names[stand.generators.codes[0]] == ("gpt-4",)


def test_a_generator_named_for_a_text_elsewhere_contradicts_human(sqlite_world: World) -> None:
    sqlite_world.register("a", ["alpha", "beta"], origin=Origin.HUMAN)
    named: list[Any] = [{"text": "alpha", "model": "gpt-4"}]
    sqlite_world.register("b", named, generator_field="model")
    made = sqlite_world.plan({"sources": ["a"], "human": {"at_least": 1}})
    assert made.bytes == len("beta")


@pytest.mark.parametrize("origin", [Origin.ASSISTED, Origin.AI, Origin.PROGRAMMATIC])
def test_a_generator_does_not_change_an_origin_that_is_said(
    sqlite_world: World, origin: Origin
) -> None:
    rows: list[Any] = [{"text": "alpha", "model": "gpt-4"}]
    sqlite_world.register("a", rows, origin=origin, generator_field="model")
    assert sqlite_world.origins("a") == {origin: 1}


def test_a_date_of_its_own_is_not_undercut_by_a_blanket_one_it_contradicts(
    sqlite_world: World,
) -> None:
    rows: list[Any] = [{"text": "late", "d": "2024-05-01"}, {"text": "early", "d": "2020-05-01"}]
    collected = DateInterval.parse(DateKind.COLLECTED, "2021-01..2021-11")
    sqlite_world.register("a", rows, date_fields=((DateKind.PUBLISHED, "d"),), dates=(collected,))
    made = sqlite_world.plan({"sources": ["a"], "where": {"date_before": "2022-11-30"}})
    assert made.bytes == len("early")
