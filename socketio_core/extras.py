"""What an import says where a package is missing that only some modules need."""

from __future__ import annotations


def missing(extra: str, error: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return an error that says what to install.

    Args:
        extra: of this package, that names what is missing.
        error: what the import raised.
    """
    return ModuleNotFoundError(
        f"No module named {error.name!r}, which comes with: pip install 'socketio_core[{extra}]'", name=error.name
    )
