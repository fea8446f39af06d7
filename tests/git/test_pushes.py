"""Which commits of a push are new: real repositories and remotes, and the environment that real runners give."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.app.repository import Repository as AppRepository
from orchestrator.app.verify import pushes
from orchestrator.app.verify.engine import Verified
from orchestrator.app.verify.pushes import Remote, Settings, pushed_span, read_settings, remote_of_runner, unseen_span
from orchestrator.app.verify.report import Options, Report, Span, Tip, Verdict
from orchestrator.core.finding import CannotJudgeError
from orchestrator.git import Git
from tests.support import Repository, run

TOP = Path(__file__).resolve().parents[2]
RUNNERS = ("pre-commit", "prek")
NONE = "0" * 40
ORIGIN = Remote("origin", "../origin.git")


@pytest.fixture
def cloned(repo: Repository, tmp_path: Path) -> Repository:
    """A repository with the remote "origin", which has the commit "one" on main; two and three are on main here."""
    Repository.init(tmp_path / "origin.git", "--bare")
    commit(repo, "one")
    repo.git("remote", "add", "origin", "../origin.git")
    repo.git("push", "-q", "origin", "main")
    commit(repo, "two")
    commit(repo, "three")
    return repo


def commit(repo: Repository, subject: str) -> str:
    """The id of a new, empty commit."""
    repo.git("commit", "-q", "--allow-empty", "-m", subject)
    return repo.out("rev-parse", "HEAD")


def git(repo: Repository) -> Git:
    return Git(str(repo.top))


def app(repo: Repository) -> AppRepository:
    return AppRepository(git(repo), repo.out("rev-parse", "--absolute-git-dir"))


def new_subjects(repo: Repository, span: Span) -> list[str]:
    """The subjects of the commits that the span holds, sorted."""
    tips = [tip.oid for tip in span.tips]
    out = repo.out("log", "--format=%s", *tips, "--not", *span.excluded) if tips else ""
    return sorted(out.split("\n")) if out else []


def line(repo: Repository, local: str, remote: str, old: str = NONE) -> str:
    """What Git tells pre-push of one ref."""
    return f"{local} {repo.out('rev-parse', local)} {remote} {old}"


def test_what_the_remote_has_is_not_new(cloned: Repository) -> None:
    span = pushed_span(git(cloned), ORIGIN, [line(cloned, "refs/heads/main", "refs/heads/main")])
    assert span.tips == (Tip(cloned.out("rev-parse", "main"), "refs/heads/main"),)
    assert span.excluded == ("--remotes=origin",)
    assert span.text == "what origin does not have"
    assert new_subjects(cloned, span) == ["three", "two"]


def test_every_ref_counts_once(cloned: Repository) -> None:
    cloned.git("switch", "-qc", "side", "HEAD~1")
    commit(cloned, "side")
    lines = [
        line(cloned, "refs/heads/main", "refs/heads/main"),
        line(cloned, "refs/heads/side", "refs/heads/side"),
        line(cloned, "refs/heads/side", "refs/heads/again"),
    ]
    span = pushed_span(git(cloned), ORIGIN, lines)
    assert [tip.name for tip in span.tips] == ["refs/heads/main", "refs/heads/side"]
    assert new_subjects(cloned, span) == ["side", "three", "two"]


def test_the_remotes_side_is_left_out_as_far_as_it_is_here(cloned: Repository) -> None:
    two = cloned.out("rev-parse", "HEAD~1")
    span = pushed_span(git(cloned), ORIGIN, [line(cloned, "refs/heads/main", "refs/heads/x", two)])
    assert new_subjects(cloned, span) == ["three"]
    unknown = "1" * 40
    span = pushed_span(git(cloned), ORIGIN, [line(cloned, "refs/heads/main", "refs/heads/x", unknown)])
    assert span.excluded == ("--remotes=origin",)
    assert new_subjects(cloned, span) == ["three", "two"]


def test_deletions_and_tags_of_no_commit_bring_nothing(cloned: Repository) -> None:
    cloned.git("tag", "tree", "HEAD^{tree}")
    cloned.git("tag", "-a", "-m", "x", "deep", "HEAD^{tree}")
    lines = [
        f"(delete) {NONE} refs/heads/old {cloned.out('rev-parse', 'HEAD')}",
        line(cloned, "refs/tags/tree", "refs/tags/tree"),
        line(cloned, "refs/tags/deep", "refs/tags/deep"),
    ]
    span = pushed_span(git(cloned), ORIGIN, lines)
    assert span.tips == ()
    assert not pushes.pre_push(app(cloned), ORIGIN, lines).refused
    assert not pushes.pre_push(app(cloned), ORIGIN, []).refused


def test_tags_of_tags_are_followed_to_the_commit(cloned: Repository) -> None:
    cloned.git("switch", "-q", "--detach")
    oid = commit(cloned, "four")
    cloned.git("tag", "-a", "-m", "x", "inner")
    cloned.git("-c", "advice.nestedTag=false", "tag", "-a", "-m", "x", "outer", "inner")
    span = pushed_span(git(cloned), ORIGIN, [line(cloned, "refs/tags/outer", "refs/tags/outer")])
    assert span.tips == (Tip(oid, "refs/tags/outer"),)
    assert new_subjects(cloned, span) == ["four", "three", "two"]


def test_a_revision_with_blanks_in_it(cloned: Repository) -> None:
    oid = commit(cloned, "mend it")
    span = pushed_span(git(cloned), ORIGIN, [f":/mend it {oid} refs/heads/x {NONE}"])
    assert span.tips == (Tip(oid, ":/mend it"),)


@pytest.mark.parametrize("odd", ["x", "a b c", "HEAD 123 refs/heads/x 456", f"HEAD {'g' * 40} refs/heads/x {NONE}"])
def test_a_line_of_another_form_cannot_be_judged(cloned: Repository, odd: str) -> None:
    with pytest.raises(CannotJudgeError, match="no line of a push"):
        pushed_span(git(cloned), ORIGIN, [odd])
    with pytest.raises(CannotJudgeError, match="no line of a push"):
        pushes.pre_receive(app(cloned), [odd])


def test_what_is_sent_must_be_here(cloned: Repository) -> None:
    with pytest.raises(CannotJudgeError, match="is missing"):
        pushed_span(git(cloned), ORIGIN, [f"refs/heads/main {'1' * 40} refs/heads/main {NONE}"])


def test_of_a_url_only_its_own_side_is_known(cloned: Repository, tmp_path: Path) -> None:
    Repository.init(tmp_path / "other.git", "--bare")
    main = line(cloned, "refs/heads/main", "refs/heads/main")
    for url in ("../other.git", str(tmp_path / "origin.git"), "https://user:secret@example.com/x"):
        span = pushed_span(git(cloned), Remote(url, url), [main])
        assert span.excluded == ()
        assert span.text == "what the remote does not have"
        assert new_subjects(cloned, span) == ["one", "three", "two"]
    two = cloned.out("rev-parse", "HEAD~1")
    span = pushed_span(
        git(cloned), Remote("../other.git", "../other.git"), [line(cloned, "HEAD", "refs/heads/main", two)]
    )
    assert new_subjects(cloned, span) == ["three"]


def test_a_url_that_is_a_remotes_own_is_that_remote(cloned: Repository) -> None:
    main = line(cloned, "refs/heads/main", "refs/heads/main")
    span = pushed_span(git(cloned), Remote("../origin.git", "../origin.git"), [main])
    assert span.excluded == ("--remotes=origin",)
    assert span.text == "what origin does not have"


def test_what_another_remote_has_is_new_to_this_one(cloned: Repository, tmp_path: Path) -> None:
    Repository.init(tmp_path / "fork.git", "--bare")
    cloned.git("remote", "add", "fork.of.mine", "../fork.git")
    main = line(cloned, "refs/heads/main", "refs/heads/main")
    span = pushed_span(git(cloned), Remote("fork.of.mine", "../fork.git"), [main])
    assert span.excluded == ("--remotes=fork.of.mine",)
    assert new_subjects(cloned, span) == ["one", "three", "two"]


def test_a_name_that_would_be_a_pattern_excludes_nothing(cloned: Repository) -> None:
    cloned.git("config", "remote.o*.url", "../x")
    span = pushed_span(git(cloned), Remote("o*", "../x"), [line(cloned, "refs/heads/main", "refs/heads/main")])
    assert span.excluded == ()


def test_without_lines_every_local_commit_counts(cloned: Repository) -> None:
    cloned.git("switch", "-qc", "side", "HEAD~1")
    commit(cloned, "side")
    cloned.git("switch", "-q", "--detach")
    commit(cloned, "loose")
    cloned.git("branch", "-q", "old", "origin/main")
    span = unseen_span(git(cloned), ORIGIN, {})
    assert [tip.name for tip in span.tips] == ["refs/heads/main", "refs/heads/old", "refs/heads/side", "HEAD"]
    assert new_subjects(cloned, span) == ["loose", "side", "three", "two"]


def test_what_a_runner_names_counts_too(cloned: Repository) -> None:
    cloned.git("switch", "-q", "--detach")
    cloned.git("tag", "-a", "-m", "x", "lone", commit(cloned, "lone"))
    cloned.git("switch", "-q", "main")
    tag = cloned.out("rev-parse", "lone")
    for env in (
        {"PRE_COMMIT_TO_REF": tag, "PRE_COMMIT_LOCAL_BRANCH": "refs/tags/lone"},
        {"PRE_COMMIT_LOCAL_BRANCH": "refs/tags/lone"},
        {"PRE_COMMIT_TO_REF": "lone"},
    ):
        span = unseen_span(git(cloned), ORIGIN, env)
        assert new_subjects(cloned, span) == ["lone", "three", "two"]
    with pytest.raises(CannotJudgeError, match="cannot be found here: refs/heads/gone"):
        unseen_span(git(cloned), ORIGIN, {"PRE_COMMIT_LOCAL_BRANCH": "refs/heads/gone"})


def test_without_a_remote_what_no_remote_has_counts(cloned: Repository) -> None:
    span = unseen_span(git(cloned), Remote(), {})
    assert span.excluded == ("--remotes",)
    assert new_subjects(cloned, span) == ["three", "two"]


def test_an_unborn_branch_brings_nothing(repo: Repository) -> None:
    assert unseen_span(git(repo), Remote(), {}).tips == ()
    assert not pushes.pre_push_unseen(app(repo), Remote(), {}).refused


@pytest.mark.parametrize("runner", RUNNERS)
def test_what_real_runners_tell(cloned: Repository, tmp_path: Path, runner: str) -> None:
    """Three pushes: two branches at once, the second of which the runner keeps to itself; a tag; a new URL."""
    Repository.init(tmp_path / "other.git", "--bare")
    told = tmp_path / "told"
    entry = tmp_path / "entry"
    entry.write_text(
        f"#!{sys.executable}\nimport json, os, sys\nsys.path[0] = {str(TOP)!r}\n"
        "from orchestrator.app.verify.pushes import remote_of_runner, unseen_span\n"
        "from orchestrator.git import Git\n"
        "remote = remote_of_runner(os.environ)\nspan = unseen_span(Git(), remote, os.environ)\n"
        "tips = [tip.oid for tip in span.tips]\n"
        "new = Git().text('log', '--format=%s', *tips, '--not', *span.excluded).split()\n"
        f"json.dump([remote.name, sorted(new), sys.argv[1:], sys.stdin.read()], open({str(told)!r}, 'w'))\n",
        encoding="utf-8",
    )
    entry.chmod(0o755)
    cloned.write(
        ".pre-commit-config.yaml",
        "default_install_hook_types: [pre-push]\nrepos:\n- repo: local\n  hooks:\n"
        f"  - {{id: x, name: x, language: system, entry: {entry}, stages: [pre-push], always_run: true,"
        " pass_filenames: false}\n",
    )
    cloned.git("add", ".")
    commit(cloned, "config")
    found = shutil.which(runner, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert found
    run([found, "install"], cwd=cloned.top)
    cloned.git("switch", "-qc", "side")
    commit(cloned, "side")

    def told_of(*argv: str) -> tuple[str, list[str]]:
        told.unlink(missing_ok=True)
        cloned.git("push", "-q", *argv)
        name, new, arguments, stdin = json.loads(told.read_text(encoding="utf-8"))
        assert (arguments, stdin) == ([], "")
        return name, new

    assert told_of("origin", "main", "side") == ("origin", ["config", "side", "three", "two"])
    cloned.git("switch", "-q", "--detach")
    commit(cloned, "lone")
    cloned.git("tag", "-a", "-m", "x", "tagged")
    cloned.git("switch", "-q", "main")
    assert told_of("origin", "tagged") == ("origin", ["lone"])
    everything = ["config", "one", "side", "three", "two"]
    assert told_of("../other.git", "main") == ("../other.git", everything)
    commit(cloned, "four")
    assert told_of("../other.git", "main") == ("../other.git", ["four", "side"])


def test_the_remote_in_the_environment() -> None:
    assert remote_of_runner({"PRE_COMMIT_REMOTE_NAME": "a", "PRE_COMMIT_REMOTE_URL": "b"}) == Remote("a", "b")
    assert remote_of_runner({}) == Remote()


def test_only_a_project_with_a_plan_minds_a_shallow_clone(repo: Repository, tmp_path: Path) -> None:
    commit(repo, "one")
    commit(repo, "two")
    repo.git("clone", "-q", "--depth", "1", repo.top.as_uri(), str(tmp_path / "shallow"))
    shallow = Repository(tmp_path / "shallow")
    commit(shallow, "three")
    main = [line(shallow, "refs/heads/main", "refs/heads/x")]
    remote = Remote("origin", repo.top.as_uri())
    assert not pushes.pre_push(app(shallow), remote, main).refused
    assert not pushes.pre_push_unseen(app(shallow), remote, {}).refused
    shallow.add({"plan.toml": "x"})
    with pytest.raises(CannotJudgeError, match="shallow"):
        pushes.pre_push(app(shallow), remote, main)
    # Neither staged nor in HEAD nor at the tip, but in a commit that is pushed.
    shallow.git("commit", "-q", "-m", "plan")
    shallow.git("rm", "-q", "plan.toml")
    shallow.git("commit", "-q", "-m", "no plan")
    main = [line(shallow, "refs/heads/main", "refs/heads/x")]
    with pytest.raises(CannotJudgeError, match="shallow"):
        pushes.pre_push(app(shallow), remote, main)
    known = [line(shallow, "refs/heads/main", "refs/heads/x", shallow.out("rev-parse", "HEAD"))]
    assert not pushes.pre_push(app(shallow), remote, known).refused


class Asked:
    """A stand-in for the judge that remembers what it was asked, and refuses if told so."""

    def __init__(self, *refused: Verdict) -> None:
        """Refuse these."""
        self.refused = refused
        self.spans: list[Span] = []
        self.options: list[Options] = []

    def __call__(self, repository: AppRepository, span: Span, options: Options) -> Verified:
        """Remember, and answer."""
        assert repository.git.text("rev-parse", "--git-dir")
        self.spans.append(span)
        self.options.append(options)
        return Verified(Report(span, 1, 0, self.refused))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The judge of every push in this test."""
    judge = Asked()
    monkeypatch.setattr("orchestrator.app.verify.engine.verify", judge)
    return judge


