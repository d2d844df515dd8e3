"""HTTP Message Signatures (RFC 9421) with Ed25519 over a body's digest (RFC 9530).

One fixed set of components is signed and taken; everything else is refused, so that no part of a
request that matters is left out because its sender did not name it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weid.crypto.keys import KeyKind, PublicKey
from weid.crypto.signer import Signer
from weid.errors import InvalidSignatureError, MalformedError, UnsupportedAlgorithmError

LABEL: Final = "weid"
"""The name of our signature among those that a request may carry."""
COMPONENTS: Final = ("@method", "@target-uri", "content-digest", "content-type")
"""What is signed beside `created` and `keyid`, in this order."""
FUTURE: Final = 60
"""Seconds that a sender's clock may go before ours."""

_INPUT: Final = re.compile(
    LABEL
    + r"=(?P<params>\("
    + " ".join(f'"{name}"' for name in COMPONENTS)
    + r'\);created=(?P<created>0|[1-9][0-9]{0,11});keyid="(?P<key>[A-Za-z0-9_-]{1,64})"'
    + r';alg="ed25519")'
)
_SIGNATURE: Final = re.compile(LABEL + r"=:([A-Za-z0-9+/=]{1,128}):")
_VALUE: Final = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is signed of a request; `target_uri` is the whole URL that it is sent to."""

    method: str
    target_uri: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpSignature:
    """A signature that holds: by which key (its `keyid`), and when it was made (seconds)."""

    key_id: str
    created: int


def content_digest(body: bytes) -> str:
    """Return the value of Content-Digest (RFC 9530) with SHA-256."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode('ascii')}:"


def signature_base(components: Sequence[tuple[str, str]], params: str) -> bytes:
    """Return what is signed (RFC 9421 clause 2.5).

    `components` are names and values in order, each name in lower case; `params` is the value of
    `@signature-params`.

    Raises:
        MalformedError: a value has a character that a header cannot have, or a name comes twice.
    """
    names = [name for name, _ in components]
    if len(set(names)) != len(names):
        raise MalformedError("a component of an HTTP signature is named twice")
    for name, value in (*components, ("@signature-params", params)):
        if _VALUE.fullmatch(value) is None:
            raise MalformedError(f"the component {name} of an HTTP signature is not plain text")
    lines = [f'"{name}": {value}' for name, value in components]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode("ascii")


def sign_request(request: HttpRequest, signer: Signer, *, created: int) -> dict[str, str]:
    """Return the headers that sign a request: Content-Digest, Signature-Input, Signature.

    The key is named by its JWK thumbprint (RFC 7638). `created` is in seconds.

    Raises:
        UnsupportedAlgorithmError: the signer's key is not an Ed25519 key.
    """
    key = signer.public_key
    _require_ed25519(key)
    names = " ".join(f'"{name}"' for name in COMPONENTS)
    params = f'({names});created={created};keyid="{key.thumbprint()}";alg="ed25519"'
    digest = content_digest(request.body)
    signature = signer.sign(signature_base(_components(request, digest), params))
    return {
        "Content-Digest": digest,
        "Signature-Input": f"{LABEL}={params}",
        "Signature": f"{LABEL}=:{base64.b64encode(signature).decode('ascii')}:",
    }


def verify_request(
    request: HttpRequest,
    headers: Mapping[str, str],
    *,
    keys: Mapping[str, PublicKey],
    now: int,
    max_age: int,
) -> HttpSignature:
    """Verify the signature of a request; `headers` are by lower-case name.

    `keys` are the trusted ones by key id. A signature is taken until `max_age` seconds after it
    was made.

    Raises:
        MalformedError: a header is missing or of another form than `sign_request` writes.
        InvalidSignatureError: another body, an unknown key, too old, or it does not verify.
    """
    stated = _INPUT.fullmatch(_header(headers, "signature-input"))
    signed = _SIGNATURE.fullmatch(_header(headers, "signature"))
    if stated is None or signed is None:
        raise MalformedError("the HTTP signature is not of the form that is taken here")
    digest = content_digest(request.body)
    if _header(headers, "content-digest") != digest:
        raise InvalidSignatureError("the body is not the one that Content-Digest is of")
    key = keys.get(stated["key"])
    if key is None:
        raise InvalidSignatureError("the HTTP signature is by a key that is not trusted here")
    _require_ed25519(key)
    created = int(stated["created"])
    if not now - max_age <= created <= now + FUTURE:
        raise InvalidSignatureError(
            "the HTTP signature is too old, or of a time that has not come",
            hint="look at both machines' clocks",
        )
    base = signature_base(_components(request, digest), stated["params"])
    key.verify(_octets(signed[1]), base)
    return HttpSignature(stated["key"], created)


def _components(request: HttpRequest, digest: str) -> list[tuple[str, str]]:
    values = (request.method, request.target_uri, digest, request.content_type)
    return list(zip(COMPONENTS, values, strict=True))


def _require_ed25519(key: PublicKey) -> None:
    if key.kind is not KeyKind.ED25519:
        raise UnsupportedAlgorithmError("HTTP requests are signed with Ed25519 here")


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if value is None:
        raise MalformedError(f"the request has no header {name}")
    return value


def _octets(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if base64.b64encode(data).decode("ascii") != text:
        raise MalformedError("the HTTP signature is not base64")
    return data
