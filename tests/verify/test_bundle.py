"""The verifier as one file, on a machine that has Python, cryptography and pyarrow, and no more."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from cli.commands.verify import verify as command
from cli.main import main as firsthand
from registry import proving
from registry.errors import InvalidInputError
from registry.verify import __main__ as front
from registry.verify import bundle
from tests import snapshots
from tests.snapshots import OTHER, SIGNER, Snapshot


@dataclass(frozen=True)
class Machine:
    """A fresh environment, the one file, and an empty folder to be in."""

    python: Path
    file: Path
    empty: Path

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        words = [str(self.python), "-I", str(self.file), *map(str, arguments)]
        return subprocess.run(
            words, cwd=self.empty, env={}, capture_output=True, encoding="utf-8", check=False
        )


def _machine(folder: Path, file: Path, *distributions: str) -> Machine:
    """Make an environment that has these distributions of this one, and nothing else."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True
    )
    python = folder / "venv" / "bin" / "python"
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([python, "-c", asked], capture_output=True, encoding="utf-8", check=True)
    site = Path(done.stdout.strip())
    for name in distributions:
        distribution = importlib.metadata.distribution(name)
        for top in {Path(str(file)).parts[0] for file in distribution.files or ()} - {".."}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))).resolve())
    (folder / "empty").mkdir()
    return Machine(python, file, folder / "empty")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one file."""
    path = tmp_path_factory.mktemp("bundle") / "firsthand-verify.pyz"
    path.write_bytes(bundle.build())
    return path


@pytest.fixture(scope="module")
def machine(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with both dependencies."""
    folder = tmp_path_factory.mktemp("machine")
    return _machine(folder, built, "cryptography", "cffi", "pycparser", "pyarrow")


@pytest.fixture
def snap(tmp_path: Path) -> Snapshot:
    """A snapshot to verify, with keys outside."""
    (tmp_path / "acme.pub").write_text(SIGNER.public.pem, "ascii")
    (tmp_path / "other.pub").write_text(OTHER.public.pem, "ascii")
    return snapshots.write(tmp_path / "snap")


def test_it_is_small_the_same_every_time_and_holds_only_what_it_needs(built: Path) -> None:
    data = built.read_bytes()
    assert len(data) < bundle.MAX_SIZE
    assert data == bundle.build()
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
    assert names == sorted(names)
    assert {name.partition("/")[0] for name in names} == {"__main__.py", "registry", "rfc8785"}
    assert "registry/verify/bundle.py" not in names
    assert not any(name.startswith("registry/db") for name in names)


def test_it_runs_where_there_is_nothing_else(
    machine: Machine, snap: Snapshot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "acme.pub"
    modules = machine.python.parent
    found = subprocess.run(
        [machine.python, "-I", "-c", "import click"], capture_output=True, check=False, cwd=modules
    )
    assert found.returncode == 1
    row, absent = tmp_path / "row.proof", tmp_path / "absent.proof"
    row.write_bytes(proving.row(snap.path, 3, with_text=True).to_bytes())
    absent.write_bytes(proving.absent(snap.path, bytes(32)).to_bytes())
    cases: list[tuple[int, list[object]]] = [
        (0, [snap.path, "--key", key]),
        (0, [snap.path, "--key", key, "--level", "content"]),
        (0, [snap.path, "--key", key, "--level", "content", "--json"]),
        (0, [snap.shards[1], "--key", key]),
        (0, [row, "--key", key]),
        (0, [absent, "--key", key, "--json"]),
        (1, [snap.path]),
        (1, [row]),
        (3, [snap.path, "--key", tmp_path / "other.pub"]),
        (3, [key, "--key", key]),
        (1, [tmp_path / "nothing", "--key", key]),
        (1, [snap.path, "--key", tmp_path / "nothing", "--json"]),
    ]
    damaged = tmp_path / "damaged.proof"
    damaged.write_bytes(row.read_bytes().replace(b'"row":3', b'"row":4'))
    cases.append((3, [damaged, "--key", key]))
    for code, words in cases:
        done = machine.run(*words)
        assert done.returncode == code, done.stderr
        capsys.readouterr()
        assert firsthand(["verify", *map(str, words)]) == code
        shown = capsys.readouterr()
        assert (done.stdout, done.stderr) == (shown.out, shown.err)
    data = snap.shards[0].read_bytes()
    snap.shards[0].write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    for level in ("files", "content"):
        done = machine.run(snap.path, "--key", key, "--level", level)
        assert (done.returncode, done.stdout.partition(" ")[0]) == (3, "REFUSED")


def test_without_pyarrow_rows_are_not_decided_and_the_rest_is(
    built: Path, snap: Snapshot, tmp_path: Path
) -> None:
    machine = _machine(tmp_path / "lean", built, "cryptography", "cffi", "pycparser")
    key = tmp_path / "acme.pub"
    proof = tmp_path / "x.proof"
    proof.write_bytes(proving.row(snap.path, 3).to_bytes())
    assert machine.run(snap.path, "--key", key).returncode == 0
    assert machine.run(proof, "--key", key).returncode == 0
    for words in ([snap.path, "--level", "content"], [snap.shards[0]]):
        done = machine.run(*words, "--key", key)
        assert done.returncode == 1
        assert "NOT DECIDED" in done.stdout
        assert "`pyarrow` is not installed" in done.stdout
    (snap.path / "manifest.json").write_bytes(b"{}")
    assert machine.run(snap.path, "--level", "content", "--key", key).returncode == 3


def test_its_options_are_those_of_the_command() -> None:
    ours = {flag for it in front.parser()._actions for flag in it.option_strings}
    theirs = {flag for it in command.params if isinstance(it, click.Option) for flag in it.opts}
    assert ours - {"-h", "--help", "--version"} == theirs


def test_help_version_and_wrong_usage(machine: Machine) -> None:
    assert machine.run("--version").stdout.startswith("firsthand-verify ")
    assert "--level" in machine.run("--help").stdout
    assert machine.run().returncode == 2
    assert machine.run("x", "--lev", "files").returncode == 2
    assert machine.run(".", "--text", "x").returncode == 2


def test_what_a_verifier_must_not_need_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "ENTRY", "cli.output")
    monkeypatch.setattr(bundle, "BUNDLED", ("registry", "rfc8785", "cli"))
    with pytest.raises(InvalidInputError, match="imports `click`"):
        bundle.sources()
