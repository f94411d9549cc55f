"""What the table learned: shares, exact losses and floors, held against mathematics."""

import itertools
import math
import re

import numpy as np
import pytest
import torch
from conftest import FOUR_WORDS, random_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from learnable_positional_embeddings import (
    PositionalModel,
    exact_loss,
    final_loss,
    load_word_embeddings,
    loss_floor,
    main,
    prediction_shares,
    sinusoidal_embeddings,
    train,
)

WORD_LISTS = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=7)
SEEDS = st.integers(0, 2**32)


def grid_of(model, embeddings):
    """Every word at every place, through the model itself: row j is word j."""
    with torch.no_grad():
        return torch.stack([model(word.expand_as(embeddings)) for word in embeddings]).numpy()


@given(st.integers(1, 9), st.integers(1, 6), SEEDS)
@settings(max_examples=50, deadline=None)
def test_shares_against_the_full_grid(n, dim, seed):
    model, embeddings, _ = random_problem(n, dim, seed)
    grid = grid_of(model, embeddings)
    word, position = prediction_shares(model, embeddings)
    if n == 1:
        assert (word, position) == (0, 0)
        return
    assert word == pytest.approx(grid.mean(axis=1).var() / grid.var(), rel=1e-9, abs=1e-12)
    assert position == pytest.approx(grid.mean(axis=0).var() / grid.var(), rel=1e-9, abs=1e-12)
    assert word + position == pytest.approx(1, abs=1e-15)


def test_a_prediction_that_does_not_vary_has_no_shares():
    model, embeddings, _ = random_problem(5, 3, seed=0)
    same = embeddings[:1].expand_as(embeddings)
    torch.nn.init.constant_(model.positional_embeddings, 0.1)
    assert prediction_shares(model, same) == (0, 0)
    assert prediction_shares(model, embeddings) == (1, 0)
    torch.nn.init.zeros_(model.head.weight)
    assert prediction_shares(model, embeddings) == (0, 0)


@given(st.integers(1, 5), st.integers(1, 6), SEEDS)
@settings(max_examples=25, deadline=None)
def test_exact_loss_against_all_orders(n, dim, seed):
    model, embeddings, y_true = random_problem(n, dim, seed)
    orders = [list(order) for order in itertools.permutations(range(n))]
    with torch.no_grad():
        losses = [((model(embeddings[order]) - y_true) ** 2).mean().item() for order in orders]
    assert exact_loss(model, embeddings, y_true, shuffle=True) == pytest.approx(np.mean(losses))
    assert exact_loss(model, embeddings, y_true, shuffle=False) == pytest.approx(losses[0])


@given(WORD_LISTS, SEEDS)
@settings(deadline=None)
def test_floor_against_least_squares(words, seed):
    y = np.random.default_rng(seed).normal(size=len(words))
    one_hot = np.equal.outer(words, sorted(set(words))).astype(float)

    def least(inputs, targets):
        solution = np.linalg.lstsq(inputs, targets, rcond=None)[0]
        return np.mean((inputs @ solution - targets) ** 2)

    n = len(words)
    assert loss_floor(words, y, shuffle=False) == pytest.approx(least(one_hot, y), abs=1e-12)
    pairs = np.repeat(one_hot, n, axis=0), np.tile(y, n)  # shuffled: every word at every place
    assert loss_floor(words, y, shuffle=True) == pytest.approx(least(*pairs), abs=1e-12)


def test_floors_known_by_hand():
    thirds = torch.tensor([0, 1 / 3, 2 / 3, 1])
    assert loss_floor(["m", "l", "m", "l"], thirds, shuffle=False) == pytest.approx(1 / 9)
    assert loss_floor(list("abcd"), thirds, shuffle=True) == pytest.approx(5 / 36)
    assert loss_floor(list("abcd"), thirds, shuffle=False) == 0


