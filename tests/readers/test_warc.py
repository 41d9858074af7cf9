from __future__ import annotations

import base64
import gzip
import hashlib
import io
import random
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from fastwarc.stream_io import GzipWriter
from fastwarc.warc import WarcRecord, WarcRecordType

from registry.core.evidence import DateKind
from registry.core.source import Format, OnBadInput, ReadOptions
from registry.errors import InvalidInputError, UnavailableError
from registry.readers import discover, documents, files
from registry.readers import warc as module
from tests.objects import Bucket
from tests.readers.making import rows, skips, tar, texts, written, zstd

SUFFIXES = ["warc", "warc.gz", "wet", "wet.gz", "warc.zst", "wet.zst", "warc.bz2"]


def record(
    kind: str,
    body: str | bytes,
    content_type: str | None = "text/plain",
    length: object = None,
    **headers: str,
) -> bytes:
    """Return a record as the standard writes it."""
    content = body.encode() if isinstance(body, str) else body
    lines = {
        "WARC-Type": kind,
        "WARC-Target-URI": f"https://example.org/{kind}",
        "WARC-Date": "2021-05-06T07:08:09Z",
        "WARC-Record-ID": "<urn:uuid:9e4d6e1c-7d3c-4d5e-8f1b-1d2c3b4a5f60>",
        "Content-Length": str(len(content) if length is None else length),
    }
    if content_type is not None:
        lines["Content-Type"] = content_type
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"WARC/1.0\r\n{head}\r\n".encode() + content + b"\r\n\r\n"


def http(body: bytes, content_type: str = "text/plain", more: str = "", **headers: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{more}\r\n".encode()
    return record("response", head + body, "application/http; msgtype=response", **headers)


def digest(content: bytes) -> str:
    return f"sha1:{base64.b32encode(hashlib.sha1(content).digest()).decode()}"


INFO = record("warcinfo", "software: a crawler", "application/warc-fields")
ONE = record("conversion", "Der erste Text.", WARC_Identified_Content_Language="deu,eng")
TWO = record("conversion", "ö two\n")
PAGE = http(b"<p>no text</p>", "text/html; charset=UTF-8")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_conversion_is_a_document(tmp_path: Path, suffix: str) -> None:
    file = written(tmp_path / f"a.{suffix}", INFO + ONE + TWO)
    assert [(row["file"], row["record"], row["text"]) for row in rows(file)] == [
        (0, 0, "Der erste Text."), (0, 1, "ö two\n"),
    ]  # fmt: skip


def test_a_member_or_frame_per_record_is_usual(tmp_path: Path) -> None:
    parts = [INFO, ONE, TWO, ONE]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(map(gzip.compress, parts)))
    (tmp_path / "b.warc.zst").write_bytes(b"".join(map(zstd, parts)))
    assert texts(tmp_path) == ["Der erste Text.", "ö two\n", "Der erste Text."] * 2


def test_what_fastwarc_writes_is_read(tmp_path: Path) -> None:
    out = io.BytesIO()
    writer = GzipWriter(out)
    for text in ("eins", "", "drei\r\n\r\nWARC/1.0\r\n"):
        made = WarcRecord()
        made.init_headers(WarcRecordType.conversion)
        made.headers["Content-Type"] = "text/plain"
        made.set_bytes_content(text.encode())
        made.write(writer, checksum_data=True)
    writer.close()
    (tmp_path / "a.warc.wet.gz").write_bytes(out.getvalue())
    assert texts(tmp_path) == ["eins", "", "drei\r\n\r\nWARC/1.0\r\n"]


def test_only_plain_text_is_a_document_and_the_rest_is_counted(tmp_path: Path) -> None:
    file = written(
        tmp_path / "a.warc",
        INFO
        + PAGE
        + record("request", "GET / HTTP/1.1\r\n\r\n", "application/http; msgtype=request")
        + http(b"robots", "Text/Plain")
        + record("resource", "a note")
        + record("resource", b"\x89PNG", "image/png")
        + record("conversion", "%PDF", "application/pdf")
        + record("conversion", "what is it?", None)
        + record("resource", "first half", WARC_Segment_Number="1")
        + record("metadata", "fetchTimeMs: 1", "application/warc-fields")
        + PAGE,
    )
    assert texts(file) == ["robots", "a note"]
    assert [(skip.where.removeprefix(str(file)), skip.why) for skip in skips(file)[1]] == [
        (": not text: 1 record of a part of a content only", None),
        (": not text: 1 record of application/pdf", None),
        (": not text: 1 record of image/png", None),
        (": not text: 1 record of no stated type", None),
        (": not text: 2 records of text/html", None),
    ]


def test_the_types_that_are_counted_are_bounded(tmp_path: Path) -> None:
    many = b"".join(record("resource", "x", f"image/x-{n:02}") for n in range(60))
    file = written(tmp_path / "a.warc", ONE + many)
    found = [skip.where for skip in skips(file)[1]]
    assert len(found) == 51
    assert found[-1].endswith("not text: 10 records of other types")


