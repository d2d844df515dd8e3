"""What a wallet takes in is verified first: by whom, and the option that waives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from weid.cli.output import Session
from weid.cli.registries import trust_policy
from weid.cli.registry_options import RegistryOptions
from weid.credential.credential_type import CredentialType
from weid.errors import MalformedError, NotFoundError, RegistryUnavailableError

if TYPE_CHECKING:
    from weid.verification.policy import TrustPolicy

_WAIVE = ", or add --unverified: anybody may have made it then."


def unverified_option(command: Callable[..., object]) -> Callable[..., object]:
    """Add --unverified to a command."""
    return click.option(
        "--unverified",
        is_flag=True,
        help="Keep it without asking a registry whether its issuer made it.",
    )(command)


def trust_in_issuer(session: Session, vct: str, *, waivable: bool = True) -> TrustPolicy:
    """Return the policy by which a certificate of a type is verified: its registry's, if trusted.

    `waivable` is whether the command has --unverified.

    Raises:
        MalformedError: the type is not one of a registry.
        NotFoundError: its registry is not trusted.
        RegistryUnavailableError: it cannot be asked now.
    """
    waive = _WAIVE if waivable else ""
    try:
        network = CredentialType.parse(vct).network
    except MalformedError:
        raise MalformedError(
            "the certificate is of a type that no registry has", hint=f"Ask its issuer{waive}"
        ) from None
    try:
        policy = trust_policy(session, RegistryOptions(network=network))
        for trusted in policy.networks.values():
            # A reader may know its name from the settings and not have asked anybody yet.
            trusted.reader.head()
    except NotFoundError:
        raise NotFoundError(
            f"the certificate is of the network {network}, which is not trusted yet",
            hint=f"weid trust add {network} --genesis HASH --node https://…{waive}",
        ) from None
    except RegistryUnavailableError as error:
        raise RegistryUnavailableError(
            f"whether its issuer made the certificate cannot be verified now: {error.message}",
            hint=f"Try again when a node of {network} answers{waive}",
        ) from None
    return policy
