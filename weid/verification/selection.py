"""Which claims answer a query, for the holder who chooses and the verifier who checks.

Clauses PP-04 … PP-06 and PP-30 of specs/presentation-profile.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from weid.credential.claim_path import ClaimPath, Step
from weid.encoding import JsonObject, JsonValue
from weid.verification.dcql import ClaimQuery, CredentialQuery


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a query the claims answer.

    `chosen` are the claims of the most wanted set that is answered whole; where none is,
    `missing` and `unaccepted` say by path what the most wanted set lacks.
    """

    chosen: tuple[ClaimQuery, ...] = ()
    missing: tuple[ClaimPath, ...] = ()
    unaccepted: tuple[ClaimPath, ...] = ()

    @property
    def answered(self) -> bool:
        """Whether one whole set of claims is there."""
        return not self.missing and not self.unaccepted


def select_claims(claims: Mapping[str, JsonValue], query: CredentialQuery) -> Selection:
    """Return which claims answer a credential query."""
    first: Selection | None = None
    for wanted in map(_each_once, query.alternatives()):
        selection = _select(claims, wanted)
        if selection.answered:
            return selection
        first = first or selection
    return first or Selection()


def _select(claims: Mapping[str, JsonValue], wanted: tuple[ClaimQuery, ...]) -> Selection:
    missing: list[ClaimPath] = []
    unaccepted: list[ClaimPath] = []
    for claim in wanted:
        values = _find(claims, claim.path)
        if not values:
            missing.append(claim.path)
        elif claim.values and not any(claim.accepts(value) for value in values):
            unaccepted.append(claim.path)
    return Selection(wanted, tuple(missing), tuple(unaccepted))


def _each_once(wanted: tuple[ClaimQuery, ...]) -> tuple[ClaimQuery, ...]:
    """Return a set of claims without those that point where an earlier one does (6.1)."""
    by_path: dict[ClaimPath, ClaimQuery] = {}
    for claim in wanted:
        by_path.setdefault(claim.path, claim)
    return tuple(by_path.values())


def _find(claims: Mapping[str, JsonValue], path: ClaimPath) -> list[JsonValue]:
    # Most queries ask for claims at the top by name: that needs no walk.
    name = path[0]
    if isinstance(name, str) and len(path) == 1:
        return [claims[name]] if name in claims else []
    found: list[JsonValue] = [dict(claims)]
    for step in path:
        found = _step(found, step)
    return found


def _step(selected: list[JsonValue], step: Step) -> list[JsonValue]:
    """Return what a step leads to; nothing once one of the selected is of another kind (7.1.1)."""
    if isinstance(step, str):
        if not all(isinstance(value, dict) for value in selected):
            return []
        return [value[step] for value in selected if isinstance(value, dict) and step in value]
    if not all(isinstance(value, list) for value in selected):
        return []
    arrays = [value for value in selected if isinstance(value, list)]
    if step is None:
        return [item for array in arrays for item in array]
    return [array[step] for array in arrays if step < len(array)]


def keep_only(claims: Mapping[str, JsonValue], paths: Iterable[tuple[Step, ...]]) -> JsonObject:
    """Return the claims without anything that no path leads to."""
    wanted = tuple(paths)
    if all(len(path) == 1 for path in wanted):
        names = {path[0] for path in wanted}
        return {name: value for name, value in claims.items() if name in names}
    kept = _keep(dict(claims), wanted)
    return kept if isinstance(kept, dict) else {}


_NOTHING: Final = object()


def _keep(value: JsonValue, paths: tuple[tuple[Step, ...], ...]) -> JsonValue | object:
    if () in paths:
        return value
    if isinstance(value, dict):
        members: JsonObject = {}
        for name, member in value.items():
            kept = _keep(member, tuple(path[1:] for path in paths if path[0] == name))
            if kept is not _NOTHING:
                members[name] = kept  # type: ignore[assignment]  # it is not the mark
        return members or _NOTHING
    if isinstance(value, list):
        elements = [
            _keep(item, tuple(path[1:] for path in paths if path[0] is None or path[0] == place))
            for place, item in enumerate(value)
        ]
        return [item for item in elements if item is not _NOTHING] or _NOTHING
    return _NOTHING
