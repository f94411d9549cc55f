"""Watch a table of positional embeddings being learned, from zeros.

A model is given a sequence of words and learns to say at which position each one
stands. The right answer y_true[i] runs from 0 at the first position to 1 at the
last, or is set by --targets. To the vector e[i] of the word at position i the model
adds row p[i] of a table, the positional embedding of that position. A linear head
turns the sum into one number:

    y_pred[i] = w · (e[i] + p[i]) + b

Learned are the table p, the weights w and the bias b. The word vectors e stay as
they are. The task is easy on purpose: what is measured is which of the two answers,
the word or the position. Examples:

    python learnable_positional_embeddings.py
    python learnable_positional_embeddings.py --words machine learning machine learning --epochs 500
    python learnable_positional_embeddings.py --shuffle --epochs 500 --plot figure.png
"""
# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "torch>=2.6",
#     'gensim>=4.3.3,<4.5; python_version < "3.14"',
#     'numpy; python_version >= "3.14"',
# ]
# ///

import argparse
import copy
import gzip
import importlib
import io
import math
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


# ------------------------------------------------------------------------ model
class PositionalModel(nn.Module):
    """A learned table of positional embeddings (Gehring et al. 2017) and a linear head.

    `positional_embeddings` is (n, d) and starts at zero. Zeros can be learned from: the gradient of
    a row is a multiple of the head's weights, not of the row. `head` is an `nn.Linear(d, 1)`. With
    `fixed_head` its weights are ones, its bias is zero, and neither is trained.
    """

    def __init__(self, sequence_length: int, dim: int, fixed_head: bool = False) -> None:
        super().__init__()
        self.positional_embeddings = nn.Parameter(torch.zeros(sequence_length, dim))
        self.head = nn.Linear(dim, 1)
        if fixed_head:
            nn.init.ones_(self.head.weight)
            nn.init.zeros_(self.head.bias)
            self.head.requires_grad_(False)

    def forward(self, word_embeddings: Tensor) -> Tensor:
        """Return `y_pred`, (..., n), one number a position; ValueError for any other n or d."""
        if word_embeddings.shape[-2:] != self.positional_embeddings.shape:
            raise ValueError(
                f"the last two dimensions must be {list(self.positional_embeddings.shape)}, "
                f"not {list(word_embeddings.shape[-2:])}"
            )
        combined_embeddings = word_embeddings + self.positional_embeddings  # (..., n, d)
        y_pred: Tensor = self.head(combined_embeddings).squeeze(-1)  # (..., n, 1) -> (..., n)
        return y_pred


# ------------------------------------------------------------------------ training
def train_epoch(
    model: PositionalModel, word_embeddings: Tensor, y_true: Tensor, *, lr: float
) -> float:
    """Take one step of SGD on the mean squared error, and return the loss before it.

    There is one sequence, so an epoch is one step.
    """
    y_pred = model(word_embeddings)
    loss = nn.functional.mse_loss(y_pred, targets_like(y_pred, y_true))
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if parameters:  # the baseline under a fixed head has none
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(gradient, alpha=lr)  # parameter - lr * gradient
    return loss.item()


def train(
    model: PositionalModel,
    word_embeddings: Tensor,
    y_true: Tensor,
    *,
    epochs: int,
    lr: float,
    shuffle: bool = False,
) -> list[float]:
    """Train, and return the loss of each epoch before its step: inf or nan where it overflows."""
    losses = []
    for _ in range(epochs):
        sequence = sequence_of_epoch(word_embeddings, shuffle)
        losses.append(train_epoch(model, sequence, y_true, lr=lr))
    return losses


def sequence_of_epoch(word_embeddings: Tensor, shuffle: bool) -> Tensor:
    """Return the word vectors, with `shuffle` in a new random order. The targets do not move."""
    if shuffle:
        order = torch.randperm(word_embeddings.shape[-2])
        word_embeddings = word_embeddings.index_select(-2, order)
    return word_embeddings


