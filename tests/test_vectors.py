"""Word vectors: the script's own copy, random ones, files of text, and gensim's data folder."""

import gzip
import hashlib
import os
import sys
import zlib
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from conftest import FOUR_WORDS, POSIX

import learnable_positional_embeddings as lpe

ROWS = b"""\
the 5e-1 -1.25E+0 3
cat 0.125 2 -0.125
the 9 9 9
Mat 4 5 6
mat -4 -5 -6
"""
WORDS = ["mat", "the", "cat", "the", "Mat"]
VECTORS = [[-4, -5, -6], [0.5, -1.25, 3], [0.125, 2, -0.125], [0.5, -1.25, 3], [4, 5, 6]]
MARK = b"\xef\xbb\xbf"  # the byte order mark


def each(name, cases):
    """Return a parametrize whose ids are the keys of a dict."""
    return pytest.mark.parametrize(name, cases.values(), ids=cases.keys())


@pytest.fixture
def no_gensim(monkeypatch):
    """Let every import of gensim fail."""
    monkeypatch.setitem(sys.modules, "gensim", None)


# ---- the script's own copy, and random vectors


def test_the_bundled_rows_are_those_of_glove():
    """Byte for byte: the lines of the four words in the table of 400,000 have this SHA-256."""
    of_glove = "a4f1b7cbad4326083554c8ac0d852f7cd51c13d5ba406828755ea0ca1a2cfd37"
    assert hashlib.sha256(lpe.BUNDLED_VECTORS).hexdigest() == of_glove


def test_each_word_has_its_bundled_row_in_the_order_of_the_words_and_again_when_it_comes_back():
    rows = [row.split()[1:] for row in lpe.BUNDLED_VECTORS.splitlines()]
    expected = torch.tensor([[float(number) for number in rows[i]] for i in (3, 0, 3, 2, 1)])
    words = ["learning", "artificial", "learning", "machine", "intelligence"]
    assert lpe.load_word_embeddings(words).equal(expected)


def test_the_four_words_in_capitals_are_refused_without_a_download(refused, no_gensim):
    line = refused(1, "--words", "Machine", "learning")
    assert line.startswith("glove-wiki-gigaword-50 has no row of 50 numbers for 'Machine': spell")


def test_random_vectors_are_normal_one_a_different_word_and_as_large_as_the_bundled_ones():
    size = lpe.load_word_embeddings(FOUR_WORDS).square().mean().sqrt()
    torch.manual_seed(7)
    to, be = torch.randn(2, 50) * size
    torch.manual_seed(7)
    vectors = lpe.load_word_embeddings(["to", "be", "to"], "random")
    assert vectors.equal(torch.stack([to, be, to]))


# ---- files of GloVe's and word2vec's text

TEXTS = {
    "GloVe": ROWS,
    "word2vec": b"5 3\n" + ROWS,
    "CRLF": ROWS.replace(b"\n", b"\r\n"),
    "blanks at the ends": ROWS.replace(b"\n", b" \n"),
    "no last line end": ROWS.rstrip(),
    "tabs": ROWS.replace(b" ", b"\t"),
    "byte order mark": MARK + ROWS,
    "byte order mark and CRLF": MARK + ROWS.replace(b"\n", b"\r\n"),
    "first an empty line": b"\n" + ROWS,
    "first a word and one number": b"mat 3\n" + ROWS,
    "first a word with a blank": b"mat name@domain.com 4 5 6\n" + ROWS,  # glove.840B has some
    "first a word with numbers": b"mat 1 2 test 4 5 6\n" + ROWS,
    "then a word with a blank": b"a 1 2 3\nmat name@domain.com 4 5 6\n" + ROWS,
    "then rows cut or too long": b"a 1 2 3\n\nmat\nmat 4 5\nmat 1 2 3 4\n" + ROWS,
    "then bad numbers of another word": b"a 1 2 3\nb nan 1e39 two\n" + ROWS,
}


