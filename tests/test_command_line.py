"""The command line: what is refused and how, what a run needs, and what it leaves alone."""

import io
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout

import pytest
import torch
from conftest import ERROR, FOUR_WORDS, POSIX, ROOT, SCRIPT

import learnable_positional_embeddings as lpe

EXAMPLES = re.findall(rf"(?m)^ +python {SCRIPT.name}(.*)$", lpe.__doc__)


@pytest.fixture(autouse=True)
def current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# ---- what is refused: status 2, nothing on stdout and one line (all checked by `refused`)


@pytest.mark.parametrize(
    "line",
    [
        "--epochs 0",
        "--epochs 2.5",
        "--lr 0",
        "--lr -1e-9",
        "--lr nan",
        "--lr 1e+39",
        "--seed -1",
        "--seed 0.5",
        f"--seed {2**63}",
        "--targets 0",
        "--targets 0 1 2",
        "--targets 0 nan",
        "--targets 0 1e+39",
        "--targets 0 \u22121",
        "--plot a.jpg",
        "--plot png",
        "--plot a.png/",
    ],
)
def test_a_value_that_makes_no_sense_is_named_with_its_option(refused, line):
    option, *_, value = line.split()
    message = refused(2, "--words", "machine", "learning", *line.split())
    assert message.startswith(f"argument {option}: ")
    assert value.replace("-1e-9", "-1e-09") in message


def test_it_is_said_how_many_targets_are_needed(refused):
    assert "3 words need 3 " in refused(2, "--words", "a", "b", "c", "--targets", 1, 2)


@pytest.mark.parametrize("word", ["machine learning", "machine ", "a\tb", "a\u00a0b", ""])
def test_a_word_with_a_blank_is_answered_with_what_to_type(refused, word):
    assert f"{word!r} is not one word: type words apart" in refused(2, "--words", "good", word)


@pytest.mark.parametrize("dash", ["\u2013", "\u2014", "\u2212", "\u2013\u2013", "\u2013-"])
def test_a_long_dash_of_an_editor_is_answered_with_two_hyphens(refused, dash):
    message = f"{dash}epochs: type two hyphens, --epochs"
    assert refused(2, "--words", "machine", f"{dash}epochs", 5) == message


@pytest.mark.parametrize("option", ["--words=--", "--vectors=--", "--save=--", "--vectors="])
def test_two_hyphens_or_nothing_are_no_value(refused, option):
    assert option.rstrip("-=") in refused(2, option)


@pytest.mark.parametrize(
    "line",
    [
        "--vectors v.png --save link.png",
        "--save v.png --plot ./v.png",
    ],
)
def test_a_file_named_twice_is_refused_and_stays(refused, tmp_path, line):
    pytest.importorskip("matplotlib")
    file = tmp_path / "v.png"
    file.write_text("machine 1 2\n")
    (tmp_path / "link.png").symlink_to(file)
    assert "need files of their own" in refused(2, "--words", "machine", *line.split())
    assert file.read_text() == "machine 1 2\n"


