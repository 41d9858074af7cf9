"""Build the verifier as one file: `python -m registry.verify.bundle --out firsthand-verify.pyz`.

The file is a zip of Python sources that Python runs. It holds what `registry.verify.__main__`
imports of ours, found by following imports, and `rfc8785`, which is pure Python, as it is
installed. `cryptography` and `pyarrow` stay outside. Equal sources and an equal zlib give equal
bytes. This module is no part of it.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from registry.errors import InvalidInputError

ENTRY: Final = "registry.verify.__main__"
BUNDLED: Final = ("registry", "rfc8785")
OUTSIDE: Final = ("cryptography", "pyarrow", "rfc3161_client")
"""What a machine must have, or may have for more: anything else that is imported is a mistake."""
MAX_SIZE: Final = 150_000
_HEAD: Final = b"#!/usr/bin/env python3\n"
_MAIN: Final = b"""\
import sys

if sys.version_info < (3, 11):
    sys.exit("firsthand-verify needs Python 3.11 or newer")

from registry.verify.__main__ import program

sys.exit(program())
"""
_TIME: Final = (1980, 1, 1, 0, 0, 0)


def sources() -> dict[str, bytes]:
    """Return the files of the bundle by their names in it.

    Raises:
        InvalidInputError: A module imports what the bundle may not need.
    """
    found: dict[str, bytes] = {"__main__.py": _MAIN}
    waiting, seen = [ENTRY], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _path_of(name)
        if path is None:
            continue
        data = path.read_bytes()
        base = name.replace(".", "/")
        found[f"{base}/__init__.py" if path.name == "__init__.py" else f"{base}.py"] = data
        for imported in _imports(ast.parse(data), name):
            top = imported.partition(".")[0]
            if top in BUNDLED:
                waiting += _with_parents(imported)
            elif top not in sys.stdlib_module_names and top not in OUTSIDE:
                raise InvalidInputError(f"`{name}` imports `{imported}`, which a verifier must not")
    return found


def build() -> bytes:
    """Return the bytes of the one file."""
    made = io.BytesIO(_HEAD)
    made.seek(len(_HEAD))
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(sources().items()):
            info = zipfile.ZipInfo(name, _TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, data)
    return made.getvalue()


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: at + 1]) for at in range(len(parts))]


def _path_of(name: str) -> Path | None:
    """Return the source of a module, or None for a name inside a module."""
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def _imports(tree: ast.AST, module: str) -> Iterator[str]:
    """Give what a module imports, in functions too, except for type checkers alone."""
    if isinstance(tree, ast.If) and _for_types(tree.test):
        for other in tree.orelse:
            yield from _imports(other, module)
        return
    if isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names)
    elif isinstance(tree, ast.ImportFrom):
        base = tree.module or ""
        if tree.level:
            package = _package_of(module).split(".")
            base = ".".join([*package[: len(package) - tree.level + 1], *filter(None, [base])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in tree.names)
    for node in ast.iter_child_nodes(tree):
        yield from _imports(node, module)


def _package_of(module: str) -> str:
    path = _path_of(module)
    inside = path is not None and path.name == "__init__.py"
    return module if inside else module.rpartition(".")[0]


def _for_types(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def main() -> int:
    """Write the file that was asked for."""
    parser = argparse.ArgumentParser(description="Build the verifier as one file.")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE")
    out: Path = parser.parse_args().out
    data = build()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)
    out.chmod(0o755)
    sys.stdout.write(f"{out}: {len(data):,} bytes\n")
    return 0 if len(data) < MAX_SIZE else 1


if __name__ == "__main__":
    sys.exit(main())
