"""A server with our pre-receive: what is refused of a push leaves nothing there, and honest work gets through."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.evidence import Content
from orchestrator.core.plan_file import read_plan
from tests.e2e.support import GATES, PLAN, Adopted, hook_command, installed_command, plan_text, said, script
from tests.e2e.verify_support import around, finish_api, through
from tests.support import Repository, run

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from tests.e2e.conftest import Maker

MAIN = "HEAD:refs/heads/main"
FREE = PLAN.replace('depends_on = ["api"]\n', "").replace('depends_on = ["foundation"]\n', "")
SQUASH = plan_text('mainline = "squash"')
FORM = {"src/ui/login.html": "<form>\n"}
PLAN_REF = ("orchestrator.planRef", "refs/heads/main")


class Site:
    """The bare repository of a server, and a clone of it; both keep their temporary files in one folder."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        """Speak of the two that are in ``folder``."""
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.server = Repository(folder / "server.git")
        self.clone = Adopted(folder / "clone", {**env, "TMPDIR": str(self.temporary)})

    def set(self, key: str, value: str) -> None:
        """Configure the server."""
        self.server.git("config", key, value)

    def refs(self) -> dict[str, str]:
        """The server's refs and what each is at."""
        lines = self.server.out("for-each-ref", "--format=%(refname) %(objectname)").split("\n")
        return dict([line.split(" ") for line in lines if line])

    def lacks(self, oid: str) -> bool:
        """Whether the server does not have the object."""
        return self.server.git("cat-file", "-e", oid, check=False).returncode != 0


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``orchestrator`` and ``orchestrator-hook``, as an installation of this checkout has them."""
    folder = hook_command(tmp_path_factory.mktemp("installation")).parent
    installed_command(folder / "orchestrator", "orchestrator.cli")
    return folder


def install(repo: Repository, installation: Path) -> None:
    """Put native hooks into the repository, bare or not, as its owner does."""
    run([installation / "orchestrator", "install", "--native"], cwd=repo.top)


def new_site(make: Maker, installation: Path, clone: Adopted, *options: str) -> Site:
    """The repository as clone of a server that has the hook and nothing else yet."""
    site = Site(make.tmp_path, clone.env)
    Repository.init(site.server.top, "--bare", "--template=", *options)
    install(site.server, installation)
    assert [file.name for file in (site.server.top / "hooks").iterdir()] == ["pre-receive"]
    assert str(installation / "orchestrator-hook") in site.server.read("hooks/pre-receive")
    clone.git("remote", "add", "origin", "../server.git")
    return site


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for a site that is to be copied."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture
def site(make: Maker, installation: Path, prepared: Path) -> Site:
    """A site whose ``main`` has adopted the plan and completed the first phase; the clone has hooks.

    The clone has a branch ``ahead``, too, on which the second phase is completed and the third has two files.
    """
    names = ("server.git", "clone")
    if (prepared / "clone").exists():
        for name in names:
            shutil.copytree(prepared / name, make.tmp_path / name, symlinks=True)
        site = Site(make.tmp_path, make.environment("native", "clone"))
        site.clone.git("update-index", "-q", "--refresh")
        return site
    clone = make.adopted(name="clone")
    site = new_site(make, installation, clone)
    clone.finish_foundation()
    assert "adopted:" in take(site, MAIN)
    clone.git("switch", "-q", "-c", "ahead")
    finish_api(clone)
    around(clone, "feat: [ui] one", {"src/ui/one.html": "1\n"})
    around(clone, "feat: [ui] two", {"src/ui/two.html": "2\n"})
    clone.git("switch", "-q", "main")
    for name in names:
        shutil.copytree(make.tmp_path / name, prepared / name, symlinks=True)
    return site


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything below the folder: the bytes of files, nothing for folders."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def own_contents(site: Site) -> dict[str, bytes | None]:
    """What is below the bare repository beside refs and objects, which pushes are to change."""
    return {path: data for path, data in contents(site.server.top).items() if not path.startswith(("refs", "objects"))}


def remote_lines(text: str) -> Iterator[str]:
    """What the server has said, without the mark that Git puts before it."""
    for line in text.split("\n"):
        if line.startswith("remote: "):
            yield line.removeprefix("remote: ").rstrip()


def told_of(lines: Iterable[str]) -> dict[str, set[str]]:
    """The ids of the errors by the commit under which they are told, "" for those of the push itself."""
    found: dict[str, set[str]] = {}
    commit = ""
    for line in lines:
        if line.strip().startswith("commit "):
            commit = line.split()[1]
        elif line.strip().startswith("error["):
            found.setdefault(commit, set()).add(line.partition("[")[2].partition("]")[0])
    return found


def refuse(
    site: Site, refspecs: Collection[str], expected: Mapping[str, set[str]], env: Mapping[str, str] | None = None
) -> str:
    """What Git says of a push, with no hook of the clone, that the server refuses for just these reasons.

    ``expected`` has ids of errors by the id of the commit. Nothing of the push may be left on the server.
    """
    clone = site.clone
    before, refs, runs = contents(site.server.top), site.refs(), clone.gate_runs()
    done = clone.git("push", "--no-verify", "origin", *refspecs, check=False, env=env)
    assert done.returncode == 1, done.stderr
    assert told_of(remote_lines(done.stderr)) == {oid[:12]: ids for oid, ids in expected.items()}, done.stderr
    assert done.stderr.count("! [remote rejected] ") == len(refspecs)
    assert done.stderr.count("(pre-receive hook declined)") == len(refspecs)
    assert "Traceback" not in done.stderr
    assert site.refs() == refs
    assert all([site.lacks(oid) for oid in expected if oid])
    assert contents(site.server.top) == before
    assert clone.gate_runs() == runs
    assert list(site.temporary.iterdir()) == []
    return done.stderr


def take(site: Site, *refspecs: str, hooks: bool = False) -> str:
    """What Git says of a push that the server takes; each ref is where it shall be, and nothing else has changed.

    ``hooks`` of the clone, which must take it, too, are left out unless asked for: they cost as much again.
    """
    clone = site.clone
    before, runs = own_contents(site), clone.gate_runs()
    done = clone.git("push", "--verify" if hooks else "--no-verify", "origin", *refspecs, check=False)
    assert done.returncode == 0, done.stderr
    refs = site.refs()
    for refspec in refspecs:
        source, _, ref = refspec.lstrip("+").partition(":")
        assert refs.get(ref) == (clone.out("rev-parse", source) if source else None)
    assert own_contents(site) == before
    assert clone.gate_runs() == runs
    assert list(site.temporary.iterdir()) == []
    return done.stderr


# -- pushes of one branch that are refused -----------------------------------------------------------------------------


def bad_form(repo: Adopted) -> str:
    return around(repo, "bad", {"notes.txt": "four\n"})


def locked_phase(repo: Adopted) -> str:
    return around(repo, "feat: [ui] bad", FORM)


def tick_without_evidence(repo: Adopted) -> str:
    repo.tick("2.2")
    return around(repo, "feat: [api] bad")


def plan_with_files(repo: Adopted) -> str:
    return around(repo, "feat: [plan] bad", {"plan.toml": PLAN.replace("Web UI", "Web"), "src/api/x.py": "x = 1\n"})


def plan_off_the_index(repo: Adopted) -> str:
    repo.git("rm", "-q", "--cached", "plan.toml")
    return around(repo, "feat: [ui] bad", FORM)


def bad_in_the_middle(repo: Adopted) -> str:
    bad = around(repo, "bad", {"notes.txt": "four\n"})
    around(repo, "feat: [api] fine", {"src/api/x.py": "x = 1\n"})
    return bad


def cherry_pick(repo: Adopted) -> str:
    repo.git("cherry-pick", "ahead")
    return repo.out("rev-parse", "HEAD")


def two_branches(repo: Adopted) -> None:
    """``main`` and ``topic``, each with honest work of its own in the second phase."""
    repo.git("switch", "-q", "-c", "topic")
    around(repo, "feat: [api] topic", {"src/api/topic.py": "x = 1\n"})
    repo.git("switch", "-q", "main")
    around(repo, "feat: [api] main", {"src/api/main.py": "x = 1\n"})


def evil_merge(repo: Adopted) -> str:
    two_branches(repo)
    repo.git("merge", "-q", "--no-verify", "--no-commit", "topic")
    return around(repo, "Merge branch 'topic'", FORM)


def false_revert(repo: Adopted) -> str:
    head = repo.out("rev-parse", "HEAD")
    return around(repo, f'Revert "schema and settings"\n\nThis reverts commit {head}.', {"src/api/x.py": "x = 1\n"})


def false_fixup(repo: Adopted) -> str:
    return around(repo, "fixup! feat: [api] what nobody did", {"src/api/x.py": "x = 1\n"})


def commit_tree(repo: Adopted) -> str:
    repo.add(FORM)
    oid = repo.out("commit-tree", repo.out("write-tree"), "-p", "HEAD", "-m", "feat: [api] bad")
    repo.git("reset", "-q", "--hard", oid)
    return oid


def garbage_key(repo: Adopted) -> str:
    gate = f'[phase.api.gate.api]\nkey = "{"a" * 64}"\n'
    return around(repo, "feat: [api] bad", {"plan.lock": repo.read("plan.lock").replace("[phase.api]\n", gate)})


def exception(repo: Adopted) -> str:
    return around(repo, "hot fix\n\nPlan-Exception: production is down", FORM)


VIOLATIONS: dict[Callable[[Adopted], str], set[str]] = {
    bad_form: {"message-format"},
    locked_phase: {"phase-locked"},
    tick_without_evidence: {"task-evidence"},
    plan_with_files: {"plan-mixed"},
    plan_off_the_index: {"phase-mismatch", "plan-mixed"},
    bad_in_the_middle: {"message-format"},
    cherry_pick: {"phase-locked"},
    evil_merge: {"phase-locked"},
    false_revert: {"revert-target"},
    false_fixup: {"fixup-target"},
    commit_tree: {"phase-locked", "phase-mismatch"},
    garbage_key: {"gate-due", "lock-tampered"},
    exception: {"bypassed"},
}


@pytest.mark.parametrize("violation", VIOLATIONS, ids=lambda violation: violation.__name__)
def test_a_violation_is_refused_and_leaves_nothing(site: Site, violation: Callable[[Adopted], str]) -> None:
    bad = violation(site.clone)
    refuse(site, [MAIN], {bad: VIOLATIONS[violation]})


# -- refs --------------------------------------------------------------------------------------------------------------


def test_a_bad_commit_comes_in_under_no_kind_of_ref(site: Site) -> None:
    """One commit, offered as a new branch, as tags, and below other names."""
    clone = site.clone
    clone.git("switch", "-q", "-c", "bad")
    bad = bad_form(clone)
    clone.git("tag", "light")
    clone.git("tag", "-a", "-m", "release", "heavy")
    clone.git("-c", "advice.nestedTag=false", "tag", "-a", "-m", "release", "heavier", "heavy")
    expected = {bad: {"message-format"}}
    for ref in (
        "bad:refs/heads/new",
        "light:refs/tags/light",
        "heavy:refs/tags/heavy",
        "heavier:refs/tags/heavier",
        "bad:refs/notes/x",
    ):
        refuse(site, [ref], expected)
    assert all([site.lacks(clone.out("rev-parse", tag)) for tag in ("heavy", "heavier")])


def test_of_several_refs_those_that_bring_the_commit_are_named_and_none_is_taken(site: Site) -> None:
    clone = site.clone
    clone.git("switch", "-q", "-c", "good")
    good = around(clone, "feat: [api] fine", {"src/api/x.py": "x = 1\n"})
    clone.git("switch", "-q", "-c", "bad", "main")
    bad = bad_form(clone)
    around(clone, "feat: [api] on top", {"src/api/y.py": "y = 1\n"})
    refs = ["good:refs/heads/good", "bad~1:refs/heads/one", "bad:refs/heads/two", ":refs/heads/other"]
    site.server.git("update-ref", "refs/heads/other", "main")
    text = refuse(site, refs, {bad: {"message-format"}})
    assert f"commit {bad[:12]} (refs/heads/one, refs/heads/two) bad" in list(remote_lines(text))
    assert site.lacks(good)


def test_a_forced_push_that_rewrites_is_judged(site: Site) -> None:
    clone = site.clone
    clone.git("commit", "-q", "--amend", "--no-verify", "-m", "rewritten")
    bad = clone.out("rev-parse", "HEAD")
    refuse(site, [f"+{MAIN}"], {bad: {"message-format"}})
    clone.git("commit", "-q", "--amend", "--no-verify", "-m", "feat: [foundation] other words")
    take(site, f"+{MAIN}")


def test_replacements_are_refused(site: Site) -> None:
    clone = site.clone
    replace = f"refs/replace/{clone.out('rev-parse', 'HEAD')}"
    refuse(site, [f"HEAD~1:{replace}"], {"": {"ref-protected"}})
    site.server.git("update-ref", replace, "main~1")
    around(clone, "feat: [api] fine", {"src/api/x.py": "x = 1\n"})
    refuse(site, [MAIN], {"": {"git"}})  # with one there nobody can say what is judged, so nothing is taken
    take(site, f":{replace}")
    take(site, MAIN)


def test_a_tree_or_blob_has_no_commits_to_be_judged(site: Site) -> None:
    blob = site.clone.out("rev-parse", "HEAD:notes.txt")
    take(site, f"{blob}:refs/tags/blob")


# -- a plan that binds -------------------------------------------------------------------------------------------------


def weaken(repo: Adopted) -> tuple[str, str]:
    """The ids of a commit that takes the order out of the plan, and of one that would be out of order before."""
    plan = around(repo, "feat: [plan] no order", {"plan.toml": FREE})
    return plan, around(repo, "feat: [ui] at once", FORM)


def test_a_weakened_plan_does_not_help_in_the_push_that_brings_it(site: Site) -> None:
    site.set(*PLAN_REF)
    plan, work = weaken(site.clone)
    refuse(site, [MAIN], {work: {"phase-locked"}})
    refuse(site, [f"{plan}:refs/heads/main", "HEAD:refs/heads/topic"], {work: {"phase-locked"}})
    # Alone it is taken, and told; from then on it is the plan.
    text = take(site, f"{plan}:refs/heads/main")
    assert "what weakens the plan:" in text
    assert "phase ui: " in text
    take(site, MAIN)


def test_where_no_plan_binds_each_commit_is_judged_by_its_parents(site: Site) -> None:
    weaken(site.clone)
    assert "what weakens the plan:" in take(site, MAIN)


def test_a_plan_that_binds_cannot_be_taken_away(site: Site) -> None:
    clone = site.clone
    site.set(*PLAN_REF)
    clone.git("rm", "-q", "plan.toml", "PLAN.md", "plan.lock")
    gone = around(clone, "feat: [plan] we are done")
    work = around(clone, "anything", FORM)
    ids = {"message-format", "phase-locked"}
    refuse(site, [MAIN], {gone: {"lock-tampered", "plan-md-edited", "plan-mixed"}, work: ids})


def test_a_gate_made_easy_does_not_count_where_another_plan_binds(site: Site) -> None:
    clone = site.clone
    through(clone, "feat: [plan] easy", {"plan.toml": PLAN.replace("compile(", "print(")})
    clone.add({"src/api/auth.py": "x = (\n", "src/api/log/a.py": "a = 1\n"})
    clone.tick("2.2")
    work = through(clone, "feat: [api] easy")
    assert "gate.api" in clone.head("plan.lock")
    site.set(*PLAN_REF)
    refuse(site, [MAIN], {work: {"gate-due", "lock-tampered"}})


def test_the_ref_of_the_plan_stays_and_only_goes_forward(site: Site) -> None:
    clone = site.clone
    site.set(*PLAN_REF)
    refuse(site, [":refs/heads/main"], {"": {"ref-protected"}})
    refuse(site, ["+HEAD~1:refs/heads/main"], {"": {"ref-protected"}})
    clone.git("commit", "-q", "--amend", "--no-verify", "-m", "feat: [foundation] other words")
    refuse(site, [f"+{MAIN}"], {"": {"ref-protected"}})
    take(site, "HEAD:refs/heads/other")
    take(site, "+HEAD~1:refs/heads/other")
    take(site, ":refs/heads/other")


def test_a_plan_binds_once_it_is_there_and_where_ids_are_longer(make: Maker, installation: Path) -> None:
    clone = make.hooked("native", "clone", "--object-format=sha256")
    site = new_site(make, installation, clone, "--object-format=sha256")
    site.set(*PLAN_REF)
    clone.commit("begin", {"plan.toml": PLAN})
    take(site, MAIN)
    clone.finish_foundation()
    take(site, MAIN)
    bad = locked_phase(clone)
    refuse(site, [MAIN], {bad: {"phase-locked"}})


# -- settings and other ways around ------------------------------------------------------------------------------------


def test_exceptions_are_for_the_server_to_allow(site: Site) -> None:
    clone = site.clone
    bad = exception(clone)
    # What the one who pushes says of settings is nothing that the server listens to.
    asked = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "orchestrator.exceptions", "GIT_CONFIG_VALUE_0": "allow"}
    refuse(site, [MAIN], {bad: {"bypassed"}}, {**asked, "ORCHESTRATOR_EXCEPTION": "production is down"})
    site.set("orchestrator.exceptions", "perhaps")
    refuse(site, [MAIN], {"": {"git"}})
    site.set("orchestrator.exceptions", "allow")
    text = take(site, MAIN)
    assert [line.strip() for line in remote_lines(text)][:2] == ["exceptions:", f"{bad[:12]} production is down"]
    worse = bad_form(clone)
    refuse(site, [MAIN], {worse: {"message-format"}}, {"ORCHESTRATOR_EXCEPTION": "production is down"})


def test_a_right_key_that_no_gate_has_earned_is_found_by_running_the_gate_again(site: Site, installation: Path) -> None:
    clone = site.clone
    clone.add({"src/api/auth.py": "x = (\n", "src/api/log/a.py": "a = 1\n"})
    clone.tick("2.2")
    through(clone, "feat: [api] no python")
    plan, _ = read_plan(PLAN.encode())
    assert plan is not None
    entries = [line.split("\t") for line in clone.git("ls-files", "-sz").stdout.split("\0")[:-1]]
    listing = {path: (meta.split()[0], meta.split()[1]) for meta, path in entries}
    phase = plan.phases[1]
    key = Content(plan, listing).key(phase, phase.gates[0])
    lock = clone.read("plan.lock").replace("[phase.api]\n", f'[phase.api.gate.api]\nkey = "{key}"\n')
    forged = around(clone, "feat: [api] it passes", {"plan.lock": lock})
    verify: list[str | Path] = [installation / "orchestrator", "verify", "origin/main..HEAD"]
    done = run([*verify, "--rerun"], cwd=clone.top, env=clone.env, check=False)
    assert done.returncode == 1, done.stderr
    assert f"commit {forged[:12]} feat: [api] it passes\n  error[gate-failed]: gate api of api failed" in done.stdout
    # A server runs nothing, so it cannot know.
    assert run(verify, cwd=clone.top, env=clone.env).returncode == 0
    clone.log.unlink()
    take(site, MAIN)
    take(site, f"{forged}:refs/heads/again")


def make_shallow(site: Site) -> None:
    """Put a clone with one commit alone and without hooks in the place of the clone."""
    top = site.clone.top
    top.rename(top.with_name("whole"))
    run(["git", "clone", "-q", "--template=", "--depth", "1", site.server.top.as_uri(), top], cwd=top.parent)
    assert site.clone.out("rev-parse", "--is-shallow-repository") == "true"


def test_a_push_out_of_a_shallow_clone_is_judged_by_the_whole_history(site: Site) -> None:
    clone = site.clone
    make_shallow(site)
    good = around(clone, "feat: [api] fine", {"src/api/x.py": "x = 1\n"})
    bad = around(clone, "feat: [ui] bad", FORM)
    refuse(site, [MAIN], {bad: {"phase-locked"}})
    take(site, f"{good}:refs/heads/main")


def test_what_began_before_the_plan_is_judged_where_it_meets_it(make: Maker, installation: Path) -> None:
    clone = make.hooked("native", "clone")
    site = new_site(make, installation, clone)
    clone.commit("before", {"a.txt": "a\n"})
    clone.git("branch", "old")
    clone.commit("begin", {"plan.toml": PLAN})
    take(site, MAIN)
    clone.git("switch", "-q", "old")
    old = through(clone, "anything", FORM)
    clone.git("switch", "-q", "main")
    clone.git("merge", "-q", "--no-verify", "--no-edit", "old")
    merge = clone.out("rev-parse", "HEAD")
    refuse(site, [MAIN], {merge: {"phase-locked"}})
    site.set(*PLAN_REF)
    refuse(site, ["old:refs/heads/old"], {old: {"message-format", "phase-locked"}})
    site.server.git("config", "--unset", PLAN_REF[0])
    take(site, "old:refs/heads/old")  # it has no plan, and none binds
    refuse(site, [MAIN], {merge: {"phase-locked"}})  # nor does it help that the server knows it now


@pytest.mark.parametrize("known", [False, True], ids=["in-one-push", "in-two"])
def test_a_plan_of_its_own_does_not_vouch_for_a_branch(site: Site, known: bool) -> None:
    clone = site.clone
    clone.git("switch", "-q", "--orphan", "own")
    clone.git("rm", "-rfq", "--ignore-unmatch", ".")
    through(clone, "begin again", {"plan.toml": FREE})
    around(clone, "feat: [ui] at once", FORM)
    if known:
        take(site, "own:refs/heads/own")
    clone.git("switch", "-q", "main")
    clone.git("merge", "-q", "--allow-unrelated-histories", "--no-commit", "own", check=False)
    clone.git("checkout", "main", "--", "plan.toml", "PLAN.md", "plan.lock")
    merge = around(clone, "Merge branch 'own'")
    assert "src/ui/login.html" in clone.head_files()
    refuse(site, [MAIN], {merge: {"phase-locked"}})


# -- honest pushes -----------------------------------------------------------------------------------------------------


def test_a_repository_without_a_plan_and_its_adoption(make: Maker, installation: Path) -> None:
    clone = make.hooked("native", "clone")
    site = new_site(make, installation, clone)
    clone.commit("what I like", {"src/ui/more.html": "<p>\n"})
    assert "remote:" not in take(site, MAIN, hooks=True)
    clone.commit("more of it", {"a.txt": "a\n"})
    clone.git("tag", "-a", "-m", "first", "v1")
    assert "remote:" not in take(site, MAIN, "v1:refs/tags/v1", hooks=True)
    clone.commit("from now on with a plan", {"plan.toml": PLAN, "b.txt": "b\n"})
    adoption = clone.out("rev-parse", "HEAD")
    text = take(site, MAIN, hooks=True)
    assert f"{adoption[:12]} the plan is adopted, with 0 ticks and 0 passes taken over" in text
    bad = locked_phase(clone)
    refuse(site, [MAIN], {bad: {"phase-locked"}})


def test_work_reverts_and_refs(site: Site) -> None:
    clone = site.clone
    through(clone, "feat: [api] fine", {"src/api/x.py": "x = 1\n"})
    assert "remote:" not in take(site, MAIN, hooks=True)
    clone.git("revert", "--no-edit", "HEAD")
    take(site, MAIN, hooks=True)
    clone.git("tag", "-a", "-m", "release", "v1")
    clone.git("tag", "v1-light")
    take(site, "v1:refs/tags/v1", "v1-light:refs/tags/v1-light", "HEAD~2:refs/heads/known")
    around(clone, "feat: [api] more", {"src/api/more.py": "x = 1\n"})
    clone.git("tag", "-a", "-m", "ahead", "v2", "ahead")
    take(site, MAIN, "ahead:refs/heads/ahead", "v2:refs/tags/v2", ":refs/heads/known", hooks=True)
    take(site, ":refs/heads/ahead", ":refs/tags/v2")


def test_a_merge_that_git_makes(site: Site) -> None:
    two_branches(site.clone)
    take(site, "topic:refs/heads/topic")
    site.clone.git("merge", "-q", "--no-edit", "topic")
    take(site, MAIN, hooks=True)


def conflicting_branches(repo: Adopted) -> None:
    """``main`` and ``topic``, which both change PLAN.md: each has done a task of its own."""
    repo.git("switch", "-q", "-c", "topic")
    through(repo, "feat: [api] login", {"src/api/auth.py": "x = 1\n"})
    repo.git("switch", "-q", "main")
    repo.add({"src/api/log/a.py": "a = 1\n"})
    repo.tick("2.2")
    through(repo, "feat: [api] logging")


def test_a_merge_whose_conflict_sync_resolves(site: Site, installation: Path) -> None:
    clone = site.clone
    conflicting_branches(clone)
    assert clone.git("merge", "--no-edit", "topic", check=False).returncode == 1
    run([installation / "orchestrator", "sync"], cwd=clone.top, env=clone.env)
    clone.git("commit", "-q", "--no-edit")
    assert len(clone.out("log", "-1", "--format=%P").split(" ")) == 2
    take(site, MAIN, hooks=True)
    # The automatic merge was worked out on the server, and what Git made on the way is not there.
    assert site.server.out("fsck", "--unreachable", "--no-progress") == ""


def test_a_merge_by_the_driver_of_the_clone_which_the_server_does_not_have(site: Site, installation: Path) -> None:
    clone = site.clone
    install(clone, installation)
    through(clone, "feat: [plan] no order", {"plan.toml": FREE})
    clone.git("switch", "-q", "-c", "topic")
    through(clone, "feat: [ui] form", FORM)
    clone.git("switch", "-q", "main")
    finish_api(clone)
    clone.git("merge", "-q", "--no-edit", "topic")
    parents = clone.out("log", "-1", "--format=%P").split(" ")
    assert clone.git("merge-tree", "--write-tree", *parents).returncode == 0
    take(site, MAIN, hooks=True)
    assert site.server.git("merge-tree", "--write-tree", *parents, check=False).returncode == 1


def test_a_squashed_branch(site: Site) -> None:
    clone = site.clone
    around(clone, "feat: [plan] squash", {"plan.toml": SQUASH})
    clone.git("merge", "-q", "--squash", "ahead")
    through(clone, "feat: [ui] api and more")
    assert clone.commit_count() == 4
    take(site, MAIN, hooks=True)


def heal(site: Site, installation: Path) -> None:
    """See the branch taken after one ``validate`` and one commit."""
    run([installation / "orchestrator", "validate"], cwd=site.clone.top, env=site.clone.env)
    site.clone.git("commit", "-q", "-m", "validated")
    take(site, MAIN, hooks=True)


def test_a_revert_and_work_around_the_hooks_after_a_gate_has_passed(site: Site, installation: Path) -> None:
    clone = site.clone
    clone.git("switch", "-q", "-C", "main", "ahead~2")
    take(site, MAIN, hooks=True)
    through(clone, "feat: [api] fine", {"src/api/x.py": "x = 1\n"})
    clone.git("revert", "--no-edit", "HEAD")
    take(site, MAIN, hooks=True)  # the revert brings back the old pass, which is right again
    around(clone, "feat: [api] around the hooks", {"src/api/log/a.py": "a = 2\n"})
    refuse(site, [MAIN], {clone.out("rev-parse", "HEAD"): {"gate-due"}})
    heal(site, installation)


def test_a_rebase_healed_by_one_validate_and_one_commit(site: Site, installation: Path) -> None:
    clone = site.clone
    through(clone, "feat: [foundation] another file", {"db/other.sql": "other\n"})
    take(site, MAIN, hooks=True)
    clone.git("switch", "-q", "ahead")
    clone.git("rebase", "-q", "main")
    completing, tip = clone.out("rev-parse", "HEAD~2"), clone.out("rev-parse", "HEAD")
    refuse(site, [MAIN], {completing: {"lock-tampered"}, tip: {"gate-due"}})
    heal(site, installation)


def test_a_fixup_in_a_branch_which_is_squashed_later(site: Site) -> None:
    clone = site.clone
    clone.git("switch", "-q", "-c", "topic")
    around(clone, "feat: [api] login", {"src/api/x.py": "x = 1\n"})
    around(clone, "feat: [api] more", {"src/api/y.py": "y = 1\n"})
    through(clone, "fixup! feat: [api] login", {"src/api/x.py": "x = 2\n"})
    take(site, "topic:refs/heads/topic")
    clone.git("rebase", "-q", "-i", "--autosquash", "main", env={"GIT_SEQUENCE_EDITOR": "true"})
    assert clone.out("log", "--format=%s", "main..HEAD") == "feat: [api] more\nfeat: [api] login"
    take(site, "+topic:refs/heads/topic")
    take(site, "topic:refs/heads/main", ":refs/heads/topic")


# -- nothing that is pushed is run -------------------------------------------------------------------------------------


def test_gates_that_are_pushed_are_not_run(site: Site, installation: Path) -> None:
    clone = site.clone
    marker = clone.top.with_name("marker")
    gates = f"{GATES.partition('[gates.api]')[0]}[gates.api]\nrun = 'touch {marker}'\n"
    around(clone, "feat: [plan] another gate", {"plan.toml": plan_text(f"setup = 'touch {marker}'", gates)})
    clone.add({"src/api/auth.py": "x = 1\n", "src/api/log/a.py": "a = 1\n"})
    clone.tick("2.1", "2.2")
    around(clone, "feat: [api] all that the gate waits for")
    take(site, MAIN)
    refuse(site, [MAIN], {locked_phase(clone): {"phase-locked"}})
    assert not marker.exists()
    clone.git("reset", "-q", "--hard", "HEAD~1")
    run([installation / "orchestrator", "validate"], cwd=clone.top, env=clone.env)
    assert marker.exists()  # where somebody asks for it, the gate does run


def test_drivers_hooks_and_settings_that_are_pushed_are_not_used(site: Site) -> None:
    """Not even where the server's own configuration has drivers under the names that are pushed."""
    clone = site.clone
    limit = plan_text("max_commit_lines = 1000")  # lines are counted by git-diff-tree(1)
    around(clone, "feat: [plan] a limit", {"plan.toml": limit})
    marker = clone.top.with_name("marker")
    program = f"touch {marker}; cat"
    for key in ("filter.x.clean", "filter.x.smudge", "diff.x.textconv", "diff.x.command", "merge.x.driver"):
        site.set(key, program)
    hook = f"#!/bin/sh\ntouch {marker}\n"
    setting = f"[core]\n\tfsmonitor = {program}\n\thooksPath = hooks\n\tattributesFile = .gitattributes\n"
    clone.add({f"hooks/{name}": hook for name in ("pre-receive", "update", "post-receive", "fsmonitor")})
    clone.git("update-index", "--chmod=+x", *clone.out("ls-files", "hooks").split("\n"))
    clone.add({"config": setting, "info/attributes": "* merge=x\n", "HEAD": "ref: refs/heads/main\n"})
    around(clone, "feat: [api] attributes", {".gitattributes": "* filter=x diff=x merge=x\n"})
    # Git itself would check out no such tree, but it takes the object.
    files = clone.out("ls-tree", "HEAD")
    folder = clone.git("mktree", stdin=f"100644 blob {clone.out('rev-parse', 'HEAD:config')}\tconfig\n").stdout.strip()
    tree = clone.git("mktree", stdin=f"{files}\n040000 tree {folder}\t.git\n").stdout.strip()
    odd = clone.out("commit-tree", tree, "-p", "HEAD", "-m", "feat: [api] settings")
    take(site, f"{odd}:refs/heads/odd")
    take(site, MAIN)
    clone.git("switch", "-q", "-c", "topic")
    around(clone, "feat: [api] ours", {"notes.txt": "ours\ntwo\nthree\n"})
    clone.git("switch", "-q", "main")
    around(clone, "feat: [api] theirs", {"notes.txt": "theirs\ntwo\nthree\n"})
    clone.git("merge", "-q", "topic", check=False)
    around(clone, "Merge branch 'topic'", {"notes.txt": "both\ntwo\nthree\n"})
    take(site, MAIN)
    refuse(site, [MAIN], {bad_form(clone): {"message-format"}})
    assert not marker.exists()
    (clone.top / "out").mkdir()
    site.server.git("--work-tree=../clone/out", "checkout", "-q", "-f", "main")
    assert marker.exists()  # where there is a work tree, Git does use them


