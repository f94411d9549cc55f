"""Learnable positional embeddings: how a transformer's table of learned positions comes about.

A few words, their GloVe vectors, a table of positions that starts at zero, and a linear head:

    y_pred[i] = head(word_embeddings[i] + positional_embeddings[i])

SGD on the mean squared error trains both; the report measures whether the table learned order.

    python learnable_positional_embeddings.py
    python learnable_positional_embeddings.py --shuffle --epochs 500 --compare
    python learnable_positional_embeddings.py --words machine learning machine learning --compare
"""
# /// script
# requires-python = ">=3.10"
# dependencies = ["torch>=2.6,<2.14", "gensim>=4.3.3,<4.5"]
# ///

import argparse
import gzip
import importlib.util
import io
import itertools
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import torch
from torch import Tensor, nn

PROGRAM = "learnable_positional_embeddings.py"
WORDS = ["artificial", "intelligence", "machine", "learning"]
FLOAT32_MAX = torch.finfo(torch.float32).max
OVERFLOW = "the loss overflows: try a smaller --lr, smaller targets or smaller vectors"


class InputError(argparse.ArgumentTypeError):
    """What a user can mend; argparse or `main` prints it as one line on stderr."""


# ------------------------------------------------------------------------ model and training
class PositionalModel(nn.Module):
    """A learnable table `positional_embeddings` (n, d; Gehring et al. 2017) and a linear `head`."""

    def __init__(self, sequence_length: int, dim: int) -> None:
        super().__init__()
        self.positional_embeddings = nn.Parameter(torch.zeros(sequence_length, dim))
        self.head = nn.Linear(dim, 1)

    def forward(self, word_embeddings: Tensor) -> Tensor:
        """Return `y_pred`, shape (n,), one number a position, for word vectors of shape (n, d)."""
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
) -> Iterator[float]:
    """Train by SGD on the mean squared error; yield the loss of each epoch, before its step.

    `word_embeddings` has shape (n, d), `y_true` (n,). With `shuffle` the words stand in a new
    random order every epoch, and the targets stay. Raises InputError if the loss overflows.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    sequence = word_embeddings
    for _ in range(epochs):
        if shuffle:
            order = torch.randperm(len(y_true)).to(y_true.device)
            sequence = word_embeddings.index_select(0, order)
        loss = nn.functional.mse_loss(model(sequence), y_true)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if not math.isfinite(loss.item()):
            raise InputError(OVERFLOW)
        yield loss.item()


# ------------------------------------------------------------------------ evidence
def prediction_parts(model: PositionalModel, word_embeddings: Tensor) -> tuple[Tensor, Tensor]:
    """Return (by_word, by_position), float64 (n,): word j at i gets by_word[j] + by_position[i]."""
    weight = model.head.weight.detach()[0].cpu().double()
    table = model.positional_embeddings.detach().cpu().double()
    return word_embeddings.cpu().double() @ weight + model.head.bias.item(), table @ weight


def prediction_shares(model: PositionalModel, word_embeddings: Tensor) -> tuple[float, float]:
    """Return the shares (word, position) of the variance over all pairs, (0, 0) if constant."""
    by_word, by_position = prediction_parts(model, word_embeddings)
    word, position = by_word.var(correction=0).item(), by_position.var(correction=0).item()
    rounding = 1e-12 * (by_word.square().mean() + by_position.square().mean()).item()
    if word + position <= rounding:
        return 0.0, 0.0  # both parts are constant, to a millionth of their size
    return word / (word + position), position / (word + position)


def exact_loss(
    model: PositionalModel, word_embeddings: Tensor, y_true: Tensor, shuffle: bool
) -> float:
    """Return the loss in this order, or its mean over all n!; InputError if float32 overflows."""
    by_word, by_position = prediction_parts(model, word_embeddings)
    error = by_position - y_true.cpu().double()
    loss = (by_word + error).square().mean()
    if shuffle:
        loss = by_word.var(correction=0) + (by_word.mean() + error).square().mean()
    if loss.isnan() or loss * len(error) > FLOAT32_MAX:  # training adds up before it divides
        raise InputError(OVERFLOW)
    return loss.item()


def loss_floor(words: list[str], y_true: Tensor, shuffle: bool) -> float:
    """Return the lowest mean squared error of a model that is blind to order.

    Such a model predicts the same for a word wherever it stands, as do, if they get no positions, a
    head on each word and self-attention without a mask. Shuffled: on average over all orders.
    """
    return beyond_words(words, y_true, shuffle).square().mean().item()


def beyond_words(words: list[str], values: Tensor, shuffle: bool) -> Tensor:
    """Return `values`, (n,), less the mean of each word's (shuffled: of all), in float64."""
    values = torch.as_tensor(values, dtype=torch.float64, device="cpu")
    groups = torch.zeros(len(words), dtype=torch.int64) if shuffle else word_ids(words)
    means = torch.bincount(groups, weights=values) / torch.bincount(groups)
    return values - means[groups]


