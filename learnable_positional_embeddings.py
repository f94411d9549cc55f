"""Learnable positional embeddings: how a transformer's table of learned positions comes about.

A few words, their GloVe vectors, a table of positions that starts at zero, and a linear head:

    y_pred[i] = head(word_embeddings[i] + positional_embeddings[i])

SGD on the mean squared error trains the table and the head together, and the report measures
what the table learned. Examples:

    python learnable_positional_embeddings.py
    python learnable_positional_embeddings.py --shuffle --epochs 500 --compare
    python learnable_positional_embeddings.py --words machine learning machine learning --compare
"""
# /// script
# requires-python = ">=3.10"
# dependencies = ["torch>=2.6,<2.14", "gensim>=4.3.3,<4.5"]
# ///

from __future__ import annotations

import argparse
import gzip
import importlib
import io
import itertools
import math
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROGRAM = "learnable_positional_embeddings.py"
WORDS = ["artificial", "intelligence", "machine", "learning"]
GLOVE = "glove-wiki-gigaword-50"
BUNDLED = f"{GLOVE} (the script's own copy)"
FLOAT32_MAX = torch.finfo(torch.float32).max
DOWNLOAD_TIMEOUT = 20.0  # seconds that a server may keep silent
MAX_LINE = 2**20  # bytes; no row of vectors is longer, but a file that is not text can be
MAX_ROWS, EDGE_ROWS = 40, 3  # show up to 40 positions; of more print the first and last 3


class InputError(Exception):
    """What a user can mend; `main` prints it as one line on stderr."""


# ------------------------------------------------------------------------ 1. word vectors


def load_word_embeddings(words: Sequence[str], source: str | None = None) -> Tensor:
    """Return the pretrained vectors of `words`: float32, shape (n, d), one row a word, in order.

    `source` is the name of a gensim model, a file of GloVe or word2vec text, plain or .gz, or
    "random": a standard-normal vector for each different word (d = 50), from torch's generator.
    Without it the vectors are glove-wiki-gigaword-50 (d = 50; Pennington, Socher, Manning 2014):
    the script's own copy if that has all the words, else through gensim.

    Raises InputError if the vectors cannot be had, are damaged, or lack one of the words.
    """
    source = default_source(words) if source is None else source
    if source == "random":
        return torch.randn(len(set(words)), 50)[word_ids(words)]
    vectors = bundled_vectors() if source == BUNDLED else read_vectors(find_file(source), words)
    unknown = [word for word in dict.fromkeys(words) if word not in vectors]
    if unknown:
        lower = [word.lower() for word in unknown if word.lower() in vectors]
        hint = f"; in lower case it has {', '.join(map(repr, lower[:10]))}" if lower else ""
        names = ", ".join(map(repr, unknown[:10])) + (" ..." if len(unknown) > 10 else "")
        raise InputError(f"{source} has no vector for {names}{hint}")
    return torch.tensor([vectors[word] for word in dict.fromkeys(words)])[word_ids(words)]


def word_ids(words: Sequence[str]) -> Tensor:
    """Return an int64 tensor of shape (n,): 0 for the first different word, 1 for the next ..."""
    ids = {word: number for number, word in enumerate(dict.fromkeys(words))}
    return torch.tensor([ids[word] for word in words], dtype=torch.int64)


def default_source(words: Sequence[str]) -> str:
    """Return the source of `words` if none is named: the script's own copy, else gensim."""
    # In lower case, for GloVe 6B is uncased: no download would bring a vector for "Machine".
    return BUNDLED if {word.lower() for word in words} <= bundled_vectors().keys() else GLOVE


def bundled_vectors() -> dict[str, list[float]]:
    """Return the script's own copy of four vectors, which stands at the end of this file."""
    rows = [row.split() for row in BUNDLED_VECTORS.split("\n\n")]
    return {word: [float(number) for number in numbers] for word, *numbers in rows}


