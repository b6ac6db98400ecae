"""Teach: lessons, runs that went wrong, and settings whose runs were made beforehand."""

from scapp.ui.kit import state
from scapp.ui.kit.frame import page
from scapp.ui.kit.routing import guard
from scapp.ui.teach import lesson_list, lesson_page

guard()
with page("Teach") as header:
    state.current_dataset()  # lessons need none; the address keeps it for the other pages
    state.say()
    lesson = lesson_list.chosen_lesson()
    if lesson is None:
        lesson_list.overview()
    else:
        lesson_page.lesson_section(lesson, header)
