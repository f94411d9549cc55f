"""Print how fast the script is, as ratios in a Markdown table. It is no test: nothing fails here.

    python tests/benchmark.py

It takes some minutes, and needs a POSIX system; the MiB are those of Linux. Where gensim's data
folder (GENSIM_DATA_DIR, or ~/gensim-data) holds glove-wiki-gigaword-50, reading that is timed too.

Ours and theirs take turns, and of each the median counts, so that the ratios hold on a busy machine.
One is noisy: an epoch of 10,000 positions is just long enough for torch to share it out among its
threads, and in each operation every thread waits for the slowest. On two cores it took 1 ms when
they were idle and, when they were busy, 16 to 53 ms on two threads but 5 to 9 ms on one, which is
what OMP_NUM_THREADS=1 before the command gives.
"""

import os
import statistics
import subprocess
import sys
import timeit
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "learnable_positional_embeddings.py"
GLOVE = "glove-wiki-gigaword-50"
ROUNDS = 15


def medians(*programs):
    """Return the median seconds of each program; they take turns."""
    for program in programs:
        program()  # once without a clock, for what only a first time costs
    seconds = {program: [] for program in programs}
    for _ in range(ROUNDS):
        for program in programs:
            seconds[program].append(timeit.timeit(program, number=1))
    return [statistics.median(times) for times in seconds.values()]


def row(what, ours, theirs, unit):
    """Print a row of the table."""
    ratio = ours / theirs
    difference = ours - theirs
    cells = f"{ours:.4g} {unit} | {theirs:.4g} {unit} | {ratio:.2f} | {difference:+.2g} {unit}"
    print(f"| {what} | {cells} |", flush=True)


def python(*arguments):
    """Run Python on a command line; return the most memory that it held, in MiB."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return usage.ru_maxrss / 1024


def time_programs():
    """Compare whole runs; return the seconds that --compare adds to one."""
    import_torch = partial(python, "-c", "import torch")
    default = partial(python, SCRIPT)
    comparing = partial(python, SCRIPT, "--compare")
    full_glove = partial(python, SCRIPT, "--vectors", GLOVE)

    theirs, ours, longer = medians(import_torch, default, comparing)
    row("default run / `import torch`", ours, theirs, "s")
    row("the most memory of the two", default(), import_torch(), "MiB")

    folder = Path(os.environ.get("GENSIM_DATA_DIR") or "~/gensim-data").expanduser()
    if (folder / GLOVE / f"{GLOVE}.gz").exists():
        theirs, ours = medians(default, full_glove)
        row("full-size GloVe from disk / default run", ours, theirs, "s")
    return longer - ours


def bare_loop(model, vectors, y_true, epochs):
    """What `train` does, as a tutorial of PyTorch would write it."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    for _ in range(epochs):
        loss = torch.nn.functional.mse_loss(model(vectors), y_true)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()


def each_epoch(models, vectors, y_true, epochs):
    """Train some models side by side."""
    for _ in range(epochs):
        for model in models:
            lpe.train_epoch(model, vectors, y_true, lr=0.001)


def problem(n):
    """Return a new model, word vectors and targets for a number of positions."""
    return lpe.PositionalModel(n, 50), torch.randn(n, 50), torch.rand(n)


def time_epochs(n, epochs):
    """Compare `train_epoch` with a bare loop; return the seconds of an epoch of that."""
    model, vectors, y_true = problem(n)
    theirs, ours = medians(
        partial(bare_loop, model, vectors, y_true, epochs),
        partial(each_epoch, [model], vectors, y_true, epochs),
    )
    what = f"train_epoch, {n:,} positions / bare loop with torch.optim.SGD"
    row(what, 1e3 * ours / epochs, 1e3 * theirs / epochs, "ms")
    return theirs / epochs


def time_shuffling(n, epochs):
    """Compare shuffled epochs with plain ones."""
    train = partial(lpe.train, *problem(n), epochs=epochs, lr=0.001)
    shuffled = partial(train, shuffle=True)
    theirs, ours = medians(train, shuffled)
    what = f"shuffled epoch, {n:,} positions / plain epoch"
    row(what, 1e3 * ours / epochs, 1e3 * theirs / epochs, "ms")


def time_baseline(epochs):
    """Compare epochs of the model and its baseline with epochs of the model alone."""
    model, *data = problem(4)
    baseline = lpe.without_table(model)
    theirs, ours = medians(
        partial(each_epoch, [model], *data, epochs),
        partial(each_epoch, [model, baseline], *data, epochs),
    )
    row(f"{epochs} epochs, 4 positions, with the baseline / without", ours, theirs, "s")


print("| what / against what | ours | theirs | ratio | difference |")
print("|---|---|---|---|---|")
added = time_programs()

# Not before: the memory of a new process is at least what its parent holds.
import torch

sys.path.insert(0, str(ROOT))
import learnable_positional_embeddings as lpe

bare_epoch = time_epochs(4, epochs=500)
time_epochs(10_000, epochs=50)
time_epochs(300_000, epochs=2)
time_shuffling(100_000, epochs=5)
time_baseline(epochs=500)
row("what --compare adds / 120 x 20 bare epochs", added, 120 * 20 * bare_epoch, "s")
