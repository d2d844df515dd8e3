"""The query of a request: DCQL of OpenID for Verifiable Presentations 1.0, section 6.

All of it for `dc+sd-jwt` credentials: claims, claim_sets, values, multiple, trusted_authorities,
holder binding and credential_sets. A query for another format is kept and answered by nothing, so
that a request can offer such a credential beside one of ours. Unknown members are ignored, as
section 6 demands of every reader.
Clauses PP-01 … PP-06 and PP-30 … PP-33 and PP-65 of specs/presentation-profile.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from weid.credential.claim_path import ClaimPath
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError

FORMAT: Final = "dc+sd-jwt"
MAX_CREDENTIALS: Final = 16
"""Credential queries of one request: more than any counter asks, few enough to read."""
MAX_CLAIMS: Final = 128
"""Claims, claim sets, values or credential sets in one place of a query."""
_FORMAT_CHARS: Final = 64
Scalar: TypeAlias = str | int | bool

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class ClaimQuery:
    """One claim that is asked for; with `values`, one of these must be its value."""

    path: ClaimPath
    id: str | None = None
    values: tuple[Scalar, ...] = ()

    def accepts(self, value: JsonValue) -> bool:
        """Return whether a value found at the path is one that was asked for."""
        if not self.values:
            return True
        return any(type(value) is type(wanted) and value == wanted for wanted in self.values)

    def to_json(self) -> JsonObject:
        """Return the query as a JSON object."""
        value: JsonObject = {"path": self.path.to_json()}
        if self.id is not None:
            value["id"] = self.id
        if self.values:
            value["values"] = list(self.values)
        return value


@dataclass(frozen=True, slots=True)
class TrustedAuthority:
    """Who is to have certified the issuer: one of `values`, whose meaning `type` says (6.1.1)."""

    type: str
    values: tuple[str, ...]

    def to_json(self) -> JsonObject:
        """Return the query as a JSON object."""
        return {"type": self.type, "values": list(self.values)}


@dataclass(frozen=True, slots=True)
class CredentialQuery:
    """One credential that is asked for.

    Without `claims` nothing that may be withheld is asked for. `claim_sets` are alternatives by
    claim id, the most wanted first; without them every claim is asked for. `multiple` lets
    several credentials answer; `holder_binding` asks for the holder's key (section 6.1); one of
    `trusted_authorities`, where there are any, is to have certified the issuer. A query for
    another `format` than ours has no `types`, so that no credential of ours answers it.
    """

    id: str
    types: tuple[str, ...]
    claims: tuple[ClaimQuery, ...] = ()
    claim_sets: tuple[tuple[str, ...], ...] = ()
    multiple: bool = False
    holder_binding: bool = True
    trusted_authorities: tuple[TrustedAuthority, ...] = ()
    format: str = FORMAT

    def alternatives(self) -> tuple[tuple[ClaimQuery, ...], ...]:
        """Return the sets of claims of which one is needed, the most wanted first."""
        if not self.claim_sets:
            return (self.claims,)
        by_id = {claim.id: claim for claim in self.claims}
        return tuple(tuple(by_id[name] for name in names) for names in self.claim_sets)

    def to_json(self) -> JsonObject:
        """Return the query as a JSON object."""
        meta: JsonObject = {"vct_values": list(self.types)} if self.types else {}
        value: JsonObject = {"id": self.id, "format": self.format, "meta": meta}
        if self.claims:
            value["claims"] = [claim.to_json() for claim in self.claims]
        if self.claim_sets:
            value["claim_sets"] = [list(names) for names in self.claim_sets]
        if self.multiple:
            value["multiple"] = True
        if not self.holder_binding:
            value["require_cryptographic_holder_binding"] = False
        if self.trusted_authorities:
            value["trusted_authorities"] = [one.to_json() for one in self.trusted_authorities]
        return value


@dataclass(frozen=True, slots=True)
class CredentialSetQuery:
    """Alternatives of credentials by query id, the most wanted first."""

    options: tuple[tuple[str, ...], ...]
    required: bool = True

    def to_json(self) -> JsonObject:
        """Return the query as a JSON object."""
        value: JsonObject = {"options": [list(ids) for ids in self.options]}
        if not self.required:
            value["required"] = False
        return value


@dataclass(frozen=True, slots=True)
class DcqlQuery:
    """What a verifier asks for: credentials, and which combinations of them will do."""

    credentials: tuple[CredentialQuery, ...]
    credential_sets: tuple[CredentialSetQuery, ...] = ()

    def credential(self, query_id: str) -> CredentialQuery | None:
        """Return the credential query of that id, or None."""
        return next((query for query in self.credentials if query.id == query_id), None)

    def missing(self, answered: frozenset[str]) -> str | None:
        """Return which query ids are still to be answered, in words, or None when enough are."""
        if not self.credential_sets:
            absent = [query.id for query in self.credentials if query.id not in answered]
            return ", ".join(absent) or None
        for wanted in self.credential_sets:
            if wanted.required and not any(answered.issuperset(ids) for ids in wanted.options):
                return " or ".join(" and ".join(ids) for ids in wanted.options)
        return None

    def choose(self, answerable: frozenset[str]) -> tuple[str, ...] | None:
        """Return which query ids a wallet answers that can answer these; None where too few.

        Of each required set the first option that can be answered whole (section 6.4.2). Sets
        that are not required are left out: nobody shows what need not be shown.
        """
        if self.missing(answerable) is not None:
            return None
        if not self.credential_sets:
            return tuple(query.id for query in self.credentials)
        needed: set[str] = set()
        for wanted in self.credential_sets:
            if wanted.required:
                needed.update(next(ids for ids in wanted.options if answerable.issuperset(ids)))
        return tuple(query.id for query in self.credentials if query.id in needed)

    def to_json(self) -> JsonObject:
        """Return the query as a JSON object."""
        value: JsonObject = {"credentials": [query.to_json() for query in self.credentials]}
        if self.credential_sets:
            value["credential_sets"] = [query.to_json() for query in self.credential_sets]
        return value

    @classmethod
    def from_json(cls, value: JsonValue) -> DcqlQuery:
        """Read a query.

        Raises:
            MalformedError: with what is wrong and where.
        """
        members = _object(value, "dcql_query")
        credentials = tuple(
            _credential(item, f"dcql_query credential {place}")
            for place, item in enumerate(
                _list(members, "credentials", "dcql_query", MAX_CREDENTIALS)
            )
        )
        ids = {query.id for query in credentials}
        if len(ids) != len(credentials):
            raise MalformedError("dcql_query names two credentials alike")
        sets: tuple[CredentialSetQuery, ...] = ()
        if "credential_sets" in members:
            items = _list(members, "credential_sets", "dcql_query", MAX_CLAIMS)
            sets = tuple(_credential_set(item, ids) for item in items)
        return cls(credentials, sets)


# --- Reading -------------------------------------------------------------------------------------


def _object(value: JsonValue, what: str) -> JsonObject:
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not an object")
    return value


def _list(members: JsonObject, name: str, what: str, most: int) -> list[JsonValue]:
    value = members.get(name)
    if not isinstance(value, list) or not value:
        raise MalformedError(f"{what} has no {name}, which is an array that is not empty")
    if len(value) > most:
        raise MalformedError(f"{what} has more than {most} {name}")
    return value


def _flag(members: JsonObject, name: str, what: str, *, default: bool) -> bool:
    value = members.get(name, default)
    if not isinstance(value, bool):
        raise MalformedError(f"{name} of {what} is neither true nor false")
    return value


def _id(value: JsonValue, what: str) -> str:
    if not isinstance(value, str) or _ID.match(value) is None:
        raise MalformedError(f"id of {what} is not a short name of letters, digits, - and _")
    return value


def _ids(value: JsonValue, known: set[str], what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or len(value) > MAX_CLAIMS:
        raise MalformedError(f"{what} is not an array of ids")
    names = tuple(_id(item, what) for item in value)
    for name in names:
        if name not in known:
            raise MalformedError(f"{what} names {name}, which is not there")
    return names


def _credential(value: JsonValue, what: str) -> CredentialQuery:
    members = _object(value, what)
    query_id = _id(members.get("id"), what)
    form = members.get("format")
    if not isinstance(form, str) or not 0 < len(form) <= _FORMAT_CHARS:
        raise MalformedError(f"format of {what} is missing or no short text")
    meta = _object(members.get("meta"), f"meta of {what}")
    multiple = _flag(members, "multiple", what, default=False)
    bound = _flag(members, "require_cryptographic_holder_binding", what, default=True)
    if form != FORMAT:
        # What its claims mean, only those know who know the format.
        return CredentialQuery(query_id, (), (), (), multiple, bound, (), form)
    claims = _claims(members, what)
    named = {claim.id for claim in claims if claim.id is not None}
    sets: tuple[tuple[str, ...], ...] = ()
    if "claim_sets" in members:
        items = _list(members, "claim_sets", what, MAX_CLAIMS)
        sets = tuple(_ids(item, named, f"claim_sets of {what}") for item in items)
    authorities = _authorities(members, what)
    return CredentialQuery(query_id, _types(meta, what), claims, sets, multiple, bound, authorities)


def _claims(members: JsonObject, what: str) -> tuple[ClaimQuery, ...]:
    if "claims" not in members:
        return ()
    items = _list(members, "claims", what, MAX_CLAIMS)
    claims = tuple(_claim(item, f"claim {place} of {what}") for place, item in enumerate(items))
    named = [claim.id for claim in claims if claim.id is not None]
    if len(set(named)) != len(named):
        raise MalformedError(f"{what} names two claims alike")
    return claims


def _authorities(members: JsonObject, what: str) -> tuple[TrustedAuthority, ...]:
    name = "trusted_authorities"
    if name not in members:
        return ()
    found: list[TrustedAuthority] = []
    for item in _list(members, name, what, MAX_CLAIMS):
        authority = _object(item, f"{name} of {what}")
        kind, values = authority.get("type"), _list(authority, "values", name, MAX_CLAIMS)
        texts = tuple(value for value in values if isinstance(value, str))
        if not isinstance(kind, str) or not kind or len(texts) != len(values):
            raise MalformedError(f"{name} of {what} is not a type with values that are text")
        found.append(TrustedAuthority(kind, texts))
    return tuple(found)


def _types(meta: JsonObject, what: str) -> tuple[str, ...]:
    types: list[str] = []
    for item in _list(meta, "vct_values", f"meta of {what}", MAX_CLAIMS):
        if not isinstance(item, str) or not item:
            raise MalformedError(f"vct_values of {what} has something that is not a type")
        types.append(item)
    return tuple(types)


def _claim(value: JsonValue, what: str) -> ClaimQuery:
    members = _object(value, what)
    path = ClaimPath.from_json(members.get("path"), what=f"path of {what}")
    name = _id(members["id"], what) if "id" in members else None
    values: list[Scalar] = []
    if "values" in members:
        for item in _list(members, "values", what, MAX_CLAIMS):
            if not isinstance(item, str | int):
                raise MalformedError(f"values of {what} are not strings, integers or booleans")
            values.append(item)
    return ClaimQuery(path, name, tuple(values))


def _credential_set(value: JsonValue, ids: set[str]) -> CredentialSetQuery:
    what = "credential_sets"
    members = _object(value, what)
    options = _list(members, "options", what, MAX_CLAIMS)
    return CredentialSetQuery(
        tuple(_ids(item, ids, f"options of {what}") for item in options),
        _flag(members, "required", what, default=True),
    )
