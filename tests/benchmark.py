"""Measure the script against the floor and against the usual way, alternating in one session.

    python tests/benchmark.py

Prints medians, ratios and peak memory as one Markdown table. The rows on full-size GloVe need the
true file in gensim's data folder (tests/make_full_glove.py); without it they are left out.
"""

import gzip
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from learnable_positional_embeddings import (
    GLOVE,
    InputError,
    PositionalModel,
    load_word_embeddings,
    train,
)

ROUNDS = 9
SCRIPT = str(ROOT / "learnable_positional_embeddings.py")
FLOOR = "import torch; torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)"
FULL = Path(os.environ.get("GENSIM_DATA_DIR", "~/gensim-data")).expanduser() / GLOVE / f"{GLOVE}.gz"

# The usual way: a gensim model of 400,000 words, four of them indexed, the same training.
USUAL = """
import gensim.downloader, torch
model = gensim.downloader.load("glove-wiki-gigaword-50")
words = ["artificial", "intelligence", "machine", "learning"]
embeddings = torch.tensor(model[words])
table, head = torch.nn.Parameter(torch.zeros(4, 50)), torch.nn.Linear(50, 1)
optimizer = torch.optim.SGD([table, *head.parameters()], lr=0.02)
y_true = torch.linspace(0, 1, 4)
for epoch in range(20):
    loss = torch.nn.functional.mse_loss(head(embeddings + table).squeeze(-1), y_true)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(epoch, loss.item())
print(table)
"""
# What gensim.downloader.load wants beside the file: the package that it imports, and a catalogue.
PACKAGE = f"""
import os
from gensim.downloader import base_dir
from gensim.models import KeyedVectors

def load_data():
    return KeyedVectors.load_word2vec_format(os.path.join(base_dir, "{GLOVE}", "{GLOVE}.gz"))
"""
CATALOGUE = f'{{"corpora": {{}}, "models": {{"{GLOVE}": {{"file_name": "{GLOVE}.gz"}}}}}}'


def run(command: list[str], folder: str | None = None) -> tuple[float, float]:
    """Run a Python process; return its seconds and its peak memory in MiB."""
    env = os.environ | ({"GENSIM_DATA_DIR": folder} if folder else {})
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return seconds, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def alternate(*programs, rounds: int = ROUNDS) -> list[tuple[float, ...]]:
    """Run the programs in turn, each round in another order; return the medians for each."""
    results = [[program()][:0] for program in programs]  # once to warm up, and not counted
    for turn in range(rounds):
        for place in range(len(programs)):
            number = (turn + place) % len(programs)
            results[number].append(programs[number]())
    return [tuple(map(statistics.median, zip(*result, strict=True))) for result in results]


def row(what: str, ours: str, other: str, comparison: str, memory: str = "") -> None:
    """Print one row of the table."""
    print(f"| {what} | {ours} | {other} | {comparison} | {memory} |", flush=True)


def measure_processes() -> None:
    """The default run against the floor, and full-size GloVe against gensim's way."""
    (ours, our_peak), (floor, floor_peak) = alternate(
        lambda: run([SCRIPT]), lambda: run(["-c", FLOOR])
    )
    memory = f"{our_peak:.0f} / {floor_peak:.0f} MiB, +{our_peak - floor_peak:.0f}"
    row(
        "default run / the floor",
        f"{ours:.3f} s",
        f"{floor:.3f} s",
        f"x {ours / floor:.3f}",
        memory,
    )
    if not FULL.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, GLOVE)
        package.mkdir()
        (package / FULL.name).symlink_to(FULL)
        (package / "__init__.py").write_text(PACKAGE)
        Path(folder, "information.json").write_text(CATALOGUE)
        named = [SCRIPT, "--vectors", GLOVE]
        (ours, our_peak), (floor, floor_peak) = alternate(
            lambda: run(named, folder), lambda: run(["-c", FLOOR + "; import gensim.downloader"])
        )
        memory = f"{our_peak:.0f} / {floor_peak:.0f} MiB, +{our_peak - floor_peak:.0f}"
        what = "full-size GloVe / the floor and `import gensim.downloader`"
        row(what, f"{ours:.3f} s", f"{floor:.3f} s", f"{ours - floor:+.3f} s", memory)
        (ours, our_peak), (usual, peak) = alternate(
            lambda: run(named, folder), lambda: run(["-c", USUAL], folder), rounds=3
        )
        memory = f"{our_peak:.0f} / {peak:.0f} MiB, {our_peak - peak:+.0f}"
        what = "full-size GloVe / `gensim.downloader.load`"
        row(what, f"{ours:.2f} s", f"{usual:.2f} s", f"x {ours / usual:.3f}", memory)


