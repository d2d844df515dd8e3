"""What a wallet proves about itself with headers: an attestation, and the key of its tokens."""

from __future__ import annotations

from dataclasses import dataclass

from weid.errors import ProtocolError
from weid.oauth.client_attestation import (
    ATTESTATION_HEADER,
    PROOF_HEADER,
    AttestedClient,
    ClientAttestations,
)
from weid.oauth.dpop import INVALID, DpopProofs
from weid.oauth.reply import EndpointRequest
from weid.openid4vci.circumstances import Circumstances

DPOP_HEADER = "DPoP"


@dataclass(frozen=True, slots=True)
class WalletChecks:
    """Checks the proofs in the headers of a request."""

    circumstances: Circumstances

    def client(self, request: EndpointRequest, client_id: str | None) -> AttestedClient | None:
        """Return the client that an attestation vouches for, or None where there is none.

        Where no attester is trusted the headers say nothing and are not read.

        Raises:
            ProtocolError: invalid_client (401) or use_attestation_challenge.
        """
        here, policy = self.circumstances, self.circumstances.policy
        attestation, proof = request.header(ATTESTATION_HEADER), request.header(PROOF_HEADER)
        if not attestation and not proof:
            if policy.attestation_required:
                raise ProtocolError("invalid_client", "an attestation is needed", status=401)
            return None
        if not policy.attesters and not policy.attestation_required:
            return None
        checks = ClientAttestations(
            here.credential_issuer,
            policy.attesters,
            here.sessions,
            here.clock,
            here.challenges,
            policy.attestation_challenge_required,
        )
        client = checks.check(attestation, proof)
        if client_id not in (None, client.client_id):
            raise ProtocolError("invalid_client", "the attestation is another's", status=401)
        return client

    def key(self, request: EndpointRequest, path: str, *, access_token: str | None = None) -> str:
        """Return the thumbprint of the key that a DPoP proof proves; empty without a proof.

        Raises:
            ProtocolError: invalid_dpop_proof or use_dpop_nonce.
        """
        here, policy = self.circumstances, self.circumstances.policy
        proof = request.header(DPOP_HEADER)
        if not proof:
            if policy.dpop_required or access_token is not None:
                raise ProtocolError(INVALID, "a DPoP proof is needed")
            return ""
        proofs = DpopProofs(here.sessions, here.clock, here.dpop_nonces, policy.dpop_nonce_required)
        key = proofs.check(proof, method="POST", url=here.url(path), access_token=access_token)
        return key.thumbprint()
