"""`config.toml` of a CometBFT node: what we decide, each line with its reason (clause NT-03).

Whatever is not here stays as CometBFT has it. Both versions that we run know every setting here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.errors import MalformedError
from weid.registry.node_operations import NodeRole

SOCKET: Final = "abci.sock"
"""Where the application listens; CometBFT runs in its home folder, so the name alone finds it."""
REQUEST_BATCH: Final = 1000
"""Requests that one batch may have: above what the engine hands in at once."""
_BODY_BYTES: Final = 4 * 2**20
_MEMPOOL_TRANSACTIONS: Final = 9_000
_MEMPOOL_BYTES: Final = 256 * 2**20
_RATE: Final = 50 * 2**20
_BLOCK_TIME: Final = re.compile(r"(?:0|[1-9][0-9]{0,4})(?:ms|s)")
_HASH: Final = re.compile(r"[0-9a-fA-F]{64}")
_SERVER: Final = re.compile(r"(?:https?|tcp)://[^\s,]+|[^\s,/]+:[0-9]{1,5}(?:/[^\s,]*)?")
"""Addresses that CometBFT takes; it lists them with commas between."""
_LISTEN: Final = re.compile(r"tcp://[0-9A-Za-z.:\[\]-]+:[0-9]{1,5}")
_LOOPBACK: Final = re.compile(r"tcp://(?:127(?:\.[0-9]{1,3}){3}|\[::1\]|localhost):[0-9]{1,5}")
_STATE_SYNC: Final = re.compile(r"^\[statesync\]\n(?:(?!\[).*\n?)*", re.MULTILINE)
"""The section, up to the next one."""

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Peer:
    """Another node: its id (40 hexadecimal digits) and where it is reached (`host:port`)."""

    node_id: str
    address: str

    def __str__(self) -> str:
        return f"{self.node_id}@{self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSync:
    """What a joining node believes: a header (height, hash in hex), and whom it asks for it."""

    height: int
    block_hash: str
    rpc_servers: tuple[str, ...]
    trust_period: int = limits.TRUST_PERIOD

    def __post_init__(self) -> None:
        if self.height < 1 or not _HASH.fullmatch(self.block_hash):
            raise MalformedError(
                "the trusted header has no proper height or hash",
                hint="take both from `registry-chain status --node URL --genesis HASH`",
            )
        if len(self.rpc_servers) < 2:  # CometBFT's own rule: a witness beside the primary
            raise MalformedError(
                "state sync needs two RPC servers, so that one alone cannot lie",
                hint="name the RPC addresses of two nodes, through a tunnel where they are far",
            )
        for server in self.rpc_servers:
            if not _SERVER.fullmatch(server):
                raise MalformedError(
                    f"{server!r} is no address of an RPC server",
                    hint="write it as https://north.example.org/v1/cometbft, or as "
                    "http://127.0.0.1:26657 through a tunnel",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """What differs from node to node; the rest is the same for all.

    `p2p_address` and `rpc_address` are CometBFT's listening addresses (`tcp://host:port`);
    `shared_addresses` says that several nodes share an address; `prometheus` is an address to
    listen on, empty for none; `block_time` is the pause after a block, such as `1s`.
    """

    name: str
    role: NodeRole
    p2p_address: str
    rpc_address: str
    external_address: str = ""
    peers: tuple[Peer, ...] = ()
    private: tuple[str, ...] = ()
    unconditional: tuple[str, ...] = ()
    shared_addresses: bool = False
    filter_peers: bool = True
    block_time: str = "1s"
    prometheus: str = ""
    double_sign_check_height: int = 0
    state_sync: StateSync | None = None

    def __post_init__(self) -> None:
        if not _BLOCK_TIME.fullmatch(self.block_time) or self.block_time in {"0s", "0ms"}:
            raise MalformedError(
                f"{self.block_time!r} is no block time", hint="write it as 1s or 500ms"
            )
        if not _LISTEN.fullmatch(self.p2p_address):
            raise MalformedError(f"{self.name} has no proper address: {self.p2p_address!r}")
        if not _LOOPBACK.fullmatch(self.rpc_address):
            raise MalformedError(
                f"{self.name} would offer its RPC at {self.rpc_address!r}",
                hint="the RPC knows no passwords: it listens on this machine only",
            )


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the file: its value, and why it is not left as it was."""

    name: str
    value: Value
    why: str


