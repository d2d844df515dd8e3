"""DID methods, one file each, and the tables that resolvers are built from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weid.clock import Clock
    from weid.did.methods.weid import DidRecordSource
    from weid.did.resolver import DidMethod
    from weid.transport import HttpTransport


def local_methods(sources: Iterable[DidRecordSource]) -> dict[str, DidMethod]:
    """Return the methods that fetch nothing themselves: did:weid over sources, did:key, did:jwk."""
    from weid.did.methods.jwk import JwkMethod  # noqa: PLC0415 - the modules import this package
    from weid.did.methods.key import KeyMethod  # noqa: PLC0415 - same
    from weid.did.methods.weid import WeidMethod  # noqa: PLC0415 - same

    return {"weid": WeidMethod(sources), "key": KeyMethod(), "jwk": JwkMethod()}


def all_methods(
    sources: Iterable[DidRecordSource], *, transport: HttpTransport, clock: Clock
) -> dict[str, DidMethod]:
    """Return every method, did:web over the guarded transport included."""
    from weid.did.methods.web import WebMethod  # noqa: PLC0415 - same

    return {**local_methods(sources), "web": WebMethod(transport, clock)}