def seconds_of(program) -> tuple[float]:
    """Run a function; return its seconds."""
    start = time.perf_counter()
    program()
    return (time.perf_counter() - start,)


def bare_loop(embeddings: torch.Tensor, y_true: torch.Tensor) -> Iterator[float]:
    """The barest torch loop that does the same as `train`, and reads the loss as it does."""
    table, head = torch.nn.Parameter(torch.zeros_like(embeddings)), torch.nn.Linear(50, 1)
    optimizer = torch.optim.SGD([table, *head.parameters()], lr=0.001)
    while True:
        loss = torch.nn.functional.mse_loss(head(embeddings + table).squeeze(-1), y_true)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def our_loop(embeddings: torch.Tensor, y_true: torch.Tensor, shuffle: bool) -> Iterator[float]:
    """The script's own training, for ever."""
    model = PositionalModel(*embeddings.shape)
    return train(model, embeddings, y_true, epochs=sys.maxsize, lr=0.001, shuffle=shuffle)


def advance(loop: Iterator[float], epochs: int) -> None:
    """Let a loop go on for some epochs."""
    for _ in range(epochs):
        next(loop)


def measure_epochs() -> None:
    """An epoch against the barest loop, and shuffled, from 4 positions to a million.

    The loops stand side by side and take turns every few epochs: at a million positions most of
    an epoch is the system's, which hands out fresh memory now faster, now slower.
    """
    for n, epochs in [(4, 1000), (1000, 500), (100_000, 10), (1_000_000, 2)]:
        problem = torch.randn(n, 50), torch.rand(n)
        loops = our_loop(*problem, False), bare_loop(*problem), our_loop(*problem, True)
        (plain,), (bare,), (shuffled,) = alternate(
            *(partial(seconds_of, partial(advance, loop, epochs)) for loop in loops)
        )
        plain, bare, shuffled = plain / epochs, bare / epochs, shuffled / epochs
        each = f"{plain / n * 1e9:,.0f} ns each"
        what = f"an epoch at {n:,} positions ({each}) / the barest loop"
        row(what, micro(plain), micro(bare), f"x {plain / bare:.3f}")
        what = f"a shuffled epoch at {n:,} positions / one that is not"
        row(what, micro(shuffled), micro(plain), f"x {shuffled / plain:.3f}")


def micro(seconds: float) -> str:
    """Return a time in microseconds or milliseconds."""
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


def measure_missing_word() -> None:
    """The time to say that a word is missing, against decompressing the file line by line."""

    def missing():
        try:
            load_word_embeddings(["zzyzxx"], str(FULL))
        except InputError:
            return
        raise SystemExit("the word is there")

    def decompress():
        with gzip.open(FULL) as file:
            for _ in file:
                pass

    (ours,), (floor,) = alternate(lambda: seconds_of(missing), lambda: seconds_of(decompress))
    what = "a word that is not there / decompressing line by line"
    row(what, f"{ours:.2f} s", f"{floor:.2f} s", f"x {ours / floor:.3f}")


def main() -> None:
    """Print which machine this is, and the table."""
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, torch {torch.__version__}; "
        f"medians of {ROUNDS} alternating rounds, of 3 for `gensim.downloader.load`\n"
    )
    row("what", "ours", "theirs", "comparison", "peak memory")
    row("---", "---", "---", "---", "---")
    measure_processes()
    measure_epochs()
    if FULL.exists():
        measure_missing_word()


if __name__ == "__main__":
    main()
