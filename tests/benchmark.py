"""Print one Markdown table of ratios: ours and theirs take turns, and of each the median counts, so
that they hold on a busy machine: python tests/benchmark.py. POSIX; memory in MiB of Linux."""

import os
import resource
import statistics
import subprocess
import sys
import timeit
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT, GLOVE = str(ROOT / "learnable_positional_embeddings.py"), "glove-wiki-gigaword-50"
FULL = Path(os.environ.get("GENSIM_DATA_DIR", "~/gensim-data")).expanduser() / GLOVE / f"{GLOVE}.gz"


def medians(*programs):
    """Return the median seconds of each; the first of 16 rounds is not counted."""
    rounds = [[timeit.timeit(program, number=1) for program in programs] for _ in range(16)]
    return [statistics.median(seconds) for seconds in zip(*rounds[1:], strict=True)]


def python(*arguments):
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # the highest peak so far


def row(what, ours, theirs, unit="s"):
    print(f"| {what} | {ours:.4g} {unit} | {theirs:.4g} {unit} | {ours / theirs:.3f} |", flush=True)


def bare_loop(model, vectors, y_true, epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    for _ in range(epochs):
        loss = torch.nn.functional.mse_loss(model(vectors), y_true)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()


print("| what / against what | ours | theirs | ratio |\n|---|---|---|---|")
commands = [("-c", "import torch"), (SCRIPT,), (SCRIPT, "--compare"), (SCRIPT, "--vectors", GLOVE)]
programs = [partial(python, *command) for command in commands[: 3 + FULL.exists()]]
lower, higher = programs[0](), programs[1]()
bare, default, comparing, *full = medians(*programs)
row("default run / `import torch`", default, bare)
row("peak memory of the two", higher, lower, "MiB")
for seconds in full:
    row("full-size GloVe from disk / `import torch`", seconds, bare)

sys.path.insert(0, str(ROOT))
import torch  # not before: the peak of a child is at least what its parent held

import learnable_positional_embeddings as lpe

each = {}
for n, epochs in [(300_000, 2), (10_000, 50), (4, 500)]:
    problem = lpe.PositionalModel(n, 50), torch.randn(n, 50), torch.rand(n)
    train = partial(lpe.train, *problem, epochs=epochs, lr=0.001)
    times = medians(partial(bare_loop, *problem, epochs), train, partial(train, shuffle=True))
    bare, ours, shuffled = (1e6 * seconds / epochs for seconds in times)
    row(f"epoch of {n:,} positions / bare loop with torch.optim.SGD", ours, bare, "µs")
    row("the same, shuffled / not", shuffled, ours, "µs")
    each[n] = ours / n
row("a position of 300,000 / of 10,000", each[300_000], each[10_000], "µs")
row("what --compare adds / 120 x 20 bare epochs", comparing - default, 2400 * bare / 1e6)
