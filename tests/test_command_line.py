"""The command line: a bad one is refused by name, stdout may fail, and `main` changes nothing else."""

import ast
import io
import os
import re
import runpy
import shlex
import subprocess
import sys

import pytest
import torch
from conftest import ERROR, FOUR_WORDS, POSIX, ROOT, SCRIPT

import learnable_positional_embeddings as lpe

BAD_VALUES = {
    "--epochs": ["", "0", "-1", "2.5", "nan", "many", "9" * 5000],
    "--lr": ["", "0", "-1", "nan", "inf", "1e39", "fast"],
    "--seed": ["", "0.5", "-1", "x", f"{2**64}"],
    "--words": ["", "''", "' '", "'tab\tbed'"],
    "--targets": ["", "a", "1", "1 2 3 4 5", "1 2 3 nan", "inf inf inf inf", "0 0 1e39 0"],
    "--plot": ["", "a.jpg", "png", "a.png.gz"],
    "--compare": ["--fixed-head"],
}
BAD = [(f"{option} {value}", option) for option, values in BAD_VALUES.items() for value in values]
BAD += [(line, line) for line in ("--vectors", "--save", "--device cpu", "stray")]
BAD += [(line, "") for line in ("--epochs=--", "--lr=--", "--seed=--", "--targets=--")]
BAD += [("--words 'a b'", "without quotes: a b"), ("--targets 1 0", "4 words need 4")]
EXAMPLES = re.findall(rf"^ *python {SCRIPT.name}\b(.*)", lpe.__doc__, re.MULTILINE)


@pytest.mark.parametrize(("line", "said"), BAD)
def test_a_bad_command_line(refused, tmp_path, monkeypatch, line, said):
    monkeypatch.chdir(tmp_path)
    assert said in refused(2, *shlex.split(line))
    assert os.listdir() == []


def test_the_help_names_the_options_with_their_defaults(command):
    status, stdout, stderr = command("--help")
    assert (status, stderr, len(EXAMPLES)) == (0, "", 3)
    for option in ("targets Y .*0 to 1", "epochs N .*20", "lr LR .*0.02", "seed S .*0"):
        assert re.search(rf"^  --{option}\)$", stdout, re.MULTILINE)
    assert all(text in stdout for text in [*EXAMPLES, *FOUR_WORDS, "glove-wiki-gigaword-50"])


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_help_run(command, tmp_path, monkeypatch, example):
    if "--plot" in example:
        pytest.importorskip("matplotlib", reason="needs matplotlib")
    monkeypatch.chdir(tmp_path)
    assert command(*example.split())[::2] == (0, "")
    assert os.listdir() == re.findall(r"\S+\.png", example)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_stdout_that_takes_nothing(command, monkeypatch):
    with open("/dev/full", "w") as full, monkeypatch.context() as patch:  # in the end it is flushed
        patch.setattr(sys, "stdout", full)
        status, _, stderr = command()
    assert status == 1 and re.fullmatch(f"{ERROR}cannot write .*\n", stderr)


def test_a_run_needs_no_gensim_and_leaves_nothing(monkeypatch, tmp_path, data_folder):
    for name in ("gensim", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--compare", "--epochs", "1"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="^0$"):
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert (os.listdir(), data_folder.exists()) == ([], False)


def test_words_that_stdout_cannot_encode_are_escaped(command, monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    assert command("--words", "\u673a", "--vectors", "random")[::2] == (0, "")
    assert b"words     \\u673a\n" in stdout.buffer.getvalue()


def test_another_default_dtype_is_no_fault(command, request):
    request.addfinalizer(lambda: torch.set_default_dtype(torch.float32))
    torch.set_default_dtype(torch.float64)  # as a notebook may have done
    assert command("--compare", "--epochs", 1)[::2] == (0, "")


@POSIX  # elsewhere the current folder cannot be removed
def test_from_a_deleted_folder_the_host_keeps_its_stdout(command, monkeypatch, tmp_path, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENSIM_DATA_DIR", "data")
    tmp_path.rmdir()
    lines = {"": 0, "--save a.pt": 2, "--plot a.png": 2, "--vectors a": 1, "--words house": 1}
    assert {line: command(*line.split())[0] for line in lines} == lines
    print("still heard")
    assert capfd.readouterr() == ("still heard\n", "")


def test_inline_metadata_names_the_same_requirements():
    inline = re.search(r"\n# dependencies = (\[.*\])\n# ///\n", SCRIPT.read_text("utf-8"))[1]
    assert ast.literal_eval(inline) == (ROOT / "requirements.txt").read_text().splitlines()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a checkout")
def test_the_top_level_is_four_entries():
    files = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).split()
    visible = {path.split("/")[0] for path in files if path[0] != "."}
    assert visible == {SCRIPT.name, "requirements.txt", "README.md", "tests"}
