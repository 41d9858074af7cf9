"""The contracts of `schemas/`: real documents fit them, changed ones do not, and they say no less
than the code that reads those documents."""

from __future__ import annotations

import base64
import copy
import datetime as dt
import io
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from cli.main import EXIT_CODES, main
from cli.strict_yaml import load
from registry import proving
from registry.api.app import create_app
from registry.core import sources_file
from registry.core.attest import Envelope, Statement
from registry.core.certificate import Certificate, Reissued, ShardStatement, Tokens
from registry.core.digest import canonical
from registry.core.exclusions import LeftOutForSets, NotRead, SetLeftOut
from registry.core.manifest import Manifest
from registry.core.recipe import Recipe, parse
from registry.core.sources_file import SourcesFile
from registry.errors import InvalidInputError, VerificationError
from registry.home import open_database
from registry.settings import Settings
from registry.verify.content import ShardReader
from tests import checkpoints, snapshots
from tests.conftest import REPOSITORY
from tests.tsa import OPENSSL, Authority

SCHEMAS: Final = REPOSITORY / "schemas"
NAMES: Final = sorted(path.stem for path in SCHEMAS.glob("*.json") if path.stem != "openapi")
EXAMPLES: Final = SCHEMAS / "examples"
FROM_THE_API: Final = {
    "dataset": "DatasetOut",
    "version": "VersionRecordOut",
    "snapshot": "SnapshotOut",
    "overlap": "MatrixOut",
    "problem": "Problem",
    "check": "CheckOut",
    "first-seen": "FirstSeenOut",
    "impact": "ImpactOut",
}
"""Documents of the API that have a schema of their own beside `openapi.json`."""
_IN_THE_API: Final = {"whereis": "LookupOut"}
FREE: Final = {"value", "options", "facts"}
"""Objects whose keys depend on what they are about; the schemas leave them open."""
OPTIONAL: Final = {"problem": ("hint", "code", "errors"), "certificate": ("reissued",)}
"""Keys that are there when there is something to say."""
OPTIONAL_WITHIN: Final[dict[str, set[str]]] = {}
"""Such keys deeper inside, as `changes` names leaving them out."""
MADE_BY_PEOPLE: Final = {"recipe", "sources"}
"""Documents in which keys may be left out."""
MAPS: Final = {"origins", "words", "by_origin", "builder", "grades"}
"""Objects with a key per origin, or per program."""


def schema(name: str) -> dict[str, Any]:
    made = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    assert isinstance(made, dict)
    return made


def fits(name: str, document: Any) -> bool:
    return bool(Draft202012Validator(schema(name)).is_valid(document))


def complaints(name: str, document: Any) -> list[str]:
    errors = Draft202012Validator(schema(name)).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in errors]


def test_schemas_are_schemas_and_allow_no_unknown_keys() -> None:
    for name in NAMES:
        made = schema(name)
        Draft202012Validator.check_schema(made)
        assert made["$id"] == f"https://firsthand.dev/schemas/v0/{name}.json"
        assert made["title"]
        for place, item in objects(made):
            if "properties" in item:
                assert item.get("additionalProperties") is False, f"{name}: {place}"


