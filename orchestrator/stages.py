"""The entry of the hooks: one Git stage, its arguments, its exit code.

To accept a commit nothing is imported here or below that a commit without refusals does not need. What a hook imports
it imports where ``main`` can answer Ctrl-C already: elsewhere Python would print where among the imports it stood.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app.commit import Answer
    from orchestrator.app.repository import Repository
    from orchestrator.core.finding import CannotJudgeError, Finding
    from orchestrator.core.gate import DueGate, GateResult
    from orchestrator.core.settle import Settled

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_CANNOT_JUDGE = 3
EXIT_INTERRUPTED = 130
MERGE = "merge-todo"  # the merge driver of PLAN.md: base, ours, theirs, length of conflict markers
AUTO = "auto"  # pre-commit or pre-merge-commit: hook runners give one hook id both and do not say which
PUSH_STAGES = ("pre-push", "pre-receive")
STAGES = ("pre-commit", "pre-merge-commit", "commit-msg", "prepare-commit-msg", "post-commit", *PUSH_STAGES)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of one stage: 0 fine, 1 refused, 2 wrong usage, 3 could not judge, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in (*STAGES, AUTO, MERGE):
        sys.stderr.write(f"usage: orchestrator-hook {{{'|'.join(STAGES)}}} [ARGUMENT ...]\n")
        return EXIT_USAGE
    stage, *rest = arguments
    if stage == MERGE and not (len(rest) == 3 or (len(rest) == 4 and rest[3].isdecimal())):
        sys.stderr.write(f"usage: orchestrator-hook {MERGE} BASE OURS THEIRS [MARKER-SIZE]\n")
        return EXIT_USAGE
    try:
        if stage == AUTO:
            stage = "pre-merge-commit" if _is_merging() else "pre-commit"
        return _answer(stage, rest)
    except KeyboardInterrupt:
        done = "pushed" if stage in PUSH_STAGES else "committed and nothing written"
        sys.stderr.write(f"\ninterrupted; nothing has been {done}\n")
        return EXIT_INTERRUPTED


def _answer(stage: str, rest: Sequence[str]) -> int:
    from orchestrator.core.finding import CannotJudgeError, Finding, RefusedError  # noqa: PLC0415

    again = "push" if stage in PUSH_STAGES else "commit"
    try:
        return _judge_push(stage, rest) if stage in PUSH_STAGES else _run(stage, rest)
    except CannotJudgeError as error:
        _say(error.findings)
        code = EXIT_REFUSED if isinstance(error, RefusedError) else EXIT_CANNOT_JUDGE
    except OSError as error:  # a full disk, missing rights: nothing that a traceback would explain
        _say([Finding("git", f"a file cannot be read or written: {error}", help=f"mend that, then {again} again")])
        code = EXIT_CANNOT_JUDGE
    return 0 if stage == "prepare-commit-msg" else code  # a failure there would stop a rebase


def _is_merging() -> bool:
    """Whether git-merge runs this hook: it names what it merges in the environment, before MERGE_HEAD is there."""
    if not any([name.startswith("GITHEAD_") for name in os.environ]):
        return False
    from orchestrator.app.repository import open_hook_repository  # noqa: PLC0415
    from orchestrator.callers import running_commit  # noqa: PLC0415

    return not running_commit().known and not open_hook_repository(os.environ).has("MERGE_HEAD")


def _run(stage: str, rest: Sequence[str]) -> int:
    if stage == MERGE:
        from orchestrator.app.merge_driver import merge_todo  # noqa: PLC0415

        return merge_todo(*rest)
    from orchestrator.app.accepted import is_accepted  # noqa: PLC0415
    from orchestrator.app.repository import open_hook_repository  # noqa: PLC0415

    repository = open_hook_repository(os.environ)
    if stage == "commit-msg" and rest and is_accepted(repository, rest[0]):
        return 0
    from orchestrator.app import commit  # noqa: PLC0415 - not where all has been judged

    answer: Answer = commit.ACCEPTED
    if stage == "pre-commit":
        answer = commit.pre_commit(repository, _run_due)
    elif stage == "pre-merge-commit":
        answer = commit.pre_merge_commit(repository)
    elif stage == "commit-msg":
        if rest:
            answer = commit.commit_msg(repository, rest[0])
        elif commit.is_planned(repository):
            raise _hidden_message()
    elif stage == "prepare-commit-msg":
        if rest:
            source = rest[1] if len(rest) > 1 else os.environ.get("PRE_COMMIT_COMMIT_MSG_SOURCE", "")
            commit.prepare_commit_msg(repository, rest[0], source)
    else:
        answer = commit.post_commit(repository)
    _say(answer.findings)
    return EXIT_REFUSED if answer.refused else 0


def _judge_push(stage: str, rest: Sequence[str]) -> int:
    from orchestrator.app.repository import open_hook_repository  # noqa: PLC0415
    from orchestrator.app.verify import pushes  # noqa: PLC0415 - a commit does not pay for it

    repository = open_hook_repository(os.environ)
    if stage == "pre-receive":
        answer = pushes.pre_receive(repository, _input_lines() or [])
    elif len(rest) == 2 and (lines := _input_lines()) is not None:
        answer = pushes.pre_push(repository, pushes.Remote(*rest), lines)
    else:  # a hook runner, which keeps both to itself and says a little in the environment
        remote = pushes.Remote(*rest) if len(rest) == 2 else pushes.remote_of_runner(os.environ)
        answer = pushes.pre_push_unseen(repository, remote, os.environ)
    _say(answer.findings)
    if answer.report.refused or answer.report.listed:
        from orchestrator.app.verify.texts import report_text  # noqa: PLC0415 - most pushes have nothing to say

        sys.stderr.write(report_text(answer.report))
    if answer.refused:
        sys.stderr.write("".join([f"note: {note}\n" for note in answer.notes]))
    return EXIT_REFUSED if answer.refused else 0


def _input_lines() -> list[str] | None:
    """The lines of standard input; None where nobody gave any: it is closed, a terminal or /dev/null.

    Git gives a hook a pipe, an empty one where there is nothing to push.
    """
    from stat import S_ISCHR  # noqa: PLC0415

    try:
        if S_ISCHR(os.fstat(0).st_mode):
            return None
    except OSError:
        return None
    with open(0, encoding="utf-8", errors="surrogateescape", newline="\n", closefd=False) as file:
        return [line.removesuffix("\n") for line in file]


def _run_due(
    repository: Repository, settled: Settled, due: Sequence[DueGate], limit_s: float | None
) -> list[GateResult]:
    from orchestrator.app.gates import run_due  # noqa: PLC0415 - only where gates are due

    return run_due(repository, settled, due, limit_s)


def _hidden_message() -> CannotJudgeError:
    from orchestrator.core.finding import CannotJudgeError, Finding  # noqa: PLC0415

    return CannotJudgeError(
        Finding(
            "message-format",
            "the hook was given no message file; a top-level files: or exclude: in .pre-commit-config.yaml hides it",
            help="remove that filter or give it to the other hooks alone, then commit again",
        )
    )


def _say(findings: Sequence[Finding]) -> None:
    if findings:
        from orchestrator.console import findings_text  # noqa: PLC0415 - an accepted commit says nothing

        sys.stderr.write(findings_text(findings))


if __name__ == "__main__":
    sys.exit(main())
