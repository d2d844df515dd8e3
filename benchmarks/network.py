"""Registries on CometBFT: transactions and records a second, finality; beside its own kvstore.

Run: python -m benchmarks network. Needs the CometBFT program (`make cometbft` installs it); without
it this part says so and measures nothing. Everything (nodes, applications, load) is on this
machine, so the figures are a floor. Transactions are signed before the clock starts and go to the
nodes' pools in batches; what is counted is what the chain recorded, all of it checked by its code.
The same load runs against CometBFT's kvstore example in the same run: what the engine itself can do
here, with an application that does almost nothing.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chain import AUTHORS, digest, key
from registry_chain.engines.cometbft.binary import Binary, find_binary
from registry_chain.engines.cometbft.founding import NodeKeys, comet_genesis
from registry_chain.engines.cometbft.network import (
    NetworkNode,
    lay_out_node,
    plan_one_machine,
    settings_of,
)
from registry_chain.state_machine.genesis import Genesis, GenesisGovernor, GenesisValidator
from registry_chain.state_machine.genesis_nodes import GenesisNode
from weid.crypto.signer import InMemorySigner
from weid.did.syntax import weid_did
from weid.errors import WeidError
from weid.registry.node_operations import NodeRole
from weid.registry.operations import AnchorBatch, AnchorEvidence, Inception, Operation
from weid.registry.signing import sign_transaction
from weid.registry.transaction import Transaction
from weid.registry.wire import encode_signed

NETWORK = "bench"
BASE_PORT = 28_200
BATCH = 200
PENDING = 5_500
"""Transactions that are offered and in no block yet, at most: two thirds of what a pool takes."""
STANDSTILL = 60
"""Seconds without a block of transactions after which a run is given up."""
SECONDS = 15
"""Seconds for which load is offered; the first quarter is warming up and not counted."""
VALUE_BYTES = 300
"""Of a kvstore transaction: about those of one of ours."""
TARGETS = {1: 5_000, 4: 1_500}
OFFERED = {1: (5_000, 6_000, 7_000), 4: (1_600, 2_000, 2_500)}
TARGET_OPS = 12_000
KVSTORE_SHARE = 0.7
FINALITY = {"1s": 1.2, "100ms": 0.3}
SAMPLES = 15
MOST_HEADERS = 20
"""Headers that the RPC gives at once."""
KVSTORE = ("--proxy_app", "persistent_kvstore")
PROGRAM = (sys.executable, "-m", "registry_chain.cli.main")


@dataclass
class Place:
    """One node: its RPC, our API, and its process."""

    folder: Path
    rpc: int
    api: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)


class Net:
    """A network of this run, with its governors as authors."""

    def __init__(self, folder: Path, binary: Binary, *, validators: int, block_time: str) -> None:
        self.folder = folder
        self.binary = binary
        self.now = int(time.time())
        self.keys = [key(n) for n in range(AUTHORS)]
        inceptions = [
            Inception(NETWORK, (k.public.raw,), 1, b"", (), digest(n)[:16])
            for n, k in enumerate(self.keys)
        ]
        self.dids = [weid_did(inception) for inception in inceptions]
        self.sequences = [0] * AUTHORS
        plans = plan_one_machine(
            validators=validators,
            observers=0,
            sentries=0,
            base_port=BASE_PORT,
            first_address="127.0.0.1",
        )
        nodes = [NetworkNode(plan, NodeKeys.generate(os.urandom)) for plan in plans]
        genesis = Genesis(
            network=NETWORK,
            chain_id="bench-1",
            genesis_time=self.now - 5,
            governors=tuple(GenesisGovernor(inception) for inception in inceptions),
            validators=tuple(GenesisValidator(n.keys.validator.public.raw, 10) for n in nodes),
            nodes=tuple(sorted((_listed(node) for node in nodes), key=lambda n: n.node_id)),
        )
        names = {node.keys.validator.public.raw: node.plan.name for node in nodes}
        files = {
            "genesis.json": genesis.to_json(),
            "comet/config/genesis.json": comet_genesis(genesis, names),
        }
        self.places = []
        for node in nodes:
            place = Place(folder / node.plan.name, node.plan.rpc_port, node.plan.rpc_port + 1000)
            lay_out_node(
                place.folder, node.keys, settings_of(node, nodes, block_time=block_time), files
            )
            self.places.append(place)

    # --- processes -------------------------------------------------------------------------------

    def start(self, *, kvstore: bool = False) -> None:
        """Start every node and wait until all of them have a block."""
        for place in self.places:
            command = (
                [str(self.binary.path), "start", "--home", str(place.folder / "comet"), *KVSTORE]
                if kvstore
                else [*PROGRAM, "start", str(place.folder), "--port", str(place.api)]
            )
            with (place.folder / "log").open("wb") as log:
                place.processes.append(
                    subprocess.Popen(
                        command,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        env={**os.environ, "WEID_COMETBFT": str(self.binary.path)},
                    )
                )
        end = time.monotonic() + 60
        for place in self.places:
            while _height(place) < 1:
                if time.monotonic() > end:
                    raise RuntimeError((place.folder / "log").read_text()[-2000:])
                time.sleep(0.2)

    def stop(self) -> None:
        """Stop what this run started."""
        running = [process for place in self.places for process in place.processes]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()

    # --- transactions ----------------------------------------------------------------------------

    def sign(self, author: int, *operations: Operation) -> bytes:
        """Return the bytes of the author's next transaction."""
        transaction = Transaction(
            network=NETWORK,
            author=self.dids[author],
            author_keys=("control-1",),
            sequence=self.sequences[author],
            valid_until=self.now + 86_400,
            operations=operations,
        )
        self.sequences[author] += 1
        signers = {"control-1": InMemorySigner(self.keys[author])}
        return encode_signed(sign_transaction(transaction, signers))

    def singles(self, count: int) -> list[bytes]:
        """Return transactions of one record each."""
        return [self.sign(n % AUTHORS, AnchorEvidence(digest(("single", n)))) for n in range(count)]

    def hundreds(self, count: int) -> list[bytes]:
        """Return transactions of a hundred records each."""
        return [
            self.sign(n % AUTHORS, *(AnchorBatch(digest((n, m)), 1) for m in range(100)))
            for n in range(count)
        ]


