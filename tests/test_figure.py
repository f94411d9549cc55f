"""The figure, read from matplotlib's own objects: the numbers that it shows, not its pixels.

Most runs here can be followed by hand. Word a has the vector (1, 2) and b has (3, 4). A fixed head
of ones adds them up: the parts by word are 3 and 7. With n = 2 positions, |w|² = 1 + 1 = 2 and
lr 0.25, a step halves every error, for 1 - 2 * lr * |w|² / n = 0.5. So within two epochs:

    run     targets  answers at 0    answers at 1    rows of the table          floor
    APART   1, 9     3 -> 2 -> 1.5   7 -> 8 -> 8.5   -0.75 -0.75 and 0.75 0.75  0
    REPEAT  1, 5     3 -> 2 -> 1.5   3 -> 4 -> 4.5   the same                   2² = 4

The errors of both are 2, 1 and 0.5, so their losses are 4, 1 and 0.25. Without a table nothing is
trained, and the loss stays 4.
"""

import io
import re
import sys
import warnings
from contextlib import redirect_stdout
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import Mock, patch
from xml.etree import ElementTree

import pytest
import torch

import learnable_positional_embeddings as lpe

pytest.importorskip("matplotlib", reason="matplotlib, for --plot, is optional")
import matplotlib.style
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

APART = "--words a b --targets 1 9 --fixed-head"
REPEAT = "--words a a --targets 1 5 --fixed-head"
SLOW = pytest.mark.slow

# A user sees what matplotlib warns of in the script: nothing is to be seen.
pytestmark = pytest.mark.filterwarnings(
    "error::UserWarning:learnable_positional_embeddings",
    "error::UserWarning:test_figure",
)


def draw(options):
    """Run a command line, of two epochs at lr 0.25 if it says no more; return its figure."""
    with TemporaryDirectory() as folder, patch.object(Figure, "savefig", autospec=True) as savefig:
        vectors = Path(folder, "vectors.txt")
        vectors.write_text("a 1 2\nb 3 4\n")
        defaults = ["--epochs", 2, "--lr", 0.25, "--vectors", vectors]
        with redirect_stdout(io.StringIO()):  # 2,000 lines would hide what failed
            lpe.main([*defaults, *options.split(), "--plot", Path(folder, "figure.png")])
    savefig.assert_called_once()
    return savefig.call_args.args[0]


def lay_out(options):
    """The same, with everything in its place, so that it can be measured in pixels."""
    figure = draw(options)
    figure.draw_without_rendering()
    return figure


@pytest.fixture(scope="module", autouse=True)
def default_style():
    """Draw as matplotlib does where nobody has a matplotlibrc."""
    with matplotlib.style.context("default", after_reset=True):
        yield


@pytest.fixture(scope="module")
def apart():
    return lay_out(APART)


@pytest.fixture(scope="module")
def repeat():
    return draw(REPEAT)


@pytest.fixture(scope="module")
def shuffled():
    return draw(f"{APART} --shuffle")


@pytest.fixture(scope="module")
def forty():
    """Forty positions, whose targets are even, from 0 to 1."""
    words = "a " * 40
    return lay_out(f"--words {words} --lr 1e-9")


@pytest.fixture(scope="module")
def long():
    """A run of 2,000 epochs, which change nothing, so that they take no time."""
    with patch.object(lpe, "train_epoch", lambda *_, **__: 0.5):
        return draw(f"{APART} --epochs 2000")


@pytest.fixture(scope="module")
def dark():
    with matplotlib.style.context("dark_background"):
        return draw(REPEAT)


def is_grey(line):
    red, green, blue = to_rgb(line.get_color())
    return red == green == blue


def bands(figure):
    """Return the grey lines of the first panel, one a position."""
    lines = figure.axes[0].get_lines()
    return [line for line in lines if is_grey(line)]


def answers(figure):
    """Return the other lines of the first panel, one a position."""
    lines = figure.axes[0].get_lines()
    return [line for line in lines if not is_grey(line)]


