"""The command `issuer-app`, which needs the `apps` extra; without it one line says so."""

from __future__ import annotations

import sys

OURS = ("weid", "issuer_app")


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
    run()


if __name__ == "__main__":
    main()
