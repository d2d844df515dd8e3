"""Attesters that are known by their certificate authority instead of by their key (HAIP 1.0)."""

from __future__ import annotations

from dataclasses import dataclass

from weid import limits
from weid.clock import Clock
from weid.crypto.certificates import Certificate, CertificateChain
from weid.crypto.keys import PublicKey
from weid.encoding import JsonValue
from weid.errors import MalformedError


@dataclass(frozen=True, slots=True)
class AttesterChains:
    """Reads the `x5c` of client attestations; trusts who these authorities certified, no others.

    An authority named here vouches for every key it certifies: it must be one that certifies
    makers of wallets only.
    """

    authorities: tuple[Certificate, ...]
    clock: Clock

    def __call__(self, value: JsonValue) -> PublicKey:
        """Return the key of a chain that is in force and leads to one of the authorities.

        Raises:
            MalformedError: it is no chain, not in force, or of nobody that is trusted.
        """
        chain = CertificateChain.parse(value)
        now = self.clock.now()
        chain.check_in_force(now, leeway=limits.LEEWAY)
        if not chain.leads_to(self.authorities, now, leeway=limits.LEEWAY):
            raise MalformedError("the attester's certificate is of no authority that is trusted")
        return chain.public_key
