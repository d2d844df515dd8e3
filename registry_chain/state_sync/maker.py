"""Making snapshots and keeping the last few of them in a folder, to be given to new nodes."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from registry_chain.state_sync.making import chunks_of
from registry_chain.state_sync.manifest import (
    CHUNK_BYTES,
    FORMAT,
    MAX_CHUNKS,
    ChunkName,
    Manifest,
)
from registry_chain.state_sync.verdicts import StateSnapshot
from registry_chain.storage.committed import SnapshotState, read_genesis
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.folder_lock import refused
from registry_chain.storage.store import ChainStore
from registry_chain.storage.whole_file import sync_folder
from weid.errors import MalformedError

SNAPSHOTS: Final = "snapshots"
"""Name of their folder beside the database of a chain."""
KEPT: Final = 3
"""Snapshots that are kept: a node that takes one has time to end before it goes."""
_MANIFEST: Final = "manifest"
_PART: Final = ".part"


def kept_heights(folder: Path) -> list[int]:
    """Return the heights of the snapshots in a folder, the newest first; none where there is none.

    Whether they are whole is not looked at.
    """
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
    digits = (name for name in names if name.isascii() and name.isdecimal())
    return sorted(map(int, digits), reverse=True)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A snapshot that is kept, and by what its manifest's file is known again."""

    file: tuple[int, int, int]
    manifest: Manifest
    offer: StateSnapshot


class SnapshotMaker:
    """Makes snapshots of a store and keeps the newest ones below a folder, one for each height.

    `size` is the bytes at which a chunk is closed. All nodes must have the same one, so that their
    snapshots are the same.
    """

    def __init__(
        self, store: ChainStore, folder: Path, *, keep: int = KEPT, size: int = CHUNK_BYTES
    ) -> None:
        self._store = store
        self._folder = folder
        self._keep = max(1, keep)
        self._size = size
        self._lock = Lock()
        self._remembered: dict[int, _Kept] = {}

    def make(self) -> Manifest:
        """Make a snapshot of the newest committed state, and drop those that are too old.

        It is written beside the others and takes its name when it is whole. Blocks go on
        meanwhile; chunks are written as they are made, so that memory holds one of them.

        Raises:
            StoreDamagedError: the store is not what was written.
            RegistryUnavailableError: the state was held too long for what was written meanwhile;
                make it again when there is less to do.
            StoreRefusedError: the folder cannot be written, or no block is there yet.
        """
        try:
            with self._store.snapshot() as snapshot:
                return self._make(SnapshotState(snapshot))
        except OSError as error:
            raise refused(self._folder, error) from error

    def _make(self, state: SnapshotState) -> Manifest:
        summary = state.summary
        genesis = read_genesis(state.snapshot)
        if summary.height < genesis.initial_height:
            raise StoreRefusedError("there is no block yet of which to make a snapshot")
        kept = self._read(summary.height)
        if kept is not None:
            return kept.manifest
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob(f"*{_PART}"):
            shutil.rmtree(left, ignore_errors=True)  # of a maker that was killed
        part = self._folder / f"{summary.height}{_PART}"
        part.mkdir(mode=0o700)
        try:
            manifest = Manifest(
                genesis.chain_id,
                genesis.genesis_hash,
                summary.height,
                summary.smt_root,
                summary.log_size,
                summary.log_root,
                state.position.events,
                self._write_chunks(state, part),
            )
            _write(part / _MANIFEST, manifest.to_bytes())
            sync_folder(part)
            part.rename(self._folder / str(summary.height))
            sync_folder(self._folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        self._drop_old()
        return manifest

    def _write_chunks(self, state: SnapshotState, part: Path) -> tuple[ChunkName, ...]:
        names: list[ChunkName] = []
        with tempfile.TemporaryFile(dir=part) as order:
            for kind, raw in chunks_of(state, order, size=self._size):
                if len(names) == MAX_CHUNKS:
                    raise StoreRefusedError("the state is too large for a snapshot")
                _write(part / str(len(names)), raw)
                names.append(ChunkName(kind, hashlib.sha256(raw).digest()))
        return tuple(names)

    def manifests(self) -> list[Manifest]:
        """Return the manifests of the snapshots that are kept, newest first."""
        found = [self._read(height) for height in kept_heights(self._folder)]
        return [kept.manifest for kept in found if kept is not None]

    def offers(self) -> list[StateSnapshot]:
        """Return the snapshots that are kept as ABCI offers them, newest first."""
        found = [self._read(height) for height in kept_heights(self._folder)]
        return [kept.offer for kept in found if kept is not None]

    def chunk(self, height: int, chunk_format: int, index: int) -> bytes | None:
        """Return a chunk of a snapshot, or None where it is not kept, or damaged."""
        if chunk_format != FORMAT or height < 0 or not 0 <= index < MAX_CHUNKS:
            return None
        kept = self._read(height)
        if kept is None or index >= len(kept.manifest.chunks):
            return None
        try:
            raw = (self._folder / str(height) / str(index)).read_bytes()
        except OSError:
            return None
        return raw if hashlib.sha256(raw).digest() == kept.manifest.chunks[index].hash else None

    def _read(self, height: int) -> _Kept | None:
        """Return what is kept of a height; read once, since any peer asks as often as it likes."""
        path = self._folder / str(height) / _MANIFEST
        try:
            found = path.stat()
            file = (found.st_ino, found.st_size, found.st_mtime_ns)
            with self._lock:
                known = self._remembered.get(height)
            if known is not None and known.file == file:
                return known
            data = path.read_bytes()
            manifest = Manifest.from_bytes(data)
        except (OSError, MalformedError):
            return None
        if manifest.height != height:
            return None
        name = hashlib.sha256(data).digest()
        kept = _Kept(
            file, manifest, StateSnapshot(height, FORMAT, len(manifest.chunks), name, data)
        )
        with self._lock:
            there = set(kept_heights(self._folder))
            self._remembered = {
                each: one for each, one in self._remembered.items() if each in there
            } | {height: kept}
        return kept

    def _drop_old(self) -> None:
        for height in kept_heights(self._folder)[self._keep :]:
            shutil.rmtree(self._folder / str(height), ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fdatasync(file.fileno())
