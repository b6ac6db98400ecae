"""Sentences of the Teach page."""

TEACH = (
    "A lesson asks you to **predict** before you **see**: that is where one learns. Everything you predict, answer and"
    " write down is kept in this workspace, and ends on a worksheet."
)
OWN = (
    "A lesson is a small file. Download one of those above from the menu, change it in any text editor, and open it"
    " here: its steps, texts, settings and questions are read, and nothing in it is carried out."
)
GALLERY = (
    "Each run below was made with settings that spoil it, and again with the settings that repair it. PCA does not"
    " stand beside CLEAR in them, because it would carry the map where CLEAR fails. Look at the curve, at the map, and"
    " at what was measured, and find what would have told you."
)
GRID = (
    "Each combination of these settings was trained once on the 700 blood cells, with two views of one cell as"
    " positives and without PCA beside them. Move a slider, and look at the run that was made with it."
)
MEASURES = {
    "same_type": "neighbours of the same type",
    "own_batch": "neighbours of the same batch",
    "loss_share": "loss / chance",
    "spread": "spread",
}
MEASURE_HELP = {
    "same_type": (
        "Mean share of a cell's nearest neighbours in the representation that are of its type: 15 neighbours, or 5"
        " where few cells were trained on."
    ),
    "own_batch": "Mean share of a cell's 15 nearest neighbours that are of its own batch; by chance it would be 50%.",
    "loss_share": "The loss at the end, as a share of what a network that guesses has; 1: nothing was learnt.",
    "spread": "Near 1 the embeddings use all directions; near 0 all cells look alike.",
}
NO_SUCH = "There is no lesson of that name here. Choose one below, or open its file."
PREDICT_FIRST = "The figure appears when you have made your prediction."
DRAW = "Set the loss that you expect at each of these epochs; the figure follows."
CLICK = "Click on a cell of the map, where you expect it; click elsewhere to change your mind."
SLOW = "Slow motion"
SLOW_HELP = "Training goes on at its own speed; what is shown follows at two pictures a second, so that one can see it."
SHEET_NAME = "Name on the worksheet"
RECORD = "What you see here becomes a step of a lesson of yours, with the settings as they are now."
WRITE = (
    "A lesson of your own begins with what you see (press *Record as a step* beside a run that went wrong, settings and"
    " their runs, augmentations, or a training of an example) or with a copy of another. Here its steps get their"
    " words, order and questions."
)
NONE_YET = "You have no lesson of your own yet. Record a first step, begin from a copy, or open a file under 'Lessons'."
ONE_RIGHT = "Tick one answer as right: a question has exactly one."
DELETE = "The lesson is deleted from this workspace; what students have done in it stays."
AS_FILE = (
    "Everything that a lesson can hold: what is predicted ('prediction': choice, number, loss, place), what is shown"
    " ('activity'), facts in texts. Look at one of the lessons that come with the app for examples of each."
)
ANEW = "Put everything of this lesson aside (a copy is kept in the workspace)"

NO_CLASS = "No class is held: end scapp and start it again with `scapp app --class`."
JOIN = (
    "The address for the class was printed when scapp was started. Each browser that gives the code has a workspace of"
    " its own and a number, which stands below the list of pages."
)
TOLD = "Off, the figure on the right can be projected while others still predict."
END = (
    "What was made in the class is deleted, trainings stop, and the next class has another code. By itself it ends at"
    " {time}. Worksheets that were not downloaded are lost."
)
NOTHING_ASKED = "This step asks for nothing: it is looked at."
NO_PREDICTIONS = "Nobody has made a prediction in this step yet. Each appears when it is revealed on its own page."
NO_TRAININGS = "Nobody has trained in this step yet."
POINT_OUT = "Its prediction is drawn in another colour. Only that browser's own page says which number it has."
SHOWN = "Everybody in this lesson sees one prediction at the end of their page, without a number."
SHOWS = "**Your teacher shows** {whose} predictions, in the step *{title}*."


def joined(n_seats: int, n_here: int, seats: int) -> str:
    """How many browsers there are."""
    return f"{n_seats} of {seats} seats are taken; {n_here} are at this step."


def measure(name: str, value: float) -> str:
    """One of the measures, as it is written."""
    return f"{value:.0%}" if name in ("same_type", "own_batch") else f"{value:.2f}"
