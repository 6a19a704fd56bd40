"""The server that a command is to serve: `app:io` is `io` of the module `app`."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from typing import Final

from socketio_core.app.server import Server, host_of
from socketio_core.cli.command import CommandFailed
from socketio_core.cli.service import LOOPS
from socketio_core.cli.text import safe

_USUAL_LOOP: Final = "trio"


class ApplicationFailed(CommandFailed):
    """The application itself has raised an error, which is its cause."""


def load_server(called: str) -> Server:
    """Import an application and return its server.

    Args:
        called: `"module:name"`; the name is that of a `Server`, or of a function that returns one.

    Raises:
        CommandFailed: there is none.
    """
    module_name, _, name = called.partition(":")
    folder = os.getcwd()  # noqa: PTH109 - as it is in `sys.path`
    if not {folder, ""} & set(sys.path):
        sys.path.insert(0, folder)
    try:
        found: object = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _failed(f"module {module_name!r} cannot be imported", error) from error
        hint = f"; did you mean {called.replace('.py:', ':')}?" if module_name.endswith(".py") else ""
        raise CommandFailed(f"there is no module {module_name!r}: neither installed nor in {folder}{hint}") from None
    except Exception as error:
        raise _failed(f"module {module_name!r} cannot be imported", error) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise CommandFailed(f"{module_name!r} has no {part!r}{_servers_of(found)}")
        found = getattr(found, part)
    if inspect.isfunction(found):
        try:
            found = found()
        except Exception as error:
            raise _failed(f"{called} cannot be called", error) from error
    if not isinstance(found, Server):
        raise CommandFailed(f"{called} is no Server, nor a function that returns one, but of type {type(found)!r}")
    if host_of(found).is_bound:
        raise CommandFailed(f"{called} was served already; put that behind: if __name__ == '__main__':")
    return found


def _failed(what: str, error: Exception) -> ApplicationFailed:
    return ApplicationFailed(f"{what}: {type(error).__name__}: {safe(str(error))}")


def _servers_of(module: object) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, Server)]
    return f"; what could be served is {', '.join(names)}" if names else ""


def loop_of(server: Server, wanted: str | None) -> str:
    """Return the event loop that a server is to run on.

    Raises:
        CommandFailed: the wanted one is not its own.
    """
    for each in type(server).__mro__:
        _, _, own = each.__module__.removesuffix(".server").rpartition(".")
        if each.__module__ == f"socketio_core.{own}.server" and own in LOOPS:
            if wanted not in (own, None):
                raise CommandFailed(f"the server is one of socketio_core.{own}: it does not run on {wanted}")
            return own
    return wanted or _USUAL_LOOP
