"""Build the application. Importing this starts nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

from registry import __version__, home
from registry.api import bounded, caching, problems
from registry.api.deps import Registry
from registry.api.routes import (
    checks,
    datasets,
    disputes,
    documents,
    health,
    impact,
    log,
    lookup,
    overlap,
    snapshots,
    versions,
)
from registry.blobs import Store
from registry.query.whereis.finder import Finder
from registry.settings import Settings

TITLE: Final = "Firsthand"
DESCRIPTION: Final = (
    "What a registry of training text has recorded, to read. A dataset that the caller may not "
    "see is answered like one that does not exist. Lists come in pages: follow `next` until it is "
    "null. Answers have a strong `ETag`. Every error is a problem (RFC 9457)."
)


def create_app(settings: Settings) -> FastAPI:
    """Return the application that serves a registry.

    Its database is opened here and closed when the application shuts down. Whether it has the
    right schema is not looked at; `/healthz` does.

    Raises:
        UnavailableError: The database's file is missing.
        InvalidInputError: The database's URL cannot be used.
    """
    database = home.open_database(settings)
    store = Store(settings.storage)
    finder = Finder(store)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        finder.close()
        database.dispose()

    app = FastAPI(
        title=TITLE,
        version=__version__,
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        # The pages that come with FastAPI load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=[Middleware(caching.Conditional), Middleware(bounded.Bounded)],
        generate_unique_id_function=_operation_id,
    )
    app.state.registry = Registry(database, store, finder, settings.log_folder)
    problems.install(app)
    app.add_exception_handler(caching.NotModifiedError, caching.not_modified)
    for module in (
        datasets,
        versions,
        snapshots,
        disputes,
        impact,
        documents,
        lookup,
        overlap,
        checks,
        log,
        health,
    ):
        app.include_router(module.router)
    _describe(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _describe(app: FastAPI) -> None:
    """Let `/openapi.json` say what problems look like, which no route returns by itself."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                license_info=app.license_info,
                routes=app.routes,
            )
            shapes = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            made["components"]["schemas"] |= shapes.pop("$defs") | {"Problem": shapes}
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
