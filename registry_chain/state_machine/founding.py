"""Founding: the outcome of genesis, to be written before the first block (clause ST-11)."""

from __future__ import annotations

from registry_chain.state_machine.block import BlockOutcome
from registry_chain.state_machine.context import GOVERNORS
from registry_chain.state_machine.entering_keys import (
    check_controllers,
    check_recovery_keys,
    control_keys,
)
from registry_chain.state_machine.errors import InvalidTransactionError
from registry_chain.state_machine.genesis import Genesis, GenesisGovernor
from registry_chain.state_machine.parameters import PARAMETERS
from registry_chain.state_machine.sealing import seal
from registry_chain.state_machine.staged import StagedState
from registry_chain.state_machine.state import EmptyState
from weid.errors import MalformedError
from weid.registry.operations import Role
from weid.registry.records import DidRecord, OrganisationRecord, ParameterRecord, RoleRecord


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
    return seal(empty, staged, ())


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
