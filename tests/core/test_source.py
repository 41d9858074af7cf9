from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.dataset import FIELD_ORIGINS, Origin
from registry.core.evidence import DateKind
from registry.core.source import Format, ReadOptions
from registry.errors import InvalidInputError

paths = st.text(min_size=1, max_size=8)
origins = st.sampled_from([*FIELD_ORIGINS, Origin.UNKNOWN])
pairs = st.dictionaries(paths, origins, min_size=1, max_size=3).map(lambda d: tuple(d.items()))
texts: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({}),
    st.fixed_dictionaries({"text_fields": st.lists(paths, unique=True, max_size=3).map(tuple)}),
    st.fixed_dictionaries({"split_fields": pairs}),
    st.fixed_dictionaries({"origin_by_field": pairs}),
)


@given(
    texts,
    st.sampled_from([None, *Format]),
    st.booleans(),
    st.none() | paths,
    st.dictionaries(st.text(max_size=5), st.sampled_from(Origin), max_size=3),
    st.lists(st.tuples(st.sampled_from(DateKind), paths), max_size=3),
)
def test_options_survive_being_stored(
    chosen: dict[str, Any],
    format: Format | None,
    lines: bool,
    label: str | None,
    meanings: dict[str, Origin],
    dates: list[tuple[DateKind, str]],
) -> None:
    if label is not None and not {"split_fields", "origin_by_field"} & chosen.keys():
        chosen = chosen | {"origin_field": label, "origin_map": tuple(meanings.items())}
    options = ReadOptions(format=format, lines=lines, date_fields=tuple(dates), **chosen)
    stored = json.dumps(options.to_json())
    assert ReadOptions.from_json(json.loads(stored)) == options
    assert options.says_origin == bool(
        options.origin_field or options.split_fields or options.origin_by_field
    )


def test_defaults_are_not_stored() -> None:
    assert ReadOptions().to_json() == {}
    assert ReadOptions.from_json({}) == ReadOptions()
    assert not ReadOptions().says_origin


HUMAN, AI = ("q", Origin.HUMAN), ("a", Origin.AI)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"text_fields": ("q",), "split_fields": (HUMAN,)}, "--text-field and --split-field cannot be used together"),
        ({"split_fields": (HUMAN,), "origin_by_field": (AI,)}, "cannot be used together"),
        ({"origin_field": "l", "split_fields": (HUMAN,)}, "`--origin-field` cannot be used when the origin goes by field"),
        ({"origin_field": "l", "origin_by_field": (HUMAN,)}, "cannot be used when the origin goes by field"),
        ({"origin_map": (("x", Origin.HUMAN),)}, "`--origin-map` needs `--origin-field`"),
        ({"split_fields": (("q", Origin.MIXED),)}, "field `q` cannot have the origin `mixed`"),
        ({"split_fields": (HUMAN, ("q", Origin.AI))}, "`--split-field` names field `q` twice"),
        ({"origin_by_field": (("q", Origin.AI), HUMAN)}, "`--origin-by-field` names field `q` twice"),
        ({"text_fields": ("q", "q")}, "`--text-field` names field `q` twice"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ReadOptions(**given)
    assert says in caught.value.message
    assert caught.value.hint
