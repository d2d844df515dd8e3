"""What a template is to wallets: one credential configuration of the issuer's metadata."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

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

_WITH_CHAIN: Final = "-x5c"


def configuration_id(template: CredentialTemplate) -> str:
    """Return the name of the configuration for a template version."""
    return configuration_name(template.cpt_id, template.version)


def configuration_name(cpt_id: str, version: int) -> str:
    """Return the name of the configuration for a template's id and version."""
    return f"{cpt_id}_{version}"


def with_chain(configuration: str) -> str:
    """Return the name of the second configuration: the same, signed with a certificate chain."""
    return configuration + _WITH_CHAIN


def without_chain(configuration: str) -> str:
    """Return the name of the first configuration of either's template."""
    return configuration.removesuffix(_WITH_CHAIN)


def has_chain(configuration: str) -> bool:
    """Tell whether a configuration is signed with a certificate chain; else the DID signs it."""
    return configuration.endswith(_WITH_CHAIN)


def configuration_names(configuration: str, *, chain: bool) -> tuple[str, ...]:
    """Return the names of what a template is to wallets, by the name of its configuration.

    With a `chain` the copy that carries it comes first: wallets that take one credential of an
    offer take the first, and those of other houses know no DID of ours.
    """
    return (with_chain(configuration), configuration) if chain else (configuration,)


def describe_configurations(
    template: CredentialTemplate, algorithm: str, *, chain: bool
) -> dict[str, CredentialConfiguration]:
    """Return the configurations of a template by name: one, and with a `chain` a second.

    `algorithm` is the one of the key that signs both.
    """
    name = configuration_id(template)
    names = (name, with_chain(name)) if chain else (name,)
    return {each: _describe(template, each, algorithm) for each in names}


@lru_cache(maxsize=256)
def _describe(template: CredentialTemplate, name: str, algorithm: str) -> CredentialConfiguration:
    """Return a configuration of a template (OpenID4VCI 1.0 appendix A.3)."""
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
        scope=name,
        cryptographic_binding_methods_supported=("jwk",),
        proof_types_supported=ProofTypes(
            jwt=ProofType(proof_signing_alg_values_supported=ALGORITHMS)
        ),
        credential_signing_alg_values_supported=(algorithm,),
        credential_metadata=CredentialDescription(display=display, claims=claims),
    )
