from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from registry.core.claim import UNSAID, OriginVoice, combine, granted_bytes, uniform
from registry.core.dataset import ORIGINS_BY_CAUTION, Origin

SIZES = np.array([0, 1, 10, 100, 2**53], np.int64)
HUMAN, MIXED, UNKNOWN = (o.caution for o in (Origin.HUMAN, Origin.MIXED, Origin.UNKNOWN))


@st.composite
def voices(draw: st.DrawFn) -> OriginVoice:
    """What a claim may say about five documents, also more human bytes than there are bytes."""
    ranks = draw(st.lists(st.integers(UNSAID, 5), min_size=5, max_size=5))
    if draw(st.booleans()):
        return OriginVoice(np.array(ranks, np.int8))
    human = draw(st.lists(st.integers(-5, 2**60), min_size=5, max_size=5))
    return OriginVoice(np.array(ranks, np.int8), np.array(human, np.int64))


several = st.lists(voices(), max_size=4)


@given(several)
def test_the_most_cautious_voice_counts_and_the_fewest_human_bytes(said: list[OriginVoice]) -> None:
    view = combine(SIZES, said)
    for row, size in enumerate(SIZES.tolist()):
        about = [voice for voice in said if voice.ranks[row] != UNSAID]
        rank = max((int(voice.ranks[row]) for voice in about), default=UNKNOWN)
        assert view.ranks[row] == rank
        grants = []
        for voice in about:
            if voice.ranks[row] == HUMAN:
                grants.append(size)
            elif voice.ranks[row] == MIXED and voice.human_bytes is not None:
                grants.append(min(max(int(voice.human_bytes[row]), 0), size))
            else:
                grants.append(0)
        expected = min(grants, default=0) if rank in (HUMAN, MIXED) else 0
        assert view.human_bytes[row] == expected
        assert view.contested[row] == bool(grants and max(grants) > expected)


@given(several)
def test_human_bytes_are_never_more_than_there_are(said: list[OriginVoice]) -> None:
    view = combine(SIZES, said)
    assert (view.human_bytes >= 0).all()
    assert (view.human_bytes <= SIZES).all()
    assert (view.human_bytes[view.ranks == HUMAN] == SIZES[view.ranks == HUMAN]).all()
    assert (view.human_bytes[(view.ranks != HUMAN) & (view.ranks != MIXED)] == 0).all()


@given(st.lists(voices(), max_size=3))
def test_the_order_of_claims_does_not_matter(said: list[OriginVoice]) -> None:
    views = [combine(SIZES, list(order)) for order in itertools.permutations(said)]
    for view in views[1:]:
        assert (view.ranks == views[0].ranks).all()
        assert (view.human_bytes == views[0].human_bytes).all()
        assert (view.contested == views[0].contested).all()


@given(several, voices())
def test_no_claim_makes_what_was_spoken_of_more_human(
    said: list[OriginVoice], more: OriginVoice
) -> None:
    """Where nobody has spoken, the first claim decides: unknown is not an accusation."""
    before, after = combine(SIZES, said), combine(SIZES, [*said, more])
    spoken = np.array([any(v.ranks[row] != UNSAID for v in said) for row in range(5)])
    assert (after.human_bytes <= before.human_bytes)[spoken].all()
    assert (after.ranks >= before.ranks)[spoken].all()


@given(several, voices())
def test_saying_the_same_again_changes_nothing(said: list[OriginVoice], voice: OriginVoice) -> None:
    one, two = combine(SIZES, [*said, voice]), combine(SIZES, [*said, voice, voice])
    assert (one.ranks == two.ranks).all()
    assert (one.human_bytes == two.human_bytes).all()


def test_without_claims_everything_is_unknown() -> None:
    view = combine(SIZES, [])
    assert view.origins() == [Origin.UNKNOWN]
    assert not view.human_bytes.any()
    assert not view.contested.any()
    assert combine(SIZES[:0], []).origins() == []


def test_one_origin_for_some_documents() -> None:
    voice = uniform(Origin.AI, np.array([True, False, True, False, False]))
    assert voice.ranks.tolist() == [5, UNSAID, 5, UNSAID, UNSAID]
    for origin in ORIGINS_BY_CAUTION:
        granted = granted_bytes(uniform(origin, np.ones(5, np.bool_)), SIZES)
        assert (granted == (SIZES if origin is Origin.HUMAN else 0)).all()