def sinusoidal_embeddings(sequence_length: int, dim: int) -> Tensor:
    """Return the fixed table of Vaswani et al. 2017, section 3.5: float32, shape (n, d)."""
    position, column = torch.arange(sequence_length).double(), torch.arange(dim)
    angle = torch.outer(position, 10000.0 ** (-(column - column % 2).double() / dim))
    return torch.where(column % 2 == 0, angle.sin(), angle.cos()).float()


# ------------------------------------------------------------------------ word vectors
GLOVE_MODELS = [f"glove-wiki-gigaword-{dim}" for dim in (50, 100, 200, 300)]
GLOVE_MODELS += [f"glove-twitter-{dim}" for dim in (25, 50, 100, 200)]
BUNDLED = "glove-wiki-gigaword-50 (the script's own copy)"
MAX_LINE = 2**20  # bytes; no row of vectors is longer, but a file that is not text can be
DOWNLOAD = """
import gensim.downloader, socket, sys
socket.setdefaulttimeout(20)  # seconds that a server may keep silent
gensim.downloader.load(sys.argv[1], return_path=True)  # else it imports what it downloaded
"""


def load_word_embeddings(words: list[str], source: str | None = None) -> Tensor:
    """Return the vectors of `words`: float32, shape (n, d), one row a word, in the order given.

    `source` is one of GLOVE_MODELS (Pennington, Socher, Manning 2014), a file of GloVe or word2vec
    text, plain or .gz, or "random" (d = 50). Without it: as `default_source` says.
    Raises InputError if the vectors cannot be had, are damaged, or lack one of the words.
    """
    source = default_source(words) if source is None else source
    if source == "random":
        return random_embeddings(words, load_word_embeddings(WORDS))
    lines = iter(BUNDLED_VECTORS.splitlines()) if source == BUNDLED else read_lines(source)
    vectors = read_vectors(lines, source, words)
    unknown = [repr(word) for word in dict.fromkeys(words) if word not in vectors]
    if unknown:
        hint = "the words of gensim's GloVe models are in lower case"
        raise InputError(f"{source} has no vector for {', '.join(unknown[:10])}; {hint}")
    rows = [vectors[word] for word in dict.fromkeys(words)]
    return torch.tensor(rows, dtype=torch.float32)[word_ids(words)]


def random_embeddings(words: list[str], pretrained: Tensor) -> Tensor:
    """Return normal vectors of `pretrained`'s root mean square: float32, (n, d), one a word."""
    vectors = torch.randn(len(set(words)), pretrained.shape[1], dtype=torch.float32)
    return vectors[word_ids(words)].to(pretrained.device) * pretrained.square().mean().sqrt()


def word_ids(words: list[str]) -> Tensor:
    """Return an int64 tensor of shape (n,): 0 for the first different word, 1 for the next ..."""
    ids = {word: number for number, word in enumerate(dict.fromkeys(words))}
    return torch.tensor([ids[word] for word in words], dtype=torch.int64)


def default_source(words: list[str]) -> str:
    """Return the source if none is named; GloVe is uncased, so it has no vector for "Machine"."""
    return BUNDLED if {word.lower() for word in words} <= set(WORDS) else GLOVE_MODELS[0]


def vectors_path(source: str) -> str:
    """Return the path of a file, or of a gensim model in gensim's data folder."""
    folder = os.environ.get("GENSIM_DATA_DIR") or os.path.expanduser("~/gensim-data")
    return os.path.join(folder, source, f"{source}.gz") if source in GLOVE_MODELS else source