def test_a_record_tells_its_fields(tmp_path: Path) -> None:
    file = written(tmp_path / "a.wet", INFO + ONE + TWO)
    first, second = rows(
        file, language_field="language", generator_field="record_id",
        date_fields=((DateKind.CAPTURED, "date"),), text_fields=("url", "content_type", "text"),
    )  # fmt: skip
    assert first["text"] == "https://example.org/conversion\ntext/plain\nDer erste Text."
    assert (first["language"], second["language"]) == ("deu,eng", None)
    assert first["not_before"].isoformat() == "2021-05-06T07:08:09+00:00"
    assert first["generator"] == "<urn:uuid:9e4d6e1c-7d3c-4d5e-8f1b-1d2c3b4a5f60>"


def test_the_content_type_of_a_page_is_the_one_it_was_sent_with(tmp_path: Path) -> None:
    file = written(tmp_path / "a.warc", http(b"x", "text/plain;charset=latin-1"))
    assert texts(file, text_fields=("content_type",)) == ["text/plain;charset=latin-1"]


def test_fields_that_no_record_has_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "a.wet", ONE)
    with pytest.raises(InvalidInputError, match="has the field `uri`") as caught:
        rows(file, text_fields=("uri",))
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean `url`? its fields are `content_type`")


def test_http_payloads_are_unpacked(tmp_path: Path) -> None:
    packed = gzip.compress("Grüße".encode("latin-1"))
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
    more = "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"
    file = written(tmp_path / "a.warc", http(body, 'text/plain; charset="ISO-8859-1"', more))
    assert texts(file) == ["Grüße"]


def test_a_record_says_its_charset_and_the_option_is_for_those_that_do_not(tmp_path: Path) -> None:
    file = written(
        tmp_path / "a.warc",
        record("resource", "тест".encode("koi8-r"), "text/plain; charset=KOI8-R")
        + record("resource", "тест".encode("cp1251"), "text/plain"),
    )
    assert texts(file, encoding="cp1251") == ["тест", "тест"]
    with pytest.raises(
        InvalidInputError, match=r"record 2 of `.*a\.warc` .* not valid utf-8"
    ) as caught:
        rows(file)
    assert "`--encoding`" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (record("conversion", b"\xff\xfe"), "not valid utf-8 at its byte 0"),
        (record("conversion", "x", "text/plain; charset=klingon"), "the charset `klingon`, which is none"),
        (record("conversion", "x", "text/plain; charset=base64"), "the charset `base64`, which is none"),
        (record("conversion", "x", WARC_Block_Digest=digest(b"y")), "block digest does not hold"),
        (http(b"x", WARC_Block_Digest=digest(b"y")), "block digest does not hold"),
        (http(b"no gzip", more="Content-Encoding: gzip\r\n"), "HTTP content cannot be read"),
        (http(b"zz", more="Transfer-Encoding: chunked\r\n"), "HTTP content cannot be read"),
    ],
)  # fmt: skip
def test_a_bad_record_fails_or_is_left_out(tmp_path: Path, broken: bytes, message: str) -> None:
    file = written(tmp_path / "a.warc", INFO + ONE + broken + TWO)
    with pytest.raises(InvalidInputError, match=message) as caught:
        rows(file)
    offset = len(INFO + ONE)
    assert f"record 3 of `{file}` (at byte {offset})" in caught.value.message
    assert texts(file, on_bad_input=OnBadInput.SKIP) == ["Der erste Text.", "ö two\n"]
    _, [skip] = skips(file, on_bad_input=OnBadInput.SKIP)
    assert skip.why == caught.value.message


def test_a_digest_that_holds_or_is_of_another_kind_is_fine(tmp_path: Path) -> None:
    sound = record("conversion", "x", WARC_Block_Digest=digest(b"x"))
    other = record("conversion", "y", WARC_Block_Digest="blake3:00")
    assert texts(written(tmp_path / "a.warc", sound + other)) == ["x", "y"]


SECOND = len(INFO + ONE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ((INFO + ONE + TWO)[:-8], f"record 3 after byte {SECOND} should have 7 bytes and has 3"),
        ((INFO + ONE + TWO)[: SECOND + 30], f"record 3 after byte {SECOND} has no valid header"),
        (INFO[:-9], "record 1 after byte 0 should have 19 bytes and has 14"),
        (INFO + PAGE[:-9], "record 2 after byte .* should have .* bytes and has"),
        (INFO + record("conversion", "short", length=12) + TWO, "record 3 after byte .* Invalid WARC header"),
        (INFO + record("conversion", "much too long", length=4) + TWO, "record 3 after byte .* Invalid"),
        (INFO + record("conversion", "x", length=10**12), "longer than 1 GiB"),
        (INFO + record("conversion", "x", length="many"), "no valid header `Content-Length`"),
        (INFO + record("conversion", "x", length=-1), "no valid header `Content-Length`"),
        (INFO + b"junk\r\n\r\n" + ONE, "record 2 after byte .* Invalid WARC header"),
        (b"<html>not an archive</html>\n" * 9, "record 1 after byte 0 .* Invalid WARC header"),
        (ONE.replace(b"WARC-Type", b"WARC-Tape"), "no valid header `WARC-Type`"),
    ],
)  # fmt: skip
def test_damage_between_records_is_an_error_with_its_place(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = written(tmp_path / "a.warc", content)
    for way in OnBadInput:
        with pytest.raises(InvalidInputError, match=message) as caught:
            rows(file, on_bad_input=way)
        assert str(file) in caught.value.message


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9])
def test_a_cut_gzip_file_is_an_error(tmp_path: Path, cut: float) -> None:
    whole = b"".join(gzip.compress(part) for part in (INFO, ONE, TWO))
    file = tmp_path / "a.warc.gz"
    file.write_bytes(whole[: int(cut * len(whole))])
    with pytest.raises(InvalidInputError, match=r"a\.warc\.gz` cannot be (decompressed|read)"):
        rows(file)