def targets_like(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Return the targets, which may be a list or an array, as a tensor of `y_pred`'s dtype.

    Raises ValueError for another shape, which torch would broadcast to a wrong loss.
    """
    targets = torch.as_tensor(y_true, dtype=y_pred.dtype)
    if targets.shape != y_pred.shape:
        raise ValueError(f"y_true must be {list(y_pred.shape)}, not {list(targets.shape)}")
    return targets


# ------------------------------------------------------------------------ evidence
def without_table(model: PositionalModel) -> PositionalModel:
    """Return the baseline: a copy whose table is zero and stays zero, to be trained beside it."""
    baseline = copy.deepcopy(model)
    nn.init.zeros_(baseline.positional_embeddings).requires_grad_(False)
    return baseline


class Evidence(NamedTuple):
    """What a run shows: four mean squared errors, with `shuffle` averaged over all orders."""

    loss: float  # of the model
    without_table: float  # of the baseline, which was trained beside it
    floor: float  # the lowest with one answer per word: `loss_floor`
    mean_loss: float  # of always saying the mean: the variance of y_true


def measure(
    model: PositionalModel,
    baseline: PositionalModel,
    words: Sequence[str],
    word_embeddings: Tensor,
    y_true: Tensor,
    shuffle: bool = False,
) -> Evidence:
    """Return the losses of a model and its baseline, and two losses to compare them with."""
    return Evidence(
        loss=average_loss(model, word_embeddings, y_true, shuffle),
        without_table=average_loss(baseline, word_embeddings, y_true, shuffle),
        floor=loss_floor(words, y_true, shuffle),
        mean_loss=variance(y_true),
    )


def prediction_parts(model: PositionalModel, word_embeddings: Tensor) -> tuple[Tensor, Tensor]:
    """Return (by_word, by_position), both float64, (n,). They sum to y_pred.

    For w · (e + p) + b is (w · e + b) + (w · p). Raises ValueError for another n, d or a batch.
    """
    weight = model.head.weight.detach().double()[0]  # (d,)
    table = model.positional_embeddings.detach().double()
    if word_embeddings.shape != table.shape:
        raise ValueError(
            f"word_embeddings must be {list(table.shape)}, not {list(word_embeddings.shape)}"
        )
    by_word = word_embeddings.double() @ weight + model.head.bias.item()
    return by_word, table @ weight


def average_loss(
    model: PositionalModel, word_embeddings: Tensor, y_true: Tensor, shuffle: bool = False
) -> float:
    """Return the mean squared error in float64; with `shuffle` its exact average over all orders.

    Over all n! orders each position meets each word equally often. So the average is the loss with
    the mean of the parts by word at every position, plus the variance of these parts.
    """
    by_word, by_position = prediction_parts(model, word_embeddings)
    y_pred = by_word_at_positions(by_word, shuffle) + by_position
    loss = nn.functional.mse_loss(y_pred, targets_like(y_pred, y_true)).item()
    return loss + variance(by_word) if shuffle else loss


def by_word_at_positions(by_word: Tensor, shuffle: bool) -> Tensor:
    """Return the part by word at each position: the mean if shuffled, for any word may be there."""
    return by_word.mean().expand_as(by_word) if shuffle else by_word


def loss_floor(words: Sequence[str], y_true: Tensor, shuffle: bool = False) -> float:
    """Return the lowest loss of any model that gives each word one answer, wherever it stands.

    Such a model is a head on each word, or self-attention without a mask, that is given no
    positions. With `shuffle` every word meets every target, and the floor is the lowest average
    over all orders.
    """
    ids = word_ids(words)
    targets = targets_like(ids.double(), y_true)  # float64, (n,)
    if shuffle:
        return variance(targets)
    best_answers = torch.bincount(ids, weights=targets) / torch.bincount(ids)  # each word's mean
    return nn.functional.mse_loss(best_answers[ids], targets).item()


def variance(values: Tensor) -> float:
    """Return the population variance, the mean squared distance from the mean, in float64."""
    return torch.as_tensor(values, dtype=torch.float64).var(correction=0).item()


def word_ids(words: Iterable[str]) -> Tensor:
    """Return one number for each different word, from 0 in order of appearance: int64, (n,)."""
    ids: dict[str, int] = {}  # a new word gets the next number
    return torch.tensor([ids.setdefault(word, len(ids)) for word in word_list(words)])


def word_list(words: Iterable[str]) -> list[str]:
    """Return the words as a list.

    Raises TypeError for a string, whose items are letters, and for a tensor, no two of whose items
    would count as the same word.
    """
    if isinstance(words, str | Tensor):
        raise TypeError(f"words must be a list of words, not a {type(words).__name__}")
    return list(words)


# ------------------------------------------------------------------------ run
class Snapshot(NamedTuple):
    """What a run shows after some epochs."""

    epoch: int  # how many epochs
    by_word: Tensor  # at each position: `by_word_at_positions`
    by_position: Tensor
    evidence: Evidence


@dataclass
class Run:
    """What belongs to a run, from the command line to the exit status."""

    args: argparse.Namespace
    word_embeddings: Tensor
    y_true: Tensor
    model: PositionalModel
    baseline: PositionalModel
    losses: list[float]  # one an epoch, before its step
    history: list[Snapshot]
    status: int = 0  # the exit status: 1 once a file was not written

    def remember(self) -> None:
        """Add to the history what the run shows now."""
        shuffle = self.args.shuffle
        by_word, by_position = prediction_parts(self.model, self.word_embeddings)
        evidence = measure(
            self.model, self.baseline, self.args.words, self.word_embeddings, self.y_true, shuffle
        )
        by_word = by_word_at_positions(by_word, shuffle)
        self.history.append(Snapshot(len(self.losses), by_word, by_position, evidence))


# ------------------------------------------------------------------------ report
MAX_ROWS = 40  # of more positions the report shows six, and the figure the first 40


def print_header(args: argparse.Namespace) -> None:
    """Print what is trained, and how, in lines of up to 80 characters."""
    print(f"words     {' '.join(args.words)}"[:80])
    print(f"vectors   {args.vectors or GLOVE_MODELS[0]}"[:80])
    print(f"training  {args.epochs} epochs, lr {args.lr:g}, seed {args.seed}")
    if args.fixed_head:
        print("head      fixed: w all ones, b zero")
    if args.shuffle:
        print("order     shuffled every epoch; the loss is that of its order")
    print("loss      before each step\n")


def print_table(words: list[str], table: Tensor) -> None:
    """Print the learned table, six numbers a line."""
    n, dim = table.shape
    which = "" if n <= MAX_ROWS else ", the first and last 3"
    print(f"\npositional embeddings: {n} positions x {dim} dimensions{which}")
    for i in shown_positions(n):
        print(f"\nposition {i}, {words[i][:60]}")
        cells = [f"{number(value):>12}" for value in table[i].tolist()]
        for start in range(0, dim, 6):
            print("".join(cells[start : start + 6]))


def print_predictions(words: list[str], y_true: Tensor, last: Snapshot, shuffle: bool) -> None:
    """Print every prediction as the sum of its two parts."""
    columns = y_true, last.by_word + last.by_position, last.by_word, last.by_position
    which = ", the mean of the words" if shuffle else ""
    print(f"\nby word: w · e + b{which}; by position: w · p")
    print("position  word               y_true      y_pred  =  by word  +  by position")
    for i in shown_positions(len(words)):
        target, answer, by_word, by_position = (number(column[i].item()) for column in columns)
        print(f"{i:>8}  {words[i][:13]:<13}{target:>12}{answer:>12}{by_word:>12}{by_position:>16}")


def shown_positions(n: int) -> Iterable[int]:
    """Return the positions to print: all of them, or the first and last three of many."""
    return range(n) if n <= MAX_ROWS else [0, 1, 2, n - 3, n - 2, n - 1]


def number(value: float) -> str:
    """Return a number with six decimals, or with an exponent where those show too little."""
    if not value or 1e-5 <= abs(value) < 1000:
        return f"{value + 0.0:.6f}"  # + 0.0 makes 0.0 of -0.0
    return f"{value:.4e}"


def print_evidence(evidence: Evidence, shuffle: bool, fixed_head: bool) -> None:
    """Print the four losses, one under the other, and what they show."""
    print("\nlosses, averaged over all orders of the words" if shuffle else "\nlosses")
    print(f"after training                    {five_digits(evidence.loss):>12}")
    print(f"the same model without a table    {five_digits(evidence.without_table):>12}")
    print(f"floor: one answer per word        {five_digits(evidence.floor):>12}")
    print(f"always saying the mean            {five_digits(evidence.mean_loss):>12}\n")
    print(conclusion(evidence, shuffle, fixed_head))


def five_digits(loss: float) -> str:
    """Return a loss with five significant digits, or 0 if it is exactly zero."""
    return f"{loss:#.5g}".rstrip(".") if loss else "0"


def conclusion(evidence: Evidence, shuffle: bool, fixed_head: bool) -> str:
    """Return what the losses show, as they are printed: no rounding error becomes a claim."""
    loss, _, floor, mean_loss = (float(five_digits(value)) for value in evidence)
    if not mean_loss:
        return "All targets are the same: there is nothing to tell apart."
    if loss > mean_loss:
        return (
            "This is worse than always saying the mean.\n"
            "If the loss rose, try a smaller --lr. If it fell, more --epochs may help."
        )
    if not floor and not fixed_head:
        return (
            "Each word here has one target, so one answer per word can be right everywhere:\n"
            "the floor is 0. The first two losses differ by what the table changed.\n"
            "For a task that words alone cannot solve, run, without other options:\n"
            "--words machine learning machine learning --epochs 500"
        )
    if fixed_head and loss >= floor:
        return "The head is fixed, so only the table was trained."
    text = (
        "A model that gives each word one answer, wherever the word stands, has a loss\n"
        f"of at least {five_digits(floor)}"
    )
    text += ", averaged over all orders of the words.\n" if shuffle else ".\n"
    if loss < floor:
        text += "This run is below that: positions were used."
    else:
        text += "This run is not below that: its loss alone is no proof that positions were used."
    if loss > floor / 100 and not fixed_head:
        text += "\nA longer run may bring it lower."
    return text


# ------------------------------------------------------------------------ comparison
SEEDS = 10
FLOAT32_MAX = torch.finfo(torch.float32).max  # a loss above it has overflowed


class Kind(NamedTuple):
    """A kind of positions: how its table starts, and whether it is trained."""

    first_table: Callable[..., Tensor]  # (n, d) -> the table's first numbers
    is_trained: bool = False


def sinusoidal_embeddings(sequence_length: int, dim: int) -> Tensor:
    """Return the fixed table of Vaswani et al. 2017, section 3.5: float32, (n, d)."""
    position = torch.arange(sequence_length).double()[:, None]
    column = torch.arange(dim)
    even_column = column - column % 2  # a sine and a cosine, side by side, share a wavelength
    angle = position / 10000.0 ** (even_column.double() / dim)
    return torch.where(column % 2 == 0, angle.sin(), angle.cos()).float()


KINDS = {
    "none": Kind(torch.zeros),
    "sinusoidal": Kind(sinusoidal_embeddings),
    "random": Kind(torch.randn),
    "learned 0": Kind(torch.zeros, is_trained=True),
    "learned 0.02": Kind(lambda n, dim: 0.02 * torch.randn(n, dim), is_trained=True),
    "learned 1": Kind(torch.randn, is_trained=True),
}
KINDS_EXPLAINED = """
none          no positions: the table stays zero
sinusoidal    sines and cosines (Vaswani et al. 2017), fixed
random        normal numbers of standard deviation 1, fixed
learned 0     learned from zeros, as in the run above
learned 0.02  learned from normal numbers of standard deviation 0.02 (minGPT)
learned 1     learned from normal numbers of standard deviation 1 (nn.Embedding)
A row that is still falling shows how fast it learns, not how far it can get."""


def compare(args: argparse.Namespace, pretrained: Tensor, y_true: Tensor) -> None:
    """Print the losses after training with each kind of positions, on two kinds of vectors."""
    print(f"\nloss after training, {SEEDS} seeds from {args.seed}: median [lowest, highest]")
    print("              pretrained vectors           random vectors of that size")
    for name, kind in KINDS.items():
        on_pretrained, on_random = [], []
        for seed in range(args.seed, args.seed + SEEDS):
            torch.manual_seed(seed)
            on_pretrained.append(loss_with(kind, pretrained, y_true, args))
            torch.manual_seed(seed)
            random = random_embeddings(args.words, pretrained)
            on_random.append(loss_with(kind, random, y_true, args))
        print(f"{name:<14}{spread(on_pretrained)}    {spread(on_random)}")
    print(f"floor         {loss_floor(args.words, y_true, args.shuffle):.1e}")
    print(KINDS_EXPLAINED)


def loss_with(
    kind: Kind, word_embeddings: Tensor, y_true: Tensor, args: argparse.Namespace
) -> float:
    """Return the exact loss after training with a kind of positions, inf if it overflows."""
    model = PositionalModel(*word_embeddings.shape)
    table = kind.first_table(*word_embeddings.shape)
    model.positional_embeddings = nn.Parameter(table, requires_grad=kind.is_trained)
    train(model, word_embeddings, y_true, epochs=args.epochs, lr=args.lr, shuffle=args.shuffle)
    loss = average_loss(model, word_embeddings, y_true, args.shuffle)
    return loss if loss <= FLOAT32_MAX else math.inf  # nan is not <= anything


def spread(losses: list[float]) -> str:
    """Return median, lowest and highest, in two digits. What is below 1e-9 differs by machine."""
    median, low, high = (
        f"{loss:.1e}" if loss >= 1e-9 else "<1e-09"
        for loss in (statistics.median(losses), min(losses), max(losses))
    )
    return f"{median:>7} [{low:>7}, {high:>7}]"


# ------------------------------------------------------------------------ figure
def draw_figure(run: Run) -> Any:
    """Return a matplotlib Figure of answers and losses over the epochs, and of the table."""
    import matplotlib.figure

    # Characters that cannot be printed are escaped, for no .svg may hold them
    words = [word if word.isprintable() else ascii(word) for word in run.args.words]
    n = min(len(words), MAX_ROWS)
    labels = [f"{i}" if run.args.shuffle else f"{i} {words[i][:16]}" for i in range(n)]
    title = textwrap.shorten(" ".join(words), 40, placeholder=" …")
    if run.args.shuffle:
        title += "\nshuffled every epoch"
    if len(words) > n:
        title += f"\nfirst {n} of {len(words)}"
    colours = matplotlib.colormaps["viridis"](torch.linspace(0, 0.8, n).numpy())  # one a position
    heights = 3, 1.7, 0.5 + 0.24 * n  # inches
    figure = matplotlib.figure.Figure((7, 2.2 + sum(heights)), dpi=130, layout="constrained")
    figure.suptitle(title, parse_math=False)
    top, middle, bottom = figure.subplots(3, height_ratios=heights)
    middle.sharex(top)
    draw_answers(top, run, labels, colours)
    draw_losses(middle, run)
    draw_table(bottom, run, labels, colours)
    return figure


def draw_answers(axes: Any, run: Run, labels: list[str], colours: Any) -> None:
    """Draw the answer at each position over the epochs, on its part by word, and its target."""
    n = len(labels)
    epochs, by_word, by_position, _ = zip(*run.history)  # its columns
    word_parts = torch.stack(by_word)[:, :n]  # (epochs kept, n)
    grey = "grey: the mean over the words" if run.args.shuffle else "grey"
    set_title(axes, f"Answer (line) = part by word ({grey}) + part by position\n◀ target")
    axes.plot(epochs, word_parts, color="lightgrey", linewidth=5)
    axes.set_prop_cycle(color=colours)
    axes.plot(epochs, word_parts + torch.stack(by_position)[:, :n])
    targets = run.y_true[:n].tolist()
    axes.update_datalim([(0, target) for target in targets])  # text alone would not widen it
    # Logarithmic, but with 0: words are learned in a few epochs, positions in many
    digits = [1, 2, 5] if epochs[-1] <= 1_000 else [1]  # of more, labels would overlap
    axes.set_xscale("symlog", linthresh=1, linscale=0.3)
    axes.set_xticks([0, *(digit * 10**power for power in range(19) for digit in digits)])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(0, max(epochs[-1], 1))
    named = -math.inf  # the highest target with a name so far: names do not overlap
    for i in run.y_true[:n].argsort().tolist():
        text = "◀"
        if targets[i] - named > 0.06 * axes.dataLim.height:
            named = targets[i]
            text += f" {labels[i]}"
        axes.text(
            1,  # the right edge
            targets[i],
            text,
            color=colours[i],
            va="center",
            transform=axes.get_yaxis_transform(),
            parse_math=False,
        )


def set_title(axes: Any, title: str) -> None:
    """Set a title over the left end of a panel."""
    axes.set_title(title, loc="left", fontsize="medium", wrap=True)


def draw_losses(axes: Any, run: Run) -> None:
    """Draw the two losses over the epochs, and the floor, which the legend gives in any case."""
    epochs, _, _, evidence = zip(*run.history)  # its columns
    with_table, baseline, floor, _ = zip(*evidence)
    floor_label = f"floor (one answer per word): {floor[-1]:.3g}"
    set_title(axes, "Loss, averaged over all orders of the words" if run.args.shuffle else "Loss")
    axes.semilogy(epochs, with_table, zorder=3, label="with the table")
    axes.semilogy(epochs, baseline, linewidth=5, alpha=0.4, label="the same model without a table")
    axes.axhline(floor[-1], color="grey", linestyle="--", label=floor_label)  # 0 is not drawn
    axes.legend(fontsize="small")
    axes.set_xlabel("epoch (logarithmic: early ones are drawn wider)")


def draw_table(axes: Any, run: Run, labels: list[str], colours: Any) -> None:
    """Draw the table's first rows, what each adds to an answer, and the head's weights."""
    n = len(labels)
    table = run.model.positional_embeddings.detach()[:n]
    weight = run.model.head.weight.detach()
    table_peak = max(table.abs().max().item(), 0.1)  # a table of almost zeros is to look white
    weight_peak = weight.abs().max().item()
    gap = torch.full_like(weight, math.nan)  # one empty row
    axes.imshow(
        torch.cat([table / table_peak, gap, weight / weight_peak]).numpy(),
        aspect="auto",
        cmap="RdBu_r",
        vmin=-1,
        vmax=1,
    )
    set_title(
        axes,
        f"Learned table (red {table_peak:.2g}, white 0, blue {-table_peak:.2g}) and w "
        f"(±{weight_peak:.2g})\nright: row · w, the part by position",
    )
    axes.set(xlabel="dimension", ylabel="position")
    axes.set_yticks([*range(n), n + 1], [*labels, "w"], parse_math=False)
    for label, colour in zip(axes.get_yticklabels(), colours):  # but for w, the last
        label.set_color(colour)
    rounded = run.history[-1].by_position[:n].round(decimals=2) + 0.0  # makes 0.0 of -0.0
    axes.secondary_yaxis("right").set_yticks(range(n), [f"{part:.3g}" for part in rounded])


# ------------------------------------------------------------------------ word vectors
WORDS = ["artificial", "intelligence", "machine", "learning"]
GLOVE_MODELS = (
    "glove-wiki-gigaword-50",
    "glove-wiki-gigaword-100",
    "glove-wiki-gigaword-200",
    "glove-wiki-gigaword-300",
    "glove-twitter-25",
    "glove-twitter-50",
    "glove-twitter-100",
    "glove-twitter-200",
)
OTHERWISE = "type --vectors random, or --vectors FILE for GloVe's or word2vec's text, plain or .gz"
ROW = re.compile(rb"\S+(\s+[-+.\deE]+){2,}\s*")  # a word and two numbers or more
DOWNLOAD = """
import gensim.downloader, socket, sys
socket.setdefaulttimeout(20)  # seconds that a server may keep silent
gensim.downloader.urlopen(gensim.downloader.DATA_LIST_URL)  # else gensim hides why this fails
gensim.downloader.load(sys.argv[1], return_path=True)  # else it imports what it downloaded
"""


class InputError(Exception):
    """What a user can mend; `main` prints it as one line on stderr."""


def load_word_embeddings(words: Iterable[str], source: str | None = None) -> Tensor:
    """Return the vectors of `words`: float32, (n, d), one row a word, in the order given.

    `source` is one of GLOVE_MODELS (Pennington, Socher, Manning 2014), a file of GloVe's or
    word2vec's text, plain or .gz, or "random" (d = 50). Without it: the script's own copy, or for
    other words glove-wiki-gigaword-50. Raises InputError if vectors cannot be had or are damaged.
    """
    words = word_list(words)
    if source == "random":
        return random_embeddings(words, load_word_embeddings(WORDS))
    if not source and all(word.lower() in WORDS for word in words):  # GloVe has no capitals
        return read_vectors(GLOVE_MODELS[0], BUNDLED_VECTORS.splitlines(), words)
    path = str(source or GLOVE_MODELS[0])  # a Path will do
    if path in GLOVE_MODELS:
        return read_file(gensim_file(path), words, "delete it to have it downloaded again")
    return read_file(path, words, f"{OTHERWISE}; --help names the models")


def random_embeddings(words: Sequence[str], pretrained: Tensor) -> Tensor:
    """Return normal vectors, (n, d), of `pretrained`'s root mean square: a word has one."""
    vectors = torch.randn(len(set(words)), pretrained.shape[1])
    return vectors[word_ids(words)] * pretrained.square().mean().sqrt()


def read_file(path: str, words: list[str], remedy: str) -> Tensor:
    """Return the vectors of the words from a file, plain or .gz; InputError if it is damaged."""
    try:
        with open(path, "rb") as file:
            is_gzip = file.peek(2).startswith(b"\x1f\x8b")  # a pipe loses nothing
            return read_vectors(path, gzip.open(file) if is_gzip else file, words)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}: {remedy}") from error


