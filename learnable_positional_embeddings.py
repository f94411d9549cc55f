"""Watch a table of positional embeddings being learned, from zeros.

A model is given a few words and learns to say at which place each one stands, y_true[i]. To the
vector e[i] of a word it adds row p[i] of a table, the positional embedding of its place, and a
linear head turns the sum into one number:

    y_pred[i] = w · (e[i] + p[i]) + b

The task is easy on purpose: what is measured is who answers, the word or the place. Examples:

    python learnable_positional_embeddings.py
    python learnable_positional_embeddings.py --words machine learning machine learning --epochs 500
    python learnable_positional_embeddings.py --shuffle --epochs 500 --plot figure.png
"""
# /// script
# requires-python = ">=3.10"
# dependencies = ["torch>=2.6", 'gensim>=4.3.3,<4.5; python_version < "3.14"']
# ///

import argparse
import errno
import gzip
import importlib.util
import io
import math
import os
import statistics
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


# ------------------------------------------------------------------------ model and training
class PositionalModel(nn.Module):
    """A learned table of positions (Gehring et al. 2017), and a head that reads word + position.

    `positional_embeddings` is (n, d), `head` an `nn.Linear(d, 1)`: of ones, fixed, if `fixed_head`.
    """

    def __init__(self, sequence_length: int, dim: int, fixed_head: bool = False) -> None:
        super().__init__()
        self.positional_embeddings = nn.Parameter(torch.zeros(sequence_length, dim))
        self.head = nn.Linear(dim, 1)
        if fixed_head:
            nn.init.ones_(self.head.weight).requires_grad_(False)
            nn.init.zeros_(self.head.bias).requires_grad_(False)

    def forward(self, word_embeddings: Tensor) -> Tensor:
        """Return `y_pred`, (..., n), one number a position, for word vectors (..., n, d)."""
        combined_embeddings = word_embeddings + self.positional_embeddings
        y_pred: Tensor = self.head(combined_embeddings).squeeze(-1)
        return y_pred


def train(
    model: PositionalModel,
    word_embeddings: Tensor,
    y_true: Tensor,
    *,
    epochs: int,
    lr: float,
    shuffle: bool = False,
) -> list[float]:
    """Train by SGD on the mean squared error; return the loss of each epoch, before its step.

    `word_embeddings` is (..., n, d), `y_true` (..., n), else ValueError. With `shuffle` the words
    are in a new random order every epoch; the targets stay. A loss that overflows is inf or nan.
    """
    n, dim = model.positional_embeddings.shape
    if word_embeddings.shape[-2:] != (n, dim) or y_true.shape != word_embeddings.shape[:-1]:
        raise ValueError(f"word_embeddings must be (..., {n}, {dim}), and y_true (..., {n})")
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    losses, sequence = [], word_embeddings
    for _ in range(epochs):
        if shuffle:
            sequence = word_embeddings.index_select(-2, torch.randperm(n))
        loss = nn.functional.mse_loss(model(sequence), y_true)
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(gradient, alpha=lr)  # parameter - lr * gradient: plain SGD
        losses.append(loss.item())
    return losses


# ------------------------------------------------------------------------ evidence
class Evidence(NamedTuple):
    """What a run shows, computed by `measure`. A share of nothing is nan."""

    final_loss: float  # mean squared error; shuffled, its average over all orders
    floor: float  # the lowest loss with one answer per word: `loss_floor`
    mean_loss: float  # the loss of always saying the mean: the variance of y_true
    word_share: float  # of the variance of y_pred, if every word is put at every place
    position_share: float  # the rest of that variance
    needs_order: float  # the part of y_true's variance that words cannot tell
    floor_removed: float  # the part of the floor that goes when by_position is taken off y_true


def prediction_parts(model: PositionalModel, word_embeddings: Tensor) -> tuple[Tensor, Tensor]:
    """Return (by_word, by_position), float64 (n,): w · (e + p) + b is (w · e + b) + (w · p)."""
    weight, bias = model.head.weight.detach().double()[0], model.head.bias.item()
    table = model.positional_embeddings.detach().double()
    return word_embeddings.double() @ weight + bias, table @ weight