def find_file(source: str) -> str:
    """Return the path of the file that `source` names, a gensim model's or the user's own."""
    is_name = re.fullmatch(r"[\w-]+", source, re.ASCII)  # no dot, no slash: it stays in the folder
    if not is_name or (os.path.exists(source) and not os.path.isdir(source)):
        return source
    try:
        import gensim.downloader as gensim  # type: ignore[import-untyped]  # here: it takes 0.6 s
    except ImportError as error:
        raise InputError(f"{error}; python -m pip install gensim") from error
    path = os.path.join(gensim.BASE_DIR, source, f"{source}.gz")
    if not os.path.exists(path):  # if it does, gensim is not asked: it would want the network
        download(source, path)
    return path


def download(name: str, path: str) -> None:
    """Have gensim fetch the file of a model, and put it at `path` whole or not at all.

    gensim is asked for a path and never for a model: it would import code that it downloaded.
    It works in a temporary folder, so that whatever stops it leaves nothing broken behind.
    """
    import gensim.downloader as gensim

    folder = gensim.BASE_DIR
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="download-", dir=folder) as staging:
            with suppress(FileNotFoundError):  # without network an earlier catalogue will do
                shutil.copy(os.path.join(folder, "information.json"), staging)
            with gensim_working_in(staging):
                fetch(name, path)
            os.makedirs(os.path.join(folder, name), exist_ok=True)
            for part in ("information.json", f"{name}/__init__.py", f"{name}/{name}.gz"):
                os.replace(os.path.join(staging, part), os.path.join(folder, part))
    except InputError:
        raise
    except Exception as error:  # gensim raises plain Exception, urllib OSError, json ValueError
        no_catalogue = isinstance(error, (ValueError, LookupError, TypeError))
        reason = "gensim's catalogue cannot be had; no network?" if no_catalogue else error
        raise InputError(
            f"{name}.gz is not in {os.path.dirname(path)} and cannot be downloaded ({reason}); "
            "--vectors FILE takes a file from anywhere"
        ) from error


def fetch(name: str, path: str) -> None:
    """Have gensim download a model, after a line that says what, how big and where to."""
    import gensim.downloader as gensim

    models = gensim.info()["models"]
    if name not in models:
        known = ", ".join(sorted(model for model in models if model.startswith("glove")))
        raise InputError(f"{name!r} is neither a file nor a gensim model such as {known}")
    size = models[name].get("file_size", 0) / 2**20
    print(f"downloading {name}, {size:.0f} MiB, to {path}", flush=True)
    try:
        gensim.load(name, return_path=True)
    except BaseException:
        print(flush=True)  # so that the error does not stand behind the progress bar
        raise


@contextmanager
def gensim_working_in(folder: str) -> Iterator[None]:
    """Make gensim write to `folder` alone, print to stderr, and not wait for ever."""
    import gensim.downloader as gensim

    before = gensim.BASE_DIR, tempfile.tempdir, socket.getdefaulttimeout()
    gensim.BASE_DIR = tempfile.tempdir = folder
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        gensim.BASE_DIR, tempfile.tempdir, timeout = before
        socket.setdefaulttimeout(timeout)


def read_vectors(path: str, words: Sequence[str]) -> dict[str, list[float]]:
    """Return the vectors that a file holds for `words` and for their lower-case forms.

    Reads line by line, up to the last of the words; of a repeated word the first row wins.
    Raises InputError if the file, or a row that is wanted, is damaged.
    """
    forms = [*words, *(word.lower() for word in words)]
    wanted = {form.encode(errors="surrogatepass"): form for form in forms}
    missing = set(words)
    vectors: dict[str, list[float]] = {}
    number = promised = dim = 0
    for number, line in enumerate(read_lines(path), start=1):
        if line.isspace():
            continue
        if not dim:
            line = line.removeprefix(b"\xef\xbb\xbf")  # the byte order mark of Windows editors
            promised, dim = read_shape(line, f"{path}, line {number}")
            if promised:
                continue
        word = wanted.get(line.split(None, 1)[0])
        if word is None or word in vectors:
            continue
        vector = parse_row(line, dim, f"{path}, line {number}")
        if vector:
            vectors[word] = vector
            missing.discard(word)
            if not missing:
                return vectors
    if not dim:
        raise InputError(f"{path} is empty")
    if number <= promised:
        raise InputError(f"{path} is cut short: line 1 says {promised} rows, it has {number - 1}")
    return vectors