def _listed(node: NetworkNode) -> GenesisNode:
    return GenesisNode(
        bytes.fromhex(node.id),
        NodeRole.VALIDATOR,
        node.plan.name,
        "",
        node.keys.validator.public.raw,
        10,
    )


def _ask(port: int, path: str) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        body: dict[str, object] = json.loads(connection.getresponse().read())
        return body
    finally:
        connection.close()


def _height(place: Place) -> int:
    try:
        answer = _ask(place.rpc, "/status")["result"]
        return int(answer["sync_info"]["latest_block_height"])  # type: ignore[index]
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return 0


def _executed(place: Place) -> int:
    """Return the height up to which blocks were executed and their transactions left the pool.

    `/status` tells of a block as soon as it is stored, before the application has executed it: what
    is offered then comes to a pool that still has the whole block, and may be full.
    """
    state = _ask(place.rpc, "/consensus_state")["result"]["round_state"]  # type: ignore[index]
    return int(state["height/round/step"].split("/")[0]) - 1


# --- Load ----------------------------------------------------------------------------------------


def offer(
    places: Sequence[Place], transactions: Sequence[bytes], rate: float, decided: Decided
) -> None:
    """Hand transactions to the pools at so many a second, each author's always to one node.

    As much is offered as goes into blocks: a pool that is full drops without a word what comes.
    """
    lanes: list[list[bytes]] = [[] for _ in places]
    for number, raw in enumerate(transactions):
        lanes[number % AUTHORS % len(places)].append(raw)
    offered = [0] * len(places)
    threads = [
        threading.Thread(target=_offer_lane, args=(place, lane, rate / len(places), number),
                         kwargs={"offered": offered, "decided": decided})
        for number, (place, lane) in enumerate(zip(places, lanes, strict=True))
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        decided.look()
        time.sleep(0.1)


def _offer_lane(
    place: Place,
    lane: Sequence[bytes],
    rate: float,
    number: int,
    *,
    offered: list[int],
    decided: Decided,
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", place.rpc, timeout=60)
    size = max(1, min(BATCH, int(rate / 10)))
    begin = time.monotonic()
    for turn, start in enumerate(range(0, len(lane), size)):
        wait = begin + turn * size / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        while sum(offered) - decided.count > PENDING:
            if decided.stands_still():
                raise RuntimeError("no transaction comes into a block: some were lost on the way")
            time.sleep(0.02)
        offered[number] += len(lane[start : start + size])
        body = _batch(lane[start : start + size])
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        answers = answer if isinstance(answer, list) else [answer]
        assert not [one for one in answers if "error" in one], answers
    connection.close()


def _batch(transactions: Sequence[bytes]) -> bytes:
    requests = [
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "broadcast_tx_async",
            "params": {"tx": base64.b64encode(raw).decode()},
        }
        for number, raw in enumerate(transactions)
    ]
    return json.dumps(requests).encode()


class Decided:
    """The blocks above a height, each asked for once: time (seconds) and transactions."""

    def __init__(self, net: Net) -> None:
        self._place = net.places[0]
        self._next = _executed(self._place) + 1
        self._moved = time.monotonic()
        self.blocks: list[tuple[float, int]] = []
        self.count = 0

    def look(self) -> int:
        """Ask for the blocks since the last look; return the transactions of all."""
        height = _executed(self._place)
        while self._next <= height:
            last = min(height, self._next + MOST_HEADERS - 1)
            path = f"/blockchain?minHeight={self._next}&maxHeight={last}"
            metas = _ask(self._place.rpc, path)["result"]["block_metas"]  # type: ignore[index]
            for meta in reversed(metas):
                self.blocks.append((_seconds(meta["header"]["time"]), int(meta["num_txs"])))
            self._next = last + 1
        count = sum(count for _, count in self.blocks)
        if count > self.count:
            self._moved = time.monotonic()
        self.count = count
        return count

    def stands_still(self) -> bool:
        """Return whether blocks have had no transactions for a while."""
        return time.monotonic() - self._moved > STANDSTILL


def _seconds(text: str) -> float:
    whole, _, rest = text.rstrip("Z").partition(".")
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{rest or 0}")


def throughput(net: Net, transactions: Sequence[bytes], rate: float) -> float:
    """Return how many transactions a second went into blocks while so many were offered."""
    decided = Decided(net)
    offer(net.places, transactions, rate, decided)
    offered_for = len(transactions) / rate
    end = time.monotonic() + 120
    while decided.look() < len(transactions) and time.monotonic() < end:
        time.sleep(1)
    blocks = decided.blocks
    assert decided.look() == len(transactions), "some never came into a block"
    first = next(at for at, (_, count) in enumerate(blocks) if count)
    # A block's time is when the one before it was agreed on: its transactions came after that.
    times = [when for when, _ in blocks]
    warm = times[first] + offered_for / 4
    begin = next((at for at in range(first, len(blocks)) if times[at] >= warm), first)
    last = max(at for at, (_, count) in enumerate(blocks) if count)
    done = sum(count for _, count in blocks[begin:last])
    if last == begin:  # so few and so slow that there is nothing in between
        return len(transactions) / (times[last] - times[0])
    return done / (times[last] - times[begin])


def finality(net: Net) -> float:
    """Return the median of seconds from handing in a transaction to its block being decided."""
    samples = []
    for number in range(SAMPLES):
        raw = net.sign(number % AUTHORS, AnchorEvidence(digest(("finality", number))))
        body = json.dumps(
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "broadcast_tx_commit",
                "params": {"tx": base64.b64encode(raw).decode()},
            }
        )
        connection = http.client.HTTPConnection("127.0.0.1", net.places[0].rpc, timeout=30)
        begin = time.perf_counter()
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        samples.append(time.perf_counter() - begin)
        connection.close()
        assert answer["result"]["tx_result"]["code"] == 0, answer
        time.sleep(0.37)
    return statistics.median(samples)