def measure(
    words: list[str], y_true: Tensor, by_word: Tensor, by_position: Tensor, shuffle: bool = False
) -> Evidence:
    """Return what targets and predictions show, all (n,); raise ValueError for another shape."""
    words = word_list(words)
    floor, mean_loss = loss_floor(words, y_true, shuffle), loss_floor(words, y_true, shuffle=True)
    # The floor of shuffled values is their variance, and over all pairs those of the parts add up.
    word, position = (loss_floor(words, part, shuffle=True) for part in (by_word, by_position))
    rounding = 1e-12 * (by_word.square().mean() + by_position.square().mean()).item()
    variance = word + position if word + position > rounding else math.nan
    left = deviations(words, y_true, shuffle) - deviations(words, by_position, shuffle)
    return Evidence(
        final_loss=exact_loss(y_true, by_word, by_position, shuffle),
        floor=floor,
        mean_loss=mean_loss,
        word_share=word / variance,
        position_share=position / variance,
        needs_order=floor / mean_loss if mean_loss else math.nan,
        floor_removed=1 - left.square().mean().item() / floor if floor else math.nan,
    )


def exact_loss(y_true: Tensor, by_word: Tensor, by_position: Tensor, shuffle: bool) -> float:
    """Return the mean squared error in float64; shuffled, its average over all n! orders."""
    at_places = by_word.mean() if shuffle else by_word
    loss = (at_places + by_position - y_true.double()).square().mean()
    return (loss + by_word.var(correction=0) if shuffle else loss).item()


def loss_floor(words: list[str], y_true: Tensor, shuffle: bool = False) -> float:
    """Return the lowest loss of a model that gives one answer per word, wherever it stands.

    So does a bag of words, or self-attention without a mask, if it is given no positions. Shuffled,
    every word meets every target, and the floor is the lowest average over all orders.
    """
    return deviations(word_list(words), y_true, shuffle).square().mean().item()


def deviations(words: list[str], values: Tensor, shuffle: bool) -> Tensor:
    """Return `values`, (n,), less the mean of those of the same word (shuffled: of all), float64."""
    values = torch.as_tensor(values).double()
    if values.shape != (len(words),):
        raise ValueError(f"{len(words)} words need {len(words)} values, not {[*values.shape]}")
    groups = torch.zeros(len(words), dtype=torch.int64) if shuffle else word_ids(words)
    means = torch.bincount(groups, weights=values) / torch.bincount(groups)
    return values - means[groups]


def sinusoidal_embeddings(sequence_length: int, dim: int) -> Tensor:
    """Return the fixed table of Vaswani et al. 2017, section 3.5: float32, (n, d)."""
    position, column = torch.arange(sequence_length).double(), torch.arange(dim)
    angle = torch.outer(position, 10000.0 ** (-(column - column % 2).double() / dim))
    return torch.where(column % 2 == 0, angle.sin(), angle.cos()).float()


# ------------------------------------------------------------------------ word vectors
WORDS = ["artificial", "intelligence", "machine", "learning"]
BUNDLED = "glove-wiki-gigaword-50 (the script's own copy)"
GLOVE_MODELS = [f"glove-wiki-gigaword-{dim}" for dim in (50, 100, 200, 300)]
GLOVE_MODELS += [f"glove-twitter-{dim}" for dim in (25, 50, 100, 200)]
DOWNLOAD = """
import gensim.downloader, socket, sys
socket.setdefaulttimeout(20)  # seconds that a server may keep silent
gensim.downloader.load(sys.argv[1], return_path=True)  # else it imports what it downloaded
"""
OTHERWISE = "type --vectors random, or --vectors FILE for a file that has them"


class InputError(Exception):
    """What a user can mend; `main` prints it as one line on stderr."""


