"""structlog without rich, which it loads wherever that is installed, for tracebacks with local variables.

We print none of those (`valet/logging.py`), and rich is 4 MB of every process. Whoever asks for it afterwards
gets it (typer, for its help). To be imported before anything else that imports structlog.
"""

from __future__ import annotations

import sys

if "rich" not in sys.modules:
    # An import that finds None finds nothing.
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog.dev  # noqa: F401
    finally:
        del sys.modules["rich"]
