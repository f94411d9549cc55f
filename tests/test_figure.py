"""The figure, read from matplotlib's own objects: the numbers that it shows, not its pixels.

The runs can be followed by hand. Word a has the vector (1, 2), b (3, 4). A fixed head of ones adds
them up: the parts by word are 3 and 7. A step multiplies every error by 1 - 2 * lr * |w|² / n, and
|w|² = 1 + 1. So it mends the share 4 * lr / n of every error, here half of it if nothing is said.
"""

import io
from functools import partial
from itertools import pairwise
from unittest.mock import Mock
from xml.etree import ElementTree

import pytest
import torch

import learnable_positional_embeddings as lpe

pytest.importorskip("matplotlib", reason="matplotlib, for --plot, is optional")
import matplotlib.style
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.text import Text

# A user sees what matplotlib warns of: nothing is to be seen.
pytestmark = pytest.mark.filterwarnings("error::UserWarning")

APART = ["a", "b"], [1, 9]  # words and targets


def train(words, targets, shuffle=False, epochs=2, mended=0.5):
    """Train in order, as a notebook does; return the model and the evidence after every epoch."""
    vectors = torch.tensor([[3.0, 4.0] if word == "b" else [1.0, 2.0] for word in words])
    model = lpe.PositionalModel(len(words), 2, fixed_head=True)
    baseline = lpe.without_table(model)
    evidence = partial(lpe.measure, model, baseline, words, vectors, targets, shuffle)
    history = {0: evidence()}
    for epoch in range(epochs):
        lpe.train_epoch(model, vectors, targets, lr=mended * len(words) / 4)
        history[epoch + 1] = evidence()
    return model, history


def draw(words, targets, shuffle=False, **training):
    model, history = train(words, targets, shuffle=shuffle, **training)
    return lpe.draw_figure(words, targets, model, history, shuffle)


@pytest.fixture(scope="module")
def apart():
    return draw(*APART)


@pytest.fixture(scope="module")
def shuffled():
    return draw(*APART, shuffle=True)


@pytest.fixture(scope="module")
def forty():
    return draw(["a"] * 40, torch.linspace(0, 1, 40))


def heights(figure, panel):
    """Return the heights of the lines of a panel."""
    lines = figure.axes[panel].get_lines()
    return [list(line.get_ydata()) for line in lines]


def read(texts):
    return [text.get_text() for text in texts]


def colours(artists):
    return [to_rgb(artist.get_color()) for artist in artists]


def marks(figure):
    """Return what marks the targets: triangles, most with a name."""
    return [text for text in figure.axes[0].texts if text.get_text()]


def arrows(figure):
    """Return the notes without a text."""
    return [text for text in figure.axes[0].texts if not text.get_text()]


def row_labels(figure):
    return figure.axes[2].get_yticklabels()


# ---- answers and targets


def test_lines_are_the_answers_and_wide_grey_bands_the_parts_by_word(apart):
    assert heights(apart, 0) == [
        [3, 3, 3],
        [7, 7, 7],
        [3, 2, 1.5],  # towards 1
        [7, 8, 8.5],  # towards 9
    ]
    band, _, answer, _ = apart.axes[0].get_lines()
    assert list(answer.get_xdata()) == [0, 1, 2]
    assert band.get_linewidth() > 3
    assert band.get_color() == "lightgrey"


def test_shuffled_any_word_may_be_at_a_position(shuffled):
    assert heights(shuffled, 0) == [
        [5, 5, 5],  # (3 + 7) / 2
        [5, 5, 5],
        [5, 4, 3.5],  # the same is added
        [5, 6, 6.5],
    ]
    assert read(marks(shuffled)) == ["◀ 0", "◀ 1"]
    assert read(row_labels(shuffled)) == ["0", "1"]
    assert "over all orders" in shuffled.get_suptitle()


def test_shuffled_the_losses_are_averages_over_all_orders(shuffled):
    # In the order a b the errors are 2 and 2, in the order b a they are 6 and 6: (4 + 36) / 2
    assert heights(shuffled, 1)[1] == [20, 20, 20]


