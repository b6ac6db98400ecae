"""How the app feels to each of a class while all of it works, on one computer that also plays the class.

    python -m benchmarks.load --users 30 --minutes 5 [--trainings 5] [--browsers 3] [--workers 5]

Most of the class are clients without a screen that speak Streamlit's protocol, and wait in it for every part of a page
that a browser would draw anew by itself; some are headless Chromium. Each walks through the three lessons as a student
does, with a while to think between actions; some train live again and again. In the end each one's file is compared
with what was done, and the waits of the runs are taken from their records. Before the others come, one walks alone:
that is what the seconds are compared with.
"""

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import psutil

from benchmarks.streamlit_session import ScreenlessBrowser, ScreenlessPage
from scapp.teach.lesson import Choice, Lesson, LossCurve, Number, Place, Step, Training, built_in
from scapp.teach.work import read_work
from scapp.workspace.classroom import Classroom, member_id
from scapp.workspace.runs.run import ACTIVE, RunStore
from tests.browser.conftest import ARGUMENTS, CHROMIUM, Server

CODE = "load-test"
SETTLED_AFTER = 60.0
THINK_SECONDS = 8.0
"""Between two actions, on average."""
LIVE = next((lesson, step) for lesson in built_in() for step in lesson.steps if isinstance(step.activity, Training))


