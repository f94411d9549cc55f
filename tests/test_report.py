"""The report: each figure against a second computation, most from the printed columns."""

import math
import re
import sys
from statistics import mean, median, pvariance
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import torch
from conftest import ERROR, FOUR_WORDS

import learnable_positional_embeddings as lpe

TWICE = ["machine", "learning"] * 2
TINY = ["--seed", 3, "--targets", 0, 0.01, 0.02, 0.03]
MANY = ["--words", *"abcdefghijklmnopqrst" * 2, "--vectors", "random"]


@pytest.fixture
def report(command):
    """Run a command line that must succeed; return what it printed, taken apart."""

    def run(*options):
        status, stdout, stderr = command(*options)
        assert (status, stderr) == (0, "")
        assert not re.search(r"\bnan\b|-0\.0+(?![\de])", stdout)
        assert [line for line in stdout.splitlines() if len(line) > 80] == []
        first, _, comparison = stdout.partition("\nfinal loss of ")
        rows = re.findall(r"(?m)^ +(\d+)  (\S+) +(\S+) +(\S+) +(\S+) +(\S+)$", first)
        table = re.findall(r"(?m)^position (\d+)(?:, (\S+))?\n((?:[ -].*\n)+)", first)
        cells = re.findall(r"(?m)^(\w+(?: [\d.]+)?)  +(\d.*|inf.*)$", comparison)
        return SimpleNamespace(
            stdout=stdout,
            losses=[float(x) for x in re.findall(r"(?m)^epoch .*loss (\S+)$", first)],
            places=[(int(i), word) for i, word, *_ in rows],
            columns=[[float(row[i]) for row in rows] for i in range(2, 6)],
            labels=[(int(i), word) for i, word, _ in table],
            table=[[float(x) for x in numbers.split()] for *_, numbers in table],
            evidence=dict(re.findall(r"(?m)^([a-z ]+[a-z])  +(\S.*)$", first)),
            final=float(re.search(r"(?m)^final loss +(\S+)", first)[1]),
            sentence=first.rpartition("\n\n")[2],
            cells={row: [float(x) for x in re.findall(r"[^][, ]+", text)] for row, text in cells},
        )

    return run


def floor_of(words, y_true, shuffle):
    """The mean squared distance of the targets from the mean of their word."""
    pairs = list(zip(words[:1] * len(words) if shuffle else words, y_true, strict=True))
    groups = [[y for other, y in pairs if other == word] for word in {word for word, _ in pairs}]
    return sum(len(group) * pvariance(group) for group in groups) / len(y_true)


def assert_percent(text, share):
    """A printed share is the one computed; what is above zero is never printed as 0.00."""
    if text == "<0.01 %":
        assert 0 < share < 5.1e-5
    else:
        assert float(text.removesuffix(" %")) == pytest.approx(100 * share, rel=1e-4, abs=0.006)
        assert text != "0.00 %" or share < 1e-9


def test_default_run_repeats_the_exported_names(report):
    run = report()
    torch.manual_seed(0)
    embeddings, y_true = lpe.load_word_embeddings(FOUR_WORDS), torch.tensor([0, 1 / 3, 2 / 3, 1])
    model = lpe.PositionalModel(4, 50)
    losses = list(lpe.train(model, embeddings, y_true, epochs=20, lr=0.02))
    assert run.losses == pytest.approx(losses, rel=1e-4)
    assert run.places == run.labels == list(enumerate(FOUR_WORDS))
    assert run.columns[0] == pytest.approx(y_true.tolist(), abs=1e-6)
    assert run.columns[1] == pytest.approx(model(embeddings).tolist(), abs=2e-6)
    for row, expected in zip(run.table, model.positional_embeddings.tolist(), strict=True):
        assert row == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert report().stdout == run.stdout
    assert report("--seed", 1).losses[0] != run.losses[0]