# -- before the push ---------------------------------------------------------------------------------------------------


@pytest.fixture
def unguarded(site: Site) -> Site:
    """A site whose server takes everything; the clone has hooks."""
    (site.server.top / "hooks/pre-receive").unlink()
    return site


def hold(site: Site, refspecs: Collection[str], expected: Mapping[str, set[str]], remote: str = "origin") -> str:
    """What is said of a push that the hooks of the clone refuse for just these reasons before anything is sent."""
    before = contents(site.server.top)
    done = site.clone.git("push", remote, *refspecs, check=False)
    assert done.returncode == 1, done.stderr
    text = said(done)
    assert told_of(text.split("\n")) == {oid[:12]: ids for oid, ids in expected.items()}, text
    assert contents(site.server.top) == before
    assert "Traceback" not in text
    return text


def test_violations_are_held_back_before_they_leave(unguarded: Site) -> None:
    site, clone = unguarded, unguarded.clone
    clone.git("switch", "-q", "-c", "bad")
    bad = locked_phase(clone)
    clone.git("tag", "-a", "-m", "release", "v1")
    clone.git("switch", "-q", "-c", "good", "main")
    around(clone, "feat: [api] fine", {"src/api/x.py": "x = 1\n"})
    expected = {bad: {"phase-locked"}}
    both = hold(site, ["good:refs/heads/good", "bad:refs/heads/bad"], expected)
    assert f"commit {bad[:12]} (refs/heads/bad) feat: [ui] bad\n" in both
    hold(site, ["v1:refs/tags/v1"], expected)
    hold(site, ["+bad:refs/heads/main"], expected, site.server.top.as_uri())
    hold(site, ["+bad:refs/heads/main"], expected, "../server.git")
    take(site, "good:refs/heads/good")
    take(site, ":refs/heads/good")
    take(site, "bad:refs/heads/bad", "v1:refs/tags/v1")


