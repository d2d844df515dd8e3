"""A small registry that has a bit of everything, and a node's app over it."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace

from flask import Flask

from registry_chain import LocalRegistry
from registry_chain.events import EventFeed
from registry_chain.node.app import create_app
from registry_chain.node.chain_view import ChainView
from registry_chain.node.explorer.register import Register
from registry_chain.node.parts import NodeParts
from registry_chain.node.settings import NodeSettings
from registry_chain.reader import RecordReader
from weid.clock import FixedClock
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.registry.author import Author, KeyToAdd, create_did
from weid.registry.operations import (
    AnchorBatch,
    AnchorEvidence,
    NewService,
    PublishStatusList,
    PublishTemplate,
    UpdateDid,
)
from weid.registry.pinned_genesis import parse_genesis

NOW = 1_780_000_000
CPT = "diploma"
URI = "https://university.example/status/1"
EVIDENCE = b"\x11" * 32
BATCH = b"\x22" * 32


def seeded_bytes():
    """Return a source of bytes that is the same in each run."""
    counter = itertools.count(1)
    return lambda size: (next(counter)).to_bytes(size, "big")


def template_document(cpt_id=CPT, version=1, title="Diploma"):
    """Return the bytes of a plainly synthetic template."""
    return json.dumps(
        {
            "cpt_id": cpt_id,
            "version": version,
            "vct": f"urn:weid:local:cpt:{cpt_id}:{version}",
            "name": title,
            "display": [
                {"locale": "en", "name": title},
                {"locale": "zh-Hant", "name": "文憑"},
            ],
            "claims": [
                {
                    "path": ["name"],
                    "sd": "always",
                    "display": [
                        {"locale": "en", "label": "Name"},
                        {"locale": "zh-Hant", "label": "姓名"},
                    ],
                },
                {"path": ["degree"], "sd": "never"},
            ],
            "schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {"name": {"type": "string"}, "degree": {"type": "string"}},
            },
        }
    ).encode()


@dataclass
class NodeWorld:
    """A registry with one university that issues diplomas, and who wrote it."""

    registry: LocalRegistry
    clock: FixedClock
    issuer: Author
    issuer_did: str
    receipt: object

    @property
    def source(self):
        return self.registry.committed

    def parts(self, **changes) -> NodeParts:
        settings = changes.pop("settings", NodeSettings(operator="Test Operator"))
        body = self.source.genesis()
        parts = NodeParts(
            engine=self.registry.engine,
            genesis=parse_genesis(body, expected_genesis_hash=self.registry.genesis_hash),
            source=self.source,
            chain=ChainView(self.source),
            feed=EventFeed(self.registry.engine.application.store),
            clock=self.clock,
            settings=settings,
            records=RecordReader(self.registry.engine.application.store),
        )
        return replace(parts, **changes)

    def app(self, **changes) -> Flask:
        parts = self.parts(**changes)
        records = RecordReader(self.registry.engine.application.store)
        return create_app(parts, lambda: Register(records, self.source, parts.chain))


def node_world(*, at: int = NOW) -> NodeWorld:
    """Build the world: DID with two versions, template, recognition, status list, anchors."""
    clock = FixedClock(at)
    random = seeded_bytes()
    registry = LocalRegistry(clock=clock, random=random)
    signing = InMemorySigner(PrivateKey.generate(random=random))
    did, author = create_did(
        registry,
        [InMemorySigner(PrivateKey.generate(random=random))],
        clock=clock,
        keys=[KeyToAdd("sign-1", signing)],
        random=random,
    )
    registry.governor.name(did, "University of Examples")
    clock.advance(10)
    service = NewService("status", "StatusService", "https://university.example/status")
    author.submit(UpdateDid(did, 1, services=(service,)))
    clock.advance(10)
    author.submit(PublishTemplate(CPT, 1, template_document()))
    registry.governor.recognize(did, CPT)
    registry.governor.accredit(did, CPT)
    clock.advance(10)
    author.submit(PublishStatusList(URI, CPT, 1, 131_072, 1, b"\x33" * 32))
    author.submit(AnchorBatch(BATCH, 10))
    receipt = author.submit(AnchorEvidence(EVIDENCE, "contract"))
    clock.advance(1)
    registry.head()
    return NodeWorld(registry, clock, author, did, receipt)
