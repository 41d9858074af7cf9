"""`firsthand serve`: the read interface on this machine."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
from typing import TYPE_CHECKING

import click

from cli.output import clean, tell
from registry.errors import InvalidInputError, NotAllowedError, UnavailableError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from registry.settings import Settings


@click.command()
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    envvar="FIRSTHAND_HOST",
    help="Where to listen: an address of this machine that others cannot reach.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    envvar="FIRSTHAND_PORT",
    help="The port; 0 takes one that is free.",
)
@click.pass_obj
def serve(home: str | None, host: str, port: int) -> None:
    """Serve what is recorded over HTTP, to read, on this machine only.

    Ctrl-C ends it. There are no keys yet: whoever can reach the port can read every dataset,
    private ones too, and therefore no other machine may.
    """
    from cli.context import opened

    address = _loopback(host)
    with opened(home) as registry:
        app = _application(registry.settings)
    with _listening(address, port) as listener:
        _run(app, listener)


def _loopback(host: str) -> str:
    """Return the address to listen at.

    Raises:
        NotAllowedError: Other machines can reach it.
        InvalidInputError: It is no address.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise InvalidInputError(
            f"`{host}` is not an address", hint="use `127.0.0.1`, `::1` or `localhost`"
        ) from error
    if not address.is_loopback:
        raise NotAllowedError(
            f"other machines can reach `{host}`, and there are no keys yet: anybody could read "
            "every dataset, private ones too",
            hint="leave out `--host`; from elsewhere, `ssh -L 8000:127.0.0.1:8000` to this machine",
        )
    return str(address)


def _application(settings: Settings) -> FastAPI:
    try:
        import uvicorn  # noqa: F401 - whether it is there

        from registry.api.app import create_app
    except ImportError as error:
        raise InvalidInputError(
            f"the server needs packages that are not installed: {error.name}",
            hint="pip install 'firsthand[server]'",
        ) from error
    return create_app(settings)


def _listening(address: str, port: int) -> socket.socket:
    """Return a socket that listens there.

    Raises:
        UnavailableError: The port is taken or reserved.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.ExitStack() as stack:
        try:
            # With its protocol named, connections send what they have at once (TCP_NODELAY);
            # otherwise asyncio does not know that they are TCP, and answers wait for 40 ms.
            listener = stack.enter_context(
                socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            )
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(128)
        except OSError as error:
            raise UnavailableError(
                f"cannot listen at `{address}` port {port}: {_reason(error)}",
                hint="choose another `--port`; 0 takes one that is free",
            ) from error
        stack.pop_all()
    return listener


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _run(app: FastAPI, listener: socket.socket) -> None:
    """Serve until Ctrl-C or a request to end, then answer what was begun, and return."""
    import uvicorn

    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    address, port = listener.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    tell(f"listening at http://{clean(shown)}:{port} (Ctrl-C ends it)")
    # uvicorn raises the signal again when it is done; that is no reason to fail.
    ends = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: None) for number in ends]
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        for number, handler in zip(ends, before, strict=True):
            signal.signal(number, handler)
