"""The action for GitHub, the job for GitLab and the script under both, on clones as CI makes them."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from tests.support import Repository, run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

TOP = Path(__file__).resolve().parents[2]
SCRIPT = TOP / "scripts" / "ci-verify"
ACTION: dict[str, Any] = YAML(typ="safe").load((TOP / "action.yml").read_text(encoding="utf-8"))
PAGE = (TOP / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS: list[Any] = [YAML(typ="safe").load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
ZEROS = "0" * 40
GONE = "5" * 40
PLAN = """\
version = 1
[feature]
title = "Login"
[[phase]]
id = "foundation"
title = "Foundation"
files = ["db/**"]
[[phase.task]]
title = "Users table"
"""
# As the environment that is made for the tool: "-m venv" makes the folder, and its python is this again.
PYTHON = """\
#!/bin/sh
printf '%s\\n' "$*" >>{log}
case $* in
    '-I -m venv '*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && cp {command} "$4/bin/orchestrator" ;;
esac
"""
REAL = f"""\
#!/bin/sh
PYTHONPATH={shlex.quote(str(TOP))} exec {shlex.quote(sys.executable)} -P -m orchestrator.cli "$@"
"""
SHOWN = """\
#!/bin/sh
for argument; do printf '%s\\n' "$argument"; done
"""


class History:
    """What the hosting site has: ``main`` and branches of it; ``ids`` of all that tests speak of."""

    def __init__(self, repo: Repository) -> None:
        """Commit it all."""
        self.repo = repo
        self.ids: dict[str, str] = {}
        self.add("adopted", "adopt", {"plan.toml": PLAN})
        self.add("begun", "feat: [foundation] begin", {"db/a": "1\n"})
        for branch, names in {"topic": ("t1", "t2"), "bad": ("b1", "b2"), "worse": ("w1",)}.items():
            repo.git("checkout", "-q", "-b", branch, self.ids["begun"])
            for name in names:
                refused = name in {"b1", "w1"}
                self.add(name, "whatever" if refused else f"feat: [foundation] {name}", {f"db/{name}": "1\n"})
        repo.git("tag", "-a", "-m", "one", "v1", self.ids["t2"])
        repo.git("tag", "-a", "-m", "none", "v0", self.ids["begun"])
        repo.git("checkout", "-q", "main")
        self.add("tip", "feat: [foundation] go on", {"db/a": "2\n"})
        for branch in ("topic", "bad"):
            repo.git("checkout", "-q", "--detach", "main")
            repo.git("merge", "-q", "-m", f"Merge {self.ids['t2']} into {self.ids['tip']}", branch)
            self.ids[f"merge of {branch}"] = repo.out("rev-parse", "HEAD")
            repo.git("update-ref", f"refs/pull/{branch}/merge", "HEAD")
        repo.git("checkout", "-q", "main")

    def add(self, name: str, message: str, files: Mapping[str, str | bytes]) -> None:
        """Commit the files."""
        self.repo.commit(message, files)
        self.ids[name] = self.repo.out("rev-parse", "HEAD")


class Runner:
    """A clone as CI makes it, in which steps are run as the CI runs them."""

    def __init__(self, history: History, folder: Path, checkout: str, *options: str) -> None:
        """Fetch with these options, all branches and tags if there are none, and check out one commit."""
        self.ids = history.ids
        self.folder = folder
        self.workspace = Repository.init(folder / "workspace")
        self.workspace.git("remote", "add", "origin", f"file://{history.repo.top}")
        all_of_it = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        self.workspace.git("fetch", "-q", *(options or ("origin", *all_of_it)))
        if checkout.startswith("merge of "):
            self.workspace.git("fetch", "-q", "origin", f"refs/pull/{checkout.removeprefix('merge of ')}/merge")
        self.workspace.git("checkout", "-q", "--detach", self.ids[checkout])
        (folder / "bin").mkdir()
        self.log = folder / "log"
        self.equip()

    def equip(self) -> None:
        """Lay out the programs anew."""
        self.log.write_text("", encoding="utf-8")
        self.program(
            "python3", PYTHON.format(log=shlex.quote(str(self.log)), command=shlex.quote(f"{self.folder}/command"))
        )
        self.command(REAL)

    def program(self, name: str, text: str) -> None:
        """Put a program on the ``PATH``."""
        file = self.folder / "bin" / name
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)

    def command(self, text: str) -> None:
        """Say what the installed ``orchestrator`` is."""
        file = self.folder / "command"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)

    def sh(self, text: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """The finished script."""
        mine = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "TMPDIR": str(self.folder), "GITLAB_CI": ""}
        return run(["sh", "-e", "-c", text], cwd=self.workspace.top, check=False, env={**mine, **env})

    def act(
        self, event: str, payload: Mapping[str, Any], ref: str = "refs/heads/main", sha: str = "", **inputs: str
    ) -> subprocess.CompletedProcess[str]:
        """The finished last step of the action, with that event and these inputs."""
        output = self.folder / "output"
        output.touch()
        given = {name: value["default"] for name, value in ACTION["inputs"].items()} | inputs
        repository = {"default_branch": "main"}
        context: dict[str, Any] = {"inputs": given, "github": {"event": {"repository": repository, **payload}}}
        default = {
            "GITHUB_ACTION_PATH": str(TOP),
            "GITHUB_EVENT_NAME": event,
            "GITHUB_OUTPUT": str(output),
            "GITHUB_REF": ref,
            "GITHUB_SHA": sha,
            "RUNNER_TEMP": str(self.folder),
        }
        for step in ACTION["runs"]["steps"]:
            env = {name: expanded(value, context) for name, value in step["env"].items()}
            done = self.sh(step["run"], {**default, **env})
            if done.returncode:
                return done
            if "id" in step:
                pairs = [line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines()]
                context["steps"] = {step["id"]: {"outputs": dict(pairs)}}
        return done

    def pull(self, base: str, head: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        """The finished action for a pull request."""
        payload: dict[str, Any] = {"pull_request": {"base": {"sha": self.ids[base]}, "head": {"sha": self.ids[head]}}}
        # Of a push to the branch the payload says before and after, too.
        payload |= {"before": GONE, "after": self.ids[head]}
        return self.act("pull_request", payload, "refs/pull/1/merge", self.ids["merge of topic"], **inputs)

    def push(self, before: str, after: str, ref: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        """The finished action for a push of ids, or of names of them."""
        ids = [self.ids.get(name, name) for name in (before, after)]
        return self.act("push", {"before": ids[0], "after": ids[1]}, ref, ids[1], **inputs)


def expanded(text: str, context: Mapping[str, Any]) -> str:
    """The value of an expression, of which the action needs no more than these."""
    found = re.fullmatch(r"\$\{\{ ([\w.]+(?: \|\| [\w.]+)*) \}\}", text)
    assert found, text
    for path in found[1].split(" || "):
        value: Any = context
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value:
            return str(value)
    return ""


def span(done: subprocess.CompletedProcess[str]) -> str:
    """The range that the command was given; the command is SHOWN."""
    assert done.returncode == 0, done.stderr
    *_, dashes, said = done.stdout.splitlines()
    assert dashes == "--"
    return said


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """The same for all tests, which do not change it."""
    return History(Repository.init(tmp_path_factory.mktemp("site") / "site"))


@pytest.fixture(scope="module")
def whole(history: History, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A clone of everything, as ``fetch-depth: 0`` makes it."""
    return Runner(history, tmp_path_factory.mktemp("whole"), "tip")


