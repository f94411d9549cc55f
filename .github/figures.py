"""Print the README's figures that no command in it prints, each under a sentence of what it is.

Run it in the repository's folder: python .github/figures.py. It takes some minutes.
"""

import sys
from itertools import combinations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import torch

import learnable_positional_embeddings as lpe

WORDS = ["artificial", "intelligence", "machine", "learning"]
TWICE = ["machine", "learning", "machine", "learning"]
Y_TRUE = torch.linspace(0, 1, 4)
GLOVE = lpe.load_word_embeddings(WORDS)


def trained(word_embeddings, epochs, seed, shuffle=False, start=0.0):
    """Return a model and its baseline after training, like a run of the script with that seed."""
    torch.manual_seed(seed)
    model = lpe.PositionalModel(*word_embeddings.shape)
    model.positional_embeddings.data += start * torch.randn(*word_embeddings.shape)
    baseline = lpe.without_table(model)
    for one in (model, baseline):
        torch.manual_seed(seed + 1000)
        lpe.train(one, word_embeddings, Y_TRUE, epochs=epochs, lr=0.02, shuffle=shuffle)
    return model, baseline


def losses(words, word_embeddings, epochs, seed, shuffle=False):
    models = trained(word_embeddings, epochs, seed, shuffle)
    return lpe.measure(*models, words, word_embeddings, Y_TRUE, shuffle)


def share_by_position(word_embeddings, epochs, seed):
    """Return the part of the variance over all pairs of a word and a position that is by position."""
    model, _ = trained(word_embeddings, epochs, seed)
    by_word, by_position = (
        part.var(correction=0) for part in lpe.prediction_parts(model, word_embeddings)
    )
    return by_position / (by_word + by_position)


def show(what, *values):
    print(f"{what}\n    {'  '.join(f'{value:.4g}' for value in values)}", flush=True)


def span(what, values):
    values = list(values)
    show(f"{what}: lowest, highest of {len(values)}", min(values), max(values))


show("squared lengths of the four words' vectors, and their mean", *GLOVE.square().sum(1))
show("", GLOVE.square().sum(1).mean())
torch.manual_seed(0)
weight = lpe.PositionalModel(4, 50).head.weight.detach()
show("squared length of w at the start, seed 0", weight.square().sum())
for epochs in (20, 5000):
    table = trained(GLOVE, epochs, 0)[0].positional_embeddings
    show(f"largest number of the table after {epochs} epochs, seed 0", table.abs().max())

for epochs in (20, 21, 100):
    runs = [losses(WORDS, GLOVE, epochs, seed) for seed in range(100)]
    span(f"loss after {epochs} epochs", [run.loss for run in runs])
    span("loss without a table / with it", [run.baseline_loss / run.loss for run in runs])
show("loss after 21 epochs without a table, seed 0", losses(WORDS, GLOVE, 21, 0).baseline_loss)

for name, words, epochs, shuffle in (
    ("first run", WORDS, 20, False),
    ("machine learning twice", TWICE, 500, False),
    ("shuffled", WORDS, 500, True),
):
    vectors = lpe.load_word_embeddings(words)
    runs = [losses(words, vectors, epochs, seed, shuffle) for seed in range(20)]
    span(f"{name}: after training", [run.loss for run in runs])
    span(f"{name}: the same model without a table", [run.baseline_loss for run in runs])

for name, words, shuffle in (("twice", TWICE, False), ("shuffled", WORDS, True)):
    vectors, cosines = lpe.load_word_embeddings(words), []
    for seed in range(20):
        model, _ = trained(vectors, 500, seed, shuffle)
        rows = model.positional_embeddings.detach()
        cosines += torch.cosine_similarity(rows, model.head.weight.detach()).abs().tolist()
    span(f"cosine of a row with w, without its sign, {name}", cosines)

wins = 0
for seed in range(100):
    zeros, small = (trained(GLOVE, 500, seed, shuffle=True, start=start)[0] for start in (0, 0.02))
    ends = [lpe.average_loss(model, GLOVE, Y_TRUE, shuffle=True) for model in (zeros, small)]
    wins += ends[1] < ends[0]
show("seeds of 100 in which 0.02 ends lower than 0, shuffled, the same head and orders", wins)

for factor in (1, 50**-0.5, 0.05):
    shares = [share_by_position(factor * GLOVE, 500, seed) for seed in range(10)]
    span(f"vectors times {factor:.3f}, 500 epochs: share of the variance by position", shares)

cosines = [torch.cosine_similarity(a, b, dim=0).item() for a, b in combinations(GLOVE, 2)]
span("cosines of the four words", cosines)
length = GLOVE.square().sum(1).mean().sqrt()
show("their root mean square length", length)
same_length = length * GLOVE / GLOVE.norm(dim=1, keepdim=True)
ends = [losses(WORDS, same_length, 20, seed).loss for seed in range(10)]
show(
    "loss after 20 epochs of vectors of that one length, median of ten",
    torch.tensor(ends).quantile(0.5),
)

left, _, right = torch.linalg.svd(GLOVE, full_matrices=False)
orthogonal = GLOVE.norm(dim=1, keepdim=True) * (left @ right)
ends = [losses(WORDS, orthogonal, 20, seed).loss for seed in range(10)]
show(
    "the same of vectors made orthogonal, of their own lengths, median of ten",
    torch.tensor(ends).quantile(0.5),
)

kernel = GLOVE.double() @ GLOVE.double().T + 1
eigenvalues = torch.linalg.eigvalsh(kernel)
show("eigenvalues of e[i] · e[j] + 1", *eigenvalues)
share = weight.square().sum() / (eigenvalues + weight.square().sum())
show("share of the table in what is learned along each, per cent", *100 * share)

remains = []
torch.manual_seed(0)
for _ in range(1000):
    ones = torch.cat([torch.randn(80, 50), torch.ones(80, 1)], dim=1).double()
    y_true = torch.linspace(0, 1, 80).double()
    best = torch.linalg.lstsq(ones, y_true).solution
    remains.append((ones @ best - y_true).square().mean().item())
span("loss that the best head leaves of 80 random words without a table", remains)