def load_word_embeddings(words: list[str], source: str | os.PathLike[str] | None = None) -> Tensor:
    """Return the vectors of `words`: float32, (n, d), one row a word, in the order given.

    `source` is one of GLOVE_MODELS (Pennington, Socher, Manning 2014), a file of GloVe's or
    word2vec's text, plain or .gz, or "random" (d = 50). Without it: the script's own copy, or for
    other words glove-wiki-gigaword-50. Raises InputError if vectors cannot be had or are damaged.
    """
    words = word_list(words)
    if source is None:  # "Machine" is not in GloVe, and to say so takes no download
        source = BUNDLED if {word.lower() for word in words} <= set(WORDS) else GLOVE_MODELS[0]
    if source == "random":
        return random_embeddings(words, load_word_embeddings(WORDS))
    vectors = read_vectors(os.fspath(source), words)
    missing = ", ".join(repr(word) for word in dict.fromkeys(words) if word not in vectors)
    if missing:
        raise InputError(f"{source} has no vector for {missing}: try lower case, or {OTHERWISE}")
    rows = [vectors[word] for word in words]
    if any(len(row) != len(rows[0]) or not torch.tensor(row).isfinite().all() for row in rows):
        raise InputError(f"{source} is damaged: not as many finite numbers for each of the words")
    return torch.tensor(rows, dtype=torch.float32)


def word_list(words: Iterable[str]) -> list[str]:
    """Return the words as a list; raise TypeError for a string, whose items are letters."""
    if isinstance(words, str):
        raise TypeError(f"words must be a list of words, not the string {words!r}")
    return list(words)


def word_ids(words: list[str]) -> Tensor:
    """Return int64, (n,): 0 for the first different word, 1 for the next, and so on."""
    ids = {word: number for number, word in enumerate(dict.fromkeys(words))}
    return torch.tensor([ids[word] for word in words])


def random_embeddings(words: list[str], pretrained: Tensor) -> Tensor:
    """Return normal vectors of `pretrained`'s root mean square: float32, (n, d), one a word."""
    vectors = torch.randn(len(set(words)), pretrained.shape[1], dtype=torch.float32)
    return vectors[word_ids(words)] * pretrained.square().mean().sqrt()


def read_vectors(source: str, words: list[str]) -> dict[str, list[float]]:
    """Return the vectors that a source has of the words; it is read no further than the last."""
    wanted = {word.encode(errors="surrogatepass"): word for word in words}
    vectors = {}
    try:
        with open_source(source) as lines:
            for line in lines:
                token, *numbers = line.split() or [b""]
                if token in wanted and len(numbers) > 1:  # one number: the header of word2vec
                    vectors[wanted.pop(token)] = [float(number) for number in numbers]
                if not wanted:
                    break
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(f"cannot read {source}: {error}; {OTHERWISE}") from error
    return vectors


def open_source(source: str) -> io.BufferedIOBase:
    """Open the bundled vectors, a gensim model (downloaded if need be), or a file."""
    if source == BUNDLED:
        return io.BytesIO(BUNDLED_VECTORS)
    path = source
    if source in GLOVE_MODELS:
        folder = os.environ.get("GENSIM_DATA_DIR") or os.path.expanduser("~/gensim-data")
        path = os.path.join(folder, source, f"{source}.gz")
        if not os.path.exists(path):
            download(source, os.path.abspath(folder))
    elif not os.path.exists(path):
        raise InputError(f"{path!r} is neither a file, nor random, nor {', '.join(GLOVE_MODELS)}")
    return gzip.open(path) if path.endswith(".gz") else open(path, "rb")


def download(name: str, folder: str) -> None:
    """Have gensim fetch a model, whole or not at all, in a process and a folder of its own."""
    print(f"downloading {name} to {folder}", file=sys.stderr, flush=True)
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="download-", dir=folder) as room:
        argv = [sys.executable, "-c", DOWNLOAD, name]  # Python looks for modules first in cwd
        env = os.environ | {"GENSIM_DATA_DIR": room, "TMPDIR": room}
        job = subprocess.run(argv, cwd=room, env=env, stdout=2, stderr=subprocess.PIPE, check=False)
        if job.returncode:
            print(file=sys.stderr)  # the progress bar ends within a line
            reason = job.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise OSError(f"the download failed, which takes gensim and a network: {reason}")
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        for file in ("information.json", f"{name}/__init__.py", f"{name}/{name}.gz"):
            os.replace(os.path.join(room, file), os.path.join(folder, file))


# ------------------------------------------------------------------------ report
MAX_ROWS, EDGE_ROWS = 40, 3  # show up to 40 positions; of more print the first and last 3
History = list[tuple[int, Tensor, Tensor]]  # (steps taken, by_word, by_position), some 200