def read_vectors(name: str, lines: Iterable[bytes], words: list[str]) -> Tensor:
    """Return the vectors of the words, each from its first row; stop at the last word wanted.

    A row counts if it is as long as the first that is a word and its numbers. So these do not: the
    header of word2vec's text, a row that was cut, a row whose word has a space in it.
    """
    wanted = {word.encode(errors="surrogateescape"): word for word in words}
    vectors = {}
    row_length = 0
    for line in lines:
        fields = line.split()
        if not row_length and ROW.fullmatch(line):
            row_length = len(fields)
        if len(fields) == row_length > 0 and fields[0] in wanted:
            vectors[wanted.pop(fields[0])] = [float(field) for field in fields[1:]]
            if not wanted:
                break
    if not row_length:
        raise ValueError("no row of a word and its numbers")
    if wanted:
        missing = "', '".join(wanted.values())
        raise InputError(
            f"{name} has no row of {row_length - 1} numbers for '{missing}': spell words as GloVe "
            f"does (lower case, no punctuation, do n't), or {OTHERWISE}"
        )
    word_embeddings = torch.tensor([vectors[word] for word in words], dtype=torch.float32)
    if not word_embeddings.isfinite().all():
        raise ValueError("its numbers are not all finite in float32")
    return word_embeddings


