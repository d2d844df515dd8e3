"""Posts to one server's endpoints, each with a DPoP proof where wanted (RFC 9449)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from weid import limits
from weid.clock import Clock
from weid.crypto.keys import RandomBytes
from weid.crypto.signer import Signer
from weid.encoding import base64url_encode, json_loads_object
from weid.errors import MalformedError
from weid.oauth.dpop import NEEDS_NONCE, create_dpop_proof
from weid.transport import HttpReply, HttpTransport

_JTI_BYTES: Final = 16
_NONCE_HEADER: Final = "dpop-nonce"
_NONCE: Final = re.compile(r"[\x21-\x7e]{1,512}\Z")


@dataclass(frozen=True, slots=True)
class DpopSender:
    """Sends the requests of one wallet to one issuer.

    `signer` signs the proofs with a key that is used nowhere else; None sends none. A nonce that a
    server hands out is kept for its next request (section 8.2).
    """

    transport: HttpTransport
    clock: Clock
    random: RandomBytes
    signer: Signer | None = field(default=None, repr=False)
    nonces: dict[str, str] = field(default_factory=dict, repr=False)

    def post(  # noqa: PLR0913 - the parts of a request
        self,
        url: str,
        body: bytes,
        *,
        content_type: str,
        accept: str,
        access_token: str | None = None,
        max_bytes: int = limits.FETCH_BYTES,
        further: Callable[[], Mapping[str, str]] = dict,
    ) -> HttpReply:
        """Post to an endpoint; a server that wants a (fresh) nonce is asked once more with it.

        `further` makes more headers, anew for each time that it is asked.

        Raises:
            TransportError: the address is refused or does not answer.
        """

        def send() -> HttpReply:
            reply = self.transport.post(
                url,
                body,
                content_type=content_type,
                accept=accept,
                headers={**self._headers(url, access_token), **further()},
                max_bytes=max_bytes,
                timeout=limits.EXCHANGE_SECONDS,
            )
            self._learn(url, reply)
            return reply

        reply = send()
        return send() if self.signer is not None and _wants_nonce(reply) else reply

    def _headers(self, url: str, access_token: str | None) -> Mapping[str, str]:
        headers: dict[str, str] = {}
        if access_token is not None:
            scheme = "Bearer" if self.signer is None else "DPoP"
            headers["Authorization"] = f"{scheme} {access_token}"
        if self.signer is not None:
            headers["DPoP"] = create_dpop_proof(
                self.signer,
                self.clock,
                method="POST",
                url=url,
                jti=base64url_encode(self.random(_JTI_BYTES)),
                nonce=self.nonces.get(_origin(url)),
                access_token=access_token,
            )
        return headers

    def _learn(self, url: str, reply: HttpReply) -> None:
        nonce = reply.headers.get(_NONCE_HEADER, "")
        if _NONCE.match(nonce):
            self.nonces[_origin(url)] = nonce


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _wants_nonce(reply: HttpReply) -> bool:
    """Return whether a refusal says that only the nonce was wrong, and brings one (section 8)."""
    if reply.status not in (400, 401) or _NONCE_HEADER not in reply.headers:
        return False
    if NEEDS_NONCE in reply.headers.get("www-authenticate", ""):
        return True
    try:
        return json_loads_object(reply.body, what="the refusal").get("error") == NEEDS_NONCE
    except MalformedError:
        return False
