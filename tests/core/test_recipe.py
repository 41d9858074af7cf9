from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.dataset import Origin
from registry.core.digest import MAX_INT
from registry.core.recipe import Recipe, Unit, parse
from registry.errors import InvalidInputError


def shown(value: Any) -> str:
    """Return an id that tells `5` from `"5"`."""
    return repr(value)[:40]


def recipe(**more: Any) -> Recipe:
    return parse({"sources": ["essays"]} | more, name="mix.yaml")


def refused(**more: Any) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        recipe(**more)
    assert "mix.yaml" in caught.value.message
    assert caught.value.hint
    return caught.value


def test_the_smallest_recipe_and_its_defaults() -> None:
    made = recipe()
    assert [source.dataset for source in made.sources] == ["local/essays"]
    assert (made.seed, made.human, made.name) == (0, None, None)
    assert made.size.at_most is made.size.at_least is None
    assert made.size.unit is Unit.BYTES


def test_a_full_recipe() -> None:
    made = parse(
        {
            "name": "Mix",
            "sources": ["essays", {"dataset": "team/chat@3", "where": {"language": ["no"]}}],
            "where": {
                "origin": ["human", "ai"],
                "date_before": dt.date(2022, 11, 30),
                "license": ["MIT"],
                "words": {"at_least": "5", "at_most": "10_000"},
            },
            "size": {"at_most": "2 MB", "at_least": 5, "unit": "bytes"},
            "human": {"at_least": "80 %", "of": "words", "count": ["human", "assisted"]},
            "seed": "7",
        },
        name="mix.yaml",
    )
    assert [source.dataset for source in made.sources] == ["local/essays", "team/chat@3"]
    assert made.where.origin == [Origin.HUMAN, Origin.AI]
    assert made.where.date_before == "2022-11-30"
    assert made.human is not None
    assert (made.human.share, made.human.of) == (Fraction(4, 5), Unit.WORDS)
    assert made.seed == 7
    assert parse(made.to_json(), name="again").digest == made.digest


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (2000, 2000), ("2000", 2000), ("2_000", 2000), ("2,000", 2000), ("1,234,567", 1_234_567),
        ("2k", 2000), ("2 K", 2000), ("2 kB", 2000), ("2 KiB", 2048), ("2MB", 2_000_000),
        ("1.5 GiB", 3 << 29), ("0.5 kB", 500), ("3T", 3 * 10**12), ("7 B", 7), (MAX_INT, MAX_INT),
        ("0.1 GB", 10**8), ("2.5", None), ("0", None), (0, None), (-1, None), ("-5", None),
        (MAX_INT + 1, None), ("9999 TB", None), ("1,5 GB", None), ("1,50", None), ("010", None),
        ("0x10", None), ("1e3", None), ("1:30", None), (".inf", None), ("inf", None), (1.5, None),
        (1e3, None), (True, None), (None, None), ("2 MBit", None), ("2 mb", None), ("", None),
        ("9" * 5000, None), ("٢", None), ([5], None), ("2 MB words", None), ("2 PB", None),
    ],
    ids=shown,
)  # fmt: skip
def test_sizes(written: Any, amount: int | None) -> None:
    if amount is None:
        error = refused(size={"at_most": written, "at_least": 1}) if written is not None else None
        assert error is None or "`size.at_most`" in error.message
        assert "`size`" in refused(size=written).message
    else:
        assert recipe(size={"at_most": written}).size.at_most == amount
        short = recipe(size=written).size
        assert (short.at_most, short.at_least) == (amount, -(-amount * 99 // 100))


@pytest.mark.parametrize(
    ("written", "share"),
    [
        ("0.8", "0.8"), (0.8, "0.8"), ("80%", "0.8"), ("80 %", "0.8"), ("12.5%", "0.125"),
        (1, "1"), ("1", "1"), (1.0, "1"), ("1.000000", "1"), ("100%", "1"), (0, "0"), ("0", "0"),
        ("0.0", "0"), ("0.999999", "0.999999"), (0.000001, None), ("0.000001", "0.000001"),
        ("99.9999%", "0.999999"), (Decimal("0.25"), "0.25"),
        (0.1 + 0.2, None), ("0.1234567", None), ("99.99999%", None), (80, None), ("80", None),
        (1.0000001, None), ("100.1%", None), (-0.5, None), ("-1", None), ("1e-1", None),
        ("inf", None), ("nan", None), (float("inf"), None), (float("nan"), None), (".inf", None),
        (True, None), (None, None), ("", None), ("%", None), ("0,8", None), ("4/5", None),
        ("٠.٨", None), ("0.8%%", None), (" 0.8 ", "0.8"), ("9" * 5000, None), ([0.8], None),
    ],
    ids=shown,
)  # fmt: skip
def test_shares(written: Any, share: str | None) -> None:
    if share is None:
        assert "`human.at_least`" in refused(human={"at_least": written}).message
    else:
        made = recipe(human={"at_least": written}).human
        assert made is not None
        assert made.at_least == share
        assert made.share == Fraction(share)


@given(st.integers(0, 10**6))
def test_every_share_of_six_decimals_is_kept_exactly(millionths: int) -> None:
    share = Fraction(millionths, 10**6)
    for written in (f"{millionths / 10**6:.6f}", f"{millionths / 10**4:.4f} %"):
        made = recipe(human={"at_least": written}).human
        assert made is not None
        assert made.share == share


@pytest.mark.parametrize(
    "written",
    ["2022-11-30", dt.date(2022, 11, 30), 2022, "2022-11", "2022-11-30T10:00:00Z",
     dt.datetime(2022, 11, 30, 10, tzinfo=dt.UTC)],
    ids=shown,
)  # fmt: skip
def test_dates(written: Any) -> None:
    assert recipe(where={"date_before": written}).where.date_before == str(written)


@pytest.mark.parametrize(
    "written", ["", "tomorrow", 20221130, "2022-13", "30.11.2022", True, [2022]]
)
def test_what_is_no_date(written: Any) -> None:
    assert "`where.date_before`" in refused(where={"date_before": written}).message


@pytest.mark.parametrize("written", [0, 7, "7", "1_000", MAX_INT], ids=shown)
def test_seeds(written: Any) -> None:
    assert recipe(seed=written).seed == int(written)


@pytest.mark.parametrize(
    "written",
    [-1, "-1", MAX_INT + 1, 1.5, 2.0, "010", "0x1", True, None, "x", "1e3", "9" * 9999],
    ids=shown,
)  # fmt: skip
def test_what_is_no_seed(written: Any) -> None:
    assert "`seed`" in refused(seed=written).message
    assert "`where.words.at_least`" in refused(where={"words": {"at_least": written}}).message


@pytest.mark.parametrize(
    ("more", "place", "hint"),
    [
        ({"humann": 1}, "`humann`", "did you mean `human`?"),
        ({"human": {"atleast": 1}}, "`human.atleast`", "did you mean `at_least`?"),
        ({"size": {"at_must": 1}}, "`size.at_must`", "did you mean `at_most`?"),
        ({"where": {"licence": ["MIT"]}}, "`where.licence`", "did you mean `license`?"),
        ({"where": {"words": {"min": 1}}}, "`where.words.min`", "known here: at_least, at_most"),
        ({"sources": [{"datasett": "x"}]}, "`sources.0.datasett`", "did you mean `dataset`?"),
        ({"sources": [{"dataset": "x", "where": {"origins": []}}]}, "`sources.0.where.origins`", "did you mean `origin`?"),
        ({"<<": {"a": 1}}, "`<<`", "known here: name, sources, where, size, human, seed, exclude_evaluations"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_named_with_the_nearest_one(
    more: dict[str, Any], place: str, hint: str
) -> None:
    error = refused(**more)
    assert f"unknown key {place}" in error.message
    assert error.hint == hint


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"sources": []}, "`sources`"),
        ({"sources": None}, "`sources`"),
        ({"sources": "essays"}, "`sources`"),
        ({"sources": [3]}, "`sources.0`"),
        ({"sources": [None]}, "`sources.0`"),
        ({"sources": [["essays"]]}, "`sources.0`"),
        ({"sources": [{}]}, "`sources.0.dataset`: this key is missing"),
        ({"sources": ["../x"]}, "`sources.0.dataset`: `..` is not a valid namespace"),
        ({"sources": ["x@0"]}, "`x@0` has no valid version after `@`"),
        ({"sources": ["x\x1b[31m"]}, "`x\N{REPLACEMENT CHARACTER}[31m` is not a valid dataset name"),
        ({"sources": ["x", "local/x"]}, "`local/x` is named twice; join its filters in one source"),
        ({"size": {"at_most": 5, "at_least": 6}}, "`size`: `at_least` is more than `at_most`"),
        ({"size": {"at_most": "2 MB", "unit": "words"}}, "`at_most` is in bytes, and `unit` says words"),
        ({"size": {"unit": "lines"}}, "`size.unit`"),
        ({"human": 0.8}, "`human`"),
        ({"human": {}}, "`human.at_least`: this key is missing"),
        ({"human": {"at_least": 1, "count": ["human", "ai"]}}, "`ai` can never count as human; choose human, assisted"),
        ({"human": {"at_least": 1, "count": ["unknown", "human"]}}, "`unknown` can never count"),
        ({"human": {"at_least": 1, "count": ["human", "mixed"]}}, "`mixed` can never count"),
        ({"human": {"at_least": 1, "count": ["assisted"]}}, "`count` must include human"),
        ({"human": {"at_least": 1, "count": []}}, "`human.count`"),
        ({"human": {"at_least": 1, "count": ["Human"]}}, "`human.count.0`"),
        ({"where": {"origin": ["humanoid"]}}, "`where.origin.0`"),
        ({"where": {"origin": "human"}}, "`where.origin`"),
        ({"where": {"license": []}}, "`where.license`"),
        ({"where": {"license": [""]}}, "`where.license.0`"),
        ({"where": {"words": {"at_least": 9, "at_most": 8}}}, "`where.words`: `at_least` is more than `at_most`"),
        ({"name": ""}, "`name`"),
        ({"name": "x" * 201}, "`name`"),
        ({"name": 3}, "`name`"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_named(more: dict[str, Any], says: str) -> None:
    assert says in refused(**more).message


@pytest.mark.parametrize("value", [None, [], "sources: [a]", 3, True, set()])
def test_something_else_than_a_recipe(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"`mix\.yaml` is not a recipe") as caught:
        parse(value, name="mix.yaml")
    assert caught.value.hint


def test_the_same_recipe_in_other_words_has_the_same_digest() -> None:
    one = recipe(size="2 MB", human={"at_least": "80%"}, where={"date_before": dt.date(2022, 1, 1)})
    two = recipe(
        seed="0",
        size={"at_least": 1_980_000, "at_most": "2000000"},
        human={"at_least": 0.80, "of": "bytes", "count": ["human"]},
        where={"date_before": "2022-01-01"},
    )
    assert one.digest == two.digest
    assert recipe(seed=1).digest != recipe().digest


def test_recipes_deep_as_a_well_are_refused_without_a_crash() -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    assert "`sources.0`" in refused(sources=[deep]).message
    assert "`where`" in refused(where=deep).message
