"""`python -m trio_chat`: the same as the command `trio-chat`."""

from __future__ import annotations

import sys

from trio_chat.cli import main

if __name__ == "__main__":
    sys.exit(main())