@pytest.fixture
def clone(whole: Runner) -> Runner:
    """The same clone of everything, with the real command."""
    whole.equip()
    return whole


# -- what stands in the files ------------------------------------------------------------------------------------------


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """All mappings in it."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from mappings(part)


def test_the_action_is_composite_and_no_script_in_it_has_an_expression() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for step in ACTION["runs"]["steps"]:
        assert step["shell"] == "sh"
        assert "${{" not in step["run"]
        assert "||" not in step["run"]
        assert not {"continue-on-error", "if"} & set(step)


def test_every_input_is_described_in_the_action_and_on_the_page() -> None:
    used = set(re.findall(r"inputs\.(\w+)", (TOP / "action.yml").read_text(encoding="utf-8")))
    assert set(ACTION["inputs"]) == used
    assert all([value["description"] for value in ACTION["inputs"].values()])
    table = PAGE.split("| input |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == used


def test_every_script_is_sound() -> None:
    assert os.access(SCRIPT, os.X_OK)
    for text in [SCRIPT.read_text(encoding="utf-8"), *[step["run"] for step in ACTION["runs"]["steps"]]]:
        assert run(["sh", "-n"], cwd=TOP, stdin=text).stderr == ""


def test_the_examples_take_all_of_history_and_cannot_be_skipped() -> None:
    checkouts = [part for part in mappings(BLOCKS) if str(part.get("uses", "")).startswith("actions/checkout@")]
    assert len(checkouts) == 2
    for part in checkouts:
        assert part["with"]["fetch-depth"] == 0
        assert part["with"]["persist-credentials"] is False
        assert "pull_request.head.sha" in part["with"]["ref"]
    for part in mappings(BLOCKS):
        assert not {"paths", "paths-ignore", "changes", "when", "continue-on-error", "pull_request_target"} & set(part)
        assert "||" not in str(part.get("run", "")) + str(part.get("script", ""))
        assert "${{" not in str(part.get("run", "")) + str(part.get("script", ""))
        if "runs-on" in part:
            assert part.get("if", "always()") == "always()"
    job = gitlab_job()
    assert job["variables"]["GIT_DEPTH"] == "0"
    assert job["allow_failure"] is False


def test_the_example_of_one_check_for_several_takes_success_alone() -> None:
    (job,) = [part["required"] for part in mappings(BLOCKS) if "required" in part]
    assert job["if"] == "always()"
    (step,) = job["steps"]
    for results, code in {"success success": 0, "success skipped": 1, "success": 1, "success cancelled": 1}.items():
        assert run(["sh", "-e", "-c", step["run"]], cwd=TOP, check=False, env={"RESULTS": results}).returncode == code


def test_the_example_for_github_gives_inputs_that_there_are() -> None:
    uses = [part for part in mappings(BLOCKS) if str(part.get("uses", "")).startswith("git-orchestrator/")]
    assert len(uses) == 3
    assert set().union(*[part["with"] for part in uses]) <= set(ACTION["inputs"])


# -- GitHub ------------------------------------------------------------------------------------------------------------


def test_it_installs_from_its_own_checkout_and_imports_nothing_from_the_workspace(clone: Runner) -> None:
    clone.command(SHOWN)
    assert clone.pull("tip", "t2").returncode == 0
    made, installed = clone.log.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(re.escape(f"-I -m venv {clone.folder}/git-orchestrator.") + r"\w{6}", made)
    assert re.fullmatch(r"-I -m pip install (--\S+ )*" + re.escape(str(TOP)), installed)


def test_a_pull_request_is_judged_up_to_its_head(history: History, tmp_path: Path) -> None:
    runner = Runner(history, tmp_path, "merge of topic")
    done = runner.pull("tip", "t2", format="json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [tip["oid"] for tip in report["tips"]] == [runner.ids["t2"]]
    assert report["judged"] == 2


def test_a_pull_request_with_a_commit_that_breaks_a_rule(history: History, tmp_path: Path) -> None:
    runner = Runner(history, tmp_path, "merge of bad")
    done = runner.pull("tip", "b2")
    assert done.returncode == 1
    assert done.stdout.startswith(f"::error title=message-format in {runner.ids['b1'][:12]}::whatever")


def test_a_pull_request_without_a_commit(clone: Runner) -> None:
    done = clone.pull("tip", "begun")
    assert done.returncode == 3
    assert "nothing was judged" in done.stderr


def test_a_merge_group(clone: Runner) -> None:
    clone.command(SHOWN)
    group = {"base_sha": clone.ids["begun"], "head_sha": clone.ids["t2"], "base_ref": "refs/heads/main"}
    done = clone.act("merge_group", {"merge_group": group}, "refs/heads/gh-readonly-queue/main/pr-1", clone.ids["t2"])
    assert span(done) == f"{clone.ids['begun']}..{clone.ids['t2']}"


def test_a_push(clone: Runner) -> None:
    done = clone.push("begun", "b2", "refs/heads/bad")
    assert done.returncode == 1
    assert "2 commits judged, 1 refused" in done.stdout


@pytest.mark.parametrize("before", [ZEROS, GONE])
def test_a_push_of_a_new_branch_or_by_force(clone: Runner, before: str) -> None:
    assert clone.push(before, "b2", "refs/heads/bad").returncode == 1
    clone.command(SHOWN)
    assert span(clone.push(before, "t2", "refs/heads/topic")) == f"{clone.ids['tip']}..{clone.ids['t2']}"


@pytest.mark.parametrize("before", [ZEROS, GONE])
def test_the_first_push_of_the_default_branch_or_by_force(clone: Runner, before: str) -> None:
    done = clone.push(before, "tip", "refs/heads/main", format="json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["judged"] == 3


def test_a_push_that_brings_no_commit_is_judged_by_its_last(history: History, clone: Runner) -> None:
    done = clone.push(ZEROS, "begun", "refs/heads/new")
    assert done.returncode == 0
    assert "::notice title=no new commit::" in done.stderr
    assert f"{history.ids['begun']}^!: 1 commit judged, all fine" in done.stdout
    assert clone.push("b2", "b1", "refs/heads/bad").returncode == 1
    assert clone.push("w1", "w1", "refs/heads/worse").returncode == 1


def test_a_push_of_a_tag(clone: Runner) -> None:
    clone.command(SHOWN)
    for name, expected in {"v1": f"{clone.ids['tip']}..{clone.ids['t2']}", "v0": f"{clone.ids['begun']}^!"}.items():
        tag = clone.workspace.out("rev-parse", f"refs/tags/{name}")
        assert span(clone.push(ZEROS, tag, f"refs/tags/{name}")) == expected


def test_a_deleted_branch_is_no_success(clone: Runner) -> None:
    assert clone.push("t2", ZEROS, "refs/heads/topic").returncode == 3


def test_a_schedule_and_a_run_by_hand(clone: Runner) -> None:
    clone.command(SHOWN)
    tip, topic = clone.ids["tip"], clone.ids["t2"]
    assert span(clone.act("schedule", {"repository": {}}, sha=tip)) == tip
    assert span(clone.act("workflow_dispatch", {}, sha=tip)) == tip
    assert span(clone.act("workflow_dispatch", {}, "refs/heads/topic", topic)) == f"{tip}..{topic}"
    assert span(clone.act("workflow_dispatch", {}, "refs/heads/new", clone.ids["begun"])) == f"{clone.ids['begun']}^!"


def test_another_event_needs_a_range(clone: Runner) -> None:
    clone.command(SHOWN)
    done = clone.act("release", {}, "refs/tags/v1", clone.ids["t2"])
    assert done.returncode == 2
    assert "set range" in done.stderr
    assert span(clone.act("release", {}, "refs/tags/v1", clone.ids["t2"], range="v0..v1")) == "v0..v1"


def test_a_range_without_a_commit(clone: Runner) -> None:
    assert clone.act("push", {}, range="v1..v0").returncode == 3


def test_shallow_history(history: History, tmp_path: Path) -> None:
    runner = Runner(history, tmp_path, "t2", "--depth=1", "origin", history.ids["t2"])
    for done in (
        runner.pull("tip", "t2"),
        runner.push(ZEROS, "t2", "refs/heads/topic"),
        runner.act("push", {}, range="HEAD"),
    ):
        assert done.returncode == 3
        assert "fetch-depth: 0" in done.stderr


def test_a_clone_of_one_branch(history: History, tmp_path: Path) -> None:
    runner = Runner(history, tmp_path, "t2", "origin", "+refs/heads/topic:refs/remotes/origin/topic")
    assert runner.pull("tip", "t2").returncode == 3
    done = runner.push(ZEROS, "t2", "refs/heads/topic")
    assert done.returncode == 3
    assert "there is no origin/main" in done.stderr


def test_no_repository(history: History, tmp_path: Path) -> None:
    runner = Runner(history, tmp_path, "t2")
    (runner.workspace.top / ".git").rename(tmp_path / "away")
    done = runner.pull("tip", "t2")
    assert done.returncode == 3
    assert "check it out first" in done.stderr


def test_a_title_is_judged_and_never_run(clone: Runner) -> None:
    assert clone.pull("tip", "t2", title="feat: [foundation] all of it").returncode == 0
    title = "$(touch ran); `touch ran`; touch ran; \"'; touch ran #\n::error::mine\n--title-env=HOME"
    done = clone.pull("tip", "t2", title=title)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert line.startswith("::error title=message-format in ")
    assert list(clone.folder.rglob("ran")) == []


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"plan": "nowhere"}, "--plan"),
        ({"jobs": "many"}, "--jobs"),
        ({"format": "poem"}, "--format"),
        ({"range": "--help"}, "names no commits"),
        ({"title": "  "}, "--title-env"),
        ({"rerun": "yes"}, "rerun"),
    ],
)
def test_an_input_that_is_wrong(clone: Runner, inputs: dict[str, str], said: str) -> None:
    done = clone.pull("tip", "t2", **inputs)
    assert done.returncode == 2
    assert said in done.stderr


def test_every_input_reaches_the_command(clone: Runner) -> None:
    clone.command(SHOWN)
    inputs = {"plan": "origin/main", "jobs": "2", "rerun": "true", "title": "feat: it", "range": "main topic"}
    said = clone.pull("tip", "t2", **inputs).stdout.splitlines()
    options = ["--plan=origin/main", "--title-env=VERIFY_TITLE", "--jobs=2", "--rerun"]
    assert said == ["verify", "--format=github", *options, "--", "main topic"]


def test_gates_are_not_run_again_where_secrets_are(clone: Runner) -> None:
    clone.command(SHOWN)
    done = clone.act("pull_request_target", {}, rerun="true", range="HEAD")
    assert (done.returncode, done.stdout) == (2, "")


def test_a_command_that_is_missing_is_no_success(clone: Runner) -> None:
    clone.program("python3", "#!/bin/sh\nexit 0\n")
    assert clone.pull("tip", "t2").returncode not in {0, 1}
    clone.program("python3", "#!/bin/sh\nexit 9\n")
    assert clone.pull("tip", "t2").returncode == 9


# -- GitLab ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a repository that has the script under the tag of the example."""
    repo = Repository.init(tmp_path_factory.mktemp("published"))
    repo.commit("it", {"scripts/ci-verify": SCRIPT.read_bytes()})
    repo.git("tag", "v0.1.0")
    return f"file://{repo.top}"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"source": "merge_request_event", "IID": "1", "DIFF_BASE": "begun", "sha": "t2"}, "{begun}..{t2}"),
        (
            {"source": "merge_request_event", "IID": "1", "DIFF_BASE": "begun", "SOURCE_BRANCH": "t2", "sha": "tip"},
            "{begun}..{t2}",
        ),
        ({"source": "push", "branch": "main", "before": "begun", "sha": "tip"}, "{begun}..{tip}"),
        ({"source": "push", "branch": "topic", "sha": "t2"}, "{tip}..{t2}"),
        ({"source": "push", "branch": "main", "sha": "tip"}, "{tip}"),
        ({"source": "push", "sha": "begun"}, "{begun}^!"),  # of a tag: there is no branch
        ({"source": "schedule", "branch": "main", "sha": "tip"}, "{tip}"),
        ({"source": "web", "branch": "topic", "sha": "t2"}, "{tip}..{t2}"),
    ],
)
def test_the_job_for_gitlab(clone: Runner, published: str, variables: dict[str, str], expected: str) -> None:
    clone.command(SHOWN)
    done = clone.sh(gitlab_script(), {**gitlab_environment(clone, variables), **instead(published)})
    assert span(done) == expected.format(**clone.ids)


