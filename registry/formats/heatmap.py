"""A heat map as SVG 1.1: one file, no script, no font or style from elsewhere.

Colors only repeat what the numbers in the cells and the titles, which browsers show as tooltips,
say as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

_PALE: Final = (222, 235, 247)
_MIDDLE: Final = (107, 174, 214)
_DARK: Final = (8, 48, 107)
_INK: Final = "#1b1b1b"
_WIDTH_OF_LETTER: Final = 6.7
_SIZES: Final = ((30, 34), (60, 24), (150, 12))
"""Up to how many rows cells have which size, in pixels."""
_SMALLEST: Final = 6
_NUMBERED: Final = 24
"""From which size on a cell shows its number."""
_LEGEND: Final = (0.01, 0.25, 0.5, 0.75, 1.0)
# What XML 1.0 has no way to write.
_NO_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that is not empty.

    Attributes:
        share: From 0 to 1, or None where it is not known.
        title: What it says in full.
    """

    share: float | None
    title: str


def svg(
    title: str,
    description: str,
    labels: Sequence[str],
    cells: Mapping[tuple[int, int], Cell],
    *,
    notes: Sequence[str] = (),
) -> str:
    """Return a square heat map.

    Args:
        title: What it shows.
        description: How to read it.
        labels: The names of the rows, which are those of the columns too.
        cells: By row and column; others are drawn as empty, those of the diagonal as meaningless.
        notes: Lines below it.
    """
    count = len(labels)
    size = next((side for most, side in _SIZES if count <= most), _SMALLEST)
    longest = max(map(len, labels), default=0) * _WIDTH_OF_LETTER
    left, top = longest + 24, longest * 0.72 + 72
    side = count * size
    below = top + side + 28
    width = max(left + side + longest * 0.72 + 16, 640)
    height = below + 34 + 18 * len(notes)
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" version="1.1" role="img" '
        f'aria-labelledby="title description" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="system-ui, sans-serif" '
        f'font-size="12" fill="{_INK}">',
        f'<title id="title">{_text(title)}</title>',
        f'<desc id="description">{_text(description)}</desc>',
        '<defs><pattern id="unknown" width="6" height="6" patternUnits="userSpaceOnUse">'
        '<path d="M0 6 L6 0" stroke="#9a9a9a" stroke-width="1"/></pattern></defs>',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="12" y="24" font-size="16" font-weight="bold">{_text(title)}</text>',
        f'<text x="12" y="44">{_text(description)}</text>',
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{side}" height="{side}" fill="#fafafa" '
        'stroke="#9a9a9a"/>',
        *_grid(left, top, size, count),
        *_labels(left, top, size, labels),
    ]
    for at in range(count):
        x, y = left + at * size, top + at * size
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{size}" height="{size}" fill="#d9d9d9"/>'
        )
    for (row, column), cell in sorted(cells.items()):
        parts.append(_cell(left + column * size, top + row * size, size, cell))
    parts += _legend(left, below)
    for number, note in enumerate(notes):
        parts.append(f'<text x="12" y="{below + 44 + 18 * number:.1f}">{_text(note)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def in_percent(share: float) -> str:
    """Return a share in whole percent, rounded down, so that only all is `100`."""
    if 0 < share < 0.01:
        return "<1"
    # Shares are quotients of counts: what is not below a whole percent by more than rounding.
    return str(int(share * 100 + 1e-9))


def color(share: float) -> str:
    """Return the color of a share."""
    low, high, part = (
        (_PALE, _MIDDLE, share * 2) if share < 0.5 else (_MIDDLE, _DARK, share * 2 - 1)
    )
    mixed = (round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
    return "#" + "".join(f"{it:02x}" for it in mixed)


def _grid(left: float, top: float, size: int, count: int) -> list[str]:
    if size < _NUMBERED or count < 2:
        return []
    side = size * count
    lines = [
        f"M{left:.1f} {top + at * size:.1f}h{side}M{left + at * size:.1f} {top:.1f}v{side}"
        for at in range(1, count)
    ]
    return [f'<path d="{"".join(lines)}" stroke="#e8e8e8" fill="none"/>']


def _labels(left: float, top: float, size: int, labels: Sequence[str]) -> list[str]:
    parts = []
    font = min(12, max(size - 1, 5))
    for at, label in enumerate(labels):
        middle = (at + 0.5) * size
        parts += [
            f'<text x="{left - 6:.1f}" y="{top + middle + font / 3:.1f}" text-anchor="end" '
            f'font-size="{font}">{_text(label)}</text>',
            f'<text font-size="{font}" transform="translate({left + middle + font / 3:.1f} '
            f'{top - 6:.1f}) rotate(-45)">{_text(label)}</text>',
        ]
    return parts


def _cell(x: float, y: float, size: int, cell: Cell) -> str:
    fill = "url(#unknown)" if cell.share is None else color(cell.share) if cell.share else "none"
    drawn = f'<rect x="{x:.1f}" y="{y:.1f}" width="{size}" height="{size}" fill="{fill}"/>'
    if cell.share and size >= _NUMBERED:
        ink = "#ffffff" if cell.share > 0.55 else _INK
        drawn += (
            f'<text x="{x + size / 2:.1f}" y="{y + size / 2 + 4:.1f}" text-anchor="middle" '
            f'font-size="11" fill="{ink}">{_text(in_percent(cell.share))}</text>'
        )
    return f"<g><title>{_text(cell.title)}</title>{drawn}</g>"


def _legend(left: float, top: float) -> list[str]:
    parts, x = [], left
    boxes = [(color(share), f"{in_percent(share)} %") for share in _LEGEND]
    for fill, name in (*boxes, ("url(#unknown)", "not compared")):
        parts.append(
            f'<rect x="{x:.1f}" y="{top:.1f}" width="14" height="14" fill="{fill}" '
            f'stroke="#9a9a9a"/><text x="{x + 19:.1f}" y="{top + 11:.1f}">{_text(name)}</text>'
        )
        x += 72
    return parts


def _text(text: str) -> str:
    return escape(_NO_XML.sub("\ufffd", text))
