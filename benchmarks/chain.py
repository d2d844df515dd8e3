"""The embedded engine over its own interface: durable, all signatures verified, receipts awaited.

Run: python -m benchmarks chain, or python -m benchmarks.chain [--keys 100000] for other sizes.
Wall-clock time: what is measured is two cores and a disk together. Transactions are signed before
the clock starts; each round's receipts are checked, and the whole store at the end of the run.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from registry_chain.application import RegistryApplication
from registry_chain.engines.embedded.embedded import EmbeddedEngine
from registry_chain.reader import CommittedReader
from registry_chain.state_machine.genesis import Genesis, GenesisGovernor, GenesisValidator
from registry_chain.storage.integrity import check_sample
from registry_chain.storage.sqlite import SqliteChainStore
from weid.clock import SystemClock
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.did.syntax import weid_did
from weid.registry.codes import ResultCode
from weid.registry.light_client import LightClient, verify_commit
from weid.registry.operations import (
    AnchorBatch,
    AnchorEvidence,
    CreateDid,
    Inception,
    Operation,
    Propose,
    PublishStatusList,
    RecognizeIssuer,
)
from weid.registry.pinned_genesis import parse_genesis
from weid.registry.proofs import verify_state_proof
from weid.registry.records import BatchRecord
from weid.registry.signing import sign_transaction
from weid.registry.state_keys import anchor_id, state_key
from weid.registry.transaction import SignedTransaction, Transaction
from weid.registry.wire import decode_record_as

KEYS = 100_000
LARGE = 1_000_000
AUTHORS = 50
ROUNDS = 5
SINGLES = 10_000
LISTS = 10_000
NETWORK = "bench"
TARGET_TX = 5_000
TARGET_OPS = 20_000


def digest(name: object) -> bytes:
    return hashlib.sha256(str(name).encode()).digest()


def key(name: object) -> PrivateKey:
    return PrivateKey.from_seed(digest(f"key {name}"))


class Chain:
    """A running engine, with its governors as authors."""

    def __init__(self, folder: Path) -> None:
        self.now = int(time.time())
        self.keys = [key(n) for n in range(AUTHORS)]
        inceptions = [
            Inception(NETWORK, (k.public.raw,), 1, b"", (), digest(n)[:16])
            for n, k in enumerate(self.keys)
        ]
        self.dids = [weid_did(inception) for inception in inceptions]
        self.sequences = [0] * AUTHORS
        self.cpu = 0.0
        sealing = key("sealing")
        genesis = Genesis(
            network=NETWORK,
            chain_id="bench-1",
            genesis_time=self.now,
            governors=tuple(GenesisGovernor(inception) for inception in inceptions),
            validators=(GenesisValidator(sealing.public.raw, 1),),
        )
        self.store = SqliteChainStore(folder)
        application = RegistryApplication(self.store)
        application.init_chain(genesis)
        self.engine = EmbeddedEngine(application, InMemorySigner(sealing), clock=SystemClock())
        self.reader = CommittedReader(self.store)
        self.genesis = genesis

    def record_id(self, number: int) -> bytes:
        """Return the id of a record that `new_records` made."""
        return anchor_id(self.dids[number // 100 % AUTHORS], digest(number))

    def sign(self, author: int, *operations: Operation) -> SignedTransaction:
        """Return the author's next transaction."""
        transaction = Transaction(
            network=NETWORK,
            author=self.dids[author],
            author_keys=("control-1",),
            sequence=self.sequences[author],
            valid_until=self.now + 86_400,
            operations=operations,
        )
        self.sequences[author] += 1
        return sign_transaction(transaction, {"control-1": InMemorySigner(self.keys[author])})

    def new_did(self, name: str) -> SignedTransaction:
        """Return the transaction that creates a DID, endorsed by a governor."""
        own = key(name)
        inception = Inception(NETWORK, (own.public.raw,), 1, b"", (), digest(name)[:16])
        transaction = Transaction(
            network=NETWORK,
            author=weid_did(inception),
            author_keys=("control-1",),
            sequence=0,
            valid_until=self.now + 86_400,
            operations=(CreateDid(inception),),
            endorser=self.dids[0],
            endorser_keys=("control-1",),
        )
        endorsing = {"control-1": InMemorySigner(self.keys[0])}
        return sign_transaction(transaction, {"control-1": InMemorySigner(own)}, endorsing)

    def timed(self, transactions: list[SignedTransaction]) -> float:
        """Submit all, wait for every receipt, and return the seconds that took.

        `cpu` then has the CPU seconds of all threads.
        """
        start, start_cpu = time.perf_counter(), time.process_time()
        futures = [self.engine.submit(transaction) for transaction in transactions]
        receipts = [future.result() for future in futures]
        spent = time.perf_counter() - start
        self.cpu = time.process_time() - start_cpu
        assert all(receipt.code == ResultCode.OK for receipt in receipts)
        return spent


def single_records(chain: Chain, label: str) -> list[SignedTransaction]:
    return [chain.sign(n % AUTHORS, AnchorEvidence(digest(f"{label} {n}"))) for n in range(SINGLES)]