def test_what_the_judge_is_asked_before_a_push(cloned: Repository, asked: Asked) -> None:
    main = line(cloned, "refs/heads/main", "refs/heads/main")
    assert pushes.pre_push(app(cloned), ORIGIN, [main, "", main]).notes == ()
    answer = pushes.pre_push_unseen(app(cloned), ORIGIN, {})
    assert [span.excluded for span in asked.spans] == [("--remotes=origin",)] * 2
    assert asked.options == [Options(), Options()]
    assert not answer.refused
    asked.refused = (Verdict(cloned.out("rev-parse", "HEAD"), "three", ()),)
    answer = pushes.pre_push_unseen(app(cloned), ORIGIN, {})
    assert answer.refused
    assert answer.notes == ()  # there is one branch alone that can have been pushed
    cloned.git("branch", "-q", "other")
    answer = pushes.pre_push_unseen(app(cloned), ORIGIN, {})
    assert "hook runners do not say" in answer.notes[0]


def test_a_push_of_nothing_asks_nobody(cloned: Repository, asked: Asked) -> None:
    pushes.pre_push(app(cloned), ORIGIN, [])
    pushes.pre_receive(app(cloned), [f"{cloned.out('rev-parse', 'HEAD')} {NONE} refs/heads/x"])
    assert asked.spans == []


