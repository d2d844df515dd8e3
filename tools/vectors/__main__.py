"""Make every test vector of ours again: `python -m tools.vectors [--check]`.

Each module beside this one has `FILES`, a mapping from a path under specs/vectors/ to a function
that returns the file's text. With --check nothing is written and a difference is an error.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

import tools.vectors

TARGET = Path(__file__).parent.parent.parent / "specs" / "vectors"


def main(arguments: list[str]) -> int:
    """Write the vectors, or compare them; return 1 when one differs."""
    check = "--check" in arguments
    changed = []
    for found in pkgutil.iter_modules(tools.vectors.__path__):
        if found.name.startswith("__"):
            continue
        module = importlib.import_module(f"tools.vectors.{found.name}")
        for name, make in module.FILES.items():
            path, text = TARGET / name, make()
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                changed.append(name)
                if not check:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8")
    for name in changed:
        print(f"{'differs' if check else 'written'}: {name}")
    print(f"vectors: {len(changed)} changed")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
