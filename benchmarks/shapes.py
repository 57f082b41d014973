"""What `benchmarks/vault.py` measures: the tables of docs/performance.md by title, columns and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SIZES = (1_000, 100_000, 1_000_000)
CALLERS = 8
BYTES = 2048
"""Of the token set that is sealed everywhere."""
MARKS = ("<!-- figures -->\n", "<!-- end of figures -->\n")
"""Between them stand the figures in the document."""


@dataclass(frozen=True)
class Shape:
    title: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]


def by_size(title: str, columns: tuple[str, ...], sizes: Sequence[int] = SIZES) -> Shape:
    return Shape(title, columns, tuple(f"{size:,}" for size in sizes))


SEALING = Shape(
    f"Sealing and opening a token set of {BYTES:,} bytes, in microseconds",
    ("seal p50", "seal p99", "open p50", "open p99", "bytes more"),
    (
        "Fernet",
        "Tink, KmsEnvelopeAead",
        "FastMCP, encrypted store in memory",
        "Valet, envelope alone",
        "Valet, data key cached",
        "Valet, data key wrapped and unwrapped each time",
    ),
)
BINDING = Shape(
    "What each binds",
    ("a key for each record", "opens in another's place", "commits to its key", "takes what has no seal"),
    (*SEALING.rows[:3], "Valet, data key cached"),
)
CREDENTIAL = Shape(
    "One credential, in milliseconds",
    ("p50", "p99"),
    (
        "Valet, first call in a minute, data key not cached",
        "Valet, first call in a minute, data key cached",
        "Valet, data key not cached",
        "Valet, data key cached",
        "FastMCP, encrypted store on PostgreSQL",
        "FastMCP, encrypted store on files (its default)",
    ),
)
SCALE = by_size(
    "Credentials by the number of connections",
    (
        "first call p50, ms",
        "first call p99, ms",
        "cached p50, ms",
        "cached p99, ms",
        f"calls/s, {CALLERS} at once",
        "tables, MB",
        "indexes, MB",
        "loaded in, s",
    ),
)
WAYS = by_size("How PostgreSQL found their rows", ("indexes that were used", "sequential scans"))
CUSTODY = by_size("The operator's work over all of them", ("data keys re-wrapped/s", "records verified/s"))
TENDING = by_size(
    "Looking for connections that are due to be refreshed",
    ("nothing to look at, p50, ms", "nothing to look at, p99, ms", "looked at/s"),
)
SHAPES = (SEALING, BINDING, CREDENTIAL, SCALE, WAYS, CUSTODY, TENDING)


CALL_MARKS = ("<!-- calls -->\n", "<!-- end of calls -->\n")
"""Between them stand the figures of `benchmarks/tool_call.py`."""
VALET, VALET_BEFORE = "Valet, 2026-07-28", "Valet, 2025-11-25"
ECHO, ECHO_BEFORE = "bare SDK, echo, 2026-07-28", "bare SDK, echo, 2025-11-25"
TYPED, TYPED_BEFORE = "bare SDK, the tool, 1 SELECT, 2026-07-28", "bare SDK, the tool, 1 SELECT, 2025-11-25"
FLOOR, FLOOR_BEFORE = (
    f"SDK's low-level server, no models, 1 SELECT, {era}" for era in ("2026-07-28", "2025-11-25")
)
STARLETTE = "plain Starlette, 1 SELECT"
FASTMCP, FASTMCP_ASKING = "FastMCP, token free to verify", "FastMCP, token verified upstream"
CALLS = Shape(
    "One tool call at one process",
    ("CPU, ms", "least", "most", "calls/s at best", "p50, ms", "p99, ms", "MB"),
    (
        VALET,
        VALET_BEFORE,
        ECHO,
        ECHO_BEFORE,
        TYPED,
        TYPED_BEFORE,
        FLOOR,
        FLOOR_BEFORE,
        STARLETTE,
        FASTMCP,
        FASTMCP_ASKING,
    ),
)
PARTS = Shape("Its parts by themselves", ("CPU, ms, least",), ("one httpx2 request", "one indexed SELECT"))
GOALS = Shape(
    "Against the goals",
    ("measured", "goal"),
    (
        f"{VALET}, times echo + request + SELECT",
        f"{VALET_BEFORE}, times echo + request + SELECT",
        f"{TYPED}, times the same",
        f"{TYPED_BEFORE}, times the same",
        f"{FLOOR}, times the same",
        f"{FLOOR_BEFORE}, times the same",
        f"{VALET}, times the calls/s of {FASTMCP}",
        f"{VALET}, times the calls/s of {FASTMCP_ASKING}",
        "two processes, times the calls of one in as much CPU time each",
        "two processes, times the calls/s of one, the load on the same cores",
    ),
)
START = Shape(
    "A process",
    (
        "CPU until ready, s",
        "until ready, s",
        "MB when ready",
        "MB after the calls",
        "MB after 1,000 people's",
        "modules",
    ),
    ("mcp_server", "connect"),
)
ROWS = Shape(
    "What a call leaves in PostgreSQL, indexes included", ("bytes",), ("row of activity", "row of audit")
)
CALL_SHAPES = (CALLS, PARTS, GOALS, START, ROWS)