def test_a_target_is_named_at_its_height_outside_the_frame(apart):
    _, mark = marks(apart)
    box = mark.get_window_extent()
    panel = apart.axes[0]
    assert mark.get_text() == "◀ 1 b"
    assert box.x0 == pytest.approx(panel.get_window_extent().x1, abs=1)  # pixel
    _, height = panel.transData.transform((0, 9))
    assert (box.y0 + box.y1) / 2 == pytest.approx(height, abs=2)


def test_targets_that_no_answer_has_reached_are_inside_the_panel(apart):
    low, high = apart.axes[0].get_ylim()
    assert low < 1
    assert high > 9


def test_no_label_overlaps_another(forty):
    labelled = [mark for mark in marks(forty) if mark.get_text() != "◀"]
    for texts in labelled, row_labels(forty):
        boxes = [text.get_window_extent() for text in texts]
        assert not any(one.overlaps(other) for one, other in pairwise(boxes))
    assert len(marks(forty)) == 40
    assert len(labelled) > 3


def test_an_arrow_leads_from_the_part_by_word_to_the_answer():
    figure = draw(*APART, mended=1, epochs=6)  # from the first step on 1 and 9
    tails_and_tips = [(arrow.xyann, arrow.xy) for arrow in arrows(figure)]
    assert tails_and_tips == [
        ((4, 3), (4, 1)),
        ((1, 7), (1, 9)),
    ]


@pytest.mark.parametrize(
    "n, epochs, part, number",
    [
        (2, 6, 0.61, 2),
        (2, 6, 0.59, 1),  # below 0.06 of the height of 10
        (2, 5, 0.61, 0),  # a very short run
        (12, 36, 0.61, 12),
        (13, 60, 0.61, 0),  # more than a dozen
    ],
)
def test_arrows_are_drawn_where_they_can_be_seen(n, epochs, part, number):
    targets = [3 + part] * (n - 1) + [13]  # the answers begin at 3
    figure = draw(["a"] * n, targets, mended=1, epochs=epochs)
    title = figure.axes[0].get_title("left")
    assert len(arrows(figure)) == number
    assert ("(arrow)" in title) == (number > 0)


# ---- time


def test_time_is_logarithmic_in_both_panels(apart):
    for axes in apart.axes[:2]:
        assert axes.get_xscale() == "symlog"  # so that 0 is shown
        assert axes.get_xlim() == (0, 2)


def test_each_epoch_kept_is_at_least_103_hundredths_of_the_one_before(
    command, tmp_path, monkeypatch
):
    draw_figure = Mock()
    monkeypatch.setattr(lpe, "draw_figure", draw_figure)
    monkeypatch.setattr(lpe, "train_epoch", lambda *_, **__: 0.5)  # changes nothing
    command("--epochs", 20_000, "--plot", tmp_path / "figure.png")
    *kept, last = draw_figure.call_args.args[3]
    assert kept[:35] == list(range(35))  # 35 / 34 is less than 1.03
    pairs = pairwise(kept[30:])
    assert all(1.03 < later / earlier < 1.065 for earlier, later in pairs)  # so some 250 in all
    assert last == 20_000


# ---- losses


def test_the_losses_and_the_floor_are_drawn_by_their_names():
    figure = draw(["a", "a"], [1, 5])  # the errors are 2, 1 and 0.5
    assert heights(figure, 1) == [[4, 1, 0.25], [4, 4, 4], [4, 4]]
    axes = figure.axes[1]
    assert axes.get_yscale() == "log"
    assert read(axes.get_legend().get_texts()) == [
        "with the table",
        "the same model without a table",
        "floor (one answer per word): 4",
    ]


def test_a_baseline_that_diverges_leaves_the_panel():
    model, history = train(*APART)
    history[2] = history[2]._replace(baseline_loss=1e30)
    figure = lpe.draw_figure(*APART, model, history)
    _, top = figure.axes[1].get_ylim()
    assert top == 40  # ten times the first loss


# ---- the table, and w


