"""Train CLEAR: choose, start, watch."""

from scapp.ui.clear import one_run, placed_cells, start_and_runs
from scapp.ui.export import files_and_script
from scapp.ui.kit import state
from scapp.ui.kit.frame import page
from scapp.ui.kit.routing import guard, next_button

guard()
with page("Train CLEAR") as header:
    state.dataset_switcher()
    with header.title:
        dataset = state.prepared_or_stop()
    with header.controls:
        run = start_and_runs.chosen_run(dataset)
        if run is not None and run.observe().state == "done":
            next_button("map", "Next: make the map", dataset=dataset.id)
    start_and_runs.start_section(dataset, run)
    if run is not None:
        one_run.run_section(dataset, run)
    start_and_runs.runs_section(dataset)
    placed_cells.apply_section(dataset)
    files_and_script.copy_as_python(dataset, ("clear", "choose", "apply"))
