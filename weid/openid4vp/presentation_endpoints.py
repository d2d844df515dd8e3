"""The verifier's endpoints of OpenID4VP 1.0, as methods: a request's parts in, a `Reply` out.

Pure over what it is given: identity, verifier, store, clock, randomness. A web application
translates HTTP to these calls and back, and knows nothing else of the protocol.
Clauses PP-39, PP-40, PP-44 … PP-49 and PP-54 … PP-62 of specs/presentation-profile.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from weid.addresses import is_loopback_address
from weid.clock import Clock
from weid.crypto.jwe import KEY_AGREEMENT
from weid.crypto.keys import KeyKind, PrivateKey, RandomBytes
from weid.encoding import JsonObject, base64url_encode, json_loads_object
from weid.errors import MalformedError, ProtocolError
from weid.oauth.form import parse_fields
from weid.oauth.reply import EndpointRequest, Reply, error_reply, json_reply, text_reply
from weid.openid4vp.encryption import encrypt, key_id
from weid.openid4vp.posted import parse_posted
from weid.openid4vp.presentation_answer import Answers, Posted, code_of
from weid.openid4vp.presentation_session import (
    Answered,
    Expired,
    Fetched,
    PresentationSessions,
    Requested,
    Stored,
    hash_secret,
    same,
)
from weid.openid4vp.request import RequestReference, create_request_uri
from weid.openid4vp.request_object import (
    CONTENT_TYPE,
    WALLET_NONCE_CHARS,
    create_request_object,
)
from weid.openid4vp.response import MAX_BYTES
from weid.openid4vp.verifier_identity import VerifierIdentity
from weid.sessions import SessionStore
from weid.verification.client_metadata import (
    ResponseEncryption,
    choose_encryption,
)
from weid.verification.dcql import FORMAT, DcqlQuery
from weid.verification.policy_reference import PolicyReference
from weid.verification.request import PresentationRequest
from weid.verification.stated_purpose import StatedPurpose
from weid.verification.transaction_data import TransactionData
from weid.verifier import Verifier

REQUEST_SECONDS: Final = 300
"""How long a request may be answered unless the caller says else."""
KEEP_SECONDS: Final = 900
"""How long the answer is kept unless the caller says else."""
_SECRET_BYTES: Final = 32
_POST_BYTES: Final = 3 * MAX_BYTES
"""A posted form: an encrypted answer, or one whose every quote is percent-encoded."""
_REQUEST_POST_BYTES: Final = 64 * 1024
Observe: TypeAlias = Callable[[str, str], None]
"""What happened, and the request id: for the verifier's records."""


@dataclass(frozen=True, slots=True)
class NewPresentation:
    """A presentation that was begun.

    `session_id` is for the browser alone, in a cookie; `link` opens a wallet, as a QR code or on
    the same device; `expires_at` seconds.
    """

    session_id: str = field(repr=False)
    request_id: str
    link: str
    expires_at: int


