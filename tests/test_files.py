"""Checkpoint and figure: written before the report, whole or not at all, never over each other;
whatever goes wrong costs nobody what was learned, and leaves nothing else behind."""

import itertools
import os
import re
import sys
from unittest.mock import Mock

import pytest
import torch
from conftest import ERROR, FOUR_WORDS

import learnable_positional_embeddings as script_module
from learnable_positional_embeddings import PositionalModel, load_word_embeddings, main, train

OLD = b"an older result"


def trained(epochs, seed=0, targets=(0, 1 / 3, 2 / 3, 1), lr=0.02, shuffle=False):
    """Train through `train` as a run with these options does; return losses and parameters."""
    torch.manual_seed(seed)
    problem = PositionalModel(4, 50), load_word_embeddings(FOUR_WORDS), torch.tensor(targets)
    losses = list(train(*problem, epochs=epochs, lr=lr, shuffle=shuffle))
    return losses, problem[0].state_dict()


def assert_keeps(path, epochs, stdout=None, **options):
    """Assert that a checkpoint holds what so many epochs give, bit for bit, and stdout too."""
    losses, parameters = trained(epochs, **options)
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint["losses"] == losses
    torch.testing.assert_close(checkpoint["model_state_dict"], parameters, rtol=0, atol=0)
    if stdout is not None:
        printed = re.findall(r"^epoch .* loss (\S+)$", stdout, re.MULTILINE)
        assert list(map(float, printed)) == pytest.approx(losses, rel=1e-4)
        table, weight, bias = parameters.values()
        y_pred = (load_word_embeddings(FOUR_WORDS) + table) @ weight[0] + bias
        printed = re.findall(r"^ +\d  \w+ +\S+ +(\S+)", stdout, re.MULTILINE)
        assert list(map(float, printed)) == pytest.approx(y_pred.tolist(), abs=2e-6)
        assert "\nfinal loss " in stdout


def train_until(epochs, event):
    """Return a `train` to put in place of the script's: after so many epochs something happens."""

    def losses(*args, **kwargs):
        all_losses = train(*args, **kwargs)
        yield from itertools.islice(all_losses, epochs)
        event()
        yield from all_losses

    return losses


def test_a_checkpoint_comes_back_bit_for_bit(command, tmp_path):
    path, other = tmp_path / "model.pt", tmp_path / "other"
    other.write_text("")
    targets, options = [-1, 2.5, 0, 7], ["--shuffle", "--epochs", 30, "--seed", 4, "--lr", 0.001]
    status, stdout, stderr = command("--save", path, "--targets", *targets, *options)
    assert (status, stderr) == (0, "")
    assert_keeps(path, 30, stdout, seed=4, targets=targets, lr=0.001, shuffle=True)
    assert [float(y) for y in re.findall(r"\n +\d  \w+ +(\S+)", stdout)] == targets
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint.keys() == {"model_state_dict", "word_embeddings", "losses", "options"}
    assert torch.equal(checkpoint["word_embeddings"], load_word_embeddings(FOUR_WORDS))
    assert {"words": FOUR_WORDS, "seed": 4, "lr": 0.001}.items() <= checkpoint["options"].items()
    assert path.stat().st_mode == other.stat().st_mode  # that of any new file


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX, to make symbolic links")
def test_a_link_stays_a_link_and_names_the_same_file(command, refused, tmp_path):
    path, link = tmp_path / "one.png", tmp_path / "link.png"
    link.symlink_to(path)
    assert command("--save", link)[0] == 0 and link.is_symlink()
    for one, two in itertools.permutations(["--save", "--plot", "--vectors"], 2):
        for name in (path, f"{tmp_path}/../{tmp_path.name}/one.png", link):
            line = refused(2, one, path, two, name)
            assert one in line and two in line
    assert len(os.listdir(tmp_path)) == 2
    assert_keeps(path, 20)


