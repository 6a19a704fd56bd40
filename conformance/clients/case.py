"""The cases for clients: what `conformance.case` has, for another peer."""

from __future__ import annotations

from typing import Final

from conformance.case import CaseOf, Suite, expect
from conformance.clients.peer import ClientPeer

ClientCase = CaseOf[ClientPeer]
"""One thing that a client must do."""

_clients: Final[Suite[ClientPeer]] = Suite("conformance.clients.cases")
case = _clients.case
all_client_cases = _clients.all


def expect_fields(found: dict[str, str], wanted: dict[str, str], what: str) -> None:
    """Fail unless `found` has these fields, among others."""
    expect({name: found.get(name) for name in wanted}, wanted, what)
