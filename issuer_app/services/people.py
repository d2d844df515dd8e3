"""Who acts: roles, what each may do, and the person that a request carries."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a user may do; a user may have several."""

    OFFICER = "officer"
    """Uploads, issues, revokes."""
    APPROVER = "approver"
    """Approves what another prepared."""
    AUDITOR = "auditor"
    """Reads the audit log; sees no citizen's data."""
    ADMIN = "admin"
    """Adds users and templates; sees no citizen's data."""


@dataclass(frozen=True, slots=True)
class Person:
    """The signed-in user, always within one organisation."""

    id: str
    organisation: str
    login: str
    name: str
    roles: frozenset[Role]

    def may(self, *roles: Role) -> bool:
        """Return whether the person has one of the roles."""
        return not self.roles.isdisjoint(roles)


SERVER_NAME: Final = "this server"
WALLET_NAME: Final = "a citizen's wallet"


def server_person(organisation: str) -> Person:
    """Return the author of what the server does by itself, for the audit log."""
    return Person("", organisation, "", SERVER_NAME, frozenset())


def wallet_person(organisation: str) -> Person:
    """Return the author of what a citizen's wallet asked for, for the audit log."""
    return Person("", organisation, "", WALLET_NAME, frozenset())
