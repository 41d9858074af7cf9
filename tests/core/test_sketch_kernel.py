"""The kernel comes out of a cache that may be absent, damaged, closed or shared, and is the same."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from llvmlite import binding

from registry.core import sketch
from registry.core.kernel import machine
from tests.core.test_sketch import ODD, lay

TEXTS: Final = [
    "The quick brown fox – it’s 7 years old – jumps over the dog’s back. " * 9,
    "人人生而自由，在尊严和权利上一律平等。" * 20,
    "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. " * 9,
    ODD * 5,
    "x" * 50_000 + " a b c d e f g",
    "word " * 5_000,
    "",
]


@cache
def results() -> sketch.Sketches:
    return sketch.sketch(*lay(TEXTS))


def check() -> None:
    got = sketch.sketch(*lay(TEXTS))
    for name in ("signatures", "tokens", "bands", "passages", "passage_rows"):
        assert (getattr(got, name) == getattr(results(), name)).all()


@pytest.mark.skipif("x86" not in binding.get_process_triple(), reason="these are x86 processors")
@pytest.mark.parametrize("processor", ["x86-64", "haswell"])
def test_processors_without_its_instructions_compute_the_same(
    processor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    results()
    target = machine._machine(processor, "")
    kernel = machine._loaded(machine._compiled(target), target)
    monkeypatch.setattr(machine, "kernel", lambda: kernel)
    check()


def test_a_damaged_file_is_compiled_anew_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results()
    closed, usual = tmp_path / "a file" / "folder", tmp_path / "cache"
    (tmp_path / "a file").touch()
    usual.mkdir()
    damaged = usual / machine._name()
    damaged.write_bytes(b"not what it was")
    monkeypatch.setattr(machine, "_folders", lambda: iter([closed, usual]))
    target = machine._target()
    code = machine._object_code(target)
    assert machine._read(damaged) == code
    assert [path.name for path in usual.iterdir()] == [damaged.name]
    kernel = machine._loaded(code, target)
    monkeypatch.setattr(machine, "kernel", lambda: kernel)
    check()


@pytest.mark.parametrize("change", ["cut", "flipped", "longer", "empty", "absent"])
def test_what_is_not_whole_is_not_believed(tmp_path: Path, change: str) -> None:
    path = tmp_path / "code"
    assert machine._written(path, b"machine code" * 100)
    content = bytearray(path.read_bytes())
    if change == "cut":
        path.write_bytes(content[:-1])
    elif change == "flipped":
        content[700] ^= 1
        path.write_bytes(content)
    elif change == "longer":
        path.write_bytes(content + b"\0")
    elif change == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
    assert machine._read(path) is None


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_is_not_believed(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "code"
    assert machine._written(path, b"machine code")
    assert machine._read(path) == b"machine code"
    path.chmod(mode)
    assert machine._read(path) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_believed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    planted = shared / machine._name()
    assert machine._written(planted, b"machine code of somebody else")
    shared.chmod(0o777)
    os.chown(planted, 12345, 12345)
    monkeypatch.setattr(machine, "_folders", lambda: iter([shared]))
    monkeypatch.setattr(machine, "_compiled", lambda _: b"our own")
    assert machine._object_code(None) == b"our own"
    assert planted.stat().st_uid == 0


def test_a_file_under_the_name_of_another_is_not_believed(tmp_path: Path) -> None:
    assert machine._written(tmp_path / "of an old version", b"machine code")
    (tmp_path / "of an old version").rename(tmp_path / "of this one")
    assert machine._read(tmp_path / "of this one") is None


def test_a_fifo_in_its_place_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "code")
    assert machine._read(tmp_path / "code") is None


def test_several_may_write_the_file_at_once(tmp_path: Path) -> None:
    path, code = tmp_path / "new" / "code", os.urandom(100_000)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: machine._written(path, code), range(64)))
        assert machine._read(path) == code
    assert list(path.parent.iterdir()) == [path]


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    return done.stdout.strip()


def test_a_cached_kernel_loads_without_numba(tmp_path: Path) -> None:
    results()
    code = (
        "import sys, numpy as np; from registry.core import sketch;"
        "got = sketch.sketch(np.frombuffer(b'a b', np.uint8), np.array([0, 3]));"
        "print(got.tokens.tolist(), 'numba' in sys.modules)"
    )
    assert run(code) == "[2] False"
    # A folder of one's own comes first; what is not in it is found where it is.
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)) == "[2] False"


def test_folders_are_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/given")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    package = Path(machine.__file__).parent / "__pycache__"
    assert [*machine._folders()] == [Path("/given/firsthand"), package, Path("/caches/firsthand")]
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/one")
    assert [*machine._folders()] == [package, Path("/home/one/.cache/firsthand")]


def test_another_version_of_a_module_has_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = machine._name()
    for path in machine._HERE.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(machine, "_HERE", tmp_path)
    assert machine._name() == before
    with (tmp_path / "vectors.py").open("a") as file:
        file.write("# changed\n")
    assert machine._name() != before


def test_threads_that_begin_together_get_one_kernel() -> None:
    machine._kernel.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        kernels: list[Any] = list(pool.map(lambda _: machine.kernel(), range(8)))
    assert len(set(map(id, kernels))) == 1
    assert np.array_equal(sketch.sketch(*lay(["a"])).tokens, [1])