def heights(lines):
    return [line.get_ydata().tolist() for line in lines]


def epochs(figure):
    """Return the epochs at which the figure has points."""
    line = answers(figure)[0]
    return line.get_xdata().tolist()


def marks(figure):
    """Return what marks the targets, the lowest first: triangles, most with a name."""
    texts = [text for text in figure.axes[0].texts if text.get_text()]  # no arrows
    return sorted(texts, key=lambda text: text.get_position()[1])


def tick_labels(figure, panel=0):
    """Return the ticks of time that have labels, as far as the figure goes, and the labels."""
    axes = figure.axes[panel]
    axis = axes.get_xaxis()
    figure.draw_without_rendering()
    last = axes.get_xlim()[1]
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    labels = {tick.get_loc(): tick.label1 for tick in ticks if 0 <= tick.get_loc() <= last}
    return {at: labels[at] for at in sorted(labels) if labels[at].get_text()}


def ticks(figure):
    """Return the ticks of time that have labels, as far as the figure goes."""
    return [*tick_labels(figure)]


def legend(figure):
    """Return the colour of each name in the legend."""
    box = figure.axes[1].get_legend()
    names = read(box.get_texts())
    return dict(zip(names, colours(box.legend_handles), strict=True))


def loss_line(figure, name):
    """Return the line of the second panel that has the colour of this name in the legend."""
    lines = figure.axes[1].get_lines()
    by_colour = dict(zip(colours(lines), lines, strict=True))
    return by_colour[legend(figure)[name]]


def rows(figure, panel=2):
    """Return the numbers of the heat map on its scale: 1 is red, 0 white, -1 blue."""
    [image] = figure.axes[panel].get_images()
    return (2 * image.norm(image.get_array()) - 1).tolist()


def weights(figure):
    """Return the one row of the lowest panel on its own scale."""
    [weight] = rows(figure, panel=3)
    return weight


def row_labels(figure):
    return figure.axes[2].get_yticklabels()


def parts_by_position(figure):
    """Return what is written at the right of the rows."""
    [axis] = figure.axes[2].child_axes
    return read(axis.get_yticklabels())


def title(figure, panel):
    return figure.axes[panel].get_title("left")


def read(texts):
    return [text.get_text() for text in texts]


def colours(artists):
    return [to_rgb(artist.get_color()) for artist in artists]


def overlaps(texts):
    """Return the pairs of neighbours, from the lowest to the highest, that overlap."""
    boxes = [text.get_window_extent() for text in texts]
    boxes.sort(key=lambda box: box.y0)
    return [(low, high) for low, high in pairwise(boxes) if low.y1 > high.y0]


def contrast(colour, ground):
    """Return how far two colours are apart: 0 is the same, 1 black on white."""
    difference = sum(to_rgb(colour)) - sum(to_rgb(ground))
    return abs(difference) / 3


# ---- answers


def test_the_answer_at_each_position_is_drawn_over_the_epochs(apart):
    assert heights(answers(apart)) == [
        [3, 2, 1.5],
        [7, 8, 8.5],
    ]


def test_the_epochs_begin_before_the_first_step(apart):
    assert epochs(apart) == [0, 1, 2]


def test_the_grey_bands_are_the_parts_by_word(apart):
    assert heights(bands(apart)) == [
        [3, 3, 3],
        [7, 7, 7],
    ]


def test_shuffled_the_grey_bands_are_the_mean_of_the_parts_by_word(shuffled):
    assert heights(bands(shuffled)) == [
        [5, 5, 5],  # any word may stand there: (3 + 7) / 2
        [5, 5, 5],
    ]


def test_shuffled_an_answer_is_the_mean_of_the_words_and_its_part_by_position(shuffled):
    last_answers = [height[-1] for height in heights(answers(shuffled))]
    expected = [5 + float(part) for part in parts_by_position(shuffled)]
    assert last_answers == expected


