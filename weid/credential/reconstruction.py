"""From a signed payload and its disclosures to claims (RFC 9901 section 7.1).

One walk over payload and disclosures, linear in their size. Every digest may stand once, every
disclosure must be used once, and nothing that a disclosure says can replace what is said plainly.
Clauses CP-10 … CP-16 of specs/credential-profile.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from weid import limits
from weid.credential.claim_path import ClaimPath, Step
from weid.credential.disclosure import (
    ALGORITHM_MEMBER,
    DIGESTS_MEMBER,
    ELEMENT_MEMBER,
    HASH_NAME,
    RESERVED_NAMES,
    Disclosure,
    disclosure_digests,
    parse_disclosures,
)
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError

_NESTED: Final = (dict, list)
_TEXT_ALONE: Final = frozenset({str})


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """What a payload says once its disclosures are put in.

    `claims` have no digest and no `_sd_alg` any more; parts of them are the payload's own and not
    to be altered. `places` say of each disclosure, in the order given, where its claim stands in
    `claims` (an index counts the elements that are shown). `withheld` counts the digests without
    a disclosure: claims kept back and decoys alike.
    """

    claims: JsonObject = field(repr=False)
    places: tuple[tuple[Step, ...], ...]
    withheld: int

    @property
    def paths(self) -> tuple[ClaimPath, ...]:
        """The places as paths, in the order of the disclosures."""
        return tuple(ClaimPath(place) for place in self.places)

    @property
    def disclosed(self) -> frozenset[ClaimPath]:
        """The paths of all claims that came in disclosures."""
        return frozenset(self.paths)


def reconstruct_claims(
    payload: JsonObject,
    disclosures: Sequence[str],
    parsed: Sequence[Disclosure] | None = None,
) -> Reconstruction:
    """Put disclosures into a payload; the payload is not altered.

    `parsed` are the same disclosures as `parse_disclosures` returns them, where somebody has them.

    Raises:
        MalformedError: with which rule of section 7.1 is broken, or a limit.
    """
    if len(disclosures) > limits.DISCLOSURES:
        raise MalformedError(f"there are more than {limits.DISCLOSURES} disclosures")
    if payload.get(ALGORITHM_MEMBER, HASH_NAME) != HASH_NAME:
        raise MalformedError(f"_sd_alg is not {HASH_NAME}")
    walk = _Walk(disclosures, parsed)
    claims = walk.members(payload, ())
    return walk.result(claims)


class _Walk:
    """The state of one walk: which digests were met, and which disclosures wait for theirs.

    Disclosures go by their number in the order given.
    """

    __slots__ = ("_given", "_met", "_places", "_waiting")

    def __init__(self, disclosures: Sequence[str], parsed: Sequence[Disclosure] | None) -> None:
        digests = disclosure_digests(disclosures)
        self._waiting: dict[JsonValue, int] = {
            digest: number for number, digest in enumerate(digests)
        }
        if len(self._waiting) != len(disclosures):
            raise MalformedError("a disclosure is there twice")
        self._given = parse_disclosures(disclosures) if parsed is None else parsed
        self._met: list[JsonValue] = []
        self._places: list[tuple[Step, ...]] = [()] * len(disclosures)

    def result(self, claims: JsonObject) -> Reconstruction:
        # One count at the end stands for a look at each digest: the first copy took the disclosure.
        if len(set(self._met)) != len(self._met):
            raise MalformedError("a digest stands twice in the credential")
        if self._waiting:
            raise MalformedError("a disclosure belongs to no digest of the credential")
        return Reconstruction(claims, tuple(self._places), len(self._met) - len(self._places))

    def members(self, source: JsonObject, here: tuple[Step, ...]) -> JsonObject:
        """Return an object with its disclosed members put in."""
        claims = source.copy()
        digests = claims.pop(DIGESTS_MEMBER, [])
        if ELEMENT_MEMBER in claims:
            raise MalformedError("the member '...' stands outside an array")
        if ALGORITHM_MEMBER in claims:
            if here:
                raise MalformedError("_sd_alg stands below the top of the payload")
            del claims[ALGORITHM_MEMBER]
        for name, value in claims.items():
            if isinstance(value, _NESTED) and holds_reserved(value):
                claims[name] = self._inside(value, (*here, name))
        if not isinstance(digests, list):
            raise MalformedError("_sd is not an array")
        for number in self._take(digests):
            added, content = self._given[number]
            if added is None:
                raise MalformedError("the disclosure of an array element is used for a member")
            if added in claims:
                raise MalformedError("a disclosure has the name of a claim that is there already")
            self._places[number] = place = (*here, added)
            is_nested = isinstance(content, _NESTED)
            claims[added] = self._inside(content, place) if is_nested else content
        return claims

    def _elements(self, source: list[JsonValue], here: tuple[Step, ...]) -> list[JsonValue]:
        """Return an array with its disclosed elements put in and the withheld ones left out."""
        elements: list[JsonValue] = []
        for item in source:
            place = (*here, len(elements))
            if not isinstance(item, dict) or ELEMENT_MEMBER not in item:
                elements.append(self._inside(item, place))
                continue
            if len(item) != 1:
                raise MalformedError("the member '...' does not stand alone in its object")
            for number in self._take([item[ELEMENT_MEMBER]]):
                name, value = self._given[number]
                if name is not None:
                    raise MalformedError("the disclosure of a member is used for an array element")
                self._places[number] = place
                elements.append(self._inside(value, place))
        return elements

    def _inside(self, value: JsonValue, here: tuple[Step, ...]) -> JsonValue:
        if not isinstance(value, _NESTED) or not holds_reserved(value):
            return value
        if len(here) >= limits.JSON_DEPTH:
            raise MalformedError(f"claims are withheld deeper than {limits.JSON_DEPTH} levels")
        return self.members(value, here) if isinstance(value, dict) else self._elements(value, here)

    def _take(self, digests: list[JsonValue]) -> list[int]:
        """Note digests; return the disclosures that they are of, where they wait for them."""
        if not _TEXT_ALONE.issuperset(map(type, digests)):
            raise MalformedError("a digest is not text")
        self._met += digests
        if len(self._met) > limits.DIGESTS:
            raise MalformedError(f"there are more than {limits.DIGESTS} digests")
        waiting = self._waiting
        return [waiting.pop(digest) for digest in digests if digest in waiting]


def holds_reserved(value: dict[str, JsonValue] | list[JsonValue]) -> bool:
    """Return whether a member with a reserved name stands anywhere inside a value."""
    if isinstance(value, dict):
        if not RESERVED_NAMES.isdisjoint(value):
            return True
        value = list(value.values())
    for item in value:  # noqa: SIM110 - a generator costs twice as much, here where it counts
        if isinstance(item, _NESTED) and holds_reserved(item):
            return True
    return False


def find_values(claims: JsonValue, path: Sequence[Step]) -> Iterator[JsonValue]:
    """Yield every value at a path (OpenID4VP section 7.1); none where nothing stands there."""
    if not path:
        yield claims
        return
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        if isinstance(claims, dict) and step in claims:
            yield from find_values(claims[step], rest)
    elif isinstance(claims, list):
        chosen: list[JsonValue] = claims if step is None else claims[step : step + 1]
        for item in chosen:
            yield from find_values(item, rest)
