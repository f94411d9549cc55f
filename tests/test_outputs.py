"""Checkpoint, figure and interruption: nothing lost, nothing half-written."""

import os
import re
import resource
import signal
import subprocess
import sys

import pytest
import torch
from conftest import FOUR_WORDS, ROOT, SCRIPT

import learnable_positional_embeddings as script_module
from learnable_positional_embeddings import (
    PositionalModel,
    draw_figure,
    load_word_embeddings,
    prediction_shares,
    print_losses,
    train,
)


def trained(words, epochs=5):
    """A small trained model on random vectors, its losses and its word embeddings."""
    torch.manual_seed(0)
    embeddings = load_word_embeddings(words, "random")
    model = PositionalModel(*embeddings.shape)
    y_true = torch.linspace(0, 1, len(words))
    return model, list(train(model, embeddings, y_true, epochs=epochs, lr=0.01)), embeddings


def test_checkpoint_comes_back_bit_for_bit(command, tmp_path):
    path = tmp_path / "model.pt"
    status, stdout, stderr = command("--save", path, "--shuffle", "--epochs", 30, "--seed", 4)
    assert (status, stderr) == (0, "")
    assert os.listdir(tmp_path) == ["model.pt"]

    torch.manual_seed(4)
    embeddings = load_word_embeddings(FOUR_WORDS)
    model, y_true = PositionalModel(4, 50), torch.arange(4) / 3
    losses = list(train(model, embeddings, y_true, epochs=30, lr=0.02, shuffle=True))

    checkpoint = torch.load(path, weights_only=True)
    state = checkpoint["model_state_dict"]
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(checkpoint["word_embeddings"], embeddings)
    assert checkpoint["words"] == FOUR_WORDS
    assert checkpoint["vectors"].startswith("glove-wiki-gigaword-50")
    assert checkpoint["losses"] == losses
    assert checkpoint["options"]["seed"] == 4
    assert checkpoint["options"]["shuffle"] is True

    again = PositionalModel(*checkpoint["word_embeddings"].shape)
    again.load_state_dict(state)
    predictions = again(checkpoint["word_embeddings"])
    assert torch.equal(predictions, model(embeddings))
    printed = re.findall(r"^ +\d  \w+ +\S+ +(\S+)$", stdout, re.MULTILINE)
    assert [float(y) for y in printed] == pytest.approx(predictions.tolist(), abs=5.1e-7)


def test_a_checkpoint_has_the_modes_of_any_new_file(command, tmp_path):
    (tmp_path / "any").write_text("")
    assert command("--save", tmp_path / "model.pt")[0] == 0
    assert (tmp_path / "model.pt").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_link_stays_a_link(command, tmp_path):
    (tmp_path / "link.pt").symlink_to(tmp_path / "model.pt")
    assert command("--save", tmp_path / "link.pt")[0] == 0
    assert (tmp_path / "link.pt").is_symlink()
    assert torch.load(tmp_path / "model.pt", weights_only=True)