def test_a_band_is_seen_beside_a_line_that_lies_on_it(apart):
    band = bands(apart)[0]
    line = answers(apart)[0]
    assert band.get_linewidth() > 2 * line.get_linewidth()


def test_the_bands_lie_under_the_lines(apart):
    lines = apart.axes[0].get_lines()  # later ones are drawn over earlier ones
    assert lines[:] == bands(apart) + answers(apart)


def test_the_title_says_what_is_grey(apart):
    assert "(grey)" in title(apart, 0)


def test_the_title_speaks_of_arrows_where_some_are_drawn(apart, arrows):
    assert "part by word (grey) + part by position (arrow)" in title(arrows, 0)
    assert "arrow" not in title(apart, 0)
    assert "right: ◀ target" in title(arrows, 0)


# ---- arrows


@pytest.fixture(scope="module")
def arrows():
    return lay_out(f"{APART} --lr 0.05 --epochs 30")


def arrows_of(figure):
    """Return the arrows of the first panel."""
    return [text for text in figure.axes[0].texts if getattr(text, "arrow_patch", None)]


def test_an_arrow_goes_from_the_band_to_the_line_in_the_positions_colour(arrows):
    for arrow, line, band in zip(arrows_of(arrows), answers(arrows), bands(arrows), strict=True):
        tip, tail = arrow.xy, arrow.get_position()
        assert tip in [tuple(point) for point in line.get_xydata()]
        assert tail in [tuple(point) for point in band.get_xydata()]
        assert tip[0] == tail[0]
        assert to_rgb(arrow.arrow_patch.get_edgecolor()) == to_rgb(line.get_color())


def test_arrows_stand_side_by_side_near_the_end(arrows):
    epochs_of_arrows = [arrow.xy[0] for arrow in arrows_of(arrows)]
    assert len(set(epochs_of_arrows)) == 2
    assert min(epochs_of_arrows) > 20


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(f"{APART} --lr 1e-9 --epochs 30", id="a part too small"),
        pytest.param(f"{APART} --epochs 2", id="few epochs"),
        pytest.param(f"--words {'a ' * 13} --fixed-head --epochs 60", id="13 positions"),
    ],
)
def test_no_arrow_is_drawn_for(options):
    figure = draw(options)
    assert arrows_of(figure) == []
    assert "arrow" not in title(figure, 0)


# ---- targets


def test_a_target_is_named_after_its_position_and_its_word(apart):
    assert read(marks(apart)) == ["◀ 0 a", "◀ 1 b"]


def test_shuffled_a_target_has_no_word(shuffled):
    assert read(marks(shuffled)) == ["◀ 0", "◀ 1"]


def test_a_triangle_stands_at_the_height_of_its_target(apart):
    box = marks(apart)[1].get_window_extent()
    middle = (box.y0 + box.y1) / 2
    _, expected = apart.axes[0].transData.transform((0, 9))  # the second target is 9
    assert middle == pytest.approx(expected, abs=2)  # pixels


def test_a_triangle_stands_wholly_outside_at_the_right_edge(apart):
    panel = apart.axes[0].get_window_extent()
    mark = marks(apart)[0].get_window_extent()
    assert mark.x0 == pytest.approx(panel.x1, abs=1)  # pixel


def test_targets_far_from_all_answers_are_inside_the_panel():
    figure = draw("--words a b --targets -50 60 --lr 1e-9")
    low, high = figure.axes[0].get_ylim()
    assert low < -50
    assert high > 60


def test_names_of_targets_do_not_overlap(forty):
    named = [mark for mark in marks(forty) if mark.get_text() != "◀"]
    assert overlaps(named) == []


def test_of_equal_targets_each_has_its_triangle_but_only_one_a_name():
    figure = draw("--words a a --targets 5 5 --lr 1e-9")
    lengths = [len(text) for text in read(marks(figure))]
    assert sorted(lengths) == [1, 5]  # ◀ alone, and with a name


