"""Which template a credential is of: `vct` in the issuer's own network (clause VF-25)."""

from __future__ import annotations

from weid.credential.credential_type import CredentialType
from weid.errors import MalformedError
from weid.verification.finding import failed


def template_of(vct: str, network: str) -> tuple[str, int]:
    """Return id and version of the template that a `vct` names in a network."""
    try:
        named = CredentialType.parse(vct)
    except MalformedError:
        raise failed("type_malformed") from None
    if named.network != network:
        raise failed("type_malformed")
    return named.cpt_id, named.version
