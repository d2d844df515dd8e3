"""Two machines with one validator key, and a clock that is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.failure.network.cluster import TWIN, VALIDATORS
from tests.failure.network.drill import Drill
from tests.failure.network.nodes import SECONDS, until
from tests.failure.network.selection import in_the_long_list
from tests.support.clauses import clause
from weid.errors import RegistryUnavailableError
from weid.registry.http_client import HttpRegistry
from weid.registry.records import NodeRecord, NodeStatus

pytestmark = pytest.mark.faults
_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def _marked(reader: HttpRegistry, node_id: bytes) -> NodeRecord | None:
    """Return the record of a node once it says that the node misbehaved."""
    try:
        record = reader.node(node_id)
    except RegistryUnavailableError:
        return None
    return record if record is not None and record.misbehaved_at is not None else None


@clause("B8")
def test_a_validator_key_on_two_machines_is_proved_and_marked(drill: Drill) -> None:
    cluster = drill.cluster
    original, twin = cluster.nodes[VALIDATORS[2]], cluster.nodes[TWIN]
    reader = cluster.nodes[VALIDATORS[0]].reader(cluster.genesis.genesis_hash)
    node_id = cluster.node_ids[VALIDATORS[2]]
    shutil.copy(
        original.comet / "config" / "priv_validator_key.json",
        twin.comet / "config" / "priv_validator_key.json",
    )
    twin.start()
    try:
        # The proof of a double vote is made where both propose, each another block.
        record = until(lambda: _marked(reader, node_id), "the validator is marked", 3 * SECONDS)
        assert record.status is NodeStatus.ACTIVE, "governance decides what follows"
    finally:
        twin.kill()
    drill.recovered("two machines voted with one key")


@in_the_long_list  # on a busy machine the node once did not come up; the cause is not known
@clause("B25", "D13")
@pytest.mark.parametrize("skew", ["+1h", "-1h"])
def test_the_clock_of_one_application_is_an_hour_off(drill: Drill, skew: str) -> None:
    # CometBFT is a static program whose clock cannot be set apart from the machine's: what is off
    # is the application's, which judges and proposes transactions by it.
    if not _FAKETIME.exists():
        pytest.skip("libfaketime is not there")
    node = drill.cluster.validators[0]
    assert node.stop() == 0
    node.start(
        {
            "LD_PRELOAD": str(_FAKETIME),
            "FAKETIME": skew,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    )
    drill.cluster.caught_up()
    drill.goes_on()
    assert node.stop() == 0
    drill.recovered()
