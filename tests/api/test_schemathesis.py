"""Requests made up from `schemas/openapi.json` get answers that it describes, and no server error.

In the suite each operation is tried a few times. For thousands of cases:

    pytest -m slow tests/api/test_schemathesis.py
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import REPOSITORY
from tests.world import World

CHECKS: Final = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "negative_data_rejection",
    "positive_data_acceptance", "unsupported_method", "allow_header_conformance",
)  # fmt: skip
SCRIPTS: Final = Path(sys.executable).parent


def try_out(world: World, folder: Path, examples: int, phases: str) -> dict[str, int]:
    """Serve the world, let schemathesis try it, and return how often it saw which status."""
    world.register("essays", ["By a person.", "By another."], origin="human", license="MIT")
    world.register("team/chat", [{"text": "By a model.", "by": "ai"}], origin_field="by")
    world.derive("team/chat", "essays")
    world.export({"sources": ["essays", "team/chat"]})
    server = subprocess.Popen(
        [SCRIPTS / "firsthand", "--home", world.home, "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert server.stderr
        line = server.stderr.readline()
        url = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
        report = folder / "report.ndjson"
        done = subprocess.run(
            [
                SCRIPTS / "schemathesis", "run", REPOSITORY / "schemas" / "openapi.json",
                "--url", url, "--checks", ",".join(CHECKS), "--max-examples", str(examples),
                "--phases", phases, "--seed", "1", "--continue-on-failure", "--no-color",
                "--report", "ndjson", "--report-ndjson-path", report,
            ],
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )  # fmt: skip
    finally:
        server.send_signal(signal.SIGTERM)
        said = server.communicate(timeout=30)[1]
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert (server.returncode, said) == (0, "")
    return statuses(report)


def statuses(report: Path) -> dict[str, int]:
    """Count the answers of a report by their status."""
    found: dict[str, int] = {}

    def look(value: object) -> None:
        if isinstance(value, dict):
            status = value.get("status_code")
            if isinstance(status, int) and "headers" in value:
                found[str(status)] = found.get(str(status), 0) + 1
            for item in value.values():
                look(item)
        elif isinstance(value, list):
            for item in value:
                look(item)

    for line in report.read_text("utf-8").splitlines():
        look(json.loads(line))
    return found


def test_a_few_requests_of_every_kind(sqlite_world: World, tmp_path: Path) -> None:
    found = try_out(sqlite_world, tmp_path, 8, "examples,fuzzing")
    assert sum(found.values()) >= 50, found
    assert not [status for status in found if status >= "500"]


@pytest.mark.slow
def test_thousands_of_requests(world: World, tmp_path: Path) -> None:
    found = try_out(world, tmp_path, 250, "examples,coverage,fuzzing")
    print(found)  # noqa: T201 - how many there were
    assert sum(found.values()) >= 2000, found
    assert not [status for status in found if status >= "500"]
