"""`python -m cmpcodec`: hands over to the command line and knows nothing else."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m cmpcodec"))
