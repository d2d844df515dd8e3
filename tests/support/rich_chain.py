"""A small chain on disk that has something in every table."""

from __future__ import annotations

import json
from pathlib import Path

from registry_chain.engines.embedded.inline import InlineEngine
from registry_chain.storage.sqlite import SqliteChainStore
from tests.support.chain_world import NOW, ChainWorld, batch_root, signer
from weid.crypto.keys import PrivateKey
from weid.registry.operations import (
    AnchorBatch,
    AnchorEvidence,
    GrantRole,
    Propose,
    PublishTemplate,
    Role,
    SetParameter,
)

SUCCESSOR = PrivateKey.from_seed(b"\x07" * 32)


def document(version: int) -> bytes:
    """Return a template's JSON."""
    members = {
        "cpt_id": "diploma",
        "version": version,
        "vct": f"urn:weid:testnet:cpt:diploma:{version}",
        "name": "Diploma",
        "claims": [{"path": ["name"], "sd": "always"}],
        "schema": {"type": "object", "properties": {"name": {"type": "string"}}},
    }
    return json.dumps(members).encode()


def rich_chain(folder: Path, *, batches: int = 40) -> ChainWorld:
    """Return a world whose store has records, versions, lists, contents, events, two sealers."""
    world = ChainWorld(SqliteChainStore(folder), make=InlineEngine)
    for number in range(0, batches, 10):
        world.clock.advance(3)
        world.submit(world.sign(*(AnchorBatch(batch_root(number + n), 1) for n in range(10))))
    for governor in range(3):
        world.submit(
            world.sign(AnchorEvidence(b"\x21" * 32, f"note {governor}"), governor=governor)
        )
    for note in ("again", "and again"):
        world.submit(world.sign(AnchorEvidence(b"\x21" * 32, note)))
    for version in (1, 2):
        world.submit(world.sign(PublishTemplate("diploma", version, document(version))))
    until = NOW + 10_000
    world.submit(world.sign(Propose(SetParameter("max_time_lag", 90), until)))
    world.submit(world.sign(Propose(SetParameter("max_time_lag", 120), until)))
    world.submit(world.sign(Propose(GrantRole(world.governor(1), Role.ISSUER), until)))
    world.engine.rotate_sealing_key(signer(SUCCESSOR))
    world.submit(world.anchor("after the rotation"))
    return world