# -- on the server


@pytest.fixture
def server(cloned: Repository) -> Repository:
    """The bare repository that "origin" is."""
    return Repository(cloned.top.parent / "origin.git")


def test_the_settings_of_a_server(server: Repository) -> None:
    assert read_settings(git(server)) == Settings("", True)
    server.git("config", "orchestrator.planRef", "refs/heads/main")
    server.git("config", "orchestrator.exceptions", "allow")
    assert read_settings(git(server)) == Settings("refs/heads/main", False)
    server.git("config", "--add", "orchestrator.exceptions", "refuse")
    assert read_settings(git(server)) == Settings("refs/heads/main", True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("exceptions", "Allow"),
        ("exceptions", "yes"),
        ("exceptions", ""),
        ("planRef", "main"),
        ("planRef", "HEAD"),
        ("planRef", "refs/heads/a b"),
        ("planRef", "refs/heads/main:plan.toml"),
    ],
)
def test_an_unknown_setting_judges_nothing(server: Repository, key: str, value: str) -> None:
    server.git("config", f"orchestrator.{key}", value)
    with pytest.raises(CannotJudgeError, match=rf"orchestrator\.{key} is ") as caught:
        pushes.pre_receive(app(server), [f"{NONE} {server.out('rev-parse', 'main')} refs/heads/x"])
    assert "git config orchestrator." in caught.value.findings[0].help


