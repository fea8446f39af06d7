"""The benchmark at its smallest: without peers, without a network, with the program that the tests run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import growth
import hot_path
import pytest
import results
import verify
from common import ORCHESTRATOR, Lab, MeasureError
from compare import interval
from curves import svg
from plans import Landing, Size, copy, make
from results import Bar, Case, Curve, Line, Measured, Section, Table

SMALLEST = Size(phases=2, tasks=4, patterned=1, files=3, claimed=True, commits=2)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """One turn; ``orchestrator`` is that of the tests."""
    return Lab(tmp_path / "work", tmp_path, 1, quick=True, programs={ORCHESTRATOR: Path(sys.executable).parent})


def test_an_ordinary_commit_is_taken_and_nothing_else_is_measured(lab: Lab) -> None:
    model = make(lab, "tasks-4", SMALLEST.world())
    bare = hot_path.bare_cases(lab, copy(lab, model, "asked"), SMALLEST)
    assert list(bare) == ["pre-commit", "commit-msg"]
    assert any(case.name.startswith("`git cat-file") for case in bare["pre-commit"])
    stages = hot_path.with_stages(lab, hot_path.commit_case("stages", model, SMALLEST, lab.env, says=False))
    results.take_turns("try", [*[case for cases in bare.values() for case in cases], stages.commit], lab.runs)
    assert [len(found.seconds) for found in stages.measured()] == [1, 1]
    assert len(growth.render(lab, {4: SMALLEST})[4].seconds) == 1
    stages.commit.argv = ("git", "commit", "-q", "-m", "feat: [Part 1] work on what is complete")
    with pytest.raises(MeasureError, match="phase-mismatch"):
        results.take_turns("try", [stages.commit], lab.runs)


def test_hooks_that_judge_nothing_are_not_measured(lab: Lab) -> None:
    with pytest.raises(MeasureError, match="accept a message"):
        Landing(make(lab, "model", SMALLEST.world()), SMALLEST, lab.env).check_refuses()


def test_a_history_is_kept_and_judged_whole(lab: Lab) -> None:
    history = verify.keep_history(lab, 60, 10)
    note = lab.work / "histories/60-10.json"
    made = note.stat().st_mtime_ns
    assert verify.keep_history(lab, 60, 10).facts == history.facts
    assert note.stat().st_mtime_ns == made
    results.take_turns("try", [verify.verify_case(lab, history)], lab.runs)
    assert verify.watch(lab, history) is not None or sys.platform != "linux"


SLOW, FAST = Measured("slow", (2.0, 4.0, 9.0), 2_000_000), Measured("fast", (1.0, 2.0, 3.0))
SECTION = Section(
    "Group",
    "About it.",
    [Table([Line(SLOW, "all"), Line(FAST)], FAST)],
    [Bar("slow / fast", SLOW.to(FAST), 2.0), Bar("added", 2.5, 1.0, "ms")],
    [Curve("Growth", "files", {"a & b": [(10, 1.0), (1_000, 25.0)]})],
    ["A note."],
)


def test_the_page_has_the_tables_and_keeps_what_people_wrote(tmp_path: Path) -> None:
    text = results.markdown([SECTION], {"system": "a machine"}, {"peer": "1.0"}, "How.")
    assert "| slow / fast | 2.00 x | 2.00 x | kept |" in text
    assert "| added | 2.5 ms | 1.0 ms | **missed** |" in text
    assert "| slow | 2.00 x | 4,000.0 | 2,000.0 | 2 | all |" in text
    page = tmp_path / "page.md"
    for old in ("", "old\n"):
        page.write_text(f"# Ours\n{results.BEGIN}\n{old}{results.END}\nOurs, too.\n", encoding="utf-8")
        results.put_into_page(page, text)
        assert page.read_text(encoding="utf-8") == f"# Ours\n{results.BEGIN}\n{text}{results.END}\nOurs, too.\n"
    page.write_text(f"{results.END}\n{results.BEGIN}\n", encoding="utf-8")
    with pytest.raises(MeasureError, match="expected one line"):
        results.put_into_page(page, text)


def test_programs_get_the_same_numbers() -> None:
    (group,) = json.loads(json.dumps(results.as_json([SECTION], {}, {})))["groups"]
    assert [bar["kept"] for bar in group["bars"]] == [True, False]
    assert group["tables"][0]["lines"][0]["seconds"] == [2.0, 4.0, 9.0]


def test_curves_stay_in_their_panel() -> None:
    picture = ET.fromstring(svg([SECTION.curves[0]] * 3))  # noqa: S314 - our own text
    assert picture.get("viewBox") == "0 0 840 600"
    dots = picture.findall(".//{*}circle")
    assert len(dots) == 6
    assert all(0 < float(dot.get("cx", "")) < 420 and 0 < float(dot.get("cy", "")) < 300 for dot in dots)
    assert any(text.text == "a & b" for text in picture.iter("{http://www.w3.org/2000/svg}text"))


def test_the_interval_of_a_median_is_that_of_the_sign_test() -> None:
    assert interval([float(number) for number in range(15)]) == (3.0, 11.0)
    assert interval([float(number) for number in range(3)]) == (0.0, 2.0)


def test_fewer_turns_are_compared_with_the_same_turns_of_others() -> None:
    assert SLOW.to(Measured("few", (1.0,))) == 2.0
    assert Case("none", (), Path(), {}).turns > 1_000
