"""A node that keeps only the newest blocks says so, and goes on proving everything else."""

from __future__ import annotations

import pytest

from registry_chain.archives import prune
from registry_chain.storage.store import Table
from tests.support.clauses import clause
from tests.support.node_world import CPT, node_world
from weid.encoding import base64url_encode
from weid.registry.state_keys import record_id


@pytest.fixture(scope="module")
def client_and_first():
    world = node_world()
    newest = world.registry.engine.head().height
    assert newest > 6
    record = world.registry.template(CPT, 1)
    prune(world.registry.engine.application.store, below=newest - 2)
    client = world.app().test_client()
    client.record = f"/v1/records/template/{base64url_encode(record_id(record))}"
    client.receipt = f"/v1/receipts/{base64url_encode(world.receipt.transaction_id)}"
    with world.registry.engine.application.store.snapshot() as snapshot:
        names = [name for name, _ in snapshot.items(Table.RECEIPTS)]
    found = [world.source.stored_receipt(name) for name in names]
    old = next(one.transaction_id for one in found if one.height < newest - 2)
    client.transaction = f"/v1/transactions/{base64url_encode(old)}"
    return client, newest - 2


@clause("SS-15")
@pytest.mark.parametrize("path", ["/v1/light-blocks/{}", "/v1/blocks/{}"])
def test_a_block_below_those_that_are_kept_is_told_with_where_to_look(client_and_first, path):
    client, first = client_and_first
    for height in (1, first - 1):
        reply = client.get(path.format(height))
        assert reply.status_code == 404
        assert reply.json["first"] == first
        assert "archives" in reply.json["hint"]
    assert client.get(path.format(first)).status_code == 200
    for height in (0, first + 1000):
        reply = client.get(path.format(height))
        assert reply.status_code == 404
        assert "first" not in reply.json


@clause("SS-15")
def test_a_transaction_of_such_a_block_is_not_said_to_be_unknown(client_and_first):
    client, first = client_and_first
    reply = client.get(client.transaction)
    assert (reply.status_code, reply.json["first"]) == (404, first)
    unknown = client.get(f"/v1/transactions/{base64url_encode(bytes(32))}")
    assert (unknown.status_code, "first" in unknown.json) == (404, False)


@clause("SS-14")
def test_records_and_receipts_are_proved_as_before(client_and_first):
    client, _ = client_and_first
    assert client.get(client.record).status_code == 200
    assert client.get(client.receipt).status_code == 200
    for page in ("/", "/blocks", "/blocks/1"):
        assert client.get(page).status_code < 500, page
