"""The report of a verification as text: what holds, what is only declared, what is not known.

Pure: a report in, lines out, whoever prints them. Nothing that a signer wrote is shown as a fact,
of a refused snapshot nothing of it at all, and what is shown passes through `clean`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.core.certificate import NOT_PROVEN, Reissued
from registry.core.manifest import total
from registry.plain_words import block, clean, count, percent, plural, share, size
from registry.verify import rowproof_screen

if TYPE_CHECKING:
    import datetime as dt

    from registry.core.certificate import Certificate
    from registry.verify.report import Report

_SHOWN: Final = 20


def lines(report: Report) -> list[str]:
    """Return the lines of a report."""
    shown = [_headline(report)]
    shown += block(_signer(report))
    for failure in report.failures[:_SHOWN]:
        where = f"{clean(failure.file)}: " if failure.file else ""
        shown.append(f"  {failure.code}  {where}{clean(failure.message)}")
        if failure.hint:
            shown.append(f"    {clean(failure.hint)}")
    if len(report.failures) > _SHOWN:
        shown.append(f"  … and {len(report.failures) - _SHOWN:,} more; `--json` lists all")
    for obstacle in report.obstacles[:_SHOWN]:
        where = f"{clean(obstacle.file)}: " if obstacle.file else ""
        shown.append(f"  not decided  {where}{clean(obstacle.message)}")
        if obstacle.hint:
            shown.append(f"    {clean(obstacle.hint)}")
    shown += _section("CHECKED", _checked(report))
    if not report.failures:
        shown += _section("DECLARED, NOT CHECKED HERE", _declared(report))
    shown += _section("NOT COVERED BY THE SIGNATURE", _first(report.not_covered))
    shown += _section("NOTES", _first(report.notes))
    shown += _section("NOT KNOWN", _not_known(report))
    shown += [NOT_PROVEN, f"exit {report.exit_code}"]
    return shown


def _headline(report: Report) -> str:
    if report.failures:
        return f"REFUSED   {report.failures[0].code}, do not rely on this {report.kind}"
    said = "what the signer says is below; whether it is true was not checked"
    if report.exit_code == 0:
        return f"INTACT AND SIGNED   {said}"
    if report.signer is not None and not report.signer.pinned and len(report.obstacles) == 1:
        return f"INTACT, SIGNER NOT KNOWN   {said}"
    return "NOT DECIDED   something could not be read"


def _signer(report: Report) -> list[tuple[str, str]]:
    signer = report.signer
    if signer is None:
        return [("Signer", "not known: no signature was found to hold")]
    key = f"key {signer.keyid[:4]}…{signer.keyid[-4:]}"
    # What a refused snapshot says about its signer is not repeated.
    name = (
        "" if report.failures else f'"{clean(signer.name, limit=100).replace(chr(34), chr(39))}" '
    )
    if signer.pinned:
        lines = [("Signer", f"{name}{key}, pinned by you · self-attested")]
    else:
        places = " and ".join(clean(place) for place in signer.found)
        lines = [
            ("Signer", f"{name}{key} · self-attested"),
            ("", f"this key was found in {places}: that proves nothing"),
            ("", f"key id {signer.keyid}"),
        ]
    if signer.url is not None and not report.failures:
        lines.insert(1, ("", f"gives its address as {clean(signer.url, limit=200)}"))
    return lines


def _section(title: str, lines: list[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []


def _first(lines: tuple[str, ...]) -> list[str]:
    shown = [clean(line, limit=300) for line in lines[:_SHOWN]]
    if len(lines) > _SHOWN:
        shown.append(f"… and {len(lines) - _SHOWN:,} more; `--json` lists all")
    return shown


def _checked(report: Report) -> list[str]:
    done = report.checked
    if report.kind == "proof":
        proven = None if report.failures else report.proven
        return [] if proven is None else [*rowproof_screen.checked(proven), *_log(report)]
    if report.certificate is None and report.statement is None:
        return []
    files = f"{count(done.files)} of {plural(done.files_of, 'file')}"
    if report.level == "files":
        what = f"{files}, {size(done.bytes)}: SHA-256 as signed"
        return [what, "rows were not read  → --level content", *_log(report)]
    rows = f"{count(done.rows)} of {plural(done.rows_of, 'row')}"
    statistics = f"{plural(done.statistics, 'footer statistic')} recomputed"
    inside = f"{plural(done.shard_statements, 'shard')} with a signed statement inside"
    read = f"{files}, {rows}: text, labels, counts, roots"
    return [read, f"{statistics} · {inside}", *_log(report)]


def _log(report: Report) -> list[str]:
    """Return what the log shows; of a refused snapshot, nothing."""
    if report.failures:
        return []
    shown = []
    found, copy = report.log, report.copy
    if found is not None:
        name = clean(found.origin, limit=100)
        where = f"entry {count(found.entry)} of the log {name}, {_day(found.time)} by its clock"
        shown.append(where if found.signed else f"{where}, which nobody whom you trust signed")
        if found.trusted_witnesses:
            yours = plural(found.trusted_witnesses, "witness", "witnesses")
            many = f"{len(found.witnesses)} of your {yours}"
            names = ", ".join(
                f"{clean(it.name, limit=60)} on {_day(it.time)}" for it in found.witnesses[:4]
            )
            shown.append(f"cosigned by {many}" + (f": {names}" if names else ""))
    shown += [
        f"time stamp of {clean(it.authority or '', limit=100)}: there by {_day(it.time)}"
        for it in report.tokens
        if it.time is not None
    ]
    if report.older is not None:
        shown.append(
            f"the log goes on from your checkpoint of {plural(report.older, 'entry', 'entries')}"
        )
    if copy is not None:
        what = "nothing in it takes the snapshot's place or revokes its key"
        more = what if copy.entries else "it has hashes only"
        entries = plural(copy.size, "entry", "entries")
        shown.append(f"the log in --log has {entries}: {more}")
    if report.as_of is not None:
        shown.append(f"as of {_day(report.as_of)}, the newest log entry seen")
    return shown


def _day(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _declared(report: Report) -> list[str]:
    if report.proven is not None:
        return rowproof_screen.declared(report.proven)
    if report.certificate is not None:
        return _certificate(report.certificate)
    if report.statement is None:
        return []
    said = report.statement
    sums = total(said.origins)
    human = share(sums.human_bytes, sums.bytes)
    return [
        f"{plural(sums.documents, 'document')} · {size(sums.bytes)} · {human} of bytes are human",
        f"shard {said.index} of snapshot {said.snapshot_root}",
    ]


def _certificate(said: Certificate) -> list[str]:
    sums, fraction = said.manifest.total, said.human_fraction
    issued = clean(said.issued_at, limit=40)
    human = share(fraction.numerator, fraction.denominator, digits=2)
    asked = (
        "" if fraction.at_least is None else f", asked for at least {percent(fraction.at_least)}"
    )
    counting = " and ".join(fraction.count) or "none"
    labels = sorted(said.manifest.origins.items(), key=lambda item: -item[1].bytes)
    parts = [f"{name} {share(it.bytes, sums.bytes)}" for name, it in labels if it.documents]
    lines = [
        f"{plural(sums.documents, 'document')} · {size(sums.bytes)} · issued {issued}",
        f"human  {human} of {fraction.of}, counting {counting}{asked}",
        "       evidenced and audited: not assessed",
        f"origin labels  {' · '.join(parts) or 'none'}",
        f"inputs  {_named([f'{item.dataset}@{item.version}' for item in said.inputs])}",
        f"licenses  {_licenses(said)}",
        f"dates  {_dates(said)}",
    ]
    if said.policy.cutoff is not None:
        lines.append(f"cutoff  everything existed before {clean(said.policy.cutoff, limit=40)}")
    if said.supersedes is not None:
        lines.append(f"takes the place of certificate {said.supersedes}")
    if said.reissued is not None:
        lines.append(_reissued(said.reissued))
    if said.contested:
        lines.append(f"{plural(said.contested, 'document')} with conflicting claims of origin")
    return lines + _evaluations(said)


def _reissued(again: Reissued) -> str:
    """Return what left since, and why."""
    parts = [
        f"{number:,} {word}"
        for number, word in (
            (again.withdrawn, "withdrawn"),
            (again.erased, "erased"),
            (again.not_admitted, "no longer admitted"),
            (again.not_drawn, "not drawn again"),
        )
        if number
    ]
    why = f" ({' · '.join(parts)})" if parts else ""
    more = f", {again.added:,} came" if again.added else ""
    return f"of its {plural(again.documents, 'document')} {again.left:,} left{why}{more}"


def _evaluations(said: Certificate) -> list[str]:
    """Return what was left out for evaluation sets, set by set."""
    if said.evaluations is None:
        return []
    return [
        f"left out for {clean(it.dataset, limit=100)}@{it.version}  {count(it.exact)} equal · "
        f"{count(it.near)} nearly equal · {count(it.passage)} with a shared passage"
        for it in said.evaluations.sets[:_SHOWN]
    ]


def _dates(said: Certificate) -> str:
    """Return the shares of the date grades, the best first."""
    sums: dict[str, int] = {}
    for row in said.grades.values():
        for grade, cell in row.items():
            sums[grade] = sums.get(grade, 0) + cell.bytes
    whole = said.manifest.total.bytes
    parts = [f"{grade} {share(size, whole)}" for grade, size in sorted(sums.items(), reverse=True)]
    return f"{' · '.join(parts) or 'none'} of bytes; a date never says by whom"


def _licenses(said: Certificate) -> str:
    """Return which licenses are claimed, and how much comes from inputs without any."""
    names = sorted({name for item in said.inputs for name in item.licenses})
    without = [item for item in said.inputs if item.documents and not item.licenses]
    if not names:
        return "not stated"
    if not without:
        return _named(names)
    sums = plural(sum(item.documents for item in without), "document")
    return f"{_named(names)} · not stated for {sums} of {plural(len(without), 'input')}"


def _named(names: list[str]) -> str:
    shown = ", ".join(clean(name, limit=100) for name in names[:8])
    return f"{shown} and {len(names) - 8:,} more" if len(names) > 8 else shown


def _not_known(report: Report) -> list[str]:
    lines = [clean(line, limit=400) for line in report.not_known]
    if report.kind != "shard" and report.copy is None and lines:
        lines[0] += "  → --log DIR"
    return lines
