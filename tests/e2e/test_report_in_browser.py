"""The page of the report as the command writes it, and as a browser shows it on a phone and on a desktop."""

from __future__ import annotations

import html
import json
import re
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.app.report.page import html_page
from tests.e2e.support import GATES, PHASES, plan_text
from tests.report_sample import long_report, phase, report, rich_report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Maker
    from tests.e2e.support import Orchestrator

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr"),
)
TIMEOUT_S = 120
WIDTHS = (360, 1280)
HEIGHT = 900

# The pages stand in frames, as they are, with their own policy; only the page around them has a script. A frame from
# srcdoc is of the same origin, so that it can be measured, and all of them are there when the outer page has loaded.
MEASURING = """
const found = {};
addEventListener("load", () => {
  for (const frame of document.querySelectorAll("iframe")) {
    const inner = frame.contentDocument, view = frame.contentWindow, top = inner.documentElement;
    for (const details of inner.querySelectorAll("details")) details.open = true;
    const scrolls = (part) => part && (["auto", "scroll"].includes(view.getComputedStyle(part).overflowX)
      || part.tagName === "svg" || scrolls(part.parentElement));
    const outside = [], small = [];
    for (const part of inner.body.querySelectorAll("*")) {
      const edge = part.getBoundingClientRect();
      if (edge.width && edge.right > top.clientWidth + 1 && !scrolls(part)
        && view.getComputedStyle(part).clipPath === "none" && !part.closest("thead"))
        outside.push(part.tagName + "." + part.className + ": " + part.textContent.slice(0, 60));
      const own = [...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
      const size = parseFloat(view.getComputedStyle(part).fontSize);
      if (own && edge.width && size < 14) small.push(part.tagName + "." + part.className + ": " + size);
    }
    const boxes = [...inner.querySelectorAll("main table")].map((table) => table.parentElement);
    found[frame.id] = {
      title: inner.title, client: top.clientWidth, scroll: Math.max(top.scrollWidth, inner.body.scrollWidth),
      height: top.scrollHeight, outside, small,
      wideTables: boxes.filter((box) => box.scrollWidth > box.clientWidth + 1).length,
      drawings: [...inner.querySelectorAll(".graph")].filter((box) => box.offsetWidth).map((box) => {
        const drawing = box.querySelector("svg"), text = box.querySelector("text");
        return [drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width, box.clientWidth];
      }),
      scripts: inner.scripts.length, images: inner.images.length,
    };
  }
  const said = document.createElement("pre");
  said.id = "found";
  said.textContent = JSON.stringify(found);
  document.body.append(said);
});
"""


MORE = """
[[question]]
id = "Q1"
text = "Cookies or <b>local storage</b>?"
blocks = ["ui"]
[[blocker]]
id = "B1"
text = "No key"
blocks = ["ui"]
[[assumption]]
id = "A1"
text = "Few users"
confirmed = "asked sales"
[[control]]
id = "S1"
text = "Passwords are hashed"
phase = "api"
check = "true"
[[control]]
id = "S2"
text = "TLS only"
phase = "foundation"
resolved = "looked at together"
[[control]]
id = "S3"
text = "Rate limits"
phase = "ui"
waiver = { why = "internal", who = "Anna", until = 2001-01-31 }
[[risk]]
id = "R1"
text = "Mail is late"
mitigation = "send again"
status = "accepted"
"""


def browser(folder: Path, page: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    """The browser, ended, after it has shown the page with a new profile in the folder."""
    name = next((name for name in BROWSERS if shutil.which(name)), None)
    if name is None:
        pytest.skip(f"none of these is installed: {', '.join(BROWSERS)}")
    argv = [name, *FLAGS, f"--user-data-dir={folder / 'profile'}", *options, page.as_uri()]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=TIMEOUT_S, cwd=folder)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done


