"""Bad requests to a registry that has datasets: names, recipes, claims, and homes that are none.

The registry of these tests has `essays`, by people, and `team/chat`, by a model.
"""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
from contextlib import closing, redirect_stdout
from pathlib import Path
from typing import Final

from cli.main import main
from tests.bad_inputs.case import Case, Make, both, lines, nothing, put

DATA: Final = lines("data.jsonl", {"text": "a"})
TO_X: Final = "register data.jsonl --name x"
HASH: Final = "0" * 64
NO_RECIPE: Final = r"`mix\.yaml` is not a recipe we can follow"
YAML: Final = r"`mix\.yaml` line \d+ cannot be read as YAML"
KEYS: Final = "every key"
NAMES: Final = "names have lower-case letters"


def recipe(text: str | bytes) -> Make:
    """Write a recipe."""
    return put("mix.yaml", text)


def in_database(*statements: str) -> Make:
    """Change the database behind the registry's back."""

    def make(folder: Path) -> None:
        with closing(sqlite3.connect(folder / ".firsthand" / "registry.db")) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return both(DATA, make)


def without(name: str) -> Make:
    """Lose a file of the home."""
    return both(DATA, lambda folder: (folder / ".firsthand" / name).unlink())


def no_home(folder: Path) -> None:
    """Have no registry at all."""
    shutil.rmtree(folder / ".firsthand")
    DATA(folder)


def gone_texts(folder: Path) -> None:
    """Register a file, keep nothing, and lose it."""
    lines("gone.jsonl", {"text": "lost"})(folder)
    with redirect_stdout(io.StringIO()):
        assert main(["register", "gone.jsonl", "--name", "gone"]) == 0
    (folder / "gone.jsonl").unlink()
    recipe("sources: [gone]")(folder)


def bytes_home(folder: Path) -> None:
    """Have a folder whose name is Latin-1."""
    DATA(folder)
    (folder / os.fsdecode(b"h\xf6me")).mkdir()