def read_lines(path: str) -> Iterator[bytes]:
    """Yield the lines of a file, unpacked if its name ends in .gz; raise InputError if it can't."""
    try:
        with open(path, "rb") as raw:
            gz = path.endswith(".gz")
            file = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if gz else raw
            while line := file.readline(MAX_LINE):
                if len(line) == MAX_LINE:
                    raise InputError(f"{path} is not text: it has a line of over {MAX_LINE} bytes")
                yield line
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or f"no whole .gz file ({error}), get it again"
        raise InputError(f"cannot read {path}: {reason}") from error


def read_shape(line: bytes, where: str) -> tuple[int, int]:
    """Return (rows, dimensions) of a word2vec header, or (0, dimensions) of a first row."""
    header = re.fullmatch(rb"(\d{1,18})\s+(\d{1,18})\s*", line)
    if header:
        return int(header[1]), int(header[2])
    dim = len(list(itertools.takewhile(is_number, reversed(line.split()[1:]))))
    if not dim:
        raise InputError(f"{where}: no word with its numbers, as GloVe and word2vec text have")
    return 0, dim


def parse_row(line: bytes, dim: int, where: str) -> list[float] | None:
    """Return the numbers of a row, or None if its token goes on after the first space."""
    fields = line.split()[1:]
    if not all(map(is_number, fields[:-dim])):
        return None  # GloVe 840B has tokens such as "at name@domain.com"
    vector = [float(field) for field in fields if is_number(field)]
    if not (len(vector) == len(fields) == dim and all(abs(x) <= FLOAT32_MAX for x in vector)):
        raise InputError(f"{where}: not a word and {dim} finite numbers, as line 1 says")
    return vector


def is_number(field: bytes) -> bool:
    """Return whether a field reads as a number, nan and infinities included."""
    with suppress(ValueError):
        return isinstance(float(field), float)
    return False


# ------------------------------------------------------------------------ 2. the model


class PositionalModel(nn.Module):
    """A learnable positional table and a linear head (Gehring et al. 2017; Devlin et al. 2018).

    `positional_embeddings`: float32, shape (n, d), zeros until trained. `head`: d -> 1.
    """

    def __init__(self, sequence_length: int, dim: int) -> None:
        super().__init__()
        self.positional_embeddings = nn.Parameter(torch.zeros(sequence_length, dim))
        self.head = nn.Linear(dim, 1)

    def forward(self, word_embeddings: Tensor) -> Tensor:
        """Return `y_pred`, shape (n,), one number a place, for word vectors of shape (n, d)."""
        combined_embeddings = word_embeddings + self.positional_embeddings
        y_pred: Tensor = self.head(combined_embeddings).squeeze(-1)
        return y_pred


# ------------------------------------------------------------------------ 3. training


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
    random order every epoch, and the targets stay with the places.
    Raises InputError if the loss overflows.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    sequence = word_embeddings.clone() if shuffle else word_embeddings  # one for all epochs
    for epoch in range(epochs):
        if shuffle:
            order = torch.randperm(len(y_true)).to(y_true.device)
            torch.index_select(word_embeddings, 0, order, out=sequence)
        loss = nn.functional.mse_loss(model(sequence), y_true)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        yield require_finite(loss.item(), epoch, lr)


def require_finite(loss: float, epoch: int, lr: float) -> float:
    """Return the loss after `epoch` epochs, or raise InputError if it has overflowed."""
    if not loss <= FLOAT32_MAX:  # nan is not, either
        advice = f"an --lr below {lr:g}" if epoch else "smaller targets or vectors"
        raise InputError(f"the loss is {loss} after epoch {epoch}: try {advice}")
    return loss