def test_what_cannot_be_judged_does_not_leave(unguarded: Site) -> None:
    clone = unguarded.clone
    hooks = {file.name: file.read_bytes() for file in clone.git_path("hooks").iterdir()}
    make_shallow(unguarded)
    for name, text in hooks.items():
        script(clone.git_path("hooks") / name, "").write_bytes(text)
    around(clone, "feat: [api] fine", {"src/api/x.py": "x = 1\n"})
    assert "git fetch --unshallow" in hold(unguarded, [MAIN], {"": {"git"}})
    clone.git("fetch", "-q", "--unshallow")
    take(unguarded, MAIN)


def test_runners_hold_violations_back(make: Maker, runner: str) -> None:
    clone = make.adopted(runner, name="clone")
    site = Site(make.tmp_path, clone.env)
    Repository.init(site.server.top, "--bare", "--template=")
    clone.git("remote", "add", "origin", "../server.git")
    clone.git("push", "-q", "origin", MAIN)
    clone.git("switch", "-q", "-c", "other")
    bad = bad_form(clone)
    clone.git("switch", "-q", "main")
    around(clone, "feat: [foundation] good", {"good.txt": "good\n"})
    # Runners tell of the first ref alone, and it is the second that is bad.
    text = hold(site, [MAIN, "other:refs/heads/other"], {bad: {"message-format"}})
    assert f"commit {bad[:12]} (refs/heads/other) bad" in text
    clone.git("branch", "-q", "-f", "other")
    clone.git("push", "-q", "origin", MAIN, "other")
    assert site.refs() == dict.fromkeys(["refs/heads/main", "refs/heads/other"], clone.out("rev-parse", "HEAD"))
