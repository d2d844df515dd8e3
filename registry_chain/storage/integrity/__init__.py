"""Whether a store's bytes are what was written: by our own hashes, since SQLite's checks see none.

`find_damage` looks at everything; `check_sample` at the newest block and some of the rest, quickly.
"""

from registry_chain.storage.integrity.damage import Damage
from registry_chain.storage.integrity.sample import check_sample
from registry_chain.storage.integrity.whole import find_damage

__all__ = ["Damage", "check_sample", "find_damage"]
