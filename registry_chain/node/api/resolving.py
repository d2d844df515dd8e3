"""DID resolution over HTTP, as DID Resolution and the Universal Resolver have it (clause NA-23)."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from registry_chain.node.api.problems import unavailable
from registry_chain.node.parts import NodeParts
from weid.did.methods import local_methods
from weid.did.resolver import (
    DidResolution,
    ResolutionFault,
    ResolutionMetadata,
    UniversalResolver,
    unresolved,
)
from weid.did.syntax import DidUrl
from weid.encoding import JsonObject, json_dumps
from weid.errors import MalformedError

RESOLUTION: Final = "application/did-resolution"
_DOCUMENTS: Final = ("application/did", "application/did+ld+json", "application/did+json")
_OFFERED: Final = (RESOLUTION, *_DOCUMENTS, "application/ld+json", "application/json")
_OPTIONS: Final = ("versionId", "versionTime")
_NOT_SUPPORTED: Final = "representationNotSupported"
_STATUS: Final = {
    None: 200,
    ResolutionFault.INVALID_DID: 400,
    ResolutionFault.INVALID_DID_URL: 400,
    ResolutionFault.NOT_FOUND: 404,
    ResolutionFault.METHOD_NOT_SUPPORTED: 501,
    ResolutionFault.FEATURE_NOT_SUPPORTED: 501,
}


def resolve_did(node: NodeParts, identifier: str) -> Response:
    """Return the resolution of a DID, or its document alone where only that is accepted."""
    if node.records is None:
        raise unavailable("this node does not resolve DIDs")
    wanted = request.accept_mimetypes.best_match(_OFFERED)
    if request.headers.get("Accept") is None:
        wanted = RESOLUTION
    if wanted is None:
        told: JsonObject = {"error": _NOT_SUPPORTED, "message": "see Accept in /openapi.json"}
        return _reply({**_empty(), "didResolutionMetadata": told}, RESOLUTION, 406)
    found = _resolve(node, identifier)
    status = _status(found)
    if wanted in _DOCUMENTS and found.document is not None:
        return _reply(found.document.to_json(), wanted, status)
    return _reply(found.to_json(), RESOLUTION, status)


def _resolve(node: NodeParts, identifier: str) -> DidResolution:
    asked = tuple((name, request.args[name]) for name in _OPTIONS if name in request.args)
    text = identifier
    if asked:
        try:
            url = DidUrl.parse(identifier)
            text = str(DidUrl(url.did, (*url.query, *asked), url.fragment))
        except MalformedError as error:
            return unresolved(ResolutionFault.INVALID_DID, error.message)
    sources = () if node.records is None else (node.records,)
    return UniversalResolver(local_methods(sources)).resolve(text)


def _status(found: DidResolution) -> int:
    error = found.resolution_metadata.error
    if found.document is None and found.resolution_metadata == ResolutionMetadata():
        return 410
    return _STATUS.get(error, 500)


def _empty() -> JsonObject:
    return {"didDocument": None, "didDocumentMetadata": {}}


def _reply(body: JsonObject, mimetype: str, status: int) -> Response:
    reply = Response(json_dumps(body), status=status, mimetype=mimetype)
    reply.headers["Cache-Control"] = "no-store"
    reply.headers["Vary"] = "Accept"
    return reply
