"""The report as one HTML page: no script, nothing loaded, every name and text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; }
td { border-bottom: 1px solid #8886; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
.answer { padding: .8rem 1rem; border: 2px solid; border-radius: .4rem; }
blockquote { margin: .3rem 0 0; padding-left: .6rem; border-left: 3px solid #8886; }
td { overflow-wrap: anywhere; } .soft { opacity: .75; }
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def html(record: dict[str, Any], matches: Sequence[dict[str, Any]]) -> str:
    """Return the page of a report.

    Args:
        record: The report, as `Report.record` gives it.
        matches: The matches to list.
    """
    data, found = record["data"], record["found"]
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Check: {_answer(record)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{_answer(record)}</h1>",
        f'<p class="answer">{_sentence(record)}</p>',
        f"<p>{data['documents']:,} documents, {data['bytes']:,} bytes in {data['files']:,} files. "
        f"{found['documents']:,} of them match something, {found['matches']:,} matches in all.</p>",
        _bad_input(data),
        "<h2>Why</h2>",
        _table(
            ("Reason", "Documents", "Means"),
            [(name, count, _MEANS[name]) for name, count in found["reasons"].items()],
            numbers=(1,),
        ),
        "<h2>Where from</h2>",
        _table(
            ("Source", "Its documents", "Of them matched", "Equal", "Alike", "Passages",
             "Role", "Runs found without fail"),
            [_source(item) for item in record["sources"]],
            numbers=(1, 2, 3, 4, 5),
        ),
        "<h2>What was searched, and what is missed</h2>",
        _searched(record),
        "<h2>Matches</h2>",
        f"<p>{_listed(record, matches)}</p>",
        _table(
            ("Checked", "How", "Why", "Matches", "What is claimed of it"),
            [tuple(_match(item)) for item in matches],
            raw=True,
        ),
        "</main></body></html>",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


_MEANS: Final = {
    "evaluation": "an item of an evaluation set is in the document",
    "ai": "the match is with a text that a model wrote or had a hand in, as somebody claims",
    "known": "the document is registered already, equal or nearly so",
    "shared": "a passage is shared with a document that is none of these",
}


def _answer(record: dict[str, Any]) -> str:
    return "Clean" if record["clean"] else f"Not clean: {', '.join(record['failed'])}"


def _sentence(record: dict[str, Any]) -> str:
    found = record["found"]
    said = [
        f"{found['contamination']:,} documents are contaminated by evaluation sets or text by "
        "models",
        f"{found['loss']:,} are registered already and would be lost as duplicates",
    ]
    gaps = len(record["searched"]["not_searched"])
    if gaps:
        said.append(f"{gaps:,} searches could not be made")
    watched = ", ".join(record["fail_on"]) or "nothing"
    return escape(f"{'; '.join(said)}. Fails on: {watched}.")


def _bad_input(data: dict[str, Any]) -> str:
    bad = data["bad_input"]
    if not bad["count"]:
        return ""
    items = "".join(f"<li>{_safe(item)}</li>" for item in bad["listed"])
    return f"<p>{bad['count']:,} records were not valid and left out, such as:</p><ul>{items}</ul>"


def _source(item: dict[str, Any]) -> tuple[Any, ...]:
    roles = [name for name in ("evaluation", "protected") if item[name]]
    name = f"{item['dataset']}@{item['version']}" if item["registered"] else item["dataset"]
    runs = item["guaranteed_tokens"]
    return (
        name,
        item["documents"],
        item["matched_documents"],
        *item["kinds"].values(),
        ", ".join(roles),
        "none" if runs is None else f"{max(runs, item['run_tokens'])} tokens",
    )


def _searched(record: dict[str, Any]) -> str:
    searched = record["searched"]
    lines = [
        "equal texts: all of them are found",
        f"near texts, of similarity {searched['min_similarity']:g} or more: found with a "
        f"probability of {searched['recall']:.4f} at that similarity, and more above it",
        "passages: shared runs are found without fail from the length in the table above on",
        *(
            f"not searched for: {gap['what']} of {gap['dataset']}@{gap['version']}, because "
            f"{gap['why']}; {gap['remedy']}"
            for gap in searched["not_searched"]
        ),
        *searched["misses"],
    ]
    return f"<ul>{''.join(f'<li>{_safe(line)}</li>' for line in lines)}</ul>"


def _listed(record: dict[str, Any], matches: Sequence[dict[str, Any]]) -> str:
    many = record["found"]["matches"]
    if not many:
        return "None. That says nothing about who or what wrote the texts."
    if many == len(matches):
        return f"All {many:,}."
    some = f"{len(matches):,} of {many:,}, the gravest first"
    return f"{some}; <code>matches.parquet</code> has all of them."


def _match(item: dict[str, Any]) -> Iterable[str]:
    own = [item["origin"] or "origin not said", item["generator"], item["license"]]
    if item["not_after"]:
        own.append(f"by {item['not_after'][:10]}")
    yield (
        f"{_safe(item['file'])}, record {item['record']:,}"
        f'<br><span class="soft">{_safe(" · ".join(it for it in own if it))}</span>'
    )
    how = item["kind"]
    if how == "near":
        how = f"near, {item['similarity']:.2f}"
    elif how == "passage":
        about = "" if item["compared"] else "about "
        how = f"passage, {about}{item['run_tokens']} tokens in a row"
        if item["compared"]:
            how += f", {item['shared_tokens']} of {item['their_tokens']} in all"
    words = f"<blockquote>{_safe(item['words'])}</blockquote>" if item["words"] else ""
    yield f"{_safe(how)}{words}"
    yield _safe(item["reason"])
    yield (
        f"{_safe(item['their_dataset'])}@{item['their_version']}, document "
        f"{item['their_row']:,}<br>"
        f'<span class="soft">{_safe(item["their_file"])}, record {item["their_record"]:,}</span>'
    )
    dated = "no date is claimed (E0)"
    if item["their_not_after"]:
        dated = f"by {item['their_not_after'][:10]} ({item['their_grade']}), says "
        dated += str(item["their_dated_by"])
    said = [item["their_origin"], item["their_generator"], item["their_license"] or "no license"]
    yield f"{_safe(' · '.join(it for it in said if it))}<br>{_safe(dated)}"


def _table(
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    numbers: Sequence[int] = (),
    raw: bool = False,
) -> str:
    def cell(tag: str, at: int, value: Any) -> str:
        kind = ' class="n"' if at in numbers else ""
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        return f"<{tag}{kind}>{shown if raw and tag == 'td' else _safe(shown)}</{tag}>"

    lines = [
        "<tr>" + "".join(cell("td", at, it) for at, it in enumerate(row)) + "</tr>" for row in rows
    ]
    top = "<tr>" + "".join(cell("th", at, it) for at, it in enumerate(head)) + "</tr>"
    body = "".join(lines)
    return f'<div class="wide"><table><thead>{top}</thead><tbody>{body}</tbody></table></div>'


def _safe(text: str) -> str:
    """Return a text as HTML, without what changes the direction or is no character."""
    plain = "".join(it if it.isprintable() or it in "\n\t" else "\ufffd" for it in text)
    return escape(plain.encode("utf-8", "replace").decode("utf-8"))