REGISTRY: Final = (
    # Names.
    Case("a dataset name that is a path", DATA, "register data.jsonl --name ../x",
         r"`\.\.` is not a valid namespace", NAMES),
    Case("a dataset name with two dots", DATA, "register data.jsonl --name a..b",
         r"`a\.\.b` is not a valid dataset name", NAMES),
    Case("a dataset name with a control character", DATA, "register data.jsonl --name 'a\x1bb'",
         "`a.b` is not a valid dataset name", NAMES),
    Case("a dataset name with capitals", DATA, "register data.jsonl --name Essays",
         "`Essays` is not a valid dataset name", NAMES),
    Case("a dataset name that is empty", DATA, "register data.jsonl --name team/",
         "`` is not a valid dataset name", NAMES),
    Case("a dataset name of 300 characters", DATA, f"register data.jsonl --name {'n' * 300}",
         "`n{60}…` is not a valid dataset name", "at most"),
    Case("a name with a version", DATA, "register data.jsonl --name essays@2",
         "`local/essays@2` names a version", "--name essays"),
    Case("a name that is misspelt", nothing, "show essay", "there is no dataset `essay`",
         "did you mean `essays`?", type="NotFoundError"),
    Case("a version that is not there", nothing, "show essays@9", "there is no version 9 of `essays`",
         "it has 1 version", type="NotFoundError"),
    Case("a version zero", nothing, "show essays@0", "`essays@0` has no valid version after `@`",
         "whole numbers from 1"),
    # What is claimed.
    Case("a date in the year -5", DATA, f"{TO_X} --authored=-0005", "`-0005` is not a date",
         "2021-05-17"),
    Case("a date in the year 0", DATA, f"{TO_X} --authored 0000", "`0000` is not a date",
         "year, month, day"),
    Case("dates in the wrong order", DATA, f"{TO_X} --authored 2022..2021",
         "the authored dates end before they begin", "earlier date first"),
    Case("a month 13", DATA, f"{TO_X} --captured 2022-13-01", "`2022-13-01` is not a date: month",
         "year, month, day"),
    Case("the origin said twice", lines("data.jsonl", {"text": "a", "by": "ai"}),
         f"{TO_X} --origin human --origin-field by", "origin is given for all documents and also per",
         "leave out `--origin`"),
    Case("a model that wrote human text", DATA, f"{TO_X} --origin human --generator gpt-4",
         "generators are named, but the origin is `human`", "--origin ai"),
    Case("a license that is empty", DATA, f"{TO_X} --license ' '",
         "the license is empty or has control characters", "plain text"),
    Case("a map without a field", DATA, f"{TO_X} --origin-map 0=human",
         "`--origin-map` needs `--origin-field`", "--origin-field label"),
    Case("lines and paragraphs", put("data.txt", "a"), "register data.txt --name x --lines"
         " --paragraphs", "`--lines` and `--paragraphs` cannot be used together", "leave out one"),
    Case("lines of JSON", DATA, f"{TO_X} --lines", r"`--lines` is for text files, and `\S+data\.jsonl`"
         " is a jsonl file", "leave out `--lines`"),
    Case("a list of texts with something else in it", put("list.txt", "not a hash\n"),
         "claim essays --origin ai --reason seen --where list.txt",
         r"`list\.txt` line 1 does not begin with a SHA-256", "64 hexadecimal digits"),
    Case("a list of texts that are elsewhere", put("list.txt", f"{HASH}\n"),
         "claim essays --origin ai --reason seen --where list.txt",
         r"1 of 1 listed texts are not in `essays@1`", "SHA-256 of each text"),
    Case("a correction without a reason", nothing, "claim essays --origin ai --reason ' '",
         "a correction needs a reason", "--reason"),
    Case("a dataset that comes from itself", nothing, "lineage add essays --from essays --kind copied",
         "`essays@1` cannot come from itself", "--from", type="ConflictError"),
    # Recipes.
    Case("a recipe that is not there", nothing, "plan gone.yaml", r"there is no recipe `gone\.yaml`",
         "examples", type="NotFoundError"),
    Case("a recipe that is a folder", lambda folder: (folder / "mix.yaml").mkdir(), "plan mix.yaml",
         r"`mix\.yaml` cannot be read: Is a directory",
         "name the file that holds the recipe"),
    Case("a recipe without anything", recipe(""), "plan mix.yaml", r"`mix\.yaml` is not a recipe",
         "examples"),
    Case("a recipe with an unknown key", recipe("sources: [essays]\nhumen: {at_least: 80%}"),
         "plan mix.yaml", r"`mix\.yaml` has the unknown key `humen`", "did you mean `human`?"),
    Case("a recipe with a share of 1.1", recipe("sources: [essays]\nhuman: {at_least: 1.1}"),
         "plan mix.yaml", rf"{NO_RECIPE} at `human\.at_least`", KEYS),
    Case("a recipe with the size 0", recipe("sources: [essays]\nsize: 0"), "plan mix.yaml",
         f"{NO_RECIPE} at `size`", KEYS),
    Case("a recipe without sources", recipe("size: 1 MB"), "plan mix.yaml",
         f"{NO_RECIPE} at `sources`: this key is missing", KEYS),
    Case("a recipe with a source that is not there", recipe("sources: [essay]"), "plan mix.yaml",
         "there is no dataset `essay`", "did you mean `essays`?", type="NotFoundError"),
    Case("a recipe with tabs", recipe("sources:\n\t- essays\n"), "plan mix.yaml", YAML,
         "indentation"),
    Case("a recipe with anchors", recipe("sources: &a [essays]\nname: *a\n"), "plan mix.yaml",
         f"{YAML}: aliases are not followed", "indentation|write"),
    Case("a recipe with a key twice", recipe("sources: [essays]\nseed: 1\nseed: 2\n"),
         "plan mix.yaml", f"{YAML}: the key `seed` stands twice", "each key once"),
    Case("a recipe of bytes", recipe(bytes(range(256))), "plan mix.yaml",
         r"`mix\.yaml` cannot be read as YAML", "indentation"),
    Case("a recipe 10,000 deep", recipe("[" * 10_000), "plan mix.yaml",
         r"`mix\.yaml` cannot be read as YAML", "indentation"),
    Case("a recipe of 2 MB", recipe("#" * 2_000_000), "plan mix.yaml",
         r"`mix\.yaml` is larger than 1 MiB", "really a recipe"),
    Case("a recipe that cannot be kept", recipe("sources: [team/chat]\nhuman: {at_least: 0.5}"),
         "export mix.yaml --out snap",
         "the sources cannot give anything with at least 50.00 % human", "add human documents", code=3, type="GuaranteeError"),
    Case("an export onto something", both(recipe("sources: [essays]"), put("snap/a", "a")),
         "export mix.yaml --out snap", r"`\S+snap` exists and is not this snapshot", "another `--out`",
         type="ConflictError"),
    Case("an export into a folder that is not there", recipe("sources: [essays]"),
         "export mix.yaml --out no/snap", r"the folder `\S*no` does not exist", "make it"),
    Case("texts that are gone", gone_texts, "export mix.yaml --out snap", r"`\S+gone\.jsonl` does not exist, needed for",
         "restore the files",
         type="ConflictError"),
    Case("a snapshot that is not there", nothing, "verify gone", "there is nothing at `gone`",
         "the folder of a snapshot", type="NotFoundError"),
    # Lists of sources.
    Case("a list of sources that is not there", nothing, "register --from gone.yaml",
         r"there is no list of sources `gone\.yaml`", "examples", type="NotFoundError"),
    Case("a list with an unknown key", put("list.yaml", "sources: [{name: x, path: data.jsonl}]"),
         "register --from list.yaml", r"`list\.yaml` has the unknown key `sources\.0\.path`",
         "did you mean `paths`?"),
    Case("a list and files", both(DATA, put("list.yaml", "sources: [{name: x, paths: data.jsonl}]")),
         "register data.jsonl --from list.yaml", "`--from`", "--help", code=2, type="UsageError"),
    Case("standard input beside files", DATA, "register - data.jsonl --format jsonl --name x",
         "`-`, standard input, is named beside other paths", "on its own"),
    Case("standard input without a format", nothing, "register - --name x", "standard input",
         "--format"),
    # Homes.
    Case("no registry", no_home, TO_X, r"there is no registry in `\S+` or above it",
         "firsthand init", type="NotFoundError"),
    Case("a home that is a file", DATA, f"--home data.jsonl {TO_X}",
         r"there is no registry at `\S+data\.jsonl`", "firsthand init", type="NotFoundError"),
    Case("a home that is not there", DATA, f"--home gone {TO_X}", r"there is no registry at `\S+gone`",
         "firsthand init", type="NotFoundError"),
    Case("a second registry in one home", nothing, "init", r"there is a registry at `\S+` already",
         "--home", type="ConflictError"),
    Case("a new home that is a file", DATA, "--home data.jsonl init",
         r"`\S+data\.jsonl` exists and is no registry", "--home", type="ConflictError"),
    Case("a new home below a file", DATA, "--home data.jsonl/home init",
         r"`\S+data\.jsonl/home` cannot be written", "--home", type="UnavailableError"),
    Case("a new home where nobody may write", nothing, "--home /proc/firsthand/home init",
         r"`/proc/firsthand/home` cannot be written", "--home", type="UnavailableError"),
    Case("a new home that is not UTF-8", nothing, "--home 'n\udcf6w' init",
         r"the path `\S+n.w` is not valid UTF-8", "--home"),
    Case("a home that is not UTF-8", bytes_home, f"--home 'h\udcf6me' {TO_X}",
         r"the path `\S+h.me` is not valid UTF-8", "--home"),
    Case("a configuration that is broken", both(DATA, put(".firsthand/config.json", "{")), TO_X,
         r"`\S+config\.json` cannot be read", r"it holds \{"),
    Case("a database that is gone", without("registry.db"), TO_X,
         r"the database `\S+registry\.db` is missing", "backup", type="UnavailableError"),
    Case("a database that is none", both(DATA, put(".firsthand/registry.db", b"text" * 999)), TO_X,
         r"the database `\S+registry\.db` is damaged or none", "backup", type="UnavailableError"),
    Case("a database that is newer than the code",
         in_database("UPDATE alembic_version SET version_num = '29990101_later'"), TO_X,
         "the database has schema `29990101_later`", "install a newer version of Firsthand",
         type="ConflictError"),
    Case("a database that is newer, upgraded",
         in_database("UPDATE alembic_version SET version_num = '29990101_later'"), "db upgrade",
         "'29990101_later'", "or a newer one", type="ConflictError"),
    Case("a database without tables", in_database("DROP TABLE alembic_version"), TO_X,
         "the database has no tables yet", "firsthand db upgrade", type="ConflictError"),
    Case("a key that is gone", both(without("keys/issuer.key"), recipe("sources: [essays]")),
         "export mix.yaml --out snap", r"the signing key `\S+issuer\.key` cannot be read", "backup",
         type="UnavailableError"),
    # Wrong usage.
    Case("an unknown command", nothing, "regsiter", "No such command 'regsiter'", "--help", code=2,
         type="UsageError"),
    Case("an unknown option", DATA, f"{TO_X} --orign human", "No such option", "--help", code=2,
         type="UsageError"),
    Case("no name", DATA, "register data.jsonl", "say what the dataset is called, with `--name`", "--help", code=2,
         type="UsageError"),
    Case("an unknown format", DATA, f"{TO_X} --format xlsx", "'xlsx' is not one of 'parquet'",
         "--help", code=2, type="UsageError"),
    Case("an unknown origin", DATA, f"{TO_X} --origin people", "'people' is not one of 'human'",
         "--help", code=2, type="UsageError"),
    Case("an unknown kind of date", DATA, f"{TO_X} --date-field written=at",
         "`written` in `--date-field` is not one of authored", "--help", code=2, type="UsageError"),
    Case("an unknown kind of lineage", nothing, "lineage add essays --from team/chat --kind stolen",
         "'stolen' is not one of", "--help", code=2, type="UsageError"),
)  # fmt: skip
