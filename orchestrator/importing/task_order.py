"""What a sentence says about the order of phases and tasks, as "Polish depends on all user stories"."""

# ruff: noqa: RUF001 - dashes, colons and quotes as people write them, also in Chinese

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from orchestrator.core.value import Value
from orchestrator.importing.markdown import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TASK_ID = r"T(?:\d{1,9}|X{2,4})[A-Za-z]?(?:[.-](?:\d{1,4}[a-z]?|[A-Z]{1,4})\b){0,4}(?!\w)"
NOT_READ = "an order that is not said in a way that can be read"
UNKNOWN = "an order with tasks that are not there: "

_MOST_EDGES = 100_000  # of one source: a line may name thousands of tasks on both sides
_TASK = re.compile(rf"\b({TASK_ID})")
_SHORT = re.compile(r"T\d{1,9}[A-Za-z]?")
_RANGE = re.compile(r"\bT(\d{1,9})[A-Za-z]?\s?(?:-|–|—|\.{2,3}|to\b|through\b)\s?(?:T|(?=\d{3}))(\d{1,9})(?!\w)")
_NUMBER = r"\d{1,4}(?:\.\d{1,4})?"
_PHASE = re.compile(
    rf"\bphases?\s({_NUMBER}(?:\s?(?:,\sand\s|,|and\s|&|/|-|–|—|to\s|through\s)\s?(?:phase\s)?{_NUMBER})*\+?)",
    re.IGNORECASE,
)
_STORY = re.compile(
    r"\b(?:user\sstor(?:y|ies)|US)[\s-]?(\d{1,4}(?:\s?(?:,\sand\s|,|and\s|&|/|-|–|—|to\s|through\s)\s?(?:US-?)?\d{1,4})*)",
    re.IGNORECASE,
)
_STORIES = re.compile(r"\bstories\b(?!\s?\d)", re.IGNORECASE)
_EARLIER = re.compile(r"\ball\s(?:the\s)?(?:previous|prior|preceding|earlier)\sphases\b", re.IGNORECASE)
_FINAL = re.compile(r"\b(?:final|last)\sphase\b", re.IGNORECASE)
_USUAL = re.compile(r"\b(setup|foundation|foundational|polish)\b", re.IGNORECASE)
_PART = re.compile(r"(\d{1,4}(?:\.\d{1,4})?)|(-|–|—|to\b|through\b)|(\+)")
_TAIL = re.compile(r"\s(?:phase|tasks?|completion|complete|completed|being|is|are|to|be)$", re.IGNORECASE)

_CLAUSES = re.compile(r"[;；]\s?|\s[-–—]+\s|\.\s|\.$")
_HEDGE = re.compile(
    r"\b(?:may|might|could|should|ideally|recommended|optional(?:ly)?|prefer\w*|if|or)\b", re.IGNORECASE
)
_NOT = re.compile(r"\b(?:no|not|never|cannot|nothing|none)\b|n't\b|n’t\b", re.IGNORECASE)
_FREE = re.compile(
    r"\bno\s(?:\w+\s)?dependenc|\bindependen|\bparallel\b|\bimmediately\b|^\s?(?:none|n/a|-|–|—)?\s?$", re.IGNORECASE
)
_VERB = re.compile(
    r"\b(?:(depends?\son|dependent\son|requires?|needs?|blocked\sby|relies\son)|(after)|(until)|(before|precedes?)"
    r"|(blocks?))\b:?",
    re.IGNORECASE,
)
_OWN = re.compile(r"\b(?:(blocks)|depends?\son|dependent\son|blocked\sby|requires?|needs?|after)\b:?", re.IGNORECASE)
_OWN_WORDS = ("depend", "block", "requir", "need", "after")  # a look before the slow one
_IDS = re.compile(r"(?:[\s,&/+*`\[\]–—-]|and\b|to\b|through\b|tasks?\b|T\d[\w.-]*|\d{3})+")
_PHASES_AHEAD = re.compile(r"[\s*`]{0,3}(?:phase\s\d|user\sstor|US\d)", re.IGNORECASE)


class PhaseNames(Value):
    """What a phase is called by, and the positions of its tasks among all."""

    number: str  # "2" or "3.1", "" for none
    title: str
    stories: tuple[int, ...] = ()
    tasks: tuple[int, ...] = ()