@given(WORD_LISTS, SEEDS, st.booleans(), st.integers(1, 60), st.floats(0.001, 0.05))
@settings(max_examples=60, deadline=None)
def test_no_model_without_positions_is_below_the_floor(words, seed, shuffle, epochs, lr):
    torch.manual_seed(seed)
    embeddings, y_true = load_word_embeddings(words, "random"), torch.randn(len(words))
    loss = final_loss("none", embeddings, y_true, epochs, lr, shuffle)
    assert math.isnan(loss) or loss >= loss_floor(words, y_true, shuffle) - 1e-6


@pytest.mark.parametrize("dim", [1, 2, 7, 50])
def test_sinusoidal_table_against_the_paper(dim):
    table = sinusoidal_embeddings(30, dim)
    assert table.dtype == torch.float32
    assert table.shape == (30, dim)
    for position in range(30):
        for column in range(dim):
            k = column // 2
            wave = math.cos if column % 2 else math.sin
            expected = wave(position / 10000 ** (2 * k / dim))
            assert table[position, column].item() == pytest.approx(expected, abs=1e-7)


def test_shuffle_moves_the_words_and_not_the_targets():
    orders = []
    torch.manual_seed(0)
    model = PositionalModel(3, 1)
    model.register_forward_pre_hook(lambda _, inputs: orders.append(tuple(inputs[0].T[0].tolist())))
    embeddings = torch.arange(3.0)[:, None]
    y_true = torch.tensor([5.0, -1.0, 2.0])
    list(train(model, embeddings, y_true, epochs=600, lr=0.01, shuffle=True))
    counts = {order: orders.count(order) for order in orders}
    assert counts.keys() == set(itertools.permutations([0.0, 1.0, 2.0]))
    assert all(60 < count < 140 for count in counts.values())  # 100 each but for chance, 4 sigma
    assert embeddings[:, 0].tolist() == [0, 1, 2]
    assert y_true.tolist() == [5, -1, 2]


@pytest.mark.parametrize("source", [None, "random"])
def test_shuffled_the_table_learns_the_order(source):
    torch.manual_seed(0)
    embeddings = load_word_embeddings(FOUR_WORDS, source)
    y_true = torch.tensor([0, 1 / 3, 2 / 3, 1])
    model = PositionalModel(4, 50)
    list(train(model, embeddings, y_true, epochs=500, lr=0.02, shuffle=True))
    loss = exact_loss(model, embeddings, y_true, shuffle=True)
    assert loss < 1e-4
    assert loss < loss_floor(FOUR_WORDS, y_true, shuffle=True) / 100
    assert prediction_shares(model, embeddings)[1] > 0.99
    grid = grid_of(model, embeddings)
    assert np.abs(grid - y_true.numpy()).max() < 0.05  # any word at place i is predicted as y[i]


def test_random_vectors_are_one_for_each_word_from_the_seed():
    torch.manual_seed(5)
    vectors = load_word_embeddings(["a", "b", "a", "c", "b"], "random")
    assert vectors.dtype == torch.float32
    assert vectors.shape == (5, 50)
    assert torch.equal(vectors[0], vectors[2])
    assert torch.equal(vectors[1], vectors[4])
    assert len(set(vectors[:, 0].tolist())) == 3
    torch.manual_seed(5)
    assert torch.equal(load_word_embeddings(["x", "y", "x", "z", "y"], "random"), vectors)
    many = load_word_embeddings([str(i) for i in range(2000)], "random")  # 100,000 numbers
    assert many.mean().abs() < 0.02
    assert abs(many.std() - 1) < 0.02
    assert (many**4).mean() == pytest.approx(3, abs=0.2)


def printed(stdout):
    """What a run says of its evidence: final loss, shares, and the comparison's rows."""
    number = r"(\d\S*)"
    final = float(re.search(rf"^final loss {number}", stdout, re.MULTILINE)[1])
    share = re.search(rf"word {number} %, position {number} %", stdout)
    rows = re.findall(r"^(none|sinusoidal|learned|floor) +(.*)", stdout, re.MULTILINE)
    cells = {row: [float(x) for x in text.split() if x != "diverged"] for row, text in rows}
    return final, [float(x) for x in share.groups()] if share else None, cells


