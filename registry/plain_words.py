"""Counts, sizes, shares and names as people read them, on one line and without surprises.

What others wrote (names, file names, messages about their files) passes through `clean`, so that
no control character reaches a terminal. The standard library is all this needs, because the
verifier shows its report with it.
"""

from __future__ import annotations

from collections.abc import Iterable


def clean(text: str, *, limit: int = 2000) -> str:
    """Return somebody else's text on one line, without control or invisible direction marks."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    if shown.isprintable():
        return shown
    return "".join(it if it.isprintable() else _escaped(it) for it in shown)


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def count(number: int) -> str:
    """Return a count as people read it: `1,204,118`."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: `1 document`, `1,204,118 documents`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: int) -> str:
    """Return bytes in powers of 1,000 and three digits: `3.71 GB`."""
    if number < 1000:
        return plural(number, "byte")
    value, unit = number / 1000, "kB"
    for larger in ("MB", "GB", "TB", "PB", "EB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:,.{digits}f} {unit}"


def share(part: int, whole: int, *, digits: int = 1) -> str:
    """Return a share in percent, rounded down: 89.96 % is never shown as `90.0 %`.

    What is too little for the digits is not shown as nothing: `<0.1 %`.
    """
    scale = 10**digits
    if not whole:
        return f"{0:.{digits}f} %"
    units = 100 * scale * part // whole
    if part > 0 and not units:
        return f"<{1 / scale:.{digits}f} %"
    return f"{units // scale}.{units % scale:0{digits}d} %" if digits else f"{units} %"


def probability(share_found: float) -> str:
    """Return a probability with three digits, rounded down: what is not certain is not 1."""
    return f"{int(share_found * 1000) / 1000:.3f}"


def percent(decimal: str) -> str:
    """Return a share that stands as a decimal, such as `0.8`, in percent and exactly: `80 %`."""
    whole, _, part = decimal.partition(".")
    digits = part.ljust(2, "0")
    exact = f"{int(whole + digits[:2])}.{digits[2:]}".rstrip("0").rstrip(".")
    return f"{exact} %"


def block(lines: Iterable[tuple[str, str]], *, indent: str = "") -> list[str]:
    """Return `Label   value` lines with aligned values; an empty label continues the one above."""
    pairs = list(lines)
    width = max((len(label) for label, _ in pairs), default=0)
    return [f"{indent}{label:<{width}}  {value}".rstrip() for label, value in pairs]
