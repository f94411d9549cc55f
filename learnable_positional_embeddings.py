"""Watch a table of positional embeddings being learned, from zeros.

A model is given a sequence of words and learns to say at which position each one
stands. The right answer y_true[i] runs from 0 at the first position to 1 at the
last, or is set by --targets. To the vector e[i] of the word at position i the model
adds row p[i] of a table, the positional embedding of that position. A linear head
turns the sum into one number:

    y_pred[i] = w · (e[i] + p[i]) + b

The model learns the table p, the weights w and the bias b. The word vectors e stay
as they are. The task is easy on purpose, because the question is where the answer
comes from: the word or the position. Examples:

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
import contextlib
import copy
import gzip
import io
import math
import os
import re
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import textwrap
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
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
        table = self.positional_embeddings  # (n, d)
        require_shape("the end of word_embeddings' shape", word_embeddings.shape[-2:], table.shape)
        combined_embeddings = word_embeddings + table  # (..., n, d)
        y_pred: Tensor = self.head(combined_embeddings).squeeze(-1)  # (..., n, 1) -> (..., n)
        return y_pred


def without_table(model: PositionalModel) -> PositionalModel:
    """Return the baseline: a copy whose table is zero and stays zero, to be trained beside it."""
    baseline = copy.deepcopy(model)
    nn.init.zeros_(baseline.positional_embeddings).requires_grad_(False)
    return baseline


def require_shape(name: str, shape: Iterable[int], wanted: Iterable[int]) -> None:
    """Raise ValueError for another shape, which torch may broadcast to a wrong result, silently."""
    if list(shape) != list(wanted):
        raise ValueError(f"{name} must be {list(wanted)}, not {list(shape)}")


# ------------------------------------------------------------------------ training
@torch.enable_grad()  # also in a notebook that has switched gradients off
def train_epoch(
    model: PositionalModel, word_embeddings: Tensor, y_true: Tensor, *, lr: float
) -> float:
    """Take one step of SGD on the mean squared error, and return the loss before it.

    There is one sequence, so an epoch is one step. With nothing to train, it just returns the loss.
    The step is that of torch.optim.SGD, bit for bit. It is written out because the first use of
    that class imports torch's compiler, which doubles the time of a short run.
    """
    loss = mean_squared_error(model(word_embeddings), y_true)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if parameters:  # the baseline under a fixed head has none
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients):
                parameter.sub_(gradient, alpha=lr)  # parameter - lr * gradient
    return loss.item()


def mean_squared_error(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Return the loss. `y_true` may be a list or an array; ValueError for another shape."""
    targets = torch.as_tensor(y_true, dtype=y_pred.dtype, device=y_pred.device)
    require_shape("y_true", targets.shape, y_pred.shape)
    return nn.functional.mse_loss(y_pred, targets)


def train_together(
    models: list[PositionalModel],
    word_embeddings: Tensor,
    y_true: Tensor,
    *,
    epochs: int,
    lr: float,
    shuffle: bool = False,
) -> Iterator[list[float]]:
    """Train models side by side; yield their losses, epoch by epoch, each before its step.

    With `shuffle` each epoch has a new random order of the words, the same for all models. The
    targets stay at their positions. A loss that overflows is inf or nan.
    """
    sequence = word_embeddings
    for _ in range(epochs):
        if shuffle:
            order = torch.randperm(word_embeddings.shape[-2], device=word_embeddings.device)
            sequence = word_embeddings.index_select(-2, order)  # faster than [..., order, :]
        yield [train_epoch(model, sequence, y_true, lr=lr) for model in models]


def train(
    model: PositionalModel,
    word_embeddings: Tensor,
    y_true: Tensor,
    *,
    epochs: int,
    lr: float,
    shuffle: bool = False,
) -> list[float]:
    """Train one model; return the loss of each epoch before its step."""
    training = train_together(
        [model], word_embeddings, y_true, epochs=epochs, lr=lr, shuffle=shuffle
    )
    return [loss for [loss] in training]


# ------------------------------------------------------------------------ evidence
FLOAT32_MAX = torch.finfo(torch.float32).max  # a loss above it has overflowed


class Evidence(NamedTuple):
    """What a model shows, measured with the words in one order or over all orders of them."""

    loss: float  # its mean squared error
    baseline_loss: float  # that of the baseline, which was trained beside it
    floor: float  # the lowest with one answer per word: `loss_floor`
    by_word: Tensor  # float64, (n,): the part of each answer that comes from the word
    by_position: Tensor  # float64, (n,): and the part that comes from the position


History = dict[int, Evidence]  # the number of epochs trained -> the evidence then


def measure(
    model: PositionalModel,
    baseline: PositionalModel,
    words: Iterable[str],
    word_embeddings: Tensor,
    y_true: Tensor,
    shuffle: bool = False,
) -> Evidence:
    """Return the evidence in this order of the words; with `shuffle` its mean over all orders."""
    by_word, by_position = prediction_parts(model, word_embeddings)
    return Evidence(
        loss=average_loss(model, word_embeddings, y_true, shuffle),
        baseline_loss=average_loss(baseline, word_embeddings, y_true, shuffle),
        floor=loss_floor(words, y_true, shuffle),
        by_word=by_word.mean().expand_as(by_word) if shuffle else by_word,  # any word may be there
        by_position=by_position,
    )