def test_what_the_judge_is_asked_on_a_server(cloned: Repository, server: Repository, asked: Asked) -> None:
    one = server.out("rev-parse", "main")
    line_ = f"{NONE} {one} refs/heads/x"
    pushes.pre_receive(app(server), [line_, f"{NONE} {one} refs/tags/x"])
    assert asked.spans == [Span((Tip(one, "refs/heads/x"), Tip(one, "refs/tags/x")), ("--all",), "what is pushed")]
    server.git("config", "orchestrator.planRef", "refs/heads/main")
    pushes.pre_receive(app(server), [line_])  # no plan there yet
    cloned.commit("plan", {"plan.toml": "x"})
    cloned.git("push", "-q", "origin", "main")
    server.git("config", "orchestrator.exceptions", "allow")
    pushes.pre_receive(app(server), [line_])
    assert asked.options == [
        Options("", refuse_exceptions=True),
        Options("", refuse_exceptions=True),
        Options("refs/heads/main", refuse_exceptions=False),
    ]


def test_nothing_is_kept_on_a_server(cloned: Repository, server: Repository) -> None:
    plan = 'version = 1\n[feature]\ntitle = "x"\n[[phase]]\nid = "a"\ntitle = "A"\n[[phase.task]]\ntitle = "T"\n'
    cloned.commit("plan", {"plan.toml": plan})
    commit(cloned, "feat: [a] x")
    cloned.git("push", "-q", "origin", "main:refs/heads/other")
    oid = server.out("rev-parse", "other")
    server.git("update-ref", "-d", "refs/heads/other")
    before = sorted(os.listdir(server.top))
    assert pushes.pre_receive(app(server), [f"{NONE} {oid} refs/heads/main"]).report.judged == 2
    assert sorted(os.listdir(server.top)) == before


