"""The checks of the OpenID conformance suite, each with the tests of ours that make it.

Named by what the suite checks (snapshot 12f2a4d, the plans for OpenID4VCI 1.0, OpenID4VP 1.0 and
HAIP 1.0), with the ids of our tests; one over a table of cases with its case. A check without a
test has a reason instead. tests/docs/test_conformance_page.py asserts that each test exists.
"""

from __future__ import annotations

from dataclasses import dataclass

_VP = "tests/unit/openid4vp/"
_VCI = "tests/unit/openid4vci/"
_OAUTH = "tests/unit/oauth/"
_PLAN = f"{_VP}test_verifier_plan.py::"
_REFUSES = f"{_PLAN}test_a_verifier_refuses"
_PRESENTING = f"{_VP}test_presentation_endpoints.py::"
_QUERY = f"{_VP}test_dcql_in_full.py::"
_ASKING = f"{_VCI}test_endpoints.py::"
_PROOF = f"{_VCI}test_proof.py::test_a_bad_proof_is_invalid_proof"
_BAD_REQUEST = f"{_ASKING}test_a_bad_request_gets_the_code_of_its_fault"
_FLOW = f"{_VCI}test_authorization.py::"
_ATTESTED = f"{_OAUTH}test_client_attestation.py::"
_ATTESTATION = f"{_ATTESTED}test_any_other_attestation_is_refused"
_POSSESSION = f"{_ATTESTED}test_any_other_proof_of_possession_is_refused"
_KEYS = (
    f"{_VCI}test_key_attestation.py::test_a_bad_attestation_gets_nothing_alone_or_beside_a_proof"
)


@dataclass(frozen=True)
class Check:
    """One check of the suite."""

    what: str
    tests: tuple[str, ...] = ()
    not_done: str = ""
    """Why there is no test, where there is none."""


@dataclass(frozen=True)
class Plan:
    """One of the suite's plans."""

    name: str
    checks: tuple[Check, ...]


def _check(what: str, *tests: str) -> Check:
    return Check(what, tests)


def _refuses(what: str, *cases: str) -> Check:
    """Return a check of the verifier plan, made with answers in the clear and encrypted."""
    kinds = ("False", "True")
    return Check(what, tuple(f"{_REFUSES}[{case}-{kind}]" for case in cases for kind in kinds))