@pytest.mark.parametrize(
    "panel, number, peak",
    [
        (2, -0.75, 0.75),
        (2, -0.02, 0.1),  # next to nothing looks like that
        (3, -0.02, 0.02),
    ],
)
def test_the_table_is_scaled_at_least_to_01_and_w_to_its_own_numbers(panel, number, peak):
    model, history = train(*APART)
    for parameter in model.parameters():
        parameter.data.fill_(number)
    axes = lpe.draw_figure(*APART, model, history).axes[panel]
    [image] = axes.get_images()
    assert image.get_clim() == pytest.approx((-peak, peak))
    red, _, blue, _ = image.to_rgba(-peak)
    assert blue > red
    assert f"red {peak}, white 0, blue -{peak}" in axes.get_title("left")


def test_a_position_has_a_colour_of_its_own_in_line_target_and_row(forty):
    of_rows = colours(row_labels(forty))
    assert colours(forty.axes[0].get_lines())[40:] == of_rows
    assert colours(marks(forty)) == of_rows
    assert len(set(of_rows)) == 40
    assert "first" not in forty.get_suptitle()  # none is left out


def test_of_60_positions_the_first_40_are_shown_and_the_title_says_so():
    targets = [7] + [2.996] * 59  # a is answered by 3
    figure = draw(["a"] * 60, targets, mended=1, epochs=1)
    [right] = figure.axes[2].child_axes  # the parts by position
    assert read(right.get_yticklabels()) == ["+4.00"] + ["0.00"] * 39
    assert len(heights(figure, 0)) == 80
    assert len(marks(figure)) == 40
    assert "first 40 of 60" in figure.get_suptitle()


@pytest.mark.parametrize(
    ("words", "targets"),
    [(["a"], [1, 9]), (["a", "b", "b"], [1, 9]), (["a", "b"], [1])],
    ids=["a word less", "a word more", "a target less"],
)
def test_words_or_targets_of_another_number_than_positions_are_refused(words, targets):
    model, history = train(*APART)
    with pytest.raises(ValueError):
        lpe.draw_figure(words, targets, model, history)


# ---- words, and a user's own style


def test_an_svg_is_xml_whatever_the_words():
    words = ["\x1b]0;", "\udce9", "\uffff", "<&>]]>", r"$\frac$"]  # no mathematics
    file = io.BytesIO()
    draw(words, range(5)).savefig(file, format="svg")
    ElementTree.fromstring(file.getvalue())


def test_words_of_any_script_are_kept_and_a_letter_that_the_font_lacks_is_warned_of():
    word = "می\u200cخ👩\u200d💻"
    with pytest.warns(UserWarning, match="Glyph .* missing"):
        figure = draw([word], [1])
    texts = [*marks(figure), *row_labels(figure)]
    assert read(texts) == [f"◀ 0 {word}", f"0 {word}"]
    assert word in figure.get_suptitle()


def test_a_matplotlibrc_that_asks_for_latex_does_no_harm():
    with matplotlib.rc_context({"text.usetex": True}):
        texts = draw(["C#"], [1]).findobj(Text)  # a comment to LaTeX
    assert not any(text.get_usetex() for text in texts)


def test_a_dark_style_swallows_no_line_and_no_text():
    with matplotlib.style.context("dark_background"):
        figure = draw(*APART)
    artists = figure.findobj(Line2D) + figure.findobj(Text)
    assert all(sum(colour) > 0.5 for colour in colours(artists))  # black is 0


def test_no_title_or_label_is_cut_off():
    figure = draw(["incomprehensibly"] * 4, [0, 20, 40, 60], epochs=12)
    around_all = figure.get_tightbbox()  # in inches
    assert around_all.x0 >= 0
    assert around_all.x1 <= 7


@pytest.mark.parametrize(
    "name, start",
    [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.PDF", b"%PDF")],
)
def test_a_file_is_what_its_name_says(command, tmp_path, name, start):
    file = tmp_path / name
    command("--epochs", 2, "--plot", file)
    assert file.read_bytes().startswith(start)
