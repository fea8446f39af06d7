"""What the end-to-end tests share: a plan, repositories that have adopted it, and what holds after every commit."""

from __future__ import annotations

import json
import os
import stat
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.app.facts import read_facts
from orchestrator.app.own_files import updates_for
from orchestrator.app.repository import Repository as AppRepository
from orchestrator.core.plan import LOCK_PATH, TODO_PATH
from orchestrator.git import Git
from tests.support import Repository

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Mapping

    Orchestrator = Callable[..., "Answer"]

TOP = Path(__file__).resolve().parents[2]

SETTINGS = ""
GATES = """\
[gates.schema]
run = 'echo schema >>"$GATE_LOG"; echo "looking for users"; grep -q users db/schema.sql'

[gates.api]
run = ["python3", "-c", '''
import os
open(os.environ["GATE_LOG"], "a").write("api\\n")
compile(open("src/api/auth.py").read(), "auth.py", "exec")
''']
"""
PHASES = """\
[[phase]]
id = "foundation"
title = "Foundation"
files = ["db/**"]
gates = ["schema"]
[[phase.task]]
title = "Users table"
files = ["db/schema.sql"]
[[phase.task]]
title = "Settings agreed"

[[phase]]
id = "api"
title = "Backend API"
depends_on = ["foundation"]
files = ["src/api/**"]
gates = ["api"]
[[phase.task]]
title = "Login endpoint"
files = ["src/api/auth.py"]
[[phase.task]]
title = "Logging"
files = ["src/api/log/**"]

[[phase]]
id = "ui"
title = "Web UI"
depends_on = ["api"]
files = ["src/ui/**"]
[[phase.task]]
title = "Login form"
files = ["src/ui/login.html"]
"""


def plan_text(settings: str = SETTINGS, gates: str = GATES, phases: str = PHASES) -> str:
    """A plan.toml; ``settings`` are lines of the table of that name."""
    return f'version = 1\n\n[feature]\ntitle = "Login"\n\n[settings]\n{settings}\n\n{gates}\n{phases}'


PLAN = plan_text()
GOOD_SCHEMA = "create table users (id int);\n"
BAD_SCHEMA = "create table people (id int);\n"


@dataclass(frozen=True)
class State:
    """Everything that a refused commit must leave as it was."""

    head: str
    count: int
    index: str
    files: dict[str, bytes]


class Answer:
    """What a command answered."""

    def __init__(self, code: int, out: str, err: str) -> None:
        """Keep exit code and both outputs."""
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


class Adopted(Repository):
    """A repository with hooks installed in one of the ways; ``log`` gets a line for each start of a gate."""

    way: str = "native"

    @property
    def log(self) -> Path:
        """Where gates note that they were started; outside of the repository."""
        return Path(self.env["GATE_LOG"])

    def gate_runs(self) -> list[str]:
        """The names of the gates that were started, in order."""
        return self.log.read_text(encoding="utf-8").split() if self.log.exists() else []

    def state(self) -> State:
        """What is there now: HEAD, index, and the bytes of every file of the work tree."""
        head = self.git("rev-parse", "-q", "--verify", "HEAD", check=False).stdout.strip()
        return State(head, self.commit_count(), self.out("ls-files", "-s"), work_tree(self.top))

    def tick(self, *task_ids: str, mark: str = "x", stage: bool = True) -> None:
        """Tick the boxes of these tasks in PLAN.md, as a person does, and stage it."""
        text = self.read("PLAN.md")
        for task_id in task_ids:
            before = next(line for line in text.split("\n") if line.startswith("- [") and f"Task {task_id}:" in line)
            text = text.replace(before, f"- [{mark}]{before[5:]}")
        self.write("PLAN.md", text)
        if stage:
            self.git("add", "PLAN.md")

    def finish_foundation(self) -> None:
        """Commit all that phase 1 needs."""
        self.write("db/schema.sql", GOOD_SCHEMA)
        self.git("add", "db")
        self.tick("1.2")
        self.git("commit", "-q", "-m", "feat: [foundation] schema and settings")


def work_tree(top: Path) -> dict[str, bytes]:
    """The bytes of every file below ``top`` that is not the repository's own, by path."""
    found = {}
    for folder, folders, names in os.walk(top):
        if ".git" in folders:
            folders.remove(".git")
        for name in names:
            if name == ".git":  # of a linked work tree or a submodule
                continue
            file = Path(folder, name)
            found[str(file.relative_to(top))] = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
    return found