def read_lines(source: str) -> Iterator[bytes]:
    """Yield the lines of a file or a gensim model; raise InputError if they cannot be read."""
    path = vectors_path(source)
    if not os.path.exists(path):
        if source not in GLOVE_MODELS:
            raise InputError(f"{source!r} is neither a file nor one of {', '.join(GLOVE_MODELS)}")
        download(source, os.path.dirname(os.path.dirname(os.path.abspath(path))))
    try:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
            while line := file.readline(MAX_LINE):
                yield line
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or f"{error}; get the file again"
        raise InputError(f"cannot read {path}: {reason}") from error


def download(name: str, folder: str) -> None:
    """Have gensim fetch a model, whole or not at all, in a process and a folder of its own."""
    print(f"downloading {name} to {folder}", file=sys.stderr, flush=True)
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="download-", dir=folder) as staging:
            subprocess.run(
                [sys.executable, "-c", DOWNLOAD, name],
                cwd=staging,  # where Python looks for modules first
                env=os.environ | {"GENSIM_DATA_DIR": staging, "TMPDIR": staging},
                stdout=2,  # its progress bar goes to our stderr
                stderr=subprocess.PIPE,
                errors="replace",
                check=True,
            )
            os.makedirs(os.path.join(folder, name), exist_ok=True)
            for file in ("information.json", f"{name}/__init__.py", f"{name}/{name}.gz"):
                os.replace(os.path.join(staging, file), os.path.join(folder, file))
    except (OSError, subprocess.CalledProcessError) as error:
        print(file=sys.stderr)  # the progress bar ends within a line
        reason = (getattr(error, "stderr", None) or str(error)).strip().rpartition("\n")[2]
        advice = "it takes gensim and a network; --vectors FILE takes a file from anywhere"
        raise InputError(f"cannot download {name} to {folder}: {reason}; {advice}") from error


def read_vectors(lines: Iterator[bytes], source: str, words: list[str]) -> dict[str, list[float]]:
    """Return the vectors that a text has of the words; InputError if it is damaged, or no such."""
    rows = (line for line in lines if not line.isspace())
    row = next(rows, b"").removeprefix(b"\xef\xbb\xbf")  # the byte order mark of Windows editors
    header = re.fullmatch(rb"\d+\s+(\d{1,9})\s*", row)
    if header:
        row = next(rows, b"")
    trailing = list(itertools.takewhile(is_number, reversed(row.split()[1:])))
    dim = int(header[1]) if header else len(trailing)
    if not 1 <= dim == len(trailing) or b"\r" in row.strip() or len(row) == MAX_LINE:
        raise InputError(f"{source} is not text of words and numbers, as GloVe and word2vec have")
    wanted = {word.encode(errors="surrogatepass"): word for word in words}
    vectors = {}
    while row and wanted:
        token, *numbers = row.rsplit(None, dim)  # from the right: GloVe 840B has tokens with spaces
        word = wanted.pop(token, None)
        if word is not None:
            vector = [float(number) for number in numbers if is_number(number)]
            if len(vector) < dim or not all(abs(x) <= FLOAT32_MAX for x in vector):
                raise InputError(f"{source}: the row of {word!r} is not {dim} finite numbers")
            vectors[word] = vector
        row = next(rows, b"")
    return vectors


def is_number(field: bytes) -> bool:
    """Return whether a field reads as a number, nan and infinities included."""
    try:
        float(field)
    except ValueError:
        return False
    return True


# ------------------------------------------------------------------------ report
MAX_ROWS, EDGE_ROWS = 40, 3  # show up to 40 positions; of more print the first and last 3
SEEDS = 10  # of the comparison


def print_model(
    words: list[str], y_true: Tensor, model: PositionalModel, word_embeddings: Tensor, shuffle: bool
) -> None:
    """Print the predictions with their two parts, and the learned table, within 80 columns."""
    n, dim = word_embeddings.shape
    shown = [i for i in range(n) if n <= MAX_ROWS or not EDGE_ROWS <= i < n - EDGE_ROWS]
    by_word, by_position = prediction_parts(model, word_embeddings)
    print("\nposition  word               y_true      y_pred  =  by word  +  by position")
    for i in shown:
        columns = y_true[i], by_word[i] + by_position[i], by_word[i], by_position[i]
        y, y_pred, word, position = (number(column.item()) for column in columns)
        print(f"{i:>8}  {words[i][:13]:<13}{y:>12}{y_pred:>12}{word:>12}{position:>16}")
    which = "" if len(shown) == n else f", the first and last {EDGE_ROWS}"
    print(f"\npositional embeddings: {n} positions x {dim} dimensions{which}")
    for i in shown:
        print(f"\nposition {i}" if shuffle else f"\nposition {i}, {words[i][:60]}")
        row = [f"{number(value):>12}" for value in model.positional_embeddings[i].tolist()]
        for start in range(0, dim, 6):
            print(*row[start : start + 6], sep="")


