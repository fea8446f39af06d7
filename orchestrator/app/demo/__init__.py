"""``demo``: the whole story of a plan in a throwaway repository, with real commits, real hooks and real gates.

The story is data (``story``), the plan and the project that it builds are files (``plan.toml``, ``project``); what
holds them against what Git really did is ``telling``.
"""

from __future__ import annotations

from orchestrator.app.demo.telling import run_demo

__all__ = ["run_demo"]