# ------------------------------------------------------------------------ 4. evidence


def prediction_parts(model: PositionalModel, word_embeddings: Tensor) -> tuple[Tensor, Tensor]:
    """Return (a, c), float64, shape (n,): word j at position i is predicted as a[j] + c[i]."""
    w, b = model.head.weight.detach()[0].cpu().double(), model.head.bias.item()
    table = model.positional_embeddings.detach().cpu().double()
    return word_embeddings.cpu().double() @ w, table @ w + b


def exact_loss(
    model: PositionalModel, word_embeddings: Tensor, y_true: Tensor, shuffle: bool
) -> float:
    """Return the mean squared error: in the given order, or the mean over all n! orders."""
    a, c = prediction_parts(model, word_embeddings)
    y = y_true.cpu().double()
    if shuffle:
        return (a.var(correction=0) + (a.mean() + c - y).square().mean()).item()
    return (a + c - y).square().mean().item()


def prediction_shares(model: PositionalModel, word_embeddings: Tensor) -> tuple[float, float]:
    """Return the shares (word, position) in the variance of the predictions; they add up to 1.

    With every word put at every position, Var(a[j] + c[i]) = Var(a) + Var(c) exactly. A
    prediction that does not vary, up to rounding, has no shares: (0.0, 0.0).
    """
    a, c = prediction_parts(model, word_embeddings)
    word, position = a.var(correction=0).item(), c.var(correction=0).item()
    if word + position <= 1e-12 * (a.square().mean() + c.square().mean()).item():
        return 0.0, 0.0
    return word / (word + position), position / (word + position)


def loss_floor(words: Sequence[str], y_true: Tensor, shuffle: bool) -> float:
    """Return the lowest mean squared error that any model without positions can reach.

    Its prediction depends on the word alone, so the best is the mean target of each word;
    shuffled, every word meets every target, and the best is the mean of all.
    """
    y = torch.as_tensor(y_true, dtype=torch.float64, device="cpu")
    ids = torch.zeros(len(words), dtype=torch.int64) if shuffle else word_ids(words)
    means = torch.bincount(ids, weights=y) / torch.bincount(ids)
    return (y - means[ids]).square().mean().item()


def sinusoidal_embeddings(sequence_length: int, dim: int) -> Tensor:
    """Return the fixed table of Vaswani et al. 2017, section 3.5: float32, shape (n, d)."""
    position, column = torch.arange(sequence_length).double(), torch.arange(dim)
    angles = torch.outer(position, 10000.0 ** (-(column - column % 2).double() / dim))
    return torch.where(column % 2 == 0, angles.sin(), angles.cos()).float()


def final_loss(
    positions: str, word_embeddings: Tensor, y_true: Tensor, epochs: int, lr: float, shuffle: bool
) -> float:
    """Train with no, sinusoidal or learned positions; return the exact loss, nan if it diverged."""
    model = PositionalModel(*word_embeddings.shape).to(word_embeddings.device)
    model.positional_embeddings.requires_grad_(positions == "learned")
    if positions == "sinusoidal":
        model.positional_embeddings.copy_(sinusoidal_embeddings(*word_embeddings.shape))
    try:
        list(train(model, word_embeddings, y_true, epochs=epochs, lr=lr, shuffle=shuffle))
        return require_finite(exact_loss(model, word_embeddings, y_true, shuffle), epochs, lr)
    except InputError:
        return float("nan")


# ------------------------------------------------------------------------ 5. report


def print_losses(losses: Iterator[float], epochs: int) -> list[float]:
    """Print the loss of every epoch as it comes, and return them; Ctrl-C ends this early."""
    seen: list[float] = []
    interrupted = threading.Event()

    def interrupt(*_: object) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl-C ends at once

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        for loss in losses:
            seen.append(loss)
            print(f"epoch {len(seen):>{len(str(epochs))}}/{epochs}  loss {loss:.6f}")
            if interrupted.is_set():
                break
    finally:
        signal.signal(signal.SIGINT, before)
    return seen