@dataclass
class Seen:
    """What was measured, by anybody.

    Parameters
    ----------
    seconds
        Name of an action -> how long each took.
    settled
        How long actions on pages took after the first minute, in which all come at once and workers start.
    began
        When, by the steady clock.
    done
        Folder of a member -> lesson, step, predicted, answer and note of what was done there.
    faults
        What went wrong.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    settled: list[float] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    done: dict[str, list[tuple[Lesson, Step, int | float | None, int | None, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    faults: list[str] = field(default_factory=list)

    def note(self, name: str, seconds: float) -> None:
        """Keep how long an action took."""
        self.seconds[name].append(seconds)
        if is_action(name) and time.monotonic() - self.began > SETTLED_AFTER:
            self.settled.append(seconds)


def is_action(name: str) -> bool:
    """Whether somebody did something on a page, rather than that it drew a part of itself."""
    return not name.startswith("a ")


class Student:
    """One browser without a screen that walks through the lessons until time is up.

    Parameters
    ----------
    address
        Of the app.
    number
        Seeds what it does.
    seen
        Takes what is measured.
    until
        When it goes home, by the steady clock.
    """

    def __init__(self, address: str, number: int, seen: Seen, until: float) -> None:
        self.draw, self.seen, self.until = random.Random(number), seen, until
        self.browser = ScreenlessBrowser(address)
        self.browser.join(CODE)
        self.id = member_id(self.browser.secret)
        self.number = number

    def walk(self) -> None:
        """Through the lessons, one after another, each from its start."""
        order = [*built_in()]
        first = self.number % len(order)
        for lesson in [*order[first:], *order[:first]] * 20:
            for step in lesson.steps:
                if isinstance(step.prediction, Place):
                    continue  # a click on a figure
                if time.monotonic() > self.until:
                    return
                self._step(lesson, step)

    def train(self) -> None:
        """Live, again and again, watching."""
        lesson, step = LIVE
        page = self._open(lesson, step)
        if "Reveal" in page.widgets:
            page.rerun(Reveal=True)
        while time.monotonic() < self.until:
            button = next((label for label in ("Train", "Train again") if label in page.widgets), None)
            if button is None:
                self.seen.seconds["a picture of a live training"] += page.rest(1.0)
                page.rerun()
            else:
                self.seen.note("press Train", page.rerun(**{button: True}))
        page.close()

    def _open(self, lesson: Lesson, step: Step) -> ScreenlessPage:
        began = time.perf_counter()
        page = self.browser.open("teach", f"lesson={lesson.id}&step={step.id}")
        self.seen.note("open a step", time.perf_counter() - began)
        return page

    def _think(self, page: ScreenlessPage) -> None:
        seconds = min(self.draw.expovariate(1 / THINK_SECONDS), 3 * THINK_SECONDS)
        self.seen.seconds["a part that draws itself"] += page.rest(seconds)

    def _act(self, page: ScreenlessPage, name: str, **values: object) -> None:
        self.seen.note(name, page.rerun(**values))
        self._think(page)

    def _step(self, lesson: Lesson, step: Step) -> None:
        page = self._open(lesson, step)
        self._think(page)
        predicted: int | float | None = None
        asked = step.prediction
        if "Reveal" in page.widgets:
            if isinstance(asked, Choice):
                predicted = self.draw.randrange(len(asked.options))
                self._act(page, "predict", **{"Your prediction": predicted})
            elif isinstance(asked, Number):
                predicted = float(round(self.draw.uniform(asked.minimum, asked.maximum)))
                label = next(label for label in page.widgets if label.startswith("Your prediction"))
                self._act(page, "predict", **{label: predicted})
            elif isinstance(asked, LossCurve):
                label = next(label for label in page.widgets if label.startswith("Loss at epoch"))
                self._act(page, "predict", **{label: 2.0})
            self._act(page, "reveal", Reveal=True)
        for label in ("Temperature", "Share of genes set to zero"):
            found = next((each for each in page.widgets if each.startswith(label)), None)
            if found is not None:
                proto = page.widgets[found][1]
                value = self.draw.randrange(len(proto.options)) if proto.options else self.draw.randrange(20) / 20
                self._act(page, "move a slider", **{found: value})
        answer, note = None, ""
        if step.question is not None and "Your answer" in page.widgets:
            answer = self.draw.randrange(len(step.question.options))
            self._act(page, "answer", **{"Your answer": answer})
        text = next((label for label, (kind, _) in page.widgets.items() if kind == "text_area"), None)
        if text is not None:
            note = f"seen {self.draw.randrange(10**6)}"
            self._act(page, "note", **{text: note})
        self.seen.done[self.id].append((lesson, step, predicted, answer, note))
        page.close()


def look(address: str, number: int, seen: Seen, until: float) -> None:
    """A student with a real browser: predicts, reveals, answers, goes on; seconds until the page has come to rest."""
    from playwright.sync_api import sync_playwright

    from tests.browser.acting import AT_REST

    draw = random.Random(number)
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = window.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(f"{address}/teach?code={CODE}")
        page.get_by_role("button", name="Join").click()

        def timed(name: str, action: object) -> None:
            began = time.perf_counter()
            assert callable(action)
            action()
            page.wait_for_timeout(50)
            page.locator(AT_REST).wait_for()
            seen.note(f"Chromium: {name}", time.perf_counter() - began)
            page.wait_for_timeout(1000 * min(draw.expovariate(1 / THINK_SECONDS), 3 * THINK_SECONDS))

        while time.monotonic() < until:
            for lesson in built_in():
                for step in lesson.steps:
                    if isinstance(step.prediction, (Place, LossCurve)) or time.monotonic() > until:
                        continue
                    where = f"{address}/teach?lesson={lesson.id}&step={step.id}"
                    timed("open a step", lambda where=where: page.goto(where))
                    page.get_by_role("heading", name=step.title, exact=True).wait_for()
                    if page.get_by_role("button", name="Reveal").count():
                        if isinstance(step.prediction, Choice):
                            option = page.get_by_test_id("stRadio").locator("label").nth(1)
                            timed("predict", option.click)
                        elif isinstance(step.prediction, Number):
                            page.get_by_role("spinbutton").fill(f"{step.prediction.minimum:g}")
                            timed("predict", lambda: page.get_by_role("spinbutton").press("Enter"))
                        timed("reveal", page.get_by_role("button", name="Reveal").click)
                    if page.get_by_role("slider").count():
                        key = draw.choice(["ArrowLeft", "ArrowRight"])
                        timed("move a slider", lambda key=key: page.get_by_role("slider").first.press(key))
        window.close()


def main() -> None:
    options = argparse.ArgumentParser(description="A class at work.")
    options.add_argument("--users", type=int, default=30, help="browsers altogether")
    options.add_argument("--browsers", type=int, default=3, help="of them headless Chromium")
    options.add_argument("--trainings", type=int, default=5, help="of them that train live all the time")
    options.add_argument("--workers", type=int, default=0, help="SCAPP_CLASS_WORKERS; 0 is the app's default")
    options.add_argument("--minutes", type=float, default=5.0)
    chosen = options.parse_args()
    os.environ |= {"SCAPP_MODE": "class", "SCAPP_CLASS_CODE": CODE, "SCAPP_CLASS_WORKERS": str(chosen.workers)}
    os.environ |= {"SCAPP_CLASS_SEATS": str(chosen.users + 1)}
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        try:
            play(server, chosen.users, chosen.browsers, chosen.trainings, chosen.minutes)
        finally:
            server.end()
        complaints = [line for line in server.log.read_text().splitlines() if "Error" in line or "Traceback" in line]
        print(f"complaints in the server's log: {len(complaints)} {complaints[:3]}")


def play(server: Server, users: int, browsers: int, trainings: int, minutes: float) -> None:
    """One alone, then all; what came of it."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    alone = Seen()
    Student(server.address, 0, alone, time.monotonic() + 45).walk()
    before = process.memory_info().rss
    seen, until = Seen(), time.monotonic() + 60 * minutes
    students = [Student(server.address, number, seen, until) for number in range(1, users - browsers + 1)]
    jobs = [student.train for student in students[:trainings]] + [student.walk for student in students[trainings:]]
    jobs += [lambda n=n: look(server.address, n, seen, until) for n in range(browsers)]
    most = [before]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(1.0):
            most.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(len(jobs)) as pool:
        for outcome in [pool.submit(job) for job in jobs]:
            if (fault := outcome.exception()) is not None:
                seen.faults.append(f"{type(fault).__name__}: {str(fault)[:300]}")
    stop.set()
    watcher.join()
    report(alone, seen)
    print(f"server: {before / 1e6:.0f} MB with one browser, at most {max(most) / 1e6:.0f} MB with {users};", end=" ")
    print(f"{(max(most) - before) / 1e6 / (users - 1):.1f} MB a browser")
    print(f"lost: {lost(server, alone) + lost(server, seen)} of {n_done(alone) + n_done(seen)} steps")
    print_waits(server)
    print(f"faults: {len(seen.faults)} {seen.faults[:3]}")


