"""The whole examination: look at the installation, plant, and say what to mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.doctor import throwaway, violations
from orchestrator.app.doctor.diagnosis import (
    ALTERED,
    CAUGHT,
    MISSED,
    NOT_INSTALLED,
    NOT_SHOWN,
    REFUSED,
    Diagnosis,
    Planted,
)
from orchestrator.app.doctor.installation import NATIVE, check_installation, read_installation
from orchestrator.app.repository import no_plan
from orchestrator.core.finding import Finding
from orchestrator.core.plan import PLAN_PATH
from orchestrator.gate_runs.interrupts import Interrupts
from orchestrator.installing.inspection import OTHER, PRE_COMMIT, PUSH_STAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.app.doctor.installation import Installation
    from orchestrator.app.repository import Repository

_AFRESH = {"pre-commit": "pre-commit clean && pre-commit install-hooks", "prek": "prek clean && prek prepare-hooks"}


def examine(repository: Repository) -> Diagnosis:
    """What the hooks here caught of what they must refuse, and what is wrong with their installation.

    Nothing of the repository is written: no ref, no index, no file. All is planted in a throwaway repository, which
    is gone when this returns or raises. The user's other hooks run there as they are.

    Raises:
        CannotJudgeError: there is no plan, Git said no, or the throwaway repository could not be made.
        KeyboardInterrupt: SIGINT, SIGTERM or SIGHUP came; nothing is left behind.
    """
    objects = repository.read_objects([f":{PLAN_PATH}", f"HEAD:{PLAN_PATH}"])
    if not any(objects.values()):
        raise no_plan()
    found = read_installation(repository)
    findings = check_installation(repository, found)
    with Interrupts() as interrupts, throwaway.throwaway_folder() as folder:
        place = throwaway.Throwaway(folder, throwaway.environment_for(repository.git), interrupts)
        notes = throwaway.make(repository, found.place.folder, found.place.own_value, place)
        states = violations.prepare(place)
        planted = [*violations.plant_all(place, states)]
        if found.wants_push:
            planted += violations.plant_pushes(place, states)
        if place.timed_out:
            notes += ("a command was stopped at its time limit, so not all was planted",)
    if not found.wants_push:
        planted.append(Planted(violations.BAD_PUSH, PUSH_STAGE, "phase-locked", NOT_INSTALLED))
    return Diagnosis(tuple(planted), (*findings, *_unexplained(found, planted, findings)), notes)


def _unexplained(found: Installation, planted: list[Planted], findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """What the planting has shown and the look at the installation does not explain."""
    known = any(finding.severity == "error" for finding in findings)
    missed = [row for row in planted if row.result == MISSED or row.detail == violations.UNTICKED]
    if missed and not known:
        hooks = (*found.hooks, found.push)
        stages = list(dict.fromkeys(PRE_COMMIT if row.stage == violations.ALL else row.stage for row in missed))
        others = [f"Git calls another hook: {hook.path}" for hook in hooks if hook.kind == OTHER]
        yield _finding(f"ours did not judge at {' and '.join(stages)}", found.install(*stages), *others)
    altered = [row.detail for row in planted if row.result == ALTERED and row.detail != violations.UNTICKED]
    if altered:
        yield _finding(
            f"honest work did not come out as it was judged: {altered[0]}",
            "let our hook run last: move our entry to the end of repos",
        )
    strange = [row for row in planted if row.result in (NOT_SHOWN, REFUSED)]
    if strange:
        ours_spoke = any(row.result == CAUGHT for row in planted)
        mend = "mend what is said above, then: orchestrator doctor"
        if not ours_spoke:
            mend = _AFRESH.get(found.runner, NATIVE)
        yield _finding(
            f"{len(strange)} of the commands were refused, but not for what was planted; the first: {strange[0].what}",
            "" if known else mend,
            *strange[0].said,
        )


def _finding(message: str, help_: str, *notes: str) -> Finding:
    return Finding("install", message, notes=notes, help=help_)
