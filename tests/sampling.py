"""Which of the points where a process could die are tried when there is no time for all of them."""

from __future__ import annotations

from collections.abc import Sequence


def sample(points: Sequence[str], one_in: int) -> list[int]:
    """Choose points: of every kind at least one, and one in so many.

    Which ones depends on nothing but the names, and each kind begins elsewhere: what is left out of
    one kind lies beside what is tried of another.

    Args:
        points: Their names, such as `before fsync 3`; what stands before the number is the kind.
        one_in: Of so many points of a kind one is tried.

    Returns:
        Where they are in the list, in order.
    """
    kinds: dict[str, list[int]] = {}
    for at, name in enumerate(points):
        kinds.setdefault(name.rpartition(" ")[0], []).append(at)
    chosen = []
    for number, places in enumerate(kinds.values()):
        chosen += places[number % min(one_in, len(places)) :: one_in]
    return sorted(chosen)