def describe_shares(word: float, position: float) -> tuple[str, str]:
    """Return the shares of the prediction in words, and what they mean."""
    if not word + position:
        return "none, it does not vary", "It is the same for every word at every position."
    if position < 0.1:
        meaning = "The word decides the prediction: the table has learned next to no order."
    elif position > 0.9:
        meaning = "The position decides the prediction: the table has learned the order."
    else:
        meaning = "Word and position decide together: the table has learned a part of the order."
    return f"word {100 * word:.2f} %, position {100 * position:.2f} %", meaning


def print_comparison(
    words: Sequence[str], pretrained: Tensor, y_true: Tensor, epochs: int, lr: float, shuffle: bool
) -> None:
    """Train with each kind of positions on pretrained and random vectors; print the losses."""
    print("\nfinal loss    pretrained        random  vectors")
    for positions in ("none", "sinusoidal", "learned"):
        print(f"{positions:<10}", end="")
        for vectors in (pretrained, None):
            torch.manual_seed(torch.initial_seed())  # each as if it were the only run
            if vectors is None:
                vectors = load_word_embeddings(words, "random").to(pretrained.device)
            loss = final_loss(positions, vectors, y_true, epochs, lr, shuffle)
            print(f"{'diverged' if math.isnan(loss) else format(loss, '.6e'):>14}", end="")
        print()
    why = "every word meets every target" if shuffle else "a word has but one prediction"
    print(f"{'floor':<10}{loss_floor(words, y_true, shuffle):>14.6e}")
    print(f"Without positions no loss is below the floor: {why}.")


def print_predictions(words: Sequence[str], y_true: Tensor, y_pred: Tensor) -> None:
    """Print for every position its word, its target and its prediction."""
    print("\nposition  word                        y_true        y_pred")
    for position in shown_positions(len(words)):
        word, true, pred = words[position], y_true[position], y_pred[position]
        print(f"{position:>8}  {word[:20]:<20}  {true:12.6f}  {pred:12.6f}")


def print_table(words: Sequence[str], table: Tensor) -> None:
    """Print a table of shape (n, d), labelled by position and word, within 80 columns."""
    n, dim = table.shape
    shown = shown_positions(n)
    part = "" if len(shown) == n else f", the first and last {EDGE_ROWS} of them"
    print(f"\npositional embeddings: {n} positions x {dim} dimensions{part}")
    form = "10.6f" if 1e-3 <= table.abs().max() < 10 else "10.2e"
    for position in shown:
        print(f"\nposition {position}, {words[position][:60]}")
        values = [format(value, form) for value in table[position].tolist()]
        for start in range(0, dim, 8):
            print(*values[start : start + 8], sep="")


def shown_positions(n: int) -> list[int]:
    """Return the positions to print: all, or the first and last few of a long sequence."""
    return [i for i in range(n) if n <= MAX_ROWS or not EDGE_ROWS <= i < n - EDGE_ROWS]


