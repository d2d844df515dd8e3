"""SD-JWT in its compact form (RFC 9901 section 4): read, issue, and choose what to disclose.

The generic layer: any `typ`, any claims. What a credential of ours must say stands in
`weid.credential.credential`; how disclosures become claims, in `reconstruction`.
Clauses CP-01 … CP-03 of specs/credential-profile.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from weid import limits
from weid.credential.claim_path import (
    ClaimPath,
    PathTree,
    Step,
    as_path,
    has_value,
    path_tree,
)
from weid.credential.concealment import conceal
from weid.credential.disclosure import (
    ALGORITHM_MEMBER,
    DIGESTS_MEMBER,
    HASH_NAME,
    Disclosure,
    disclosure_digests,
    parse_disclosures,
)
from weid.credential.reconstruction import Reconstruction, holds_reserved, reconstruct_claims
from weid.crypto.jws import ParsedJws, create_jws, parse_jws
from weid.crypto.keys import RandomBytes
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, JsonValue, json_dumps, json_loads_object
from weid.errors import CannotDiscloseError, MalformedError

__all__ = ["Reconstruction", "SdJwt", "choose", "issue_sd_jwt", "reconstruct"]

DECOYS: Final = 3
"""Most decoy digests at each object of a credential that we issue; the number is drawn."""


@dataclass(frozen=True, slots=True)
class SdJwt:
    """An SD-JWT whose form is right and of which nothing is verified yet.

    `disclosures` are texts in the order in which they came; `key_binding` is the KB-JWT's text,
    None where there is none. `text` is the whole, and `bound_text` the part before the KB-JWT.
    """

    text: str = field(repr=False)
    issuer_jws: ParsedJws = field(repr=False)
    disclosures: tuple[str, ...] = field(repr=False)
    key_binding: str | None = field(repr=False)
    _payload: JsonObject = field(repr=False, compare=False)
    _parsed: list[Disclosure] | None = field(default=None, init=False, repr=False, compare=False)
    _reconstruction: Reconstruction | None = field(
        default=None, init=False, repr=False, compare=False
    )

    @classmethod
    def parse(cls, text: str) -> SdJwt:
        """Read an SD-JWT or SD-JWT+KB.

        Raises:
            MalformedError: too large, no tilde, an empty disclosure, too many of them, or an
                issuer-signed JWT that is not strict.
            UnsupportedAlgorithmError: its `alg` is neither EdDSA nor ES256.
        """
        if len(text) > limits.PRESENTATION_BYTES:
            raise MalformedError(f"the SD-JWT is larger than {limits.PRESENTATION_BYTES} bytes")
        if not text.isascii():
            raise MalformedError("the SD-JWT has a character that is not ASCII")
        first, *disclosures = text.split("~")
        if not disclosures:
            raise MalformedError("the SD-JWT has no tilde: it is a plain JWT, or cut off")
        key_binding = disclosures.pop() or None
        if len(disclosures) > limits.DISCLOSURES:
            raise MalformedError(f"there are more than {limits.DISCLOSURES} disclosures")
        if "" in disclosures:
            raise MalformedError("a disclosure is empty")
        what = "the issuer-signed JWT"
        jws = parse_jws(first, what=what, max_bytes=limits.PRESENTATION_BYTES, any_kid=True)
        payload = json_loads_object(jws.payload, what=f"the payload of {what}")
        return cls(text, jws, tuple(disclosures), key_binding, payload)

    @property
    def bound_text(self) -> str:
        """The text up to and including the last tilde: what a key binding covers."""
        return self.text[: -len(self.key_binding)] if self.key_binding else self.text

    def payload(self) -> JsonObject:
        """Return the issuer-signed payload with its digests; not to be altered."""
        return self._payload

    def parsed_disclosures(self) -> list[Disclosure]:
        """Return name and value of each disclosure, read once; not to be altered.

        Raises:
            MalformedError: one is not of the right form.
        """
        parsed = self._parsed
        if parsed is None:
            parsed = parse_disclosures(self.disclosures)
            object.__setattr__(self, "_parsed", parsed)
        return parsed


def reconstruct(sd_jwt: SdJwt) -> Reconstruction:
    """Return the claims that an SD-JWT discloses; made once for each value, as nothing changes.

    Raises:
        MalformedError: with which rule of RFC 9901 section 7.1 is broken.
    """
    made = sd_jwt._reconstruction  # noqa: SLF001 - this is the value's own function
    if made is None:
        made = reconstruct_claims(sd_jwt.payload(), sd_jwt.disclosures, sd_jwt.parsed_disclosures())
        object.__setattr__(sd_jwt, "_reconstruction", made)
    return made


def issue_sd_jwt(  # noqa: PLR0913 - what an issuer decides, each named
    payload: JsonObject,
    *,
    disclosable: Iterable[ClaimPath | str],
    signer: Signer,
    typ: str,
    kid: str | None = None,
    x5c: list[JsonValue] | None = None,
    random: RandomBytes = secrets.token_bytes,
    decoys: int = DECOYS,
) -> str:
    """Sign a payload as an SD-JWT in which the claims at `disclosable` can be withheld.

    A path with None withholds every element of an array by itself; a path below another
    disclosable one can be withheld while its parent is shown. `x5c` is a certificate chain for the
    header, in the place of `kid`.

    Raises:
        MalformedError: a path leads to nothing, a claim has a reserved name, or a limit.
    """
    paths = tuple([as_path(path) for path in disclosable])
    concealed, disclosures = conceal(payload, path_tree(paths), random=random, decoys=decoys)
    if len(disclosures) != len(paths):
        _refuse_missing(payload, paths)
    if disclosures:
        concealed[ALGORITHM_MEMBER] = HASH_NAME
    header: JsonObject = {"typ": typ} if kid is None else {"typ": typ, "kid": kid}
    if x5c is not None:
        header["x5c"] = x5c
    jws = create_jws(header, json_dumps(concealed), signer)
    return "~".join([jws, *disclosures, ""])


def _refuse_missing(payload: JsonObject, paths: tuple[ClaimPath, ...]) -> None:
    for path in paths:
        if not has_value(payload, path):
            raise MalformedError(f"there is no claim {path} to withhold")


def choose(sd_jwt: SdJwt, paths: Iterable[ClaimPath | tuple[Step, ...] | str]) -> str:
    """Return the SD-JWT with only the disclosures that the claims at `paths` need.

    What stands above a claim comes with it, and so does everything inside it. A claim that is
    always disclosed needs nothing.

    Of a credential that nobody has reconstructed yet, members at the top are chosen without that:
    whether the rest of it keeps the rules was for whoever took it in.

    Raises:
        CannotDiscloseError: the credential has no claim at a path.
        MalformedError: the disclosures that are looked at break a rule.
    """
    wanted = tuple([as_path(path) for path in paths])
    chosen = _choose_members(sd_jwt, wanted) if sd_jwt._reconstruction is None else None  # noqa: SLF001
    if chosen is None:
        chosen = _choose_by_place(sd_jwt, wanted)
    return "~".join([sd_jwt.issuer_jws.text, *chosen, ""])


def _choose_members(sd_jwt: SdJwt, wanted: tuple[ClaimPath, ...]) -> list[str] | None:
    """Return the disclosures of members at the top; None unless nothing else needs a look.

    Each of them must be the only one of its name, hold nothing that is withheld in turn, and
    belong to a digest at the top: a member of the same name further down has its own.
    """
    names = {path[0] for path in wanted if len(path) == 1 and isinstance(path[0], str)}
    payload = sd_jwt.payload()
    digests = payload.get(DIGESTS_MEMBER)
    if len(names) != len(wanted) or not isinstance(digests, list):
        return None
    if payload.get(ALGORITHM_MEMBER, HASH_NAME) != HASH_NAME or not names.isdisjoint(payload):
        return None
    chosen: dict[str, str] = {}
    for text, (name, value) in zip(sd_jwt.disclosures, sd_jwt.parsed_disclosures(), strict=True):
        if name in names:
            if name in chosen or (isinstance(value, dict | list) and holds_reserved(value)):
                return None
            chosen[name] = text
    texts = list(chosen.values())
    if len(texts) != len(names) or not all(map(digests.__contains__, disclosure_digests(texts))):
        return None
    return texts


def _choose_by_place(sd_jwt: SdJwt, wanted: tuple[ClaimPath, ...]) -> list[str]:
    """Return the disclosures of whatever stands at, above or below the paths."""
    reconstruction = reconstruct(sd_jwt)
    for path in wanted:
        if not has_value(reconstruction.claims, path):
            raise CannotDiscloseError(f"the credential has no claim {path}")
    tree = path_tree(wanted)
    return [
        text
        for text, here in zip(sd_jwt.disclosures, reconstruction.places, strict=True)
        if _is_needed(here, tree)
    ]


def _is_needed(path: tuple[Step, ...], tree: PathTree) -> bool:
    """Return whether what stands at a path is wanted, lies inside or holds what is wanted."""
    for place, step in enumerate(path):
        if tree.ends:
            return True
        if isinstance(step, int) and None in tree and _is_needed(path[place + 1 :], tree[None]):
            return True
        if step not in tree:
            return False
        tree = tree[step]
    return True