def print_evidence(
    words: list[str], y_true: Tensor, model: PositionalModel, word_embeddings: Tensor, shuffle: bool
) -> None:
    """Print what the table learned, and one sentence that says no more than the figures prove."""
    loss = exact_loss(model, word_embeddings, y_true, shuffle)
    floor, variance = loss_floor(words, y_true, shuffle), loss_floor(words, y_true, shuffle=True)
    word, position = prediction_shares(model, word_embeddings)
    shares = f"word {percent(word)}, position {percent(position)}"
    if word + position == 0:
        shares = "none, the prediction is all but constant"
    orders = " over all orders" if shuffle else ""
    print(f"\nfinal loss                        {loss:.4e}{orders}")
    print(f"lowest loss blind to order        {floor:.4e}")
    print(f"loss of predicting the mean       {variance:.4e}")
    print(f"share of the prediction           {shares}")
    order = percent(floor / variance) if variance else "none: all targets are the same"
    print(f"variance that needs order         {order}")
    if variance == 0:
        print("\nAll targets are the same: there is nothing to tell apart.")
    elif floor == 0:
        print("\nNothing needs order: a model blind to order could meet each word's one target.")
    else:
        _, by_position = prediction_parts(model, word_embeddings)
        left = beyond_words(words, y_true, shuffle) - beyond_words(words, by_position, shuffle)
        explained = 1 - left.square().mean().item() / floor
        print(f"explained by the table            {percent(explained)} of it\n")
        if round(100 * explained, 2) > 0:
            print(f"The table explains {percent(explained)} of what no model blind to order can.")
        else:
            print("The table explains nothing that a model blind to order could not (less than")
            print("0.01 %): this run does not show that order was learned.")


def number(value: float) -> str:
    """Return a number with six decimals, or with an exponent where those show too little."""
    fixed = value == 0 or 1e-5 <= abs(value) < 1000
    return f"{value + 0.0:.6f}" if fixed else f"{value:.4e}"  # + 0.0 makes 0.0 of -0.0


def percent(share: float) -> str:
    """Return a share in per cent; no rounding makes zero of one above zero."""
    rounded = round(100 * share, 2) + 0.0  # + 0.0 makes 0.0 of -0.0
    text = f"{rounded:.2f} %" if abs(rounded) < 1e6 else f"{rounded:.2e} %"
    return "<0.01 %" if rounded == 0 < share else text


def compare(words: list[str], pretrained: Tensor, y_true: Tensor, seed: int, **sgd: Any) -> None:
    """Train six kinds of positions on pretrained and on random vectors; print the exact losses."""
    print(f"\nfinal loss of {SEEDS} seeds from {seed}: median [lowest, highest]")
    print("              pretrained vectors              random vectors, as long on average")
    for positions in ("none", "sinusoidal", "random", "learned 0", "learned 0.02", "learned 1"):
        cells = []
        for random in (False, True):
            losses = []
            for each in range(seed, seed + SEEDS):
                torch.manual_seed(each)
                vectors = random_embeddings(words, pretrained) if random else pretrained
                losses.append(final_loss(positions, vectors, y_true, **sgd))
            median = statistics.median(losses)
            cells.append(f"{median:.2e} [{min(losses):.2e}, {max(losses):.2e}]")
        print(f"{positions:<14}{cells[0]:<32}{cells[1]}")
    print(f"floor         {loss_floor(words, y_true, sgd['shuffle']):.2e}")
    print("This compares how fast each learns in these steps, not how far it can get.")


def final_loss(positions: str, word_embeddings: Tensor, y_true: Tensor, **sgd: Any) -> float:
    """Train with a kind of positions; return the exact loss, infinity if it overflowed."""
    model = PositionalModel(*word_embeddings.shape)
    table = model.positional_embeddings.requires_grad_(positions.startswith("learned"))
    deviation = {"random": 1, "learned 0.02": 0.02, "learned 1": 1}.get(positions)
    if positions == "sinusoidal":
        table.data.copy_(sinusoidal_embeddings(*table.shape))
    elif deviation:
        nn.init.normal_(table, std=deviation)
    model.to(y_true)  # its device, and float32
    try:
        list(train(model, word_embeddings, y_true, **sgd))
        return exact_loss(model, word_embeddings, y_true, sgd["shuffle"])
    except InputError:
        return math.inf


