"""Resolving DIDs: DID in, document and metadata out (DID Core 1.0 clause 7.1).

What a DID is or is not comes back as a value with an error name; only "nothing can be known now"
is raised, so that nobody mistakes a network fault for an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from weid.clock import format_time, parse_time
from weid.did.document import DidDocument
from weid.did.syntax import Did, DidUrl
from weid.encoding import JsonObject
from weid.errors import CryptoError, MalformedError, NotFoundError

CONTENT_TYPE: Final = "application/did+ld+json"


class ResolutionFault(StrEnum):
    """Why there is no document (the names of DID Resolution)."""

    INVALID_DID = "invalidDid"
    INVALID_DID_URL = "invalidDidUrl"
    INVALID_DID_DOCUMENT = "invalidDidDocument"
    NOT_FOUND = "notFound"
    METHOD_NOT_SUPPORTED = "methodNotSupported"
    FEATURE_NOT_SUPPORTED = "featureNotSupported"
    FORBIDDEN = "forbidden"
    """Ours: the method would have to ask a host that must not be asked."""


@dataclass(frozen=True, slots=True)
class ResolutionOptions:
    """Which version is asked for: by number, or the one in force at a time (seconds)."""

    version_id: str | None = None
    version_time: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentMetadata:
    """What is known about the document; times in seconds."""

    created: int | None = None
    updated: int | None = None
    version_id: str | None = None
    next_update: int | None = None
    next_version_id: str | None = None
    deactivated: bool = False

    def to_json(self) -> JsonObject:
        """Return the metadata with the names of DID Core, absent what is not known."""
        written: JsonObject = {}
        for name, time in (
            ("created", self.created),
            ("updated", self.updated),
            ("nextUpdate", self.next_update),
        ):
            if time is not None:
                written[name] = format_time(time)
        for name, version in (
            ("versionId", self.version_id),
            ("nextVersionId", self.next_version_id),
        ):
            if version is not None:
                written[name] = version
        if self.deactivated:
            written["deactivated"] = True
        return written


@dataclass(frozen=True, slots=True)
class ResolutionMetadata:
    """How resolving went: `error` is None where it went well; `message` is for people."""

    error: ResolutionFault | None = None
    message: str = ""

    def to_json(self) -> JsonObject:
        """Return the metadata with the names of DID Core."""
        if self.error is None:
            return {"contentType": CONTENT_TYPE}
        return {"error": self.error.value, "message": self.message}


@dataclass(frozen=True, slots=True)
class DidResolution:
    """The answer. `document` is None after an error, and for a deactivated DID."""

    document: DidDocument | None
    document_metadata: DocumentMetadata
    resolution_metadata: ResolutionMetadata

    def require(self) -> DidDocument:
        """Return the document.

        Raises:
            NotFoundError: there is none; the message says why.
        """
        if self.document is not None:
            return self.document
        if self.resolution_metadata.error is None:
            raise NotFoundError("the DID is deactivated")
        raise NotFoundError(f"the DID does not resolve: {self.resolution_metadata.message}")

    def to_json(self) -> JsonObject:
        """Return the DID resolution result."""
        return {
            "didDocument": None if self.document is None else self.document.to_json(),
            "didDocumentMetadata": self.document_metadata.to_json(),
            "didResolutionMetadata": self.resolution_metadata.to_json(),
        }


def resolved(document: DidDocument, metadata: DocumentMetadata | None = None) -> DidResolution:
    """Return an answer with a document."""
    return DidResolution(document, metadata or DocumentMetadata(), ResolutionMetadata())


def unresolved(error: ResolutionFault, message: str) -> DidResolution:
    """Return an answer without a document."""
    return DidResolution(None, DocumentMetadata(), ResolutionMetadata(error, message))


class DidMethod(Protocol):
    """Resolves the DIDs of one method."""

    def resolve(self, did: Did, options: ResolutionOptions) -> DidResolution:
        """Resolve a DID whose syntax is right and whose method is this one.

        `MalformedError` and `CryptoError` are for what the identifier itself says; the universal
        resolver turns them into invalidDid.

        Raises:
            RegistryUnavailableError: nothing can be known now.
            ProofError: an answer came that does not prove itself.
        """
        ...


class DidResolver(Protocol):
    """Resolves DIDs of several methods."""

    def resolve(self, did_url: str) -> DidResolution:
        """Resolve a DID, or a DID URL with `versionId` or `versionTime`; a fragment is ignored.

        Raises:
            RegistryUnavailableError: nothing can be known now.
            ProofError: an answer came that does not prove itself.
        """
        ...


class UniversalResolver:
    """Resolves by a table of methods; a method that is not in the table is not supported."""

    def __init__(self, methods: Mapping[str, DidMethod]) -> None:
        self._methods = dict(methods)

    def resolve(self, did_url: str) -> DidResolution:
        """Resolve a DID or DID URL; see `DidResolver`."""
        try:
            url = DidUrl.parse(did_url)
        except MalformedError as error:
            return unresolved(_syntax_error(did_url), error.message)
        method = self._methods.get(url.did.method)
        if method is None:
            return unresolved(
                ResolutionFault.METHOD_NOT_SUPPORTED,
                f"DIDs of the method {url.did.method} are not resolved here",
            )
        if set(dict(url.query)) - {"versionId", "versionTime"}:
            return unresolved(
                ResolutionFault.FEATURE_NOT_SUPPORTED, "the DID URL has a parameter not known here"
            )
        try:
            options = _options(url)
        except MalformedError as error:
            return unresolved(ResolutionFault.INVALID_DID_URL, error.message)
        try:
            return method.resolve(url.did, options)
        except (MalformedError, CryptoError) as error:
            return unresolved(ResolutionFault.INVALID_DID, error.message)


def _syntax_error(text: str) -> ResolutionFault:
    plain = not {"?", "#", "/"} & set(text)
    return ResolutionFault.INVALID_DID if plain else ResolutionFault.INVALID_DID_URL


def _options(url: DidUrl) -> ResolutionOptions:
    version_id, version_time = url.parameter("versionId"), url.parameter("versionTime")
    if version_id is not None and version_time is not None:
        raise MalformedError("the DID URL asks for a version by number and by time")
    if version_time is None:
        return ResolutionOptions(version_id=version_id)
    return ResolutionOptions(version_time=parse_time(version_time, what="versionTime"))
