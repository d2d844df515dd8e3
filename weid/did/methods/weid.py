"""did:weid: a registry record rendered as a DID document (clauses DW-… of the method's page).

The registry is seen through `DidRecordSource`, so that this module knows no registry; the
rendering is a pure function of records and a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from weid.crypto.keys import PublicKey
from weid.did.document import DidDocument, Relationship, Service, VerificationMethod, may_serve
from weid.did.resolver import (
    DidResolution,
    DocumentMetadata,
    ResolutionFault,
    ResolutionMetadata,
    ResolutionOptions,
    resolved,
    unresolved,
)
from weid.did.syntax import Did, parse_weid_did

_VERSION_ID: Final = re.compile(r"[1-9][0-9]{0,9}")


class RecordedKey(Protocol):
    """A key of a record; see `weid.registry.records.RegisteredKey`."""

    @property
    def id(self) -> str:
        """The fragment."""
        ...

    @property
    def multikey(self) -> bytes:
        """Multicodec prefix and raw key."""
        ...

    @property
    def purposes(self) -> Sequence[str]:
        """Names of relationships."""
        ...

    @property
    def valid_from(self) -> int:
        """Block time (s) from which it is in force."""
        ...

    @property
    def retired_at(self) -> int | None:
        """Block time (s) from which it is not."""
        ...

    @property
    def compromised_since(self) -> int | None:
        """Time (s) from which its signatures may be another's."""
        ...


class RecordedService(Protocol):
    """A service of a record."""

    @property
    def id(self) -> str:
        """The fragment."""
        ...

    @property
    def type(self) -> str:
        """What kind of service."""
        ...

    @property
    def endpoint(self) -> str:
        """An https URL."""
        ...


class RecordedVersion(Protocol):
    """Where a version of a record stands."""

    @property
    def number(self) -> int:
        """From 1."""
        ...

    @property
    def time(self) -> int:
        """Block time in seconds."""
        ...


class RecordedDid(Protocol):
    """A DID's record; see `weid.registry.records.DidRecord`."""

    @property
    def did(self) -> str:
        """The DID."""
        ...

    @property
    def keys(self) -> Sequence[RecordedKey]:
        """Every key that ever was, controlling keys included."""
        ...

    @property
    def services(self) -> Sequence[RecordedService]:
        """Service endpoints."""
        ...

    @property
    def created(self) -> int:
        """Block time (s) of the first version."""
        ...

    @property
    def deactivated_at(self) -> int | None:
        """Block time (s) of the end, or None."""
        ...

    @property
    def version(self) -> RecordedVersion:
        """Which version this is."""
        ...


class DidRecordSource(Protocol):
    """Where records come from: the part of a registry reader that resolving needs."""

    @property
    def network(self) -> str:
        """The network's name."""
        ...

    def did(
        self, did: str, *, version: int | None = None, at_time: int | None = None
    ) -> RecordedDid | None:
        """Return the current record, a version, or the one in force at a time; None: no such."""
        ...


class WeidMethod:
    """Resolves did:weid from the registries of one or several networks."""

    def __init__(self, sources: Iterable[DidRecordSource]) -> None:
        listed = list(sources)
        self._sources = {source.network: source for source in listed}
        if len(self._sources) != len(listed):
            raise ValueError("two sources are of one network")

    def resolve(self, did: Did, options: ResolutionOptions) -> DidResolution:
        """Resolve a did:weid; see `DidMethod`."""
        text = str(did)
        network, _ = parse_weid_did(text)
        source = self._sources.get(network)
        if source is None:
            return unresolved(ResolutionFault.NOT_FOUND, f"no registry of {network} is known here")
        version = options.version_id
        if version is not None and _VERSION_ID.fullmatch(version) is None:
            return unresolved(ResolutionFault.INVALID_DID_URL, "versionId is not a number from 1")
        current = source.did(text)
        if current is None:
            return unresolved(ResolutionFault.NOT_FOUND, "the DID is not registered")
        asked: RecordedDid | None = current
        if version is not None:
            asked = source.did(text, version=int(version))
        elif options.version_time is not None:
            asked = source.did(text, at_time=options.version_time)
        if asked is None:
            return unresolved(ResolutionFault.NOT_FOUND, "the DID had no such version")
        return _answer(source, asked, current, options.version_time)


def _answer(
    source: DidRecordSource, asked: RecordedDid, current: RecordedDid, time: int | None
) -> DidResolution:
    following = None
    if asked.version.number < current.version.number:
        following = source.did(asked.did, version=asked.version.number + 1)
    metadata = DocumentMetadata(
        created=asked.created,
        updated=asked.version.time if asked.version.number > 1 else None,
        version_id=str(asked.version.number),
        next_update=None if following is None else following.version.time,
        next_version_id=None if following is None else str(following.version.number),
        deactivated=current.deactivated_at is not None,
    )
    if asked.deactivated_at is not None:
        return DidResolution(None, metadata, ResolutionMetadata())
    marks = {
        key.id: key.compromised_since for key in current.keys if key.compromised_since is not None
    }
    at_time = asked.version.time if time is None else time
    return resolved(render_document(asked, at_time=at_time, compromised=marks), metadata)


def render_document(
    record: RecordedDid, *, at_time: int, compromised: Mapping[str, int] | None = None
) -> DidDocument:
    """Return the document of a record as it stands at a time (seconds).

    Relationships list the keys in force then. A key out of force stays among the verification
    methods with its `revoked`, so that old signatures can still be named. `compromised` adds
    marks that later versions made (key id → since): an old version must not bring a stolen key
    back into force.
    """
    did = record.did
    later = compromised or {}
    methods = []
    relationships: dict[Relationship, tuple[str, ...]] = {}
    for key in record.keys:
        method = VerificationMethod(
            id=f"{did}#{key.id}",
            controller=did,
            key=PublicKey.from_multicodec(key.multikey),
            revoked=_end(key, later.get(key.id)),
        )
        methods.append(method)
        if at_time < key.valid_from or (method.revoked is not None and method.revoked <= at_time):
            continue
        for purpose in map(Relationship, key.purposes):
            if may_serve(method.key.kind, purpose):
                relationships[purpose] = (*relationships.get(purpose, ()), method.id)
    return DidDocument(
        id=did,
        methods=tuple(methods),
        relationships=relationships,
        services=tuple(
            Service(f"{did}#{service.id}", service.type, service.endpoint)
            for service in record.services
        ),
    )


def _end(key: RecordedKey, marked_later: int | None) -> int | None:
    ends = (key.retired_at, key.compromised_since, marked_later)
    return min((end for end in ends if end is not None), default=None)
