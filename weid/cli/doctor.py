"""`weid doctor`: looks for what is set up wrongly, and says how to put it right."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.command import SharedCommand
from weid.cli.output import Session, pass_session
from weid.cli.registries import open_reader
from weid.cli.registry_options import RegistryOptions, registry_options
from weid.cli.trust_settings import load_trust
from weid.errors import RegistryError, WeidError

if TYPE_CHECKING:
    from weid.registry.nodes import NodeReport

FREE_BYTES = 64 * 1024 * 1024
CLOCK_MARGIN = 120
_MENDS = {
    "lying": "do not rely on this node: tell its operator and the registry's what it showed",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is well, what was seen, and the mend."""

    good: bool
    what: str
    seen: str
    mend: str = ""


@click.command(cls=SharedCommand)
@registry_options
@pass_session
@click.pass_context
def doctor(ctx: click.Context, session: Session, *, options: RegistryOptions) -> None:
    """Look at versions, folders, the picture reader, trust settings, nodes and the clock."""
    findings = [*_machine(session), *_trust(session, options)]
    lines = [
        f"{'ok  ' if one.good else 'FIX '} {one.what}: {one.seen}"
        + ("" if one.good else f"\n     Try: {one.mend}")
        for one in findings
    ]
    session.show(
        "\n".join(lines),
        [
            {"good": one.good, "what": one.what, "seen": one.seen, "mend": one.mend}
            for one in findings
        ],
    )
    ctx.exit(0 if all(one.good for one in findings) else 1)


def _machine(session: Session) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding(sys.version_info >= (3, 11), "Python", version, "install Python 3.11 or newer")
    home = session.home
    yield _home(home)
    free = shutil.disk_usage(home if home.exists() else Path.home()).free
    yield Finding(
        free > FREE_BYTES, "free space", f"{free // 1_000_000} MB", "free some disk space"
    )
    try:
        import zxingcpp  # noqa: F401, PLC0415 - only whether it is there
    except ImportError:
        yield Finding(False, "reading codes from pictures", "not installed", "pip install '.[qr]'")
    else:
        yield Finding(True, "reading codes from pictures", "installed")


def _home(home: Path) -> Finding:
    if not home.exists():
        return Finding(True, "home folder", f"{home} (made when first needed)")
    mode = stat.S_IMODE(home.stat().st_mode)
    if not os.access(home, os.W_OK):
        return Finding(False, "home folder", f"{home} cannot be written", f"chmod u+w {home}")
    if mode & 0o077:
        return Finding(False, "home folder", f"{home} is open to others", f"chmod 700 {home}")
    return Finding(True, "home folder", str(home))


def _trust(session: Session, options: RegistryOptions) -> Iterator[Finding]:
    try:
        networks = (
            options.trusted(session.home)
            if options.nodes or options.bundle
            else load_trust(session.home)
        )
    except WeidError as error:
        yield Finding(False, "trust settings", error.message, error.hint or "weid trust add --help")
        return
    if not networks:
        yield Finding(
            False,
            "trust settings",
            "no registry is trusted",
            "weid trust add NETWORK --genesis HASH --node URL",
        )
    for name, one in networks.items():
        what = f"registry {name}".rstrip()
        reader = open_reader(session, one, options, witnesses=len(one.nodes))
        try:
            head = reader.head()
        except RegistryError as error:
            yield Finding(False, what, error.message, error.hint or "weid trust show")
            yield from _nodes(reader.nodes_report())
            continue
        ahead = head.time - session.clock.now()
        yield Finding(True, what, f"block {head.height}, {max(-ahead, 0)} s old")
        yield Finding(
            ahead < CLOCK_MARGIN,
            "clock",
            f"{max(ahead, 0)} s behind the registry",
            "set this machine's clock",
        )
        yield from _nodes(reader.nodes_report())


def _nodes(reports: tuple[NodeReport, ...]) -> Iterator[Finding]:
    """Yield what each of several nodes was found to be."""
    for node in reports if len(reports) > 1 else ():
        yield Finding(
            node.state in ("good", "untried"),
            f"node {node.url}",
            node.describe(),
            _MENDS.get(node.state, "try again in a minute, or ask the node's operator"),
        )
