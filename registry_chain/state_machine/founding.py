"""Founding: the outcome of genesis, to be written before the first block (clause ST-11)."""

from __future__ import annotations

from dataclasses import replace

from registry_chain.state_machine.block import BlockOutcome
from registry_chain.state_machine.context import GOVERNORS
from registry_chain.state_machine.entering_keys import (
    check_controllers,
    check_recovery_keys,
    control_keys,
)
from registry_chain.state_machine.errors import InvalidTransactionError
from registry_chain.state_machine.genesis import Genesis, GenesisGovernor
from registry_chain.state_machine.nodes import VALIDATORS, is_voting
from registry_chain.state_machine.parameters import PARAMETERS
from registry_chain.state_machine.rules.node_rules import enter_validator_key
from registry_chain.state_machine.sealing import seal
from registry_chain.state_machine.staged import StagedState
from registry_chain.state_machine.state import EmptyState
from weid.errors import MalformedError
from weid.registry.node_operations import ConsensusEngine
from weid.registry.operations import Role
from weid.registry.records import (
    DidRecord,
    HandoverRecord,
    NodeRecord,
    NodeStatus,
    OrganisationRecord,
    ParameterRecord,
    RoleRecord,
)
from weid.registry.state_keys import ENGINE
from weid.registry.validators import Validator, ValidatorSet


def apply_genesis(genesis: Genesis) -> BlockOutcome:
    """Return the outcome whose writing makes the state before the first block.

    Its height is the one before the first, its time the genesis time. The first governors have
    their DIDs, roles and names; every parameter has a record.

    Raises:
        MalformedError: a governor's key is not one that the registry takes.
    """
    height = genesis.initial_height - 1
    empty = EmptyState(genesis.network, height=height, time=genesis.genesis_time)
    staged = StagedState(empty, height=height, time=genesis.genesis_time)
    for name in sorted(PARAMETERS):
        version = staged.next_version(ParameterRecord, name.encode())
        staged.write(ParameterRecord(name, genesis.parameter(name), version))
    for governor in genesis.governors:
        _enter_governor(staged, governor)
    _enter_nodes(staged, genesis)
    # Whoever begins a chain takes its first validators from the genesis.
    return replace(seal(empty, staged, ()), validator_updates=())


def _enter_governor(staged: StagedState, governor: GenesisGovernor) -> None:
    inception = governor.inception
    did = governor.did
    identity = did.encode()
    try:
        check_controllers(inception.controllers, inception.threshold)
        check_recovery_keys(inception.recovery_keys, inception.controllers)
    except InvalidTransactionError:
        raise MalformedError("a governor of the genesis has a key that cannot be") from None
    staged.write(
        DidRecord(
            did,
            inception.controllers,
            inception.threshold,
            inception.next_keys,
            inception.recovery_keys,
            tuple(control_keys(inception.controllers, 1, staged.time)),
            (),
            staged.time,
            None,
            staged.next_version(DidRecord, identity),
        )
    )
    roles = (Role.GOVERNOR,)
    staged.write(RoleRecord(did, roles, staged.next_version(RoleRecord, identity)))
    staged.count(GOVERNORS)
    if governor.name:
        version = staged.next_version(OrganisationRecord, identity)
        staged.write(OrganisationRecord(did, governor.name, version))


def _enter_nodes(staged: StagedState, genesis: Genesis) -> None:
    if genesis.nodes:
        # Its validators are nodes: it begins on CometBFT and cannot be handed over to it again.
        validators = [Validator(one.public_key, one.power) for one in genesis.validators]
        validators_hash = ValidatorSet.of(validators).hash()
        version = staged.next_version(HandoverRecord, ENGINE)
        engine = ConsensusEngine.COMETBFT
        staged.write(HandoverRecord(staged.height, engine, validators_hash, version))
    for node in genesis.nodes:
        record = NodeRecord(
            node.node_id,
            node.role,
            node.name,
            node.operator,
            node.validator_key,
            node.power,
            NodeStatus.ACTIVE,
            None,
            b"",
            staged.next_version(NodeRecord, node.node_id),
        )
        try:
            enter_validator_key(staged, record)
        except InvalidTransactionError:
            raise MalformedError("a node of the genesis has a key that cannot be") from None
        staged.write(record)
        if is_voting(record):
            staged.count(VALIDATORS)
