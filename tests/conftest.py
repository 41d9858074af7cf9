"""What every test may ask for: databases, real data, golden files, and a clean environment."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings

from tests import shortcuts
from tests.postgres import PostgresServer, postgres_server

if TYPE_CHECKING:
    import tests.filled
    import tests.objects
    import tests.world

REPOSITORY: Final = Path(__file__).parents[1]
GOLDENS: Final = REPOSITORY / "tests" / "goldens"
SHARED: Final = REPOSITORY.parent / "shared" / "data"
BACKENDS: Final = ("sqlite", "postgresql")

settings.register_profile("laptop", deadline=None)
settings.register_profile(
    "ci", deadline=None, max_examples=50, derandomize=True, database=None, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "laptop")
shortcuts.share_compiled_statements()
# A test that starts Python does not compile the library anew each time, whatever is set here.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our own options."""
    parser.addoption(
        "--update-goldens", action="store_true", help="write the golden files instead of comparing"
    )


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Start in an empty folder which is also the home, with none of the developer's settings.

    A registry is found upward from the current folder, so a test that forgets to say where its
    registry is must not find the one the developer works with.

    Returns:
        The current folder, the same as `tmp_path`.
    """
    for name in list(os.environ):
        if name.startswith(("FIRSTHAND_", "PG", "XDG_", "AWS_", "GOOGLE_", "AZURE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def disks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait for no disk, unless the test is marked `synced`."""
    if request.node.get_closest_marker("synced"):
        yield
        return
    with shortcuts.unsynced(monkeypatch):
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real corpora next to the repository; the test is skipped where it is not."""
    if not SHARED.is_dir():
        pytest.skip("needs the real corpora of ../shared/data")
    return SHARED


@pytest.fixture(scope="session")
def pg_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test process, empty at first; tests share it."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def postgresql_url(pg_server: PostgresServer) -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    url = pg_server.create_database()
    yield url
    pg_server.drop_database(url)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Run the test once for each kind of database: `sqlite`, `postgresql`."""
    return str(request.param)


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest) -> str:
    """The address of an empty database; the test runs once for each kind."""
    return str(request.getfixturevalue(f"{backend}_url"))


Prepare = Callable[[str], None]


@dataclass
class Templates:
    """Databases that were prepared once and are copied for each test.

    Attributes:
        folder: Where the SQLite ones are.
        urls: The address of each, by kind of database and name of what prepared it.
    """

    folder: Path
    urls: dict[tuple[str, str], str] = field(default_factory=dict)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The prepared databases of this test process."""
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def prepared_url(
    backend: str, request: pytest.FixtureRequest, templates: Templates, tmp_path: Path
) -> Iterator[Callable[[Prepare], str]]:
    """Copies of databases that are costly to make; the test runs once for each kind.

    The fixture is a function. It takes one that fills an empty database, given its address, and
    closes its connections, such as the migrations. That is called once per test process; each
    call here gives the address of a new copy.
    """
    copies: list[str] = []

    def copy_sqlite(prepare: Prepare, key: tuple[str, str]) -> str:
        original = templates.folder / f"{len(templates.urls)}.db"
        if key not in templates.urls:
            prepare(f"sqlite:///{original}")
            templates.urls[key] = str(original)
        copy = tmp_path / f"prepared-{len(copies)}.db"
        with (
            closing(sqlite3.connect(templates.urls[key])) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        return f"sqlite:///{copy}"

    def copy_postgresql(prepare: Prepare, key: tuple[str, str]) -> str:
        server: PostgresServer = request.getfixturevalue("pg_server")
        if key not in templates.urls:
            original = server.create_database()
            prepare(original)
            templates.urls[key] = original
        return server.create_database(template=templates.urls[key])

    def copy(prepare: Prepare) -> str:
        key = (backend, f"{prepare.__module__}.{prepare.__qualname__}")
        url = copy_sqlite(prepare, key) if backend == "sqlite" else copy_postgresql(prepare, key)
        copies.append(url)
        return url

    yield copy
    if backend == "postgresql":
        for url in copies:
            request.getfixturevalue("pg_server").drop_database(url)


@pytest.fixture
def world(prepared_url: Callable[[Prepare], str], tmp_path: Path) -> Iterator[tests.world.World]:
    """A small registry; the test runs once for each kind of database."""
    from tests.world import World, migrate

    with World(prepared_url(migrate), tmp_path / "world") as made:
        yield made


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with tables, to copy."""
    from tests.world import migrate

    path = tmp_path_factory.mktemp("migrated") / "registry.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_world(migrated_file: Path, tmp_path: Path) -> Iterator[tests.world.World]:
    """A small registry with a SQLite database, for what has nothing to do with databases."""
    from tests.world import World

    copy = shutil.copy(migrated_file, tmp_path / "registry.db")
    with World(f"sqlite:///{copy}", tmp_path / "world") as made:
        yield made


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tests.filled.Filled:
    """The filled registries of this test process."""
    from tests.filled import Filled

    return Filled(tmp_path_factory.mktemp("filled"))


FilledWorld = Callable[[Callable[["tests.world.World"], object]], "tests.world.World"]


@pytest.fixture
def filled_world(
    backend: str,
    prepared_url: Callable[[Prepare], str],
    filled: tests.filled.Filled,
    request: pytest.FixtureRequest,
) -> Iterator[FilledWorld]:
    """A function: `filled_world(fill)` gives a world as `fill(world)` left it.

    It is called once per test process and kind of database; a test asks for one world.
    """
    from tests.world import World, migrate

    with ExitStack() as stack:

        def give(fill: Callable[[World], object]) -> World:
            server = request.getfixturevalue("pg_server") if backend == "postgresql" else None
            url = prepared_url(migrate)
            migrated = url if server else url.removeprefix("sqlite:///")
            return stack.enter_context(filled.again(fill, migrated, server))

        yield give


@pytest.fixture
def filled_sqlite_world(migrated_file: Path, filled: tests.filled.Filled) -> Iterator[FilledWorld]:
    """The same with a SQLite database, for what has nothing to do with databases."""
    from tests.world import World

    with ExitStack() as stack:

        def give(fill: Callable[[World], object]) -> World:
            return stack.enter_context(filled.again(fill, str(migrated_file), None))

        yield give


@pytest.fixture(scope="session")
def object_store() -> Iterator[tests.objects.ObjectStore]:
    """An object store of this test process, empty at first; tests share it."""
    from tests.objects import object_store

    with object_store() as store:
        yield store


@pytest.fixture
def bucket(
    object_store: tests.objects.ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tests.objects.Bucket]:
    """An empty bucket, and the environment to reach it through a proxy that can fail."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_store.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    yield object_store.bucket()
    object_store.fail()


Golden = Callable[[str, bytes], None]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare bytes with the file of that name in tests/goldens; `--update-goldens` writes it."""

    def compare(name: str, actual: bytes) -> None:
        path = GOLDENS / name
        if request.config.getoption("--update-goldens"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(actual)
        assert path.exists(), f"no golden file {name}; write it with --update-goldens"
        assert actual == path.read_bytes(), f"{name} changed; if it should, use --update-goldens"

    return compare
