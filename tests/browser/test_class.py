"""A class: no browser reaches what is another's, by any page, address, file, session or name."""

import itertools
import re
import secrets

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from benchmarks.streamlit_session import ScreenlessBrowser
from scapp.steps.config import ImportRequest
from scapp.teach.lesson import built_in
from scapp.teach.work import change_step
from scapp.ui.kit.routing import PAGES
from scapp.ui.teach.board_tab import BOARD_SECONDS
from scapp.workspace.classroom import Classroom
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.run import Part, RunStore, Status
from tests.browser.acting import AT_REST, press, visible
from tests.browser.conftest import CHROMIUM, TOKEN, Server
from tests.conftest import run_step

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

CODE = "abc-def"
SECRET = "kestrel"
"""Stands in the name of everything that the first browser has."""
LESSON = built_in()[0]


@pytest.fixture(scope="module")
def class_server(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCAPP_MODE", "class")
        patch.setenv("SCAPP_CLASS_CODE", CODE)
        server = Server(tmp_path_factory.mktemp("class"))
        # the worst that a deployment can choose: all workspaces are in a folder that is open for import
        patch.setenv("SCAPP_DATA_DIRS", str(server.workspace.parent))
        server.start()
        yield server
        server.end()


class Tries:
    """Counts what was tried, and fails at the first that succeeds."""

    def __init__(self):
        self.n = 0

    def refused(self, answer, what):
        self.n += 1
        assert SECRET.encode() not in answer, what


def works_of(server, browser, study_file, folder):
    """A dataset, runs, a chain and a lesson of the first browser, all named by the secret."""
    room = Classroom(server.workspace)
    root = room.workspace(room.known(browser.secret))
    workspace = Workspace(root)
    made = run_step(workspace, "import", ImportRequest(path=str(study_file), name=SECRET).model_dump(), None, folder)
    runs = []
    for step in ("clear", "import"):
        part = Part(plan="analyse", stage="import") if step == "import" else None
        run = RunStore(root).create(
            step, dataset=made["dataset"], config={"name": SECRET}, title=SECRET, lane="none", part=part
        )
        run.set_status(Status(state="done", result={"dataset": made["dataset"]}))
        (run.folder / "log.txt").write_text(SECRET)
        runs.append(run)
    change_step(root, LESSON, LESSON.steps[0].id, predicted=0, revealed=True, answer=0, note=SECRET)
    return root, made["dataset"], runs


def test_two_hundred_ways_to_reach_what_is_anothers(class_server, study_file, tmp_path):
    address = class_server.address
    first, other, stranger = (ScreenlessBrowser(address) for _ in range(3))
    first.join(CODE)
    other.join(CODE)
    root, dataset, runs = works_of(class_server, first, study_file, tmp_path / "import")
    tries = Tries()

    # the owner's own pages show it, so a page that does not is no accident
    own = first.open("home", f"dataset={dataset}")
    assert SECRET.encode() in own.said
    lesson = first.open("teach", f"lesson={LESSON.id}&step={LESSON.steps[0].id}")
    assert SECRET.encode() in lesson.said
    cards = first.open("teach")
    export = first.open("export", f"dataset={dataset}")
    # what is made when it is asked for, and what is there at once; a lesson's file is everybody's
    promised = [(page, id) for page in (lesson, export) for id in page.downloads.values()]
    urls = [url for page, id in promised if (url := page.promised(id))]
    contents = {file: first.http.get(f"{address}{file}").content for file in {*urls, *cards.media, *export.media}}
    files = [file for file, content in contents.items() if SECRET.encode() in content]
    assert set(files) & set(urls)
    assert set(files) - set(urls)

    # pages and everything that an address may name
    names = [dataset, f"../{root.name}/datasets/{dataset}", str(root / "datasets" / dataset), f"{root.name}/{dataset}"]
    queries = [f"dataset={name}" for name in names]
    queries += [f"{parameter}={run.id}" for run in runs for parameter in ("run", "import_run", "analysis")]
    queries += [f"dataset={dataset}&run={runs[0].id}", f"lesson={LESSON.id}&step={LESSON.steps[0].id}"]
    for page, query in itertools.product((record.id for record in PAGES), queries):
        opened = other.open(page, query)
        tries.refused(opened.said, f"{page}?{query}")
        assert b"Class code" not in opened.said, "the board is the holder's"
        opened.close()

    # files, in every way of writing their address, and with every claim of who one is
    member = root.name
    for file in files:
        name = file.removeprefix("/media/")
        for path in (file, f"//media/{name}", f"/media/./{name}", f"/x/../media/{name}", f"/media/%2e/{name}"):
            for who in (other, stranger):
                for claimed in ({}, {"X-Scapp-Owner": member}, {"x-scapp-owner": "holder"}):
                    asked = requests.Request("GET", address, headers=claimed, cookies=who.http.cookies).prepare()
                    asked.url = f"{address}{path}"
                    answer = who.http.send(asked, allow_redirects=False)
                    tries.n += 1
                    shown = answer.status_code == 200 and "html" not in answer.headers.get("content-type", "")
                    assert not shown, (path, claimed)
                    assert SECRET.encode() not in answer.content

    # downloads that are promised to another
    page = other.open("home")
    for id, session in itertools.product((id for _, id in promised), (page.session, "", lesson.session)):
        url = page.promised(id, session=session)
        tries.n += 1
        assert not url or other.http.get(f"{address}{url}").status_code == 403

    # sessions
    for opened in (own, lesson, cards, export):
        taken = other.open("home", session=opened.session)
        tries.refused(taken.said, "session")
        assert taken.session != opened.session
        taken.close()
        other.http.get(f"{address}/_stcore/health")
        token = other.http.cookies["_streamlit_xsrf"]
        for method in ("PUT", "DELETE"):
            answer = other.http.request(
                method,
                f"{address}/_stcore/upload_file/{opened.session}/{secrets.token_hex(16)}",
                files={"file": ("x.csv", b"a,b")} if method == "PUT" else None,
                headers={"X-Xsrftoken": token},
            )
            tries.n += 1
            assert (answer.status_code, answer.text) == (403, "This is not on your pages.")

    # more than is one's own
    mine = f"{address}/_stcore/upload_file/{other.open('upload').session}/"
    for _ in range(6):
        answer = other.http.put(
            mine + secrets.token_hex(16), files={"file": ("x.csv", b"0" * 95_000_000)}, headers={"X-Xsrftoken": token}
        )
    tries.n += 1
    assert answer.status_code == 413, "500 MB a browser"

    # who one is
    secret, cookie = first.secret, f"scapp_{class_server.port}"
    forged = ["", member, secret[:-1], secret + "x", secret.swapcase(), "holder", TOKEN[:-1], CODE, "../" + member]
    for value in forged:
        tries.refused(requests.get(address, cookies={cookie: value}).content, value)
        with pytest.raises(InvalidStatus):
            connect(
                address.replace("http", "ws") + "/_stcore/stream",
                subprotocols=["streamlit"],
                additional_headers={"Cookie": f"{cookie}={value}", "X-Scapp-Owner": member},
            )
        tries.n += 1
    for path in ("metrics", "script-health-check", "agent/schema", "agent/interact"):
        tries.n += 1
        assert other.http.get(f"{address}/_stcore/{path}").status_code == 403

    # a file of another's workspace, by its path
    page = other.open("upload")
    assert SECRET.encode() not in page.said
    for path in (
        root / "member.json",
        root / "datasets" / dataset,
        class_server.workspace,
        class_server.workspace.parent,
    ):
        page.rerun(**{"File or folder": str(path)})
        assert b"is outside the folders" in page.said
        tries.refused(page.said, str(path))

    print(f"{tries.n} tries, none succeeded")
    assert tries.n >= 200
    assert SECRET.encode() in first.open("home").said


def test_a_class_from_the_code_on_the_wall_to_its_end(class_server, open_browser):
    if CHROMIUM is None:
        pytest.skip("no chromium on the path")
    teacher, student = open_browser(known=False), open_browser(known=False)
    student.goto(f"{class_server.address}/teach?lesson={LESSON.id}&code={CODE}")
    press_join = student.get_by_role("button", name="Join")
    student.get_by_label("Class code").fill("wrong")
    press_join.click()
    student.get_by_text("That is not the code of this class").wait_for()
    student.get_by_label("Class code").fill(CODE.upper())
    press_join.click()
    visible(student, re.compile(r"this browser is number \d+"))
    visible(student, LESSON.steps[0].title)
    assert "code" not in student.url
    student.locator(AT_REST).wait_for()
    student.get_by_test_id("stRadio").locator("label").nth(1).click()
    press(student, "Reveal")
    visible(student, "Question.")
    assert student.get_by_role("tab", name="The class").count() == 0

    teacher.goto(f"{class_server.address}/teach?token={TOKEN}")
    teacher.get_by_role("tab", name="The class").click()
    visible(teacher, CODE)
    visible(teacher, re.compile("seats are taken"))
    teacher.locator(".js-plotly-plot").wait_for()
    teacher.locator(AT_REST).wait_for()
    teacher.get_by_role("combobox", name="Point out one").click()
    teacher.wait_for_timeout(2.5 * 1000 * BOARD_SECONDS)  # the list stays open while the board moves
    teacher.get_by_role("option").last.click(timeout=5000)
    press(teacher, "Show this one to everybody")
    visible(student, re.compile("Your teacher shows"))
    teacher.get_by_text("End the class", exact=True).first.click()
    teacher.get_by_text("Everybody has their worksheet").click()
    press(teacher, "End the class")
    teacher.get_by_text(CODE, exact=True).wait_for(state="detached")
    student.reload()
    student.get_by_text("Type the code of your class.").wait_for()
    assert Classroom(class_server.workspace).members() == []
