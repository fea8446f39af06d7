"""The same examples in every run: a failing property fails for everyone, and on the next run again."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unit", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("unit")
