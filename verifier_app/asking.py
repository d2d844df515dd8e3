"""What is asked of a wallet online, and what the page of such a request shows.

A record of what was asked lies beside the session, in the same store: words and paths, and
nothing of any person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from verifier_app.languages import told
from verifier_app.settings import Wish
from verifier_app.templates_seen import TemplatesSeen
from weid.encoding import (
    JsonObject,
    JsonValue,
    base64url_encode,
    json_dumps,
    json_loads_object,
)
from weid.errors import MalformedError, ProtocolError
from weid.openid4vp.transaction_types import KNOWN_TYPES
from weid.verification.dcql import ClaimQuery, CredentialQuery, DcqlQuery
from weid.verification.transaction_data import TransactionData, parse_transaction_data
from weid.verifier import query_of

QUERY_BYTES = 64 * 1024
"""The largest query that is taken as text."""
_QUERY_ID = "certificate"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to a wallet: its link, and what it says in which language.

    `title` and `purpose` are by language code, empty where nobody wrote any. `policy` is the
    policy that it asks by, as `SeenPolicy` writes it; `keep_for` seconds the answer is kept.
    """

    link: str
    query: JsonObject
    same_device: bool
    expires_at: int
    title: Mapping[str, str]
    purpose: Mapping[str, str]
    keep_for: int
    policy: JsonObject | None = None

    def to_bytes(self) -> bytes:
        """Return the record as it is kept."""
        return json_dumps(
            {
                "link": self.link,
                "query": self.query,
                "same_device": self.same_device,
                "expires_at": self.expires_at,
                "title": dict(self.title),
                "purpose": dict(self.purpose),
                "keep_for": self.keep_for,
                "policy": self.policy,
            }
        )

    @classmethod
    def from_bytes(cls, raw: bytes) -> Asked:
        """Read what `to_bytes` wrote."""
        members = json_loads_object(raw, what="the kept request", max_bytes=4 * QUERY_BYTES)
        return cls(**members)  # type: ignore[arg-type]  # what to_bytes wrote


@dataclass(frozen=True, slots=True)
class AskedCertificate:
    """One certificate of a request in one language: what it is, and which fields of it."""

    name: str
    fields: list[str]


@dataclass(frozen=True, slots=True)
class OfferedTemplate:
    """A published template that can be asked for, in one language."""

    network: str
    cpt_id: str
    version: int
    name: str
    fields: list[tuple[int, str]]
    """Each field with its place in the template, which a form sends."""


def query_of_wish(wish: Wish, templates: TemplatesSeen) -> DcqlQuery:
    """Return the query of a saved request.

    Raises:
        NotFoundError: its template is not published.
        RegistryError: the registry cannot be asked now.
    """
    template = templates.published(wish.network, wish.cpt_id, wish.version)
    return DcqlQuery((query_of(template.vct, wish.fields),))


def query_of_fields(
    network: str, cpt_id: str, version: int, fields: Sequence[str], templates: TemplatesSeen
) -> DcqlQuery:
    """Return the query for fields of a template, each by its place in the template.

    Raises:
        MalformedError: no field, or one that the template does not have.
        NotFoundError: the template is not published.
        RegistryError: the registry cannot be asked now.
    """
    template = templates.published(network, cpt_id, version)
    plain = all(text.isascii() and text.isdecimal() and len(text) <= 4 for text in fields)
    places = list(dict.fromkeys(int(text) for text in fields)) if plain else []
    if not places or max(places) >= len(template.claims):
        raise MalformedError(
            told("No field was chosen."), hint=told("Tick what you need, and nothing more.")
        )
    claims = tuple(ClaimQuery(template.claims[place].path) for place in places)
    return DcqlQuery((CredentialQuery(_QUERY_ID, (template.vct,), claims),))


def query_of_text(text: str) -> DcqlQuery:
    """Return the query that a technician wrote in DCQL.

    Raises:
        MalformedError: it cannot be read; the hint says what is wrong, in English.
    """
    try:
        value = json_loads_object(text, what="the query", max_bytes=QUERY_BYTES)
        return DcqlQuery.from_json(value.get("dcql_query", value))
    except MalformedError as error:
        raise MalformedError(told("This query cannot be asked."), hint=error.message) from None


def transactions_of(value: JsonValue) -> tuple[TransactionData, ...]:
    """Read what is to be agreed to: none, or an array of objects with `type`, `credential_ids`.

    Raises:
        MalformedError: they are not so, or one of a known type is not as wallets can show it.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise MalformedError("transaction_data is not an array of objects")
    entries: list[TransactionData] = []
    for one in value:
        if not isinstance(one, dict):
            raise MalformedError("transaction_data is not an array of objects")
        entry = TransactionData.parse(base64url_encode(json_dumps(one)))
        known = KNOWN_TYPES.get(entry.type)
        try:
            if known is not None:
                known.describe(entry)
        except ProtocolError as error:
            raise MalformedError(f"transaction_data: {error.description}") from None
        entries.append(entry)
    return parse_transaction_data([entry.text for entry in entries])


def offered(templates: TemplatesSeen, language: str) -> list[OfferedTemplate]:
    """Return the newest version of every template that can be read now."""
    return [
        OfferedTemplate(
            network=network,
            cpt_id=template.cpt_id,
            version=template.version,
            name=template.name(language),
            fields=[(place, claim.label(language)) for place, claim in enumerate(template.claims)],
        )
        for network, template in templates.newest()
    ]


def certificates_of(
    query: JsonObject, templates: TemplatesSeen, language: str
) -> list[AskedCertificate]:
    """Return what a query asks for, in words."""
    return [
        _certificate(one, templates, language) for one in DcqlQuery.from_json(query).credentials
    ]


def _certificate(
    asked: CredentialQuery, templates: TemplatesSeen, language: str
) -> AskedCertificate:
    template = next((found for vct in asked.types if (found := templates.of_type(vct))), None)
    name = template.name(language) if template else ", ".join(asked.types)
    fields = [
        template.label(tuple(claim.path), language) if template else str(claim.path)
        for claim in asked.claims
    ]
    return AskedCertificate(name, fields)
