"""Entry point of the command line: ``crystallin`` or ``python -m crystallin``."""

from __future__ import annotations

import sys

from ._cli import main

if __name__ == "__main__":
    sys.exit(main())