def print_model(
    words: list[str], y_true: Tensor, table: Tensor, parts: tuple[Tensor, Tensor], shuffle: bool
) -> None:
    """Print the learned table, and every prediction as the sum of its two parts."""
    by_word, by_position = parts
    n, dim = table.shape
    shown = [i for i in range(n) if n <= MAX_ROWS or not EDGE_ROWS <= i < n - EDGE_ROWS]
    which = "" if len(shown) == n else f", the first and last {EDGE_ROWS}"
    print(f"\npositional embeddings: {n} positions x {dim} dimensions{which}")
    for i in shown:
        print(f"\nposition {i}" if shuffle else f"\nposition {i}, {words[i][:60]}")
        row = [f"{number(value):>12}" for value in table[i].tolist()]
        for start in range(0, dim, 6):
            print(*row[start : start + 6], sep="")
    names = [f"  {word[:13]:<13}" for word in [*words, "word"]]
    if shuffle:
        names, by_word = [""] * (n + 1), by_word.mean().expand(n)
    mean = " (the mean, for any word may stand there)" if shuffle else ""
    print(f"\nby word: w · e + b{mean}; by position: w · p")
    print(f"position{names[n]}      y_true      y_pred  =  by word  +  by position")
    columns = torch.stack([y_true.double(), by_word + by_position, by_word, by_position], dim=1)
    for i in shown:
        y, y_pred, word, position = map(number, columns[i].tolist())
        print(f"{i:>8}{names[i]}{y:>12}{y_pred:>12}{word:>12}{position:>16}")


def print_evidence(evidence: Evidence, shuffle: bool, fixed_head: bool) -> None:
    """Print the evidence, a figure a line, and what it shows."""
    average = ", averaged over all orders" if shuffle else ""
    shares = "none: the predictions hardly vary"
    if not math.isnan(evidence.word_share):
        word, position = percent(evidence.word_share), percent(evidence.position_share)
        shares = f"by word {word}, by position {position}"
    part = "none: all targets are the same"
    if not math.isnan(evidence.needs_order):
        part = f"{percent(evidence.needs_order)} of the variance of y_true"
    print(f"\nloss after training               {evidence.final_loss:.4e}{average}")
    print(f"floor: one answer per word        {evidence.floor:.4e}{average}")
    print(f"loss of always saying the mean    {evidence.mean_loss:.4e}")
    print(f"variance of the prediction        {shares}")
    print(f"part that words cannot tell       {part}")
    if not math.isnan(evidence.floor_removed):
        print(f"floor removed by position         {percent(evidence.floor_removed)}")
    print(f"\n{conclusion(evidence, shuffle, fixed_head)}")


def conclusion(evidence: Evidence, shuffle: bool, fixed_head: bool) -> str:
    """Return what the run shows and what to try next, by the losses as they are printed."""
    if evidence.mean_loss == 0:
        return "All targets are the same: there is nothing to tell apart."
    if evidence.floor == 0:
        return """Each word here has one target, so a dictionary of words could give every answer:
the floor is 0, and a low loss does not show that positions are needed. To need
them, give a word two: --words machine learning machine learning, or --shuffle."""
    floor = f"{evidence.floor:.4e}"
    below = float(f"{evidence.final_loss:.4e}") < float(floor)
    average = ",\naveraged over all orders" if shuffle else ""
    text = f"With one answer per word, wherever it stands, the loss is at least {floor}{average}.\n"
    text += "This run is below that: " if below else "This run is not below that: "
    text += "positions were used." if below else "it does not show that positions were used."
    finished = fixed_head or (below and evidence.floor_removed >= 0.99)
    return text if finished else f"{text}\nMore --epochs may bring it lower."


def number(value: float) -> str:
    """Return a number with six decimals, or with an exponent where those show too little."""
    fixed = value == 0 or 1e-5 <= abs(value) < 1000
    return f"{value + 0.0:.6f}" if fixed else f"{value:.4e}"  # + 0.0 makes 0.0 of -0.0


