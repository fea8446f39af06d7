"""Gate processes: what they are given, how they are kept in bounds, and what their end is worth."""

from orchestrator.gate_runs.environment import gate_environment
from orchestrator.gate_runs.job import GateJob, GitCommands, Progress
from orchestrator.gate_runs.progress import TerminalProgress
from orchestrator.gate_runs.runner import run_gates

__all__ = ["GateJob", "GitCommands", "Progress", "TerminalProgress", "gate_environment", "run_gates"]