def test_names_that_have_room_are_all_there():
    figure = draw("--words a a a a --targets 3 4 5 6 --fixed-head --lr 1e-9")
    assert read(marks(figure)) == [
        "◀ 0 a",
        "◀ 1 a",
        "◀ 2 a",
        "◀ 3 a",
    ]


# ---- time


def test_time_is_logarithmic(long):
    points = [(10, 0), (100, 0), (1000, 0)]
    x = long.axes[0].transData.transform(points)[:, 0]
    assert x[2] - x[1] == pytest.approx(x[1] - x[0], rel=0.01)


def test_time_goes_from_before_the_first_epoch_to_the_last(apart):
    assert apart.axes[0].get_xlim() == (0, 2)


def test_the_losses_share_the_time_of_the_answers(long):
    above, below, *_ = long.axes
    point = 10, 1
    x, _ = above.transData.transform(point)
    assert below.transData.transform(point)[0] == pytest.approx(x)


def test_the_axis_of_time_says_that_it_is_logarithmic(apart):
    assert re.match(r"epoch .*\(logarithmic", apart.axes[0].get_xlabel())
    assert "epoch" in apart.axes[1].get_xlabel()


def test_the_ticks_of_time_are_0_1_2_5_10_20():
    figure = draw(f"{APART} --epochs 60")
    assert ticks(figure) == [0, 1, 2, 5, 10, 20, 50]


def test_the_ticks_of_very_many_epochs_are_powers_of_ten(long):
    assert ticks(long) == [0, 1, 10, 100, 1000]


@SLOW
def test_labels_of_time_do_not_overlap():
    with patch.object(lpe, "train_epoch", lambda *_, **__: 0.5):
        figure = lay_out("--words artificial intelligence --vectors random --epochs 1000")
    labels = [*tick_labels(figure).values()]
    assert read(labels)[-1] == "1000"
    boxes = [label.get_window_extent() for label in labels]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_the_ticks_of_time_are_labelled_with_whole_numbers(apart):
    assert read(tick_labels(apart, 0).values()) == ["0", "1", "2"]
    assert read(tick_labels(apart, 1).values()) == ["0", "1", "2"]


# ---- epochs that are kept


def test_the_early_epochs_are_all_kept(long):
    kept = epochs(long)
    assert kept[:20] == list(range(20))


def test_the_last_epoch_is_kept(long):
    assert epochs(long)[-1] == 2000


def test_the_epochs_that_are_kept_are_even_in_the_logarithm(long):
    pairs = pairwise(epochs(long)[20:])
    widest = max(later / earlier for earlier, later in pairs)
    assert widest < 1.1, "a point is more than 10 % later than the one before"


def test_the_size_of_the_figure_does_not_grow_with_the_epochs(long):
    assert len(epochs(long)) <= 300


def test_an_interrupted_run_of_a_million_epochs_shows_its_beginning(monkeypatch):
    thirty_epochs = [0.5] * 60  # one step of the model, one of the baseline
    train_epoch = Mock(side_effect=[*thirty_epochs, KeyboardInterrupt])
    monkeypatch.setattr(lpe, "train_epoch", train_epoch)
    kept = epochs(draw(f"{APART} --epochs 1_000_000"))
    assert kept[:10] == list(range(10))
    assert kept[-1] == 30


# ---- losses


def test_the_loss_with_the_table_is_drawn_over_the_epochs(apart):
    line = loss_line(apart, "with the table")
    assert line.get_xydata().tolist() == [
        [0, 4],
        [1, 1],
        [2, 0.25],
    ]


def test_the_loss_without_a_table_is_drawn_over_the_epochs(apart):
    line = loss_line(apart, "the same model without a table")
    assert line.get_xydata().tolist() == [
        [0, 4],
        [1, 4],
        [2, 4],
    ]


def test_the_losses_have_two_colours_and_the_floor_a_third(apart):
    assert len(set(legend(apart).values())) == 3


