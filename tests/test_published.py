"""What is known from elsewhere: the two notebooks this comes from, and torch.optim.SGD."""

import copy

import pytest
import torch

import learnable_positional_embeddings as lpe

WITH_GLOVE = [22.6534, 12.7426, 7.1677, 4.0318, 2.2679, 1.2757, 0.7176, 0.4036, 0.2270, 0.1277]
WITH_GLOVE += [0.0718, 0.0404, 0.0227, 0.0128, 0.0072, 0.0040, 0.0023, 0.0013, 0.0007, 0.0004]
WITHOUT_GLOVE = [1.5351, 1.1091, 0.8013, 0.5790, 0.4183, 0.3022, 0.2184, 0.1578, 0.1140, 0.0824]
WITHOUT_GLOVE += [0.0595, 0.0430, 0.0311, 0.0224, 0.0162, 0.0117, 0.0085, 0.0061, 0.0044, 0.0032]
DIGITS = 5.1e-5  # half of the last digit that they published


def random_problem(n, dim, dtype=torch.float64, fixed_head=False):
    """Return a model with a random table, word embeddings (n, dim) and targets (n,)."""
    torch.manual_seed(n)
    model = lpe.PositionalModel(n, dim, fixed_head).to(dtype)
    torch.nn.init.normal_(model.positional_embeddings)
    return model, torch.randn(n, dim, dtype=dtype), torch.randn(n, dtype=dtype)


def test_the_notebook_with_glove(command, tmp_path):
    options = ["--fixed-head", "--targets", 0.6, 0.9, 1.7, 2.5, "--lr", 0.01]
    assert command(*options, "--save", tmp_path / "run.pt")[0] == 0
    run = torch.load(tmp_path / "run.pt", weights_only=True)
    assert run["losses"] == pytest.approx(WITH_GLOVE, abs=DIGITS)
    rows = torch.tensor([[-0.1725], [0.0012], [-0.0015], [-0.0790]]).expand(4, 50)
    table = run["model_state_dict"]["positional_embeddings"]
    torch.testing.assert_close(table, rows, rtol=0, atol=DIGITS)


def test_the_notebook_without_glove():
    """Its cell had run before: it published the epochs 6 to 25."""
    words = torch.tensor([[0.2, 0.1, 0.3], [0.5, 0.4, 0.6], [0.9, 0.7, 0.8], [1.2, 1.1, 1.0]])
    model = lpe.PositionalModel(4, 3, fixed_head=True)
    model.positional_embeddings.data = torch.arange(1, 13).reshape(4, 3) / 10
    losses = lpe.train(model, words, torch.tensor([0.6, 0.9, 1.7, 2.5]), epochs=25, lr=0.1)
    assert losses[5:] == pytest.approx(WITHOUT_GLOVE, abs=DIGITS)
    q = 1 - 2 * 0.1 * 3 / 4  # 1 - 2 lr |w|² / n, whatever the words and targets
    assert losses == pytest.approx([losses[0] * q ** (2 * k) for k in range(25)], rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("fixed_head", [False, True])
@pytest.mark.parametrize("epochs", [1, 200])  # in a call
def test_train_is_torch_optim_sgd_bit_for_bit(dtype, shuffle, fixed_head, epochs):
    model, words, y_true = random_problem(5, 8, dtype, fixed_head)
    theirs, losses, expected = copy.deepcopy(model), [], []
    optimizer = torch.optim.SGD([p for p in theirs.parameters() if p.requires_grad], lr=0.03)
    torch.manual_seed(1)
    for _ in range(200):
        sequence = words[torch.randperm(5)] if shuffle else words
        loss = torch.nn.functional.mse_loss(theirs(sequence), y_true)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    torch.manual_seed(1)
    while len(losses) < 200:
        losses += lpe.train(model, words, y_true, epochs=epochs, lr=0.03, shuffle=shuffle)
    assert losses == expected
    assert all(map(torch.equal, model.parameters(), theirs.parameters()))