def draw_figure(
    words: list[str], shuffle: bool, losses: list[float], floor: float, grid: Tensor, table: Tensor
) -> Any:
    """Return a matplotlib Figure of the losses, the grid of predictions, and the learned table."""
    from matplotlib.figure import Figure

    names = [(word if word.isprintable() else ascii(word))[:16] for word in words]
    figure = Figure(figsize=(12, 5 + 0.3 * len(words)), layout="constrained")
    curve, cells, heat = figure.subplot_mosaic("LR;BB").values()
    curve.semilogy(range(1, len(losses) + 1), losses, marker=".", label="loss, before the step")
    if floor > 0:  # 0 has no place on a logarithmic axis
        curve.axhline(floor, color="black", linestyle="--", label="lowest loss blind to order")
    curve.set(title="mean squared error", xlabel="epoch")
    curve.legend()
    figure.colorbar(cells.imshow(grid.numpy(), aspect="auto"), ax=cells)
    cells.set(title="predictions, each word at each position", xlabel="position", ylabel="word")
    cells.set_yticks(range(len(words)), names, parse_math=False)
    peak = table.abs().max().item() or 1
    image = heat.imshow(table.numpy(), aspect="auto", cmap="RdBu_r", vmin=-peak, vmax=peak)
    figure.colorbar(image, ax=heat)
    heat.set(title="learned positional embeddings", xlabel="dimension", ylabel="position")
    rows = [f"{i}" if shuffle else f"{i} {name}" for i, name in enumerate(names)]
    heat.set_yticks(range(len(words)), rows, parse_math=False)
    for axes in (curve, cells, heat):
        axes.locator_params(axis="x", integer=True, min_n_ticks=1)
    return figure