def test_a_matplotlib_that_fails_is_answered_with_what_to_type(refused, tmp_path, monkeypatch):
    (tmp_path / "matplotlib.py").write_text("raise AttributeError('too old')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    message = refused(2, "--plot", "figure.png")
    assert "--plot: needs matplotlib: too old: " in message
    assert f"type {sys.executable} -m pip install" in message


# ---- what is taken


def test_every_option_and_its_default_is_in_the_help(command):
    text = command("--help")[1]
    options = "words targets vectors shuffle fixed-head compare epochs lr seed save plot"
    assert re.findall(r"(?m)^  --(\S+)", text) == options.split()
    defaults = re.findall(r"\(default: ([^)]*)\)", " ".join(text.split()))
    assert defaults == [" ".join(FOUR_WORDS), "evenly, 0 to 1", "20", "0.02", "0"]
    assert "training  20 epochs, lr 0.02, seed 0\n" in command()[1]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_help_runs(command, example):
    pytest.importorskip("matplotlib")
    assert command(*example.split())[::2] == (0, "")


@pytest.mark.parametrize(
    ("line", "y_true"),
    [
        ("machine machine --targets -1e-3 -.5E1", ["-0.001000", "-5.000000"]),
        ("machine machine", ["0.000000", "1.000000"]),
        ("machine", ["0.000000"]),
    ],
)
def test_targets_are_those_typed_or_run_from_0_to_1(command, line, y_true):
    stdout = command("--epochs", 1, "--words", *line.split())[1]
    assert re.findall(r"(?m)^ +\d  machine +(\S+)", stdout) == y_true


@pytest.mark.parametrize(
    "line",
    [
        f"--seed {2**63 - 1} --compare",
        "--lr 1e-300",
        "--words \u2013 --vectors random",
    ],
)
def test_what_is_just_good_is_taken(command, line):
    assert command("--epochs", 1, *line.split())[::2] == (0, "")


@pytest.mark.parametrize("line", ["", "--shuffle", "--vectors random"])
def test_the_same_seed_prints_the_same_bytes_and_another_does_not(command, line):
    options = ["--epochs", 2, *line.split(), "--seed"]
    first, again, other = (command(*options, seed)[1] for seed in (5, 5, 6))
    assert first == again
    assert first != other.replace("seed 6", "seed 5")


# ---- overflow


@pytest.mark.parametrize(
    "line",
    [
        "--lr 5",
        "--lr 5 --shuffle --compare",
        "--lr 1e20 --epochs 1",  # only the loss after the last step
        "--lr 1e30",
        "--lr 3e38",  # nan
        "--targets 0 0 0 1e30",  # the first loss
    ],
)
def test_an_overflow_is_one_line_and_no_number_of_it_is_printed(command, line):
    status, stdout, stderr = command(*line.split(), "--save", "model.pt")
    assert status == 1
    assert re.fullmatch(f"{ERROR}the loss overflows: try a smaller --lr.*\n", stderr)
    assert not re.search("inf|nan|positional|median", stdout)
    assert os.listdir() == []


def test_losses_whose_sum_would_overflow_are_fine(command):
    """Each is 4.1e18² = 1.681e37, and forty of them are twice what float32 holds."""
    line = "--words machine --targets 4.1e18 --lr 1e-30 --epochs 40"
    assert "positional embeddings" in command(*line.split())[1]


# ---- stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_stdout_that_is_full_is_an_error_of_one_line(command):
    with open("/dev/full", "w") as full, redirect_stdout(full):
        status, _, stderr = command("--epochs", 1)
    assert status == 1
    assert re.fullmatch(f"{ERROR}cannot write the results: .*\n", stderr)


def test_a_reader_who_has_gone_is_no_error(command):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as pipe, redirect_stdout(pipe):
        assert command("--epochs", 1)[2] == ""


@pytest.mark.parametrize("stdout", [None, io.StringIO()])
def test_stdout_may_be_closed_or_a_notebooks_own(command, stdout):
    with redirect_stdout(stdout):
        assert command("--epochs", 1)[::2] == (0, "")


def test_a_letter_that_stdout_cannot_encode_is_escaped_and_a_line_comes_at_once(command):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with redirect_stdout(stdout):
        command("--words", "\u673a", "--vectors", "random", "--epochs", 1)
    assert b"words     \\u673a\n" in stdout.buffer.getvalue()


# ---- as a program, as a module and as a guest


def test_the_script_is_a_program(script):
    process = script("--epochs", 2)
    stdout, stderr = process.communicate(timeout=120)
    assert (process.returncode, stderr) == (0, "")
    assert "2/2  loss " in stdout


def shared():
    """Return what others in this process share with the script."""
    return (
        dict(os.environ),
        signal.getsignal(signal.SIGTERM),
        torch.get_default_dtype(),
        socket.getdefaulttimeout(),
    )


def test_main_changes_nothing_that_others_share(command):
    before = shared()
    assert command("--shuffle", "--epochs", 1)[0] == 0
    assert shared() == before


def test_the_script_needs_torch_alone_and_imported_does_nothing(capfd, monkeypatch):
    for package in ("gensim", "matplotlib", "numpy"):
        monkeypatch.setitem(sys.modules, package, None)
    before = shared()
    main = runpy.run_path(str(SCRIPT))["main"]
    assert shared() == before
    assert capfd.readouterr() == ("", "")
    assert main(["--compare", "--epochs", "1", "--save", "model.pt"]) == 0


@pytest.fixture
def guard(monkeypatch):
    """Run the script's last lines; return the backend and the handlers of SIGTERM and SIGHUP."""
    stops = signal.SIGTERM, signal.SIGHUP
    before = [signal.signal(stop, signal.SIG_DFL) for stop in stops]
    monkeypatch.setenv("MPLBACKEND", "inline")
    monkeypatch.setattr(sys, "argv", ["", "--help"])

    def run():
        with pytest.raises(SystemExit):
            runpy.run_path(str(SCRIPT), run_name="__main__")
        return os.environ["MPLBACKEND"], *map(signal.getsignal, stops)

    yield run
    [*map(signal.signal, stops, before)]


@POSIX
def test_a_program_of_its_own_draws_without_a_screen(guard):
    backend, *_ = guard()
    assert backend == "agg"


@POSIX
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_stop_is_a_ctrl_c_and_those_after_it_are_ignored(guard, name):
    stop = signal.Signals[name]
    guard()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(stop)
    signal.raise_signal(stop)  # a terminal that closes sends several


@POSIX
def test_under_nohup_the_end_of_a_terminal_stays_ignored(guard):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _, _, on_hangup = guard()
    assert on_hangup == signal.SIG_IGN


@POSIX
def test_a_guest_in_a_thread_or_a_notebook_sets_nothing(guard, monkeypatch):
    with ThreadPoolExecutor() as pool:
        in_a_thread = pool.submit(guard).result(timeout=60)
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert in_a_thread == guard() == ("inline", signal.SIG_DFL, signal.SIG_DFL)


# ---- the project


def test_inline_metadata_and_requirements_ask_for_the_same():
    inline = re.findall(r"""(?m)^#     (["'])(.+)\1,$""", SCRIPT.read_text("utf-8"))
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    assert [dependency for _, dependency in inline] == lines


@pytest.mark.skipif(
    not (ROOT / ".git").exists() or not shutil.which("git"), reason="needs a checkout"
)
def test_the_top_level_is_four_entries():
    git = ["git", "-c", "safe.directory=*", "ls-tree", "--name-only", "HEAD"]
    names = subprocess.check_output(git, cwd=ROOT, text=True).split()
    assert [name for name in names if name[0] != "."] == [
        "README.md",
        SCRIPT.name,
        "requirements.txt",
        "tests",
    ]