@torch.no_grad()
def prediction_parts(model: PositionalModel, word_embeddings: Tensor) -> tuple[Tensor, Tensor]:
    """Return (by_word, by_position), both float64, (n,). They sum to y_pred.

    Because w · (e + p) + b is (w · e + b) + (w · p). ValueError for another n, d or a batch.
    """
    table = model.positional_embeddings.double()  # (n, d)
    weight = model.head.weight.double()[0]  # (d,)
    require_shape("word_embeddings", word_embeddings.shape, table.shape)
    by_word = word_embeddings.double() @ weight + model.head.bias.item()
    return by_word, table @ weight


def average_loss(
    model: PositionalModel, word_embeddings: Tensor, y_true: Tensor, shuffle: bool = False
) -> float:
    """Return the mean squared error in float64; with `shuffle` its exact average over all orders.

    Over all n! orders each position meets each word equally often. So the average is the loss with
    the mean of the parts by word at every position, plus their variance. Beyond float32 it is inf.
    """
    by_word, by_position = prediction_parts(model, word_embeddings)
    loss = mean_squared_error((by_word.mean() if shuffle else by_word) + by_position, y_true)
    if shuffle:
        loss += by_word.var(correction=0)
    return loss.item() if loss <= FLOAT32_MAX else math.inf  # nan is not <= anything


def loss_floor(words: Iterable[str], y_true: Tensor, shuffle: bool = False) -> float:
    """Return the lowest loss of any model that gives each word one answer, wherever it stands.

    Such a model is a head on each word, or self-attention without a mask, that is given no
    positions. The best answer to a word is the mean of its targets. With `shuffle` every word meets
    every target, and the floor is the lowest average over all orders.
    """
    ids = word_ids(words)
    if shuffle:
        ids = torch.zeros_like(ids)  # one answer for any word
    targets = torch.as_tensor(y_true, dtype=torch.float64, device=ids.device)
    require_shape("y_true", targets.shape, ids.shape)
    best_answers = torch.bincount(ids, weights=targets) / torch.bincount(ids)
    return mean_squared_error(best_answers[ids], targets).item()


# ==================================================================== the lesson ends here:
# what follows prints, compares, draws, reads and writes

# ------------------------------------------------------------------------ report
MAX_SHOWN = 40  # positions; of more, the report shows six and the figure the first 40


def print_header(args: argparse.Namespace) -> None:
    """Print what is trained, and how, in lines of up to 80 characters."""
    source = args.vectors or DEFAULT_MODEL
    if not args.vectors and set(args.words) <= set(WORDS):
        source += " (the script's own copy)"
    print(f"words     {textwrap.shorten(' '.join(args.words), 70, placeholder=' ...')}")
    print(f"vectors   {source if len(source) <= 70 else '...' + source[-67:]}")
    print(f"training  {args.epochs} epochs, lr {args.lr:g}, seed {args.seed}")
    if args.fixed_head:
        print("head      fixed: w all ones, b zero")
    if args.shuffle:
        print("order     shuffled every epoch; the loss is that of its order")
    print("loss      before each step\n")


def print_table(
    words: list[str], y_true: Tensor, table: Tensor, evidence: Evidence, shuffle: bool
) -> None:
    """Print the learned table, six numbers a line, and each prediction with its two parts."""
    n, dim = table.shape
    names = ["any word"] * n if shuffle else words
    positions = list(range(n))
    extent = ""
    if n > MAX_SHOWN:
        del positions[3:-3]
        extent = ", the first and last 3"
    print(f"\npositional embeddings: {n} positions x {dim} dimensions{extent}")
    for i in positions:
        print(f"\nposition {i}, {names[i]:.60}")
        for numbers in torch.split(table[i], 6):
            print("".join(map(six_decimals, numbers)))
    y_pred = evidence.by_word + evidence.by_position
    print(f"\nby word: w · e + b{', the mean of the words' if shuffle else ''}; by position: w · p")
    print("position  word               y_true      y_pred  =  by word  +  by position")
    for i in positions:
        print(
            f"{i:>8}  {names[i]:<13.13}{six_decimals(y_true[i])}{six_decimals(y_pred[i])}"
            f"{six_decimals(evidence.by_word[i])}    {six_decimals(evidence.by_position[i])}"
        )


def six_decimals(value: Tensor) -> str:
    """Return a number in 12 columns, with an exponent where six decimals show too little."""
    number = value.item() + 0.0  # makes 0.0 of -0.0
    if number == 0 or 1e-5 <= abs(number) < 1000:
        return f"{number:12.6f}"
    return f"{number:12.4e}"


def print_losses(left: Evidence, right: Evidence) -> None:
    """Print the losses with the words in this order (left), and averaged over all orders."""
    print(
        "\nlosses                            in this order    in random order\n"
        f"with the table                {five_digits(left.loss):>17}{five_digits(right.loss):>19}\n"
        f"the same model without a table{five_digits(left.baseline_loss):>17}"
        f"{five_digits(right.baseline_loss):>19}\n"
        f"floor: one answer per word    {five_digits(left.floor):>17}"
        f"{five_digits(right.floor):>19}\n"
    )