def percent(share: float) -> str:
    """Return a share in per cent; one above zero, by more than rounding, is not shown as 0.00."""
    rounded = round(100 * share, 2) + 0.0  # + 0.0 makes 0.0 of -0.0
    text = f"{rounded:.2f} %" if abs(rounded) < 1e6 else f"{rounded:.2e} %"
    return "<0.01 %" if rounded == 0 and share > 1e-12 else text


TABLES: dict[str, tuple[Callable[[int, int], Tensor], str]] = {
    "none": (torch.zeros, "no positions: the table stays zero"),
    "sinusoidal": (sinusoidal_embeddings, "sines and cosines (Vaswani et al. 2017), fixed"),
    "random": (torch.randn, "normal numbers of standard deviation 1, fixed"),
    "learned 0": (torch.zeros, "learned from zeros, as in the run above"),
    "learned 0.02": (lambda n, d: 0.02 * torch.randn(n, d), "learned from normal numbers x 0.02"),
    "learned 1": (torch.randn, "learned from normal numbers, as nn.Embedding starts"),
}


def final_loss(
    kind: str, word_embeddings: Tensor, y_true: Tensor, epochs: int, lr: float, shuffle: bool
) -> float:
    """Return the exact loss after training with a kind of positions, inf if it overflows."""
    model = PositionalModel(*word_embeddings.shape).float()
    table = TABLES[kind][0](*word_embeddings.shape).float()
    model.positional_embeddings = nn.Parameter(table, requires_grad=kind.startswith("learned"))
    train(model, word_embeddings, y_true, epochs=epochs, lr=lr, shuffle=shuffle)
    loss = exact_loss(y_true, *prediction_parts(model, word_embeddings), shuffle)
    return loss if loss <= FLOAT32_MAX else math.inf


def compare(words: list[str], pretrained: Tensor, y_true: Tensor, args: argparse.Namespace) -> None:
    """Print the final losses of each kind of positions, on pretrained and on random vectors."""
    print(f"\nloss after training, 10 seeds from {args.seed}: median [lowest, highest]")
    print("              pretrained vectors           random vectors of that size")
    for kind in TABLES:
        cells = []
        for random in (False, True):
            losses = []
            for seed in range(args.seed, args.seed + 10):
                torch.manual_seed(seed)
                vectors = random_embeddings(words, pretrained) if random else pretrained
                losses.append(final_loss(kind, vectors, y_true, args.epochs, args.lr, args.shuffle))
            median, low, high = map(short, (statistics.median(losses), min(losses), max(losses)))
            cells.append(f"{median:>7} [{low:>7}, {high:>7}]")
        print(f"{kind:<14}{'    '.join(cells)}")
    print(f"floor         {loss_floor(words, y_true, args.shuffle):.1e}\n")
    for kind, (_, note) in TABLES.items():
        print(f"{kind:<14}{note}")
    print("A row that is still falling shows how fast it learns, not how far it can get.")


def short(loss: float) -> str:
    """Return a loss with two digits; what is below 1e-9 is rounding, and differs by machine."""
    return f"{loss:.1e}" if loss >= 1e-9 else "<1e-09"