def objects(value: Any, place: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every object inside a JSON value with its place."""
    if isinstance(value, dict):
        yield place, value
        for key, item in value.items():
            yield from objects(item, f"{place}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from objects(item, f"{place}[{index}]")


@dataclass
class Outputs:
    """What the commands printed with `--json`, by the name of the schema."""

    folder: Path
    documents: dict[str, list[Any]] = field(default_factory=dict)

    def run(self, name: str, *arguments: str | Path, code: int = 0) -> Any:
        printed = io.StringIO()
        words = ["--home", str(self.folder / "home"), *map(str, arguments), "--json"]
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(printed),
            redirect_stderr(io.StringIO()) as told,
        ):
            patch.setenv("FIRSTHAND_STATE", str(self.folder / "state"))
            assert main(words) == code, printed.getvalue()
        document = json.loads(printed.getvalue())
        self.documents.setdefault(name, []).append(document)
        if "--progress" in words:
            self.documents.setdefault("progress", []).extend(events(told.getvalue()))
        return document

    def ask(self, name: str, path: str, status: int = 200) -> Any:
        """Ask the server that `firsthand serve` starts."""
        app = create_app(Settings.load(self.folder / "home", {}))
        with TestClient(app, "http://127.0.0.1:8000", client=("127.0.0.1", 50000)) as client:
            answer = client.get(path)
        assert answer.status_code == status, answer.text
        self.documents.setdefault(name, []).append(answer.json())
        return answer.json()


def events(told: str) -> list[Any]:
    """Return the JSON lines among messages."""
    return [json.loads(line) for line in told.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """A small story in which every command prints everything it can."""
    folder = tmp_path_factory.mktemp("outputs")
    made = Outputs(folder)
    data = folder / "data"
    data.mkdir()
    people = [{"text": f"A person wrote note {n}, slowly."} for n in range(40)]
    labelled = [
        {"text": f"Text {n} of some origin.", "by": "human" if n % 2 else "ai", "at": "2021-05"}
        for n in range(30)
    ]
    for name, records in (("people", people), ("labelled", labelled)):
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (data / f"{name}.jsonl").write_text(lines, "utf-8")
    few = data / "few.txt"
    few.write_text("alone\n", "utf-8")
    (data / "dataset.json").write_text("{}", "utf-8")
    listed = data / "listed"
    listed.write_text(f"{snapshots.row(people[0]['text'])['content_hash'].hex()}\n", "utf-8")
    key = folder / "home" / "issuer.pub"
    snap = folder / "snap"

    def recipe(name: str, text: str) -> Path:
        path = folder / name
        path.write_text(text, "utf-8")
        return path

    mix = recipe("mix.yaml", "sources: [people, labelled, few]\nhuman: {at_least: 60%}\n")
    none = recipe("none.yaml", "sources: [labelled]\nsize: 1 GB\nhuman: {at_least: 0.9}\n")
    empty = recipe("empty.yaml", "sources: [few]\nwhere: {words: {at_least: 9}}\n")

    made.run("init", "init", "--issuer", "ACME Data")
    made.run("db-upgrade", "db", "upgrade")
    register: list[str | Path] = [
        "register",
        data / "people.jsonl",
        data / "dataset.json",
        "--name",
        "people",
    ]
    made.run("inspect", "inspect", data, "--name", "all")
    made.run("inspect", "inspect", data / "labelled.jsonl", "--sample", "9")
    made.run("inspect", "inspect", few)
    made.run("inspect", "inspect", folder / "nothing", code=1)
    made.run("register", *register, "--origin", "human", "--license", "MIT", "--keep")
    made.run("protect", "protect", "people", code=3)
    made.run("register", *register, "--collected", "2021")
    made.run("protect", "protect", "people")
    made.run("protect", "protect", "people", "--min-grade", "E3", code=3)
    made.run("keep", "keep", "people", "--progress", "json")
    made.run("register", *register)
    made.run("register", *register, "--captured", "2021", "--owner", "us")
    made.run("register", "register", data / "people.jsonl", "--name", "team/copy")
    made.run("register", "register", data / "labelled.jsonl", "--name", "labelled",
             "--origin-field", "by", "--date-field", "published=at", "--source", "https://a.example")  # fmt: skip
    made.run(
        "register",
        "register",
        few,
        "--name",
        "few",
        "--lines",
        "--origin",
        "ai",
        "--generator",
        "gpt-4",
    )
    made.run("lineage-add", "lineage", "add", "labelled", "--from", "people", "--kind", "copied")
    made.run(
        "claim", "claim", "people", "--origin", "assisted", "--reason", "seen", "--where", listed
    )
    about = ["--reason", "read", "--where-sql", "row < 3", "--evidence", listed]
    made.run("dispute-open", "dispute", "open", "people", "--origin", "ai", "--claim", "1", *about)
    made.run("dispute-open", "dispute", "open", "labelled", "--reason", "who knows")
    made.run("dispute-list", "dispute", "list")
    decided = ["--role", "owner", "--reason", "checked", "--reject"]
    made.run("dispute-resolve", "dispute", "resolve", "1", *decided)
    made.run("dispute-resolve", "dispute", "resolve", "2", *decided[:-1], "--uphold")
    made.run("dispute-list", "dispute", "list", "people")
    made.run("claim", "claim", "labelled", "--license", "MIT", "--reason", "its page says so")
    for names in ([], ["people"]):
        made.run("conflicts", "conflicts", *names)
    made.run("show", "show", "people", "--as-of", "log:6")
    made.run("keep", "keep", "few")
    made.run("protect", "protect", "labelled", "--cutoff", "2023", code=3)
    made.run("register", "register", few, "--name", "few", "--lines", "--role", "evaluation")
    made.run("role", "role", "give", "labelled", "evaluation")
    made.run("whereis", "whereis", people[0]["text"])
    made.run("whereis", "whereis", "--file", data / "few.txt")
    made.run("whereis", "whereis", " ".join(f"nowhere{number}" for number in range(30)))
    made.run("check", "check", few, "--against", "few", "--report", folder / "out", code=3)
    made.run("check", "check", data / "labelled.jsonl", "--against", f"people,{data}/people.jsonl")
    made.run("first-seen", "first-seen", "labelled", "--by", "by")
    made.run("first-seen", "first-seen", "people", "--before", "2021")
    made.run("plan", "plan", mix)
    made.run("plan", "plan", none, code=3)
    made.run("plan", "plan", empty, code=3)
    made.run("export", "export", mix, "--out", snap)
    made.run("export", "export", mix, "--out", snap)
    made.run("dataset-list", "dataset", "list")
    both: list[str | Path] = ["dedup", "people", "team/copy"]
    made.run("dedup", *both, "--plan", "--max-pairs", "1", "--min-similarity", "0.3", code=3)
    made.run("dedup", *both, "--name", "once", "--budget", "team/copy=100%", "--out", folder / "d")
    made.run("dedup", *both, "--name", "once", "--budget", "team/copy=100%")
    for name in ("people", "labelled", "team/copy", "few", "once"):
        made.run("show", "show", name)
        made.run("history", "history", name)
    made.run("role", "role", "take", "labelled", "evaluation", "--reason", "tried it")
    made.run("role", "protect", "people", "--release", "--reason", "a claim came")
    made.run("history", "history", "people")
    made.run("duplicates", "duplicates", "people", "--with", "team/copy", "--out", folder / "p")
    few_pairs = ["--max-pairs", "1", "--min-similarity", "0.3", "--progress", "json"]
    made.run("duplicates", "duplicates", "people", "--exact", *few_pairs)
    for names in ([], ["people", "team/copy", "few"], ["few"], ["labelled,people"]):
        made.run("overlap", "overlap", *names)
    made.ask("overlap", "/v1/overlap?ref=people&ref=team/copy")
    made.run("db-check", "db", "check")
    look_after_the_index(made, data / "labelled.jsonl")
    verify: list[str | Path] = ["verify", snap, "--key", key]
    made.run("verification", *verify)
    made.run("verification", *verify, "--level", "content")
    log = folder / "home" / "log"
    made.run("verification", *verify, "--log", log, "--checkpoint", log / "checkpoint")
    made.run("verification", "verify", snap, "--trust", folder / "home" / "trust.json")
    made.run("verification", "verify", snap, code=1)
    shard = snap / "data" / "part-00000.parquet"
    made.run("verification", "verify", shard, "--key", key)
    for number, asked in enumerate((["--row", "3", "--with-text"], ["--absent", str(key)])):
        proof = folder / f"{number}.proof"
        assert main(["prove", str(snap), *asked, "--out", str(proof)]) == 0
        made.run("verification", "verify", proof, "--key", key)
    (snap / "data" / "more").write_text("", "utf-8")
    made.run("verification", *verify, code=3)
    look_after_the_log(made, snap)
    made.run("error", "show", "nothing", code=1)
    made.run("error", "export", none, "--out", folder / "no", code=3)
    made.run("error", "show", code=2)
    sources = recipe(
        "sources.yaml",
        "sources:\n- {name: many, paths: data/people.jsonl}\n- {name: lost, paths: data/gone.jsonl}\n",
    )
    made.run("register-many", "register", "--from", sources, "--progress", "json", code=1)
    dry: list[str | Path] = [
        data / "people.jsonl",
        "--name",
        "dry",
        "--dry-run",
        "--progress",
        "json",
    ]
    made.run("register", "register", *dry)
    keys_and_witnesses(made)
    for name in ("people", "labelled", "team/copy"):
        path = name if "/" in name else f"local/{name}"
        made.ask("dataset", f"/v1/datasets/{path}")
        made.ask("version", f"/v1/datasets/{path}/versions/1")
    made.ask("first-seen", "/v1/datasets/local/labelled/versions/1/first-seen?before=2023")
    made.ask("impact", "/v1/impact?ref=people")
    made.run("impact", "impact", "few")
    (folder / "elsewhere").mkdir()
    shutil.copy(data / "labelled.jsonl", folder / "elsewhere")
    made.run("relocate", "relocate", "labelled", folder / "elsewhere", "--check")
    made.run("withdraw", "withdraw", "people", "--where", listed, "--reason", "asked to")
    made.run("withdraw", "withdraw", "few", "--reason", "asked to", "--erase")
    made.run("plan", "plan", mix)
    (snap / "data" / "more").unlink()
    made.run("reissue", "reissue", snap, "--out", folder / "again")
    made.run("verification", "verify", folder / "again", "--key", key)
    root = made.documents["export"][0]["snapshot_root"]
    made.ask("snapshot", f"/v1/snapshots/{root}")
    made.ask("problem", "/v1/datasets/local/nothing", 404)
    made.ask("problem", "/v1/datasets?limit=0", 422)
    return made


def keys_and_witnesses(made: Outputs) -> None:
    """Change keys, and have others vouch for the log."""
    folder, home = made.folder, made.folder / "home"
    key, cosigned = folder / "w.key", folder / "cosigned"
    settings = Settings.load(home, {})
    witness = made.run("witness-init", "witness", "init", "--name", "w.example/w", "--out", key)
    added = made.run("keys-add", "keys", "add", "--role", "witness", witness["witness"])
    made.run("keys-add", "keys", "add", "--role", "witness", witness["witness"])
    database = open_database(settings)
    note = checkpoints.sign(database, settings, now=dt.datetime.now(dt.UTC))
    database.dispose()
    (folder / "checkpoint").write_bytes(note.to_bytes())
    cosign: list[str | Path] = ["witness", "cosign", folder / "checkpoint", "--key", key]
    made.run("witness-cosign", *cosign, "--log-key", home / "trust.json", "--out", cosigned)
    made.run("witness-cosign", *cosign)
    for _ in range(2):
        made.run("cosignatures-add", "log", "cosignatures", "add", cosigned)
    made.run("cosignatures-list", "log", "cosignatures", "list")
    asked = made.run("timestamp-request", "timestamp", "request", "--out", folder / "c.tsq")
    if OPENSSL is not None:
        authority = Authority.create(folder / "tsa")
        (folder / "c.tsr").write_bytes(authority.reply(Path(asked["request"]).read_bytes()))
        made.run("timestamp-attach", "timestamp", "attach", folder / "c.tsr")
        made.run("timestamp-attach", "timestamp", "attach", folder / "c.tsr")
    revoked = added["added"]["keyid"]
    made.run("key-event", "keys", "revoke", revoked, "--from", "now", "--reason", "over")
    for role in ("certificate", "log"):
        made.run("key-event", "keys", "rotate", "--role", role)
    made.run("keys", "keys", "show")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRSTHAND_PASSPHRASE", "several words")
        made.run("keys-passphrase", "keys", "passphrase")
        made.run("keys-passphrase", "keys", "passphrase", "--remove")


def look_after_the_index(made: Outputs, source: Path) -> None:
    """Lose all sketches, and the texts of a dataset; then find its texts again."""
    storage = made.folder / "home" / "storage"
    made.run("index-status", "index", "status")
    made.run("index-compact", "index", "compact")
    for path in storage.glob("sketches/*/*"):
        path.write_bytes(b"")
    moved = source.rename(source.with_suffix(".moved"))
    made.run("index-rebuild", "index", "rebuild", code=3)
    made.run("overlap", "overlap")
    made.run("index-status", "index", "status")
    damaged = next(storage.glob("segments/*/content-*"))
    raw = damaged.read_bytes()
    damaged.write_bytes(raw[:-1])
    made.run("index-verify", "index", "verify", code=3)
    made.run("index-status", "index", "status")
    damaged.write_bytes(raw)
    moved.rename(source)
    made.run("index-rebuild", "index", "rebuild")
    made.run("index-verify", "index", "verify")
    made.run("index-compact", "index", "compact", "--all")


def look_after_the_log(made: Outputs, snap: Path) -> None:
    """Publish the log; then lose its folder, and what it had."""
    log, copy = made.folder / "home" / "log", made.folder / "copy"
    made.run("log-checkpoint", "log", "checkpoint")
    for position in range(3):
        made.run("log-show", "log", "show", str(position))
    made.run("log-prove", "log", "prove", "people@1")
    made.run("log-prove", "log", "prove", snap)
    made.run("log-fsck", "log", "fsck")
    made.run("log-publish", "log", "publish", copy)
    made.run("log-publish", "log", "publish", copy, "--hashes-only")
    made.run("log-recover", "log", "recover")
    with closing(sqlite3.connect(made.folder / "home" / "registry.db")) as base, base:
        last = base.execute("SELECT max(position) FROM log_entries").fetchone()[0]
        base.execute("DELETE FROM log_salts WHERE position = ?", (last,))
        base.execute("DELETE FROM log_entries WHERE position = ?", (last,))
    shutil.rmtree(log)
    made.run("error", "log", "checkpoint", code=3)
    made.run("log-fsck", "log", "fsck", code=3)
    made.run("log-recover", "log", "recover", "--accept-fork", "--reason", "all is lost")
    made.run("log-recover", "log", "recover")
    made.run("log-fsck", "log", "fsck", code=3)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The documents of a snapshot: those that are verified."""
    made = snapshots.write(tmp_path_factory.mktemp("signed") / "snap")
    tokens = Tokens("0" * 64, {"human": 3, "ai": 4})
    other = replace(made.certificate, tokens=tokens, evaluations=left_out(made.certificate))
    envelope = json.loads((made.path / "certificate.json").read_bytes())
    with made.shards[0].open("rb") as file:
        footer = ShardReader(file, made.shards[0].stat().st_size).statement
    assert footer is not None
    return {
        "manifest": [json.loads((made.path / "manifest.json").read_bytes())],
        "envelope": [envelope, json.loads(footer)],
        "certificate": [
            json.loads(base64.b64decode(envelope["payload"])),
            json.loads(other.to_statement().to_bytes()),
            json.loads(reissued(other).to_statement().to_bytes()),
        ],
        "shard-statement": [json.loads(Envelope.parse(footer).payload)],
        "proof": [
            json.loads(proving.row(made.path, 3, with_text=True).to_bytes()),
            json.loads(proving.row(made.path, 30).to_bytes()),
            json.loads(proving.absent(made.path, bytes(32)).to_bytes()),
        ],
    }


def reissued(certificate: Certificate) -> Certificate:
    """Return a certificate that says what left the snapshot whose place it takes."""
    documents = certificate.manifest.total.documents
    said = Reissued(documents + 4, 1, 1, 1, 2, 1)
    return replace(certificate, supersedes="3" * 64, reissued=said)


def left_out(certificate: Certificate) -> LeftOutForSets:
    """Return that documents were left out for an evaluation set, and an input was not read."""
    found = SetLeftOut("evals/one", 2, "1" * 64, 9, 1, 2, 3, True, 13, 4)
    without = SetLeftOut("evals/two", 1, "2" * 64, 9, 1, 0, 0, False, None, 0)
    part = certificate.inputs[0]
    unread = (NotRead(part.dataset, part.version, 25),)
    return LeftOutForSets("rule", "0.8", "0.997", 13, 6, 99, (found, without), unread)


def test_every_schema_is_put_to_use(outputs: Outputs, signed: dict[str, list[Any]]) -> None:
    assert sorted({*outputs.documents, *signed, "recipe", "sources"}) == NAMES


def test_every_schema_has_an_example_that_fits_it_and_notices_changes(
    outputs: Outputs, signed: dict[str, list[Any]], request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--update-goldens"):
        EXAMPLES.mkdir(exist_ok=True)
        recipe = {"sources": ["gsm8k", {"dataset": "team/chat@2", "where": {"origin": ["human"]}}],
                  "size": "2 MB", "human": {"at_least": "80%"}}  # fmt: skip
        listed = {"defaults": {"license": "MIT"}, "sources": [
            {"name": "gsm8k", "paths": "data/gsm8k", "origin": "human",
             "text_field": ["question", "answer"]},
            {"name": "team/chat", "paths": ["data/*.jsonl.gz", "s3://bucket/chat/"],
             "origin_field": "label", "origin_map": {"person": "human", "bot": "ai"}},
        ]}  # fmt: skip
        by_people: dict[str, list[Any]] = {"recipe": [recipe], "sources": [listed]}
        for name, documents in (by_people | outputs.documents | signed).items():
            example = json.dumps(documents[0], indent=2, ensure_ascii=False) + "\n"
            shown = example.replace(str(outputs.folder), "/data/acme")
            (EXAMPLES / f"{name}.json").write_text(shown, "utf-8")
    assert sorted(path.stem for path in EXAMPLES.iterdir()) == NAMES
    for name in NAMES:
        example = json.loads((EXAMPLES / f"{name}.json").read_bytes())
        assert complaints(name, example) == [], name
        if name not in MADE_BY_PEOPLE:
            assert changed_and_accepted(name, example) == [], name


@pytest.mark.parametrize("name", FROM_THE_API)
def test_the_schemas_of_the_api_are_those_of_its_description(
    name: str, request: pytest.FixtureRequest
) -> None:
    made = json.dumps(api_schema(name), indent=2, ensure_ascii=False) + "\n"
    path = SCHEMAS / f"{name}.json"
    if request.config.getoption("--update-goldens"):
        path.write_text(made, "utf-8")
    assert path.read_text("utf-8") == made, "run pytest tests/test_schemas.py --update-goldens"


def api_schema(name: str) -> dict[str, Any]:
    """Return the schema of a document of the API, with what it refers to."""
    text = (SCHEMAS / "openapi.json").read_text("utf-8")
    known = json.loads(text.replace("#/components/schemas/", "#/$defs/"))["components"]["schemas"]
    needed, found = [_IN_THE_API.get(name) or FROM_THE_API[name]], dict[str, Any]()
    while needed:
        key = needed.pop()
        if key not in found:
            found[key] = known[key]
            needed += re.findall(r'"#/\$defs/(\w+)"', json.dumps(known[key]))
    for _, item in objects(found):
        if "properties" in item:
            item["additionalProperties"] = False
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://firsthand.dev/schemas/v0/{name}.json",
        "title": f"A{'n' if name[0] in 'aeiou' else ''} {name} as the API answers it",
    }
    named = _IN_THE_API.get(name) or FROM_THE_API[name]
    return head | _without_title(found.pop(named)) | {"$defs": found}


def whereis_schema() -> dict[str, Any]:
    """Return the schema of what `whereis --json` prints: an answer of the API, with a bit more."""
    made = api_schema("whereis")
    made["title"] = "Output of `whereis --json`"
    answer = made["$defs"].pop("AnswerOut")
    answer["properties"]["searched"] = {"$ref": "#/$defs/SearchedOut"}
    answer["required"].append("searched")
    place = made["$defs"]["PlaceOut"]
    place["properties"]["base"] = {
        "type": "string",
        "description": "The folder that the file's name is relative to.",
    }
    place["required"].append("base")
    head = {key: made[key] for key in ("$schema", "$id", "title")}
    return head | _without_title(answer) | {"$defs": made["$defs"]}


def test_the_schema_of_whereis_is_that_of_the_api(request: pytest.FixtureRequest) -> None:
    made = json.dumps(whereis_schema(), indent=2, ensure_ascii=False) + "\n"
    path = SCHEMAS / "whereis.json"
    if request.config.getoption("--update-goldens"):
        path.write_text(made, "utf-8")
    assert path.read_text("utf-8") == made, "run pytest tests/test_schemas.py --update-goldens"


def _without_title(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "title"}


def test_the_schema_of_errors_knows_every_class() -> None:
    others, verification = schema("error")["properties"]["error"]["oneOf"]
    named = {*others["properties"]["type"]["enum"], verification["properties"]["type"]["const"]}
    assert named == {kind.__name__ for kind in EXIT_CODES} | {"UsageError", "UnexpectedError"}


@pytest.mark.parametrize(
    "error",
    [
        {"type": "VerificationError", "message": "no", "hint": None},
        {"type": "NotFoundError", "message": "no", "hint": None, "code": "E_FILE"},
        {"type": "SomeError", "message": "no", "hint": None},
        {"type": "NotFoundError", "message": "", "hint": None},
        {"type": "NotFoundError", "message": "no"},
    ],
)
def test_what_is_no_error_of_ours_does_not_fit(error: dict[str, Any]) -> None:
    assert not fits("error", {"error": error})


def test_what_commands_print_is_what_the_schemas_say(outputs: Outputs) -> None:
    for name, documents in outputs.documents.items():
        for document in documents:
            assert complaints(name, document) == [], name
            assert changed_and_accepted(name, document) == []


def test_the_documents_of_a_snapshot_are_what_the_schemas_say(
    outputs: Outputs, signed: dict[str, list[Any]]
) -> None:
    snap = outputs.folder / "snap"
    exported = json.loads((snap / "certificate.json").read_bytes())
    signed = signed | {
        "manifest": [*signed["manifest"], json.loads((snap / "manifest.json").read_bytes())],
        "certificate": [
            *signed["certificate"],
            json.loads(base64.b64decode(exported["payload"])),
        ],
    }
    for name, documents in signed.items():
        for document in documents:
            assert complaints(name, document) == [], name
            assert changed_and_accepted(name, document) == []


def changed_and_accepted(name: str, document: Any) -> list[str]:
    """Return the changes that a schema does not notice: a key less, a key more, another type."""
    check = Draft202012Validator(schema(name)).is_valid
    optional = {f"() without {key}" for key in OPTIONAL.get(name, ())}
    optional |= OPTIONAL_WITHIN.get(name, set())
    return [
        place for place, changed in changes(document) if place not in optional and check(changed)
    ]


def changes(document: Any) -> Iterator[tuple[str, Any]]:
    """Give changed copies of a document, each with the place of the change."""
    for path in paths(document):
        if set(path) & FREE:
            continue
        last = path[-1] if path else ""
        item = at(document, path)
        if isinstance(item, dict):
            for key in item if last not in MAPS and "grades" not in path[-2:] else ():
                if key != "code" or last != "error":
                    yield f"{path} without {key}", edited(document, path, without=key)
            yield f"{path} with a key more", edited(document, path, {"odd": None})
        elif not isinstance(item, list):
            yield f"{path} as an object", edited(document, path[:-1], {last: {"odd": 1}})


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of every value inside a JSON value."""
    yield path
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value[:3])
    for key, item in items:
        yield from paths(item, (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def edited(
    document: Any,
    path: tuple[Any, ...],
    others: Mapping[Any, Any] | None = None,
    *,
    without: str | None = None,
) -> Any:
    """Return a copy in which the object or list at a path has other items, or one less."""
    made = copy.deepcopy(document)
    item = at(made, path)
    for key, value in (others or {}).items():
        item[key] = value
    if without is not None:
        del item[without]
    return made


# Schemas and parsers must agree about the keys: a stranger may rely on either.


def parse_manifest(document: Any) -> None:
    Manifest.parse(document)


def parse_certificate(document: Any) -> None:
    Certificate.parse(Statement.parse(canonical(document)))


def parse_shard_statement(document: Any) -> None:
    ShardStatement.parse(Statement.parse(canonical(document)))


def parse_envelope(document: Any) -> None:
    Envelope.parse(canonical(document))


PARSERS: Final[Mapping[str, Callable[[Any], None]]] = {
    "manifest": parse_manifest,
    "certificate": parse_certificate,
    "shard-statement": parse_shard_statement,
    "envelope": parse_envelope,
}


@pytest.mark.parametrize("name", PARSERS)
def test_parsers_refuse_what_the_schemas_refuse(name: str, signed: dict[str, list[Any]]) -> None:
    for document in signed[name]:
        for place, changed in changes(document):
            if fits(name, changed):
                continue
            try:
                PARSERS[name](changed)
            except VerificationError:
                continue
            pytest.fail(f"accepted: {place}")


@pytest.mark.parametrize("name", PARSERS)
def test_parsers_accept_what_the_schemas_describe(name: str, signed: dict[str, list[Any]]) -> None:
    """The keys of each object are those of the schema, no more: all of them are in a document."""
    seen: dict[str, set[str]] = {}
    for document in signed[name]:
        for path in paths(document):
            item = at(document, path)
            if isinstance(item, dict) and not set(path) & MAPS:
                place = ".".join("*" if isinstance(key, int) else str(key) for key in path)
                seen.setdefault(place, set()).update(item)
    for place, keys in seen.items():
        assert keys == described(name, place), place


def described(name: str, place: str) -> set[str]:
    """Return the keys that a schema describes at a place, such as `predicate.inputs.*`."""
    whole = schema(name)
    item = whole
    for key in place.split(".") if place else ():
        item = resolved(whole, item["items"] if key == "*" else item["properties"][key])
    return set(item["properties"])


def resolved(whole: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in item:
        item = whole["$defs"][item["$ref"].rpartition("/")[2]]
    for option in item.get("anyOf", ()):
        if option != {"type": "null"}:
            return resolved(whole, option)
    return item


# The schema of recipes is made from the model, and widened to what people may write.

_TEXT_OF_SHARE: Final = r"^[0-9]+(\.[0-9]+)?\s*%?$"
_TEXT_OF_SIZE: Final = r"^[0-9][0-9_,]*(\.[0-9]+)?\s*([kKMGT]i?)?B?$"
_SIZE: Final = {
    "anyOf": [{"minimum": 1, "type": "integer"}, {"pattern": _TEXT_OF_SIZE, "type": "string"}]
}
_COUNT: Final = {
    "anyOf": [{"minimum": 0, "type": "integer"}, {"pattern": "^[0-9][0-9_]*$", "type": "string"}]
}
_WRITTEN: Final[Mapping[tuple[str, str], dict[str, Any]]] = {
    ("Human", "at_least"): {
        "anyOf": [
            {"maximum": 1, "minimum": 0, "type": "number"},
            {"pattern": _TEXT_OF_SHARE, "type": "string"},
        ]
    },
    ("Size", "at_least"): _SIZE,
    ("Size", "at_most"): _SIZE,
    ("Words", "at_least"): _COUNT,
    ("Words", "at_most"): _COUNT,
    ("Recipe", "seed"): _COUNT,
    ("Recipe", "size"): {"anyOf": [*_SIZE["anyOf"], {"$ref": "#/$defs/Size"}]},
}


def recipe_schema() -> dict[str, Any]:
    """Return the schema of recipes as people write them."""
    made = Recipe.model_json_schema()
    for name, model in {"Recipe": made, **made["$defs"]}.items():
        _describe(model)
        for key, item in model.get("properties", {}).items():
            item.pop("title", None)
            written = _WRITTEN.get((name, key))
            if written is not None:
                for old in ("anyOf", "type", "$ref", "minimum", "maximum"):
                    item.pop(old, None)
                item |= copy.deepcopy(dict(written))
    sources = made["properties"]["sources"]
    sources["items"] = {"anyOf": [{"type": "string"}, sources["items"]]}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://firsthand.dev/schemas/v0/recipe.json",
        "title": "Recipe",
    }
    return head | made


def _describe(model: dict[str, Any]) -> None:
    """Move what a docstring says about attributes to the attributes."""
    text = model.get("description", "")
    model["description"], _, rest = text.partition("\n\n")
    _, found, attributes = text.partition("Attributes:\n")
    if not found:
        if rest:
            model["description"] += " " + " ".join(rest.split())
        return
    for key, words in re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE):
        model["properties"][key]["description"] = " ".join(words.split())


def sources_schema() -> dict[str, Any]:
    """Return the schema of lists of sources as people write them."""
    made = SourcesFile.model_json_schema()
    for model in (made, *made["$defs"].values()):
        _describe(model)
        for item in model.get("properties", {}).values():
            _write(item)
    entry = made["$defs"]["Entry"]
    keys = {key: item for key, item in entry["properties"].items() if key not in ("name", "paths")}
    for key, item in entry["properties"].items():
        if key not in ("name", "paths"):
            entry["properties"][key] = {"anyOf": [item, {"type": "null"}]}
    made["properties"]["defaults"] |= {"properties": keys, "additionalProperties": False}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://firsthand.dev/schemas/v0/sources.json",
    }
    return head | made | {"title": "List of sources"}


def _write(item: dict[str, Any]) -> None:
    """Widen a value to what people may write: one text for a list of texts."""
    item.pop("title", None)
    for option in item.pop("anyOf", [item]):
        if option.get("type") == "null":
            continue
        item |= option
    item.pop("default", None)
    if item.get("type") == "array" and item["items"].get("type") == "string":
        texts = {key: item.pop(key) for key in ("type", "items", "minItems") if key in item}
        item["anyOf"] = [{"type": "string", "minLength": 1}, texts]


def test_the_schema_of_lists_of_sources_is_that_of_the_model(
    request: pytest.FixtureRequest,
) -> None:
    made = json.dumps(sources_schema(), indent=2, ensure_ascii=False) + "\n"
    path = SCHEMAS / "sources.json"
    if request.config.getoption("--update-goldens"):
        path.write_text(made, "utf-8")
    assert path.read_text("utf-8") == made, "run pytest tests/test_schemas.py --update-goldens"


GOOD_LISTS: Final = {
    "short": "sources: [{name: a, paths: b}]",
    "several": "sources: [{name: t/a, paths: [b, c], keep: true}, {name: b, paths: [d]}]",
    "defaults taken back": "defaults: {license: MIT}\nsources: [{name: a, paths: b, license: null}]",
    "objects": "sources: [{name: a, paths: b, origin_field: l, origin_map: {x: human, 'y': ai}, "
    "date_field: {published: at}, text_field: [q, a]}]",
    "dates": "sources: [{name: a, paths: b, authored: '0618..0907', generators: m, access: public}]",
}
BAD_LISTS: Final = {
    "no sources": "defaults: {license: MIT}",
    "empty sources": "sources: []",
    "no paths": "sources: [{name: a}]",
    "empty paths": "sources: [{name: a, paths: []}]",
    "no name": "sources: [{paths: b}]",
    "unknown key": "sources: [{name: a, paths: b, orgin: human}]",
    "unknown key outside": "source: []\nsources: [{name: a, paths: b}]",
    "unknown default": "defaults: {orgin: human}\nsources: [{name: a, paths: b}]",
    "a name as default": "defaults: {name: c}\nsources: [{name: a, paths: b}]",
    "unknown origin": "sources: [{name: a, paths: b, origin: people}]",
    "unknown origin of a value": "sources: [{name: a, paths: b, origin_field: l, origin_map: {x: y}}]",
    "unknown kind of date": "sources: [{name: a, paths: b, date_field: {made: at}}]",
    "text as truth": "sources: [{name: a, paths: b, keep: perhaps}]",
    "a list": "[a]",
}


@pytest.mark.parametrize("text", GOOD_LISTS.values(), ids=GOOD_LISTS)
def test_lists_that_fit_the_schema_are_read(text: str) -> None:
    document = yaml.safe_load(text)
    assert complaints("sources", document) == []
    sources_file.parse(document, name="list")


@pytest.mark.parametrize("text", BAD_LISTS.values(), ids=BAD_LISTS)
def test_lists_that_do_not_fit_are_refused(text: str) -> None:
    document = yaml.safe_load(text)
    assert not fits("sources", document)
    with pytest.raises(InvalidInputError):
        sources_file.parse(document, name="list")


def test_the_schema_of_recipes_is_that_of_the_model(request: pytest.FixtureRequest) -> None:
    made = json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n"
    path = SCHEMAS / "recipe.json"
    if request.config.getoption("--update-goldens"):
        path.write_text(made, "utf-8")
    assert path.read_text("utf-8") == made, "run pytest tests/test_schemas.py --update-goldens"


GOOD: Final = {
    "short": "sources: [gsm8k]",
    "a version and filters": "sources: [{dataset: a/b@3, where: {origin: [human]}}]",
    "size in megabytes": "sources: [a]\nsize: 2.5 MB",
    "size as a number": "sources: [a]\nsize: 2000000",
    "bounds": "sources: [a]\nsize: {at_most: 2_000, at_least: 1k, unit: words}",
    "share as a number": "sources: [a]\nhuman: {at_least: 0.8}",
    "share in percent": "sources: [a]\nhuman: {at_least: 80 %, of: documents, count: [human, assisted]}",
    "all filters": "sources: [a]\nwhere: {origin: [ai], date_before: '2022-11', license: [MIT], "
    "language: [en], words: {at_least: 1, at_most: 9}}\nseed: 7\nname: All",
}
BAD: Final = {
    "no sources": "size: 1 MB",
    "empty sources": "sources: []",
    "unknown key": "sources: [a]\nhumans: {at_least: 0.8}",
    "unknown filter": "sources: [a]\nwhere: {dates: 2022}",
    "unknown origin": "sources: [a]\nwhere: {origin: [people]}",
    "unknown unit": "sources: [a]\nsize: {at_most: 3, unit: bits}",
    "share above one": "sources: [a]\nhuman: {at_least: 1.5}",
    "share in words": "sources: [a]\nhuman: {at_least: most}",
    "no share": "sources: [a]\nhuman: {of: bytes}",
    "size in words": "sources: [a]\nsize: much",
    "negative words": "sources: [a]\nwhere: {words: {at_least: -1}}",
    "seed in words": "sources: [a]\nseed: lucky",
    "a list": "[a]",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_recipes_that_fit_the_schema_can_be_followed(text: str) -> None:
    document = yaml.safe_load(text)
    assert complaints("recipe", document) == []
    parse(document, name="recipe")


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_recipes_that_do_not_fit_are_refused(text: str) -> None:
    document = yaml.safe_load(text)
    assert not fits("recipe", document)
    with pytest.raises(InvalidInputError):
        parse(document, name="recipe")


def test_the_examples_fit_the_schema() -> None:
    for path in sorted((REPOSITORY / "examples").glob("*.yaml")):
        document = load(path.read_bytes(), name=path.name)
        kind = "sources" if path.stem == "sources" else "recipe"
        assert complaints(kind, document) == [], path.name
        (sources_file.parse if kind == "sources" else parse)(document, name=path.name)
