"""The kernel as a function: machine code out of a cache, or compiled by numba.

numba's own cache is not used: loading from it takes numba and half a second in every process, it
does not see a change of a module that the compiled one imports, and it trusts what it finds. Here
the object code lies in a file whose name says what it was made of, and whose first bytes are the
digest of that name and the rest; loading it takes llvmlite only. Who writes the file runs code, so
it is believed only of those who could do that anyway: the user, root, the owner of the program.
Whatever is wrong with the file, the kernel is compiled anew. Processes that do so at once write the
same file, each by a rename.

This is the one place of the core that touches files, as numba would for it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from llvmlite import binding

_FUNCTION: Final = "firsthand_sketch"
_DIGEST: Final = 32
_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_HERE: Final = Path(__file__).parent

Kernel = Callable[[npt.NDArray[np.void]], int]

_lock = Lock()
# A finished function lives as long as its engine.
_engines: list[Any] = []


def kernel() -> Kernel:
    """Return the kernel; it takes a record of `JOB` in an array, and says how it went.

    The first call of a process loads it, 0.1 s, or compiles it, some 8 s of CPU.
    """
    with _lock:
        return _kernel()


@cache
def _kernel() -> Kernel:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = _target()
    return _loaded(_object_code(target), target)


def _target() -> Any:
    """Return LLVM's description of this processor."""
    features = binding.get_host_cpu_features()
    # Some processors of Intel's are said to prefer half vectors; that held for older ones.
    if features.get("avx512vbmi2"):
        features["prefer-256-bit"] = False
    return _machine(binding.get_host_cpu_name(), features.flatten())


def _machine(processor: str, features: str) -> Any:
    return binding.Target.from_default_triple().create_target_machine(
        cpu=processor,
        features=features,
        opt=3,
        reloc="default" if sys.platform == "win32" else "pic",
        codemodel="jitdefault",
        jit=True,
    )


def _loaded(code: bytes, target: Any) -> Kernel:
    """Return the kernel that object code holds."""
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    kind = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    function = kind(engine.get_function_address(_FUNCTION))

    def run(job: npt.NDArray[np.void]) -> int:
        result, exception = ctypes.c_int64(), ctypes.c_void_p()
        # The interpreter's lock is released while it runs.
        status = function(ctypes.byref(result), ctypes.byref(exception), job.ctypes.data)
        if status:
            raise RuntimeError(f"the kernel ended with status {status}")
        return result.value

    return run


def _object_code(target: Any) -> bytes:
    """Return the kernel's object code, from a cache or for one."""
    name = _name()
    for folder in _folders():
        if code := _read(folder / name):
            return code
    code = _compiled(target)
    for folder in _folders():
        if _written(folder / name, code):
            break
    return code


def _compiled(target: Any) -> bytes:
    from registry.core.kernel import batch

    text, name = batch.intermediate()
    module = binding.parse_assembly(text.replace(name, _FUNCTION))
    missing = [
        function.name
        for function in module.functions
        if function.is_declaration and not function.name.startswith("llvm.")
    ]
    if missing:
        raise RuntimeError(f"the kernel calls what is not in it: {missing}")
    code: bytes = target.emit_object(module)
    return code


def _name() -> str:
    """Return the name of a file that holds what this program needs on this processor."""
    processor = f"{binding.get_process_triple()} {binding.get_host_cpu_name()}"
    features = binding.get_host_cpu_features().flatten()
    libraries = f"numba {version('numba')} llvmlite {version('llvmlite')}"
    made_of = hashlib.sha256(f"{processor} {features} {libraries}".encode())
    for path in sorted(_HERE.glob("*.py")):
        made_of.update(hashlib.sha256(path.read_bytes()).digest())
    return f"sketch-{made_of.hexdigest()[:32]}.machine"


def _folders() -> Iterator[Path]:
    """Yield where the file may lie, the first the best."""
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(given) / "firsthand"
    yield _HERE / "__pycache__"
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    if os.path.isabs(home):  # noqa: PTH117 - nobody's home stays `~`
        yield Path(home) / "firsthand"


def _read(path: Path) -> bytes | None:
    """Return what was written, if it is all there and nobody else can have written it."""
    try:
        # What is no file, such as a pipe, must not be waited for.
        with open(os.open(path, _READ), "rb") as file:  # noqa: PTH123
            if not _is_ours(file.fileno()):
                return None
            content = file.read()
    except OSError:
        return None
    digest, code = content[:_DIGEST], content[_DIGEST:]
    return code if _digest(path, code) == digest else None


def _is_ours(handle: int) -> bool:
    """Return whether only those whose code is run anyway could write an open file."""
    if sys.platform == "win32":
        return True
    found = os.fstat(handle)
    trusted = {0, os.geteuid(), Path(__file__).stat().st_uid}
    writable = stat.S_IWGRP | stat.S_IWOTH
    return stat.S_ISREG(found.st_mode) and found.st_uid in trusted and not found.st_mode & writable


def _digest(path: Path, code: bytes) -> bytes:
    """Return what a file begins with: under another name it is not believed either."""
    return hashlib.sha256(path.name.encode() + code).digest()


def _written(path: Path, code: bytes) -> bool:
    """Write a file at once or not at all; say whether that was possible."""
    beside = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Whatever the user's mask: what a group can write is not believed.
        with open(os.open(beside, flags, 0o644), "wb") as file:  # noqa: PTH123
            file.write(_digest(path, code) + code)
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        return False
    return True