def draw_figure(
    words: list[str], y_true: Tensor, table: Tensor, history: History, floor: float, shuffle: bool
) -> Any:
    """Return a matplotlib Figure of the loss, the predictions over the epochs, and the table."""
    import matplotlib.figure

    n = min(len(words), MAX_ROWS)
    names = [word if word.isprintable() else ascii(word) for word in words]
    colours = matplotlib.colormaps["viridis"](torch.linspace(0, 0.9, n).numpy())
    epochs = [epoch for epoch, _, _ in history]
    by_word = torch.stack([a.mean().expand(n) if shuffle else a[:n] for _, a, _ in history])
    by_position = torch.stack([c[:n] for _, _, c in history])
    heights = 2.2, 3.2, 0.9 + 0.24 * n
    figure = matplotlib.figure.Figure(figsize=(9, 1 + sum(heights)), layout="constrained")
    top, middle, bottom = figure.subplots(3, height_ratios=heights)
    figure.suptitle(" ".join(names)[:60] + ", shuffled every epoch" * shuffle, parse_math=False)
    average, mean = (", averaged over all orders", "mean ") if shuffle else ("", "")
    mark = "dashed" if floor > 0 else "off the scale"
    titles = (
        f"Loss{average}. With one answer per word never below {floor:.3g} ({mark})",
        f"Predictions at each place (solid), {mean}part by word (dotted), targets (triangles)",
        "Learned table. At the right, what each row adds to the prediction: w · row",
    )
    for axes, title in zip((top, middle, bottom), titles, strict=True):
        axes.set_title(title, loc="left", fontsize="medium")
    top.semilogy(epochs, [exact_loss(y_true, a, c, shuffle) for _, a, c in history])
    if floor > 0:
        top.axhline(floor, color="black", linestyle="--")
    middle.set_prop_cycle(color=colours)
    middle.plot(epochs, by_word + by_position)
    middle.plot(epochs, by_word, color="dimgrey", linestyle=":")
    middle.update_datalim([(0, y) for y in y_true[:n].tolist()])
    outside = middle.get_yaxis_transform()  # x goes from 0 to 1
    middle.scatter([1.015] * n, y_true[:n], c=colours, marker="<", clip_on=False, transform=outside)
    middle.sharex(top)
    middle.locator_params(axis="x", integer=True)
    middle.set_xlabel("epoch")
    bottom.set(xlabel="dimension", ylabel="position")
    peak = max(table.abs().max().item(), 0.1)  # a table of next to nothing is to look like that
    image = bottom.imshow(table[:n].numpy(), aspect="auto", cmap="RdBu_r", vmin=-peak, vmax=peak)
    figure.colorbar(image, ax=bottom)
    labels = [f"{i}" if shuffle else f"{i} {names[i][:16]}" for i in range(n)]
    bottom.set_yticks(range(n), labels, parse_math=False)
    for label, colour in zip(bottom.get_yticklabels(), colours, strict=True):
        label.set_color(colour)
    numbers = [f"{round(value, 2) + 0.0:+.2f}" for value in by_position[-1].tolist()]
    bottom.secondary_yaxis("right").set_yticks(range(n), numbers)
    return figure


def write_file(path: str, write: Callable[[io.BytesIO], object]) -> None:
    """Write a file, whole, in the place of one that is there; InputError if that cannot be done."""
    try:
        content, target = io.BytesIO(), os.path.realpath(path)
        write(content)
        try:
            with tempfile.TemporaryDirectory(prefix=".", dir=os.path.dirname(target)) as folder:
                temporary = Path(folder, "whole")
                temporary.write_bytes(content.getvalue())
                if os.path.exists(target):
                    temporary.chmod(os.stat(target).st_mode)
                temporary.replace(target)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY):
                raise  # a full disk, say: the old file stays
            Path(target).write_bytes(content.getvalue())  # such as a mounted file
    except Exception as error:  # matplotlib has any kind: of fonts, of LaTeX, of its settings
        raise InputError(f"cannot write {path!r}: {error}") from error


def output_file(path: str) -> str:
    """Return the path if a file can be written there, and leave it as it is: a type of argparse."""
    try:
        is_new = not os.path.exists(path)
        if not is_new and not os.path.isfile(path):
            raise OSError(f"{path!r} is no place for a file")
        open(path, "ab").close()
        if is_new:
            os.remove(os.path.realpath(path))
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