def save_figure(path: str, *content: Any) -> None:
    """Draw the figure into a file, in the format that its name ends in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as matplotlib's of a letter that its font lacks
        write_file(path, lambda file: draw_figure(*content).savefig(file, format=path[-3:].lower()))


def write_file(path: str, write: Callable[[IO[bytes]], object] | None = None) -> str:
    """Put a file at `path`, whole or not at all; without `write` try whether that can be done."""
    target = os.path.realpath(path)
    try:
        if not os.path.basename(path) or (os.path.exists(target) and not os.path.isfile(target)):
            raise OSError("it is no place for a file")
        with tempfile.TemporaryDirectory(prefix=".", dir=os.path.dirname(target)) as folder:
            temporary = os.path.join(folder, os.path.basename(target))
            with open(temporary, "x+b") as file:
                if write:
                    write(file)
            if write:
                os.replace(temporary, target)
    except Exception as error:  # matplotlib has any kind: of fonts, of LaTeX, of its settings
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot write {path!r}: {reason}") from error
    return path


# ------------------------------------------------------------------------ command line
def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with the help that it prints."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__, formatter_class=layout)
    add = parser.add_argument
    add("--words", nargs="+", default=WORDS, metavar="W", help="sequence (default: %(default)s)")
    add("--targets", nargs="+", type=float, metavar="Y", help="y_true (default: the place, 0 to 1)")
    add("--vectors", metavar="SOURCE", help=f"{', '.join(GLOVE_MODELS)}, a file or random")
    add("--shuffle", action="store_true", help="a new random order of the words every epoch")
    add("--compare", action="store_true", help="compare with other positions and vectors")
    add("--epochs", type=int, default=20, metavar="N", help="steps of SGD (default: %(default)s)")
    add("--lr", type=float, default=0.02, help="learning rate (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="S", help="for all that is random (default: 0)")
    add("--device", default="cpu", metavar="D", help="any torch device (default: %(default)s)")
    add("--save", type=write_file, metavar="FILE", help="write a checkpoint for torch.load")
    add("--plot", type=write_file, metavar="FILE", help="write a figure: .png, .svg or .pdf")
    return parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; the first that makes no sense ends the program with status 2."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if [] in vars(args).values():  # what argparse makes of --words=--
        parser.error("an option has no value")
    if any(word.split() != [word] for word in args.words):
        parser.error(f"argument --words: empty, or with white space: {args.words}")
    n = len(args.words)
    if args.targets is None:
        args.targets = [i / max(n - 1, 1) for i in range(n)]
    if len(args.targets) != n or not all(abs(y) <= FLOAT32_MAX for y in args.targets):
        parser.error(f"argument --targets: not {n} numbers finite in float32: {args.targets}")
    if args.vectors is None:
        args.vectors = default_source(args.words)
    if args.epochs < 1:
        parser.error(f"argument --epochs: must be 1 or more: {args.epochs}")
    if not 0 < args.lr <= FLOAT32_MAX:
        parser.error(f"argument --lr: must be positive, and finite in float32: {args.lr}")
    if not -(2**63) <= args.seed <= 2**64 - SEEDS:
        parser.error(f"argument --seed: must be from -2**63 to 2**64 - {SEEDS}: {args.seed}")
    try:
        torch.zeros(1, device=args.device).item()
    except (RuntimeError, AssertionError, ImportError):  # each device has its own
        parser.error(f"argument --device: torch cannot use {args.device!r} here")
    if args.plot is not None and not args.plot.lower().endswith((".png", ".svg", ".pdf")):
        parser.error(f"argument --plot: must end in .png, .svg or .pdf: {args.plot!r}")
    if args.plot is not None and importlib.util.find_spec("matplotlib") is None:
        parser.error("argument --plot: python -m pip install matplotlib first")
    paths = args.save, args.plot, vectors_path(args.vectors)
    files = [os.path.realpath(path) for path in paths if path is not None]
    if len(set(files)) < len(files):
        parser.error("arguments --save, --plot, --vectors: must not name the same file")
    return args


def run(args: argparse.Namespace) -> None:
    """Train, keep what was learned, report it, and compare, as the options say."""
    words, lr, shuffle = args.words, args.lr, args.shuffle
    sgd = {"epochs": args.epochs, "lr": lr, "shuffle": shuffle}
    torch.manual_seed(args.seed)
    word_embeddings = load_word_embeddings(words, args.vectors).to(args.device)
    pretrained = word_embeddings
    if args.compare and args.vectors == "random":  # before training, for it may fail
        pretrained = load_word_embeddings(words).to(args.device)
    y_true = torch.tensor(args.targets, dtype=torch.float32, device=args.device)
    model = PositionalModel(*word_embeddings.shape).to(y_true)  # its device, and float32
    print(f"words     {' '.join(words)[:70]}")
    print(f"vectors   {args.vectors}, {word_embeddings.shape[1]} dimensions")
    order = ", shuffled" if shuffle else ""
    print(f"training  {args.epochs} epochs{order}, lr {lr:g}, seed {args.seed}, {args.device}\n")
    losses: list[float] = []
    try:
        for loss in train(model, word_embeddings, y_true, **sgd):
            losses.append(loss)
            print(f"epoch {len(losses):>{len(str(args.epochs))}}/{args.epochs}  loss {loss:#.5g}")
    finally:  # also after Ctrl-C, and when nobody reads stdout any more
        exact_loss(model, word_embeddings, y_true, shuffle)  # nothing is kept of an overflow
        try:
            if args.save is not None:
                checkpoint = {"model_state_dict": model.cpu().state_dict(), "losses": losses}
                checkpoint |= {"word_embeddings": word_embeddings.cpu(), "options": vars(args)}
                write_file(args.save, lambda file: torch.save(checkpoint, file))
            if args.plot is not None:
                by_word, by_position = prediction_parts(model, word_embeddings[:MAX_ROWS])
                grid = by_word[:, None] + by_position[:MAX_ROWS]
                table = model.positional_embeddings.detach()[:MAX_ROWS].cpu()
                floor = loss_floor(words, y_true, shuffle)
                save_figure(args.plot, words[:MAX_ROWS], shuffle, losses, floor, grid, table)
        finally:
            print_model(words, y_true, model, word_embeddings, shuffle)
            print_evidence(words, y_true, model, word_embeddings, shuffle)
    if args.compare:
        compare(words, pretrained, y_true, args.seed, **sgd)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status 0, 1 for what failed, 130 after Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # each epoch at once, and words in any alphabet
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        try:
            args = parse_args(argv)
        finally:
            print(end="", flush=True)  # argparse does not care whether its help can be written
        run(args)
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