def test_default_run_needs_no_positions(command):
    _, stdout, _ = command()
    final, (word, position), _ = printed(stdout)
    assert position < 1
    assert word + position == pytest.approx(100, abs=0.011)
    assert "The word decides" in stdout
    assert final < 0.01 * float(re.search(r"loss (\S+)", stdout)[1])


def test_shuffled_run_needs_nothing_else(command):
    status, stdout, stderr = command("--shuffle", "--epochs", 500, "--compare")
    assert (status, stderr) == (0, "")
    final, (_, position), cells = printed(stdout)
    assert position > 99
    assert final < 1e-4
    assert "all orders" in stdout
    assert "The position decides" in stdout
    assert cells["floor"] == [pytest.approx(5 / 36, abs=1e-6)]
    assert min(cells["none"]) >= 5 / 36 - 1e-6
    assert max(cells["learned"]) < 1e-4
    assert "every word meets every target" in stdout


def test_repeated_words_need_positions(command):
    _, stdout, _ = command("--words", *["machine", "learning"] * 2, "--epochs", 500, "--compare")
    _, _, cells = printed(stdout)
    assert cells["floor"] == [pytest.approx(1 / 9, abs=1e-6)]
    assert cells["none"] == [pytest.approx(1 / 9, abs=1e-4)] * 2
    assert max(cells["learned"]) < 1e-3


@pytest.mark.parametrize("shuffle", [[], ["--shuffle"]])
def test_the_comparison_repeats_the_run(command, shuffle):
    """The learned cells are the runs that one can type, whatever was run before them."""
    glove, compared = command("--seed", 3, *shuffle), command("--seed", 3, "--compare", *shuffle)
    assert compared[1].startswith(glove[1])
    random = command("--seed", 3, "--vectors", "random", "--compare", *shuffle)
    cells = printed(compared[1])[2]
    assert cells == printed(random[1])[2]
    assert cells["learned"] == [printed(glove[1])[0], printed(random[1])[0]]


def test_a_cell_that_diverges_does_not_end_the_run(command):
    words = ["machine", "learning"] * 2
    status, stdout, stderr = command("--words", *words, "--epochs", 2000, "--compare")
    assert (status, stderr) == (0, "")
    assert re.search(r"^sinusoidal .* diverged$", stdout, re.MULTILINE)
    assert len(printed(stdout)[2]["learned"]) == 2


@pytest.mark.parametrize(
    "options",
    [
        ["--words", "machine"],
        ["--words", *["machine"] * 3],
        ["--words", "machine", "learning", "--epochs", "1"],
        ["--words", "machine", "machine", "--targets", "1", "1"],
        ["--words", *"abcdefghijklmnopqrst", "--vectors", "random"],
        ["--targets", "2", "2", "2", "2"],
    ],
)
@pytest.mark.parametrize("shuffle", [[], ["--shuffle"]])
def test_odd_sequences(capsys, options, shuffle, tmp_path):
    if "--vectors" in options:  # words that the GloVe column of --compare needs not know here
        path = tmp_path / "odd.txt"
        numbers = np.random.default_rng(0).normal(size=(20, 7)).round(4).tolist()
        rows = zip(options[1:21], numbers, strict=True)
        path.write_text("".join(f"{word} {' '.join(map(str, row))}\n" for word, row in rows))
        options = [*options[:-1], str(path)]
    assert main([*options, *shuffle, "--compare"]) == 0
    stdout, stderr = capsys.readouterr()
    assert stderr == ""
    assert "nan" not in stdout
    assert "share of the prediction" in stdout


def test_no_variation_is_said_in_words(command):
    _, stdout, _ = command("--words", "machine")
    assert "%" not in stdout
    assert "the same for every word at every position" in stdout


def test_comparison_with_unknown_words_fails_before_training(refused):
    words = ["--words", "machine", "Learning"]  # random vectors have it, GloVe does not
    assert "'Learning'" in refused(1, "--vectors", "random", *words, "--compare")