# --- The figures ---------------------------------------------------------------------------------


@contextmanager
def running(
    binary: Binary, *, validators: int, block_time: str = "1s", kvstore: bool = False
) -> Iterator[Net]:
    """Run a network in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="weid-bench-"))
    net = Net(folder, binary, validators=validators, block_time=block_time)
    try:
        net.start(kvstore=kvstore)
        yield net
    finally:
        net.stop()
        shutil.rmtree(folder)


def best(binary: Binary, validators: int, *, kvstore: bool = False) -> tuple[float, float]:
    """Return the most transactions a second that went into blocks, and what was offered then.

    What is offered rises in steps, each to a fresh network, until less than nine tenths of it goes
    into blocks: more only fills the pools, and every pool is judged again after each block.
    """
    found = (0.0, 0.0)
    for offered in OFFERED[validators]:
        with running(binary, validators=validators, kvstore=kvstore) as net:
            count = int(offered * SECONDS)
            transactions = _fillers(count) if kvstore else net.singles(count)
            done = throughput(net, transactions, offered)
        found = max(found, (done, float(offered)))
        if done < 0.9 * offered:
            break
    return found


def _fillers(count: int) -> list[bytes]:
    filler = "v" * (VALUE_BYTES - 24)
    return [f"key{n:08}={filler}".encode() for n in range(count)]


def measure(binary: Binary) -> Iterator[dict[str, object]]:
    """Yield the figures."""
    for validators, most in TARGETS.items():
        example, _ = best(binary, validators, kvstore=True)
        ours, offered = best(binary, validators)
        target = min(most, KVSTORE_SHARE * example)
        yield _figure(
            f"net{validators}_tx",
            ours,
            "tx/s",
            ours / target,
            f"target {target:,.0f}; kvstore {example:,.0f}; offered {offered:,.0f}",
        )
    with running(binary, validators=4) as net:
        records = 100 * throughput(net, net.hundreds(160 * SECONDS), 160)
    note = f"target {TARGET_OPS}; 100 in each transaction"
    yield _figure("net4_ops", records, "records/s", records / TARGET_OPS, note)
    for block_time, target in FINALITY.items():
        with running(binary, validators=4, block_time=block_time) as net:
            seconds = finality(net)
        note = f"target {target} s at most; four validators, blocks of {block_time}"
        yield _figure(f"finality_{block_time}", seconds, "s", target / seconds, note)


def _figure(name: str, value: float, unit: str, ratio: float, to: str) -> dict[str, object]:
    return {"name": name, "value": value, "unit": unit, "ratio": ratio, "to": to}


def run() -> Iterator[dict[str, object]]:
    """Yield the figures, none without CometBFT."""
    try:
        binary = find_binary(None)
    except WeidError as error:
        print(f"network: not measured: {error.message}")
        return
    yield from measure(binary)
