"""Read YAML in the one way that all its readers agree about; JSON is a part of it.

YAML would take `0.1` for a float, `010` for eight, `1:30` for ninety, `no` for false, and of two
equal keys the last one. Here every value is the text that was written, a key that stands twice is
an error with its line, and anchors, which could blow up a small file, are not followed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from registry.errors import InvalidInputError, NotFoundError

LARGEST: Final = 1 << 20
_TAG: Final = "tag:yaml.org,2002:"
_TEXTS: Final = {
    _TAG + kind for kind in ("str", "int", "float", "bool", "timestamp", "merge", "value")
}


class _Loader(yaml.SafeLoader):
    """Composes nodes, and refuses aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return the next node."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not followed", problem_mark=mark)
        return super().compose_node(parent, index)


def load(data: bytes, *, name: str) -> Any:
    """Return a document as objects, lists, texts and None.

    Args:
        data: The file.
        name: What it is called, for messages.

    Raises:
        InvalidInputError: It is not YAML, or a part of YAML that is not read here; with the line.
    """
    try:
        node = yaml.compose(data, Loader=_Loader)
        return None if node is None else _value(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise InvalidInputError(
            f"`{name}`{line} cannot be read as YAML: {problem}",
            hint="check indentation and quotes, and write each key once",
        ) from error


def read(name: str, *, what: str, page: str) -> Any:
    """Return the document in a file of at most 1 MiB.

    Args:
        name: The file.
        what: What it should hold, such as `recipe`.
        page: The page with examples.

    Raises:
        NotFoundError: There is no such file.
        InvalidInputError: It cannot be read, is larger, or is not YAML.
    """
    try:
        with Path(name).open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no {what} `{name}`", hint=f"{page} has examples") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidInputError(
            f"`{name}` cannot be read: {reason}", hint=f"name the file that holds the {what}"
        ) from error
    if len(data) > LARGEST:
        raise InvalidInputError(f"`{name}` is larger than 1 MiB", hint=f"is it really a {what}?")
    return load(data, name=name)


def _value(node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        if node.tag == _TAG + "null":
            return None
        if node.tag in _TEXTS:
            return node.value
    if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
        return [_value(item) for item in node.value]
    if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
        return _mapping(node)
    raise _problem(node, f"the tag `{node.tag.removeprefix(_TAG)}` is not read")


def _mapping(node: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _problem(key, "a key is not a word")
        if key.value in made:
            raise _problem(key, f"the key `{key.value[:60]}` stands twice")
        made[key.value] = _value(value)
    return made


def _problem(node: Any, what: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=what, problem_mark=node.start_mark)