def test_shuffled_the_losses_are_averages_over_all_orders(shuffled):
    line = loss_line(shuffled, "the same model without a table")
    # In the order a b the errors are 2 and 2, in the order b a they are 6 and 6: (4 + 36) / 2
    assert line.get_ydata().tolist() == [20, 20, 20]


def test_the_title_of_losses_in_order_speaks_of_no_average(apart):
    assert title(apart, 1) == "Loss"
    assert "average" not in apart.get_suptitle()


def test_a_baseline_that_diverges_leaves_the_panel():
    words = ["artificial", "intelligence", "machine", "learning"]
    vectors, y_true = lpe.load_word_embeddings(words), torch.linspace(0, 1, 4)
    torch.manual_seed(0)
    model = lpe.PositionalModel(4, 50)
    without = lpe.without_table(model)
    history = {0: lpe.measure(model, without, words, vectors, y_true)}
    training = lpe.train_together([model, without], vectors, y_true, epochs=20, lr=0.1)
    for epoch, _ in enumerate(training, 1):
        history[epoch] = lpe.measure(model, without, words, vectors, y_true)
    figure = lpe.draw_figure(words, y_true, model, history)
    baseline = loss_line(figure, "the same model without a table").get_ydata()
    low, high = figure.axes[1].get_ylim()
    assert max(baseline) > 1000 * baseline[0], "it does not diverge"
    assert high == pytest.approx(10 * baseline[0])
    assert low < history[20].loss


def test_the_losses_have_a_logarithmic_scale(apart):
    assert apart.axes[1].get_yscale() == "log"


def test_the_floor_is_a_dashed_line(repeat):
    floor = loss_line(repeat, "floor (one answer per word): 4")
    assert floor.get_linestyle() == "--"
    assert set(floor.get_ydata()) == {4}


def test_the_legend_gives_a_floor_of_0_too_which_has_no_line(apart):
    assert [name for name in legend(apart) if name.startswith("floor (one answer per word): 0")]


@pytest.mark.parametrize(
    "name",
    ["with the table", "the same model without a table"],
    ids=["with the table", "without a table"],
)
def test_the_legend_stands_where_no_curve_comes(apart, name):
    axes = apart.axes[1]
    legend = axes.get_legend().get_window_extent()
    curve = loss_line(apart, name).get_path().transformed(axes.transData)
    assert not curve.intersects_bbox(legend, filled=False)


def test_a_dark_style_does_not_swallow_the_line_of_the_floor(dark):
    floor = loss_line(dark, "floor (one answer per word): 4")
    ground = dark.axes[1].get_facecolor()
    assert contrast(floor.get_color(), ground) > 0.3


# ---- the table, and w


def test_the_table_is_scaled_to_its_largest_number(apart):
    first, second = rows(apart)
    assert first == [-1, -1]  # of -0.75
    assert second == [1, 1]
    assert "red 0.75, white 0, blue -0.75" in title(apart, 2)


def test_a_table_of_next_to_nothing_looks_like_that():
    figure = draw(f"{APART} --epochs 1 --lr 0.01")
    first, second = rows(figure)
    # The errors are 2 and -2, so the first step is -2 / n * lr * error * w: -0.02 and 0.02
    assert first == pytest.approx([-0.2, -0.2])
    assert second == pytest.approx([0.2, 0.2])
    assert "red 0.1, white 0, blue -0.1" in title(figure, 2)


@pytest.mark.parametrize(
    ("value", "red", "green", "blue"),
    [
        (-1.0, 0.0, 0.2, 0.4),
        (0.0, 1.0, 1.0, 1.0),
        (1.0, 0.4, 0.0, 0.1),
    ],
    ids=["blue below", "white at 0", "red above"],
)
def test_the_colours_of_the_heat_map(apart, value, red, green, blue):
    [image] = apart.axes[2].get_images()
    colour = to_rgb(image.to_rgba(value))
    assert colour == pytest.approx((red, green, blue), abs=0.05)


