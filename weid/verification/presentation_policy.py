"""Presentation policies: what a verifier asks for, why, of which issuers, and for how long.

One JSON document, published in a registry network, versioned and owned by who published it. It
compiles to a DCQL query and to a restriction of the trust policy, and a person reads its purpose
before anything is shown.
Clauses PP-70 … PP-73 of specs/presentation-profile.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Final

from weid import limits
from weid.credential.claim_metadata import DisplayText, require_members
from weid.credential.claim_path import ClaimPath
from weid.credential.duration import Duration
from weid.did.syntax import Did, check_network
from weid.encoding import JsonObject, JsonValue, json_canonical, json_loads_object
from weid.errors import MalformedError
from weid.registry.text import check_text
from weid.verification.dcql import MAX_CREDENTIALS, ClaimQuery, CredentialQuery, DcqlQuery
from weid.verification.policy import TrustPolicy
from weid.verification.policy_reference import PolicyReference, check_policy_id, check_version

MOST_OPTIONAL: Final = 5
"""Optional claims of one credential: each choice among them is a claim set of its own."""
MOST_CLAIMS: Final = 64
MOST_ISSUERS: Final = 64
MOST_TYPES: Final = 16
_WHAT: Final = "the policy"
_REQUIRED: Final = {"policy_id", "name", "purpose", "retention", "credentials"}
_OPTIONAL: Final = {"valid_until"}
_PUBLISHED: Final = {"uri", "version"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCredential:
    """One credential that a policy asks for, of any of `types`.

    `required` claims must be shown; `optional` ones may be, the most wanted first; an answer that
    shows a `forbidden` one is refused. `issuers` are the DIDs accepted; none is whoever the trust
    policy accepts.
    """

    id: str
    types: tuple[str, ...]
    required: tuple[ClaimPath, ...] = ()
    optional: tuple[ClaimPath, ...] = ()
    forbidden: tuple[ClaimPath, ...] = ()
    issuers: tuple[str, ...] = ()

    def query(self) -> CredentialQuery:
        """Return the DCQL query: of the optional claims as many as the holder has and shows."""
        if not self.optional:
            return CredentialQuery(self.id, self.types, tuple(map(ClaimQuery, self.required)))
        every = (*self.required, *self.optional)
        claims = tuple(ClaimQuery(path, f"c{at}") for at, path in enumerate(every))
        names = tuple(f"c{at}" for at in range(len(every)))
        needed, extra = names[: len(self.required)], names[len(self.required) :]
        sets = tuple(
            (*needed, *some)
            for size in range(len(extra), -1, -1)
            for some in combinations(extra, size)
        )
        return CredentialQuery(self.id, self.types, claims, sets)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentationPolicy:
    """A presentation policy, either an author's draft or published in a network.

    `name` and `purpose` are texts by language; `retention` is how long what was shown is kept;
    from `valid_until` (seconds) on nobody asks by it. `network` and `version` are None for a draft.
    Made by the class methods, which check it; equal when the documents are.
    """

    policy_id: str
    name: DisplayText
    purpose: DisplayText
    retention: Duration
    credentials: tuple[PolicyCredential, ...]
    valid_until: int | None
    network: str | None
    version: int | None
    document: bytes

    # --- reading and publishing -----------------------------------------------------------------

    @classmethod
    def from_file(cls, path: str | Path) -> PresentationPolicy:
        """Read an author's draft from a JSON file, without `uri` and `version`.

        Raises:
            MalformedError: with what is wrong and where.
            OSError: the file cannot be read.
        """
        with Path(path).open("rb") as file:
            return cls.from_source(file.read(limits.POLICY_BYTES + 1))

    @classmethod
    def from_source(cls, data: bytes) -> PresentationPolicy:
        """Read an author's draft from JSON bytes; see `from_file`."""
        source = json_loads_object(data, what=_WHAT, max_bytes=limits.POLICY_BYTES)
        if not _PUBLISHED.isdisjoint(source):
            raise MalformedError(
                f"{_WHAT} has uri or version, which publishing gives it",
                hint="Remove both members from the file.",
            )
        return _parse(require_members(source, _REQUIRED, _OPTIONAL, what=_WHAT), None)

    @classmethod
    def from_json(cls, data: bytes) -> PresentationPolicy:
        """Read a published policy from its document.

        Raises:
            MalformedError: with what is wrong and where; not canonical JSON; a uri that is not of
                its own id and version.
        """
        members = json_loads_object(data, what=_WHAT, max_bytes=limits.POLICY_BYTES)
        require_members(members, _REQUIRED | _PUBLISHED, _OPTIONAL, what=_WHAT)
        uri, version = members["uri"], check_version(members["version"], what=_WHAT)
        parts = uri.split(":") if isinstance(uri, str) else []
        network = parts[2] if len(parts) == _URI_PARTS else ""
        if uri != _uri(network, check_policy_id(members["policy_id"]), version):
            raise MalformedError(f"uri of {_WHAT} is not of its policy_id and version")
        check_network(network)
        policy = _parse(members, network)
        if policy.document != data:
            raise MalformedError(f"{_WHAT} is not in its canonical spelling")
        return policy

    def for_network(self, network: str, version: int) -> PresentationPolicy:
        """Return this policy as it is published in a network under a version (from 1).

        Raises:
            MalformedError: no name of a network, or no version.
        """
        number = check_version(version, what=_WHAT)
        members = json_loads_object(self.document, what=_WHAT)
        check_network(network)
        members |= {"uri": _uri(network, self.policy_id, number), "version": number}
        return _parse(members, network)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the document (32 bytes)."""
        return hashlib.sha256(self.document).digest()

    @property
    def reference(self) -> PolicyReference:
        """What a request names this policy by.

        Raises:
            MalformedError: this is a draft.
        """
        if self.network is None or self.version is None:
            raise MalformedError(
                f"the policy {self.policy_id} is a draft",
                hint="Publish it, and use the policy that publishing returns.",
            )
        return PolicyReference(self.network, self.policy_id, self.version, self.digest)

    def to_json(self) -> JsonObject:
        """Return the document as a JSON object."""
        return json_loads_object(self.document, what=_WHAT)

    # --- what it compiles to --------------------------------------------------------------------

    def query(self) -> DcqlQuery:
        """Return the DCQL query that asks for what the policy says, and for nothing else."""
        return DcqlQuery(tuple(one.query() for one in self.credentials))

    def credential(self, query_id: str) -> PolicyCredential | None:
        """Return what the policy says of one credential query, or None."""
        return next((one for one in self.credentials if one.id == query_id), None)

    def restrict(self, trust: TrustPolicy) -> TrustPolicy:
        """Return a trust policy that takes only the issuers that this policy accepts.

        Whom the trust policy does not accept by itself, no presentation policy makes accepted.
        """
        accepted = dict(trust.accepted_issuers)
        for one in self.credentials:
            for vct in one.types if one.issuers else ():
                dids = frozenset(one.issuers)
                accepted[vct] = accepted[vct] & dids if vct in accepted else dids
        return replace(trust, accepted_issuers=accepted)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PresentationPolicy) and self.document == other.document

    def __hash__(self) -> int:
        return hash(self.document)


# --- Reading -------------------------------------------------------------------------------------

_URI_PARTS: Final = 6


def _uri(network: str, policy_id: str, version: int) -> str:
    return f"urn:weid:{network}:policy:{policy_id}:{version}"


def _parse(members: JsonObject, network: str | None) -> PresentationPolicy:
    document = json_canonical(members)
    if len(document) > limits.POLICY_BYTES:
        raise MalformedError(f"{_WHAT} is larger than {limits.POLICY_BYTES} bytes")
    version = members.get("version")
    return PresentationPolicy(
        policy_id=check_policy_id(members["policy_id"]),
        name=DisplayText.parse(members["name"], what=f"name of {_WHAT}", name_member="text"),
        purpose=DisplayText.parse(
            members["purpose"], what=f"purpose of {_WHAT}", name_member="text"
        ),
        retention=Duration.parse(members["retention"], what=f"retention of {_WHAT}"),
        credentials=_credentials(members["credentials"]),
        valid_until=_time(members.get("valid_until")),
        network=network,
        version=version if isinstance(version, int) else None,
        document=document,
    )


def _time(value: JsonValue) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 < value <= limits.SAFE_INTEGER:
        raise MalformedError(f"valid_until of {_WHAT} is not a time in seconds")
    return value


def _list(value: JsonValue, what: str, most: int, *, least: int = 0) -> list[JsonValue]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise MalformedError(f"{what} is not an array of {least} to {most} entries")
    return value


def _credentials(value: JsonValue) -> tuple[PolicyCredential, ...]:
    what = f"credentials of {_WHAT}"
    found = tuple(
        _credential(item, f"credential {at} of {_WHAT}")
        for at, item in enumerate(_list(value, what, MAX_CREDENTIALS, least=1))
    )
    types = [vct for one in found for vct in one.types]
    if len({one.id for one in found}) != len(found) or len(set(types)) != len(types):
        raise MalformedError(f"{what} has an id or a type twice")
    # What a query may be is settled where queries are read.
    DcqlQuery.from_json(DcqlQuery(tuple(one.query() for one in found)).to_json())
    return found


def _credential(value: JsonValue, what: str) -> PolicyCredential:
    optional = {"required", "optional", "forbidden", "issuers"}
    members = require_members(value, {"id", "types"}, optional, what=what)
    if not isinstance(members["id"], str):
        raise MalformedError(f"id of {what} is not text")
    one = PolicyCredential(
        id=members["id"],
        types=_texts(members["types"], f"types of {what}", MOST_TYPES, least=1),
        required=_paths(members, "required", what, MOST_CLAIMS),
        optional=_paths(members, "optional", what, MOST_OPTIONAL),
        forbidden=_paths(members, "forbidden", what, MOST_CLAIMS),
        issuers=_texts(members.get("issuers", []), f"issuers of {what}", MOST_ISSUERS),
    )
    for did in one.issuers:
        Did.parse(did)
    if one.optional and not one.required:
        raise MalformedError(
            f"{what} has optional claims and none that is required",
            hint="Require one, or leave the credential out: a query needs a claim to ask for.",
        )
    for first, second in _conflicts(one):
        raise MalformedError(f"{what} says two things of the claim {first} ({second})")
    return one


def _texts(value: JsonValue, what: str, most: int, *, least: int = 0) -> tuple[str, ...]:
    texts: list[str] = []
    for item in _list(value, what, most, least=least):
        if not isinstance(item, str) or not item.isprintable() or not item or item in texts:
            raise MalformedError(f"{what} has an entry that is no text, or is there twice")
        texts.append(check_text(item, what=what))
    return tuple(texts)


def _paths(members: JsonObject, name: str, what: str, most: int) -> tuple[ClaimPath, ...]:
    items = _list(members.get(name, []), f"{name} of {what}", most)
    return tuple(ClaimPath.from_json(item, what=f"{name} of {what}") for item in items)


def _conflicts(one: PolicyCredential) -> Iterator[tuple[ClaimPath, ClaimPath]]:
    """Yield claims that are named twice, or forbidden and asked for, in whole or in part."""
    asked = (*one.required, *one.optional)
    for at, path in enumerate(asked):
        yield from ((path, other) for other in asked[at + 1 :] if path == other)
        yield from ((path, other) for other in one.forbidden if _overlap(path, other))


def _overlap(one: ClaimPath, other: ClaimPath) -> bool:
    """Return whether one path may lead to, or into, what the other leads to."""
    return all(
        mine == theirs
        or (mine is None and not isinstance(theirs, str))
        or (theirs is None and not isinstance(mine, str))
        for mine, theirs in zip(one, other, strict=False)
    )