@dataclass(kw_only=True)
class PresentationEndpoints:
    """The endpoints of one verifier.

    `base` is their public URL; below it lie `/requests/{id}` and `/responses/{id}`. `post_requests`
    offers the wallet to fetch the request by POST, with a nonce of its own. Example, in a web
    application::

        endpoints = PresentationEndpoints(
            base="https://verifier.example/openid4vp",
            identity=CertificateIdentity(chain, signer),
            verifier=verifier, sessions=store, clock=SystemClock(),
        )
        # POST /checks: begin; the session id goes into a __Host- cookie, the link into a QR code
        begun = endpoints.begin(DcqlQuery.from_json(query), encrypted=True)
        # GET and POST /openid4vp/requests/<id>, POST /openid4vp/responses/<id>
        reply = endpoints.request_object(request_id)
        reply = endpoints.request_object(request_id, EndpointRequest(body, headers))
        reply = endpoints.response(request_id, EndpointRequest(body, headers))
        # GET /checks/status, from the page, again and again until it is not open any more
        reply = endpoints.status(cookie)
        # GET /checks/result[?response_code=…]: the claims, for the browser that began
        result = endpoints.result(cookie, response_code=code)
        # when the purpose is over: endpoints.forget(cookie); now and then: remove_expired()
    """

    base: str
    identity: VerifierIdentity
    verifier: Verifier
    sessions: SessionStore
    clock: Clock
    random: RandomBytes = secrets.token_bytes
    observe: Observe = lambda _event, _request_id: None
    post_requests: bool = False

    def __post_init__(self) -> None:
        self._kept = PresentationSessions(self.sessions, verifier=self.base)
        self._answers = Answers(self._kept, self.verifier, self.clock, self.observe)

    # --- What the verifier's own people and pages do ----------------------------------------------

    def begin(  # noqa: PLR0913 - each is an option of its own
        self,
        query: DcqlQuery,
        *,
        encrypted: bool = True,
        return_to: str | None = None,
        transactions: tuple[TransactionData, ...] = (),
        policy: PolicyReference | None = None,
        purpose: StatedPurpose | None = None,
        lifetime: int = REQUEST_SECONDS,
        keep_for: int = KEEP_SECONDS,
    ) -> NewPresentation:
        """Begin a presentation; `policy` is the presentation policy that the query compiles from.

        `purpose` is what you say that it is for; a policy says it better.

        `encrypted` asks for an encrypted answer, with a key for this request alone. `return_to` is
        for the same device: the https page that the wallet sends the browser back to, with
        `response_code`, without which the result is not given out. `keep_for` seconds the result
        is kept, no longer than its purpose.

        Raises:
            MalformedError: a query for another format than ours, a page that is not https, or
                transactions that name no credential of the query.
        """
        _check_asked(query, return_to)
        request_id, session_id, state, nonce = (self._draw() for _ in range(4))
        place = f"{self.base}/responses/{request_id}"
        key = PrivateKey.generate(KeyKind.P256, random=self.random) if encrypted else None
        now = self.clock.now()
        request = PresentationRequest(
            audience=self.identity.client_id(place).text,
            nonce=nonce,
            query=query,
            created_at=now,
            expires_at=now + lifetime,
            response_uri=place,
            state=state,
            encryption=None if key is None else ResponseEncryption(key.public, key_id(key.public)),
            transaction_data=transactions,
            policy=policy,
            purpose=purpose,
        )
        session = Requested(
            hash_secret(session_id),
            request.to_json(),
            None if key is None else key.to_private_jwk(),
            return_to,
            now + lifetime,
            keep_for,
        )
        self._kept.create(request_id, session_id, session)
        self.observe("requested", request_id)
        return NewPresentation(
            session_id, request_id, self._link(request, request_id), now + lifetime
        )

    def result(self, session_id: str, *, response_code: str = "") -> JsonObject:
        """Return the accepted answer: report and claims (`presentation_result`).

        On the same device only with the response code that the wallet brought back: whoever sent
        his own link to somebody else has the session but not the code.

        Raises:
            ProtocolError: 404 no such session, or over; 409 not answered; 403 without the code
                that belongs to it.
        """
        stored = self._of_browser(session_id)
        session = stored.session
        if isinstance(session, Expired):
            raise ProtocolError("not_found", "this presentation is over", status=404)
        if not isinstance(session, Answered):
            raise ProtocolError("not_answered", "there is no accepted answer", status=409)
        if session.code_hash and not same(session.code_hash, hash_secret(response_code)):
            raise ProtocolError(
                "access_denied", "the wallet did not bring you back here", status=403
            )
        return session.result

    def forget(self, session_id: str) -> bool:
        """Forget what was answered, and end the session; False where there is none."""
        while (stored := self._kept.of_browser(session_id, now=self.clock.now())) is not None:
            if isinstance(stored.session, Expired):
                return False
            if self._kept.replace(stored, Expired(stored.session.session_hash)):
                self.observe("forgotten", stored.request_id)
                return True
        return False

    def remove_expired(self) -> int:
        """Remove from the store what is past its time; call it now and then."""
        return self._kept.remove_expired()

    # --- What the web asks -----------------------------------------------------------------------

    def status(self, session_id: str) -> Reply:
        """Answer the page that waits: the state in a word, and what was wrong with an answer.

        The words: requested, fetched, not_accepted (an answer came and another may), refused (a
        wallet said no, and an answer may come), answered, expired. Claims are never in it.
        """
        return _answer(lambda: json_reply(self._status(session_id)))

    def request_object(self, request_id: str, post: EndpointRequest | None = None) -> Reply:
        """Answer `GET /requests/{id}`, or with `post` the POST; reading uses nothing up."""
        return _answer(lambda: self._request_object(request_id, post))

    def response(self, request_id: str, post: EndpointRequest) -> Reply:
        """Answer `POST /responses/{id}`."""
        return _answer(lambda: self._response(request_id, post))

    # --- How -------------------------------------------------------------------------------------

    def _draw(self) -> str:
        return base64url_encode(self.random(_SECRET_BYTES))

    def _link(self, request: PresentationRequest, request_id: str) -> str:
        if not self.identity.signs:
            return create_request_uri(request)
        method = "post" if self.post_requests else "get"
        place = f"{self.base}/requests/{request_id}"
        return RequestReference(request.audience, place, method).to_link()

    def _of_browser(self, session_id: str) -> Stored:
        stored = self._kept.of_browser(session_id, now=self.clock.now())
        if stored is None:
            raise ProtocolError("not_found", "there is no such presentation", status=404)
        return stored

    def _status(self, session_id: str) -> JsonObject:
        session = self._of_browser(session_id).session
        if isinstance(session, Answered):
            value: JsonObject = {"state": "answered", "answered_again": session.answered_again}
            # On the same device even the outcome is for whom the wallet brings back.
            return value if session.code_hash else {**value, "report": _public(session.result)}
        if isinstance(session, Expired):
            return {"state": "expired"}
        word = "fetched" if isinstance(session, Fetched) else "requested"
        opened: JsonObject = {"state": word, "expires_at": session.expires_at}
        if session.last_attempt is not None:
            opened |= {"state": "not_accepted", "report": session.last_attempt}
        if session.declined:
            opened |= {"state": "refused", "error": session.declined}
        return opened

    def _open(self, request_id: str, *, posted: bool = False) -> tuple[Stored, Requested]:
        stored = self._kept.load(request_id, now=self.clock.now())
        session = None if stored is None else stored.session
        if stored is None or isinstance(session, Expired):
            raise ProtocolError("invalid_request", "there is no such request, or not any more")
        if not isinstance(session, Requested):
            if posted:
                self._answers.note_again(stored)
            raise ProtocolError("invalid_request", "the request is answered already", status=409)
        return stored, session

    def _request_object(self, request_id: str, post: EndpointRequest | None) -> Reply:
        stored, session = self._open(request_id)
        if not self.identity.signs:
            raise ProtocolError("invalid_request", "this request is in the link itself")
        wallet_nonce, metadata = (None, {}) if post is None else _read_post(post)
        request = PresentationRequest.from_json(session.request)
        text = create_request_object(request, self.identity, wallet_nonce=wallet_nonce)
        if not isinstance(session, Fetched):
            members = {name: getattr(session, name) for name in Requested.__slots__}
            # Where this fails another wallet, or an answer, was quicker: the request is the same.
            if self._kept.replace(stored, Fetched(**members)):
                self.observe("fetched", request_id)
        return text_reply(_encrypted_for(text, metadata), CONTENT_TYPE)

    def _response(self, request_id: str, post: EndpointRequest) -> Reply:
        stored, session = self._open(request_id, posted=True)
        fields = _fields(post, _POST_BYTES)
        request = PresentationRequest.from_json(session.request)
        key = session.decryption_key
        answer = parse_posted(
            fields, expected=request, key=None if key is None else PrivateKey.from_jwk(key)
        )
        code = self._draw() if session.return_to is not None else ""
        self._answers.settle(stored, session, Posted(answer, code, post.source), request)
        if session.return_to is None:
            return json_reply({})
        return json_reply({"redirect_uri": code_of(session.return_to, code)})