def new_records(chain: Chain, start: int, count: int) -> list[SignedTransaction]:
    return [
        chain.sign(at // 100 % AUTHORS, *(AnchorBatch(digest(at + n), 1) for n in range(100)))
        for at in range(start, start + count, 100)
    ]


def status_updates(chain: Chain, sequence: int) -> list[SignedTransaction]:
    def update(number: int) -> PublishStatusList:
        uri = f"https://status.example/{number}"
        return PublishStatusList(uri, "diploma", 2, 2**17, sequence, digest(f"{number} {sequence}"))

    return [
        chain.sign(0, *(update(n) for n in range(start, start + 100)))
        for start in range(0, LISTS, 100)
    ]


@contextmanager
def running() -> Iterator[Chain]:
    """Make a chain in a folder of its own, and check a sample of all it wrote at the end."""
    folder = Path(tempfile.mkdtemp(prefix="weid-bench-"))
    chain = Chain(folder / "chain")
    try:
        yield chain
        check_sample(chain.store)
    finally:
        chain.engine.close()
        shutil.rmtree(folder)


def measure(keys: int = KEYS) -> list[dict[str, object]]:
    """Return the figures of a chain that grows to so many keys, and then of one that has them."""
    figures: list[dict[str, object]] = []

    def tell(name: str, value: float, unit: str, ratio: float | None, to: str) -> None:
        figures.append({"name": name, "value": value, "unit": unit, "ratio": ratio, "to": to})

    with running() as chain:
        step = keys // ROUNDS
        many = (new_records(chain, step * n, step) for n in range(ROUNDS))
        rate, cpu = _median_rates(chain, many, step)
        note = f"target {TARGET_OPS}; a state of up to {keys:,} keys"
        tell("chain_ops", rate, "records/s", rate / TARGET_OPS, note)
        tell("chain_ops_cpu", cpu, "records/CPU s", None, "all threads")
        singles = (single_records(chain, f"single {n}") for n in range(ROUNDS))
        rate, cpu = _median_rates(chain, singles, SINGLES)
        note = f"target {TARGET_TX}; a state of {keys:,} keys and more"
        tell("chain_tx", rate, "tx/s", rate / TARGET_TX, note)
        tell("chain_tx_cpu", cpu, "tx/CPU s", None, "all threads")
        chain.timed([chain.sign(0, Propose(_recognition(chain), chain.now + 86_000))])
        chain.timed(status_updates(chain, 1))
        updates = (status_updates(chain, n) for n in range(2, 2 + ROUNDS))
        rate, cpu = _median_rates(chain, updates, LISTS)
        tell("status_updates", rate, "lists/s", None, "each in two trees, with history")
        tell("status_updates_cpu", cpu, "lists/CPU s", None, "all threads")
        dids = [[chain.new_did(f"{n} {m}") for m in range(1_000)] for n in range(ROUNDS)]
        rate = statistics.median(len(some) / chain.timed(some) for some in dids)
        tell("did_creations", rate, "DIDs/s", None, "two signatures each")
        latencies = [_latency(chain, n) for n in range(50)]
        tell("receipt_latency", statistics.median(latencies) * 1e3, "ms", None, "idle engine")
        _measure_reading(chain, keys, tell)
    return figures


def _median_rates(
    chain: Chain, rounds: Iterable[list[SignedTransaction]], units: int
) -> tuple[float, float]:
    """Return units a second, by the wall's clock and by that of the CPU; signing is not timed."""
    wall, cpu = [], []
    for transactions in rounds:
        wall.append(units / chain.timed(transactions))
        cpu.append(units / chain.cpu)
    return statistics.median(wall), statistics.median(cpu)


def _recognition(chain: Chain) -> RecognizeIssuer:
    return RecognizeIssuer(chain.dids[0], "diploma", chain.now)


def _latency(chain: Chain, number: int) -> float:
    return chain.timed([chain.sign(1, AnchorBatch(digest(f"latency {number}"), 1))])


def _measure_reading(chain: Chain, keys: int, tell) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    start = time.perf_counter()
    check_sample(chain.store)
    seconds = time.perf_counter() - start
    tell("start_check", seconds, "s", seconds / 5, "5 s; smaller is better")
    asked = [chain.record_id(n) for n in range(0, keys, max(1, keys // 500))]
    answers = [chain.reader.record("batch", record_id) for record_id in asked]
    sizes = [len(answer.proof.to_bytes()) for answer in answers]
    tell("proof_bytes", statistics.mean(sizes), "bytes", None, f"{keys:,} keys and more")
    body = chain.reader.genesis()
    root = parse_genesis(body, expected_genesis_hash=chain.genesis.genesis_hash).root
    block = chain.reader.light_block(None)
    LightClient(root, clock=SystemClock()).accept(block)
    rounds = []
    for _ in range(ROUNDS):
        start_cpu = time.process_time()
        for record_id, answer in zip(asked, answers, strict=True):
            verify_commit(root.chain_id, block)
            roots = answer.roots
            assert roots.app_hash == block.header.app_hash
            verify_state_proof(
                roots.smt_root, state_key("batch", record_id), answer.value, answer.proof
            )
            assert record_id.endswith(decode_record_as(BatchRecord, answer.value or b"").root)
        rounds.append((time.process_time() - start_cpu) / len(answers) * 1e3)
    value = statistics.median(rounds)
    tell("light_verify", value, "ms", value / 1.0, "1 ms; smaller is better")


def run() -> list[dict[str, object]]:
    """Return the figures, and beside them those of a million keys."""
    large = [{**figure, "name": f"{figure['name']}_1m"} for figure in measure(LARGE)]
    return [*measure(), *large]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=KEYS)
    for row in measure(parser.parse_args().keys):
        told = f"{row['ratio']:6.2f}" if row["ratio"] else " " * 6
        print(f"{row['name']:18} {row['value']:12,.4g} {row['unit']:10} {told} {row['to']}")
