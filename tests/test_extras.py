"""What an import says that needs an extra which was not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from socketio_core.extras import Needing, late, missing

ROOT: Final = Path(__file__).resolve().parents[1]
PROGRAM: Final = """
import sys
sys.modules.update(trio=None, wsproto=None, hiredis=None)  # how Python marks modules that cannot be imported
for statement in sys.stdin.read().splitlines():
    try:
        exec(statement)
        print("imported")
    except ModuleNotFoundError as error:
        print(str(error).rpartition(": ")[2])
"""


def test_an_import_says_what_to_install() -> None:
    imports = {
        "import socketio_core.trio": "pip install 'socketio_core[trio]'",
        "import socketio_core.asyncio": "pip install 'socketio_core[asyncio]'",
        "from socketio_core.blocking import connect": "pip install 'socketio_core[blocking]'",
        "from socketio_core.blocking import Emitter": "pip install 'socketio_core[cluster]'",
        "sys.modules.pop('wsproto'); from socketio_core.asyncio import Emitter": "pip install 'socketio_core[cluster]'",
        "from socketio_core.cluster import RedisAdapter": "pip install 'socketio_core[cluster]'",
        "from socketio_core.cluster import RemoteSocket": "imported",
        "import socketio_core.asgi": "imported",  # its server has the codecs
        "sys.modules.update(wsproto=None)": "imported",
        "sys.modules.pop('hiredis'); from socketio_core.blocking import Emitter": "imported",  # without wsproto
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, input="\n".join(imports), check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == list(imports.values())


@pytest.mark.parametrize("extra", ["wire", "asgi"])
def test_what_needs_h11_says_so(extra: str) -> None:
    program = PROGRAM.replace("sys.modules.update(", "sys.modules.update(h11=None, ")
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        input=f"import socketio_core.{extra}",
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"pip install 'socketio_core[{extra}]'\n"


def test_the_error_names_the_module_and_the_extra() -> None:
    error = missing("trio", ModuleNotFoundError(name="h11"))
    assert (error.name, str(error)) == (
        "h11",
        "No module named 'h11', which comes with: pip install 'socketio_core[trio]'",
    )


def test_an_import_in_a_block_says_what_it_needs() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"'h12', which comes with: .*\[x\]'$"), Needing("x"):
        raise ModuleNotFoundError(name="h12")
    with pytest.raises(ValueError, match="something else"), Needing("x"):
        raise ValueError("something else")
    with Needing("x"):
        pass


def test_what_is_imported_late_is_found_or_not() -> None:
    find = late("p", {"missing": "tests.test_extras", "gone": "no_such_module"}, cluster={"other": "no_such_module"})
    assert find("missing") is missing
    with pytest.raises(AttributeError, match="module 'p' has no attribute 'x'"):
        find("x")
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'no_such_module'$"):
        find("gone")
    with pytest.raises(ModuleNotFoundError, match=r"which comes with: pip install 'socketio_core\[cluster\]'"):
        find("other")