def five_digits(loss: float) -> str:
    """Return a loss with five significant digits, or 0 if it is exactly zero."""
    return f"{loss:#.5g}".rstrip(".") if loss else "0"


def conclusion(
    start: Evidence, left: Evidence, right: Evidence, shuffle: bool, fixed_head: bool
) -> str:
    """Return what the losses show. Below a floor, positions did it.

    `start` is the evidence before the first epoch, `left` in this order of the words, `right` over
    all orders.
    """
    start, left, right = map(as_printed, (start, left, right))
    trained = right if shuffle else left
    if not right.floor:
        return "All targets are the same: there is nothing to tell apart."
    if trained.loss > right.floor:  # which is the loss of always saying the targets' mean
        advice = "If the loss rose, try a smaller --lr. If it fell, more --epochs may help."
        if shuffle and fixed_head:  # its loss is never below the variance of the parts by word
            advice = "A fixed head cannot unlearn the words."
        return f"This is worse than always saying the targets' mean.\n{advice}"
    if not left.floor:
        text = "In this order one answer per word can be right everywhere: the floor is 0."
    elif left.loss < left.floor:
        text = "In this order the loss is below the floor: positions were used."
    else:
        text = (
            "In this order the loss is not below the floor: it is no proof that positions\n"
            "were used."
        )
    if right.loss < right.floor:
        text += "\nIn random order the loss is below the floor: something about positions is known."
    else:
        text += "\nIn random order always saying the targets' mean would do as well or better."
    if trained.baseline_loss > start.baseline_loss:
        text += "\nWithout a table the loss rose: with a smaller --lr the two can be compared."
    if fixed_head:
        return text
    if not trained.floor:
        text += (
            "\nFor a task that words alone cannot solve, run, without other options:"
            "\n--words machine learning machine learning --epochs 500"
        )
    elif trained.loss > trained.floor / 100:  # with less left, the run has made its point
        text += "\nA longer run may bring the loss lower."
    return text


def as_printed(evidence: Evidence) -> Evidence:
    """Return evidence with its losses as they are printed, so that no rounding error is a claim."""
    return evidence._replace(
        loss=float(five_digits(evidence.loss)),
        baseline_loss=float(five_digits(evidence.baseline_loss)),
        floor=float(five_digits(evidence.floor)),
    )


# ------------------------------------------------------------------------ comparison
SEEDS = 10


def sinusoidal_embeddings(sequence_length: int, dim: int) -> Tensor:
    """Return the fixed table of Vaswani et al. 2017, section 3.5: float32, (n, d)."""
    wavelengths = 10000 ** (torch.arange(0, dim, 2).double() / dim)
    angles = torch.arange(sequence_length)[:, None] / wavelengths  # one for two columns
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :dim].float()


KINDS: dict[str, Callable[..., Tensor]] = {  # (n, d) -> the table before training
    "none": torch.zeros,
    "sinusoidal": sinusoidal_embeddings,
    "random": torch.randn,
    "learned 0": torch.zeros,
    "learned 0.02": lambda n, dim: 0.02 * torch.randn(n, dim),
    "learned 1": torch.randn,
}
KINDS_EXPLAINED = """
none          no positions: the table stays zero
sinusoidal    sines and cosines (Vaswani et al. 2017), fixed
random        normal numbers of standard deviation 1, fixed
learned 0     learned from zeros, as in the run above
learned 0.02  learned from normal numbers of standard deviation 0.02 (minGPT)
learned 1     learned from normal numbers of standard deviation 1 (nn.Embedding)
A row that is still falling shows how fast it learns, not how far it can get."""


def compare(
    words: list[str],
    pretrained: Tensor,
    y_true: Tensor,
    epochs: int,
    lr: float,
    first_seed: int,
    shuffle: bool,
) -> None:
    """Print the losses after training with each kind of positions, on two kinds of vectors."""
    print(f"\nloss after training, {SEEDS} seeds from {first_seed}: median [lowest, highest]")
    print("              pretrained vectors           random vectors of that size")
    for name, first_table in KINDS.items():
        cells = []
        for is_random in (False, True):
            losses = []
            for seed in range(first_seed, first_seed + SEEDS):
                torch.manual_seed(seed)
                vectors = random_embeddings(words, pretrained) if is_random else pretrained
                model = PositionalModel(*vectors.shape)
                table = first_table(*vectors.shape)
                model.positional_embeddings = nn.Parameter(table, requires_grad="learned" in name)
                train(model, vectors, y_true, epochs=epochs, lr=lr, shuffle=shuffle)
                losses.append(average_loss(model, vectors, y_true, shuffle))
            cells.append(spread(losses))
        print(f"{name:<14}{cells[0]}    {cells[1]}")
    print(f"floor         {loss_floor(words, y_true, shuffle):.1e}")
    print(KINDS_EXPLAINED)


