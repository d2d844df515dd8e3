"""What a template is to wallets: one credential configuration of the issuer's metadata."""

from __future__ import annotations

from functools import lru_cache

from weid.credential.template import CredentialTemplate
from weid.openid4vci.metadata import (
    ALGORITHMS,
    ClaimDescription,
    CredentialConfiguration,
    CredentialDescription,
    Display,
    ProofType,
    ProofTypes,
)


def configuration_id(template: CredentialTemplate) -> str:
    """Return the name of the configuration for a template version."""
    return configuration_name(template.cpt_id, template.version)


def configuration_name(cpt_id: str, version: int) -> str:
    """Return the name of the configuration for a template's id and version."""
    return f"{cpt_id}_{version}"


@lru_cache(maxsize=256)
def describe_configuration(template: CredentialTemplate) -> CredentialConfiguration:
    """Return the configuration of a template (OpenID4VCI 1.0 appendix A.3)."""
    display = tuple(
        Display(
            name=template.name(language),
            locale=language,
            description=template.description(language) or None,
        )
        for language in template.languages
    )
    claims = tuple(
        ClaimDescription(
            path=tuple(claim.path),
            mandatory=claim.mandatory,
            display=tuple(
                Display(name=name, locale=locale) for locale, name in claim.display.names.items()
            )
            if claim.display is not None
            else None,
        )
        for claim in template.claims
    )
    return CredentialConfiguration(
        vct=template.vct,
        scope=configuration_id(template),
        cryptographic_binding_methods_supported=("jwk",),
        proof_types_supported=ProofTypes(
            jwt=ProofType(proof_signing_alg_values_supported=ALGORITHMS)
        ),
        credential_signing_alg_values_supported=("EdDSA",),
        credential_metadata=CredentialDescription(display=display, claims=claims),
    )