def test_w_is_a_row_set_apart_under_the_table(apart):
    assert weights(apart) == [1, 1]
    assert len(rows(apart)) == 2
    [label] = apart.axes[3].get_yticklabels()
    assert label.get_text() == "w"
    assert apart.axes[3].get_window_extent().y1 < apart.axes[2].get_window_extent().y0


def test_each_label_stands_at_its_row(apart):
    labels = read(row_labels(apart))
    places = apart.axes[2].get_yticks().tolist()
    assert labels == ["0 a", "1 b"]
    assert places == [0, 1]


@pytest.mark.parametrize("seed", [0, 3], ids=["above 0", "below 0"])
def test_w_is_scaled_to_its_own_largest_number(seed):
    figure = draw(f"--words a b --seed {seed} --lr 1e-30")  # such a step changes nothing
    torch.manual_seed(seed)
    weight = torch.nn.Linear(2, 1).weight[0]
    largest = weight.abs().max()
    expected = (weight / largest).tolist()
    assert weights(figure) == pytest.approx(expected, abs=1e-6)
    assert f"red {largest:.2g}, white 0, blue {-largest:.2g}" in title(figure, 3)


def test_shuffled_a_row_has_no_word(shuffled):
    assert read(row_labels(shuffled)) == ["0", "1"]


def test_at_the_right_of_a_row_stands_its_part_by_position(apart):
    assert parts_by_position(apart) == ["-1.50", "+1.50"]  # 2 * -0.75 and 2 * 0.75


def test_a_part_by_position_has_two_decimals():
    figure = draw(f"{APART} --epochs 1 --lr 0.0815")
    assert parts_by_position(figure) == ["-0.33", "+0.33"]  # -0.326 and 0.326


def test_a_part_that_rounds_to_zero_has_no_sign():
    figure = draw(f"{APART} --epochs 1 --lr 0.001")
    assert parts_by_position(figure) == ["0.00", "0.00"]  # -0.004 and 0.004


def test_the_labels_of_forty_rows_do_not_overlap(forty):
    assert overlaps(row_labels(forty)) == []


def test_a_position_has_one_colour_in_its_line_its_target_and_its_row(forty):
    of_rows = colours(row_labels(forty))
    assert colours(answers(forty)) == of_rows
    assert colours(marks(forty)) == of_rows


def test_each_position_has_a_colour_of_its_own(forty):
    assert len(set(colours(answers(forty)))) == 40


def test_a_dark_style_does_not_swallow_the_label_of_w(dark):
    [label] = dark.axes[3].get_yticklabels()
    ground = dark.get_facecolor()
    assert contrast(label.get_color(), ground) > 0.3


# ---- titles and words


def test_the_figure_is_titled_with_its_words(apart):
    assert apart.get_suptitle().endswith("a b")
    assert "shuffled" not in apart.get_suptitle()


def test_the_title_says_that_the_words_were_shuffled(shuffled):
    words, said = shuffled.get_suptitle().splitlines()
    assert words.endswith("a b")
    assert said.startswith("shuffled every epoch: ")
    assert said.endswith("over all orders")


def test_of_forty_positions_none_is_left_out(forty):
    assert len(answers(forty)) == 40
    assert "first" not in forty.get_suptitle()


def test_of_more_positions_the_first_40_are_shown_and_the_title_says_so():
    sixty_words = "a " * 60
    figure = draw(f"--words {sixty_words}")
    assert "first 40 of 60" in figure.get_suptitle()
    assert len(answers(figure)) == 40
    assert len(bands(figure)) == 40
    assert len(marks(figure)) == 40
    assert len(row_labels(figure)) == 40


def test_of_more_positions_what_is_shown_belongs_to_the_first():
    targets = "9 " + "3 " * 63
    figure = draw(f"--words {'a ' * 64} --targets {targets} --fixed-head --epochs 1 --lr 16")
    # a is answered by 3, and 1 - 2 * lr * |w|² / n = 0: one step mends the only error, -6 at 0
    assert heights(answers(figure))[0] == pytest.approx([3, 9])
    assert marks(figure)[-1].get_position() == (1, 9)
    assert rows(figure)[0] == pytest.approx([1, 1])  # of 3 and 3
    assert parts_by_position(figure)[0] == "+6.00"


