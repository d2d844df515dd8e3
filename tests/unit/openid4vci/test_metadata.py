"""What the issuer says of itself, and how it answers."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from tests.support.clauses import clause
from tests.unit.openid4vci.issuing import ISSUER, NOW, Setting
from tests.unit.openid4vci.test_endpoints import body, error, token_of
from weid.oauth.reply import EndpointRequest
from weid.openid4vci.metadata import IssuerMetadata

# OpenID4VCI 1.0 section 12.2.4 and appendix A.3.
ISSUER_MEMBERS = {
    "credential_issuer",
    "authorization_servers",
    "credential_endpoint",
    "nonce_endpoint",
    "deferred_credential_endpoint",
    "notification_endpoint",
    "credential_request_encryption",
    "credential_response_encryption",
    "batch_credential_issuance",
    "display",
    "credential_configurations_supported",
}
CONFIGURATION_MEMBERS = {
    "format",
    "scope",
    "vct",
    "credential_signing_alg_values_supported",
    "cryptographic_binding_methods_supported",
    "proof_types_supported",
    "credential_metadata",
}


@clause("IP-12", "IP-64")
def test_the_metadata_has_every_endpoint_and_nothing_that_the_standard_does_not_name():
    metadata = body(Setting().endpoints.metadata())
    assert set(metadata) <= ISSUER_MEMBERS
    assert metadata["deferred_credential_endpoint"] == f"{ISSUER}/deferred-credential"
    assert metadata["notification_endpoint"] == f"{ISSUER}/notification"
    assert metadata["batch_credential_issuance"] == {"batch_size": 10}
    for known in metadata["credential_configurations_supported"].values():
        assert set(known) <= CONFIGURATION_MEMBERS
        assert known["scope"]
    assert IssuerMetadata.from_json(metadata, what="it").to_json() == metadata


@clause("IP-65")
def test_every_answer_has_the_issuers_time():
    setting = Setting()
    endpoints = setting.endpoints
    for reply in (
        endpoints.metadata(),
        endpoints.authorization_server(),
        endpoints.nonce(),
        endpoints.credential_offer("x"),
        endpoints.credential(EndpointRequest()),
        endpoints.deferred_credential(EndpointRequest()),
        endpoints.notification(EndpointRequest()),
    ):
        assert parsedate_to_datetime(reply.headers["Date"]).timestamp() == NOW
        assert reply.headers["Date"].endswith(" GMT")


@clause("IP-65")
@pytest.mark.parametrize("data", ['{"é\\"\\\\": 1, "a": "é"}', '{"credential_identifier":"é"}'])
def test_a_refusal_is_told_in_plain_ascii(data):
    setting = Setting()
    headers = {
        "Authorization": f"Bearer {token_of(setting)}",
        "Content-Type": "application/json",
    }
    reply = setting.endpoints.credential(EndpointRequest(body=data.encode(), headers=headers))
    assert error(reply)[0] == 400
    words = body(reply)["error_description"]
    assert words.isascii()
    assert not {'"', "\\"} & set(words)