@pytest.mark.parametrize("option", ["--save", "--plot"])
def test_what_cannot_be_written_is_refused_before(refused, tmp_path, monkeypatch, option):
    (tmp_path / "file.png").write_bytes(OLD)
    (tmp_path / "folder.png").mkdir()
    names = ["no/a.png", "file.png/a.png", "folder.png", "folder.png/", "a.png/", "", "a" * 300]
    for place in ["", "/dev/null", *(f"{tmp_path}/{name}" for name in names)]:
        assert option in refused(2, option, place)
    for name in ["a.jpg", "a", "png", "a.png.gz"]:
        assert ".png, .svg or .pdf" in refused(2, "--plot", tmp_path / name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install matplotlib" in refused(2, "--plot", tmp_path / "figure.png")
    assert ((tmp_path / "file.png").read_bytes(), len(os.listdir(tmp_path))) == (OLD, 2)


FAULTS = [(ValueError("no\nfont"), 1, "error: cannot write .*: no font")]
FAULTS += [(KeyboardInterrupt(), 130, "interrupted")]


@pytest.mark.parametrize("writer", ["torch.save", "os.replace", "matplotlib.figure.Figure.savefig"])
@pytest.mark.parametrize(("fault", "status", "line"), FAULTS)
def test_what_stops_the_writing(command, tmp_path, monkeypatch, writer, fault, status, line):
    results, model, figure = command()[1], tmp_path / "model.pt", tmp_path / "figure.png"
    model.write_bytes(OLD)
    figure.write_bytes(OLD)
    monkeypatch.setattr(writer, Mock(side_effect=fault))
    returned, stdout, stderr = command("--save", model, "--plot", figure)
    assert (returned, stdout) == (status, results)
    assert re.fullmatch(rf"learnable_positional_embeddings.py: {line}\n", stderr)
    assert (figure.read_bytes(), len(os.listdir(tmp_path))) == (OLD, 2)
    assert (model.read_bytes() == OLD) == ("figure" not in writer)


FULL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
KILLED = "import os; os.replace = lambda *paths: os.kill(os.getpid(), 9)\n"
NO_BACKEND = "import os; os.environ['MPLBACKEND'] = 'not-a-backend'\n"
IN_A_PROCESS = [(FULL_DISK, 1, "model.pt'"), (KILLED, -9, ""), (NO_BACKEND, 1, ".png': .*backend")]


@pytest.mark.parametrize(("program", "status", "said"), IN_A_PROCESS)
def test_full_disk_and_kill_and_backend(script, command, tmp_path, site, program, status, said):
    pytest.importorskip("resource", reason="needs POSIX, to limit files and to kill")
    path = tmp_path / "model.pt"
    path.write_bytes(OLD)
    with open(site / "sitecustomize.py", "a") as file:
        file.write(program)
    process = script("--save", path, "--plot", tmp_path / "figure.png")
    stdout, stderr = process.communicate()
    assert process.returncode == status
    assert (path.read_bytes() == OLD) == (program != NO_BACKEND)
    if program != KILLED:
        assert (stdout, os.listdir(tmp_path)) == (command()[1], ["model.pt"])
        assert re.fullmatch(f"{ERROR}cannot write .*{said}.*\n", stderr)
    assert command("--save", path)[0] == 0  # what a dead run left behind is in nobody's way
    assert_keeps(path, 20)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX, where a broken pipe has its own error")
@pytest.mark.parametrize("epochs", [0, 3, 20])  # 20: at the first line of the report
def test_a_reader_who_goes_away_costs_nothing(command, tmp_path, monkeypatch, epochs):
    reader, writer = os.pipe()
    with open(writer, "w") as stdout, monkeypatch.context() as patch:
        patch.setattr(script_module, "train", train_until(epochs, lambda: os.close(reader)))
        patch.setattr(sys, "stdout", stdout)
        assert command("--save", tmp_path / "model.pt")[2] == ""
    assert_keeps(tmp_path / "model.pt", min(epochs + 1, 20))


def test_two_runs_that_write_one_file_at_once(command, tmp_path, monkeypatch):
    path, foreign = tmp_path / "model.pt", tmp_path / f".model.pt.{os.getpid()}"
    replace = os.replace
    foreign.write_bytes(OLD)

    def replace_after_another_run(*paths):
        monkeypatch.setattr(os, "replace", replace)
        assert main(["--save", str(path), "--epochs", "3"]) == 0
        replace(*paths)

    monkeypatch.setattr(os, "replace", replace_after_another_run)
    assert command("--save", path)[::2] == (0, "")
    assert_keeps(path, 20)  # the last one moved there, whole
    assert (foreign.read_bytes(), len(os.listdir(tmp_path))) == (OLD, 2)