def spread(losses: list[float]) -> str:
    """Return median, lowest and highest. Below 1e-9 they would differ from machine to machine."""
    median, low, high = (
        f"{loss:.1e}" if loss >= 1e-9 else "<1e-09"
        for loss in (statistics.median(losses), min(losses), max(losses))
    )
    return f"{median:>7} [{low:>7}, {high:>7}]"


# ------------------------------------------------------------------------ figure
NOT_IN_XML = "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]"  # and so not in an .svg
STYLE: Any = {
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "axes.xmargin": 0,  # the first and last epoch lie on the panel's edges
    "text.usetex": False,  # LaTeX would fail at words such as C#
}


def draw_figure(
    words: list[str],
    y_true: Tensor,
    model: PositionalModel,
    history: History,
    shuffle: bool = False,
) -> Any:
    """Return a matplotlib Figure of answers and losses over the epochs, and of the table.

    `history` holds what `measure` returned after some of the epochs; 0 is before the first.
    """
    import matplotlib.figure

    require_shape("words", [len(words)], history[0].by_word.shape)
    words = [re.sub(NOT_IN_XML, "\ufffd", word) for word in words]
    n = min(len(words), MAX_SHOWN)
    labels = [f"{i}" if shuffle else f"{i} {words[i]:.16}" for i in range(n)]
    title = f"sequence of {len(words)}: {textwrap.shorten(' '.join(words), 40, placeholder=' ...')}"
    if shuffle:
        title += "\nshuffled every epoch: answers, grey and loss are means over all orders"
    if len(words) > n:
        title += f"\nfirst {n} of {len(words)}"
    # One colour a position; the yellow end of the map is hard to see on white
    colours = matplotlib.colormaps["viridis"](torch.linspace(0, 0.85, n).numpy())
    heights = 3, 1.7, 0.24 * n, 0.24  # in inches: 0.24 hold a row's label
    with matplotlib.rc_context(STYLE):
        figure = matplotlib.figure.Figure((7, 3.2 + sum(heights)), dpi=130, layout="constrained")
        figure.suptitle(title, parse_math=False)
        answers, losses, table, weights = figure.subplots(4, height_ratios=heights)
        losses.sharex(answers)
        draw_answers(answers, torch.as_tensor(y_true)[:n].tolist(), history, labels, colours)
        draw_losses(losses, history)
        # A table of almost zeros is to look white, so its range is 0.1 at least
        rows = model.positional_embeddings.detach()[:n]
        draw_rows(table, rows, labels, "Learned table; right: row · w, the part by position", 0.1)
        draw_rows(weights, model.head.weight.detach(), ["w"], "w, the weights of the head")
        weights.set_xlabel("dimension")
        for label, colour in zip(table.get_yticklabels(), colours):
            label.set_color(colour)
        parts = history[max(history)].by_position[:n].round(decimals=2).tolist()
        right = [f"{part:+.2f}" if part else "0.00" for part in parts]
        table.secondary_yaxis("right").set_yticks(range(n), right)
        figure.draw_without_rendering()  # because matplotlib makes some text only now
    return figure


def draw_answers(
    axes: Any, targets: list[float], history: History, labels: list[str], colours: Any
) -> None:
    """Draw the answers over the epochs, lines upon bands (the parts by word), and the targets."""
    n = len(targets)
    epochs = list(history)
    by_word = torch.stack([evidence.by_word[:n] for evidence in history.values()]).numpy()
    by_position = torch.stack([evidence.by_position[:n] for evidence in history.values()]).numpy()
    y_pred = by_word + by_position  # (epochs, n), like its parts
    axes.plot(epochs, by_word, color="lightgrey", linewidth=5)
    axes.set_prop_cycle(color=colours)
    axes.plot(epochs, y_pred)
    axes.update_datalim([(0, target) for target in targets])  # text alone would not widen it
    # Logarithmic, but with 0: words are learned in a few epochs, positions in many
    axes.set_xscale("symlog", linthresh=1, linscale=0.3, subs=[2, 5])
    axes.set_xlabel(f"epoch 0 to {epochs[-1]} (logarithmic: early ones are drawn wider)")
    axes.xaxis.set_major_formatter("{x:g}")
    if epochs[-1] <= 1_000:  # of more, the labels of 2 and 5 would overlap
        axes.xaxis.set_minor_formatter("{x:g}")
    text_height = 0.06 * axes.dataLim.height  # 0.18 of the panel's 3 inches
    edge = axes.get_yaxis_transform()  # places text: x is 1 at the right edge, y is an answer
    arrow = ""
    labelled: list[float] = []  # targets that have their labels beside them
    for i, (target, colour) in enumerate(zip(targets, colours, strict=True)):
        # An arrow shows what a row adds. Arrows stand side by side near the end, three of the
        # epochs in `history` apart. More than a dozen, or any in a very short run, would overlap.
        k = -3 * (i + 1)
        if n <= 12 and 3 * n < len(epochs) and abs(by_position[k, i]) > text_height:
            arrow = " (arrow)"
            axes.annotate(
                "",
                (epochs[k], y_pred[k, i]),
                (epochs[k], by_word[k, i]),
                arrowprops={"arrowstyle": "->", "color": colour},
            )
        text = "◀"
        if all(abs(target - other) > text_height for other in labelled):  # labels do not overlap
            labelled.append(target)
            text += f" {labels[i]}"
        axes.text(1, target, text, color=colour, va="center", transform=edge, parse_math=False)
    axes.set_title(
        f"Answer (line) = part by word (grey) + part by position{arrow}\nright: ◀ target"
    )


