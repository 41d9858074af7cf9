"""What a plan or a certificate says was left out because it resembles items of evaluation sets."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from registry.core.strict import ObjectReader

_CODE: Final = "E_ENVELOPE"
_SHARE: Final = re.compile(r"[01](?:\.[0-9]{1,18})?")


@dataclass(frozen=True, slots=True)
class SetLeftOut:
    """How many documents were left out for one evaluation set.

    A document that meets several sets counts for each, always by how it meets it most closely.

    Attributes:
        dataset: `team/name`.
        version: The version's number.
        content_root: The version's identity: which items these are.
        items: How many they are.
        exact: Documents equal to an item.
        near: Documents nearly equal to one.
        passage: Documents that share a run of words with one, or contain one.
        near_searched: Whether nearly equal documents were looked for.
        guaranteed_tokens: Shared runs of so many words are found without fail; None if no runs
            were looked for.
        short_items: Items of fewer than eight words: of those no passages can be found.
    """

    dataset: str
    version: int
    content_root: str
    items: int
    exact: int
    near: int
    passage: int
    near_searched: bool
    guaranteed_tokens: int | None
    short_items: int

    @property
    def documents(self) -> int:
        """Return how many documents were left out for it."""
        return self.exact + self.near + self.passage

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read what is said of one set."""
        got = ObjectReader(value, "an evaluation set", _CODE, set(cls.__dataclass_fields__))
        searched = got.take("near_searched")
        if not isinstance(searched, bool):
            raise got.bad("has no truth value in `near_searched`")
        made = cls(
            got.text("dataset"),
            got.count("version"),
            got.digest("content_root"),
            got.count("items"),
            got.count("exact"),
            got.count("near"),
            got.count("passage"),
            searched,
            _tokens(got),
            got.count("short_items"),
        )
        if made.short_items > made.items:
            raise got.bad("has more short items than items")
        if (made.near and not searched) or (made.passage and made.guaranteed_tokens is None):
            raise got.bad("counts documents that were not looked for")
        return made


@dataclass(frozen=True, slots=True)
class NotRead:
    """An input whose texts could not be compared.

    Attributes:
        dataset: `team/name`.
        version: The version's number.
        guaranteed_tokens: Of shared runs of fewer words none was looked for; None: of none at all.
    """

    dataset: str
    version: int
    guaranteed_tokens: int | None

    @property
    def name(self) -> tuple[str, int]:
        """Return which version it is."""
        return self.dataset, self.version

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read what is said of one input."""
        got = ObjectReader(value, "what was not read", _CODE, set(cls.__dataclass_fields__))
        return cls(got.text("dataset"), got.count("version"), _tokens(got))


def _tokens(got: ObjectReader) -> int | None:
    return None if got.take("guaranteed_tokens") is None else got.count("guaranteed_tokens")


@dataclass(frozen=True, slots=True)
class LeftOutForSets:
    """What was left out for evaluation sets, and how that was looked for.

    Attributes:
        rule: What counts as resembling, with its version.
        min_similarity: From which similarity on documents are nearly equal, a decimal.
        recall: How probably two documents of just that similarity are found, rounded down.
        run: From how many shared words in a row on a passage counts.
        documents: How many documents were left out, each once.
        bytes: What they come to.
        sets: For which sets.
        not_read: Inputs whose texts could not be compared: only what the index knows of them was.
    """

    rule: str
    min_similarity: str
    recall: str
    run: int
    documents: int
    bytes: int
    sets: tuple[SetLeftOut, ...]
    not_read: tuple[NotRead, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values without floats."""
        return asdict(self) | {
            "sets": [asdict(item) for item in self.sets],
            "not_read": [asdict(item) for item in self.not_read],
        }

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read it and check that its parts agree with one another.

        Raises:
            VerificationError: `E_ENVELOPE`.
        """
        got = ObjectReader(value, "what is left out", _CODE, set(cls.__dataclass_fields__))
        made = cls(
            got.text("rule"),
            got.text("min_similarity"),
            got.text("recall"),
            got.count("run"),
            got.count("documents"),
            got.count("bytes"),
            tuple(SetLeftOut.parse(item) for item in got.items("sets")),
            tuple(NotRead.parse(item) for item in got.items("not_read")),
        )
        for share in (made.min_similarity, made.recall):
            if not _SHARE.fullmatch(share):
                raise got.bad("has no decimal from 0 to 1")
        names = [(item.dataset, item.version) for item in made.sets]
        unread = [item.name for item in made.not_read]
        if len(set(names)) != len(names) or len(set(unread)) != len(unread):
            raise got.bad("names a version twice")
        each = [item.documents for item in made.sets]
        if not max(each, default=0) <= made.documents <= sum(each):
            raise got.bad("does not add up")
        return made