def config_toml(settings: NodeSettings) -> str:
    """Return the file for one node: the same settings always give the same text."""
    lines = [
        "# Settings of CometBFT for this node. Those that are not here stay as CometBFT has them.",
        "",
    ]
    for section, rows in _sections(settings):
        lines += [f"[{section}]", ""] if section else []
        for row in rows:
            lines += [f"# {row.why}", f"{row.name} = {_toml(row.value)}", ""]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class WrittenSettings:
    """What the application must know of the file that its CometBFT runs by.

    `rpc_address` is where the RPC listens; `has_peers` says that other nodes are named,
    `takes_state` that the node begins with a snapshot of theirs.
    """

    rpc_address: str
    has_peers: bool
    takes_state: bool


def read_settings(text: str) -> WrittenSettings:
    """Return what a `config.toml` says, which a person may have changed.

    Raises:
        MalformedError: it is no TOML, or does not say where the RPC listens.
    """
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MalformedError(f"the settings of CometBFT are no TOML: {error}") from None
    rpc, p2p, state_sync = (_section(body, name) for name in ("rpc", "p2p", "statesync"))
    address = rpc.get("laddr")
    if not isinstance(address, str):
        raise MalformedError("the settings of CometBFT do not say where its RPC listens")
    return WrittenSettings(
        address, bool(p2p.get("persistent_peers")), state_sync.get("enable") is True
    )