def test_without_a_line_nothing_is_taken(server: Repository) -> None:
    with pytest.raises(CannotJudgeError, match="told no ref"):
        pushes.pre_receive(app(server), [])


def ids(repo: Repository, *lines: str) -> list[str]:
    """The refs that the findings name, with the ids of the findings."""
    answer = pushes.pre_receive(app(repo), lines)
    assert answer.refused is bool(answer.findings)
    return [f"{finding.id} {finding.message.split(' ')[0]}" for finding in answer.findings]


def test_replacements_are_refused_and_may_be_taken_away(server: Repository) -> None:
    main = server.out("rev-parse", "main")
    server.git("update-ref", "refs/tags/blob", server.git("hash-object", "-w", "--stdin", stdin="x").stdout.strip())
    blob = server.out("rev-parse", "refs/tags/blob")
    for ref in (f"refs/replace/{blob}", f"refs/Replace/{blob}"):
        assert ids(server, f"{NONE} {blob} {ref}") == [f"ref-protected {ref}"]
        assert ids(server, f"{blob} {NONE} {ref}") == []
    assert ids(server, f"{main} {NONE} refs/heads/main", f"{NONE} {blob} refs/replaced") == []


def test_the_ref_of_the_plan_only_goes_forward(cloned: Repository, server: Repository) -> None:
    two, three = cloned.out("rev-parse", "HEAD~1"), cloned.out("rev-parse", "HEAD")
    server.git("config", "orchestrator.planRef", "refs/heads/main")
    assert ids(server, f"{three} {NONE} refs/heads/main") == ["ref-protected refs/heads/main"]
    assert ids(server, f"{three} {NONE} refs/heads/other") == []
    settings = read_settings(git(server))
    cases = {(three, two): 1, (two, three): 0, (two, two): 0, ("", two): 0, (two, ""): 1}
    for (old, new), count in cases.items():
        update = pushes.Update("refs/heads/main", new, old)
        assert len(list(pushes._of_ref(git(cloned), update, settings.plan_ref))) == count
        assert list(pushes._of_ref(git(cloned), update.replace(ref="refs/heads/x"), settings.plan_ref)) == []