def limit_file_size():
    """Let the file system refuse all but the first 4 KiB of a file, as a full disk does."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.parametrize("option", [["--save", "out.pt"], ["--plot", "out.png"]])
def test_a_full_disk_leaves_the_old_file_whole(environment, tmp_path, option):
    old = tmp_path / option[1]
    old.write_bytes(b"an older result")
    run = subprocess.run(
        [sys.executable, SCRIPT, *option],
        cwd=tmp_path,
        env=environment | {"MPLCONFIGDIR": str(tmp_path / "site")},
        preexec_fn=limit_file_size,
        capture_output=True,
        check=False,
        text=True,
    )
    assert run.returncode == 1
    assert "positional embeddings" in run.stdout
    line = run.stderr.splitlines()[-1]  # before it matplotlib may say that it has no room either
    assert line.startswith(f"{SCRIPT.name}: error: cannot write {option[1]}: ")
    assert old.read_bytes() == b"an older result"
    assert {path.name for path in tmp_path.iterdir()} == {"site", "tmp", old.name}


def test_kill_before_the_file_is_in_place_leaves_the_old_one_whole(environment, tmp_path):
    old = tmp_path / "model.pt"
    old.write_bytes(b"an older result")
    kill = "import os, signal\nos.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)\n"
    with open(tmp_path / "site" / "sitecustomize.py", "a") as file:
        file.write(kill)

    def save(env):
        command = [sys.executable, SCRIPT, "--save", "model.pt"]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False)

    assert save(environment).returncode == -signal.SIGKILL
    assert old.read_bytes() == b"an older result"
    assert save(os.environ).returncode == 0
    assert torch.load(old, weights_only=True)["words"] == FOUR_WORDS


@pytest.mark.parametrize("option", ["--save", "--plot"])
def test_a_folder_or_device_is_refused_before_training(refused, tmp_path, option):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    for path in ["missing/model.png", "file/model.png", "folder.png"]:
        assert option in refused(2, option, tmp_path / path)
    if os.path.exists("/dev/null"):
        assert option in refused(2, option, "/dev/null")
        assert not os.path.isfile("/dev/null")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.png"]


@pytest.mark.parametrize("name", ["figure.jpg", "figure", "png", "figure.png.gz"])
def test_other_formats_are_refused_before_training(refused, tmp_path, name):
    assert ".png, .svg or .pdf" in refused(2, "--plot", tmp_path / name)


def test_without_matplotlib_the_error_says_how_to_install_it(refused, tmp_path, monkeypatch):
    for name in ["matplotlib", "matplotlib.figure"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert "pip install matplotlib" in refused(2, "--plot", tmp_path / "figure.png")


@pytest.mark.parametrize(
    ("name", "start"), [("f.png", b"\x89PNG"), ("f.svg", b"<?xml"), ("f.PDF", b"%PDF")]
)
def test_figure_formats(command, tmp_path, name, start):
    status, _, stderr = command("--plot", tmp_path / name)
    assert (status, stderr) == (0, "")
    assert (tmp_path / name).read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("n", [1, 4, 12, 40, 41, 100])
def test_the_figure_holds_the_models_numbers(n):
    words = [f"word{i % 30}" for i in range(n)]
    model, losses, embeddings = trained(words)
    shown = min(n, 40)
    loss, grid, table = draw_figure(words, losses, model, embeddings).axes[:3]

    assert loss.get_yscale() == "log"
    (line,) = loss.get_lines()
    assert line.get_xdata().tolist() == [1, 2, 3, 4, 5]
    assert line.get_ydata().tolist() == losses

    (image,) = table.get_images()
    expected = model.positional_embeddings.detach()[:shown]
    assert torch.equal(torch.as_tensor(image.get_array().data), expected)
    low, high = image.get_clim()
    assert low == -high == -expected.abs().max().item()
    assert image.colorbar is not None
    labels = [label.get_text() for label in table.get_yticklabels()]
    assert labels == [f"{i} {words[i]}" for i in range(shown)]

    (image,) = grid.get_images()
    with torch.no_grad():  # every word at every place, through the model itself
        expected = torch.stack([model(word.expand_as(embeddings)) for word in embeddings])
    shown_grid = torch.as_tensor(image.get_array().data).float()
    torch.testing.assert_close(shown_grid, expected[:shown, :shown], atol=1e-6, rtol=0)
    assert [label.get_text() for label in grid.get_yticklabels()] == words[:shown]
    word, position = prediction_shares(model, embeddings)
    if n > 1:
        assert f"word {word:.2%}, position {position:.2%}".replace("%", " %") in grid.get_title()
    assert (f"first 40 of {n}" in table.get_title()) == (n > 40)


def test_words_that_look_like_mathematics_or_have_no_glyph(command, tmp_path):
    words = ["$a$", "\\frac{", "b_{$", "机器"]
    options = ["--vectors", "random", "--plot", tmp_path / "f.png"]
    assert command("--words", *words, *options)[::2] == (0, "")


def start(environment, tmp_path, *options):
    """Start the script in a process group of its own; return it once it has begun to train."""
    process = subprocess.Popen(
        [sys.executable, *options],
        cwd=tmp_path,
        env=environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("epoch"):
            return process, line
    raise AssertionError(process.stderr.read())


def test_ctrl_c_ends_training_and_keeps_the_results(environment, tmp_path):
    options = ["--epochs", "10000000", "--save", "model.pt", "--plot", "f.svg", "--compare"]
    process, _ = start(environment, tmp_path, SCRIPT, *options)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    last = int(re.findall(r"^epoch +(\d+)/10000000", stdout, re.MULTILINE)[-1])
    assert re.fullmatch(rf"\S+: interrupted after epoch {last} of 10000000\n", stderr)
    for said in ["final loss", "y_pred", "positional embeddings", "share of the prediction"]:
        assert said in stdout
    checkpoint = torch.load(tmp_path / "model.pt", weights_only=True)
    assert len(checkpoint["losses"]) == last
    assert (tmp_path / "f.svg").read_text().rstrip().endswith("</svg>")

    torch.manual_seed(0)
    model = PositionalModel(4, 50)
    embeddings = load_word_embeddings(FOUR_WORDS)
    list(train(model, embeddings, torch.arange(4) / 3, epochs=last, lr=0.02))
    state = checkpoint["model_state_dict"]
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())


def test_a_second_ctrl_c_ends_at_once(environment, tmp_path):
    program = (
        "import sys, time; sys.path.insert(0, sys.argv.pop(1));"
        "import learnable_positional_embeddings as script; step = script.train;"
        "script.train = lambda *a, **k: ((time.sleep(60 * (i > 0)), loss)[1]"
        "    for i, loss in enumerate(step(*a, **k)));"
        "sys.exit(script.main(sys.argv[1:]))"
    )
    process, _ = start(environment, tmp_path, "-c", program, str(ROOT), "--save", "model.pt")
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)  # the epoch under way is a long one
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert re.fullmatch(r"\S+: interrupted\n", stderr)
    assert "final loss" not in stdout
    assert not (tmp_path / "model.pt").exists()


def test_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)

    def losses():
        for loss in [3.0, 2.0, 1.0]:
            if loss == 2.0:
                os.kill(os.getpid(), signal.SIGINT)
            yield loss

    assert print_losses(losses(), 3) == [3.0, 2.0]  # the epoch under way is the last
    assert signal.getsignal(signal.SIGINT) == before


def test_ctrl_c_outside_training_is_no_traceback(command, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(script_module, "load_word_embeddings", interrupt)
    assert command() == (130, "", "learnable_positional_embeddings.py: interrupted\n")
