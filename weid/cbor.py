"""Deterministic CBOR (RFC 8949 clause 4.2.1): one spelling for each value, read strictly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import cbor2

from weid import limits
from weid.errors import MalformedError

CborValue: TypeAlias = (
    "list[CborValue] | dict[str, CborValue] | dict[int, CborValue]"
    " | str | bytes | int | bool | None"
)


def cbor_encode(value: CborValue) -> bytes:
    """Return the deterministic CBOR of a value (RFC 8949 clause 4.2.1).

    The value is an array, or a map whose keys are all text or all unsigned integers; no floats,
    no tags. For such keys cbor2's length-first order and the byte-wise order are the same.
    """
    return cbor2.dumps(value, canonical=True)


def cbor_decode(
    data: bytes, *, what: str, max_bytes: int, max_depth: int = limits.CBOR_DEPTH
) -> CborValue:
    """Read one deterministic CBOR value; `what` names it in errors.

    Raises:
        MalformedError: too large or deep, a float, tag or undefined value, mixed or repeated map
            keys, bytes after the value, or any spelling but the deterministic one.
    """
    if len(data) > max_bytes:
        raise MalformedError(f"{what} is larger than {max_bytes} bytes")
    try:
        # Bytes after the value show when it is written again.
        value: CborValue = cbor2.loads(data, tag_hook=_no_tag, semantic_decoders=_NO_TAGS)
        _check_items((value,), what, max_depth)
        again = cbor2.dumps(value, canonical=True)
    except MalformedError:
        raise
    except (cbor2.CBORError, ValueError, TypeError, RecursionError, MemoryError, OverflowError):
        raise MalformedError(f"{what} is not CBOR") from None
    if again != data:
        raise MalformedError(f"{what} is not in its deterministic spelling")
    return value


def _no_tag(*_: object) -> object:
    raise ValueError("tag")


class _EveryTag(dict[int, Any]):
    """Stands for a mapping that has every tag.

    The reader would act on tags that it knows before anybody could refuse them: share values
    without bound (28, 29), compile a stranger's regular expression (35), read a date.
    """

    def __contains__(self, tag: object) -> bool:
        return True

    def __missing__(self, tag: int) -> Any:
        return _no_tag

    def get(self, tag: int, default: Any = None) -> Any:  # noqa: ARG002 - as a dict has it
        return _no_tag


_NO_TAGS: Final = _EveryTag()

_PLAIN: Final = frozenset({str, bytes, bool, type(None)})
_KINDS_OF_KEYS: Final[tuple[set[type], ...]] = (set(), {str}, {int})


def _check_items(items: Iterable[object], what: str, max_depth: int) -> None:
    # Types are compared and not asked of: the reader makes no subclasses, and this runs for every
    # item of every transaction.
    for item in items:
        kind = type(item)
        if kind in _PLAIN:
            continue
        if kind is int:
            if not -(2**63) <= item < 2**64:  # type: ignore[operator]  # an int
                raise MalformedError(f"{what} has an integer past 64 bits")
        elif max_depth == 0:
            raise MalformedError(f"{what} is nested too deep")
        elif kind is list:
            _check_items(item, what, max_depth - 1)  # type: ignore[arg-type]  # a list
        elif kind is dict:
            _check_items(_map_values(item, what), what, max_depth - 1)  # type: ignore[arg-type]
        else:
            raise MalformedError(f"{what} has a value of a kind that we do not use")


def _map_values(value: dict[object, object], what: str) -> Iterable[object]:
    kinds = {type(key) for key in value}
    if kinds not in _KINDS_OF_KEYS or (kinds == {int} and min(value) < 0):  # type: ignore[type-var,operator]
        raise MalformedError(f"{what} has a map whose keys are of other or mixed kinds")
    return value.values()
