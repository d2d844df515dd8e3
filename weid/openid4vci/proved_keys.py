"""All proofs of a request together: the keys to bind, or a refusal of the whole (IP-50, IP-51)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from weid.clock import Clock
from weid.crypto.keys import PublicKey
from weid.errors import ProtocolError
from weid.oauth.client_attestation import TrustedAttesters
from weid.openid4vci.credential import Proofs
from weid.openid4vci.key_attestation import ATTESTATION_BYTES, KeyAttestation, KeyAttestations
from weid.openid4vci.proof import PROOF_BYTES, KeyProof, check_key_proof

_ATTESTED_PROOF_BYTES: Final = PROOF_BYTES + 2 * ATTESTATION_BYTES


@dataclass(frozen=True, slots=True)
class ProvedKeys:
    """Different keys in the order in which they came, and the nonces still to be judged."""

    keys: tuple[PublicKey, ...]
    nonces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProofChecks:
    """What one issuer demands of proofs; at most `batch_size` keys get a credential at once."""

    credential_issuer: str
    clock: Clock
    batch_size: int
    attesters: TrustedAttesters
    attestation_required: bool

    def check(self, proofs: Proofs) -> ProvedKeys:
        """Check every proof in all but its nonce.

        Raises:
            ProtocolError: invalid_proof: one of them is bad, a key comes twice, or too many.
        """
        found = self._attested(proofs) if proofs.jwt is None else self._proved(proofs.jwt)
        if not 0 < len(found.keys) <= self.batch_size:
            raise _refused(f"at most {self.batch_size} keys get a credential at once")
        return found

    def _attested(self, proofs: Proofs) -> ProvedKeys:
        if not self.attesters or not proofs.attestation:
            raise _refused("nobody is trusted to attest keys here: use jwt")
        found = self._attestations.check(proofs.attestation[0], must_expire=False)
        return ProvedKeys(_different(found.keys), (found.nonce,))

    def _proved(self, texts: tuple[str, ...]) -> ProvedKeys:
        proofs = [self._proof(text) for text in texts]
        _different(proof.key for proof in proofs)
        # One attestation often stands in all proofs of a request; it is checked once.
        attested = {
            text: self._attestations.check(text, must_expire=True)
            for text in dict.fromkeys(proof.attestation for proof in proofs)
            if text is not None
        }
        keys: dict[str, PublicKey] = {}
        nonces: dict[str, None] = {}
        for proof in proofs:
            nonces[proof.nonce] = None
            keys[proof.key.thumbprint()] = proof.key
            if proof.attestation is not None:
                found = attested[proof.attestation]
                _require_attested(proof.key, found)
                nonces[found.nonce] = None
                keys |= {key.thumbprint(): key for key in _different(found.keys)}
        return ProvedKeys(tuple(keys.values()), tuple(nonces))

    def _proof(self, text: str) -> KeyProof:
        proof = check_key_proof(
            text,
            expected_audience=self.credential_issuer,
            clock=self.clock,
            max_bytes=_ATTESTED_PROOF_BYTES if self.attesters else PROOF_BYTES,
        )
        if not self.attesters:
            # Where nobody is trusted an attestation says nothing.
            return KeyProof(proof.key, proof.nonce)
        if proof.attestation is None and self.attestation_required:
            raise _refused("a key attestation is needed")
        return proof

    @property
    def _attestations(self) -> KeyAttestations:
        return KeyAttestations(self.attesters, self.clock)


def _different(keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
    found = tuple(keys)
    if len({key.thumbprint() for key in found}) != len(found):
        raise _refused("the same key comes twice")
    return found


def _require_attested(key: PublicKey, attestation: KeyAttestation) -> None:
    if key not in attestation.keys:
        raise _refused("the key that signs the proof is not an attested one")


def _refused(why: str) -> ProtocolError:
    return ProtocolError("invalid_proof", why)
