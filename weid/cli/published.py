"""Finding a published template or policy by the short name that people type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weid.credential.template import CredentialTemplate
from weid.errors import MalformedError, NotFoundError

if TYPE_CHECKING:
    from weid.registry.records import PolicyRecord
    from weid.registry.registry import RegistryReader
    from weid.verification.policy import TrustPolicy
    from weid.verification.presentation_policy import PresentationPolicy


def parse_template_name(text: str) -> tuple[str, int]:
    """Read `diploma:2` as id and version; without a version it is 1.

    Raises:
        MalformedError: the version is not a number.
    """
    return _parse_name(text, "a template such as diploma:1")


def parse_policy_name(text: str) -> tuple[str, int]:
    """Read `library-card:2` as id and version; without a version it is 1.

    Raises:
        MalformedError: the version is not a number.
    """
    return _parse_name(text, "a policy such as library-card:1")


def _parse_name(text: str, what: str) -> tuple[str, int]:
    name, colon, version = text.partition(":")
    if colon and not (version.isdecimal() and version.isascii() and int(version) > 0):
        raise MalformedError(f"{text} is not {what}")
    return name, int(version) if colon else 1


def read_template(reader: RegistryReader, text: str) -> CredentialTemplate:
    """Return a published template of one registry.

    Raises:
        NotFoundError: the registry proves that it has none of that name.
    """
    cpt_id, version = parse_template_name(text)
    record = reader.template(cpt_id, version)
    if record is None:
        raise NotFoundError(
            f"the registry {reader.network} has no template {cpt_id} version {version}",
            hint="weid template list shows those that it has.",
        )
    return CredentialTemplate.from_json(reader.template_document(record))


def published_template(policy: TrustPolicy, text: str) -> CredentialTemplate:
    """Return a published template of any trusted network, the first that has it."""
    problem: NotFoundError | None = None
    for network in policy.networks.values():
        try:
            return read_template(network.reader, text)
        except NotFoundError as error:
            problem = error
    raise problem or NotFoundError("no registry is trusted")


def published_policy(policy: TrustPolicy, text: str) -> tuple[PolicyRecord, PresentationPolicy]:
    """Return a published presentation policy with its record: the first network's that has it.

    `text` is its id, its id with a version, or its URI. Without a version it is the newest that
    is not withdrawn, or of withdrawn ones the newest.

    Raises:
        MalformedError: the version is not a number.
        NotFoundError: no trusted registry has one of that name.
    """
    from weid.verification.presentation_policy import (  # noqa: PLC0415 - imported when used
        PresentationPolicy,
    )

    within, name = _without_network(text)
    policy_id, version = parse_policy_name(name)
    for network, trusted in policy.networks.items():
        if within in (None, network):
            record = _policy_record(trusted.reader, policy_id, version if ":" in name else None)
            if record is not None:
                return record, PresentationPolicy.from_json(record.document)
    raise NotFoundError(
        f"no trusted registry has a policy {name}",
        hint="weid policy list shows those that there are.",
    )


def _without_network(text: str) -> tuple[str | None, str]:
    """Return the network that the URI of a policy names, and the policy's name in it."""
    parts = text.split(":")
    if len(parts) == 6 and parts[:2] == ["urn", "weid"] and parts[3] == "policy":
        return parts[2], f"{parts[4]}:{parts[5]}"
    return None, text


def _policy_record(
    reader: RegistryReader, policy_id: str, version: int | None
) -> PolicyRecord | None:
    if version is not None:
        return reader.policy(policy_id, version)
    return max(
        (one for one in reader.policies() if one.policy_id == policy_id),
        key=lambda one: (one.withdrawn_at is None, one.policy_version),
        default=None,
    )
