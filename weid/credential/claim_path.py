"""Claim paths: where in a credential a claim stands, as a tuple and as text for people.

The tuple is the claims path pointer of OpenID4VP 1.0 section 7 and of SD-JWT VC type metadata; the
text joins names by dots and writes [2] for an index, [] for every element and a backslash before
a dot, bracket or backslash that belongs to a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

from weid import limits
from weid.encoding import JsonValue
from weid.errors import MalformedError

Step: TypeAlias = str | int | None
"""A member name, the index of an element, or None for every element of an array."""

_MAX_CHARS: Final = 1024
_SPECIAL: Final = re.compile(r"([.\[\]\\])")
_TOKEN: Final = re.compile(r"((?:[^.\[\]\\]|\\[.\[\]\\])+)|\[([0-9]{0,9})\]|(\.)")


class ClaimPath(tuple[Step, ...]):
    """A path to a claim, equal to the plain tuple of its steps; `str()` is its text."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> ClaimPath:
        """Read the text of a path, such as `address.city`, `degrees[0]` or `degrees[].name`.

        Raises:
            MalformedError: not a path, or longer than anybody needs.
        """
        if not text or len(text) > _MAX_CHARS:
            raise MalformedError("the claim path is empty or too long")
        steps: list[Step] = []
        position = 0
        name_next = True
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise MalformedError(f"the claim path is not one at character {position}")
            name, index, dot = match.groups()
            # A name follows the start or a dot; a bracket or a dot follows a step.
            if name_next != (name is not None) and not (index is not None and position == 0):
                raise MalformedError(f"the claim path is not one at character {position}")
            name_next = dot is not None
            if name is not None:
                steps.append(re.sub(r"\\(.)", r"\1", name))
            elif index is not None:
                steps.append(int(index) if index else None)
            position = match.end()
        if name_next:
            raise MalformedError("the claim path ends with a dot")
        return cls(steps)

    @classmethod
    def from_json(cls, value: JsonValue, *, what: str) -> ClaimPath:
        """Read a path as type metadata and queries write it: an array that is not empty.

        Raises:
            MalformedError: another value, a negative index, or too many steps.
        """
        if not isinstance(value, list) or not 0 < len(value) <= limits.JSON_DEPTH:
            raise MalformedError(f"{what} is not an array of 1 to {limits.JSON_DEPTH} steps")
        steps: list[Step] = []
        for step in value:
            if isinstance(step, bool | float | list | dict) or (isinstance(step, int) and step < 0):
                raise MalformedError(f"{what} has a step that is no name, index or null")
            steps.append(step)
        return cls(steps)

    def to_json(self) -> list[JsonValue]:
        """Return the path as a JSON array."""
        return list(self)

    def is_within(self, other: tuple[Step, ...]) -> bool:
        """Return whether this path is that one or leads further below it; None meets any index."""
        return len(self) >= len(other) and all(
            mine == theirs or (theirs is None and isinstance(mine, int))
            for mine, theirs in zip(self, other, strict=False)
        )

    def __str__(self) -> str:
        text = ""
        for step in self:
            if isinstance(step, str):
                name = _SPECIAL.sub(r"\\\1", step)
                text += f".{name}" if text else name
            else:
                text += "[]" if step is None else f"[{step}]"
        return text


def as_path(path: str | Iterable[Step]) -> ClaimPath:
    """Return a path given as text (parsed) or as steps (taken as they are)."""
    if isinstance(path, ClaimPath):
        return path
    return ClaimPath.parse(path) if isinstance(path, str) else ClaimPath(path)


class PathTree(dict[Step, "PathTree"]):
    """Paths sorted into a tree by their steps; `ends` says that one of them ends here."""

    __slots__ = ("ends",)

    def __init__(self) -> None:
        super().__init__()
        self.ends = False

    def at_index(self, index: int) -> PathTree | None:
        """Return what the paths say of one array element: by its index, by None, or by both."""
        here, every = self.get(index), self.get(None)
        if here is None or every is None:
            return every if here is None else here
        return _merged(here, every)


def _merged(one: PathTree, other: PathTree) -> PathTree:
    both = PathTree()
    both.ends = one.ends or other.ends
    both.update(other)
    for step, branch in one.items():
        both[step] = _merged(branch, other[step]) if step in other else branch
    return both


@lru_cache(maxsize=1024)
def path_tree(paths: tuple[ClaimPath, ...]) -> PathTree:
    """Return the tree of paths, not to be altered: the same paths give the same tree at once."""
    root = PathTree()
    for path in paths:
        branch = root
        for step in path:
            branch = branch.setdefault(step, PathTree())
        branch.ends = True
    return root


def has_value(claims: JsonValue, path: tuple[Step, ...]) -> bool:
    """Return whether something stands at a path; for None, whether it does in any element."""
    value = claims
    for place, step in enumerate(path):
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return False
            value = value[step]
        elif not isinstance(value, list):
            return False
        elif step is None:
            return any(has_value(item, path[place + 1 :]) for item in value)
        elif step >= len(value):
            return False
        else:
            value = value[step]
    return True
