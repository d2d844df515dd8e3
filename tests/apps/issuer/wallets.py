"""A citizen's wallet and a verifier that talk to the application under test without a network."""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

from weid.transport import HttpReply
from weid.verification.policy import TrustPolicy
from weid.verifier import Verifier
from weid.wallet.wallet import Wallet


class AppTransport:
    """The library's HttpTransport over a Flask test client."""

    def __init__(self, office):
        self.office = office
        self.log = []

    def get(self, url, *, accept="*/*", headers=None, **_limits):
        return self._reply("GET", url, headers={"Accept": accept, **(headers or {})})

    def post(self, url, body, *, content_type, accept="*/*", headers=None, **_limits):
        sent = {"Accept": accept, "Content-Type": content_type, **(headers or {})}
        return self._reply("POST", url, data=body, headers=sent)

    def _reply(self, method, url, **options):
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        assert origin == self.office.settings.public_url
        client = self.office.app.test_client()
        answer = client.open(url, method=method, base_url=origin, buffered=True, **options)
        self.log.append((method, parts.path, answer.status_code))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return HttpReply(answer.status_code, headers, answer.data)

    def status_token(self, uri):
        """Where a verifier finds the status lists."""
        reply = self.get(uri, accept="application/statuslist+jwt")
        assert reply.content_type == "application/statuslist+jwt"
        return reply.body.decode()


def new_wallet(office, name="citizen.wallet") -> Wallet:
    return Wallet.create(
        office.folder / name, passphrase="a passphrase of mine", clock=office.clock
    )


def trust_of(office) -> TrustPolicy:
    """Return the policy by which a wallet verifies what the office issues."""
    return TrustPolicy.for_registry(office.registry)


def verifier_of(office) -> Verifier:
    return Verifier(
        "https://employer.example",
        registry=office.registry,
        status_tokens=AppTransport(office),
        clock=office.clock,
    )


def offer_uri(office, certificate_id) -> str:
    """Return the offer's URI as the officer's page shows it."""
    page = office.browser("officer").get(f"/certificates/{certificate_id}/offer")
    return html.unescape(re.search(r'<pre id="offer-uri">([^<]+)</pre>', page.text)[1])


def verify(office, wallet, held, *claims):
    """Present a held credential's claims and return the verifier's report."""
    verifier = verifier_of(office)
    request = verifier.request(office.template, *claims)
    presentation = wallet.present(request, disclose=list(claims))
    return verifier.verify(presentation, request)
