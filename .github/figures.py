"""Print the README's figures that no command in it prints, each under a line that says what it is.

Run it in the repository's folder: python .github/figures.py. It takes about half a minute.
"""

import copy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import torch

import learnable_positional_embeddings as lpe

FOUR = ["artificial", "intelligence", "machine", "learning"]
TWICE = ["machine", "learning", "machine", "learning"]
RUNS = {  # the README's three: words, epochs, shuffle
    "first run": (FOUR, 20, False),
    "machine learning twice": (TWICE, 500, False),
    "shuffled": (FOUR, 500, True),
}
Y_TRUE = torch.linspace(0, 1, 4)


def start(words, seed=0):
    """Return the word vectors and the untrained model of the command with this seed."""
    torch.manual_seed(seed)
    word_embeddings = lpe.load_word_embeddings(words)
    return word_embeddings, lpe.PositionalModel(*word_embeddings.shape)


def train(models, word_embeddings, epochs, shuffle=False):
    """Train models side by side, in the same orders of the words."""
    training = lpe.train_together(
        models, word_embeddings, Y_TRUE, epochs=epochs, lr=0.02, shuffle=shuffle
    )
    for _ in training:
        pass


def run(words, epochs, shuffle=False, seed=0):
    """Return word vectors, model and baseline, trained as the command trains them."""
    word_embeddings, model = start(words, seed)
    baseline = lpe.without_table(model)
    train([model, baseline], word_embeddings, epochs, shuffle)
    return word_embeddings, model, baseline


def show(what, values, digits):
    """Print what it is, and below it the values, each in a format such as .3f."""
    values = torch.as_tensor(values).detach().flatten().tolist()
    print(f"{what}\n    {'  '.join(format(value, digits) for value in values)}", flush=True)


# How the rows learn
word_embeddings, model = start(TWICE)
show("e · e of machine and learning", word_embeddings[:2].square().sum(1), ".1f")
show("w · w at the start", model.head.weight.square().sum(), ".2f")
for epochs in (20, 500):
    word_embeddings, model, _ = run(TWICE, epochs)
    by_word, by_position = lpe.prediction_parts(model, word_embeddings)
    show(f"machine learning twice, epoch {epochs}: errors", by_word + by_position - Y_TRUE, ".3f")
    show("parts of the words machine and learning", by_word[:2], ".4f")
    show("w · w", model.head.weight.square().sum(), ".2f")

# Two columns, one rule
for name, (words, epochs, shuffle) in RUNS.items():
    word_embeddings, model, _ = run(words, epochs, shuffle)
    show(f"{name}: answers to the words backwards", model(word_embeddings.flip(0)), ".2f")

# Another length: the rows of the shuffled run, the last above, and the words' mean vector
rows = model.positional_embeddings.detach().T[None]  # shape (1, 50, 4)
rows = torch.nn.functional.interpolate(rows, size=6, mode="linear", align_corners=True)[0].T
show("shuffled: answers of six rows", model.head(word_embeddings.mean(0) + rows), ".3f")

# Zeros or small random numbers
lower = 0
for seed in range(100):
    word_embeddings, zeros = start(FOUR, seed)
    small = copy.deepcopy(zeros)
    torch.nn.init.normal_(small.positional_embeddings, std=0.02)
    train([zeros, small], word_embeddings, epochs=500, shuffle=True)
    of_zeros, of_small = (
        lpe.average_loss(model, word_embeddings, Y_TRUE, shuffle=True) for model in (zeros, small)
    )
    lower += of_small < of_zeros
show("shuffled: seeds of 100 in which 0.02 ends lower than zeros", lower, "d")

# Learned or fixed: the directions in which the four rows of sines differ
sines = lpe.sinusoidal_embeddings(4, 50).double()
show("p · p of the sines", sines.square().sum(1), ".1f")
sines -= sines.mean(0)
lengths, directions = torch.linalg.eigh(sines @ sines.T)
y_centred = Y_TRUE.double() - 0.5
shares = (directions.T @ y_centred).square() / y_centred.square().sum()
show("squared differences of the sines in four directions", lengths.abs(), ".3f")
show("per cent of the targets' variance in each", 100 * shares, ".1f")

# For teachers and referees
for name, (words, epochs, shuffle) in RUNS.items():
    for order, random_order in (("this", False), ("random", True)):
        losses = []
        for seed in range(20):
            word_embeddings, model, _ = run(words, epochs, shuffle, seed)
            losses.append(lpe.average_loss(model, word_embeddings, Y_TRUE, random_order))
        what = f"{name}, in {order} order: lowest and highest loss of 20 seeds"
        show(what, [min(losses), max(losses)], ".1e" if max(losses) < 0.01 else ".2g")
