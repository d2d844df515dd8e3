"""A long history of many kinds of transactions, good and bad, from one seed.

Run: python -m tests.support.random_history SEED BLOCKS. Prints the app hash of every block, for a
comparison between processes.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

from tests.support.scripted_chain import START, Person, ScriptedChain, person, signer
from weid.registry.operations import (
    Accredit,
    AnchorBatch,
    AnchorEvidence,
    Approve,
    CreateDid,
    DeactivateDid,
    DerecognizeIssuer,
    GrantRole,
    KeyPurpose,
    MarkKeyCompromised,
    NameOrganisation,
    NewService,
    Operation,
    Propose,
    PublishStatusList,
    PublishTemplate,
    RecognizeIssuer,
    RevokeRole,
    Role,
    SetParameter,
    UpdateDid,
)
from weid.registry.records import DidRecord
from weid.registry.signing import new_key
from weid.registry.transaction import SignedTransaction
from weid.registry.wire import encode_signed


class RandomHistory:
    """Blocks of random transactions over a small world, so that they often meet."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.chain = ScriptedChain(
            3,
            parameters={"governance_threshold": 2, "open_did_creation": 1, "open_did_per_block": 5},
        )
        self.people = [*self.chain.governors, *(person(f"person {n}") for n in range(12))]
        self.proposals = [bytes(32)]

    def blocks(self, count: int) -> Iterator[bytes]:
        """Apply blocks and yield the app hash of each."""
        for _ in range(count):
            self.ahead: dict[str, int] = {}
            raw = [self.transaction() for _ in range(self.random.randrange(8))]
            outcome = self.chain.block(*raw, after=self.random.randrange(4))
            for result in outcome.results:
                if len(result.data) == 32:
                    self.proposals.append(result.data)
            yield outcome.app_hash

    def transaction(self) -> SignedTransaction | bytes:
        pick = self.random
        author = pick.choice(self.people)
        operations = [self.operation(author) for _ in range(pick.choice((1, 1, 1, 2, 3)))]
        ahead = self.ahead.get(author.did, 0)
        if self.chain.read(DidRecord, author.did) is None and not ahead:
            operations[0] = CreateDid(author.inception)
        endorser = pick.choice((None, *self.chain.governors))
        if endorser is author:
            endorser = None
        sequence = self.chain.next_sequence(author.did) + ahead + (pick.random() < 0.05)
        self.ahead[author.did] = ahead + 1
        signed = self.chain.sign(author, *operations, endorser=endorser, sequence=sequence)
        if pick.random() < 0.05:
            raw = bytearray(encode_signed(signed))
            raw[pick.randrange(len(raw))] ^= 1 << pick.randrange(8)
            return bytes(raw)
        return signed

    def operation(self, author: Person) -> Operation:
        pick = self.random
        other = pick.choice(self.people)
        cpt_id = pick.choice(("diploma", "licence", "card"))
        version = pick.randrange(1, 4)
        record = self.chain.read(DidRecord, author.did)
        current = 1 if record is None else record.version.number
        digest = bytes((pick.randrange(40),)) * 32
        document = (
            f'{{"vct": "urn:weid:demo:cpt:{cpt_id}:{version}", "cpt_id": "{cpt_id}", '
            f'"version": {version}}}'
        )
        governed = pick.choice(
            (
                GrantRole(other.did, pick.choice(list(Role))),
                RevokeRole(other.did, pick.choice(list(Role))),
                SetParameter(pick.choice(("governance_threshold", "max_time_lag")), version),
                RecognizeIssuer(other.did, cpt_id, START, pick.choice((None, START + 500))),
                DerecognizeIssuer(other.did, cpt_id, pick.choice((None, START + version))),
                Accredit(other.did, cpt_id, START, may_accredit=pick.random() < 0.5),
            )
        )
        key = new_key(author.did, f"key-{version}", signer(f"{version}"), [KeyPurpose.ASSERTION])
        service = NewService("site", "Site", f"https://site{version}.example/")
        choices: list[Operation] = [
            CreateDid(author.inception),
            UpdateDid(author.did, current, (key,)),
            UpdateDid(author.did, current, services=(service,)),
            MarkKeyCompromised(author.did, f"key-{version}", START),
            NameOrganisation(other.did, f"Name {version} 名"),
            PublishTemplate(cpt_id, version, document.encode()),
            PublishStatusList(f"https://{cpt_id}.example/1", cpt_id, 1, 2**17, version, digest),
            AnchorEvidence(digest, f"note {pick.randrange(5)}"),
            AnchorBatch(digest, version),
            governed if isinstance(governed, RecognizeIssuer) else AnchorEvidence(digest),
            Propose(governed, self.chain.time + 50),
            Approve(pick.choice(self.proposals)),
            Approve(self.proposals[-1]),
        ]
        if pick.random() < 0.01:
            return DeactivateDid(author.did, current)
        if author in self.chain.governors and pick.random() < 0.6:
            return pick.choice((choices[-1], choices[-3]))
        return pick.choice(choices[1:])


if __name__ == "__main__":
    for app_hash in RandomHistory(int(sys.argv[1])).blocks(int(sys.argv[2])):
        print(app_hash.hex())