@each("packing", {"plain": ("v.gz", bytes), "packed": ("v.txt", gzip.compress)})
@each("text", TEXTS)
def test_a_text_is_read_packed_or_plain_whatever_its_name_says(tmp_path, text, packing):
    name, pack = packing
    (tmp_path / name).write_bytes(pack(text))
    assert lpe.load_word_embeddings(WORDS, tmp_path / name).tolist() == VECTORS


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # gensim leaves a file open
@pytest.mark.parametrize("name", ["GloVe", "word2vec", "CRLF", "blanks at the ends"])
def test_a_text_is_read_as_gensim_reads_it(tmp_path, name):
    models = pytest.importorskip("gensim.models", reason="needs gensim")
    (tmp_path / "v").write_bytes(TEXTS[name])
    load = models.KeyedVectors.load_word2vec_format
    peer = load(tmp_path / "v", no_header=name != "word2vec")
    assert lpe.load_word_embeddings(WORDS, tmp_path / "v").tolist() == peer[WORDS].tolist()


def test_a_file_named_as_a_model_is_read_as_dot_slash_name(tmp_path, monkeypatch):
    (tmp_path / "glove-twitter-25").write_bytes(ROWS)
    monkeypatch.chdir(tmp_path)
    assert lpe.load_word_embeddings(["Mat"], "./glove-twitter-25").tolist() == [[4, 5, 6]]


def test_reading_stops_at_the_last_word_that_is_wanted(tmp_path):
    packed = gzip.compress(ROWS + b"more 1 2 3\n" * 100_000)
    (tmp_path / "cut.gz").write_bytes(packed[:-99])  # an error, for who reads on
    assert lpe.load_word_embeddings(WORDS, tmp_path / "cut.gz").tolist() == VECTORS


@POSIX
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_pipe_loses_nothing(pack):
    reader, writer = os.pipe()
    with open(reader, "rb"):
        os.write(writer, pack(ROWS))
        os.close(writer)
        vectors = lpe.load_word_embeddings(WORDS, f"/dev/fd/{reader}")  # as <(...) is named
    assert vectors.tolist() == VECTORS


def test_a_word_as_an_ascii_locale_hands_it_over_is_found(tmp_path):
    (tmp_path / "v").write_bytes("café 1 2 3\n".encode())
    word = "caf\udcc3\udca9"  # é is the bytes C3 A9 in UTF-8
    assert lpe.load_word_embeddings([word], tmp_path / "v").tolist() == [[1, 2, 3]]


# ---- files that cannot be read

PACKED = gzip.compress(ROWS)
NO_ROW = "no row of a word and its numbers"
BAD_FILES = {
    "nothing": (b"", NO_ROW),
    "nothing packed": (gzip.compress(b""), NO_ROW),
    "UTF-16": (ROWS.decode().encode("utf-16"), NO_ROW),
    "zip": (b"PK\x03\x04" + zlib.compress(ROWS), NO_ROW),
    "bin": (b"2 3\nthe \0\0\x80?\0\0\0@\0\0@@mat \0\0\x80?\0\0\0@\0\0\xa0@", NO_ROW),
    "nan": (b"the 1 2 3\nmat 1 nan 3\n", "not all finite"),
    "infinity": (b"the 1 2 3\nmat 1 2 -inf\n", "not all finite"),
    "beyond float32": (b"the 1 2 3\nmat 1e39 2 3\n", "not all finite"),
    "text": (b"the 1 2 3\nmat 1 two 3\n", "two"),
    "another alphabet": ("the 1 2 3\nmat 1 ٣ 3\n".encode(), "float"),
    "two bytes": (b"\x1f\x8b", "ended before"),
    "cut": (PACKED[:-20], "ended before"),
    "wrong bytes": (PACKED[:20] + b"damaged!" + PACKED[28:], "decompressing"),
    "no gzip": (b"\x1f\x8b\7" + bytes(9), "compression method"),
}


@each("case", BAD_FILES)
def test_a_bad_file_is_told_what_is_wrong_and_what_was_expected(refused, tmp_path, case):
    content, reason = case
    path = tmp_path / "v"
    path.write_bytes(content)
    line = refused(1, "--vectors", path, "--words", "the", "mat")
    assert line.startswith(f"cannot read {path}: ")
    assert reason in line
    assert line.endswith("--vectors FILE for GloVe's or word2vec's text, plain or .gz")


