"""``doctor``: plants violations in a throwaway repository and tells which of them the hooks here caught."""

from __future__ import annotations

from orchestrator.app.doctor.diagnosis import diagnosis_data
from orchestrator.app.doctor.examination import examine

__all__ = ["diagnosis_data", "examine"]
