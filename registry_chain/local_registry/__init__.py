"""A whole registry in one process."""

from registry_chain.local_registry.governor import LocalGovernor
from registry_chain.local_registry.registry import LocalRegistry

__all__ = ["LocalGovernor", "LocalRegistry"]