VERIFIER = Plan(
    "Verifier",
    (
        _check(
            "happy flow", f"{_PLAN}test_the_happy_flow[False]", f"{_PLAN}test_the_happy_flow[True]"
        ),
        _refuses("invalid credential signature", "an issuer's signature that does not hold"),
        _refuses("invalid key binding `aud`", "another audience", "no audience"),
        _refuses("invalid key binding `nonce`", "another nonce", "no nonce"),
        _refuses("invalid key binding signature", "a holder's signature that does not hold"),
        _refuses("invalid `sd_hash`", "another sd_hash", "no sd_hash"),
        _refuses("key binding `iat` a year in the past", "a year ago"),
        _refuses("key binding `iat` a year in the future", "a year ahead"),
        _check(
            "minimal `cnf.jwk`",
            f"{_PLAN}test_a_minimal_key_is_enough[P-256]",
            f"{_PLAN}test_a_minimal_key_is_enough[Ed25519]",
        ),
        _check(
            "`request_uri` fetched twice",
            f"{_PRESENTING}test_a_request_is_read_twice_and_is_the_same",
        ),
        _check(
            "`request_uri_method` `post`",
            f"{_PRESENTING}test_a_wallet_that_fetches_by_post_gets_its_nonce_back",
        ),
        Check("session transcript of an mdoc", not_done="mdoc is not done"),
        _check(
            "encryption key not used again (HAIP)",
            f"{_PRESENTING}test_each_request_has_a_key_of_its_own_and_says_no_more_than_it_must",
        ),
        _check(
            "`A128GCM` and `A256GCM` both listed and taken (HAIP)",
            f"{_VP}test_encryption.py::test_a_request_for_an_encrypted_answer_survives",
            f"{_VP}test_encryption.py::test_an_answer_survives_encryption[A128GCM]",
            f"{_VP}test_encryption.py::test_an_answer_survives_encryption[A256GCM]",
        ),
        _check(
            "`redirect_uri` in the reply (HAIP)",
            f"{_PRESENTING}test_on_the_same_device_the_result_goes_to_whom_the_wallet_brings_back",
        ),
        _check(
            "a wallet's error is taken",
            *(
                f"{_VP}test_strangers.py::"
                f"test_a_wallets_error_is_taken_and_told_and_ends_nothing[access_denied-{kind}-{to}]"
                for kind in ("False", "True")
                for to in ("None", "https://verifier.example/wallets/return")
            ),
        ),
    ),
)
ISSUER = Plan(
    "Issuer",
    (
        _check(
            "metadata",
            f"{_VCI}test_metadata.py::"
            "test_the_metadata_has_every_endpoint_and_nothing_that_the_standard_does_not_name",
            f"{_FLOW}test_the_servers_metadata_names_what_it_does",
        ),
        _check(
            "signed metadata",
            f"{_VCI}test_signed_metadata.py::test_metadata_is_signed_for_whom_asks",
        ),
        _check(
            "happy flow",
            f"{_ASKING}test_an_offer_becomes_a_credential_for_the_key_that_proved_itself",
            f"{_FLOW}test_from_an_officers_offer_through_the_page_to_a_credential",
        ),
        _check(
            "additional requests with the same token",
            f"{_ASKING}test_a_lost_response_is_repeated_for_the_same_key",
            f"{_ASKING}test_another_key_gets_a_refusal_and_not_a_second_credential",
        ),
        _check(
            "several clients",
            f"{_VCI}test_several_clients.py::"
            "test_two_clients_that_take_turns_get_each_its_own_credential",
        ),
        _check(
            "notification",
            f"{_VCI}test_later.py::test_a_notice_is_kept_once_however_often_it_comes",
            f"{_VCI}test_later.py::test_a_notice_needs_the_token_of_its_credentials",
        ),
        _check(
            "batch: distinct and unpredictable status indexes",
            "tests/apps/issuer/test_copies.py::"
            "test_ten_copies_have_ten_places_ten_keys_and_salts_of_their_own",
            "tests/unit/credential/test_status_list.py::"
            "test_indices_are_drawn_evenly_and_out_of_order",
        ),
        _check(
            "invalid nonce",
            f"{_ASKING}test_a_proof_of_elsewhere_or_of_yesterday_is_refused",
            f"{_VCI}test_nonce.py::test_a_nonce_is_used_once",
        ),
        _check("invalid proof signature", f"{_PROOF}[a signature of another key]"),
        _check(
            "invalid key attestation signature",
            f"{_KEYS}[a changed signature]",
            f"{_KEYS}[signed by a stranger]",
        ),
        _check(
            "client attestation: invalid signature",
            f"{_ATTESTATION}[a signature of zeros]",
            f"{_ATTESTATION}[signed by a stranger]",
        ),
        _check(
            "client attestation: invalid signature of the proof of possession",
            f"{_POSSESSION}[a signature of zeros]",
        ),
        _check(
            "client attestation: wrong `aud` of the proof of possession",
            f"{_POSSESSION}[for another server]",
        ),
        _check("client attestation: `exp` in the past", f"{_ATTESTATION}[exp past]"),
        _check("client attestation: no `sub`", f"{_ATTESTATION}[no sub]"),
        _check(
            "client attestation: proof of possession by another key",
            f"{_POSSESSION}[signed by another key]",
            f"{_ATTESTATION}[cnf of another key]",
        ),
        _check(
            "client attestation: refused where it is pushed and where a token is asked for",
            f"{_FLOW}test_an_attestation_that_is_there_is_checked_also_where_none_is_demanded",
        ),
        _check("missing proof", f"{_BAD_REQUEST}[no proofs]", f"{_BAD_REQUEST}[no proof]"),
        _check("unknown configuration id", f"{_BAD_REQUEST}[an unknown configuration]"),
        _check("unknown credential identifier", f"{_BAD_REQUEST}[an identifier]"),
        _check("access token in the query", f"{_ASKING}test_a_token_has_no_place_in_a_url"),
        _check(
            "unsupported encryption algorithm",
            f"{_VCI}test_encryption.py::test_a_wish_that_cannot_be_met_is_refused_in_plain[RSA]",
            f"{_VCI}test_encryption.py::"
            "test_a_wish_that_cannot_be_met_is_refused_in_plain[another enc]",
        ),
        _check(
            "a refusal is not encrypted",
            f"{_VCI}test_encryption.py::test_a_refusal_is_never_encrypted",
        ),
        _check(
            "every answer has a `Date`",
            f"{_VCI}test_metadata.py::test_every_answer_has_the_issuers_time",
        ),
    ),
)
HAIP = Plan(
    "What HAIP 1.0 demands and peers miss",
    (
        _check(
            "`trusted_authorities` of type `aki`",
            f"{_QUERY}test_wallet_and_verifier_both_look_for_the_authority",
        ),
        _check(
            "refused where the redirect does not come back in the same browser session",
            f"{_PRESENTING}test_on_the_same_device_the_result_goes_to_whom_the_wallet_brings_back",
            f"{_PRESENTING}test_another_browser_learns_nothing",
        ),
        _check(
            "a fresh encryption key for each request",
            f"{_PRESENTING}test_each_request_has_a_key_of_its_own_and_says_no_more_than_it_must",
        ),
        _check(
            "`scope` on every configuration",
            f"{_VCI}test_metadata.py::"
            "test_the_metadata_has_every_endpoint_and_nothing_that_the_standard_does_not_name",
        ),
        _check(
            "`iss` in the authorization response",
            f"{_FLOW}test_from_an_officers_offer_through_the_page_to_a_credential",
        ),
        _check(
            "DPoP, with `DPoP-Nonce`",
            f"{_FLOW}test_a_bound_token_opens_only_beside_a_proof_of_its_key",
            f"{_FLOW}test_every_answer_that_is_not_kept_brings_a_nonce",
            f"{_FLOW}test_whatever_a_token_opens_brings_a_nonce_accepted_or_refused",
        ),
        _check(
            "credentials signed with `x5c`, the leaf not self-signed, the anchor left out",
            "tests/unit/credential/test_issuer_chain.py::"
            "test_a_credential_with_a_chain_has_neither_kid_nor_iss",
            "tests/unit/credential/test_issuer_chain.py::"
            "test_nothing_is_signed_with_a_chain[with the authority's root]",
            "tests/unit/verification/test_chain_checks.py::"
            "test_a_chain_is_refused_with[a self-signed leaf]",
        ),
        _check(
            "`x5c` in the status list token",
            "tests/apps/issuer/test_chain.py::"
            "test_the_status_list_is_signed_with_the_chain_while_it_is_in_force",
        ),
    ),
)
PLANS = (VERIFIER, ISSUER, HAIP)


def all_tests() -> list[str]:
    """Return the id of every test that the table names, each once."""
    ids = (test for plan in PLANS for check in plan.checks for test in check.tests)
    return list(dict.fromkeys(ids))
