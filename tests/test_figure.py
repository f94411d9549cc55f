"""The figure, read from matplotlib's own objects: the numbers that it shows, not its pixels."""

import sys
from xml.etree import ElementTree

import pytest
import torch

import learnable_positional_embeddings as lpe

matplotlib = pytest.importorskip("matplotlib.figure", reason="matplotlib, for --plot, is optional")
WORDS = ["machine", "\x1b[31m", "$a$"] + ["word"] * 40  # of 43, the first 40 are shown
Y_TRUE, TABLE = torch.linspace(0, 2, 43), torch.linspace(-3, 2, 86).reshape(43, 2)
A, C = torch.linspace(1, 7, 43).double(), torch.tensor([-0.004, 0.256, -2] + [0] * 40).double()
HISTORY = [(0, 2 * A, 0 * C), (7, A, C)]  # two epochs, each with its parts by word and by position


@pytest.fixture(params=[False, True], ids=["in order", "shuffled"])
def shuffle(request, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # to need it, and a display, fails
    return request.param


@pytest.mark.parametrize("floor", [0, 0.25])
def test_the_loss_and_its_floor_where_that_is_above_zero(floor, shuffle):
    figure = lpe.draw_figure(WORDS, Y_TRUE, TABLE, HISTORY, floor, shuffle)
    axes = figure.axes[0]
    curve, *others = [(line.get_linestyle(), *line.get_data()) for line in axes.get_lines()]
    losses = [lpe.measure(WORDS, Y_TRUE, a, c, shuffle).final_loss for _, a, c in HISTORY]
    assert [axes.get_yscale(), *map(list, curve)] == ["log", ["-"], [0, 7], losses]
    assert [(style, *y) for style, _, y in others] == ([("--", floor, floor)] if floor else [])
    said = "averaged" in axes.get_title("left"), "shuffled" in figure.get_suptitle()
    assert f"{floor:g}" in axes.get_title("left") and said == (shuffle, shuffle)


def test_the_predictions_over_the_epochs_and_the_targets(shuffle):
    axes = lpe.draw_figure(WORDS, Y_TRUE, TABLE, HISTORY, 0, shuffle).axes[1]
    by_word = [a.mean().expand(40) if shuffle else a[:40] for _, a, _ in HISTORY]
    y_pred = [a + c[:40] for a, (_, _, c) in zip(by_word, HISTORY, strict=True)]
    expected = [*zip(*y_pred, strict=True), *zip(*by_word, strict=True)]
    assert [(*line.get_ydata(),) for line in axes.get_lines()] == expected
    assert [line.get_linestyle() for line in axes.get_lines()] == ["-"] * 40 + [":"] * 40
    assert all([*line.get_xdata()] == [0, 7] for line in axes.get_lines())
    marks = axes.collections[0]
    assert marks.get_offsets()[:, 1].tolist() == Y_TRUE[:40].tolist()
    assert (marks.get_offsets()[:, 0].min() > 1, marks.get_clip_on()) == (True, False)  # outside
    assert (axes.get_ylim()[0] <= 0, axes.get_xlabel()) == (True, "epoch")  # 0: lowest target


def test_a_position_has_one_colour_everywhere(shuffle):
    _, axes, table, _ = lpe.draw_figure(WORDS, Y_TRUE, TABLE, HISTORY, 0, shuffle).axes
    labels = [tuple(label.get_color()) for label in table.get_yticklabels()]
    assert [tuple(line.get_color()) for line in axes.get_lines()[:40]] == labels
    assert [*map(tuple, axes.collections[0].get_facecolors())] == labels
    assert len(set(labels)) == 40


def test_the_table_with_names_at_its_left_and_parts_by_position_at_its_right(shuffle):
    for table, peak in (TABLE, 3), (-TABLE, 3), (TABLE / 100, 0.1):  # a small one looks small
        axes = lpe.draw_figure(WORDS, Y_TRUE, table, HISTORY, 0, shuffle).axes[2]
        assert axes.get_images()[0].get_array().tolist() == table[:40].tolist()
        assert axes.get_images()[0].get_clim() == pytest.approx((-peak, peak))
        assert min(axes.get_images()[0].to_rgba(0.0)) > 0.95  # white at zero
        assert axes.figure.axes[3].get_ylim() == pytest.approx((-peak, peak))  # the colours' scale
    left, right = axes.get_yticklabels(), axes.child_axes[0].get_yticklabels()
    names = ["0", "1", "2"] if shuffle else ["0 machine", r"1 '\x1b[31m'", "2 $a$"]
    assert [label.get_text() for label in left][:3] == names
    assert [label.get_text() for label in right] == ["+0.00", "+0.26", "-2.00"] + ["+0.00"] * 37


@pytest.mark.parametrize(("epochs", "step"), [(7, 1), (200, 1), (1001, 6)])
def test_a_run_keeps_some_200_epochs_evenly_spaced(command, tmp_path, monkeypatch, epochs, step):
    drawn = []
    monkeypatch.setattr(lpe, "draw_figure", lambda *v: drawn.extend(v) or matplotlib.Figure())
    assert command("--epochs", epochs, "--shuffle", "--plot", tmp_path / "f.png")[0] == 0
    words, y_true, _, history, *rest = drawn
    assert [epoch for epoch, *_ in history] == [*range(0, epochs, step), epochs]
    assert rest == [lpe.loss_floor(words, y_true, shuffle=True), True]


@pytest.mark.parametrize("end", [".png", ".svg", ".PDF"])
@pytest.mark.filterwarnings("ignore:Glyph")  # a letter that the font lacks
def test_the_file_is_what_its_name_says_for_any_words(command, tmp_path, end):
    words, file = ["\x1b]0;", "$\\frac$", "<&", "\u673a"], tmp_path / f"file{end}"
    assert command("--words", *words, "--vectors", "random", "--plot", file)[0] == 0
    assert file.read_bytes()[:4] == {".png": b"\x89PNG", ".svg": b"<?xm", ".PDF": b"%PDF"}[end]
    if end == ".svg":
        ElementTree.parse(file)