def leftovers(repo: Repository) -> list[str]:
    """Lock files, half-written and temporary files in the repository and its work tree."""
    found = [
        path for path in work_tree(repo.top) if path.endswith((".tmp", ".lock")) and Path(path).name != "plan.lock"
    ]
    git_dir = Path(repo.out("rev-parse", "--absolute-git-dir"))
    for folder, folders, names in os.walk(git_dir):
        found += [
            str(Path(folder, name).relative_to(git_dir))
            for name in (*folders, *names)
            if name.endswith((".tmp", ".lock"))
        ]
    return [path for path in found if not path.startswith("modules")]


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Both outputs; runners print on standard output what hooks say, git shows it on standard error."""
    return done.stdout + done.stderr


def told(text: str, severity: str = "error") -> set[str]:
    """The ids of the findings in the text; prek indents what hooks say."""
    lines = [line.strip() for line in text.splitlines()]
    return {line.partition("[")[2].partition("]")[0] for line in lines if line.startswith(f"{severity}[")}


def assert_refused(
    repo: Adopted,
    done: subprocess.CompletedProcess[str],
    before: State,
    *ids: str,
    help_line: bool = True,
) -> None:
    """There is no commit, nothing has changed, and the reason is told under exactly these ids, with help."""
    text = said(done)
    assert done.returncode != 0, text
    assert repo.state() == before, text
    assert leftovers(repo) == []
    assert told(text) == set(ids), text
    if help_line:
        assert "  help: " in text, text
    assert "Traceback" not in text


def expected_own_files(repo: Repository, there: Mapping[str, str]) -> dict[str, str]:
    """PLAN.md and plan.lock as the hooks would write them for HEAD, from its tree and its parents.

    ``there`` has them as they are in HEAD.
    """
    git_dir = repo.out("rev-parse", "--absolute-git-dir")
    app = AppRepository(Git(str(repo.top), {**os.environ, **repo.env}), git_dir)
    parents = repo.out("rev-list", "--parents", "-n", "1", "HEAD").split(" ")[1:]
    facts = read_facts(app, parents, "HEAD")
    assert facts is not None
    settled = facts.settle({}, facts.reading())
    found = dict(there)
    found.update({update.path: update.new.decode() for update in updates_for(facts, settled)})
    return found


def assert_in_step(repo: Repository, *, dirty: Iterable[str] = ()) -> None:
    """HEAD holds PLAN.md and plan.lock just as its tree yields them; only ``dirty`` shows in ``git status``."""
    there = {path: repo.head(path) for path in (TODO_PATH, LOCK_PATH)}
    assert expected_own_files(repo, there) == there
    assert repo.status() == list(dirty)
    assert leftovers(repo) == []
    assert repo.git("fsck", "--strict", "--no-dangling").returncode == 0


def assert_accepted(
    repo: Adopted, done: subprocess.CompletedProcess[str], before: State, *, dirty: Iterable[str] = (), new: int = 1
) -> None:
    """There is a new commit, in step with its tree."""
    assert done.returncode == 0, said(done)
    assert repo.commit_count() == before.count + new, said(done)
    assert "Traceback" not in said(done)
    assert_in_step(repo, dirty=dirty)


def box(repo: Repository, task_id: str, text: str | None = None) -> str:
    """The line of the task in PLAN.md of HEAD, or of the text."""
    lines = (repo.head("PLAN.md") if text is None else text).split("\n")
    return next(line for line in lines if line.startswith("- [") and f"Task {task_id}:" in line)


def status_line(repo: Repository, number: int) -> str:
    """The line of the phase's own status in PLAN.md of HEAD."""
    lines = repo.head("PLAN.md").split("\n")
    heading = next(i for i, line in enumerate(lines) if line.startswith(f"### Phase {number}:"))
    return lines[heading + 1]


def script(file: Path, text: str, first: str = "#!/bin/sh") -> Path:
    """An executable file of that text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{first}\n{text}\n", encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return file


def _program(module: str) -> str:
    return f"import sys\nsys.path[0] = {str(TOP)!r}\nfrom {module} import main\nsys.exit(main())"


ORCHESTRATOR = (sys.executable, "-c", _program("orchestrator.cli"))


def installed_command(file: Path, module: str) -> Path:
    """The command of that module as an installation of this checkout would have it."""
    return script(file, _program(module), f"#!{sys.executable}")


def hook_command(folder: Path) -> Path:
    """``orchestrator-hook`` as an installation of this checkout would have it."""
    return installed_command(folder / "orchestrator-hook", "orchestrator.stages")


def listing_hooks(repo: Repository, folder: Path) -> Path:
    """A new folder in that one that gets a file per started hook; ``orchestrator-hook`` is replaced."""
    told = folder / "hooks"
    told.mkdir()
    text = (
        "import sys\n"
        f"sys.path += {[str(TOP), sysconfig.get_path('purelib')]!r}\n"
        "before = set(sys.modules)\n"
        "opened, started = [], []\n"
        "def listen(event, args):\n"
        "    if event == 'open':\n"
        "        opened.append(str(args[0]))\n"
        "    elif event in ('os.posix_spawn', 'subprocess.Popen', 'os.fork', 'os.system', 'os.exec'):\n"
        "        started.append(list(args[1]) if event == 'os.posix_spawn' else [event])\n"
        "sys.addaudithook(listen)\n"
        "from orchestrator.stages import main\n"
        "code = main()\n"
        "told = {'imported': sorted(set(sys.modules) - before), 'opened': opened[:], 'started': started}\n"
        "import json\n"
        f"with open({str(told)!r} + '/' + sys.argv[1], 'w') as file:\n"
        "    json.dump(told, file)\n"
        "sys.exit(code)"
    )
    # -I -S: what the site packages of this environment import at the start is not ours.
    script(folder / "lean" / "orchestrator-hook", text, f"#!{sys.executable} -IS")
    repo.env["PATH"] = f"{folder / 'lean'}:{repo.env['PATH']}"
    return told


def what_hooks_did(folder: Path) -> dict[str, dict[str, list[Any]]]:
    """From the stage to what it imported (modules), opened (paths) and started (command lines) when it ran last."""
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in folder.iterdir()}
