"""Why a process ended, in words, and whether starting it again can help (clause NT-10)."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

_BY_SIGNAL: Final = "was ended by "
_STAMP: Final = r"[A-Z]\[\d{4}-\d\d-\d\d\|\d\d:\d\d:\d\d\.\d{3}\] "
"""What CometBFT begins each of its messages with: level and time."""
_PORT_TAKEN: Final = r"address already in use"
_TAKEN_PORT: Final = r":(\d{1,5}): (?:bind: )?address already in use"
_BROKEN: Final = re.compile(_STAMP + r"CONSENSUS FAILURE!!! +module=consensus ")
"""Its own words for the end of its consensus, longer than any text that others can have it write:
a chain id in a block or in evidence has at most 50 bytes, which may be line feeds too."""
_OF_OTHERS: Final = re.compile(
    _STAMP + r"(?:prevote step|failed to process message|Error decoding message"
    r"|Evidence has not been added|Peer sent us|Stopping peer|Inbound Peer rejected)"
)
_EVIDENCE: Final = re.compile(_STAMP + r"Invalid evidence: ")
_EVIDENCE_ENDS: Final = re.compile(r"\}#[0-9A-F]{64}\s+module=evidence\s*\Z")
_OF_EVIDENCE: Final = re.compile(r" module=evidence\s*\Z")


@dataclass(frozen=True, slots=True)
class KnownReason:
    """What a line of output says about an ending.

    With `lasting` the next start would end the same way, so that a person has to do something
    first: `hint` says what. `passing` is how many such endings in a row may still pass by
    themselves. With `quoted` the line says more than we can, and is told too.
    """

    pattern: re.Pattern[str]
    reason: str
    hint: str
    lasting: bool = True
    quoted: bool = False
    passing: int = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """That a process ended: which, how, its last words and what is known about them."""

    process: str
    how: str
    last_lines: tuple[str, ...] = ()
    known: KnownReason | None = None

    @property
    def lasting(self) -> bool:
        """Whether another start would be in vain."""
        return self.known is not None and self.known.lasting

    @property
    def port(self) -> int | None:
        """The port that it could not have, None where that was not what ended it."""
        if self.known is None or self.known.pattern.pattern != _PORT_TAKEN:
            return None
        found = [re.search(_TAKEN_PORT, line, re.IGNORECASE) for line in self.last_lines]
        return next((int(each[1]) for each in reversed(found) if each is not None), None)

    @property
    def speaks(self) -> bool:
        """Whether its last words can be about the ending: a signal comes from outside."""
        return not self.how.startswith(_BY_SIGNAL)

    @property
    def reason(self) -> str:
        """One line for people."""
        if self.known is not None:
            line = next((each for each in self.last_lines if self.known.pattern.search(each)), "")
            quoted = f": {line}" if self.known.quoted else ""
            return f"{self.process} {self.how}: {self.known.reason}{quoted}"
        said = f": {self.last_lines[-1]}" if self.last_lines and self.speaks else ""
        return f"{self.process} {self.how}{said}"


def _known(
    pattern: str, reason: str, hint: str, *, quoted: bool = False, passing: int = 0
) -> KnownReason:
    compiled = re.compile(pattern, re.IGNORECASE)
    return KnownReason(compiled, reason, hint, quoted=quoted, passing=passing)


KNOWN_REASONS: Final = (
    _known(
        r"no space left on device|the disk is full|storage full",
        "the disk is full",
        "make room, then start the node again; nothing that was acknowledged is lost",
    ),
    _known(
        # A proposer's wrong block is logged too, and does no harm: only what this node broke on.
        r"(?:panic|CONSENSUS FAILURE|committed an invalid block).*AppHash"
        r"|does not match AppHash after replay",
        "this node's state is not the one that the network agreed on",
        "keep the folder for examination; then set the node up anew from the network or a backup",
    ),
    _known(
        r"\btable \w+, (?:key|height) |cannot be read in table|the database file[^:]*: "
        r"|the checkpoint file .* is damaged",
        "the registry's store is damaged",
        "keep the folder for examination; then bring a backup back, or set the node up anew from "
        "the network",
        quoted=True,
    ),
    _known(
        r"went back: it is at height",
        "the registry's store was taken back",
        "bring the newer one back, or set the node up anew from the network",
        quoted=True,
    ),
    _known(
        r"leveldb\S*: .*(?:corrupt|checksum|missing)",
        "CometBFT's files are damaged",
        "set the node up anew from the network; keep comet/config and "
        "comet/data/priv_validator_state.json",
        quoted=True,
    ),
    _known(
        r"app block height \(\d+\) is higher than core",
        "the registry's store is ahead of CometBFT's: comet/data was taken back",
        "do not start it as it is; set the node up anew from the network",
    ),
    _known(
        r"another block at height \d+ than its checkpoint|has blocks but no checkpoint"
        r"|the chain of .* is gone: ",
        "the registry's store is not the one that this node has written",
        "bring the newest chain folder back, or set the node up anew from the network",
        quoted=True,
    ),
    _known(
        r"version \d+ of the rules judges the blocks, and this software does not have it",
        "the network is under rules that this version of the program does not know",
        "install the newer version of weid, then start the node again",
    ),
    _known(
        r"genesis doc hash in db does not match|of another genesis",
        "the folder holds the chain of another genesis",
        "bring the right genesis.json or the right data back from a backup",
    ),
    _known(
        # "conflicting data" is not among them: with it a key is kept from signing twice, no more.
        r"found signature from the same key|conflicting votes from ourselves",
        "this validator's key has signed elsewhere",
        "stop the other node that has a copy of the key, or have governors rotate it",
    ),
    _known(
        r"error reading validator state|priv_validator_state\.json",
        "the record of what this validator has signed cannot be read",
        "do not make an empty one while the key is in use; have governors rotate the key",
    ),
    _known(
        r"error in config file|failed to (?:load|parse|read in) config|decoding failed due to",
        "the settings in comet/config cannot be read",
        "mend config.toml, or write it anew with registry-chain net",
    ),
    _known(
        # Whoever has it may be about to go, as what was started here before may.
        _PORT_TAKEN,
        "another process has its port",
        "stop who listens there, or give the node another port: --port of start for its API, laddr "
        "in comet/config/config.toml for its peers and its RPC",
        quoted=True,
        passing=4,
    ),
)
"""In order of weight: a full disk explains whatever else is said."""


class OwnWords:
    """Tells what a process says of itself from what it repeats of others, line by line (NT-10).

    A peer chooses what stands in a block that it proposes or in evidence that it sends; CometBFT
    writes such text as it is, over several lines too. It must neither end a node nor explain one.
    """

    def __init__(self) -> None:
        self._repeats = False

    def takes(self, line: str) -> bool:
        """Return whether the next line is the process's own."""
        if says_broken(line):
            self._repeats = False
            return True
        if self._repeats:
            self._repeats = _EVIDENCE_ENDS.search(line) is None
            return False
        if _EVIDENCE.match(line):
            self._repeats = _OF_EVIDENCE.search(line) is None
            return False
        return _OF_OTHERS.match(line) is None


def says_broken(line: str) -> bool:
    """Return whether CometBFT says that its consensus has ended; it lives on, and is of no use."""
    return _BROKEN.match(line) is not None


def explain(process: str, code: int | None, last_lines: Sequence[str]) -> Ending:
    """Return the ending of a process by its exit code (negative: a signal; None: never ready).

    `last_lines` are those of its last moments: what was mended long before is no reason.
    """
    text = "\n".join(last_lines)
    known = next((each for each in KNOWN_REASONS if each.pattern.search(text)), None)
    return Ending(process, how_it_ended(code), tuple(last_lines), known)


def explain_broken(process: str, last_lines: Sequence[str]) -> Ending:
    """Return the ending of a process that runs on and does its work no more."""
    ending = explain(process, None, last_lines)
    return replace(ending, how="stopped taking part")


def how_it_ended(code: int | None) -> str:
    """Return an exit code in words."""
    if code is None:
        return "did not become ready"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{_BY_SIGNAL}{name}"