def test_a_member_broken_in_the_middle_is_an_error(tmp_path: Path) -> None:
    middle = bytearray(gzip.compress(ONE * 50))
    middle[len(middle) // 2] ^= 0x55
    file = tmp_path / "a.warc.gz"
    file.write_bytes(gzip.compress(INFO) + middle + gzip.compress(TWO))
    with pytest.raises(InvalidInputError, match=r"a\.warc\.gz` cannot be"):
        rows(file)


def test_random_damage_is_our_error_or_none(tmp_path: Path) -> None:
    rng = random.Random(7)
    whole = INFO + ONE + PAGE + http(b"x" * 50) + TWO
    for number in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.choice([1, 1, 4])):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        cut = len(damaged) if number % 3 else rng.randrange(len(damaged))
        file = written(tmp_path / f"{number}.warc", bytes(damaged[:cut]))
        with suppress(InvalidInputError):
            rows(file)


@pytest.mark.parametrize("content", [b"", INFO, INFO + PAGE + PAGE])
def test_an_archive_without_text_is_refused(tmp_path: Path, content: bytes) -> None:
    file = written(tmp_path / "a.warc.gz", content)
    with pytest.raises(InvalidInputError, match="has no record that is text") as caught:
        rows(file)
    assert caught.value.hint == "extract the text first, or take the WET files of the same crawl"
    assert ("only 2 records of text/html" in caught.value.message) is (PAGE in content)
    assert rows(file, on_bad_input=OnBadInput.SKIP) == []


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_bombs_are_stopped(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for reader in (module, files):
        monkeypatch.setattr(reader, "RATIO_FROM", 1 << 16)
    bomb = http(gzip.compress(bytes(1 << 24)), more="Content-Encoding: gzip\r\n")
    file = written(tmp_path / name, INFO + bomb)
    with pytest.raises(InvalidInputError, match="decompresses to more than 300 times its size"):
        rows(file)
    plain = written(tmp_path / "plain.warc.gz", INFO + record("conversion", bytes(1 << 25)))
    with pytest.raises(InvalidInputError, match="decompresses to more than 300 times its size"):
        rows(plain)


def test_it_is_read_inside_of_a_tar_archive(tmp_path: Path) -> None:
    packed = gzip.compress(INFO) + gzip.compress(ONE + PAGE)
    file = tar(tmp_path / "a.tar", ("x.warc.gz", packed), ("y.wet", TWO))
    assert [(row["record"], row["text"]) for row in rows(file)] == [
        (0, "Der erste Text."), (1, "ö two\n"),
    ]  # fmt: skip
    assert [skip.where for skip in skips(file)[1]] == [
        f"{file}!x.warc.gz: not text: 1 record of text/html"
    ]


def test_the_format_can_be_said(tmp_path: Path) -> None:
    assert texts(written(tmp_path / "crawl", ONE), format=Format.WARC) == ["Der erste Text."]


def test_many_records_come_in_bounded_batches(tmp_path: Path) -> None:
    file = written(
        tmp_path / "a.wet.gz", b"".join(record("conversion", f"text {n}") for n in range(9000))
    )
    found = rows(file)
    assert [row["record"] for row in found] == list(range(9000))
    assert found == rows(file)


def test_without_fastwarc_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fastwarc.warc", None)
    with pytest.raises(UnavailableError) as caught:
        rows(written(tmp_path / "a.wet", ONE))
    assert caught.value.hint == "pip install 'firsthand[warc]'"


def test_a_pipe_is_no_bomb_because_its_size_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "RATIO_FROM", 1)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(INFO + ONE + TWO)))
    read = ReadOptions(format=Format.WARC)
    found = documents(discover(["-"], read).files, read)
    assert [text for batch in found for text in batch["text"].to_pylist()] == [
        "Der erste Text.", "ö two\n",
    ]  # fmt: skip


def test_an_object_in_a_store_is_read(bucket: Bucket) -> None:
    uri = bucket.put("a.warc.gz", b"".join(map(gzip.compress, [INFO, ONE, TWO])))
    found = documents(discover([uri], ReadOptions()).files, ReadOptions())
    assert sum(batch.num_rows for batch in found) == 2
