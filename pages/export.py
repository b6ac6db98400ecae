"""Export: files, the session as code and words, and its history."""

from scapp.ui.export import done_steps, files_and_script
from scapp.ui.kit import state
from scapp.ui.kit.frame import page
from scapp.ui.kit.routing import guard

guard()
with page("Export") as header:
    state.dataset_switcher()
    with header.title:
        dataset = state.dataset_or_stop()
    files_and_script.file_section(dataset)
    files_and_script.script_section(dataset)
    files_and_script.contents(dataset)
    done_steps.history_section(dataset)