def draw_losses(axes: Any, history: History) -> None:
    """Draw the two losses over the epochs, and the floor, which the legend gives even if 0."""
    epochs = list(history)
    losses = [evidence.loss for evidence in history.values()]
    baseline_losses = [evidence.baseline_loss for evidence in history.values()]
    floor = history[0].floor
    axes.semilogy(epochs, losses, zorder=3, label="with the table")
    axes.semilogy(
        epochs, baseline_losses, linewidth=5, alpha=0.4, label="the same model without a table"
    )
    label = f"floor (one answer per word): {floor:.3g}{'' if floor else ', below this axis'}"
    axes.axhline(floor, color="grey", linestyle="--", label=label)
    axes.legend(fontsize="small")
    axes.set(title="Loss", xlabel="epoch")
    # A baseline that diverges leaves the panel
    axes.set_ylim(top=min(axes.get_ylim()[1], 10 * losses[0]))


def draw_rows(
    axes: Any, rows: Tensor, labels: list[str], title: str, least_peak: float = 0
) -> None:
    """Draw rows of numbers as colours, on a scale of their own, which the title gives."""
    peak = max(rows.abs().max().item(), least_peak)
    axes.imshow(rows.numpy(), aspect="auto", cmap="RdBu_r", vmin=-peak, vmax=peak)
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.set_title(f"{title}\nred {peak:.2g}, white 0, blue {-peak:.2g}")


# ------------------------------------------------------------------------ word vectors
WORDS = ["artificial", "intelligence", "machine", "learning"]
DEFAULT_MODEL = "glove-wiki-gigaword-50"
GLOVE_MODELS = (
    DEFAULT_MODEL,
    "glove-wiki-gigaword-100",
    "glove-wiki-gigaword-200",
    "glove-wiki-gigaword-300",
    "glove-twitter-25",
    "glove-twitter-50",
    "glove-twitter-100",
    "glove-twitter-200",
)
OTHER_SOURCES = (
    "type --vectors random, or --vectors FILE for GloVe's or word2vec's text, plain or .gz"
)
ROW = rb"\S+(\s+[-+.\deE]+){2,}\s*"  # a word and two numbers or more
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some editors write it before the first word


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
    # Of others than its own four words, in whatever case, the script has no vectors
    others = list(dict.fromkeys(word for word in words if word.lower() not in WORDS))
    if not source and not others:
        return read_vectors(DEFAULT_MODEL, BUNDLED_VECTORS.splitlines(), words)
    path = str(source or DEFAULT_MODEL)  # a Path will do
    is_model = path in GLOVE_MODELS
    try:
        if is_model:
            path = gensim_file(path, others or words)
        with open(path, "rb") as file:
            is_gzip = file.peek(2).startswith(b"\x1f\x8b")  # a pipe loses nothing
            return read_vectors(path, gzip.open(file) if is_gzip else file, words)
    except (FileNotFoundError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        remedy = "delete its folder to have it downloaded again" if is_model else OTHER_SOURCES
        raise InputError(f"cannot read {path}: {error}: {remedy}") from error
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home for ~
        remedy = "set GENSIM_DATA_DIR to a folder of yours" if is_model else OTHER_SOURCES
        raise InputError(f"cannot read {path}: {error}: {remedy}") from error


def word_ids(words: Iterable[str]) -> Tensor:
    """Return a number for each word, the same for the same word: int64, (n,)."""
    words = word_list(words)
    ids = {word: i for i, word in enumerate(dict.fromkeys(words))}
    return torch.tensor([ids[word] for word in words])


def word_list(words: Iterable[str]) -> list[str]:
    """Return the words as a list.

    Raises TypeError for a string, whose items are letters, and for tensors, no two of which would
    count as the same word.
    """
    items = list(words)
    if isinstance(words, str) or any(isinstance(item, Tensor) for item in items):
        raise TypeError("words must be a list of words, not a string or tensors")
    return items


def random_embeddings(words: list[str], pretrained: Tensor) -> Tensor:
    """Return normal vectors, (n, d), as large as `pretrained`'s; one for each different word.

    Their standard deviation is the root mean square of the pretrained numbers.
    """
    vectors = torch.randn(len(set(words)), pretrained.shape[1])
    return vectors[word_ids(words)] * pretrained.square().mean().sqrt()


def read_vectors(name: str, lines: Iterable[bytes], words: list[str]) -> Tensor:
    """Return the vectors of the words, each from its first row; stop at the last word wanted.

    A row counts if it is as long as the first that is a word and its numbers. So these do not: the
    header of word2vec's text, a row that was cut, a row whose word has a space in it.
    """
    wanted = {word.encode(errors="surrogateescape"): word for word in words}
    vectors = {}
    row_length = None
    for line in lines:
        fields = line.removeprefix(BYTE_ORDER_MARK).split()
        if not row_length and re.fullmatch(ROW, line):
            row_length = len(fields)
        if len(fields) == row_length and fields[0] in wanted:
            vectors[wanted.pop(fields[0])] = [float(field) for field in fields[1:]]
            if not wanted:
                break
    if not row_length:
        raise ValueError("no row of a word and its numbers")
    if wanted:
        missing = "', '".join(wanted.values())
        raise InputError(
            f"{name} has no row of {row_length - 1} numbers for '{missing}': spell words as GloVe "
            f"does (lower case, no punctuation, do n't), or {OTHER_SOURCES}"
        )
    word_embeddings = torch.tensor([vectors[word] for word in words], dtype=torch.float32)
    if not word_embeddings.isfinite().all():
        raise ValueError("its numbers are not all finite in float32")
    return word_embeddings


def gensim_file(name: str, words: list[str]) -> str:
    """Return the path of a model in gensim's data folder; if it is not there, gensim fetches it."""
    folder = os.environ.get("GENSIM_DATA_DIR") or "~/gensim-data"
    path = Path(folder, name, f"{name}.gz").expanduser().absolute()
    if path.exists():
        return str(path)
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20)  # seconds that a server may keep silent: gensim waits for ever
    try:
        from gensim import downloader  # type: ignore

        say(f"downloading {name} to {downloader.BASE_DIR}")
        # Remove what an interrupted download left: gensim would stop at it
        shutil.rmtree(Path(downloader.BASE_DIR, f"{name}_tmp"), ignore_errors=True)
        downloader.urlopen(downloader.DATA_LIST_URL).read()  # else gensim hides why this fails
        with contextlib.redirect_stdout(sys.stderr):  # its progress bar
            return str(downloader.load(name, return_path=True))  # else it runs what it downloaded
    except Exception as error:  # gensim raises any kind
        print(file=sys.stderr)  # the progress bar ends within a line
        raise InputError(
            f"no vectors for {', '.join(words)}: cannot download {name}: {error}: {OTHER_SOURCES}"
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)


