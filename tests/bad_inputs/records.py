"""Bad records: files that can be read, with something in them that cannot be a document."""

from __future__ import annotations

import codecs
import io
from pathlib import Path
from typing import Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bad_inputs.case import Case, Fine, Make, lines, put, tar_of

REGISTER: Final = "register data.jsonl --name x"
CSV: Final = "register data.csv --name x"
JSON: Final = "register data.json --name x"
NO_JSON: Final = r"`\S+data\.jsonl:2` is not valid JSON"
GOOD: Final = b'{"text": "a"}\n'
SAID: Final = "--origin-field by"


def second(line: str | bytes) -> Make:
    """Put a line between two good ones."""
    return put(
        "data.jsonl", GOOD + (line.encode() if isinstance(line, str) else line) + b"\n" + GOOD
    )


def table(**columns: list[object] | pa.Array) -> bytes:
    """Return a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def odd_names(folder: Path) -> None:
    """Write files whose names a terminal would obey."""
    (folder / "data").mkdir()
    for n, name in enumerate(("a\x1b[31m.jsonl", "b\n.jsonl", "c\u202e.jsonl", "..d.jsonl")):
        (folder / "data" / name.lstrip(".")).write_bytes(orjson.dumps({"text": str(n)}))


RECORDS: Final = (
    Case("a field that is missing", lines("data.jsonl", {"title": "a", "body": "b"}),
         f"{REGISTER} --text-field content",
         r"no record of `\S+data\.jsonl` has the field `content`", "its fields are `body`, `title`"),
    Case("a field that is misspelt", lines("data.jsonl", {"title": "a", "content": "b"}),
         f"{REGISTER} --text-field contents", "has the field `contents`", "did you mean `content`?"),
    Case("a column that is misspelt", put("data.parquet", table(title=["a"], content=["b"])),
         "register data.parquet --name x --text-field contents", "has the field `contents`",
         "did you mean `content`?"),
    Case("no field that could be the text", lines("data.jsonl", {"n": 1}), REGISTER,
         r"`\S+data\.jsonl` has no field `text` and no field of strings", "its fields are `n`"),
    Case("several fields that could be the text", lines("data.jsonl", {"a": "1", "b": "2"}),
         REGISTER, "several fields of strings: `a`, `b`", "--text-field a"),
    Case("a number as text", second('{"text": 5}'), REGISTER,
         r"`\S+data\.jsonl:2`: the field `text` is a number, not text", "name another field, or write the values as text"),
    Case("a huge integer as text", second('{"text": 1' + "0" * 400 + "}"), REGISTER,
         r"`\S+data\.jsonl:2` is not valid JSON: number is infinity", "--on-bad-input skip"),
    Case("a column of numbers as text", put("data.parquet", table(text=[1, 2])),
         "register data.parquet --name x", r"the field `text` is a column of type int64, not text",
         "another field"),
    Case("a text that becomes an object", second('{"text": {"a": "b"}}'), REGISTER,
         r"`\S+data\.jsonl:2`: the field `text` is an object, not text", r"`text\.inner`"),
    Case("a list that holds numbers", second('{"text": ["a", 1]}'), REGISTER,
         r"`\S+data\.jsonl:2`: the field `text` is a list that holds a number", r"`text\[0\]`"),
    Case("a path into a list", lines("data.jsonl", {"a": [{"b": "c"}]}),
         f"{REGISTER} --text-field a.b", r"`\S+data\.jsonl:1`: the field `a` is a list",
         r"a\[0\]"),
    Case("an index no record has", lines("data.jsonl", {"a": ["b"]}),
         f"{REGISTER} --text-field 'a[5]'", r"no record of `\S+data\.jsonl` has the field `a\[5\]`",
         "its fields are `a`"),
    Case("an index into a text", lines("data.jsonl", {"a": "b"}),
         f"{REGISTER} --text-field 'a[0]'", r"`\S+data\.jsonl:1`: the field `a` is text, not a list$",
         "without an index"),
    # JSON.
    Case("broken JSON in the middle", second('{"text": "a'), REGISTER, NO_JSON,
         "one JSON object"),
    Case("a line that is a list", second('["a"]'), REGISTER,
         r"`\S+data\.jsonl:2` is a list, not an object", "one JSON object"),
    Case("a number that is none", second('{"text": "a", "n": NaN}'), REGISTER, NO_JSON, "skip"),
    Case("half a pair of surrogates", second('{"text": "a\\ud800"}'), REGISTER, f"{NO_JSON}: no low surrogate",
         "skip"),
    Case("objects 10,000 deep", second('{"text": "a", "b": ' + '{"c":' * 10_000 + "1" + "}" * 10_001),
         REGISTER, f"{NO_JSON}: depth limit exceeded", "skip"),
    Case("a JSON list 10,000 deep", put("data.json", "[" * 10_000 + "]" * 10_000), JSON,
         r"record 1 of `\S+data\.json` is not valid JSON: depth limit", "skip"),
    Case("bytes that are not UTF-8", second(b'{"text": "gr\xfc\xdfe"}'), REGISTER,
         r"`\S+data\.jsonl:2` is not valid UTF-8 at byte 26 of the file",
         "--encoding .*--on-bad-input skip"),
    Case("a text file that is not UTF-8", put("data.txt", b"gr\xfc\xdfe"),
         "register data.txt --name x", r"`\S+data\.txt` is not valid UTF-8 at byte 2 of the file",
         "--encoding latin-1.*--on-bad-input skip"),
    Case("JSON lines in UTF-16", put("data.jsonl", GOOD.decode().encode("utf-16")), REGISTER,
         r"`\S+data\.jsonl:1` is not valid UTF-8 at byte 0", "--encoding utf-16"),
    Case("a text file in UTF-16", put("data.txt", "Grüße".encode("utf-16")),
         "register data.txt --name x", r"`\S+data\.txt` is not valid UTF-8 at byte 0",
         "--encoding utf-16"),
    Case("JSON in UTF-16", put("data.json", '[{"text": "a"}]'.encode("utf-16")), JSON,
         r"`\S+data\.json` is not valid UTF-8 at byte 0", "--encoding utf-16"),
    Case("CSV in UTF-16", put("data.csv", "text\na\n".encode("utf-16")), CSV,
         r"`\S+data\.csv:1` is not valid UTF-8 at byte 0", "--encoding utf-16"),
    Case("an encoding that is none", put("data.txt", "a"),
         "register data.txt --name x --encoding klingon", "there is no encoding `klingon`",
         "latin-1"),
    Case("the wrong encoding", put("data.txt", "Grüße".encode("latin-1")),
         "register data.txt --name x --encoding ascii", r"`\S+data\.txt` is not valid ascii at byte 2",
         "--encoding"),
    Case("a column of bytes that are not UTF-8",
         put("data.parquet", table(text=pa.array([b"a", b"\xff"]).view(pa.string()))),
         "register data.parquet --name x",
         r"record 2 of `\S+data\.parquet`: the field `text` is not valid UTF-8 at byte 0",
         "write the file again"),
    Case("JSON that breaks off", put("data.json", '[{"text": "a"}, {"text": '), JSON,
         r"`\S+data\.json` is not valid JSON at byte 25: it ends inside the list", "truncated"),
    Case("JSON with a broken record", put("data.json", '[{"text": "a"}, {"text"}]'), JSON,
         r"record 2 of `\S+data\.json` is not valid JSON", "--on-bad-input skip"),
    Case("a JSON list of texts", put("data.json", '["a", "b"]'), JSON,
         r"record 1 of `\S+data\.json` is text, not an object", r'\{"text"'),
    Case("columns as JSON", put("data.json", '{"text": ["a", "b"], "n": [1, 2]}'), JSON,
         r"`\S+data\.json` is an object of parallel lists, `text`, `n`, with 2 items each",
         "--orient columns"),
    Case("columns of several lengths", put("data.json", '{"text": ["a", "b"], "n": [1]}'),
         f"{JSON} --orient columns", r"`\S+data\.json` is an object of 2 lists: `text` of 2, `n` of 1",
         "list of objects"),
    Case("one object", put("data.json", '{"text": "a"}'), JSON,
         r"`\S+data\.json` is one object with the fields `text` \(text\)", "JSON lines"),
    Case("JSON lines called JSON", put("data.json", GOOD + GOOD), JSON,
         r"`\S+data\.json` is not valid JSON", "--format jsonl"),
    Case("JSON called JSON lines", put("data.jsonl", '[\n{"text": "a"}\n]'), REGISTER,
         r"`\S+data\.jsonl:1` is not valid JSON", "--format json"),
    Case("JSON without anything", put("data.json", ""), JSON, r"`\S+data\.json` is empty", "list of"),
    # Tables.
    Case("a row that is too long", put("data.csv", "text,n\na,1\nb,2,3\n"), CSV,
         r"`\S+data\.csv:3` should have 2 values as the header, not 3", "quote values"),
    Case("a row that is too short", put("data.csv", "text,n\na,1\nb\n"), CSV,
         r"`\S+data\.csv:3` should have 2 values as the header, not 1", "quote values"),
    Case("a quote that is not closed", put("data.csv", 'text,n\n"a,1\nb,2\n'), CSV,
         r"`\S+data\.csv:2` is not valid CSV", "quote values"),
    Case("CSV without a header", put("data.csv", "a person wrote this,1\nand this,2\n"), CSV,
         r"`\S+data\.csv` has no field `text` and several", "if these are values, write the names of the columns above them"),
    Case("CSV with two columns of one name", put("data.csv", "text,text\na,b\n"), CSV,
         r"`\S+data\.csv` has two columns named `text`", "its own name"),
    Case("Parquet with two columns of one name", lambda folder: pq.write_table(
         pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["text", "text"]),
         folder / "data.parquet"), "register data.parquet --name x",
         r"`\S+data\.parquet` has two columns named `text`", "its own name"),
    Case("CSV without anything", put("data.csv", ""), CSV, r"`\S+data\.csv` is empty",
         "first line must name the columns"),
    # Labels and dates.
    Case("a label nobody explained", lines("data.jsonl", {"text": "a", "by": "alien"}),
         f"{REGISTER} {SAID}", r"`\S+data\.jsonl:1`: the field `by` is `alien`, and that is no origin",
         r"--origin-map .?alien=unknown"),
    Case("a label the map leaves out", lines("data.jsonl", {"text": "a", "by": "2"}),
         f"{REGISTER} {SAID} --origin-map 0=human,1=ai",
         r"`\S+data\.jsonl:1`: the field `by` is `2`, and `--origin-map` does not say what it means",
         r"--origin-map .?2=unknown"),
    Case("a label that changes its type", lines("data.jsonl", {"text": "a", "by": "ai"},
         {"text": "b", "by": {"model": "m"}}), f"{REGISTER} {SAID}",
         r"`\S+data\.jsonl:2`: the field `by` is an object, not text or a whole number",
         r"`by\.inner`"),
    Case("a label that stands twice", put("data.jsonl", '{"text": "a", "by": "ai", "by": "human"}\n'),
         f"{REGISTER} {SAID}", r"`\S+data\.jsonl:1` has the key `by` twice", "keep one"),
    Case("a map that contradicts itself", lines("data.jsonl", {"text": "a", "by": "0"}),
         f"{REGISTER} {SAID} --origin-map 0=human,0=ai", "`--origin-map` says two things about `0`",
         "say one"),
    Case("an empty label called human", lines("data.jsonl", {"text": "a", "by": ""}),
         f"{REGISTER} {SAID} --origin-map ' =human'",
         "`--origin-map` takes pairs", "--help", code=2, type="UsageError"),
    Case("a date in month 13", lines("data.jsonl", {"text": "a", "at": "2022-13-01"}),
         f"{REGISTER} --date-field published=at",
         r"`\S+data\.jsonl:1`: the field `at` has no date: `2022-13-01` is not a date",
         "year, month, day"),
    Case("a date in words", lines("data.jsonl", {"text": "a", "at": "yesterday"}),
         f"{REGISTER} --date-field published=at",
         r"`\S+data\.jsonl:1`: the field `at` has no date: `yesterday` is not a date", "2021-05-17"),
    Case("a date in the year 12000", put("data.parquet", table(text=["a"],
         at=pa.array([316_516_118_400_000], pa.timestamp("ms")))),
         "register data.parquet --name x --date-field published=at",
         r"record 1 of `\S+data\.parquet`: the field `at` has no date: .* outside the years",
         "unit of the column"),
    Case("a card that is named instead of data", put("dataset.json", '{"name": "x"}'),
         "register dataset.json --name x", r"`\S+dataset\.json` is one object with the fields `name`",
         "list of objects"),
    Case("a broken record in an archive", put("data.tar", tar_of(("in/a.jsonl", GOOD + b"{\n"))),
         "register data.tar --name x", r"`\S+data\.tar!in/a\.jsonl:2` is not valid JSON",
         "one JSON object"),
)  # fmt: skip

LONG: Final = "word " * 600_000

FINE: Final = (
    Fine("a byte order mark", put("data.jsonl", codecs.BOM_UTF8 + GOOD), REGISTER, ("a",)),
    Fine("carriage returns", put("data.jsonl", GOOD.replace(b"\n", b"\r\n") * 2), REGISTER,
         ("a", "a")),
    Fine("carriage returns in lines of text", put("data.txt", "a\r\nb\r\n"),
         "register data.txt --name x --lines", ("a", "b")),
    Fine("a table with carriage returns and a mark", put("data.csv", b"\xef\xbb\xbftext,n\r\na,1\r\n"),
         CSV, ("a",)),
    Fine("a NUL in a text", lines("data.jsonl", {"text": "a\0b"}), REGISTER, ("a\0b",)),
    Fine("a line of 3 MB", lines("data.jsonl", {"text": LONG}), REGISTER, (LONG,)),
    Fine("null as text", second('{"text": null}'), REGISTER, ("a", "", "a")),
    Fine("a record without the text", second('{"n": 1}'), REGISTER, ("a", "", "a")),
    Fine("names that stand twice", lines("data.jsonl", {"id": 1, "text": "a"}, {"id": 1, "text": "b"}),
         REGISTER, ("a", "b")),
    Fine("an index that some records have", lines("data.jsonl", {"a": ["b", "c"]}, {"a": ["d"]}),
         f"{REGISTER} --text-field 'a[1]'", ("c", "")),
    Fine("file names that a terminal would obey", odd_names, "register data --name x",
         ("0", "1", "2", "3")),
)  # fmt: skip
