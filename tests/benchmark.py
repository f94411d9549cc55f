"""Measure the script against the floor: ratios within one run, for these hold on a busy machine.

    python tests/benchmark.py

Ours and theirs take turns; printed are medians, as one Markdown table. The floor is `import torch`
and one optimizer, the barest loop is torch alone. The row on full-size GloVe needs the true file in
gensim's data folder (tests/make_full_glove.py); without it that row is left out.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from learnable_positional_embeddings import PositionalModel, train

ROUNDS = 15
SCRIPT = str(ROOT / "learnable_positional_embeddings.py")
FLOOR = "import torch; torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)"
GLOVE = "glove-wiki-gigaword-50"
FULL = Path(os.environ.get("GENSIM_DATA_DIR", "~/gensim-data")).expanduser() / GLOVE / f"{GLOVE}.gz"


def run(*command: str) -> tuple[float, float]:
    """Run a Python process; return its seconds and its peak memory in MiB (POSIX)."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return seconds, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def alternate(*programs: Callable[[], tuple[float, ...]]) -> list[list[float]]:
    """Run the programs in turn, each round from another start; return the medians of each."""
    results: list[list[tuple[float, ...]]] = [[] for _ in programs]
    for program in programs:
        program()  # once to warm up
    for turn in range(ROUNDS):
        for place in range(len(programs)):
            number = (turn + place) % len(programs)
            results[number].append(programs[number]())
    return [[statistics.median(column) for column in zip(*result)] for result in results]


def row(what: str, ours: str, theirs: str, comparison: str) -> None:
    """Print one row of the table."""
    print(f"| {what} | {ours} | {theirs} | {comparison} |", flush=True)


def measure_processes() -> None:
    """The default run, and the one on full-size GloVe, against the floor."""
    programs = [partial(run, "-c", FLOOR), partial(run, SCRIPT)]
    if FULL.exists():
        programs.append(partial(run, SCRIPT, "--vectors", GLOVE))
    (floor, floor_peak), (ours, peak), *full = alternate(*programs)
    row("default run / the floor", f"{ours:.3f} s", f"{floor:.3f} s", f"x {ours / floor:.3f}")
    memory = f"{peak:.0f} MiB", f"{floor_peak:.0f} MiB", f"+{peak - floor_peak:.0f} MiB"
    row("its peak memory", *memory)
    for seconds, _ in full:
        times = f"{seconds:.3f} s", f"{floor:.3f} s", f"{seconds - floor:+.3f} s"
        row("with full-size GloVe on disk / the floor", *times)


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


def seconds_of(loop: Iterator[float], epochs: int) -> tuple[float]:
    """Let a loop go on for some epochs; return the seconds of one."""
    start = time.perf_counter()
    for _ in range(epochs):
        next(loop)
    return ((time.perf_counter() - start) / epochs,)


def measure_epochs() -> None:
    """An epoch against the barest loop, and a shuffled one against one that is not."""
    for n, epochs in [(4, 500), (10_000, 50), (100_000, 5), (300_000, 2)]:
        problem = torch.randn(n, 50), torch.rand(n)
        loops = bare_loop(*problem), our_loop(*problem, False), our_loop(*problem, True)
        (bare,), (ours,), (shuffled,) = alternate(*(partial(seconds_of, x, epochs) for x in loops))
        each = f"{n:,} positions"
        row(f"an epoch at {each} / barest", micro(ours), micro(bare), f"x {ours / bare:.3f}")
        ratio = f"x {shuffled / ours:.3f}"
        row(f"shuffled at {each} / not shuffled", micro(shuffled), micro(ours), ratio)


def micro(seconds: float) -> str:
    """Return a time in microseconds."""
    return f"{seconds * 1e6:,.0f} µs"


def main() -> None:
    """Print which machine this is, and the table."""
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, torch {torch.__version__}; "
        f"medians of {ROUNDS} alternating rounds\n"
    )
    row("what", "ours", "theirs", "comparison")
    row("---", "---", "---", "---")
    measure_processes()
    measure_epochs()


if __name__ == "__main__":
    main()