def complaints(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    """What pages wrote to the console, refusals of their policy among it."""
    return [line for line in done.stderr.decode("utf-8", "replace").splitlines() if "CONSOLE" in line]


PAGES = {
    "rich": html_page(rich_report()),
    "long": html_page(long_report()),
    "smallest": html_page(report(phase())),
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a browser measured of each page at each width; one start for all of them."""
    folder = tmp_path_factory.mktemp("browser")
    frames = "".join(
        f'<iframe id="{name}-{width}" width="{width}" height="{HEIGHT}" srcdoc="{html.escape(page)}"></iframe>'
        for name, page in PAGES.items()
        for width in WIDTHS
    )
    outer = folder / "outer.html"
    around = f"<style>iframe {{ border: 0 }}</style><script>{MEASURING}</script>{frames}"
    outer.write_text(f'<!DOCTYPE html><meta charset="utf-8"><title>frames</title>{around}', encoding="utf-8")
    done = browser(folder, outer, "--dump-dom", "--window-size=1400,1000")
    assert complaints(done) == []
    said = re.search(r'<pre id="found">(.*?)</pre>', done.stdout.decode("utf-8"), re.DOTALL)
    assert said, done.stdout[-2000:]
    found = json.loads(html.unescape(said[1]))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_the_page_fits_its_width(measured: dict[str, Any], name: str, width: int) -> None:
    found = measured[f"{name}-{width}"]
    assert found["title"].endswith("report")
    assert found["client"] == width
    assert found["scroll"] == width
    assert found["outside"] == []
    assert found["small"] == []
    assert found["wideTables"] == 0
    assert (found["scripts"], found["images"]) == (0, 0)
    assert found["height"] > HEIGHT


def test_the_graph_keeps_its_size_and_scrolls_in_its_own_box(measured: dict[str, Any]) -> None:
    for width in WIDTHS:
        ((scale, box),) = measured[f"rich-{width}"]["drawings"]
        assert scale == pytest.approx(1.0)
        assert box < width
        assert measured[f"smallest-{width}"]["drawings"] == []


def test_a_picture_of_the_page_can_be_taken(tmp_path: Path) -> None:
    page, picture = tmp_path / "report.html", tmp_path / "page.png"
    page.write_text(PAGES["rich"], encoding="utf-8")
    done = browser(tmp_path, page, f"--screenshot={picture}", "--window-size=1280,1600")
    assert complaints(done) == []
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (1280, 1600)
    assert len(data) > 50_000  # an empty page has a few thousand


def test_the_command_writes_the_page(make: Maker, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch) -> None:
    phases = PHASES.replace('files = ["db/**"]', 'files = ["db/**"]\nowners = ["Anna <anna@example.com>"]', 1)
    here = make.adopted(plan=plan_text(gates=GATES, phases=phases + MORE))
    monkeypatch.chdir(here.top)
    here.finish_foundation()
    here.add({"odd <img src=x>.bin": b"\0\1"})
    excuse = {"ORCHESTRATOR_EXCEPTION": "<script>alert(1)</script>"}
    here.git("commit", "-q", "-m", f"wip: <i>odd</i>\n\nPlan-Exception: {excuse['ORCHESTRATOR_EXCEPTION']}", env=excuse)
    said = orchestrator("report", "-o", "report.html")
    assert (said.code, said.out, said.err) == (0, "wrote report.html\n", "")
    page = here.read("report.html")
    assert page == orchestrator("report", "--format", "html").out
    for shown in (
        *(
            "Not complete: 1 of 3 phases",
            "Anna &lt;anna@example.com&gt;",
            "&lt;b&gt;local storage&lt;/b&gt;?",
        ),
        *("looked at together", "its waiver ended on 2001-01-31", "check of control", "asked sales", "send again"),
        *(
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "odd &lt;img src=x&gt;.bin",
            "wip: &lt;i&gt;odd&lt;/i&gt;",
            "binary",
        ),
        *("waits for blocker", "binary", here.out("rev-parse", "HEAD"), "orchestrator next"),
    ):
        assert shown in page, shown
