"""The append-only operation log over tiles of a store (clause ST-08), shaped as RFC 9162.

A tile holds up to 256 hashes of one level; a hash of level n+1 is the root over a full tile of
level n. An append rewrites the last tile of each level and reads no more than that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from registry_chain.commitment.nodes import EMPTY_ROOT, TileReader, tile_id
from weid.registry.log_proofs import LOG_NODE, LogConsistencyProof, LogInclusionProof
from weid.registry.merkle_path import merkle_root, split_point

_TILE_BITS: Final = 8
_TILE: Final = 1 << _TILE_BITS
_HASH: Final = 32


class LogUpdate(NamedTuple):
    """What an append gives: the new size and root, and the tiles to write."""

    size: int
    root: bytes
    tiles: dict[bytes, bytes]


def append_leaves(tiles: TileReader, size: int, leaves: Sequence[bytes]) -> LogUpdate:
    """Append leaf hashes to the log of `size` leaves."""
    written: dict[bytes, bytes] = {}
    level, count, hashes = 0, size, list(leaves)
    while hashes:
        hashes = _append_level(tiles, written, level, count, hashes)
        count >>= _TILE_BITS
        level += 1
    new_size = size + len(leaves)
    return LogUpdate(new_size, log_root(_Overlay(tiles, written), new_size), written)


def _append_level(
    tiles: TileReader, written: dict[bytes, bytes], level: int, count: int, hashes: list[bytes]
) -> list[bytes]:
    """Append hashes to a level that has `count`; return the roots of the tiles that became full."""
    index, there = divmod(count, _TILE)
    if there:
        hashes = [*_hashes(tiles, level, index), *hashes]
    full: list[bytes] = []
    for at in range(0, len(hashes), _TILE):
        tile = hashes[at : at + _TILE]
        written[tile_id(level, index)] = b"".join(tile)
        if len(tile) == _TILE:
            full.append(merkle_root(tile, LOG_NODE))
        index += 1
    return full


class _Overlay:
    """Tiles just written over tiles of the store."""

    def __init__(self, below: TileReader, written: Mapping[bytes, bytes]) -> None:
        self._below = below
        self._written = written

    def tile(self, name: bytes) -> bytes | None:
        return self._written.get(name) or self._below.tile(name)


def _hashes(tiles: TileReader, level: int, index: int) -> list[bytes]:
    raw = tiles.tile(tile_id(level, index)) or b""
    return [raw[at : at + _HASH] for at in range(0, len(raw), _HASH)]


def log_root(tiles: TileReader, size: int) -> bytes:
    """Return the root of the log's first `size` leaves."""
    return EMPTY_ROOT if size == 0 else _range_root(tiles, 0, size)


def leaf_at(tiles: TileReader, index: int) -> bytes:
    """Return the leaf hash at a position that the log has."""
    return _hashes(tiles, 0, index >> _TILE_BITS)[index & _TILE - 1]


def _range_root(tiles: TileReader, first: int, end: int) -> bytes:
    """Return the root over leaves [first, end), a subtree of RFC 9162's shape."""
    size = end - first
    if size & (size - 1) == 0:
        return _perfect_root(tiles, first, size.bit_length() - 1)
    middle = first + split_point(size)
    left = _range_root(tiles, first, middle)
    return merkle_root([left, _range_root(tiles, middle, end)], LOG_NODE)


def _perfect_root(tiles: TileReader, first: int, height: int) -> bytes:
    """Return the root over 2^height leaves from an aligned position."""
    level, inner = divmod(height, _TILE_BITS)
    index, at = divmod(first >> level * _TILE_BITS, _TILE)
    return merkle_root(_hashes(tiles, level, index)[at : at + (1 << inner)], LOG_NODE)


def prove_inclusion(tiles: TileReader, index: int, size: int) -> LogInclusionProof:
    """Return the proof of a leaf in the log's first `size` leaves (RFC 9162 clause 2.1.3.1).

    Raises:
        ValueError: the log of that size has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError("no such leaf in a log of that size")
    path: list[bytes] = []
    first, end = 0, size
    while end - first > 1:
        middle = first + split_point(end - first)
        if index < middle:
            path.append(_range_root(tiles, middle, end))
            end = middle
        else:
            path.append(_range_root(tiles, first, middle))
            first = middle
    return LogInclusionProof(index, size, tuple(reversed(path)))


def prove_consistency(tiles: TileReader, first: int, second: int) -> LogConsistencyProof:
    """Return the proof between two sizes of the log (RFC 9162 clause 2.1.4.1).

    Raises:
        ValueError: the sizes are in the wrong order.
    """
    if not 0 <= first <= second:
        raise ValueError("the sizes of a consistency proof are in the wrong order")
    path: list[bytes] = []
    if 0 < first < second:
        start, end, whole = 0, second, True
        while first != end:
            middle = start + split_point(end - start)
            if first <= middle:
                path.append(_range_root(tiles, middle, end))
                end = middle
            else:
                path.append(_range_root(tiles, start, middle))
                start, whole = middle, False
        if not whole:
            path.append(_range_root(tiles, start, end))
    return LogConsistencyProof(first, second, tuple(reversed(path)))
