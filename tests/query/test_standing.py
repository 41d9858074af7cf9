from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from registry.core.dataset import Origin
from registry.core.evidence import DateInterval, DateKind, iso_time
from registry.core.lineage import EdgeKind
from registry.errors import ConflictError
from registry.query.standing import NEVER
from tests.world import World

A, B, C, D = "By Ada.", "By Blaise.", "By Carl.", "By Dorothy."


def human_bytes(world: World, name: str) -> int:
    return int(world.standing(name).view.human_bytes.sum())


def by(text: str, label: str | None, **more: Any) -> dict[str, Any]:
    return {"text": text, "by": label} | more


def test_a_version_about_which_nothing_was_said_is_unknown(world: World) -> None:
    world.register("crawl", [A, B])
    assert world.origins("crawl") == {Origin.UNKNOWN: 2}
    assert human_bytes(world, "crawl") == 0
    world.register("crawl", [A, B], origin=Origin.HUMAN)
    assert world.origins("crawl") == {Origin.HUMAN: 2}


def test_a_correction_wins_over_the_word_of_the_owner_and_cannot_be_taken_back(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.register("essays", [A, B, C], origin=Origin.HUMAN)
    world.claim("essays", Origin.AI, where=[B])
    assert world.origins("essays") == {Origin.HUMAN: 2, Origin.AI: 1}
    world.claim("essays", Origin.HUMAN, reason="no, it is fine")
    world.claim("essays", Origin.HUMAN, where=[B], reason="really")
    assert world.origins("essays") == {Origin.HUMAN: 2, Origin.AI: 1}
    assert world.standing("essays").view.contested.tolist() == [False, True, False]


@pytest.mark.parametrize("across", [True, False])
def test_equal_texts_of_one_version_stand_as_the_most_cautious_label(
    sqlite_world: World, across: bool
) -> None:
    world = sqlite_world
    rows: list[dict[str, Any]] = [
        by(A, "human"),
        by(B, "human"),
        by(A, "ai"),
        by(B, "human"),
        by(C, None),
        by(C, "human"),
    ]
    world.register("both", rows, origin_field="by")
    stand = world.standing("both", across=across)
    assert [Origin.AI.caution, Origin.HUMAN.caution] * 2 == stand.view.ranks[:4].tolist()
    assert set(stand.view.ranks[4:].tolist()) == {Origin.UNKNOWN.caution}
    assert stand.view.contested.tolist() == [True, False, True, False, True, True]


def test_a_text_that_is_ai_in_one_version_is_human_in_none(world: World) -> None:
    world.register("essays", [A, B], origin=Origin.HUMAN)
    world.register("chat", [by(B, "ai"), by(C, "human")], origin_field="by")
    assert world.origins("essays") == {Origin.HUMAN: 1, Origin.AI: 1}
    assert world.standing("essays").view.contested.tolist() == [False, True]
    alone = world.standing("essays", across=False)
    assert alone.view.human_bytes.tolist() == [len(A), len(B)]


@pytest.mark.parametrize("origin", ["assisted", "mixed", "programmatic", "ai"])
def test_any_registration_as_something_else_lowers_a_text_elsewhere(
    sqlite_world: World, origin: str
) -> None:
    sqlite_world.register("essays", [A, B], origin=Origin.HUMAN)
    sqlite_world.register("other", [B], origin=origin)
    assert sqlite_world.origins("essays") == {Origin.HUMAN: 1, Origin(origin): 1}
    assert human_bytes(sqlite_world, "essays") == len(A)


def test_a_text_registered_as_unknown_elsewhere_says_nothing_but_a_correction_does(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.register("essays", [A, B], origin=Origin.HUMAN)
    world.register("crawl", [A, B, C])
    world.register("labelled", [by(A, "unknown"), by(B, None)], origin_field="by")
    world.register("flat", [A, B, D], origin=Origin.UNKNOWN)
    assert world.origins("essays") == {Origin.HUMAN: 2}
    world.claim("crawl", Origin.UNKNOWN, where=[B])
    assert world.origins("essays") == {Origin.HUMAN: 1, Origin.UNKNOWN: 1}
    assert world.standing("essays").view.contested.tolist() == [False, True]


def test_a_correction_of_an_old_version_counts_for_the_new_one(sqlite_world: World) -> None:
    sqlite_world.register("essays", [A, B], origin=Origin.HUMAN)
    sqlite_world.register("essays", [A, B, C], origin=Origin.HUMAN)
    sqlite_world.claim("essays@1", Origin.AI, where=[A])
    assert sqlite_world.origins("essays@2") == {Origin.HUMAN: 2, Origin.AI: 1}


def test_labels_found_at_another_place_are_mapped_by_content(world: World) -> None:
    texts = [A, B, C, A]
    world.register("essays", texts, origin=Origin.HUMAN)
    labels: list[dict[str, Any]] = [by(C, "human"), by(A, "human"), by(B, "ai"), by(A, "assisted")]
    world.register("essays", labels, file="shuffled.parquet", folder="other", origin_field="by")
    assert len(world.versions("essays")) == 1
    stand = world.standing("essays")
    expected = [Origin.ASSISTED, Origin.AI, Origin.HUMAN, Origin.ASSISTED]
    assert stand.view.ranks.tolist() == [origin.caution for origin in expected]


def test_two_places_with_labels_add_up_to_the_most_cautious(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("d", [by(A, "human"), by(B, "human")], origin_field="by")
    world.register("d", [by(B, "ai"), by(A, "human")], folder="two", origin_field="by")
    world.register("d", [by(B, "human"), by(A, "mixed")], folder="three", origin_field="by")
    assert world.origins("d") == {Origin.AI: 1, Origin.MIXED: 1}
    assert human_bytes(world, "d") == 0


def by_field(world: World, name: str, records: list[dict[str, str]], **more: Any) -> None:
    world.register(
        name,
        records,
        origin_by_field=[("q", Origin.HUMAN), ("a", Origin.AI)],
        **more,
    )


def test_mixed_documents_have_the_human_bytes_of_their_fields(sqlite_world: World) -> None:
    world = sqlite_world
    by_field(
        world, "pairs", [{"q": "Why?", "a": "Because."}, {"q": "Só?", "a": ""}, {"q": "", "a": "x"}]
    )
    stand = world.standing("pairs")
    expected = [Origin.MIXED, Origin.HUMAN, Origin.AI]
    assert stand.view.ranks.tolist() == [origin.caution for origin in expected]
    # A human document counts whole, with the newline that joins its fields.
    assert stand.view.human_bytes.tolist() == [4, len("Só?\n".encode()), 0]
    assert stand.bytes.tolist() == [13, 5, 2]


def test_of_several_human_parts_the_smallest_counts(sqlite_world: World) -> None:
    world = sqlite_world
    by_field(world, "one", [{"q": "Why so?", "a": "No"}])
    world.register("two", [{"q": "Why", "b": " so?\nNo"}], origin_by_field=[("q", Origin.HUMAN)])
    # The same text, cut in another place: its first line is human here, all of it is not there.
    world.register("other", ["Why so?\nNo"], origin=Origin.HUMAN)
    assert human_bytes(world, "other") == 7
    world.register("flat", ["Why so?\nNo"], origin=Origin.MIXED)
    assert human_bytes(world, "other") == human_bytes(world, "one") == 0
    assert world.origins("other") == {Origin.MIXED: 1}


def test_claims_can_come_in_any_order(sqlite_world: World) -> None:
    world = sqlite_world
    for name in ("x", "y"):
        world.register(name, [f"{name} {text}" for text in (A, B, C)], origin=Origin.HUMAN)
    claims = [(Origin.AI, 0), (Origin.ASSISTED, 0), (Origin.MIXED, 1), (Origin.UNKNOWN, 1)]
    for name, order in (("x", claims), ("y", claims[::-1])):
        for origin, at in order:
            world.claim(name, origin, where=[f"{name} {(A, B, C)[at]}"])
    x, y = world.standing("x").view, world.standing("y").view
    assert x.ranks.tolist() == y.ranks.tolist()
    assert x.human_bytes.tolist() == y.human_bytes.tolist() == [0, 0, len(C) + 2]


def test_no_claim_makes_a_text_more_human_that_somebody_spoke_about(sqlite_world: World) -> None:
    world = sqlite_world
    texts = [f"text {at}" for at in range(12)]
    world.register(
        "d",
        [by(text, "human" if at % 3 else "ai") for at, text in enumerate(texts)],
        origin_field="by",
    )
    world.register("e", texts[6:], origin=Origin.HUMAN)
    rng = np.random.default_rng(1)
    before = world.standing("d").view.human_bytes
    for _ in range(12):
        chosen = [text for text in texts if rng.random() < 0.4] or texts[:1]
        origin = list(Origin)[rng.integers(len(Origin))]
        world.claim("d", origin, where=chosen, reason=f"{rng.random()}")
        after = world.standing("d").view.human_bytes
        assert (after <= before).all()
        before = after


def test_several_licenses_all_have_to_be_admitted(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("d", [A, B], license="MIT")
    assert world.standing("d").licenses.within(["MIT", "X"]).all()
    world.register("d", [A, B], license="CC-BY-NC-4.0")
    stand = world.standing("d")
    assert stand.licenses.used() == ["CC-BY-NC-4.0", "MIT"]
    assert not stand.licenses.within(["MIT"]).any()
    assert stand.licenses.within(["MIT", "CC-BY-NC-4.0"]).all()
    world.register("e", [C])
    assert not world.standing("e").licenses.within(["MIT", ""]).any()


def test_languages_per_document_and_for_all(sqlite_world: World) -> None:
    world = sqlite_world
    rows: list[dict[str, Any]] = [
        {"text": A, "lang": "en"},
        {"text": B, "lang": "de"},
        {"text": C, "lang": None},
    ]
    world.register("d", rows, language_field="lang")
    stand = world.standing("d")
    assert stand.languages.within(["en"]).tolist() == [True, False, False]
    assert stand.languages.used() == ["de", "en"]
    again = [rows[2], rows[1] | {"lang": "nl"}, rows[0]]
    world.register("d", again, folder="two", language_field="lang")
    assert world.standing("d").languages.within(["de", "nl"]).tolist() == [False, True, False]
    assert world.standing("d").languages.within(["de", "en"]).tolist() == [True, False, False]


def test_generators_are_named_for_what_is_not_human(sqlite_world: World) -> None:
    world = sqlite_world
    rows: list[dict[str, Any]] = [
        by(A, "ai", model="m1"),
        by(B, "human", model="m1"),
        by(C, "ai", model=None),
    ]
    world.register("d", rows, origin_field="by", generator_field="model")
    world.claim("d", Origin.AI, where=[C], generators=["m9", "m2"])
    stand = world.standing("d")
    names = [stand.generators.names[code] for code in stand.generators.codes]
    assert names == [("m1",), (), ("m2", "m9")]


def day(text: str) -> DateInterval:
    return DateInterval.parse(DateKind.PUBLISHED, text)


def ends(world: World, name: str) -> list[str | None]:
    found = world.standing(name).not_after
    return [None if end == NEVER else iso_time(int(end))[:10] for end in found]


def said(kind: DateKind, text: str) -> tuple[DateInterval, ...]:
    return (DateInterval.parse(kind, text),)


def test_of_two_dates_of_one_kind_the_later_counts_and_of_kinds_the_earlier(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.register("d", [A], dates=said(DateKind.PUBLISHED, "2021"))
    assert ends(world, "d") == ["2021-12-31"]
    world.register("d", [A], dates=said(DateKind.PUBLISHED, "2023"))
    assert ends(world, "d") == ["2023-12-31"]
    world.register("d", [A], dates=said(DateKind.CAPTURED, "2022-05"))
    assert ends(world, "d") == ["2022-05-31"]


def test_dates_per_document_and_for_all(sqlite_world: World) -> None:
    world = sqlite_world
    rows: list[dict[str, Any]] = [
        {"text": A, "at": "2019-03-01"},
        {"text": B, "at": "2023-03-01"},
        {"text": C, "at": None},
    ]
    fields = [(DateKind.PUBLISHED, "at")]
    world.register("own", rows, date_fields=fields)
    assert ends(world, "own") == ["2019-03-01", "2023-03-01", None]
    world.register("other", rows, date_fields=fields, dates=said(DateKind.COLLECTED, "2021"))
    assert ends(world, "other") == ["2019-03-01", "2023-03-01", "2021-12-31"]


def test_a_date_for_all_does_not_undercut_what_a_record_says_of_the_same_kind(
    sqlite_world: World,
) -> None:
    """A dataset "published 2021" with a record published in 2023 has a text of 2023."""
    world = sqlite_world
    rows: list[dict[str, Any]] = [
        {"text": A, "at": "2019-03-01"},
        {"text": B, "at": "2023-03-01"},
        {"text": C, "at": None},
    ]
    fields = [(DateKind.PUBLISHED, "at")]
    world.register("d", rows, date_fields=fields, dates=said(DateKind.PUBLISHED, "2021"))
    assert ends(world, "d") == ["2021-12-31", "2023-03-01", "2021-12-31"]
    world.register("d", rows, dates=said(DateKind.CAPTURED, "2020"))
    assert ends(world, "d") == ["2020-12-31", "2023-03-01", "2020-12-31"]


def test_dates_found_at_another_place_are_mapped_by_content_the_later_ones(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    fields = [(DateKind.PUBLISHED, "at")]
    world.register("d", [A, B, B])
    rows: list[dict[str, Any]] = [
        {"text": B, "at": "2020"},
        {"text": A, "at": "2018"},
        {"text": B, "at": "2022"},
    ]
    world.register("d", rows, folder="two", date_fields=fields)
    assert ends(world, "d") == ["2018-12-31", "2022-12-31", "2022-12-31"]
    later: list[dict[str, Any]] = [
        {"text": A, "at": "2019"},
        {"text": B, "at": None},
        {"text": B, "at": "2021"},
    ]
    world.register("d", later, folder="three", date_fields=fields)
    assert ends(world, "d")[0] == "2019-12-31"


def test_a_missing_or_changed_selection_is_refused_and_never_ignored(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", [A, B], origin=Origin.HUMAN)
    made = world.claim("essays", Origin.AI, where=[B])
    assert made.selection is not None
    file = world.store.root / "selections" / made.selection.digest
    data = file.read_bytes()
    for bad in (b"", data[:-1], data + b"\0" * 32, b"\0" * 32):
        file.write_bytes(bad)
        with pytest.raises(ConflictError, match="selection"):
            world.standing("essays")
    file.unlink()
    with pytest.raises(ConflictError, match="selection"):
        world.standing("essays")
    file.write_bytes(data)
    assert world.origins("essays") == {Origin.HUMAN: 1, Origin.AI: 1}


def test_a_changed_document_table_is_refused(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", [by(A, "ai"), by(B, "human")], origin_field="by")
    (file,) = (world.store.root / "documents").rglob("*.parquet")
    data = file.read_bytes()
    file.write_bytes(data.replace(b"ai", b"al"))
    with pytest.raises(ConflictError, match="was changed after it was registered"):
        world.standing("essays")
    file.unlink()
    with pytest.raises(ConflictError, match="is missing"):
        world.standing("essays")
    file.write_bytes(data)
    Path(file.parent / "part-00001.parquet").write_bytes(data)
    with pytest.raises(ConflictError, match="was changed"):
        world.standing("essays")


def test_what_a_model_generated_from_others_is_not_human_whatever_is_declared(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.register("prompts", [A], origin=Origin.HUMAN)
    world.register("answers", [B, C], origin=Origin.HUMAN)
    world.register("twin", [C], origin=Origin.HUMAN)
    world.derive("answers", "prompts", EdgeKind.GENERATED)
    assert world.origins("answers") == {Origin.AI: 2}
    assert world.origins("twin") == {Origin.AI: 1}
    assert world.origins("prompts") == {Origin.HUMAN: 1}
