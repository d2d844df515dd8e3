"""DIDs resolved over HTTP, as the Universal Resolver asks for them."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests.support.clauses import clause
from tests.support.node_world import node_world
from weid.did.document import CONTEXT
from weid.registry.operations import DeactivateDid

KEY = "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
RESOLUTION = "application/did-resolution"


@pytest.fixture(scope="module")
def world():
    return node_world()


@pytest.fixture(scope="module")
def client(world):
    return world.app().test_client()


def ask(client, did, *, accept=None, query=""):
    headers = {} if accept is None else {"Accept": accept}
    return client.get(f"/1.0/identifiers/{did}{query}", headers=headers)


def said(reply):
    return json.loads(reply.data)


@clause("NA-23")
@pytest.mark.parametrize("accept", [None, "*/*", RESOLUTION, f"text/html, {RESOLUTION};q=0.5"])
def test_a_did_resolves_with_its_metadata(world, client, accept):
    reply = ask(client, world.issuer_did, accept=accept)
    assert (reply.status_code, reply.mimetype) == (200, RESOLUTION)
    assert said(reply)["didDocument"]["id"] == world.issuer_did
    assert said(reply)["didDocument"]["@context"] == list(CONTEXT)
    assert said(reply)["didDocumentMetadata"]["versionId"] == "2"
    assert said(reply)["didResolutionMetadata"] == {"contentType": "application/did+ld+json"}
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


@clause("NA-23")
@pytest.mark.parametrize(
    "accept", ["application/did", "application/did+ld+json", "application/did+json"]
)
def test_the_document_alone_may_be_asked_for(world, client, accept):
    reply = ask(client, world.issuer_did, accept=accept)
    assert (reply.status_code, reply.mimetype) == (200, accept)
    assert said(reply)["id"] == world.issuer_did
    missing = ask(client, f"{world.issuer_did[:-1]}1", accept=accept)
    assert missing.mimetype == RESOLUTION


@clause("NA-23")
def test_did_key_resolves_too(client):
    assert said(ask(client, KEY))["didDocument"]["id"] == KEY


@clause("NA-23")
def test_a_version_is_asked_for_in_the_query_or_in_the_did_url(world, client):
    for reply in (
        ask(client, world.issuer_did, query="?versionId=1"),
        ask(client, quote(f"{world.issuer_did}?versionId=1", safe="")),
    ):
        assert reply.status_code == 200
        assert said(reply)["didDocumentMetadata"]["versionId"] == "1"
    time = said(ask(client, world.issuer_did))["didDocumentMetadata"]["created"]
    reply = ask(client, world.issuer_did, query=f"?versionTime={time}")
    assert said(reply)["didDocumentMetadata"]["versionId"] == "1"


NOBODY = "did:weid:local:" + "1" * 28
REFUSALS = {
    "no DID": ("nonsense", "", 400, "invalidDid"),
    "a DID in another spelling": ("did:WEID:local:x", "", 400, "invalidDid"),
    "an identifier of no suite": (NOBODY, "", 400, "invalidDid"),
    "a did:key that is none": ("did:key:z6Mk", "", 400, "invalidDid"),
    "a path": (f"{KEY}/path", "", 400, "invalidDidUrl"),
    "another method": ("did:example:123", "", 501, "methodNotSupported"),
    "a version of what has none": (KEY, "?versionId=1", 501, "featureNotSupported"),
    "a version that is no number": ("{did}", "?versionId=x", 400, "invalidDidUrl"),
    "two versions": (
        "{did}",
        "?versionId=1&versionTime=2026-01-01T00:00:00Z",
        400,
        "invalidDidUrl",
    ),
    "a version that never was": ("{did}", "?versionId=9", 404, "notFound"),
    "a version of nothing": ("nonsense", "?versionId=1", 400, "invalidDid"),
    "another network": ("{other}", "", 404, "notFound"),
    "something long": ("did:key:" + "z" * 3000, "", 400, "invalidDid"),
}


@clause("NA-23")
@pytest.mark.parametrize("name", REFUSALS)
def test_what_does_not_resolve_says_why(world, client, name):
    did, query, status, error = REFUSALS[name]
    did = did.format(did=world.issuer_did, other=world.issuer_did.replace(":local:", ":elsewhere:"))
    reply = ask(client, did, query=query)
    assert (reply.status_code, reply.mimetype) == (status, RESOLUTION)
    assert said(reply)["didDocument"] is None
    assert said(reply)["didResolutionMetadata"]["error"] == error


@clause("NA-23")
def test_another_representation_is_not_acceptable(world, client):
    reply = ask(client, world.issuer_did, accept="text/html")
    assert reply.status_code == 406
    assert said(reply)["didResolutionMetadata"]["error"] == "representationNotSupported"


@clause("NA-23")
def test_a_deactivated_did_is_gone():
    world = node_world()
    world.issuer.submit(DeactivateDid(world.issuer_did, 2))
    client = world.app().test_client()
    reply = ask(client, world.issuer_did)
    assert reply.status_code == 410
    assert said(reply)["didDocument"] is None
    assert said(reply)["didDocumentMetadata"]["deactivated"] is True
    assert ask(client, world.issuer_did, query="?versionId=1").status_code == 200


@clause("NA-23")
def test_a_face_without_records_says_that_it_resolves_none(world):
    reply = ask(world.app(records=None).test_client(), world.issuer_did)
    assert reply.status_code == 503