class Order:
    """The order that sentences have told so far; phases and tasks by position.

    ``phase_needs[a]`` are the phases that phase ``a`` depends on, ``task_needs[a]`` the ids that task ``a`` does.
    """

    def __init__(self, phases: Sequence[PhaseNames], task_ids: Sequence[str]) -> None:
        """Know the phases and tasks that can be named."""
        self.phases = phases
        self.task_ids = task_ids
        self.phase_needs: dict[int, dict[int, None]] = {}
        self.task_needs: dict[int, dict[str, None]] = {}
        self._left = _MOST_EDGES
        self._tasks: dict[str, int] = {}
        for index, task_id in enumerate(task_ids):
            self._tasks.setdefault(task_id, index)
        self._numbered = sorted([(int(found[1]), i) for t, i in self._tasks.items() if (found := _RANGE_END.match(t))])
        self._by_number: dict[str, int] = {}
        self._by_name: dict[str, int] = {}
        self._by_story: dict[int, list[int]] = {}
        for index, phase in enumerate(phases):
            self._by_number.setdefault(phase.number, index)
            for name in _names(phase.title):
                self._by_name.setdefault(name, index)
            for story in phase.stories:
                self._by_story.setdefault(story, []).append(index)
        self._stories = [index for index, phase in enumerate(phases) if phase.stories]
        self._unknown: list[str] = []

    def tell(self, text: str, phase: int | None = None, task: int | None = None) -> str:
        """Take in a line; the phase or task is what it speaks of where it names none. Why not all was, "" if so."""
        self._unknown = []
        line = plain(text)
        subject = ([] if phase is None else [phase], [] if task is None else [task])
        head, colon, rest = line.replace("：", ":").partition(":")
        if colon and not _VERB.search(head) and any(named := self._named(head)):
            subject, line = named, rest
        read = False
        missed = False
        for clause in _CLAUSES.split(line):
            understood = self._clause(clause.strip(), subject)
            read = read or understood
            missed = missed or (not understood and any(self._named(clause)))
        if self._unknown:
            return UNKNOWN + ", ".join(dict.fromkeys(self._unknown))
        return "" if read and not missed else NOT_READ

    def tell_needs(self, text: str, phase: int | None = None, task: int | None = None) -> str:
        """Take in a list of what the phase or task depends on. Why not all of it was, "" if so."""
        self._unknown = []
        line = plain(text)
        named = self._named(line)
        if any(named):
            self._add(([] if phase is None else [phase], [] if task is None else [task]), named)
        elif not self._unknown and not _FREE.search(line.rstrip(".")):
            return NOT_READ
        return UNKNOWN + ", ".join(dict.fromkeys(self._unknown)) if self._unknown else ""

    def tell_own(self, text: str, task: int) -> str:
        """Take in what the text of a task says of itself: "depends on" and the like right before ids."""
        self._unknown = []
        why = ""
        lowered = text.lower()
        if not any([word in lowered for word in _OWN_WORDS]):
            return ""
        for verb in _OWN.finditer(text):
            ids = _IDS.match(text, verb.end())
            named = self._tasks_named(ids[0] if ids else "")
            if named and verb[1]:
                self._add(([], named), ([], [task]))
            elif named:
                self._add(([], [task]), ([], named))
            elif _PHASES_AHEAD.match(text, verb.end()):
                why = self.tell_needs(text[verb.end() :], task=task) or why
        return UNKNOWN + ", ".join(dict.fromkeys(self._unknown)) if self._unknown else why

    def _clause(self, clause: str, subject: tuple[list[int], list[int]]) -> bool:
        """Whether the clause could be read; the order that it tells is added."""
        verbs = list(_VERB.finditer(clause))
        if not verbs or re.search(r"\bno\s(?:\w+\s)?dependenc", clause, re.IGNORECASE):
            return bool(_FREE.search(clause))
        if _HEDGE.search(clause):
            return False
        left = clause[: verbs[0].start()]
        named = self._named(left)
        before = named if any(named) else subject
        negated = bool(_NOT.search(left))
        read = False
        for verb, following in zip(verbs, [*verbs[1:], None], strict=True):
            right = clause[verb.end() : following.start() if following else len(clause)]
            read = self._said(verb, before, right, negated=negated) or read
        return read

    def _said(self, verb: re.Match[str], left: tuple[list[int], list[int]], right: str, *, negated: bool) -> bool:
        needs, after, until, before, blocks = verb.groups()
        if negated and (needs or blocks):
            return True  # it is said that there is no such order
        if bool(until) > negated or (negated and after):
            return False
        named = self._named(right)
        if _EARLIER.search(right) and not blocks and not before:
            named = (list(range(min(left[0]))) if left[0] else [], [])
        if not any(left) or not any(named):
            return False
        return self._add(named, left) if (before and not negated) or blocks else self._add(left, named)

    def _add(self, later: tuple[list[int], list[int]], earlier: tuple[list[int], list[int]]) -> bool:
        """Whether there was room for the edges; phases that meet tasks stand for their tasks."""
        if (later[1] and earlier[1]) or not (later[0] and earlier[0]):
            after = later[1] or self._tasks_of(later[0])
            ids = [self.task_ids[i] for i in earlier[1] or self._tasks_of(earlier[0])]
            if self._pay(len(after) * len(ids)):
                for index in after:
                    own = self.task_ids[index]
                    self.task_needs.setdefault(index, {}).update(dict.fromkeys([i for i in ids if i != own]))
                return True
        elif self._pay(len(later[0]) * len(earlier[0])):
            for index in later[0]:
                self.phase_needs.setdefault(index, {}).update(dict.fromkeys([i for i in earlier[0] if i != index]))
            return True
        return False

    def _pay(self, edges: int) -> bool:
        if edges > self._left:
            return False
        self._left -= edges
        return True

    def _tasks_of(self, phases: Iterable[int]) -> list[int]:
        return [task for phase in phases for task in self.phases[phase].tasks]

    def _named(self, text: str) -> tuple[list[int], list[int]]:
        """The phases and the tasks that the text names; beside tasks a phase counts only with its number."""
        tasks = self._tasks_named(text)
        return ([], tasks) if tasks and not _PHASE.search(text) else (self._phases_named(text), tasks)

    def _tasks_named(self, text: str) -> list[int]:
        found: dict[int, None] = {}
        for span in _RANGE.finditer(text):
            first = bisect_left(self._numbered, (int(span[1]), -1))
            last = bisect_right(self._numbered, (int(span[2]), len(self.task_ids)))
            if self._pay(max(last - first, 0)):
                found.update(dict.fromkeys([index for _, index in self._numbered[first:last]]))
            if first >= last:
                self._unknown.append(span[0])
        for task_id in _TASK.findall(_RANGE.sub(" ", text)):
            short = _SHORT.match(task_id)
            index = self._tasks.get(task_id, self._tasks.get(short[0]) if short else None)
            if index is None:
                self._unknown.append(task_id)
            else:
                found[index] = None
        return list(found)

    def _phases_named(self, text: str) -> list[int]:
        found: dict[int, None] = {}
        for numbers in _PHASE.findall(text):
            found.update(dict.fromkeys(self._numbers(numbers)))
        for stories in _STORY.findall(text):
            found.update(dict.fromkeys(self._story_numbers(stories)))
        for name in _USUAL.findall(text):
            index = self._by_name.get(_stem(name))
            if index is not None:
                found[index] = None
        if _FINAL.search(text) and self.phases:
            found[len(self.phases) - 1] = None
        if _STORIES.search(text) and self._stories and self._pay(len(self._stories)):
            stories_of = [index for index in found if self.phases[index].stories]
            return stories_of if stories_of and _PHASE.search(text) else [*found, *self._stories]
        if not found:
            index = self._by_name.get(_base(text))
            return [] if index is None else [index]
        return list(found)

    def _numbers(self, text: str) -> list[int]:
        """The phases of "2", "2, 3 and 5", "3-5" or "3+"."""
        found: list[int] = []
        start: tuple[int, ...] | None = None
        last: tuple[int, ...] = ()
        for number, dash, plus in _PART.findall(text):
            if dash:
                start = last
            elif plus or start is not None:
                low, high = (last, None) if plus else (start or (), _key(number))
                found.extend(self._between(low, high))
                start = None
            else:
                last = _key(number)
                found.extend([self._by_number[number]] if number in self._by_number else [])
        return found

    def _between(self, low: tuple[int, ...], high: tuple[int, ...] | None) -> list[int]:
        if not self._pay(len(self.phases)):
            return []
        keys = [_key(phase.number) for phase in self.phases]
        return [i for i, key in enumerate(keys) if key and low <= key and (high is None or key <= high)]

    def _story_numbers(self, text: str) -> list[int]:
        found: list[int] = []
        last = 0
        ranging = False
        for number, dash in re.findall(
            r"(\d{1,4})|(-|–|—|to\b|through\b)", re.sub(r"US-?", "", text, flags=re.IGNORECASE)
        ):
            if dash:
                ranging = True
                continue
            first = last + 1 if ranging else int(number)
            if self._pay(max(int(number) - first, 0)):
                for story in range(first, int(number) + 1):
                    found.extend(self._by_story.get(story, []))
            last, ranging = int(number), False
        return found


_RANGE_END = re.compile(r"T(\d{1,9})")


def _key(number: str) -> tuple[int, ...]:
    return tuple([int(part) for part in number.split(".")]) if number and number[0].isdigit() else ()


def _stem(name: str) -> str:
    return name.lower().removesuffix("al")


def _base(text: str) -> str:
    """The text without what stands in brackets and without words that only say that something is over."""
    name = text.partition("(")[0].strip(" *.,:").lower()
    while found := _TAIL.search(name):
        name = name[: found.start()]
    return name


def _names(title: str) -> list[str]:
    """What a phase is called in a sentence: its title without remarks, and one of the usual words at its start."""
    names = [title.lower(), _base(title), _base(title.partition(" - ")[0])]
    usual = _USUAL.match(title)
    return [name for name in [*names, _stem(usual[1]) if usual else ""] if name]
