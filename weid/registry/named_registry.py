"""A registry that has its name from settings, so that one can begin while no node answers.

A `HttpRegistry` asks a node for its name, and a trust policy wants the name at once. Here the name
is given, and compared with the registry's own before the first head is believed.
"""

from __future__ import annotations

from typing import Any

from weid.errors import ProofError
from weid.registry.http_client import HttpRegistry
from weid.registry.records import Head


def require_name(given: str, own: str) -> None:
    """Require that a registry's own name is the one that the settings give it.

    Raises:
        ProofError: it is another.
    """
    if own != given:
        raise ProofError(
            f"the registry that the settings name {given} calls itself {own}",
            hint=f"call it {own} where it is trusted, if that registry is meant.",
        )


class NamedRegistry(HttpRegistry):
    """A registry behind its nodes that is named `name` here; the rest is as for `HttpRegistry`."""

    def __init__(self, name: str, *urls: str, **options: Any) -> None:
        super().__init__(*urls, **options)
        self._name = name

    @property
    def network(self) -> str:
        """The name of the settings; nobody is asked."""
        return self._name

    def require_name(self) -> None:
        """Ask for the registry's own name, once, and compare it.

        Raises:
            RegistryUnavailableError: no node answers now.
            ProofError: the registry has another name, or is another registry.
        """
        require_name(self._name, super().network)

    def head(self) -> Head:
        """Return the newest head that can be believed; everything that is verified begins here."""
        self.require_name()
        return super().head()