def test_a_symbolic_ref_of_the_plan_protects_its_target(server: Repository) -> None:
    main = server.out("rev-parse", "main")
    server.git("symbolic-ref", "refs/plan", "refs/heads/main")
    server.git("config", "orchestrator.planRef", "refs/plan")
    for ref in ("refs/plan", "refs/heads/main"):
        assert ids(server, f"{main} {NONE} {ref}") == [f"ref-protected {ref}"]


def test_a_plan_binds_only_where_there_is_one(cloned: Repository, server: Repository) -> None:
    assert not pushes._has_plan(git(server), "")
    assert not pushes._has_plan(git(server), "refs/heads/none")
    assert not pushes._has_plan(git(server), "refs/heads/main")
    cloned.commit("plan", {"plan.toml": "x"})
    cloned.git("push", "-q", "origin", "main")
    assert pushes._has_plan(git(server), "refs/heads/main")


# -- the entry of the hooks


def hook(
    repo: Repository, *argv: str, stdin: str | int = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The finished ``orchestrator-hook ARGV``; ``stdin`` is its text or what subprocess takes."""
    given = {"input": stdin} if isinstance(stdin, str) else {"stdin": stdin}
    return subprocess.run(
        [sys.executable, "-m", "orchestrator.stages", *argv],
        cwd=repo.top,
        env={**os.environ, "PYTHONPATH": str(TOP), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        **given,
    )


def test_exit_codes_of_a_push(cloned: Repository, server: Repository) -> None:
    main = cloned.out("rev-parse", "HEAD")
    deletion = f"(delete) {NONE} refs/heads/x {main}\n"
    done = hook(cloned, "pre-push", "origin", "../origin.git", stdin=deletion)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert hook(cloned, "pre-push", "origin", "../origin.git", stdin="").returncode == 0
    done = hook(cloned, "pre-push", "origin", "../origin.git", stdin="what?\n")
    assert done.returncode == 3
    assert "error[git]: this is no line of a push: what?" in done.stderr
    done = hook(server, "pre-receive", stdin=f"{main} {NONE} refs/heads/x\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert hook(server, "pre-receive").returncode == 3
    assert hook(server, "pre-receive", stdin=subprocess.DEVNULL).returncode == 3
    server.git("config", "orchestrator.exceptions", "perhaps")
    done = hook(server, "pre-receive", stdin=f"{main} {NONE} refs/heads/x\n")
    assert done.returncode == 3
    assert 'orchestrator.exceptions is "perhaps", neither "refuse" nor "allow"' in done.stderr


PLAN = """\
version = 1
[feature]
title = "x"
[[phase]]
id = "a"
title = "A"
files = ["a/**"]
[[phase.task]]
title = "T"
"""


@pytest.fixture
def planned(cloned: Repository) -> Repository:
    """The same with a plan, which origin has, and a commit that names no phase on the branch "wip"."""
    cloned.commit("plan", {"plan.toml": PLAN})
    cloned.git("push", "-q", "origin", "main")
    cloned.git("switch", "-qc", "wip")
    cloned.commit("what I did", {"a/x": "x"})
    cloned.git("switch", "-q", "main")
    return cloned


@pytest.mark.parametrize("stdin", ["", subprocess.DEVNULL])
def test_an_empty_pipe_is_a_push_of_nothing_and_no_input_none_at_all(planned: Repository, stdin: str | int) -> None:
    done = hook(planned, "pre-push", "origin", "../origin.git", stdin=stdin)
    assert done.returncode == int(stdin != "")
    assert ("error[message-format]" in done.stderr) is (stdin != "")
    assert ("note: hook runners do not say" in done.stderr) is (stdin != "")


def test_a_runner_that_names_the_remote(planned: Repository) -> None:
    env = {"PRE_COMMIT": "1", "PRE_COMMIT_REMOTE_NAME": "origin", "PRE_COMMIT_REMOTE_URL": "../origin.git"}
    done = hook(planned, "pre-push", env=env)
    assert done.returncode == 1
    assert "what origin does not have: " in done.stderr
    planned.git("branch", "-qD", "wip")
    done = hook(planned, "pre-push", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_push_is_refused_with_the_refs_that_bring_the_commit(planned: Repository, server: Repository) -> None:
    wip = line(planned, "refs/heads/wip", "refs/heads/wip")
    done = hook(planned, "pre-push", "origin", "../origin.git", stdin=f"{wip}\n")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error[message-format]" in done.stderr
    assert "note:" not in done.stderr
    script = server.top / "hooks/pre-receive"
    script.write_text(
        f'#!/bin/sh\nPYTHONPATH={TOP} exec {sys.executable} -m orchestrator.stages pre-receive "$@"\n', encoding="utf-8"
    )
    script.chmod(0o755)
    planned.git("switch", "-qc", "good")
    planned.commit("feat: [a] y", {"a/y": "y"})
    refs = server.out("for-each-ref")
    both = planned.git("push", "-q", "origin", "wip", "good", check=False)
    assert both.returncode == 1
    assert "remote:   error[message-format]" in both.stderr
    assert "(refs/heads/wip) what I did" in both.stderr
    assert server.out("for-each-ref") == refs
    replaced = f"HEAD:refs/replace/{planned.out('rev-parse', 'HEAD')}"
    done = planned.git("push", "-q", "origin", "good", replaced, check=False)
    assert done.returncode == 1
    assert "error[ref-protected]" in done.stderr
    assert server.out("for-each-ref") == refs
    quiet = planned.git("push", "-q", "origin", "good")
    assert (quiet.stdout, quiet.stderr) == ("", "")
    assert server.out("rev-parse", "good") == planned.out("rev-parse", "good")