def report(alone: Seen, seen: Seen) -> None:
    """A table of seconds."""
    print(f"{'':<32} {'n':>5} {'median':>7} {'p95':>7} {'most':>7} {'alone, median':>14} {'ratio of medians':>17}")
    pages: list[float] = []
    for name, seconds in sorted(seen.seconds.items()):
        if is_action(name):
            pages += seconds
        one = statistics.median(alone.seconds[name]) if alone.seconds.get(name) else float("nan")
        print(line(name, seconds) + f" {one:14.2f} {statistics.median(seconds) / one:17.1f}" if seconds else name)
    print(line("all actions on pages", pages))
    print(line("of them, after a minute", seen.settled))


def line(name: str, seconds: Sequence[float]) -> str:
    """One row of it."""
    if not seconds:
        return f"{name:<32} {0:5d}"
    p95 = float(np.quantile(seconds, 0.95))
    return f"{name:<32} {len(seconds):5d} {statistics.median(seconds):7.2f} {p95:7.2f} {max(seconds):7.2f}"


def n_done(seen: Seen) -> int:
    return sum(len(steps) for steps in seen.done.values())


def lost(server: Server, seen: Seen) -> int:
    """Steps whose last prediction, answer or note is not in the student's file."""
    room, missing = Classroom(server.workspace), 0
    for id, steps in seen.done.items():
        root = room.workspace(id)
        last = {(lesson.id, step.id): (lesson, step, answer, note) for lesson, step, _, answer, note in steps}
        first = {}
        for lesson, step, predicted, _, _ in steps:
            first.setdefault((lesson.id, step.id), predicted)
        for place, (lesson, step, answer, note) in last.items():
            kept = read_work(root, lesson).of(step.id) if root is not None else None
            predicted = first[place]
            same = kept is not None and kept.revealed and kept.answer == answer and kept.note == note
            if not same or (predicted is not None and kept is not None and kept.predicted != predicted):
                missing += 1
    return missing


def print_waits(server: Server) -> None:
    """How long runs waited for a worker, by lane."""
    waits: dict[str, list[float]] = defaultdict(list)
    waiting = 0
    for root in Classroom(server.workspace).workspaces():
        for run in RunStore(root).list():
            status = run.status
            if status.started is None:
                waiting += status.state in ACTIVE
                continue
            seconds = datetime.fromisoformat(status.started) - datetime.fromisoformat(run.config.created)
            waits[run.config.lane].append(seconds.total_seconds())
    for lane, seconds in sorted(waits.items()):
        mean = statistics.mean(seconds)
        print(f"{lane}: {len(seconds)} runs, waited {mean:.1f} s on average, {max(seconds):.1f} s at most", end="; ")
        print(f"{max(seconds) / mean:.1f} times the mean")
    print(f"{waiting} runs waited when time was up")


if __name__ == "__main__":
    main()
