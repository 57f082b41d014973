"""How many examples a property is held against, and which.

No deadline: the machine may be busy. `test` looks at the same examples in every run; `proof` (pytest's option
--hypothesis-profile) at other and more ones each time, and prints how to see one again.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

MANY = 500
"""`max_examples` of the profile `proof`; that of `test` is 100."""


def register() -> None:
    """Make both known, and `test` the one in use."""
    quiet = [HealthCheck.too_slow]
    settings.register_profile(
        "test",
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=100,
        suppress_health_check=quiet,
    )
    settings.register_profile(
        "proof", settings.get_profile("test"), derandomize=False, max_examples=MANY, print_blob=True
    )
    settings.load_profile("test")
