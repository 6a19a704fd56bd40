"""What packages import late, and what an import says where a package is missing that only some modules need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def missing(extra: str, error: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return an error that says what to install.

    Args:
        extra: of this package, that names what is missing.
        error: what the import raised.
    """
    return ModuleNotFoundError(
        f"No module named {error.name!r}, which comes with: pip install 'socketio_core[{extra}]'", name=error.name
    )


class Needing:
    """Says what to install where an import in its block fails: `with Needing("trio"): import trio`."""

    def __init__(self, extra: str) -> None:
        self._extra = extra

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, ModuleNotFoundError):
            raise missing(self._extra, error) from error


def late(package: str, free: Mapping[str, str] | None = None, **extras: Mapping[str, str]) -> Callable[[str], object]:
    """Return the `__getattr__` of a package that imports some of its names when somebody asks for them.

    Args:
        package: its name.
        free: names, and the modules that have them.
        extras: the same, of each extra that the modules need.
    """
    modules = {name: (module, "") for name, module in (free or {}).items()}
    for extra, names in extras.items():
        modules.update((name, (module, extra)) for name, module in names.items())

    def getattr_(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, extra = modules[name]
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if not extra:
                raise
            raise missing(extra, error) from error

    return getattr_
