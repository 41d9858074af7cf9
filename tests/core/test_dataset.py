from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.dataset import ORIGINS_BY_CAUTION, DatasetRef, Origin
from registry.errors import InvalidInputError

names = st.from_regex(r"\A[a-z0-9](?:[a-z0-9_-]{0,40}[a-z0-9])?\Z")


def test_origins_go_from_the_least_to_the_most_cautious() -> None:
    assert ORIGINS_BY_CAUTION[0] is Origin.HUMAN
    assert ORIGINS_BY_CAUTION[-1] is Origin.AI
    assert [origin.caution for origin in ORIGINS_BY_CAUTION] == list(range(6))
    assert Origin.UNKNOWN.caution > Origin.MIXED.caution > Origin.ASSISTED.caution


def test_only_unknown_has_no_published_type() -> None:
    types = {origin: origin.digital_source_type for origin in Origin}
    assert types.pop(Origin.UNKNOWN) is None
    assert len(set(types.values())) == 5
    assert types[Origin.HUMAN] == "http://cv.iptc.org/newscodes/digitalsourcetype/humanEdits"


@pytest.mark.parametrize(
    "label", ["Human", " human", "human ", "HUMAN", "humanoid", "0", "", "hum\u0430n"]
)
def test_nothing_like_human_is_human(label: str) -> None:
    with pytest.raises(ValueError, match="is not a valid Origin"):
        Origin(label)


@given(names, names, st.none() | st.integers(1, 999_999_999))
def test_names_are_read_as_they_are_written(team: str, name: str, version: int | None) -> None:
    ref = DatasetRef(team, name, version)
    assert DatasetRef.parse(str(ref)) == ref
    assert DatasetRef.parse(ref.short) == ref
    assert str(ref.dataset) == f"{team}/{name}"


def test_the_default_namespace_is_left_out_for_people() -> None:
    assert DatasetRef.parse("gsm8k@2").short == "gsm8k@2"
    assert str(DatasetRef.parse("gsm8k@2")) == "local/gsm8k@2"
    assert DatasetRef.parse("team/x").short == "team/x"


@pytest.mark.parametrize(
    "text",
    ["", "/", "a/", "/a", "a//b", "a/b/c", ".", "..", "a..b", "../x", "a/../b", "-a", "a-", "A", "ä",
     "a b", "a\n", "a\x00", "\x1b[31m", "a|b", "a`b", "<b>", "x" * 101, "@1", "a@", "a@0", "a@01",
     "a@-1", "a@1.0", "a@1@2", "a@١", "a@9999999999", "a@1\n", "~", "$HOME", "a\\b", "con:"],
)  # fmt: skip
def test_other_names_are_refused_in_a_message_that_is_safe_to_print(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        DatasetRef.parse(text)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 130
    assert caught.value.hint


@given(st.text(max_size=200))
def test_whatever_is_accepted_is_harmless_in_paths_and_tables(text: str) -> None:
    try:
        ref = DatasetRef.parse(text)
    except InvalidInputError:
        return
    for part in (ref.namespace, ref.name):
        assert set(part) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
        assert part not in (".", "..")
        assert part[0] not in ".-"
