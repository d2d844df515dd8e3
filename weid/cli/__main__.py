"""`python -m weid.cli`: the command where no script is installed."""

from __future__ import annotations

from weid.cli.main import main

if __name__ == "__main__":
    main()
