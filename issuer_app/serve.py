"""The command `issuer-app`, which needs the `apps` extra; without it one line says so."""

from __future__ import annotations

import os
import sys

OURS = ("weid", "issuer_app")
PRIVATE = 0o077
"""The mask of new files: everything here is this user's alone, whatever the shell's mask is."""


def main() -> None:
    """Run the command, or say which extra is not installed."""
    try:
        from issuer_app.cli.main import run  # noqa: PLC0415 - the extra may not be installed
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(OURS):
            raise
        sys.exit(
            f"issuer-app needs the apps extra: pip install '.[apps]' ({error.name} is not here)"
        )
    except KeyboardInterrupt:  # there is much to import
        sys.exit("issuer-app: stopped; nothing was done")
    os.umask(PRIVATE)
    run()


if __name__ == "__main__":
    main()
