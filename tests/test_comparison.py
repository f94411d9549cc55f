"""The comparison: six kinds of positions on two kinds of vectors, each trained from ten seeds."""

import math
import re
from itertools import permutations
from statistics import fmean, median

import pytest
import torch
from pytest import approx

import learnable_positional_embeddings as lpe

VECTORS = torch.tensor([[1, 2], [0.5, -1]])  # of dog and man
Y_TRUE = torch.tensor([1.0, 2, 3, 6])
SHORT = ["--compare", "--epochs", 2]


@pytest.fixture
def compared(command, tmp_path, monkeypatch):
    """Compare on the words dog man dog man, with more options; return what is printed."""
    (tmp_path / "small.txt").write_text("dog 1 2\nman 0.5 -1\n")
    monkeypatch.chdir(tmp_path)

    def run(options):
        words = "--words dog man dog man --targets 1 2 3 6 --vectors small.txt"
        stdout = command("--compare", *words.split(), *options.split())[1]
        return stdout.partition("\nloss after training")[2]

    return run


def row(stdout, kind):
    """Return the six numbers of a row: median, lowest and highest, on either kind of vectors."""
    [cells] = re.findall(rf"(?m)^{kind}  +(.*\])$", stdout)
    return re.findall(r"[^][, ]+", cells)


# ---- the losses


def test_the_sinusoidal_table_is_the_formula_of_its_paper():
    """Column 2k is sin(i / 10000^(2k/d)), and column 2k + 1 the cosine of the same angle."""
    table = lpe.sinusoidal_embeddings(20, 7)
    for i in range(20):
        for k in range(4):
            angle = i / 10000 ** (2 * k / 7)
            pair = [math.sin(angle), math.cos(angle)]
            columns = table[i, 2 * k : 2 * k + 2].tolist()
            assert columns == approx(pair[: 7 - 2 * k], abs=1e-6)


def loss_of_seed(seed, is_random, first_table, is_learned, shuffle):
    """Return a loss after five epochs; --seed promises numbers, so the order of drawing counts."""
    torch.manual_seed(seed)
    vectors = VECTORS
    if is_random:
        vectors = 1.25 * torch.randn(2, 2)  # (1 + 4 + 0.25 + 1) / 4 is 1.25²
    head = torch.nn.Linear(2, 1)
    table = first_table(4, 2).requires_grad_(is_learned)

    def loss_of(order):
        words = torch.tensor([0, 1, 0, 1])[order]
        y_pred = head(vectors[words] + table)
        return (y_pred[:, 0] - Y_TRUE).square().mean()

    in_order = torch.arange(4)
    optimizer = torch.optim.SGD([*head.parameters(), table], lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        loss_of(torch.randperm(4) if shuffle else in_order).backward()
        optimizer.step()
    orders = map(torch.tensor, permutations(range(4))) if shuffle else [in_order]
    return fmean(loss_of(order).item() for order in orders)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    ("kind", "first_table", "is_learned"),
    [
        ("none", torch.zeros, False),
        ("sinusoidal", lpe.sinusoidal_embeddings, False),
        ("random", torch.randn, False),
        ("learned 0", torch.zeros, True),
        ("learned 0.02", lambda n, dim: 0.02 * torch.randn(n, dim), True),
        ("learned 1", torch.randn, True),
    ],
)
def test_a_row_has_median_lowest_and_highest_of_ten_seeds(
    compared, kind, first_table, is_learned, shuffle
):
    stdout = compared("--seed 3 --epochs 5 --lr 0.1" + " --shuffle" * shuffle)
    expected = []
    for is_random in (False, True):
        how = is_random, first_table, is_learned, shuffle
        losses = [loss_of_seed(seed, *how) for seed in range(3, 13)]
        expected += [f"{of(losses):.1e}" for of in (median, min, max)]
    assert row(stdout, kind) == expected
    assert "10 seeds from 3: median [lowest, highest]\n" in stdout


def test_the_last_row_is_the_floor(compared):
    """From their means, dog's 1 and 3 and man's 2 and 6 are off by 1 2 1 2; all four by 2 1 0 3."""
    assert "\nfloor         2.5e+00\n" in compared("--epochs 1")
    assert "\nfloor         3.5e+00\n" in compared("--epochs 1 --shuffle")


def test_what_may_be_rounding_is_shown_as_a_bound(command):
    """A large random table reaches almost zero, trained or not."""
    stdout = command("--compare", "--epochs", 20, "--lr", 0.02)[1]
    assert row(stdout, "random")[0] == row(stdout, "learned 1")[0] == "<1e-09"


def test_what_overflows_is_inf_and_ends_nothing(command):
    """The run above it just does not overflow."""
    line = "--compare --words machine learning machine learning --lr 0.12 --epochs 8"
    stdout = command(*line.split())[1]
    assert row(stdout, "learned 0")[2] == "inf"
    assert row(stdout, "learned 1") == ["inf"] * 6


def test_every_column_and_kind_is_explained_within_80_columns(compared):
    stdout = compared("--epochs 1")
    rows, explained = stdout.split("\n\n")
    assert re.search(r"\n +pretrained vectors +random vectors", rows)
    for kind in re.findall(r"(?m)^(\w.*?)  .*\]$", rows):
        assert f"\n{kind}  " in f"\n{explained}"
    assert max(map(len, stdout.splitlines())) <= 80


# ---- beside the run


def test_the_report_above_it_is_that_of_the_run_alone(command):
    report = command("--epochs", 2)[1]
    assert command(*SHORT)[1].startswith(f"{report}\nloss after training")


def test_a_run_on_random_vectors_is_compared_on_pretrained_ones_too(command):
    outputs = command(*SHORT)[1], command(*SHORT, "--vectors", "random")[1]
    pretrained, random = (output.partition("\nloss after training")[2] for output in outputs)
    assert pretrained == random != ""


def test_pretrained_vectors_that_cannot_be_had_are_missed_before_the_training(refused):
    """GloVe has no capitals, so this word needs no download to be missed."""
    assert "'Machine'" in refused(1, *SHORT, "--vectors", "random", "--words", "Machine")


def test_a_fixed_head_is_not_compared(refused):
    assert "--compare: not allowed with argument --fixed" in refused(2, "--fixed-head", "--compare")
