"""CPU of `apply_block`: transactions and operations a second over a state of 100,000 keys.

CPU time of this process, one core; medians. Results are checked before they count.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable

from registry_chain.state_machine.admission import check
from registry_chain.state_machine.block import BlockInput
from registry_chain.state_machine.transition import apply_block
from tests.support.scripted_chain import START, Person, ScriptedChain, person, signer
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    AnchorEvidence,
    CreateDid,
    GrantRole,
    Operation,
    PublishStatusList,
    RecognizeIssuer,
    Role,
)
from weid.registry.wire import encode_signed

AUTHORS = 100
LISTS = 1000


def digest(label: str) -> bytes:
    return hashlib.sha256(label.encode()).digest()


class Run:
    """A filled chain and what the rounds take from it."""

    def __init__(self, keys: int) -> None:
        self.chain = ScriptedChain(parameters={"max_author_transactions": 100_000})
        self.authors = [self._author(number) for number in range(AUTHORS)]
        self.sequences = {one.did: self.chain.next_sequence(one.did) for one in self.authors}
        self.keys = keys
        for start in range(0, keys, 5000):
            raw = [
                self.signed(
                    self.authors[at // 100 % AUTHORS],
                    *[AnchorEvidence(digest(f"old {at + n}")) for n in range(100)],
                )
                for at in range(start, min(start + 5000, keys), 100)
            ]
            self.apply(raw, frozenset())
        issuer = self.authors[0]
        for start in range(0, LISTS, 100):
            lists = [self.status_list(n, 1) for n in range(start, start + 100)]
            self.apply([self.signed(issuer, *lists)], frozenset())
        self.sequence_of_lists = 1

    def _author(self, number: int) -> Person:
        one = person(f"author {number}")
        chain = self.chain
        chain.do(one, CreateDid(one.inception), endorser=chain.governor)
        chain.govern(GrantRole(one.did, Role.ISSUER))
        if number == 0:
            chain.govern(RecognizeIssuer(one.did, "diploma", START))
        return one

    def status_list(self, number: int, sequence: int) -> PublishStatusList:
        """Return the next state of a status list."""
        uri = f"https://status.example/lists/{number}"
        return PublishStatusList(
            uri, "diploma", 1, 2**17, sequence, digest(f"list {number} {sequence}")
        )

    def signed(self, author: Person, *operations: Operation) -> bytes:
        """Return a signed transaction with the author's next sequence."""
        sequence = self.sequences[author.did]
        self.sequences[author.did] = sequence + 1
        return encode_signed(self.chain.sign(author, *operations, sequence=sequence))

    def apply(self, raw: list[bytes], verified: frozenset[bytes]) -> float:
        """Apply a block and return its CPU seconds."""
        chain = self.chain
        chain.time += 1
        block = BlockInput(chain.state.summary.height + 1, chain.time, tuple(raw))
        before = time.process_time()
        outcome = apply_block(chain.state, block, verified=verified)
        spent = time.process_time() - before
        assert all(result.code == ResultCode.OK for result in outcome.results)
        chain.state.write(outcome)
        return spent

    def check_all(self, raw: list[bytes]) -> frozenset[bytes]:
        """Return what a pool knows of transactions that it checked."""
        found = [check(self.chain.state, one, time=self.chain.time, pending=1000) for one in raw]
        return frozenset(one.verified for one in found)


def new_evidence(run: Run, label: str, count: int) -> list[bytes]:
    return [
        run.signed(run.authors[n % AUTHORS], AnchorEvidence(digest(f"{label} {n}")))
        for n in range(count)
    ]


def notes(run: Run, label: str, transactions: int) -> list[bytes]:
    start = int(digest(label)[:4].hex(), 16)
    step = 7919
    return [
        run.signed(
            run.authors[n % AUTHORS],
            *[
                AnchorEvidence(digest(f"old {(start + (n * 100 + m) * step) % run.keys}"), label)
                for m in range(100)
            ],
        )
        for n in range(transactions)
    ]


def status_updates(run: Run) -> list[bytes]:
    run.sequence_of_lists += 1
    return [
        run.signed(
            run.authors[0],
            *[run.status_list(n, run.sequence_of_lists) for n in range(start, start + 100)],
        )
        for start in range(0, LISTS, 100)
    ]


def verification() -> float:
    """Return the CPU seconds of one Ed25519 verification: what no transaction can go below."""
    one = signer("reference")
    message = bytes(300)
    signature = one.sign(message)
    before = time.process_time()
    for _ in range(200):
        one.public_key.verify(signature, message)
    return (time.process_time() - before) / 200


ROWS: list[tuple[str, str, int, Callable[[Run, str], float]]] = [
    (
        "new evidence, verified",
        "tx/s",
        1000,
        lambda run, label: run.apply(new_evidence(run, label, 1000), frozenset()),
    ),
    (
        "new evidence, checked",
        "tx/s",
        1000,
        lambda run, label: cached(run, new_evidence(run, label, 1000)),
    ),
    (
        "checked, 100 a block",
        "tx/s",
        100,
        lambda run, label: cached(run, new_evidence(run, label, 100)),
    ),
    (
        "100 notes a tx",
        "ops/s",
        2000,
        lambda run, label: run.apply(notes(run, label, 20), frozenset()),
    ),
    (
        "100 status lists a tx",
        "ops/s",
        1000,
        lambda run, _: run.apply(status_updates(run), frozenset()),
    ),
]


def cached(run: Run, raw: list[bytes]) -> float:
    """Apply a block whose signatures were verified by the filter before it."""
    return run.apply(raw, run.check_all(raw))


def run(keys: int = 100_000, rounds: int = 5) -> list[dict[str, object]]:
    """Return the figures; each ratio is to verifying one signature, in the same rounds."""
    filled = Run(keys)
    spent: dict[str, list[float]] = {name: [] for name, *_ in ROWS}
    reference: list[float] = []
    for number in range(rounds):
        reference.append(verification())
        for name, _, units, once in ROWS:
            spent[name].append(once(filled, f"{name} {number}") / units)
    one = statistics.median(reference)
    figures: list[dict[str, object]] = []
    for name, unit, _, _ in ROWS:
        middle = statistics.median(spent[name])
        figures.append(
            {
                "name": name,
                "value": 1 / middle,
                "unit": unit,
                "ratio": middle / one,
                "to": "the time of one Ed25519 verification",
            }
        )
    return figures