def _answer(make: Callable[[], Reply]) -> Reply:
    try:
        return make()
    except ProtocolError as error:
        return error_reply(error)


def _fields(post: EndpointRequest, max_bytes: int) -> dict[str, list[str]]:
    return parse_fields(post.body, content_type=post.header("Content-Type"), max_bytes=max_bytes)


def _check_asked(query: DcqlQuery, return_to: str | None) -> None:
    for one in query.credentials:
        if one.format != FORMAT:
            raise MalformedError(f"credentials of the format {one.format} are not verified here")
    if return_to is not None:
        parts = urlsplit(return_to)
        # What comes back is a code that opens the answer: plain http is for this machine alone.
        safe = parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))
        if not safe or not parts.hostname or "@" in parts.netloc or parts.fragment:
            raise MalformedError("the page to return to is not an https address")


def _is_here(host: str | None) -> bool:
    return host == "localhost" or is_loopback_address(host or "")


def _public(result: JsonObject) -> JsonObject:
    return {name: value for name, value in result.items() if name != "presentations"}


def _read_post(post: EndpointRequest) -> tuple[str | None, JsonObject]:
    """Return the wallet's nonce and what it says of itself, read leniently (section 5.10)."""
    fields = _fields(post, _REQUEST_POST_BYTES) if post.body else {}
    nonces = fields.get("wallet_nonce", [])
    if len(nonces) > 1 or any(
        not nonce.isprintable() or not 0 < len(nonce) <= WALLET_NONCE_CHARS for nonce in nonces
    ):
        raise ProtocolError("invalid_request", "wallet_nonce is not one short text")
    try:
        texts = fields.get("wallet_metadata", ["{}"])
        metadata = json_loads_object(texts[0], what="wallet_metadata")
    except MalformedError:
        metadata = {}
    return (nonces[0] if nonces else None), metadata


def _encrypted_for(text: str, metadata: JsonObject) -> str:
    """Return a request object, encrypted where the wallet gave a key and says that it wants that.

    A wallet that gives a key without naming the algorithm means it for something else.
    """
    algorithms = metadata.get("request_object_encryption_alg_values_supported")
    if not isinstance(algorithms, list) or KEY_AGREEMENT not in algorithms:
        return text
    encs = metadata.get("request_object_encryption_enc_values_supported", ["A128GCM"])
    try:
        key = choose_encryption(metadata, encs=encs)
    except MalformedError:
        return text
    return encrypt(text.encode("ascii"), key, more={"cty": "oauth-authz-req+jwt"})