# ------------------------------------------------------------------------ command line
PROGRAM = "learnable_positional_embeddings.py"  # whatever host calls `main`
FLOAT32_MAX = torch.finfo(torch.float32).max
OVERFLOW = "the loss overflows: try a smaller --lr, smaller targets or smaller vectors"


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; the first that makes no sense ends the program with status 2."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(PROGRAM, description=__doc__, formatter_class=layout)
    add = parser.add_argument
    add("--words", nargs="+", default=WORDS, metavar="W", help="sequence (default: %(default)s)")
    add("--targets", nargs="+", type=float, metavar="Y", help="y_true (default: evenly, 0 to 1)")
    add("--vectors", metavar="SOURCE", help=f"{', '.join(GLOVE_MODELS)}, a file or random")
    add("--shuffle", action="store_true", help="a new random order of the words every epoch")
    add("--fixed-head", action="store_true", help="w all ones, b zero, neither trained")
    add("--compare", action="store_true", help="then compare with other positions and vectors")
    add("--epochs", type=int, default=20, metavar="N", help="steps of SGD (default: %(default)s)")
    add("--lr", type=float, default=0.02, help="learning rate (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="S", help="for all that is random (default: 0)")
    add("--save", type=output_file, metavar="FILE", help="write a checkpoint for torch.load")
    add("--plot", type=output_file, metavar="FILE", help="write a figure: .png, .svg or .pdf")
    args = parser.parse_args(argv)
    if [] in vars(args).values():  # what argparse makes of --epochs=--
        parser.error("an option has no value")
    words = " ".join(args.words).split()
    if words != args.words:
        parser.error(f"argument --words: type them without quotes: {' '.join(words)}")
    n = len(words)
    if args.targets is None:
        args.targets = [i / max(n - 1, 1) for i in range(n)]
    if len(args.targets) != n or not torch.tensor(args.targets).isfinite().all():
        parser.error(f"argument --targets: {n} words need {n} finite targets, not {args.targets}")
    if args.fixed_head and args.compare:
        parser.error("argument --compare: not with --fixed-head, for it trains the head")
    if args.epochs < 1:
        parser.error(f"argument --epochs: must be 1 or more, not {args.epochs}")
    if not 0 < args.lr <= FLOAT32_MAX:
        parser.error(f"argument --lr: must be above 0 and finite in float32, not {args.lr}")
    if not 0 <= args.seed < 2**63:
        parser.error(f"argument --seed: must be from 0 to 2**63 - 1, not {args.seed}")
    if args.plot and not args.plot.lower().endswith((".png", ".svg", ".pdf")):
        parser.error(f"argument --plot: must end in .png, .svg or .pdf, not {args.plot!r}")
    if args.plot and importlib.util.find_spec("matplotlib") is None:
        parser.error("argument --plot: type python -m pip install matplotlib first")
    if args.plot and args.save and os.path.realpath(args.plot) == os.path.realpath(args.save):
        parser.error(f"argument --plot: {args.plot!r} is the file of --save")
    return args


def run(args: argparse.Namespace) -> None:
    """Train, keep what was learned, report it, and compare, as the options say."""
    words, shuffle, y_true = args.words, args.shuffle, torch.tensor(args.targets).float()
    torch.manual_seed(args.seed)
    word_embeddings = pretrained = load_word_embeddings(words, args.vectors)
    if args.compare and args.vectors == "random":  # before training, for it may fail
        pretrained = load_word_embeddings(words)
    n, dim = word_embeddings.shape
    model = PositionalModel(n, dim, args.fixed_head).float()  # whatever torch's default is
    losses, history = list[float](), History()
    stop: BaseException | None = None  # what ended the run early, raised when all is kept
    try:
        print(f"words     {' '.join(words)}"[:80])
        print(f"vectors   {dim} dimensions, {args.vectors or GLOVE_MODELS[0]}"[:80])
        options = ", shuffled" * shuffle + ", fixed head" * args.fixed_head
        print(f"training  {args.epochs} epochs{options}, lr {args.lr:g}, seed {args.seed}"[:80])
        print(f"loss      {'in the order of the epoch, ' if shuffle else ''}before each step\n")
        while len(losses) < args.epochs:
            if args.plot and len(losses) % math.ceil(args.epochs / 200) == 0:
                history.append((len(losses), *prediction_parts(model, word_embeddings)))
            losses += train(model, word_embeddings, y_true, epochs=1, lr=args.lr, shuffle=shuffle)
            if not losses[-1] <= FLOAT32_MAX:
                raise InputError(OVERFLOW)
            width = len(str(args.epochs))
            print(f"epoch {len(losses):>{width}}/{args.epochs}  loss {losses[-1]:#.5g}")
    except (KeyboardInterrupt, OSError) as error:  # OSError: nobody reads stdout any more
        stop = error
    parts = prediction_parts(model, word_embeddings)
    evidence = measure(words, y_true, *parts, shuffle)
    if not evidence.final_loss <= FLOAT32_MAX:
        raise InputError(OVERFLOW)
    history.append((len(losses), *parts))
    table = model.positional_embeddings.detach()
    checkpoint = {"model_state_dict": model.state_dict(), "losses": losses}
    checkpoint |= {"word_embeddings": word_embeddings, "options": vars(args)}
    drawn = words, y_true, table, history, evidence.floor, shuffle
    try:
        if args.save is not None:
            write_file(args.save, lambda f: torch.save(checkpoint, f))
        if args.plot is not None:
            write_file(args.plot, lambda f: draw_figure(*drawn).savefig(f, format=args.plot[-3:]))
    except (KeyboardInterrupt, InputError) as error:
        stop = stop if isinstance(stop, OSError) else error
    if not isinstance(stop, OSError):
        print_model(words, y_true, table, parts, shuffle)
        print_evidence(evidence, shuffle, args.fixed_head)
    if stop:
        raise stop
    if args.compare:
        compare(words, pretrained, y_true, args)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status 0, 1 for what failed, 130 after Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # each epoch at once, and words in any alphabet
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        run(parse_args(argv))
        return 0
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return 130
    except InputError as error:
        print(f"{PROGRAM}: error: {' '.join(str(error).split())}", file=sys.stderr)
    except OSError as error:  # files have InputErrors of their own, so it is stdout that fails
        with open(os.devnull, "w") as nowhere:  # Python will flush stdout once more when it exits
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"{PROGRAM}: error: cannot write the results: {error.strerror}", file=sys.stderr)
    return 1


