"""`python -m demo [--once] [--folder DIR]`: the main job, told chapter by chapter.

Without --once the servers stay up until Ctrl-C, and the addresses and sign-ins are printed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path

from demo.processes import DemoError
from demo.story import tell
from demo.teller import Teller
from demo.town import Town


def main() -> int:
    """Run the demonstration; 0 when everything turned out as it must."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the story")
    parser.add_argument("--folder", type=Path, help="where to keep everything (must not exist)")
    given = parser.parse_args()
    teller = Teller()
    with tempfile.TemporaryDirectory(prefix="weid-demo-") as temporary:
        town = Town(given.folder or Path(temporary) / "town", teller)
        try:
            tell(town)
            if not given.once:
                _stay(town)
        except DemoError as error:
            print(f"\ndemo: failed: {error}")
            return 1
        except KeyboardInterrupt:
            print()
        finally:
            town.stop()
    print("demo: ok")
    return 0


def _stay(town: Town) -> None:
    """Print where everything is, and wait until somebody ends it."""
    print("\nThe system stays up until you press Ctrl-C.")
    print(f"  issuer    {town.issuer}   sign in: officer / {town.officer_password}")
    print(f"  verifier  {town.verifier}   no sign-in: it stores nothing")
    print(f"  registry  {town.node}   explorer: blocks, transactions, DIDs, issuers, templates")
    print(f"  files     {town.folder}   pictures of the codes, logs, wallet", flush=True)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    while not ended.wait(1):
        pass


if __name__ == "__main__":
    sys.exit(main())
