"""How a network is laid out: the options of the commands that make the folders of many nodes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click

from registry_chain.engines.cometbft.founding import NodeKeys
from registry_chain.engines.cometbft.network import (
    NetworkNode,
    check_plan,
    plan_containers,
    plan_from_file,
    plan_one_machine,
)
from weid.errors import MalformedError


@dataclass(frozen=True, slots=True)
class Layout:
    """How many nodes of which kind, and where; `hosts` names a list of them instead."""

    validators: int
    observers: int
    sentries: int
    hosts: Path | None
    containers: bool
    block_time: str
    base_port: int
    first_address: str
    prometheus: bool

    def nodes(self) -> list[NetworkNode]:
        """Return the nodes, each with new keys.

        Raises:
            MalformedError: the plan cannot be, or the list cannot be read.
        """
        if self.hosts is not None:
            plans = plan_from_file(_read(self.hosts))
        else:
            plans = plan_one_machine(
                validators=self.validators,
                observers=self.observers,
                sentries=self.sentries,
                base_port=self.base_port,
                first_address=self.first_address,
            )
            plans = plan_containers(plans) if self.containers else plans
        check_plan(plans)
        return [NetworkNode(plan, NodeKeys.generate(secrets.token_bytes)) for plan in plans]


_OPTIONS = (
    click.option(
        "--validators", type=click.IntRange(1, 64), default=4, show_default=True, help="So many."
    ),
    click.option(
        "--observers",
        type=click.IntRange(0, 64),
        default=0,
        show_default=True,
        help="Nodes that follow without a vote.",
    ),
    click.option(
        "--sentries",
        type=click.IntRange(0, 8),
        default=0,
        show_default=True,
        help="Sentries for each validator, which then knows only these.",
    ),
    click.option(
        "--hosts",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        default=None,
        help="List of the nodes and their hosts (TOML) instead of the counts.",
    ),
    click.option(
        "--containers", is_flag=True, help="Nodes reach each other by name, for compose.yaml."
    ),
    click.option("--block-time", default="1s", show_default=True, help="Pause between two blocks."),
    click.option(
        "--base-port",
        type=click.IntRange(1024, 60000),
        default=26650,
        show_default=True,
        help="First port on one machine; each node takes ten.",
    ),
    click.option(
        "--first-address",
        default="127.0.0.1",
        show_default=True,
        help="Another address, such as 127.0.0.11, gives each node its own.",
    ),
    click.option("--prometheus", is_flag=True, help="Offer CometBFT's measures on the machine."),
)


def layout_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options of a layout; the command takes them as `layout`."""
    names = [field.name for field in fields(Layout)]

    @wraps(command)
    def laid_out(*arguments: object, **options: Any) -> object:
        layout = Layout(**{name: options.pop(name) for name in names})
        return command(*arguments, layout=layout, **options)

    found: Callable[..., object] = laid_out
    for option in reversed(_OPTIONS):
        found = option(found)
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise MalformedError(f"{path} cannot be read: {reason}") from None