def draw_figure(
    words: Sequence[str], losses: list[float], model: PositionalModel, word_embeddings: Tensor
) -> Figure:
    """Return a matplotlib figure: the losses, the learned table, and the grid of predictions."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    n, shown = len(words), min(len(words), MAX_ROWS)
    part = f", the first {shown} of {n} positions" if shown < n else ""
    a, c = (half[:shown].numpy() for half in prediction_parts(model, word_embeddings))
    table = model.positional_embeddings.detach()[:shown].cpu().numpy()
    peak = float(abs(table).max()) or 1.0
    shares, _ = describe_shares(*prediction_shares(model, word_embeddings))

    figure = Figure(figsize=(12, 5 + 0.22 * shown), layout="constrained")
    FigureCanvasAgg(figure)
    heights = 16 + 0.5 * shown, 6 + 0.5 * shown
    loss, grid, heat = figure.subplot_mosaic("LG;TT", height_ratios=heights).values()
    loss.semilogy(range(1, len(losses) + 1), losses, marker=".", markersize=4, linewidth=1)
    loss.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    loss.set(title="loss", xlabel="epoch", ylabel="mean squared error, before the step")
    figure.colorbar(grid.imshow(a[:, None] + c, aspect="auto"), ax=grid, label="y_pred")
    grid.set(title=f"share of the prediction: {shares}", xlabel=f"at position{part}", ylabel="word")
    colours = heat.imshow(table, cmap="RdBu_r", vmin=-peak, vmax=peak, aspect="auto")
    figure.colorbar(colours, ax=heat)
    heat.set(title=f"learned positional embeddings{part}", xlabel="dimension")
    size = 9 if shown <= 20 else 7
    names = [word[:16] for word in words[:shown]]
    rows = [f"{position} {name}" for position, name in enumerate(names)]
    grid.set_xticks(range(0, shown, 1 + shown // 13))
    grid.set_yticks(range(shown), names, fontsize=size, parse_math=False)
    heat.set_yticks(range(shown), rows, fontsize=size, parse_math=False)
    return figure


def save_checkpoint(
    path: str, model: PositionalModel, word_embeddings: Tensor, **rest: object
) -> None:
    """Write a dict for torch.load(path, weights_only=True): state dict, word embeddings, `rest`."""
    state = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    parts = {"model_state_dict": state, "word_embeddings": word_embeddings.cpu(), **rest}
    write_file(path, partial(torch.save, parts))


def write_file(path: str, write: Callable[[io.BytesIO], object]) -> None:
    """Write a file beside `path` and put it in its place when it is whole, or raise InputError."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as matplotlib's of a letter that its font lacks
        write(buffer)
    target = os.path.realpath(path)
    temporary = os.path.join(os.path.dirname(target), f".{PROGRAM}-{os.getpid()}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())  # before the old file goes the new one must be on the disk
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            os.remove(temporary)


# ------------------------------------------------------------------------ 6. command line


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser that reports an error in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def works(action: Callable[[], object]) -> bool:
    """Return whether an action succeeds: what cannot be known otherwise is tried."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            action()
    except (OSError, RuntimeError, AssertionError, ImportError):  # each torch device has its own
        return False
    return True


def can_write(path: str) -> bool:
    """Return whether a file could be put at this path."""
    target = os.path.realpath(path)
    is_free = os.path.isfile(target) or not os.path.exists(target)
    return is_free and works(lambda: tempfile.TemporaryFile(dir=os.path.dirname(target)).close())


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with the help that it prints."""
    description, _, examples = (__doc__ or "").partition("Examples:")
    parser = OneLineParser(
        prog=PROGRAM,
        description=description,
        epilog=f"examples:{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--words", nargs="+", default=WORDS, metavar="W", help="sequence (default: %(default)s)")
    places = "y_true, a number a word (default: the place in the sequence, scaled to [0, 1])"
    add("--targets", nargs="+", type=float, metavar="Y", help=places)
    sources = (
        "a gensim model, a file of GloVe or word2vec text, plain or .gz, or 'random' (default: "
        f"the script's own copy if it has all the words, else {GLOVE} through gensim)"
    )
    add("--vectors", metavar="SOURCE", help=sources)
    add("--shuffle", action="store_true", help="a new random order of the words every epoch")
    add("--compare", action="store_true", help="compare with other positions and vectors")
    add("--epochs", type=int, default=20, metavar="N", help="steps of SGD (default: %(default)s)")
    add("--lr", type=float, default=0.02, help="learning rate (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="S", help="for all that is random (default: 0)")
    add("--device", default="cpu", metavar="D", help="any torch device (default: %(default)s)")
    add("--save", metavar="FILE", help="write a checkpoint for torch.load")
    add("--plot", metavar="FILE", help="write a figure: .png, .svg or .pdf")
    return parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; one that makes no sense ends the program with status 2."""
    parser = make_parser()
    args = parser.parse_args(argv)
    n, targets, device, plot = len(args.words), args.targets or [], args.device, args.plot
    bad_words = [word for word in args.words if word.split() != [word]]
    bad_targets = [y for y in targets if not abs(y) <= FLOAT32_MAX]
    bad_files = [path for path in (args.save, plot) if path is not None and not can_write(path)]
    formats = (".png", ".svg", ".pdf")
    for fine, message in [
        (not bad_words, f"--words {bad_words[:3]}: empty or with white space"),
        (len(targets) in (0, n), f"--targets: {len(targets)} numbers for {n} words"),
        (not bad_targets, f"--targets {bad_targets[:3]}: not finite"),
        (args.epochs >= 1, f"--epochs {args.epochs}: must be 1 or more"),
        (0 < args.lr <= FLOAT32_MAX, f"--lr {args.lr}: must be positive and finite"),
        (-(2**63) <= args.seed < 2**64, f"--seed {args.seed}: must be a whole number of 64 bits"),
        (
            works(lambda: torch.zeros(1, device=device).item()),
            f"--device {device}: torch cannot use it here",
        ),
        (not bad_files, f"--save, --plot: cannot write a file at {bad_files}"),
        (not plot or plot.lower().endswith(formats), f"--plot {plot}: not .png, .svg or .pdf"),
        (
            not plot or works(lambda: importlib.import_module("matplotlib.figure")),
            "--plot: python -m pip install matplotlib first",
        ),
    ]:
        if not fine:
            parser.error(f"argument {message}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status, 0 or what `exit_status` says."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # each epoch at once, and words in any alphabet
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        args = parse_args(argv)
        words, epochs, lr, shuffle = args.words, args.epochs, args.lr, args.shuffle
        source = default_source(words) if args.vectors is None else args.vectors
        torch.manual_seed(args.seed)
        word_embeddings = pretrained = load_word_embeddings(words, source).to(args.device)
        if args.compare and source == "random":  # may fail, so it comes before training
            pretrained = load_word_embeddings(words).to(args.device)
        n, dim = word_embeddings.shape
        place = torch.arange(n) / max(n - 1, 1)
        y_true = (torch.tensor(args.targets) if args.targets else place).to(args.device)
        model = PositionalModel(n, dim).to(args.device)
        print(f"words     {' '.join(words)[:70]}\nvectors   {source}, {dim} dimensions")
        print(f"training  {epochs} epochs{' shuffled' * shuffle}, learning rate {lr:g}, ", end="")
        print(f"seed {args.seed}, on {args.device}\n")
        steps = train(model, word_embeddings, y_true, epochs=epochs, lr=lr, shuffle=shuffle)
        losses = print_losses(steps, epochs)
        loss = require_finite(exact_loss(model, word_embeddings, y_true, shuffle), len(losses), lr)
        print(f"\nfinal loss {loss:.6e}{' (exact, over all orders of the words)' * shuffle}")
        print_predictions(words, y_true, model(word_embeddings))
        print_table(words, model.positional_embeddings)
        shares, meaning = describe_shares(*prediction_shares(model, word_embeddings))
        print(f"\nshare of the prediction: {shares}\n{meaning}")
        if args.save:
            rest = {"words": words, "vectors": source, "losses": losses, "options": vars(args)}
            save_checkpoint(args.save, model, word_embeddings, **rest)
        if args.plot:
            figure = draw_figure(words, losses, model, word_embeddings)
            write_file(args.plot, partial(figure.savefig, format=args.plot[-3:].lower(), dpi=110))
        if len(losses) < epochs:
            raise KeyboardInterrupt(f"after epoch {len(losses)} of {epochs}")
        if args.compare:
            print_comparison(words, pretrained, y_true, epochs, lr, shuffle)
        return 0
    except (SystemExit, KeyboardInterrupt, InputError, OSError) as stop:
        return exit_status(stop)


def exit_status(stop: BaseException) -> int:
    """Return the exit status for what ended the program; say why in one line on stderr."""
    if isinstance(stop, SystemExit):  # from argparse, which has said why
        return int(stop.code or 0)
    if isinstance(stop, OSError):  # files have InputErrors of their own, so it is stdout that fails
        with open(os.devnull, "w") as nowhere:  # Python will flush stdout once more when it exits
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if isinstance(stop, BrokenPipeError):  # `... | head`
            return 141  # 128 + SIGPIPE, as the shell says of others
        stop = InputError(f"cannot write {stop.filename or 'the results'}: {stop.strerror}")
    message = " ".join(str(stop).split())
    if isinstance(stop, KeyboardInterrupt):
        print(f"{PROGRAM}: interrupted {message}".rstrip(), file=sys.stderr)
        return 130
    print(f"{PROGRAM}: error: {message}", file=sys.stderr)
    return 1


# ------------------------------------------------------------------------ data

# The rows of four words in glove-wiki-gigaword-50, digit for digit (PDDL 1.0, public domain).
BUNDLED_VECTORS = """
artificial 0.71561 0.70368 -0.65484 0.49875 -0.85243 1.1059 -0.1036 -0.88284 0.80456 0.71413
0.86359 0.32354 0.7463 0.37181 -0.26063 1.2076 0.40428 0.21659 -0.25025 -0.24093 -0.34624 0.12634
-0.0029545 -0.79917 0.44265 -0.2539 -0.010407 0.61187 0.83014 -0.24339 2.3077 -0.18824 -0.41651
-0.41467 -0.2552 0.58636 0.41376 0.86748 0.1625 0.11349 -0.063252 -0.3975 -0.012897 1.1077 0.30005
0.085916 0.3641 -0.22241 -0.23201 -0.6379

intelligence 0.8782 -0.45171 0.96737 0.040347 0.76235 -0.63825 0.18944 -0.26633 0.58874 -0.93608
-0.065201 0.5123 -0.69111 0.52807 -0.71195 -0.2834 -0.34591 0.014351 0.11763 0.59407 0.20703
0.69087 1.0855 -0.83158 -0.35967 -2.3939 -0.88375 -0.417 -0.36717 0.58897 2.4132 -0.74281 -0.3619
-1.9934 0.093133 0.86592 -0.75185 0.19073 -0.54284 -0.0084839 0.57554 0.4475 0.48515 0.054866
0.35842 -0.51698 -0.026014 1.9907 -0.11378 0.30127

machine -0.34165 -0.81267 1.4513 0.05914 -0.080801 0.39567 0.10064 -0.5468 -0.18887 0.11364
-0.040956 -0.5637 -0.32191 0.15968 -0.59756 -0.14571 -0.77074 1.2955 -0.72002 -0.90818 0.76644
0.05346 -0.0031632 -0.15341 0.22065 -1.191 -1.0775 -0.29768 1.327 -0.51359 2.6229 -0.67411 -0.82558
0.14283 -0.014214 0.90775 0.66828 0.48431 0.1543 0.26044 1.0191 0.015872 -0.75325 0.58992 0.4546
-0.19678 0.42138 -0.43168 0.11985 0.14094

learning 0.20461 0.48659 -0.55308 -0.27019 0.26336 0.15751 -0.28994 -0.51824 0.051829 0.36225
0.37077 0.1322 -0.061377 -0.53606 -0.34733 -0.043981 -0.086744 0.78305 0.41422 0.027996 0.23433
0.98844 -0.41049 0.6206 1.3966 -0.65427 -0.18221 -1.0293 -0.014741 -0.25384 3.227 0.39509 -0.33042
-1.229 0.29048 0.33654 -0.24817 0.47105 0.32964 0.23997 0.088302 -0.91779 -0.36671 0.9926 0.2185
-0.316 1.203 0.2699 -0.14093 0.70785
"""

if __name__ == "__main__":
    sys.exit(main())