# ------------------------------------------------------------------------ files
def write_file(path: str | None, write: Callable[[io.BytesIO], object]) -> int:
    """Write a file, if one is asked for, whole or not at all; say on stderr what prevents it.

    Returns the exit status: 0, or 1 if it was not written, or 130 if Ctrl-C came meanwhile.
    """
    if path is None:
        return 0
    try:
        content = io.BytesIO()  # not the file: torch.save would hide why it cannot be written
        write(content)
        target = Path(os.path.realpath(path))
        with tempfile.TemporaryDirectory(prefix=".", dir=target.parent) as folder:
            whole = Path(folder, target.name)
            whole.write_bytes(content.getvalue())
            if target.exists():
                whole.chmod(target.stat().st_mode)
            try:
                whole.replace(target)
            except OSError as error:  # the old file is a mount of its own, or another user's
                rescued = whole.replace(f"{target}{Path(folder).name}")  # model.pt.x1y2z3
                raise OSError(f"{error.strerror}: {rescued} has what was learned") from error
        return 0
    except KeyboardInterrupt:
        say(f"{path}: interrupted while it was written")
        return 130
    except Exception as error:  # noqa: BLE001 - matplotlib raises any kind
        say(f"error: {path} was not written: {error}")
        return 1


def output_file(path: str) -> str:
    """Return the path if a file can be written there: a `type` for argparse."""
    target = Path(os.path.realpath(path))
    try:
        if not target.parent.is_dir():
            raise OSError(f"there is no folder {target.parent}")
        if target.exists():
            if not target.is_file():
                raise OSError("it is not a file")
            target.open("ab").close()  # appends nothing
        tempfile.TemporaryDirectory(prefix=".", dir=target.parent).cleanup()
    except OSError as error:
        reason = error.strerror or error  # without the name of a temporary folder
        raise argparse.ArgumentTypeError(f"cannot write {path!r}: {reason}") from error
    return path


def figure_file(path: str) -> str:
    """Return the path if a figure can be drawn and written there: a `type` for argparse."""
    if not path.lower().endswith((".png", ".svg", ".pdf")):
        raise argparse.ArgumentTypeError(f"must end in .png, .svg or .pdf, not {path!r}")
    try:
        import matplotlib.figure  # noqa: F401
    except Exception as error:  # it is not there, or too old for this numpy, or badly set up
        raise argparse.ArgumentTypeError(
            f"needs matplotlib: {error}: type {sys.executable} -m pip install -U matplotlib, "
            "or with uv: uv run --with matplotlib"
        ) from error
    return output_file(path)


# ------------------------------------------------------------------------ command line
PROGRAM = "learnable_positional_embeddings.py"  # in messages, also if a notebook calls `main`


