"""Remembering the newest head believed, so that history cannot be shown twice in two ways.

Whoever holds the sealing keys could show an old or another history to a client that remembers
nothing. A store here keeps the newest head of each registry, refuses a lower or a conflicting
one, and keeps both sides of such a refusal as evidence (clause LC-HEADS).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, Protocol

from weid import limits
from weid.encoding import JsonObject, json_dumps, json_loads_object
from weid.errors import ForkError, MalformedError, ProofError
from weid.registry.light_block import LightBlock

EVIDENCE_KEPT: Final = 64
"""Refusals kept for one registry; the first ones, which show how it began."""


@dataclass(frozen=True, slots=True)
class HeadConflict:
    """Two verified blocks of one registry that no honest history shows in this order."""

    remembered: LightBlock
    refused: LightBlock


class TrustedHeadStore(Protocol):
    """The newest believed head of each registry, by genesis hash.

    `advance` is atomic and durable: after it returns, every later `load`, also in another process
    or after a crash, gives this head or a higher one.
    """

    def load(self, genesis_hash: bytes) -> LightBlock | None:
        """Return the remembered block, or None."""
        ...

    def advance(self, genesis_hash: bytes, block: LightBlock) -> None:
        """Remember a verified block that is higher, or the very one remembered.

        Raises:
            ProofError: it is lower; both are kept.
            ForkError: it is another block at the same height; both are kept.
        """
        ...

    def keep(self, genesis_hash: bytes, conflict: HeadConflict) -> None:
        """Keep evidence, unless there is as much as may be, or this very pair is kept."""
        ...

    def conflicts(self, genesis_hash: bytes) -> tuple[HeadConflict, ...]:
        """Return the evidence kept for a registry, oldest first."""
        ...


def check_order(remembered: LightBlock | None, block: LightBlock) -> str | None:
    """Return why a block may not follow the remembered one, or None when it may."""
    if remembered is None or block.header.height > remembered.header.height:
        return None
    if block.header.height < remembered.header.height:
        return (
            f"the registry showed height {block.header.height} after height "
            f"{remembered.header.height} had been seen"
        )
    if block.header.hash() != remembered.header.hash():
        return f"the registry showed two different blocks at height {block.header.height}"
    return None


def _has_room(kept: Sequence[HeadConflict], conflict: HeadConflict) -> bool:
    """Return whether a pair is to be kept: new, and half of the room is for forks of one height.

    Old blocks can be shown by anybody, and must not crowd out the proof of a fork.
    """
    forked = conflict.remembered.header.height == conflict.refused.header.height
    return len(kept) < (EVIDENCE_KEPT if forked else EVIDENCE_KEPT // 2) and conflict not in kept


_REFUSED_HINT: Final = "ask another node; both heads are kept as evidence"


def _refused(remembered: LightBlock, block: LightBlock, refusal: str) -> ProofError:
    forked = block.header.height == remembered.header.height
    return (ForkError if forked else ProofError)(refusal, hint=_REFUSED_HINT)


class MemoryTrustedHeads:
    """Heads remembered as long as this object lives."""

    def __init__(self) -> None:
        self._heads: dict[bytes, LightBlock] = {}
        self._conflicts: dict[bytes, list[HeadConflict]] = {}

    def load(self, genesis_hash: bytes) -> LightBlock | None:
        """Return the remembered block, or None."""
        return self._heads.get(genesis_hash)

    def advance(self, genesis_hash: bytes, block: LightBlock) -> None:
        """Remember a block, or refuse it; see `TrustedHeadStore.advance`."""
        remembered = self._heads.get(genesis_hash)
        refusal = check_order(remembered, block)
        if refusal is not None and remembered is not None:
            self.keep(genesis_hash, HeadConflict(remembered, block))
            raise _refused(remembered, block, refusal)
        self._heads[genesis_hash] = block

    def keep(self, genesis_hash: bytes, conflict: HeadConflict) -> None:
        """Keep evidence; see `TrustedHeadStore.keep`."""
        kept = self._conflicts.setdefault(genesis_hash, [])
        if _has_room(kept, conflict):
            kept.append(conflict)

    def conflicts(self, genesis_hash: bytes) -> tuple[HeadConflict, ...]:
        """Return the evidence kept for a registry, oldest first."""
        return tuple(self._conflicts.get(genesis_hash, ()))


class FileTrustedHeads:
    """Heads remembered in a folder: `<genesis hash>.json`, and evidence beside it.

    A file is replaced as a whole (written, synced, renamed), under a lock that other processes
    respect. A file that cannot be read is an error, never a fresh start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, genesis_hash: bytes) -> LightBlock | None:
        """Return the remembered block, or None.

        Raises:
            MalformedError: the file is damaged.
        """
        try:
            data = self._head(genesis_hash).read_bytes()
        except FileNotFoundError:
            return None
        what = "the trusted head file"
        block = LightBlock.from_json(
            json_loads_object(data, what=what, max_bytes=limits.HEAD_BYTES)
        )
        if block.commit.block_id.hash != block.header.hash():
            raise MalformedError(f"{what} is damaged")
        return block

    def advance(self, genesis_hash: bytes, block: LightBlock) -> None:
        """Remember a block, or refuse it; see `TrustedHeadStore.advance`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock(genesis_hash):
            remembered = self.load(genesis_hash)
            refusal = check_order(remembered, block)
            if refusal is not None and remembered is not None:
                self._keep(genesis_hash, HeadConflict(remembered, block))
                raise _refused(remembered, block, refusal)
            if remembered is None or block.header.height > remembered.header.height:
                self._write(self._head(genesis_hash), block.to_json())

    def replace(self, genesis_hash: bytes, block: LightBlock) -> None:
        """Remember a block whatever is remembered.

        What was remembered is kept as `<genesis hash>.former-N.json`, N from 1. Only a person can
        decide so, by a hash from elsewhere (`weid.registry.trust_reset`).
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock(genesis_hash):
            with contextlib.suppress(FileNotFoundError):
                former = self._head(genesis_hash).read_bytes()
                self._write_bytes(self._next_former(genesis_hash), former)
            self._write(self._head(genesis_hash), block.to_json())

    def keep(self, genesis_hash: bytes, conflict: HeadConflict) -> None:
        """Keep evidence; see `TrustedHeadStore.keep`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock(genesis_hash):
            self._keep(genesis_hash, conflict)

    def conflicts(self, genesis_hash: bytes) -> tuple[HeadConflict, ...]:
        """Return the evidence kept for a registry, oldest first."""
        found = []
        for number in range(1, EVIDENCE_KEPT + 1):
            try:
                data = self._evidence(genesis_hash, number).read_bytes()
            except FileNotFoundError:
                break
            what = "the evidence file"
            members = json_loads_object(data, what=what, max_bytes=2 * limits.HEAD_BYTES)
            if members.keys() != {"remembered", "refused"}:
                raise MalformedError(f"{what} is not ours")
            found.append(
                HeadConflict(
                    LightBlock.from_json(members["remembered"]),
                    LightBlock.from_json(members["refused"]),
                )
            )
        return tuple(found)

    def _keep(self, genesis_hash: bytes, conflict: HeadConflict) -> None:
        kept = self.conflicts(genesis_hash)
        if _has_room(kept, conflict):
            both: JsonObject = {
                "remembered": conflict.remembered.to_json(),
                "refused": conflict.refused.to_json(),
            }
            self._write(self._evidence(genesis_hash, len(kept) + 1), both)

    def _head(self, genesis_hash: bytes) -> Path:
        return self._folder / f"{genesis_hash.hex()}.json"

    def _evidence(self, genesis_hash: bytes, number: int) -> Path:
        return self._folder / f"{genesis_hash.hex()}.conflict-{number}.json"

    def _next_former(self, genesis_hash: bytes) -> Path:
        # No most: each is a person's decision, and the one left out could be the highest head.
        files = (self._folder / f"{genesis_hash.hex()}.former-{number}.json" for number in count(1))
        return next(file for file in files if not file.exists())

    @contextlib.contextmanager
    def _lock(self, genesis_hash: bytes) -> Iterator[None]:
        with (self._folder / f"{genesis_hash.hex()}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, path: Path, value: JsonObject) -> None:
        self._write_bytes(path, json_dumps(value))

    def _write_bytes(self, path: Path, data: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
