"""The verifier's requests."""

from __future__ import annotations

import pytest

from tests.support.clauses import clause
from tests.support.world import AUDIENCE, START, World
from weid.verifier import Verifier


@pytest.fixture(scope="module")
def world() -> World:
    return World.begin()


@clause("PP-07", "PP-08", "PP-09", "PP-41")
def test_a_request_says_what_for_whom_and_until_when(world: World):
    request = world.verifier().request(
        world.template,
        "name",
        ("degrees", None, "title"),
        valid_for=60,
        response_uri="https://employer.example/answer",
        state="s",
    )
    value = request.to_json()
    del value["nonce"]
    assert list(value.pop("client_metadata")) == ["vp_formats_supported"]  # type: ignore[arg-type]
    assert value == {
        "response_type": "vp_token",
        "response_mode": "direct_post",
        "response_uri": "https://employer.example/answer",
        "client_id": AUDIENCE,
        "state": "s",
        "iat": START,
        "exp": START + 60,
        "dcql_query": {
            "credentials": [
                {
                    "id": "credential",
                    "format": "dc+sd-jwt",
                    "meta": {"vct_values": ["urn:weid:test:cpt:diploma:1"]},
                    "claims": [{"path": ["name"]}, {"path": ["degrees", None, "title"]}],
                }
            ]
        },
    }


@clause("PP-08")
def test_the_nonce_comes_from_the_given_source_of_randomness(world: World):
    verifier = Verifier(AUDIENCE, registry=world.registry, random=bytes)
    assert verifier.request("t").nonce == "A" * 22


def test_the_machines_clock_is_the_default(world: World):
    request = Verifier(AUDIENCE, registry=world.registry).request("t")
    assert request.created_at is not None
    assert request.created_at > 0