def say(message: str) -> None:
    """Print a message as one line on stderr."""
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the options, each with its help."""
    parser = argparse.ArgumentParser(
        PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--words", nargs="+", default=WORDS, help=f"sequence (default: {' '.join(WORDS)})")
    add("--targets", nargs="+", type=float, help="y_true (default: evenly, 0 to 1)")
    add("--vectors", metavar="SOURCE", help=f"{', '.join(GLOVE_MODELS)}, a file or random")
    add("--shuffle", action="store_true", help="a new random order of the words every epoch")
    either = parser.add_mutually_exclusive_group()  # because the comparison trains the head
    either.add_argument("--fixed-head", action="store_true", help="w all ones, b zero, not trained")
    either.add_argument("--compare", action="store_true", help="then compare kinds of positions")
    add("--epochs", type=int, default=20, help="steps of SGD (default: %(default)s)")
    add("--lr", type=float, default=0.02, help="learning rate (default: %(default)s)")
    add("--seed", type=int, default=0, help="for all that is random (default: %(default)s)")
    add("--save", metavar="FILE", type=output_file, help="write a checkpoint for torch.load")
    add("--plot", metavar="FILE", type=figure_file, help="write a figure: .png, .svg or .pdf")
    return parser


def parse_args(argv: Iterable[object] | None) -> argparse.Namespace:
    """Return the options; the first that makes no sense ends the program with status 2."""
    parser = make_parser()
    fail = parser.error
    # argparse takes -1e-3 for an option, unless a space stands before it
    arguments = [
        re.sub(r"^(?=-[\d.]+[eE][-+]?\d+$)", " ", str(argument))
        for argument in (sys.argv[1:] if argv is None else argv)
    ]
    for argument in arguments:
        if re.match(r"[–—−]\D", argument):
            fail(f"{argument}: type two hyphens, --{argument.lstrip('–—−-')}")
        if argument.endswith("=--"):
            fail(f"{argument}: -- is no value")
    args = parser.parse_args(arguments)
    for word in args.words:
        if word.split() != [word]:
            fail(f"argument --words: {word!r} is not one word: type words apart, without quotes")
    n = len(args.words)
    if args.targets is None:
        args.targets = [i / max(n - 1, 1) for i in range(n)]
    if len(args.targets) != n or not torch.tensor(args.targets).isfinite().all():
        fail(f"argument --targets: {n} words need {n} finite targets, not {args.targets}")
    if args.vectors == "":
        fail("argument --vectors: it is empty: leave it out, or name a source")
    if args.epochs < 1:
        fail(f"argument --epochs: must be 1 or more, not {args.epochs}")
    if not 0 < args.lr <= FLOAT32_MAX:
        fail(f"argument --lr: must be above 0 and finite in float32, not {args.lr}")
    if not 0 <= args.seed < 2**63:
        fail(f"argument --seed: must be 0 or more, and below 2**63, not {args.seed}")
    files = [path for path in (args.vectors, args.save, args.plot) if path]
    if len({os.path.realpath(path) for path in files}) < len(files):
        fail(f"--vectors, --save and --plot need files of their own, not {' '.join(files)}")
    return args


def run_command(args: argparse.Namespace) -> int:
    """Train, report, and compare if that is asked for; return the exit status."""
    torch.manual_seed(args.seed)
    word_embeddings = load_word_embeddings(args.words, args.vectors)
    pretrained = word_embeddings  # for the comparison
    if args.compare and args.vectors == "random":
        pretrained = load_word_embeddings(args.words)  # before the training, because it may fail
    y_true = torch.tensor(args.targets)
    status = train_and_report(args, word_embeddings, y_true)
    if args.compare and status != 130:
        compare(args.words, pretrained, y_true, args.epochs, args.lr, args.seed, args.shuffle)
    return status


def train_and_report(args: argparse.Namespace, word_embeddings: Tensor, y_true: Tensor) -> int:
    """Train, printing each loss; then write the files and report; return the exit status."""
    words, shuffle, epochs, status = args.words, args.shuffle, args.epochs, 0
    model = PositionalModel(len(words), word_embeddings.shape[1], args.fixed_head)
    baseline = without_table(model)
    evidence = partial(measure, model, baseline, words, word_embeddings, y_true)
    history = {0: evidence(shuffle)}  # after some of the epochs, for the figure
    losses = []  # one an epoch, before its step
    try:
        print_header(args)
        training = train_together(
            [model, baseline], word_embeddings, y_true, epochs=epochs, lr=args.lr, shuffle=shuffle
        )
        for epoch, (loss, _) in enumerate(training, 1):
            losses.append(loss)
            if not math.isfinite(loss):
                break  # further epochs mend no overflow
            print(f"epoch {epoch:>{len(str(epochs))}}/{epochs}  loss {five_digits(loss)}")
            if args.plot and epoch > 1.03 * max(history):  # every early one, then ever fewer
                history[epoch] = evidence(shuffle)
    except KeyboardInterrupt:
        status = 130
    finally:  # also when the reader of stdout has gone
        done = len(losses)
        final_loss = average_loss(model, word_embeddings, y_true, shuffle)
        if not all(map(math.isfinite, [*losses, final_loss])):
            raise InputError("the loss overflows: try a smaller --lr, smaller targets or vectors")
        if done:  # before the first epoch nothing is learned, and an old file is better
            checkpoint = {"model_state_dict": model.state_dict(), "losses": losses}
            checkpoint |= {"word_embeddings": word_embeddings, "options": vars(args)}
            saved = write_file(args.save, partial(torch.save, checkpoint))
            left, right = evidence(shuffle=False), evidence(shuffle=True)
            history[done] = right if shuffle else left
            draw = partial(draw_figure, words, y_true, model, history, shuffle)
            drawn = write_file(args.plot, lambda file: draw().savefig(file, format=args.plot[-3:]))
        if status or done < epochs and (args.save or args.plot):
            say(f"stopped after {done} of {epochs} epochs{'' if done else ': nothing was written'}")
        if done:
            status = max(status, saved, drawn)
            print_table(words, y_true, model.positional_embeddings, history[done], shuffle)
            print_losses(left, right)
            print(conclusion(history[0], left, right, shuffle, args.fixed_head))
    return status


def main(argv: Iterable[object] | None = None) -> int:
    """Run the command line; return the exit status: 0, 1 if something failed, 130 after Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # each epoch at once, and words in any alphabet
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        return run_command(parse_args(argv))
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except InputError as error:
        say(f"error: {error}")
    except OSError as error:  # files have InputErrors of their own, so it is stdout that fails
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        if not isinstance(error, BrokenPipeError):
            say(f"error: cannot write the results: {error.strerror}")
    return 1


