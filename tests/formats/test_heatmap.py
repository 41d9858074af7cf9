"""A heat map is a standalone SVG that says in words what its colors show."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from registry.formats.heatmap import Cell, color, in_percent, svg

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "title", "desc", "defs", "pattern", "path", "rect", "text", "g"}


def drawn(count: int, cells: dict[tuple[int, int], Cell], **more: str) -> ElementTree.Element:
    labels = [f"set{number}@1" for number in range(count)]
    made = svg(more.get("title", "Overlap"), "How to read it.", labels, cells, notes=["A note."])
    return ElementTree.fromstring(made)


def texts(root: ElementTree.Element) -> list[str]:
    return [item.text or "" for item in root.iter(f"{SVG}text")]


def test_cells_have_a_number_and_a_title() -> None:
    root = drawn(3, {(0, 1): Cell(0.5, "half of it"), (2, 0): Cell(None, "not compared")})
    titles = [item.text for item in root.iter(f"{SVG}title")]
    assert titles == ["Overlap", "half of it", "not compared"]
    assert "50" in texts(root)
    assert texts(root).count("set1@1") == 2
    assert "A note." in texts(root)


def test_it_needs_nothing_else() -> None:
    root = drawn(40, {(0, 1): Cell(0.25, "a"), (1, 0): Cell(0.0, "b")})
    assert root.tag == f"{SVG}svg"
    assert {item.tag.removeprefix(SVG) for item in root.iter()} <= ALLOWED
    for item in root.iter():
        assert not any(name.startswith("on") or "href" in name for name in item.attrib)
        assert "url(" not in "".join(item.attrib.values()).replace("url(#unknown)", "")
    ids = [item.attrib["id"] for item in root.iter() if "id" in item.attrib]
    assert sorted(ids) == ["description", "title", "unknown"]
    assert root.attrib["aria-labelledby"].split() == ["title", "description"]


@pytest.mark.parametrize("count", [0, 1, 2, 30, 31, 61, 200])
def test_everything_is_inside_at_any_size(count: int) -> None:
    cells = {(row, count - 1 - row): Cell(0.3, f"row {row}") for row in range(count)}
    root = drawn(count, cells)
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    for item in root.iter(f"{SVG}rect"):
        if "x" in item.attrib:
            box = [float(item.attrib[name]) for name in ("x", "y", "width", "height")]
            assert box[0] >= 0
            assert box[0] + box[2] <= width
            assert box[1] + box[3] <= height


def test_what_others_wrote_cannot_break_it() -> None:
    hostile = "</title><script>alert(1)</script>&\x00\ud800"
    root = drawn(2, {(0, 1): Cell(1.0, hostile)}, title=hostile)
    assert not list(root.iter(f"{SVG}script"))
    titles = [item.text for item in root.iter(f"{SVG}title")]
    assert titles == ["</title><script>alert(1)</script>&\ufffd\ufffd"] * 2


def test_only_all_is_a_hundred_percent_and_only_nothing_is_none() -> None:
    assert [in_percent(share) for share in (0, 0.00001, 0.01, 0.29, 0.999999, 1)] == [
        "0", "<1", "1", "29", "99", "100",
    ]  # fmt: skip


def test_more_is_darker() -> None:
    def light(share: float) -> int:
        found = re.fullmatch("#(..)(..)(..)", color(share))
        assert found
        return sum(int(part, 16) for part in found.groups())

    shades = [light(step / 20) for step in range(21)]
    assert shades == sorted(set(shades), reverse=True)
