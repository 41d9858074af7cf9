from __future__ import annotations

import io
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from cli.main import main
from tests.bad_inputs.case import lines
from tests.cli.running import Cli, runner


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command of `firsthand` in the current folder."""
    return runner(capsys)


@pytest.fixture(scope="session")
def original_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two datasets that is whole; tests get copies."""
    folder = tmp_path_factory.mktemp("original")
    home = folder / ".firsthand"
    lines("essays/a.jsonl", {"text": "A person wrote this."}, {"text": "And this."})(folder)
    lines("chat.jsonl", {"text": "A model wrote this."})(folder)
    essays = ["register", str(folder / "essays"), "--name", "essays", "--origin", "human", "--keep"]
    chat = ["register", str(folder / "chat.jsonl"), "--name", "team/chat", "--origin", "ai"]
    for words in (["init"], essays, [*chat, "--keep"], ["db", "check"]):
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(out):
            assert main(["--home", str(home), *words]) == 0, out.getvalue()
    return home


@pytest.fixture
def home(original_home: Path, tmp_path: Path) -> Path:
    """The home of the current folder: a copy that a test may break."""
    copy = tmp_path / ".firsthand"
    shutil.copytree(original_home, copy)
    return copy
