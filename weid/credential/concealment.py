"""From claims to a payload with digests and its disclosures (RFC 9901 sections 4.2 and 5).

Salts are 128 bits each and drawn in one call; digests are sorted, so that their order says nothing;
decoys vary in number, so that their count says nothing.
Clauses CP-17 … CP-19 of specs/credential-profile.md.
"""

from __future__ import annotations

from typing import Final

from weid import limits
from weid.credential.claim_path import PathTree
from weid.credential.disclosure import (
    DIGEST_BYTES,
    DIGESTS_MEMBER,
    ELEMENT_MEMBER,
    RESERVED_NAMES,
    SALT_BYTES,
    disclosure_digests,
)
from weid.crypto.keys import RandomBytes
from weid.encoding import (
    JsonObject,
    JsonValue,
    base64url_encode,
    base64url_encode_each,
    json_dumps_each,
)
from weid.errors import MalformedError

_CHOICE_BYTES: Final = 4
"""Random bytes that choose the number of decoys: among 256 numbers the bias is nothing."""
_MOST_DECOYS: Final = 255
_NESTED: Final = (dict, list)


def conceal(
    claims: JsonObject, tree: PathTree, *, random: RandomBytes, decoys: int
) -> tuple[JsonObject, list[str]]:
    """Return the payload with digests in place of what is withheld, and the disclosures.

    Paths of the tree that lead to nothing are passed over. At each object that gets digests, from
    0 up to `decoys` further ones (at most 255) belong to nothing.

    Raises:
        MalformedError: a reserved member name, more disclosures than a verifier takes, or claims
            that are nested without end.
    """
    if not 0 <= decoys <= _MOST_DECOYS:
        raise MalformedError(f"decoys are not a number from 0 to {_MOST_DECOYS}")
    work = _Concealment(random, decoys)
    try:
        payload = work.members(claims, tree)
    except RecursionError:
        raise MalformedError("the claims are nested too deep") from None
    if len(work.disclosures) > limits.DISCLOSURES:
        raise MalformedError(f"more than {limits.DISCLOSURES} claims are to be withheld")
    return payload, work.disclosures


class _Concealment:
    __slots__ = ("_decoys", "_random", "disclosures")

    def __init__(self, random: RandomBytes, decoys: int) -> None:
        self._random = random
        self._decoys = decoys
        self.disclosures: list[str] = []

    def members(self, source: JsonObject, tree: PathTree) -> JsonObject:
        if not RESERVED_NAMES.isdisjoint(source):
            raise MalformedError("a claim has a reserved name")
        payload = source.copy()
        withheld: list[list[JsonValue]] = []
        for name, branch in tree.items():
            if branch.ends and isinstance(name, str) and name in payload:
                value = payload.pop(name)
                if isinstance(value, _NESTED):
                    value = self._inside(value, branch)
                withheld.append([name, value])
        for name, value in payload.items():
            if isinstance(value, _NESTED):
                payload[name] = self._inside(value, tree.get(name))
        if withheld:
            digests = self._withhold(withheld, self._decoys)
            digests.sort()
            payload[DIGESTS_MEMBER] = list(digests)
        return payload

    def _elements(self, source: list[JsonValue], tree: PathTree) -> list[JsonValue]:
        payload: list[JsonValue] = []
        for index, value in enumerate(source):
            branch = tree.at_index(index)
            inner = self._inside(value, branch)
            if branch is None or not branch.ends:
                payload.append(inner)
            else:
                (digest,) = self._withhold([[inner]], 0)
                payload.append({ELEMENT_MEMBER: digest})
        return payload

    def _inside(self, value: JsonValue, tree: PathTree | None) -> JsonValue:
        if not isinstance(value, _NESTED):
            return value
        if not tree:
            _refuse_reserved(value)
            return value
        return self.members(value, tree) if isinstance(value, dict) else self._elements(value, tree)

    def _withhold(self, withheld: list[list[JsonValue]], decoys: int) -> list[str]:
        """Make a disclosure of each [name, value] or [value]; return their digests and decoys."""
        salt_bytes = SALT_BYTES * len(withheld)
        drawn = self._random(salt_bytes + _CHOICE_BYTES + DIGEST_BYTES * decoys)
        salts = base64url_encode_each(_split(drawn[:salt_bytes], SALT_BYTES), length=SALT_BYTES)
        salted: list[JsonValue] = [
            [salt, *rest] for salt, rest in zip(salts, withheld, strict=True)
        ]
        texts = list(map(base64url_encode, json_dumps_each(salted)))
        self.disclosures += texts
        digests = disclosure_digests(texts)
        if decoys:
            choice, rest = drawn[salt_bytes:][:_CHOICE_BYTES], drawn[salt_bytes + _CHOICE_BYTES :]
            count = int.from_bytes(choice, "big") % (decoys + 1)
            random_digests = _split(rest[: DIGEST_BYTES * count], DIGEST_BYTES)
            digests += base64url_encode_each(random_digests, length=DIGEST_BYTES)
        return digests


def _split(data: bytes, length: int) -> list[bytes]:
    """Return the parts of that length."""
    return [data[at : at + length] for at in range(0, len(data), length)]


def _refuse_reserved(value: dict[str, JsonValue] | list[JsonValue]) -> None:
    if isinstance(value, dict):
        if not RESERVED_NAMES.isdisjoint(value):
            raise MalformedError("a claim inside another has a reserved name")
        value = list(value.values())
    for item in value:
        if isinstance(item, _NESTED):
            _refuse_reserved(item)
