"""Ctrl-C: whenever it comes, one line and status 130; what was learned is kept and reported."""

import os
import signal
from functools import partial

import pytest
import torch
from test_files import assert_keeps, train_until, trained

import learnable_positional_embeddings as script_module

INTERRUPTED = (130, "learnable_positional_embeddings.py: interrupted\n")
HANDLER = signal.getsignal(signal.SIGINT)


def ctrl_c(*args):
    assert signal.getsignal(signal.SIGINT) is HANDLER
    raise KeyboardInterrupt


def print_the_last_epoch(*args, **kwargs):
    print(*args, **kwargs)
    if args and str(args[0]).startswith("epoch 20/20"):
        ctrl_c()


MOMENTS = [("train", train_until(epochs, ctrl_c), epochs) for epochs in (0, 1, 7, 20)]  # of 20
MOMENTS += [("print", print_the_last_epoch, 20)]


@pytest.mark.parametrize(("name", "interrupted", "epochs"), MOMENTS)
def test_ctrl_c_keeps_what_was_learned(command, tmp_path, monkeypatch, name, interrupted, epochs):
    monkeypatch.setattr(script_module, name, interrupted, raising=False)
    model, figure = tmp_path / "model.pt", tmp_path / "figure.png"
    status, stdout, stderr = command("--save", model, "--plot", figure, "--compare")
    assert (status, stderr) == INTERRUPTED
    assert_keeps(model, epochs, stdout)
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "learned 0" not in stdout  # a row of the comparison
    assert signal.getsignal(signal.SIGINT) is HANDLER


@pytest.mark.parametrize("begun", ["parse_args", "load_word_embeddings", "sinusoidal_embeddings"])
def test_ctrl_c_before_training_and_in_the_comparison(command, monkeypatch, begun):
    results = command()[1] if begun == "sinusoidal_embeddings" else ""
    monkeypatch.setattr(script_module, begun, ctrl_c)
    status, stdout, stderr = command("--compare")
    assert (status, stderr) == INTERRUPTED
    assert stdout.startswith(results) and bool(stdout) == bool(results)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX, to send Ctrl-C to one program")
def test_a_true_ctrl_c(script, tmp_path):
    path, hear = tmp_path / "model.pt", partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = script("--epochs", 10**8, "--save", path, "--compare", preexec_fn=hear)
    assert any(line.startswith("epoch") for line in process.stdout)  # it has begun to train
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate()
    assert (process.returncode, stderr) == INTERRUPTED
    assert ("\nfinal loss " in stdout, "learned 0" in stdout) == (True, False)
    checkpoint = torch.load(path, weights_only=True)
    losses, before = trained(len(checkpoint["losses"]))
    _, after = trained(len(losses) + 1)  # a step may be done whose loss was not yet kept
    assert checkpoint["losses"] == losses
    for name, tensor in checkpoint["model_state_dict"].items():
        assert torch.equal(tensor, before[name]) or torch.equal(tensor, after[name])
