from __future__ import annotations

import unicodedata

import numpy as np
import regex

from registry.core import scripts


def counted(text: str | bytes) -> dict[str, int]:
    data = text.encode() if isinstance(text, str) else text
    found = scripts.count(np.frombuffer(data, np.uint8))
    return {name: int(n) for name, n in zip(scripts.NAMES, found, strict=True) if n}


def test_letters_count_and_nothing_else() -> None:
    assert counted("Ab 1, é!") == {"Latin": 3}
    assert counted("Привет, 世界 и ελ") == {"Cyrillic": 7, "Han": 2, "Greek": 2}
    assert counted("नमस्ते سلام שלום 한글 ひらカナ ไทย") == {
        "Devanagari": 6, "Arabic": 4, "Hebrew": 4, "Hangul": 2, "Hiragana": 2, "Katakana": 2,
        "Thai": 3,
    }  # fmt: skip
    assert counted("") == {}


def test_letters_of_scripts_without_a_name_are_other() -> None:
    assert counted("ᚠᚢ") == {"Other": 2}


def test_bytes_that_are_not_text_are_passed_over() -> None:
    assert counted(b"\xffabc\xc3") == {"Latin": 3}


def test_no_character_is_cut_between_two_chunks() -> None:
    text = "x" + "世" * 800_000
    assert counted(text) == {"Latin": 1, "Han": 800_000}


def test_the_table_agrees_with_unicode() -> None:
    """Not every letter has a named script here, but none has a wrong one."""
    wrong = [
        hex(code)
        for code in range(0x20000)
        if (name := scripts.script_of(chr(code))) not in (None, scripts.OTHER)
        and not regex.match(rf"\p{{Script={name}}}", chr(code))
    ]
    assert wrong == []


def test_hardly_a_letter_of_the_usual_scripts_is_missed() -> None:
    missed = [
        chr(code)
        for code in range(0x3000)
        if unicodedata.category(chr(code)).startswith("L")
        and scripts.script_of(chr(code)) == scripts.OTHER
        and regex.match(r"\p{Script=Latin}|\p{Script=Cyrillic}|\p{Script=Arabic}", chr(code))
    ]
    assert len(missed) < 20
