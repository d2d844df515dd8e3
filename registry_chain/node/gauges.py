"""What a node measures of itself when it is asked: its chain, its network, its folder (NA-14).

What cannot be known now is left out, not given as zero: an alert on its absence is the right one.
"""

from __future__ import annotations

import shutil
from typing import Final

from registry_chain.engines.cometbft.engine import CometEngine
from registry_chain.engines.cometbft.rpc import peer_ids
from registry_chain.engines.cometbft.supervisor_status import read_status
from registry_chain.engines.embedded.embedded import EmbeddedEngine
from registry_chain.node.metrics import Metric
from registry_chain.node.parts import NodeParts
from registry_chain.reader import RecordReader
from registry_chain.state_machine.nodes import is_admitted
from registry_chain.state_sync import SNAPSHOTS as SNAPSHOT_FOLDER
from registry_chain.state_sync import kept_heights
from registry_chain.storage.committed import SnapshotState
from registry_chain.storage.extent import read_base
from registry_chain.storage.sealed_block import read_validators
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError, RegistryUnavailableError

HEIGHT: Final = Metric("weid_height", "gauge", "Height of the newest sealed block.")
HEAD_AGE: Final = Metric(
    "weid_head_age_seconds", "gauge", "Age of the newest sealed block by its header time."
)
STATE_HEIGHT: Final = Metric(
    "weid_state_height", "gauge", "Height of the newest state that is written and can be proved."
)
BASE_HEIGHT: Final = Metric(
    "weid_base_height", "gauge", "Lowest height whose block is kept in the store."
)
SNAPSHOTS: Final = Metric("weid_snapshots", "gauge", "Snapshots kept for nodes that join.")
SNAPSHOT_HEIGHT: Final = Metric(
    "weid_snapshot_height", "gauge", "Height of the newest snapshot, 0 without one."
)
DISK_FREE: Final = Metric(
    "weid_disk_free_bytes", "gauge", "Free bytes of the disk with the node's folder."
)
DAMAGED: Final = Metric(
    "weid_store_damaged", "gauge", "1 when the store is known to be damaged, else 0."
)
STOPPED: Final = Metric(
    "weid_engine_stopped", "gauge", "1 when no more blocks are written here, else 0."
)
POOL: Final = Metric(
    "weid_waiting_transactions", "gauge", "Transactions submitted here that wait for a block."
)
RESTARTS: Final = Metric(
    "weid_restarts", "gauge", "New starts of the node's processes since its supervisor began."
)
DECIDED_HEIGHT: Final = Metric(
    "weid_decided_height", "gauge", "Height of the newest block that the validators decided."
)
STAGED: Final = Metric(
    "weid_staged_states", "gauge", "States that wait for the header that proves them."
)
COMETBFT_UP: Final = Metric("weid_cometbft_up", "gauge", "1 when the node's CometBFT answers.")
CATCHING_UP: Final = Metric(
    "weid_catching_up", "gauge", "1 while the node fetches blocks that the others have."
)
PEERS: Final = Metric("weid_peers", "gauge", "Peers that are connected now.")
STRANGERS: Final = Metric(
    "weid_unadmitted_peers",
    "gauge",
    "Peers that are connected although the registry admits them no more.",
)
MEMPOOL: Final = Metric(
    "weid_mempool_transactions", "gauge", "Transactions in the pool of this node's CometBFT."
)
OWN_POWER: Final = Metric(
    "weid_own_voting_power", "gauge", "Voting power of this node, 0 when it does not vote."
)
VALIDATORS: Final = Metric("weid_validators", "gauge", "Validators that seal the next block.")
POWER: Final = Metric("weid_voting_power", "gauge", "Voting power of all of them.")
MISBEHAVED: Final = Metric(
    "weid_misbehaved_nodes", "gauge", "Active nodes that are marked for a double vote."
)


def measured(node: NodeParts) -> dict[Metric, float]:
    """Return every gauge that can be known now."""
    found = _of_chain(node) | _of_folder(node)
    if node.cometbft is not None:
        found |= _of_network(node)
    return {metric: float(value) for metric, value in found.items()}


def _of_chain(node: NodeParts) -> dict[Metric, int]:
    engine = node.engine
    application = engine.application
    with application.store.snapshot() as snapshot:
        state = SnapshotState(snapshot)
        base = read_base(snapshot, application.genesis)
        validators = read_validators(snapshot, state.position.validators_hash).validators
        height = state.summary.height
    found = {
        HEIGHT: engine.head().height,
        HEAD_AGE: node.head_age(),
        STATE_HEIGHT: height,
        BASE_HEIGHT: base,
        DAMAGED: int(bool(node.faults)),
        VALIDATORS: len(validators),
        POWER: sum(one.power for one in validators),
    }
    if isinstance(engine, CometEngine | EmbeddedEngine):
        found[POOL] = engine.waiting()
        found[STOPPED] = int(engine.failure is not None)
    if isinstance(engine, CometEngine):
        found[DECIDED_HEIGHT] = engine.settler.decided_height
        found[STAGED] = len(application.staged)
    return found


def _of_folder(node: NodeParts) -> dict[Metric, int]:
    folder = node.settings.folder
    if folder is None:
        return {}
    found = {DISK_FREE: shutil.disk_usage(folder).free}
    heights = kept_heights(folder / "chain" / SNAPSHOT_FOLDER)
    found |= {SNAPSHOTS: len(heights), SNAPSHOT_HEIGHT: max(heights, default=0)}
    restarts = (read_status(folder) or {}).get("restarts")
    if isinstance(restarts, int):
        found[RESTARTS] = restarts
    return found


def _of_network(node: NodeParts) -> dict[Metric, int]:
    records = RecordReader(node.engine.application.store, head=node.engine.head).nodes()
    marked = [one for one in records if one.misbehaved_at is not None and one.status == "active"]
    found = {MISBEHAVED: len(marked), COMETBFT_UP: 0}
    admitted = {one.node_id.hex() for one in records if is_admitted(one)}
    try:
        status = _asked(node, "status")
        net_info = _asked(node, "net_info")
        found |= {
            CATCHING_UP: int(_member(status, "sync_info", "catching_up") is True),
            OWN_POWER: int(str(_member(status, "validator_info", "voting_power"))),
            PEERS: int(str(net_info.get("n_peers"))),
            STRANGERS: len([one for one in peer_ids(net_info) if one not in admitted]),
            MEMPOOL: int(str(_asked(node, "num_unconfirmed_txs").get("total"))),
            COMETBFT_UP: 1,
        }
    except (RegistryUnavailableError, MalformedError, ValueError):
        pass  # COMETBFT_UP says it
    return found


def _asked(node: NodeParts, method: str) -> JsonObject:
    answer = {} if node.cometbft is None else node.cometbft(method, {})
    result = answer.get("result")
    if not isinstance(result, dict):
        raise MalformedError(f"CometBFT gave no answer to {method}")
    return result


def _member(answer: JsonObject, name: str, member: str) -> JsonValue:
    value = answer.get(name)
    return value.get(member) if isinstance(value, dict) else None
