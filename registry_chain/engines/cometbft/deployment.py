"""How nodes are run in service: a systemd unit for each, and a compose file (clause NT-15).

Both start `registry-chain start`, whose supervisor keeps the two processes of the node alive. An
ending with exit code 1 is one that a person has to look at: systemd does not start it again, and
a container is tried three times.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from registry_chain.engines.cometbft.binary import DEFAULT_VERSION
from registry_chain.engines.cometbft.network import EVERYWHERE, PlannedNode

IMAGE: Final = f"weid-node:cometbft-{DEFAULT_VERSION}"
"""The image that deploy/Containerfile makes; never a moving name."""
_NODE_USER: Final = 10001
COMPOSE_FILE: Final = "compose.yaml"
_STOP_SECONDS: Final = 60
"""Twice the supervisor's grace for each process, with room."""


def systemd_unit(plan: PlannedNode) -> str:
    """Return the unit of a node whose folder is /var/lib/weid/NAME on its host."""
    return f"""\
# systemd unit of the node {plan.name} ({plan.role}); put it into /etc/systemd/system.
# The program is expected in /opt/weid, the node's folder as /var/lib/weid/{plan.name}, owned by
# the user weid. CometBFT is found in /opt/.cometbft/bin, in PATH or by WEID_COMETBFT.
[Unit]
Description=weid registry node {plan.name}
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
User=weid
Group=weid
ExecStart=/opt/weid/bin/registry-chain start /var/lib/weid/{plan.name} \
--host {plan.api_host} --port {plan.api_port}
# The supervisor alone is told to stop: it ends its two processes in order.
KillMode=mixed
TimeoutStopSec={_STOP_SECONDS}
# It starts them again by itself; what it gave up needs a person.
Restart=on-abnormal
RestartSec=5
StateDirectory=weid/{plan.name}
StateDirectoryMode=0700
ReadWritePaths=/var/lib/weid/{plan.name}
UMask=0077
LimitNOFILE=65536
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"""


def compose_file(plans: Sequence[PlannedNode], *, build: str = "") -> str:
    """Return a compose file for nodes whose folders are in ./nodes.

    Nodes for one machine share the host's network, since they know each other by its addresses;
    others are reached by name, and only the first one's API is published, on this machine.
    `build` is the folder of the sources, where the image is made from them.
    """
    shared = all(plan.one_machine for plan in plans)
    lines = [
        "# One container for each node, with its folder from ./nodes: written by",
        "# `registry-chain net init`, whose addresses and keys must be those of the folders.",
        "x-node: &node",
        f'  image: "{IMAGE}"',
    ]
    if build:
        lines += ["  build:", f'    context: "{build}"', "    dockerfile: deploy/Containerfile"]
    lines += [
        f'  user: "{_NODE_USER}:{_NODE_USER}"',
        "  init: true",
        "  read_only: true",
        "  cap_drop: [ALL]",
        '  security_opt: ["no-new-privileges:true"]',
        '  tmpfs: ["/tmp:mode=1777,size=64m"]',
        "  restart: on-failure:3",
        f"  stop_grace_period: {_STOP_SECONDS}s",
        "  pids_limit: 512",
    ]
    lines += ["  network_mode: host"] if shared else ["  networks: [chain]"]
    lines += ["", "services:"]
    for number, plan in enumerate(plans):
        words = ", ".join(f'"{word}"' for word in _command(plan))
        lines += [
            f"  {plan.name}:",
            "    <<: *node",
            f"    hostname: {plan.name}",
            f"    command: [{words}]",
            f'    volumes: ["./nodes/{plan.name}:/node"]',
            *_health_check(plan),
        ]
        if not shared and number == 0:
            lines += [f'    ports: ["127.0.0.1:{plan.api_port}:{plan.api_port}"]']
    if not shared:
        lines += ["", "networks:", "  chain: {}"]
    return "\n".join(lines) + "\n"


def _command(plan: PlannedNode) -> tuple[str, ...]:
    return "start", "/node", "--host", plan.api_host, "--port", str(plan.api_port)


def _health_check(plan: PlannedNode) -> list[str]:
    # The image's own asks the usual port, which on a shared network is at most one node's.
    asked = plan.api.replace(EVERYWHERE, "127.0.0.1")
    code = f"import urllib.request as u; u.urlopen('{asked}/healthz', timeout=5)"
    return [
        "    healthcheck:",
        f'      test: ["CMD", "python", "-c", "{code}"]',
        "      interval: 30s",
        "      timeout: 10s",
        "      start_period: 60s",
        "      retries: 3",
    ]


def can_compose(plans: Sequence[PlannedNode]) -> bool:
    """Return whether one compose file can run all: on one machine's network, or by their names."""
    by_name = all(plan.address == plan.name and plan.api_host == EVERYWHERE for plan in plans)
    return by_name or all(plan.one_machine for plan in plans)


def write_deployment(out: Path, plans: Sequence[PlannedNode]) -> None:
    """Write units into a network's folder, and a compose file where one can run all nodes."""
    if can_compose(plans):
        (out / COMPOSE_FILE).write_text(compose_file(plans), encoding="ascii")
    units = out / "systemd"
    units.mkdir(mode=0o755, exist_ok=True)
    for plan in plans:
        path = units / f"weid-{plan.name}.service"
        path.write_text(systemd_unit(plan), encoding="ascii")
