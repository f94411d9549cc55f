"""Files are written before the report, whole or not at all, and nothing costs what was learned."""

import errno
import os
import signal
import sys
import tempfile
from unittest.mock import Mock

import pytest
import torch
from conftest import FOUR_WORDS, OLD, POSIX

import learnable_positional_embeddings as lpe

FIGURE, MOVE = "learnable_positional_embeddings.draw_figure", "pathlib.Path.replace"
FAULTS = [("torch.save", ValueError("no\nnumber"), 1), (FIGURE, ValueError("no\nfont"), 1)]
FAULTS += [(MOVE, OSError(errno.ENOSPC, "full"), 1), (MOVE, KeyboardInterrupt(), 130)]
INTERRUPTED = (130, "learnable_positional_embeddings.py: interrupted\n")
MOMENTS = [("words", 0), ("epoch  7", 7), ("epoch 20", 20), ("positional", 20), ("none  ", 20)]


def assert_keeps(path, epochs, seed=0, shuffle=False):
    """Assert that a checkpoint holds what so many epochs give, bit for bit; return it."""
    torch.manual_seed(seed)
    vectors, y_true = lpe.load_word_embeddings(FOUR_WORDS), torch.tensor([0, 1 / 3, 2 / 3, 1])
    model = lpe.PositionalModel(4, 50)
    losses = lpe.train(model, vectors, y_true, epochs=epochs, lr=0.02, shuffle=shuffle)
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint["losses"] == losses
    torch.testing.assert_close(checkpoint["model_state_dict"], model.state_dict(), rtol=0, atol=0)
    return checkpoint


def after_line(monkeypatch, start, event):
    """Let something happen once the script has printed a line that starts so."""

    def print_and_then(*args, **kwargs):
        print(*args, **kwargs)
        if args and str(args[0]).lstrip().startswith(start):
            event()

    monkeypatch.setattr(lpe, "print", print_and_then, raising=False)


def test_a_checkpoint_comes_back_bit_for_bit(command, tmp_path, old, monkeypatch):
    path, options = tmp_path / "model.pt", ["--shuffle", "--epochs", 30, "--seed", 4]
    with monkeypatch.context() as patch:  # it is made beside its place, so that it can be moved
        patch.setattr(tempfile, "tempdir", "nowhere")
        assert command("--save", path, *options)[::2] == (0, "")
    checkpoint = assert_keeps(path, 30, seed=4, shuffle=True)
    assert torch.equal(checkpoint["word_embeddings"], lpe.load_word_embeddings(FOUR_WORDS))
    assert {"words": FOUR_WORDS, "seed": 4, "lr": 0.02}.items() <= checkpoint["options"].items()
    assert path.stat().st_mode == old.stat().st_mode  # that of any new file


@POSIX
def test_a_link_stays_a_link_and_a_file_keeps_its_mode(command, tmp_path):
    link, path = tmp_path / "link", tmp_path / "model.pt"
    link.symlink_to(path)
    assert command("--save", link, "--epochs", 1)[0] == 0
    path.chmod(0o600)
    assert command("--save", link)[0] == 0
    assert link.is_symlink() and path.stat().st_mode == 0o100600
    assert_keeps(path, 20)


@pytest.mark.parametrize("fault", [errno.EBUSY, errno.EPERM, errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("where", [MOVE, "tempfile.mkdtemp"])
def test_what_cannot_be_replaced_is_written_in_place(command, old, monkeypatch, where, fault):
    monkeypatch.setattr(where, Mock(side_effect=OSError(fault, "a mounted file, a foreign folder")))
    assert command("--save", old)[::2] == (0, "")
    assert_keeps(old, 20)
    assert os.listdir(old.parent) == [old.name]


@pytest.mark.parametrize(("where", "fault", "status"), FAULTS)
def test_what_stops_the_writing_keeps_the_old_file(command, old, monkeypatch, where, fault, status):
    if where == FIGURE:
        pytest.importorskip("matplotlib", reason="needs matplotlib")
    monkeypatch.chdir(old.parent)  # nothing may be left there either
    report, option = command()[1], "--plot" if where == FIGURE else "--save"
    monkeypatch.setattr(where, Mock(side_effect=fault))
    returned, stdout, stderr = command(option, old)
    assert (returned, stdout, stderr.count("\n")) == (status, report, 1)
    assert ("cannot write" if status == 1 else "interrupted") in stderr
    assert (old.read_bytes(), os.listdir(old.parent)) == (OLD, [old.name])


@POSIX
def test_save_and_plot_do_not_name_one_file(refused, old, tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    (tmp_path / "link").symlink_to(old)
    for name in (old, tmp_path / "link", f"{tmp_path}/../{tmp_path.name}/old.png"):
        assert "--save" in refused(2, "--save", name, "--plot", old)


@pytest.mark.parametrize("option", ["--save", "--plot"])
def test_what_cannot_be_written_is_refused_before_training(refused, old, monkeypatch, option):
    (old.parent / "folder.png").mkdir()
    names = ["no/a.png", "old.png/a.png", "folder.png", "folder.png/", "a.png/", "a" * 300]
    for place in ["", "/dev/null", *(f"{old.parent}/{name}" for name in names)]:
        assert option in refused(2, option, place, "--epochs", 0)  # nothing is ever written there
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install matplotlib" in refused(2, "--plot", old)
    assert (old.read_bytes(), len(os.listdir(old.parent))) == (OLD, 2)


def test_a_letter_that_the_font_lacks_is_a_warning(command, old):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    with pytest.warns(UserWarning, match="missing from font"):
        assert command("--words", "\u673a", "--vectors", "random", "--plot", old)[0] == 0


@pytest.mark.parametrize(("line", "epochs"), MOMENTS)
def test_ctrl_c_keeps_and_reports_what_was_learned(command, old, monkeypatch, line, epochs):
    after_line(monkeypatch, line, Mock(side_effect=KeyboardInterrupt))
    status, stdout, stderr = command("--save", old, "--compare")
    assert (status, stderr) == INTERRUPTED
    assert_keeps(old, epochs)
    assert ("\nloss after training" in stdout) == (line != "positional")  # that is in the report
    assert ("\nnone  " in stdout) == (line == "none  ")  # and that in the comparison


@POSIX
@pytest.mark.parametrize(("line", "epochs"), MOMENTS)
def test_a_reader_who_goes_away_costs_nothing(command, old, monkeypatch, line, epochs):
    reader, writer = os.pipe()
    after_line(monkeypatch, line, lambda: os.close(reader))
    with open(writer, "w") as stdout, monkeypatch.context() as patch:  # in the end it is flushed
        patch.setattr(sys, "stdout", stdout)
        assert command("--save", old, "--compare")[2] == ""
    assert_keeps(old, 8 if epochs == 7 else epochs)  # it is noticed one line later


@POSIX
def test_a_true_ctrl_c(script, old):
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    process = script("--epochs", 10**8, "--save", old, "--compare", **heard)
    assert any(line.startswith("epoch") for line in process.stdout)  # it has begun to train
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate()
    assert (process.returncode, stderr) == INTERRUPTED
    assert "\nloss after training" in stdout and "\nnone  " not in stdout
    assert torch.load(old, weights_only=True)["losses"] != []