def gensim_file(name: str) -> str:
    """Return the path of a model in gensim's data folder; download it if it is not there."""
    try:
        folder = Path(os.environ.get("GENSIM_DATA_DIR") or "~/gensim-data").expanduser().absolute()
        path = folder / name / f"{name}.gz"
        if not path.exists():
            download(name, folder)
        return str(path)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home for ~
        raise InputError(
            f"there is no place for {name}: {error}: set GENSIM_DATA_DIR to a folder of yours"
        ) from error


def download(name: str, folder: Path) -> None:
    """Have gensim fetch a model, whole or not at all, in a process and a folder of its own."""
    print(f"downloading {name} to {folder}", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        job = subprocess.run(
            [sys.executable, "-c", DOWNLOAD, name],
            cwd=scratch,  # where Python looks for modules first
            env=os.environ | {"GENSIM_DATA_DIR": scratch, "TMPDIR": scratch},
            stdout=2,  # the progress bar goes to our stderr
            stderr=subprocess.PIPE,
            check=False,
        )
        if job.returncode:
            print(file=sys.stderr)  # the progress bar ends within a line
            # The last line that Python wrote
            reason = job.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise InputError(f"{name} takes gensim and a network: {reason}: {OTHERWISE}")
        (folder / name).mkdir(exist_ok=True)
        # What gensim itself would leave; the vectors last, for they are what is looked for
        for file in ("information.json", f"{name}/__init__.py", f"{name}/{name}.gz"):
            Path(scratch, file).replace(folder / file)


# ------------------------------------------------------------------------ files
def write_file(run: Run, path: str, write: Callable[..., object]) -> None:
    """Write a file whole or not at all. What prevents it is said on stderr, and the run goes on."""
    try:
        content = io.BytesIO()  # not the file: torch.save would hide why it cannot be written
        write(content)
        target = Path(os.path.realpath(path))
        with tempfile.TemporaryDirectory(prefix=".", dir=target.parent) as folder:
            temporary = Path(folder, "whole")
            temporary.write_bytes(content.getvalue())
            if target.exists():
                temporary.chmod(target.stat().st_mode)
            temporary.replace(target)
    except KeyboardInterrupt:
        complain(f"{path} was not written: interrupted")
        raise
    except Exception as error:  # noqa: BLE001 - matplotlib raises any kind
        complain(f"{path} was not written: {error}")
        run.status = 1


def output_file(path: str) -> str:
    """Return the path if a file can be written there: a `type` for argparse."""
    try:
        target = Path(os.path.realpath(path))
        if target.exists() or not os.path.basename(path):  # a/ is a folder
            if not target.is_file():
                raise OSError("not a file")
            target.open("ab").close()  # appends nothing
        # The prefix finds a name that is too long
        with tempfile.NamedTemporaryFile(prefix=f".{target.name}", dir=target.parent):
            return path
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot write {path!r}: {error}") from error


def figure_file(path: str) -> str:
    """Return the path if a figure can be drawn and written there: a `type` for argparse."""
    if not path.lower().endswith((".png", ".svg", ".pdf")):
        raise argparse.ArgumentTypeError(f"must end in .png, .svg or .pdf, not {path!r}")
    try:
        importlib.import_module("matplotlib.figure")
    except Exception as error:  # it is not there, or too old for this numpy, or badly set up
        raise argparse.ArgumentTypeError(
            f"needs matplotlib: {error}: type python -m pip install -U matplotlib"
        ) from error
    return output_file(path)


# ------------------------------------------------------------------------ command line
PROGRAM = "learnable_positional_embeddings.py"  # in messages, also if a notebook calls `main`


def complain(message: object) -> None:
    """Print an error as one line on stderr."""
    print(f"{PROGRAM}: error: {' '.join(str(message).split())}", file=sys.stderr)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the options, each with its help."""
    parser = argparse.ArgumentParser(
        PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--words", nargs="+", default=WORDS, help="sequence (default: %(default)s)")
    add("--targets", nargs="+", type=float, help="y_true (default: evenly, 0 to 1)")
    add("--vectors", metavar="SOURCE", help=f"{', '.join(GLOVE_MODELS)}, a file or random")
    add("--shuffle", action="store_true", help="a new random order of the words every epoch")
    add("--fixed-head", action="store_true", help="w all ones, b zero, neither trained")
    add(
        "--compare",
        action="store_true",
        help="then compare kinds of positions, on pretrained and random vectors",
    )
    add("--epochs", type=int, default=20, help="steps of SGD (default: %(default)s)")
    add("--lr", type=float, default=0.02, help="learning rate (default: %(default)s)")
    add("--seed", type=int, default=0, help="for all that is random (default: 0)")
    add("--save", metavar="FILE", type=output_file, help="write a checkpoint for torch.load")
    add("--plot", metavar="FILE", type=figure_file, help="write a figure: .png, .svg or .pdf")
    return parser


def parse_args(argv: Sequence[object] | None) -> argparse.Namespace:
    """Return the options; the first that makes no sense ends the program with status 2."""
    parser = make_parser()
    fail = parser.error
    argv = sys.argv[1:] if argv is None else [str(argument) for argument in argv]
    for argument in argv:
        if re.match(r"[–—−]\D", argument):
            fail(f"{argument}: type two hyphens, --{argument.lstrip('–—−-')}")
        if argument.endswith("=--"):
            fail(f"{argument}: -- is no value")
    args = parser.parse_args(argv)
    for word in args.words:
        if word.split() != [word]:
            fail(f"argument --words: {word!r} is not one word: type words apart, without quotes")
    n = len(args.words)
    if args.targets is None:
        args.targets = [i / max(n - 1, 1) for i in range(n)]
    if len(args.targets) != n or not all(abs(target) <= FLOAT32_MAX for target in args.targets):
        fail(f"argument --targets: {n} words need {n} finite targets, not {args.targets}")
    if args.fixed_head and args.compare:
        fail("argument --compare: not with --fixed-head, for it trains the head")
    if not 1 <= args.epochs < 2**63:
        fail(f"argument --epochs: must be 1 or more, and below 2**63, not {args.epochs}")
    if not 0 < args.lr <= FLOAT32_MAX:
        fail(f"argument --lr: must be above 0 and finite in float32, not {args.lr}")
    if not 0 <= args.seed < 2**63:
        fail(f"argument --seed: must be 0 or more, and below 2**63, not {args.seed}")
    if args.plot and args.save and os.path.realpath(args.plot) == os.path.realpath(args.save):
        fail(f"argument --plot: {args.plot!r} is the file of --save")
    return args


def run_command(args: argparse.Namespace) -> int:
    """Train before the user's eyes, finish, and compare if that is asked for."""
    torch.manual_seed(args.seed)
    word_embeddings = load_word_embeddings(args.words, args.vectors)
    pretrained = word_embeddings  # for --compare
    if args.compare and args.vectors == "random":
        pretrained = load_word_embeddings(args.words)  # before the training, for it may fail
    y_true = torch.tensor(args.targets)
    n, dim = word_embeddings.shape
    model = PositionalModel(n, dim, args.fixed_head)
    baseline = without_table(model)
    run = Run(args, word_embeddings, y_true, model, baseline, losses=[], history=[])
    # The figure shows up to 200 epochs: all of the first, then ever fewer, even in log(epoch + 1)
    kept = {round((args.epochs + 1) ** (i / 200)) - 1 for i in range(200)}
    width = len(str(args.epochs))
    try:
        print_header(args)
        for epoch in range(args.epochs):
            if args.plot and epoch in kept:
                run.remember()
            sequence = sequence_of_epoch(word_embeddings, args.shuffle)
            loss = train_epoch(model, sequence, y_true, lr=args.lr)
            train_epoch(baseline, sequence, y_true, lr=args.lr)
            run.losses.append(loss)
            if not loss <= FLOAT32_MAX:
                break  # `finish` raises the error
            print(f"epoch {epoch + 1:>{width}}/{args.epochs}  loss {five_digits(loss)}")
    finally:  # whatever ended it, such as Ctrl-C or a reader of stdout who goes away
        finish(run)
    if args.compare:
        compare(args, pretrained, y_true)
    return run.status


def finish(run: Run) -> None:
    """Write what was learned to the files asked for, and report it; InputError for an overflow."""
    args = run.args
    final_loss = average_loss(run.model, run.word_embeddings, run.y_true, args.shuffle)
    if not all(loss <= FLOAT32_MAX for loss in [*run.losses, final_loss]):
        raise InputError("the loss overflows: try a smaller --lr, smaller targets or vectors")
    try:
        if args.save:
            checkpoint = {
                "model_state_dict": run.model.state_dict(),
                "losses": run.losses,
                "word_embeddings": run.word_embeddings,
                "options": vars(args),
            }
            write_file(run, args.save, lambda file: torch.save(checkpoint, file))
    finally:
        run.remember()
        try:
            if args.plot:
                write_file(
                    run,
                    args.plot,
                    lambda file: draw_figure(run).savefig(file, format=args.plot[-3:]),
                )
        finally:
            last = run.history[-1]
            words = ["any word"] * len(args.words) if args.shuffle else args.words
            print_table(words, run.model.positional_embeddings)
            print_predictions(words, run.y_true, last, args.shuffle)
            print_evidence(last.evidence, args.shuffle, args.fixed_head)


def main(argv: Sequence[object] | None = None) -> int:
    """Run the command line; return the exit status: 0, 1 if something failed, 130 after Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # each epoch at once, and words in any alphabet
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        return run_command(parse_args(argv))
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return 130
    except InputError as error:
        complain(error)
    except OSError as error:  # files have InputErrors of their own, so it is stdout that fails
        with open(os.devnull, "w") as nowhere:  # Python will flush stdout once more when it exits
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            complain(f"cannot write the results: {error.strerror}")
    return 1


# ------------------------------------- data: glove-wiki-gigaword-50 (PDDL 1.0, public domain)
BUNDLED_VECTORS = b"""\
artificial 0.71561 0.70368 -0.65484 0.49875 -0.85243 1.1059 -0.1036 -0.88284 0.80456 0.71413 0.86359 0.32354 0.7463 0.37181 -0.26063 1.2076 0.40428 0.21659 -0.25025 -0.24093 -0.34624 0.12634 -0.0029545 -0.79917 0.44265 -0.2539 -0.010407 0.61187 0.83014 -0.24339 2.3077 -0.18824 -0.41651 -0.41467 -0.2552 0.58636 0.41376 0.86748 0.1625 0.11349 -0.063252 -0.3975 -0.012897 1.1077 0.30005 0.085916 0.3641 -0.22241 -0.23201 -0.6379
intelligence 0.8782 -0.45171 0.96737 0.040347 0.76235 -0.63825 0.18944 -0.26633 0.58874 -0.93608 -0.065201 0.5123 -0.69111 0.52807 -0.71195 -0.2834 -0.34591 0.014351 0.11763 0.59407 0.20703 0.69087 1.0855 -0.83158 -0.35967 -2.3939 -0.88375 -0.417 -0.36717 0.58897 2.4132 -0.74281 -0.3619 -1.9934 0.093133 0.86592 -0.75185 0.19073 -0.54284 -0.0084839 0.57554 0.4475 0.48515 0.054866 0.35842 -0.51698 -0.026014 1.9907 -0.11378 0.30127
machine -0.34165 -0.81267 1.4513 0.05914 -0.080801 0.39567 0.10064 -0.5468 -0.18887 0.11364 -0.040956 -0.5637 -0.32191 0.15968 -0.59756 -0.14571 -0.77074 1.2955 -0.72002 -0.90818 0.76644 0.05346 -0.0031632 -0.15341 0.22065 -1.191 -1.0775 -0.29768 1.327 -0.51359 2.6229 -0.67411 -0.82558 0.14283 -0.014214 0.90775 0.66828 0.48431 0.1543 0.26044 1.0191 0.015872 -0.75325 0.58992 0.4546 -0.19678 0.42138 -0.43168 0.11985 0.14094
learning 0.20461 0.48659 -0.55308 -0.27019 0.26336 0.15751 -0.28994 -0.51824 0.051829 0.36225 0.37077 0.1322 -0.061377 -0.53606 -0.34733 -0.043981 -0.086744 0.78305 0.41422 0.027996 0.23433 0.98844 -0.41049 0.6206 1.3966 -0.65427 -0.18221 -1.0293 -0.014741 -0.25384 3.227 0.39509 -0.33042 -1.229 0.29048 0.33654 -0.24817 0.47105 0.32964 0.23997 0.088302 -0.91779 -0.36671 0.9926 0.2185 -0.316 1.203 0.2699 -0.14093 0.70785
"""

if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "agg"  # a notebook exports its own, which may not be installed here
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # schedulers stop a job with it
    sys.exit(main())