@pytest.mark.parametrize(
    ("sentence", "options"),
    [
        ("Nothing needs order", []),
        (r"The table explains \d", ["--shuffle", "--epochs", 100]),
        (r"The table explains \d", ["--words", *TWICE]),
        (r"The table explains \d", ["--words", *TWICE, "--targets", 7, 4, -20, 5, "--lr", 0.001]),
        ("Nothing needs order", ["--words", *TWICE, "--targets", 7, 4, 7, 4, "--lr", 0.001]),
        (r"The table explains \d", [*MANY, "--shuffle"]),
        ("The table explains nothing", ["--shuffle", "--lr", 1e-7, "--epochs", 1]),
        ("The table explains nothing", ["--shuffle", "--lr", 1e-60]),  # it stays zero
        ("The table explains nothing", ["--shuffle", *TINY, "--lr", 1e-6, "--epochs", 1]),
        ("All targets are the same", ["--targets", 0.3, 0.3, 0.3, 0.3, "--shuffle"]),
        ("All targets are the same", ["--words", *TWICE[::2], "--targets", 1, 1]),
        ("All targets are the same", ["--words", "machine", "--shuffle"]),
    ],
)
def test_evidence_follows_from_the_printed_columns(report, sentence, options):
    run, shuffle = report(*options), "--shuffle" in options
    y_true, y_pred, by_word, by_position = run.columns
    words = [word for _, word in run.places]
    sums = pytest.approx([a + c for a, c in zip(by_word, by_position, strict=True)], abs=2e-6)
    assert y_pred == sums
    if shuffle:
        y_pred = [mean(by_word) + c for c in by_position]
    final = mean((p - y) ** 2 for p, y in zip(y_pred, y_true, strict=True))
    floor, total = floor_of(words, y_true, shuffle), pvariance(y_true)
    names = ["final loss", "lowest loss blind to order", "loss of predicting the mean"]
    for name, loss in zip(names, (final + shuffle * pvariance(by_word), floor, total), strict=True):
        printed = float(run.evidence[name].removesuffix(" over all orders"))
        error = 4e-6 * math.sqrt(loss) + 1e-11  # that of the columns is 1e-6
        assert printed == pytest.approx(loss, rel=1e-4, abs=error)
    variances = pvariance(by_word), pvariance(by_position)
    shares = re.findall(r"(?:word|position) (\S+ %)", run.evidence["share of the prediction"])
    assert len(shares) == (2 if sum(variances) else 0)
    for share, part in zip(shares, variances, strict=False):
        assert_percent(share, part / sum(variances))
    if total > 0:
        assert_percent(run.evidence["variance that needs order"], floor / total)
    assert ("explained by the table" in run.evidence) == (floor > 0)
    if floor > 0:
        rest = [y - c for y, c in zip(y_true, by_position, strict=True)]
        explained = 1 - floor_of(words, rest, shuffle) / floor
        assert_percent(run.evidence["explained by the table"].removesuffix(" of it"), explained)
    assert re.match(sentence, run.sentence)


SIZES = [["--lr", 10.0**power, "--epochs", 1] for power in (-9, -5, -1, 3, 4, 5, 9.8)]
SIZES += [["--targets", 0, 1e15, -1e15, 3e15, "--lr", 1e-18], ["--targets", -0.0, *[1e-30] * 3]]
SIZES += [["--targets", -999.9996, 999.9996, 99999, 12345.678, "--lr", 1e-5]]


@pytest.mark.parametrize("options", SIZES, ids=lambda options: " ".join(map(str, options)))
def test_numbers_of_any_size_keep_their_columns(report, options):
    run = report(*options, "--compare")
    assert ([len(row) for row in run.table], len(run.cells)) == ([50] * 4, 7)
    if options[1] > 1e9:  # an overflow in the comparison ends nothing
        assert math.inf in run.cells["learned 1"]


@pytest.mark.parametrize("count", [40, 41, 100])
@pytest.mark.parametrize("shuffle", [[], ["--shuffle"]])
def test_of_many_positions_the_first_and_last_three(report, count, shuffle):
    words = [f"w{i}" for i in range(count)]
    run = report("--words", *words, "--vectors", "random", "--epochs", 1, *shuffle)
    shown = [(i, words[i]) for i in range(count) if count == 40 or min(i, count - 1 - i) < 3]
    assert run.places == shown
    assert run.labels == [(i, "" if shuffle else word) for i, word in shown]


SWEEP = [["--lr", lr, "--epochs", n] for lr in (1, 5, 1e5, 1e10, 1e20, 3e38) for n in (1, 500)]
SWEEP += [["--targets", *[y] * 4, "--lr", 1e-30] for y in (9e18, 1.2e19, 1.8e19, 1e30)]


@pytest.mark.parametrize("options", SWEEP, ids=lambda options: " ".join(map(str, options)))
def test_an_overflow_is_one_line_and_no_report(command, options):
    status, stdout, stderr = command(*options)
    assert not re.search(r"\b(nan|inf)\b", stdout)
    assert ("positional embeddings" in stdout) == ("final loss" in stdout) == (status == 0)
    if status or options[-1] == 500 or options[1] >= 1e20:
        assert status == 1
        assert re.fullmatch(ERROR + r"the loss overflows.*--lr.*\n", stderr)


def final_losses(words, kind, random, **sgd):
    """The final losses of a cell of the comparison, trained here."""
    losses, y_true = [], torch.tensor([0, 1 / 3, 2 / 3, 1])
    for seed in range(3, 13):
        torch.manual_seed(seed)
        vectors = lpe.load_word_embeddings(words)
        if random:  # one for each different word, as long as the pretrained ones
            different = sorted(set(words), key=words.index)
            drawn = torch.randn(len(different), 50) * (vectors**2).mean() ** 0.5
            vectors = drawn[[different.index(word) for word in words]]
        model = lpe.PositionalModel(4, 50)
        table = model.positional_embeddings.requires_grad_("learned" in kind)
        if kind == "sinusoidal":
            table.data += lpe.sinusoidal_embeddings(4, 50)
        elif kind in ("random", "learned 1", "learned 0.02"):
            table.data += torch.randn(4, 50) * (0.02 if kind == "learned 0.02" else 1)
        list(lpe.train(model, vectors, y_true, **sgd))
        losses.append(lpe.exact_loss(model, vectors, y_true, sgd["shuffle"]))
    return losses