@pytest.mark.parametrize("name", ["folder", "missing", "glove-wiki-gigaword-51"])
def test_what_is_neither_a_file_nor_a_model_is_refused(
    refused, no_gensim, tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    line = refused(1, "--vectors", name)
    assert line.startswith(f"cannot read {name}: ")
    assert "type --vectors random, or --vectors FILE" in line


def test_words_without_a_row_are_named_in_order_and_once(refused, tmp_path):
    path = tmp_path / "v"
    path.write_bytes(b"5 3\n" + ROWS + b"dog 1 2\n")
    words = ["The", "cat", "dog", "The", "dog", "5", "mat", "\udcff"]  # the byte 255
    line = refused(1, "--vectors", path, "--words", *words)
    assert line.startswith(f"{path} has no row of 3 numbers for 'The', 'dog', '5', ")
    assert "type --vectors random, or --vectors FILE" in line


# ---- gensim's data folder

MODELS = [f"glove-wiki-gigaword-{dim}" for dim in (50, 100, 200, 300)]
MODELS += [f"glove-twitter-{dim}" for dim in (25, 50, 100, 200)]


def place(name=MODELS[0], folder=None):
    """Return where a model lies in gensim's data folder, which is made."""
    path = Path(folder or os.environ["GENSIM_DATA_DIR"], name, f"{name}.gz").absolute()
    path.parent.mkdir(parents=True)
    return path


@pytest.mark.parametrize("name", [None, *MODELS])
def test_a_model_on_disk_is_read_without_gensim_the_smallest_if_none_is_named(no_gensim, name):
    place(name or MODELS[0]).write_bytes(PACKED)
    assert lpe.load_word_embeddings(WORDS, name).tolist() == VECTORS


@pytest.mark.parametrize("variable", ["", "data"], ids=["home", "environment"])
def test_the_data_folder_is_that_of_the_environment_or_else_in_the_home(
    no_gensim, tmp_path, monkeypatch, variable
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # the home under Windows
    monkeypatch.setenv("GENSIM_DATA_DIR", variable)
    place(folder=variable or "gensim-data").write_bytes(PACKED)
    assert lpe.load_word_embeddings(WORDS).tolist() == VECTORS


@pytest.mark.parametrize("kind", ["nothing", "cut", "wrong bytes", "no gzip", "nan"])
def test_a_damaged_model_is_named_with_its_whole_path_and_its_folder_is_to_be_deleted(
    refused, tmp_path, monkeypatch, kind
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENSIM_DATA_DIR", "data")
    path = place()
    path.write_bytes(BAD_FILES[kind][0])
    line = refused(1, "--words", "the", "mat")
    assert line.startswith(f"cannot read {path}: ")
    assert "delete its folder" in line


def test_where_a_folder_stands_for_a_model_another_data_folder_is_advised(refused):
    place().mkdir()
    line = refused(1, "--words", "the")
    assert line.endswith("set GENSIM_DATA_DIR to a folder of yours")


@POSIX
def test_who_has_no_home_is_told_to_name_a_data_folder(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GENSIM_DATA_DIR")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", Mock(side_effect=KeyError("no such user")))
    assert "set GENSIM_DATA_DIR to a folder of yours" in refused(1, "--words", "house")
    assert [*tmp_path.iterdir()] == []  # no folder called ~


# ---- the true 400,000 vectors

DATA = Path(os.environ.get("GENSIM_DATA_DIR") or "~/gensim-data").expanduser().absolute()


@pytest.fixture
def full_glove():
    """Return the model in the data folder that the tests were started with."""
    path = DATA / MODELS[0] / f"{MODELS[0]}.gz"
    if not path.exists():
        pytest.skip(f"no {path}: see tests/make_full_glove.py")
    return path


@pytest.mark.full_glove
def test_the_bundled_rows_are_those_of_full_size_glove(full_glove):
    of_glove = lpe.load_word_embeddings(FOUR_WORDS, full_glove)
    assert lpe.load_word_embeddings(FOUR_WORDS).equal(of_glove)


@pytest.mark.full_glove
@pytest.mark.parametrize("rows", [7_000, pytest.param(None, marks=pytest.mark.slow)])
def test_full_size_glove_is_read_as_gensim_reads_it(full_glove, rows):
    models = pytest.importorskip("gensim.models", reason="needs gensim")
    peer = models.KeyedVectors.load_word2vec_format(full_glove, limit=rows)
    words = [*peer.index_to_key[::800], peer.index_to_key[-1]]
    assert lpe.load_word_embeddings(words, full_glove).tolist() == peer[words].tolist()