def _section(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = body.get(name, {})
    if not isinstance(found, dict):
        raise MalformedError(f"the settings of CometBFT have no proper section {name}")
    return found


def with_state_sync(text: str, sync: StateSync | None) -> str:
    """Return the file with another section `statesync`, or without one; the rest as it was."""
    kept = _STATE_SYNC.sub("", text)
    if sync is None:
        return kept
    rows = "".join(f"# {row.why}\n{row.name} = {_toml(row.value)}\n\n" for row in _state_sync(sync))
    return f"{kept.rstrip()}\n\n[statesync]\n\n{rows}"


def _sections(node: NodeSettings) -> Iterator[tuple[str, list[Setting]]]:
    yield "", _top(node)
    yield "rpc", _rpc(node)
    yield "p2p", _p2p(node)
    yield "mempool", _mempool()
    if node.state_sync is not None:
        yield "statesync", _state_sync(node.state_sync)
    yield "consensus", _consensus(node)
    yield (
        "storage",
        [
            Setting(
                "discard_abci_responses", True, "our store keeps what the application answered"
            ),
        ],
    )
    yield (
        "tx_index",
        [
            Setting("indexer", "null", "our store is the index; a second one only costs disk"),
        ],
    )
    yield (
        "instrumentation",
        [
            Setting("prometheus", bool(node.prometheus), "measures, for a scraper on this machine"),
            Setting(
                "prometheus_listen_addr", node.prometheus or "127.0.0.1:0", "never on the network"
            ),
        ],
    )


def _top(node: NodeSettings) -> list[Setting]:
    return [
        Setting("moniker", node.name, "the name that peers see"),
        Setting(
            "proxy_app",
            f"unix://{SOCKET}",
            "the application of this node; relative to comet/, where CometBFT is started",
        ),
        Setting("abci", "socket", "the only transport that we serve"),
        Setting(
            "filter_peers",
            node.filter_peers,
            "the application admits only nodes that the registry lists",
        ),
        Setting("db_backend", "goleveldb", "built in, without C"),
        Setting(
            "log_level",
            "main:info,state:error,statesync:info,*:error",
            "blocks are in our store; a line for each would fill the disk",
        ),
    ]


def _rpc(node: NodeSettings) -> list[Setting]:
    return [
        Setting(
            "laddr",
            node.rpc_address,
            "no authentication here: this machine only, our API is public",
        ),
        Setting("unsafe", False, "no command over the RPC"),
        Setting(
            "max_request_batch_size", REQUEST_BATCH, "our submitter sends transactions in batches"
        ),
        Setting("max_body_bytes", _BODY_BYTES, "such a batch of usual transactions fits"),
        Setting("max_open_connections", 100, "only our own processes connect"),
        Setting("pprof_laddr", "", "no profiler in service"),
    ]


def _p2p(node: NodeSettings) -> list[Setting]:
    fixed = len(node.peers) + 2
    return [
        Setting("laddr", node.p2p_address, "where peers connect"),
        Setting("external_address", node.external_address, "where peers find it, if elsewhere"),
        Setting("pex", False, "peers are agreed on, not found: nobody learns of a node by asking"),
        Setting("persistent_peers", _listed(node.peers), "always connected again"),
        Setting(
            "persistent_peers_max_dial_period", "30s", "a peer that was away long is back at once"
        ),
        Setting("private_peer_ids", _listed(node.private), "never told to anybody"),
        Setting(
            "unconditional_peer_ids", _listed(node.unconditional), "let in however many there are"
        ),
        Setting("addr_book_strict", False, "private addresses are usual in such networks"),
        Setting(
            "allow_duplicate_ip",
            node.shared_addresses,
            "true where nodes share an address: else the second one is not let in",
        ),
        Setting("max_num_inbound_peers", max(40, fixed * 2), "room for every listed node"),
        Setting("max_num_outbound_peers", max(10, fixed), "every peer of the list is dialled"),
        Setting("send_rate", _RATE, "bytes/s; a full block passes in less than a second"),
        Setting("recv_rate", _RATE, "same"),
    ]


def _mempool() -> list[Setting]:
    return [
        Setting(
            "type", "flood", "each node gets each transaction; the one type that both versions have"
        ),
        Setting("recheck", True, "what a block made stale leaves; cached, so it costs little"),
        Setting("broadcast", True, "any validator may propose it"),
        Setting(
            "size",
            _MEMPOOL_TRANSACTIONS,
            "a full block; each is judged again after a block",
        ),
        Setting("max_txs_bytes", _MEMPOOL_BYTES, "bound on memory, whatever comes"),
        Setting("cache_size", 4 * _MEMPOOL_TRANSACTIONS, "what was seen is not checked again"),
        Setting("keep-invalid-txs-in-cache", False, "a transaction that was early may come again"),
        Setting(
            "max_tx_bytes", limits.TRANSACTION_BYTES, "the application takes none that is larger"
        ),
    ]


def _state_sync(sync: StateSync) -> list[Setting]:
    return [
        Setting("enable", True, "begin with a snapshot of the state instead of every block"),
        Setting("rpc_servers", ",".join(sync.rpc_servers), "who is asked for headers"),
        Setting("trust_height", sync.height, "the header that a person checked"),
        Setting("trust_hash", sync.block_hash.upper(), "same"),
        Setting("trust_period", f"{sync.trust_period}s", "the same as our light client's"),
    ]


def _consensus(node: NodeSettings) -> list[Setting]:
    return [
        Setting("timeout_commit", node.block_time, "the pause between blocks, for late votes"),
        Setting("create_empty_blocks", False, "no block without news, except the heartbeat"),
        Setting(
            "create_empty_blocks_interval",
            f"{limits.HEARTBEAT}s",
            "the heartbeat: readers refuse an old head",
        ),
        Setting(
            "double_sign_check_height",
            node.double_sign_check_height,
            "0: else a validator that was just restarted finds its own votes and stops",
        ),
    ]


def _listed(items: Iterable[object]) -> str:
    return ",".join(map(str, items))


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f'"{_escaped(value)}"'


def _escaped(text: str) -> str:
    return "".join(
        f"\\u{ord(char):04x}" if ord(char) < 0x20 or ord(char) == 0x7F else char
        for char in text.replace("\\", "\\\\").replace('"', '\\"')
    )