def summary(losses):
    """What a cell of the comparison holds, to the three digits printed."""
    return pytest.approx([median(losses), min(losses), max(losses)], rel=6e-3)


@pytest.mark.parametrize(("words", "shuffle"), [(FOUR_WORDS, True), (TWICE, False)])
def test_the_cells_of_the_comparison(report, words, shuffle):
    options = ["--words", *words, "--seed", 3, "--epochs", 4, "--lr", 0.01, "--compare"]
    cells = report(*options, *["--shuffle"] * shuffle).cells
    assert cells.pop("floor") == pytest.approx([5 / 36 if shuffle else 1 / 9], rel=6e-3)
    assert [*cells] == ["none", "sinusoidal", "random", "learned 0", "learned 0.02", "learned 1"]
    sgd = {"epochs": 4, "lr": 0.01, "shuffle": shuffle}
    for kind, cell in cells.items():
        assert cell[:3] == summary(final_losses(words, kind, random=False, **sgd))
        assert cell[3:] == summary(final_losses(words, kind, random=True, **sgd))


def test_the_comparison_repeats_runs_that_one_can_type(report):
    cells = report("--compare", "--seed", 5, "--shuffle").cells
    assert cells == report("--compare", "--seed", 5, "--shuffle", "--vectors", "random").cells
    for cell, vectors in (cells["learned 0"][:3], []), (cells["learned 0"][3:], MANY[-2:]):
        runs = [report("--shuffle", "--seed", seed, *vectors) for seed in range(5, 15)]
        assert cell == summary([run.final for run in runs])


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("losses", "floor"), [([3.0, 2.0, 0.5], 0.25), ([1.0], 0.0), ([], 0.5)])
def test_the_figure_holds_the_numbers_given(monkeypatch, losses, floor, shuffle):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # it would want a display
    grid, table = torch.arange(9.0).reshape(3, 3), torch.tensor([[0, -3.0], [1, 2], [0.5, 0]])
    words, names = ["machine", "\x1b[31m", "$a$"], ["machine", r"'\x1b[31m'", "$a$"]
    figure = lpe.draw_figure(words, shuffle, losses, floor, grid, table)
    left, right, below = figure.axes[:3]
    lines = [(list(line.get_xdata()), list(line.get_ydata())) for line in left.get_lines()]
    curve, level = (list(range(1, len(losses) + 1)), losses), ([0, 1], [floor, floor])
    assert lines == ([curve, level] if floor else [curve])
    for axes, values in (right, grid), (below, table):
        assert axes.get_images()[0].get_array().tolist() == values.tolist()
    assert below.get_images()[0].get_clim() == (-3, 3)  # white is zero
    rows = [f"{i}" if shuffle else f"{i} {name}" for i, name in enumerate(names)]
    for axes, labels in (right, names), (below, rows):
        assert [label.get_text() for label in axes.get_yticklabels()] == labels
        assert not any(label.get_parse_math() for label in axes.get_yticklabels())
    assert all(tick % 1 == 0 for axes in (left, right, below) for tick in axes.get_xticks())


@pytest.mark.parametrize("name", ["f.png", "f.svg", "f.PDF"])
def test_plot_draws_the_printed_run_for_any_words(report, tmp_path, monkeypatch, name):
    drawn, draw = [], lpe.draw_figure
    monkeypatch.setattr(lpe, "draw_figure", lambda *a: drawn.append(a) or draw(*a))
    words = ["\x1b]0;", "$\\frac$", "a--b", "<&", "\u673a\u5668", "_$^{"]
    run = report("--words", *words, "--vectors", "random", "--shuffle", "--plot", tmp_path / name)
    start = (tmp_path / name).read_bytes()[:4]
    assert start == {"f.png": b"\x89PNG", "f.svg": b"<?xm", "f.PDF": b"%PDF"}[name]
    if name == "f.svg":
        ElementTree.parse(tmp_path / name)
    names, shuffle, losses, floor, grid, table = drawn[0]
    assert (names, shuffle) == (words, True)
    assert [*losses, floor] == pytest.approx([*run.losses, pvariance(run.columns[0])], rel=1e-4)
    expected = [[a + c for c in run.columns[3]] for a in run.columns[2]]
    torch.testing.assert_close(grid.tolist(), expected, rtol=1e-3, atol=2e-6)
    torch.testing.assert_close(table.tolist(), run.table, rtol=1e-3, atol=1e-6)
