"""The command line: a bad one ends with status 2 and one line that names the option, stdout may
fail, and whoever imports the file or calls `main` finds everything else as it was."""

import ast
import asyncio
import os
import re
import shutil
import subprocess

import pytest
import torch
from conftest import ERROR, FOUR_WORDS, ROOT, SCRIPT

from learnable_positional_embeddings import load_word_embeddings, main

BAD_VALUES = {
    "--epochs": ["0", "-1", "2.5", "nan", "inf", "many", "", "9" * 5000],
    "--lr": ["0", "-1", "nan", "inf", "-inf", "1e39", "fast", ""],
    "--seed": ["0.5", "nan", "x", "", f"{2**64}", f"-{2**64}", "9" * 5000],
    "--device": ["gpu", "cuda:x", "cuda:99", "cpu:-1", "meta", "mkldnn", "mps:7", "", "cpu "],
    "--words": ["", " ", "two words", "tab\tbed", "end\n"],
    "--targets": ["", "a", "1"],
}
BAD_TARGETS = ["1 2 3 4 5", "1 2 3 nan", "inf inf inf inf", "0 0 1e39 0"]
WITH_VALUES = [*BAD_VALUES, "--vectors", "--save", "--plot"]
BAD_COMMAND_LINES = [[name, value] for name, values in BAD_VALUES.items() for value in values]
BAD_COMMAND_LINES += [["--targets", *targets.split()] for targets in BAD_TARGETS]
BAD_COMMAND_LINES += [[option] for option in [*WITH_VALUES, "--no-such-option", "stray"]]


@pytest.mark.parametrize("options", BAD_COMMAND_LINES, ids=lambda options: " ".join(options)[:30])
def test_bad_command_line(refused, options):
    assert options[0] in refused(2, *options)


@pytest.mark.parametrize("option", WITH_VALUES)
def test_two_dashes_are_no_value(command, tmp_path, monkeypatch, option):
    monkeypatch.chdir(tmp_path)  # newer versions of Python take them for a word or a file's name
    status, _, stderr = command("--vectors", "random", f"{option}=--")
    assert status != 2 or option in stderr


def test_help_and_its_examples(command):
    status, stdout, stderr = command("--help")
    assert (status, stderr) == (0, "")
    for option in ("epochs N .*20", "lr LR .*0.02", "seed S .*0", "device D .*cpu"):
        assert re.search(rf"^  --{option}\)$", stdout, re.MULTILINE)
    assert all(f"'{word}'" in stdout for word in FOUR_WORDS)
    examples = re.findall(rf"^ *python {SCRIPT.name}\b(.*)", stdout, re.MULTILINE)
    assert len(examples) == 3
    for example in examples:
        assert command(*example.split(), "--epochs", 1)[::2] == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_stdout_that_takes_nothing(script):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as closed, open("/dev/full", "w") as full:
        started = [[script(*o, stdout=s) for s in (closed, full)] for o in ([], ["--help"])]
    for unread, unwritten in started:
        assert re.fullmatch(f"{ERROR}cannot write the results: .*\n", unwritten.stderr.read())
        assert (unread.stderr.read(), unwritten.wait()) == ("", 1)


def test_a_run_needs_no_gensim_and_leaves_nothing(script, site, tmp_path, data_folder):
    with open(site / "sitecustomize.py", "a") as file:
        file.write("import sys; sys.modules.update(gensim=None, matplotlib=None)\n")
    process = script("--compare", "--epochs", 1, cwd=tmp_path)
    stdout, stderr = process.communicate()
    assert (process.returncode, stdout[:6], stderr) == (0, "words ", "")
    assert (os.listdir(tmp_path), data_folder.exists()) == ([], False)


def test_another_default_dtype(command, request):
    request.addfinalizer(lambda: torch.set_default_dtype(torch.float32))
    torch.set_default_dtype(torch.float64)  # as a notebook may have done
    assert {load_word_embeddings(FOUR_WORDS, s).dtype for s in (None, "random")} == {torch.float32}
    assert command("--compare", "--epochs", 2)[::2] == (0, "")


def test_main_works_in_a_thread(command, capfd):
    expected = command("--shuffle")
    assert (asyncio.run(asyncio.to_thread(main, ["--shuffle"])), *capfd.readouterr()) == expected


def test_inline_metadata_names_the_same_requirements():
    block = re.search(r"\n# /// script\n((# .*\n)+)# ///\n", SCRIPT.read_text())[1]
    inline = re.search(r"^# dependencies = (\[.*\])$", block, re.MULTILINE)[1]
    assert ast.literal_eval(inline) == (ROOT / "requirements.txt").read_text().split()


def test_the_top_level_is_four_entries():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and a checkout, to know which files belong here")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, stdout=-1, text=True, check=True)
    top = {path.split("/")[0] for path in listed.stdout.split() if not path.startswith(".")}
    assert top == {SCRIPT.name, "requirements.txt", "README.md", "tests"}