# ------------------------------------- data: glove-wiki-gigaword-50 (PDDL 1.0, public domain)
BUNDLED_VECTORS = b"""\
artificial 0.71561 0.70368 -0.65484 0.49875 -0.85243 1.1059 -0.1036 -0.88284 0.80456 0.71413 0.86359 0.32354 0.7463 0.37181 -0.26063 1.2076 0.40428 0.21659 -0.25025 -0.24093 -0.34624 0.12634 -0.0029545 -0.79917 0.44265 -0.2539 -0.010407 0.61187 0.83014 -0.24339 2.3077 -0.18824 -0.41651 -0.41467 -0.2552 0.58636 0.41376 0.86748 0.1625 0.11349 -0.063252 -0.3975 -0.012897 1.1077 0.30005 0.085916 0.3641 -0.22241 -0.23201 -0.6379
intelligence 0.8782 -0.45171 0.96737 0.040347 0.76235 -0.63825 0.18944 -0.26633 0.58874 -0.93608 -0.065201 0.5123 -0.69111 0.52807 -0.71195 -0.2834 -0.34591 0.014351 0.11763 0.59407 0.20703 0.69087 1.0855 -0.83158 -0.35967 -2.3939 -0.88375 -0.417 -0.36717 0.58897 2.4132 -0.74281 -0.3619 -1.9934 0.093133 0.86592 -0.75185 0.19073 -0.54284 -0.0084839 0.57554 0.4475 0.48515 0.054866 0.35842 -0.51698 -0.026014 1.9907 -0.11378 0.30127
machine -0.34165 -0.81267 1.4513 0.05914 -0.080801 0.39567 0.10064 -0.5468 -0.18887 0.11364 -0.040956 -0.5637 -0.32191 0.15968 -0.59756 -0.14571 -0.77074 1.2955 -0.72002 -0.90818 0.76644 0.05346 -0.0031632 -0.15341 0.22065 -1.191 -1.0775 -0.29768 1.327 -0.51359 2.6229 -0.67411 -0.82558 0.14283 -0.014214 0.90775 0.66828 0.48431 0.1543 0.26044 1.0191 0.015872 -0.75325 0.58992 0.4546 -0.19678 0.42138 -0.43168 0.11985 0.14094
learning 0.20461 0.48659 -0.55308 -0.27019 0.26336 0.15751 -0.28994 -0.51824 0.051829 0.36225 0.37077 0.1322 -0.061377 -0.53606 -0.34733 -0.043981 -0.086744 0.78305 0.41422 0.027996 0.23433 0.98844 -0.41049 0.6206 1.3966 -0.65427 -0.18221 -1.0293 -0.014741 -0.25384 3.227 0.39509 -0.33042 -1.229 0.29048 0.33654 -0.24817 0.47105 0.32964 0.23997 0.088302 -0.91779 -0.36671 0.9926 0.2185 -0.316 1.203 0.2699 -0.14093 0.70785
"""

if __name__ == "__main__":
    sys.exit(main())