@pytest.mark.parametrize("order", ["", "--shuffle"], ids=["in order", "shuffled"])
@pytest.mark.parametrize(
    ("n", "word"),
    [
        pytest.param(4, "W" * 38, id="4 wide words"),
        pytest.param(12, "W" * 38, id="12 wide words", marks=SLOW),
        pytest.param(40, "W" * 38, id="40 wide words", marks=SLOW),
        pytest.param(60, "W" * 38, id="60 wide words", marks=SLOW),
        pytest.param(4, "incomprehensibly", id="4 long words", marks=SLOW),
        pytest.param(12, "incomprehensibly", id="12 long words", marks=SLOW),
        pytest.param(40, "incomprehensibly", id="40 long words", marks=SLOW),
        pytest.param(60, "incomprehensibly", id="60 long words", marks=SLOW),
    ],
)
def test_no_title_or_label_is_cut_off(n, word, order, request):
    words = f"{word} " * n
    figure = lay_out(f"--words {words} --vectors random --epochs 1 {order}")
    around_all = figure.get_tightbbox()  # in inches
    assert around_all.x0 >= 0
    assert around_all.x1 <= 7


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("\x1b[31m", "\ufffd[31m"),
        ("\udce9", "\ufffd"),
        ("کتاب\u200cها", "کتاب\u200cها"),
        ("👩\u200d🔬", "👩\u200d🔬"),
    ],
    ids=["escape", "byte", "Persian", "joined emoji"],
)
def test_what_cannot_be_in_xml_is_replaced_in_a_word_and_nothing_else(word, shown):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # DejaVu Sans has no emoji
        figure = draw(f"--words {word} --vectors random")
    assert figure.get_suptitle().split(": ")[-1] == shown
    assert read(row_labels(figure)) == [f"0 {shown}"]
    assert read(marks(figure)) == [f"◀ 0 {shown}"]


def test_dollars_in_a_word_are_no_formula():
    figure = draw("--words $a$ --vectors random")
    formulas = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_parse_math())
    assert "$a$" not in "".join(read(formulas))


# ---- the file


def test_the_figure_is_7_inches_wide_at_130_dots_an_inch(apart):
    assert apart.get_figwidth() == 7
    assert apart.dpi == 130


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        pytest.param("figure.png", b"\x89PNG", id="png"),
        pytest.param("figure.PDF", b"%PDF", id="PDF", marks=SLOW),
    ],
)
def test_a_file_is_what_its_name_says(command, tmp_path, name, signature):
    file = tmp_path / name
    command("--words", "learning", "--plot", file)
    assert file.read_bytes()[:4] == signature


def test_an_svg_is_xml_whatever_the_words(command, tmp_path):
    file = tmp_path / "figure.svg"
    words = ["\x1b]0;", "\udce9", "<&>]]>", r"$\frac$"]
    command("--words", *words, "--vectors", "random", "--plot", file)
    root = ElementTree.parse(file).getroot()
    assert root.tag.endswith("svg")


@SLOW
def test_a_letter_that_the_font_lacks_is_warned_of(command, tmp_path):
    file = tmp_path / "figure.png"
    word = "\N{CUNEIFORM SIGN A}"
    with pytest.warns(UserWarning, match="Glyph .* missing"):
        command("--words", word, "--vectors", "random", "--plot", file)


def test_pyplot_is_not_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # to import it fails
    assert draw(APART).axes


@SLOW
def test_the_backend_of_a_notebook_that_is_not_installed_does_no_harm(
    script, tmp_path, monkeypatch
):
    file = tmp_path / "figure.png"
    monkeypatch.setenv("MPLBACKEND", "not_installed")
    _, stderr = script("--plot", file).communicate()
    assert stderr == ""
    assert file.exists()
