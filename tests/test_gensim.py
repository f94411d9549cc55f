"""The gensim path on a small data folder: nothing executed, no network, nothing left broken."""

import gzip
import json
import socket
import sys
import tempfile

import gensim.downloader
import pytest
import torch
from conftest import FOUR_WORDS

from learnable_positional_embeddings import BUNDLED_VECTORS, GLOVE, load_word_embeddings


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """An empty gensim data folder."""
    monkeypatch.setattr(gensim.downloader, "BASE_DIR", str(tmp_path / "gensim-data"))
    return tmp_path / "gensim-data"


@pytest.fixture
def glove(data_folder, tmp_path):
    """A data folder with a small model, whose package would leave a trace if it were run."""
    folder = data_folder / GLOVE
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\n")
    rows = "\n".join(" ".join(row.split()) for row in BUNDLED_VECTORS.split("\n\n"))
    others = "".join(f"{word} {' '.join(['0.5'] * 50)}\n" for word in ["the", "cat", "机"])
    with gzip.open(folder / f"{GLOVE}.gz", "wt", encoding="utf-8") as file:
        file.write(f"7 50\n{others}{rows}\n")
    return data_folder


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_model_on_disk_is_read_and_nothing_else(glove, command, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("gensim's downloader was called")

    for name in ["load", "info", "_load_info", "_download"]:
        monkeypatch.setattr(gensim.downloader, name, refuse)
    before = contents(glove)
    named, bundled = command("--vectors", GLOVE), command()
    assert named[0] == bundled[0] == 0
    assert named[2] == ""
    assert named[1].splitlines()[2:] == bundled[1].splitlines()[2:]
    assert torch.equal(load_word_embeddings(FOUR_WORDS, GLOVE), load_word_embeddings(FOUR_WORDS))
    assert not (tmp_path / "trace").exists()
    assert contents(glove) == before


def test_other_words_come_from_gensim(glove, command):
    status, stdout, _ = command("--words", "the", "cat", "机", "machine", "--lr", "0.001")
    assert status == 0
    assert f"{GLOVE}, 50 dimensions" in stdout
    assert load_word_embeddings(["机"]).tolist() == [[0.5] * 50]


def test_upper_case_words_through_gensim(glove, refused):
    line = refused(1, "--words", "The", "cat")
    assert "'The'" in line
    assert "'the'" in line


def test_no_network(data_folder, refused):
    for options in [["--vectors", GLOVE], ["--words", "the", "cat"]]:
        line = refused(1, *options)
        assert f"{GLOVE}.gz" in line
        assert str(data_folder / GLOVE) in line
        assert "--vectors FILE" in line
        assert list(data_folder.rglob("*")) == []


def test_unknown_model_with_a_catalogue_at_hand(data_folder, refused):
    data_folder.mkdir()
    models = {"glove-twitter-25": {}, "glove-wiki-gigaword-50": {}, "word2vec-google-news-300": {}}
    catalogue = json.dumps({"corpora": {"text8": {}}, "models": models})
    (data_folder / "information.json").write_text(catalogue)
    for name in ["glove-wiki-gigaword-51", "text8"]:
        line = refused(1, "--vectors", name)
        assert name in line
        assert "glove-twitter-25, glove-wiki-gigaword-50" in line
    assert contents(data_folder) == {data_folder / "information.json": catalogue.encode()}


@pytest.mark.parametrize(
    "name", ["../glove", "..", ".", "a/../../b", "/no/such", "glove/../..", "a\\b", "~root", "a.b"]
)
def test_names_that_leave_the_data_folder_are_files_at_most(data_folder, refused, name):
    assert "cannot read" in refused(1, "--vectors", name)
    assert not data_folder.exists()


def test_without_gensim_the_error_says_how_to_install_it(data_folder, refused, monkeypatch):
    for name in ["gensim", "gensim.downloader"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert "pip install gensim" in refused(1, "--words", "the", "cat")


def test_a_damaged_model_on_disk_is_named(glove, refused):
    path = glove / GLOVE / f"{GLOVE}.gz"
    path.write_bytes(path.read_bytes()[:200])
    assert str(path) in refused(1, "--vectors", GLOVE)


def test_a_data_folder_that_cannot_be_made(data_folder, refused):
    data_folder.write_text("a file stands where the folder should be")
    assert str(data_folder) in refused(1, "--vectors", GLOVE)


def test_nothing_of_gensim_or_python_stays_changed(data_folder, refused, tmp_path, monkeypatch):
    def state():
        return gensim.downloader.BASE_DIR, tempfile.tempdir, socket.getdefaulttimeout(), sys.stdout

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(123.0)  # a value that nobody else sets
    try:
        before = state()
        refused(1, "--vectors", GLOVE)
        assert state() == before
    finally:
        socket.setdefaulttimeout(timeout)
