"""The one governor of a local registry: proposes, and with that has decided."""

from __future__ import annotations

from typing import Final, Protocol, TypeAlias

from weid.clock import Clock
from weid.registry.author import Author
from weid.registry.operations import (
    Accredit,
    DeactivateDid,
    DeactivateTemplate,
    DerecognizeIssuer,
    EndAccreditation,
    GovernedAction,
    GrantRole,
    MarkKeyCompromised,
    NameOrganisation,
    Propose,
    RecognizeIssuer,
    RevokeRole,
    Role,
    SetParameter,
)
from weid.registry.records import Receipt

_EXPIRES_AFTER: Final = 600
"""Seconds that a proposal is open; with one governor it is carried out at once."""


class NamesTemplate(Protocol):
    """Anything that says which template it is of, such as a published template."""

    @property
    def cpt_id(self) -> str:
        """The id of the credential template."""
        ...


Template: TypeAlias = "NamesTemplate | str"
"""A template, or its `cpt_id`."""


class LocalGovernor:
    """Governs a registry alone (threshold 1). Times are in seconds since 1970.

    Every method returns the receipt of what was done.

    Raises:
        TransactionRejectedError: from every method, when the rules do not allow it.
    """

    def __init__(self, author: Author, clock: Clock) -> None:
        self.author = author
        self._clock = clock

    @property
    def did(self) -> str:
        """The governor's DID."""
        return self.author.did

    def recognize(
        self,
        did: str,
        template: Template,
        *,
        valid_from: int | None = None,
        valid_until: int | None = None,
    ) -> Receipt:
        """List an issuer for a template, from now on unless said otherwise."""
        start = self._clock.now() if valid_from is None else valid_from
        return self.decide(RecognizeIssuer(did, cpt_id_of(template), start, valid_until))

    def derecognize(
        self, did: str, template: Template, *, compromised_since: int | None = None
    ) -> Receipt:
        """Take an issuer off the list; with `compromised_since` what it signed since is refused."""
        return self.decide(DerecognizeIssuer(did, cpt_id_of(template), compromised_since))

    def accredit(
        self,
        did: str,
        template: Template,
        *,
        valid_from: int | None = None,
        valid_until: int | None = None,
        may_accredit: bool = False,
    ) -> Receipt:
        """Let a DID recognize issuers of a template, and with `may_accredit` accreditors."""
        start = self._clock.now() if valid_from is None else valid_from
        return self.decide(Accredit(did, cpt_id_of(template), start, valid_until, may_accredit))

    def end_accreditation(
        self, did: str, template: Template, *, compromised_since: int | None = None
    ) -> Receipt:
        """End an accreditation; a compromise cascades to what was recognized below it."""
        return self.decide(EndAccreditation(did, cpt_id_of(template), compromised_since))

    def grant(self, did: str, role: Role) -> Receipt:
        """Give a DID a role."""
        return self.decide(GrantRole(did, role))

    def revoke(self, did: str, role: Role) -> Receipt:
        """Take a role from a DID."""
        return self.decide(RevokeRole(did, role))

    def name(self, did: str, name: str) -> Receipt:
        """Confirm the display name of a DID."""
        return self.decide(NameOrganisation(did, name))

    def mark_key_compromised(self, did: str, key_id: str, *, since: int) -> Receipt:
        """State that signatures of a key since `since` may be another's."""
        return self.decide(MarkKeyCompromised(did, key_id, since))

    def deactivate_did(self, did: str, *, expected_version: int) -> Receipt:
        """End a DID for ever."""
        return self.decide(DeactivateDid(did, expected_version))

    def deactivate_template(self, template: Template, version: int) -> Receipt:
        """Stop issuing under a template version."""
        return self.decide(DeactivateTemplate(cpt_id_of(template), version))

    def set_parameter(self, name: str, value: int) -> Receipt:
        """Set a chain parameter."""
        return self.decide(SetParameter(name, value))

    def decide(self, action: GovernedAction, *, reason: str = "") -> Receipt:
        """Propose an action, which with one governor is carried out in the same transaction."""
        expires = self._clock.now() + _EXPIRES_AFTER
        return self.author.submit(Propose(action, expires, reason))


def cpt_id_of(template: Template) -> str:
    """Return the id of a template that is named in either way."""
    return template if isinstance(template, str) else template.cpt_id