def test_the_job_for_gitlab_ends_as_verify_does(clone: Runner, published: str) -> None:
    variables = {"source": "merge_request_event", "IID": "1", "DIFF_BASE": "tip", "sha": "b2"}
    done = clone.sh(gitlab_script(), {**gitlab_environment(clone, variables), **instead(published)})
    assert done.returncode == 1
    assert "error[message-format]" in done.stdout


def test_a_merge_request_whose_base_nobody_knows(clone: Runner, published: str) -> None:
    variables = {"source": "merge_request_event", "IID": "1", "before": "begun", "sha": "t2"}
    done = clone.sh(gitlab_script(), {**gitlab_environment(clone, variables), **instead(published)})
    assert done.returncode == 3


def gitlab_job() -> dict[str, Any]:
    """The example."""
    (job,) = [block["plan"] for block in BLOCKS if "plan" in block]
    return dict(job)


def gitlab_script() -> str:
    """The lines of the example."""
    return "\n".join(gitlab_job()["script"])


def gitlab_environment(clone: Runner, given: Mapping[str, str]) -> dict[str, str]:
    """The variables that GitLab sets, empty where it leaves them out."""
    request = "CI_MERGE_REQUEST_"
    return {
        "GITLAB_CI": "true",
        "GITHUB_EVENT_NAME": "",
        "CI_DEFAULT_BRANCH": "main",
        "CI_PIPELINE_SOURCE": given["source"],
        "CI_COMMIT_BRANCH": given.get("branch", ""),
        "CI_COMMIT_BEFORE_SHA": clone.ids.get(given.get("before", ""), ZEROS),
        "CI_COMMIT_SHA": clone.ids[given["sha"]],
        f"{request}IID": given.get("IID", ""),
        f"{request}DIFF_BASE_SHA": clone.ids.get(given.get("DIFF_BASE", ""), ""),
        f"{request}SOURCE_BRANCH_SHA": clone.ids.get(given.get("SOURCE_BRANCH", ""), ""),
    }


def instead(published: str) -> dict[str, str]:
    """What makes Git clone from there, not from the network."""
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{published}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/git-orchestrator/git-orchestrator",
    }