def interrupt_once(stop: int, _: object) -> None:
    """Treat a signal as Ctrl-C, and ignore it from then on: a closing terminal sends several."""
    signal.signal(stop, signal.SIG_IGN)
    raise KeyboardInterrupt


# ------------------------------------- data: glove-wiki-gigaword-50 (PDDL 1.0, public domain)
BUNDLED_VECTORS = b"""\
artificial 0.71561 0.70368 -0.65484 0.49875 -0.85243 1.1059 -0.1036 -0.88284 0.80456 0.71413 0.86359 0.32354 0.7463 0.37181 -0.26063 1.2076 0.40428 0.21659 -0.25025 -0.24093 -0.34624 0.12634 -0.0029545 -0.79917 0.44265 -0.2539 -0.010407 0.61187 0.83014 -0.24339 2.3077 -0.18824 -0.41651 -0.41467 -0.2552 0.58636 0.41376 0.86748 0.1625 0.11349 -0.063252 -0.3975 -0.012897 1.1077 0.30005 0.085916 0.3641 -0.22241 -0.23201 -0.6379
intelligence 0.8782 -0.45171 0.96737 0.040347 0.76235 -0.63825 0.18944 -0.26633 0.58874 -0.93608 -0.065201 0.5123 -0.69111 0.52807 -0.71195 -0.2834 -0.34591 0.014351 0.11763 0.59407 0.20703 0.69087 1.0855 -0.83158 -0.35967 -2.3939 -0.88375 -0.417 -0.36717 0.58897 2.4132 -0.74281 -0.3619 -1.9934 0.093133 0.86592 -0.75185 0.19073 -0.54284 -0.0084839 0.57554 0.4475 0.48515 0.054866 0.35842 -0.51698 -0.026014 1.9907 -0.11378 0.30127
machine -0.34165 -0.81267 1.4513 0.05914 -0.080801 0.39567 0.10064 -0.5468 -0.18887 0.11364 -0.040956 -0.5637 -0.32191 0.15968 -0.59756 -0.14571 -0.77074 1.2955 -0.72002 -0.90818 0.76644 0.05346 -0.0031632 -0.15341 0.22065 -1.191 -1.0775 -0.29768 1.327 -0.51359 2.6229 -0.67411 -0.82558 0.14283 -0.014214 0.90775 0.66828 0.48431 0.1543 0.26044 1.0191 0.015872 -0.75325 0.58992 0.4546 -0.19678 0.42138 -0.43168 0.11985 0.14094
learning 0.20461 0.48659 -0.55308 -0.27019 0.26336 0.15751 -0.28994 -0.51824 0.051829 0.36225 0.37077 0.1322 -0.061377 -0.53606 -0.34733 -0.043981 -0.086744 0.78305 0.41422 0.027996 0.23433 0.98844 -0.41049 0.6206 1.3966 -0.65427 -0.18221 -1.0293 -0.014741 -0.25384 3.227 0.39509 -0.33042 -1.229 0.29048 0.33654 -0.24817 0.47105 0.32964 0.23997 0.088302 -0.91779 -0.36671 0.9926 0.2185 -0.316 1.203 0.2699 -0.14093 0.70785
"""

if __name__ == "__main__":
    # What only a program of its own may do, and not a guest in a notebook's %run or in a thread
    if "IPython" not in sys.modules and threading.current_thread() is threading.main_thread():
        os.environ["MPLBACKEND"] = "agg"  # a notebook exports its own, which may not be installed
        # Schedulers stop a job with SIGTERM, and a terminal that closes sends SIGHUP
        for stop in signal.valid_signals() & {signal.SIGTERM, 1}:  # 1: Windows has no SIGHUP
            if signal.getsignal(stop) == signal.SIG_DFL:  # under nohup it is ignored
                signal.signal(stop, interrupt_once)
    sys.exit(main())
