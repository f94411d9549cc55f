"""Measure the script against the floor: ratios within one run, for these hold on a busy machine.

    python tests/benchmark.py

Ours and theirs take turns; printed are medians, as one Markdown table. The floor is `import torch`
and one optimizer, the barest loop is torch alone. The row on full-size GloVe needs the true file in
gensim's data folder (tests/make_full_glove.py); without it that row is left out. POSIX only.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
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


def run(*command):
    """Run a Python process; return its seconds and its peak memory in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return seconds, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def alternate(*programs):
    """Run the programs in turn, each round from another start; return the medians of each."""
    results = [[program()][:0] for program in programs]  # once to warm up, and not counted
    for turn in range(ROUNDS):
        for place in range(len(programs)):
            number = (turn + place) % len(programs)
            results[number].append(programs[number]())
    return [[statistics.median(column) for column in zip(*result)] for result in results]


def row(*cells):
    """Print one row of the table: what, ours, theirs, comparison."""
    print("|", " | ".join(cells), "|", flush=True)


def measure_processes():
    """The default run, and the one on full-size GloVe, against the floor."""
    programs = [partial(run, "-c", FLOOR), partial(run, SCRIPT)]
    if FULL.exists():
        programs.append(partial(run, SCRIPT, "--vectors", GLOVE))
    (floor, floor_peak), (ours, peak), *full = alternate(*programs)
    row("default run / the floor", f"{ours:.3f} s", f"{floor:.3f} s", f"x {ours / floor:.3f}")
    row("its peak memory, MiB", f"{peak:.0f}", f"{floor_peak:.0f}", f"+{peak - floor_peak:.0f}")
    for seconds, _ in full:
        difference = f"{seconds - floor:+.3f} s"
        row("full-size GloVe / the floor", f"{seconds:.3f} s", f"{floor:.3f} s", difference)


def bare_loop(embeddings, y_true):
    """The barest torch loop that does the same as `train`, and reads the loss as it does."""
    table, head = torch.nn.Parameter(torch.zeros_like(embeddings)), torch.nn.Linear(50, 1)
    optimizer = torch.optim.SGD([table, *head.parameters()], lr=0.001)
    while True:
        loss = torch.nn.functional.mse_loss(head(embeddings + table).squeeze(-1), y_true)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def our_loop(embeddings, y_true, shuffle):
    """The script's own training, for ever."""
    model = PositionalModel(*embeddings.shape)
    return train(model, embeddings, y_true, epochs=sys.maxsize, lr=0.001, shuffle=shuffle)


def microseconds(loop, epochs):
    """Let a loop go on for some epochs; return the microseconds of one."""
    start = time.perf_counter()
    for _ in range(epochs):
        next(loop)
    return ((time.perf_counter() - start) / epochs * 1e6,)


def measure_epochs():
    """An epoch against the barest loop, and a shuffled one against one that is not."""
    for n, epochs in [(4, 500), (10_000, 50), (100_000, 5), (300_000, 2)]:
        problem = torch.randn(n, 50), torch.rand(n)
        loops = bare_loop(*problem), our_loop(*problem, False), our_loop(*problem, True)
        times = alternate(*(partial(microseconds, loop, epochs) for loop in loops))
        (bare,), (ours,), (shuffled,) = times
        texts = [f"{each:,.0f} µs" for (each,) in times]
        row(f"an epoch at {n:,} positions / barest", texts[1], texts[0], f"x {ours / bare:.3f}")
        row("shuffled / not", texts[2], texts[1], f"x {shuffled / ours:.3f}")


if __name__ == "__main__":
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    system += f", Python {platform.python_version()}, torch {torch.__version__}"
    print(f"{system}; medians of {ROUNDS} alternating rounds\n")
    row("what", "ours", "theirs", "comparison")
    row("---", "---", "---", "---")
    measure_processes()
    measure_epochs()
