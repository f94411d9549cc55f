"""Word vectors from the script's own copy and from files, as gensim's own reader has them."""

import gzip
import os

import pytest
import torch
from conftest import FOUR_WORDS
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from learnable_positional_embeddings import InputError, load_word_embeddings

ROWS = "the 0.5 -1.25 3\ncat 1e-3 2 -0.125\nsat 7 8.5 9\nthe 9 9 9\nMat 4 5 6\nmat 0.1 0.2 0.3"
ROWS_OF_CAT = ["1 2", "1 2 3 4", "1 nan 3", "1 2 -inf", "1e39 2 3", "1 two 3", "1", ""]
BROKEN = {f"cat {row}": f"the 1 2 3\ncat {row}\n".encode() for row in ROWS_OF_CAT}
BROKEN |= {"empty": b"", "prose": b"the cat sat\n", "utf-16": ROWS.encode("utf-16")}
BROKEN |= {"plain.gz": ROWS.encode(), "cut.gz": gzip.compress(ROWS.encode())[:40]}
BROKEN |= {"binary": b"2 3\nthe \0\0\x80?\0\0\0@\0\0@@cat \0\0\x80?\0\0\0@\0\0\xa0@"}
TEXTS = [ROWS, f"6 3\n{ROWS}\n", ROWS.replace("\n", " \r\n"), ROWS.replace(" ", "\t")]
FIELDS = st.floats().map(repr) | st.sampled_from(["é", "\né", "1e39", "1_0"]) | st.text(max_size=2)
FOLDER = os.path.abspath(os.path.expanduser(os.environ.get("GENSIM_DATA_DIR") or "~/gensim-data"))
FULL = os.path.join(FOLDER, "glove-wiki-gigaword-50/glove-wiki-gigaword-50.gz")


def test_bundled_vectors_are_the_rows_of_glove():
    vectors = load_word_embeddings(FOUR_WORDS)
    assert vectors[:, 0].tolist() == pytest.approx([0.71561, 0.8782, -0.34165, 0.20461])
    assert vectors[:, -1].tolist() == pytest.approx([-0.6379, 0.30127, 0.14094, 0.70785])
    assert vectors.max(dim=1).values.tolist() == pytest.approx([2.3077, 2.4132, 2.6229, 3.227])


@pytest.mark.full_glove
@pytest.mark.skipif(not os.path.exists(FULL), reason=f"no {FULL}: see tests/make_full_glove.py")
@pytest.mark.parametrize("limit", [7_000, pytest.param(None, marks=pytest.mark.slow)])
def test_full_size_glove_against_gensim(refused, monkeypatch, limit):
    gensim = pytest.importorskip("gensim.models", reason="needs gensim")
    monkeypatch.setenv("GENSIM_DATA_DIR", FOLDER)
    peer = gensim.KeyedVectors.load_word2vec_format(FULL, limit=limit)
    words = [*FOUR_WORDS, *peer.index_to_key[::800], peer.index_to_key[-1]]
    vectors = load_word_embeddings(words, "glove-wiki-gigaword-50")
    assert vectors.tolist() == peer[words].tolist()
    assert vectors[:4].equal(load_word_embeddings(FOUR_WORDS))
    assert "for 'Machine', 'zzyzxx'" in refused(1, "--words", "the", "Machine", "zzyzxx")


@pytest.mark.parametrize("name", ["glove-twitter-25", "v.gz"])
@pytest.mark.parametrize("text", TEXTS)
def test_formats_against_gensim(tmp_path, monkeypatch, name, text):
    gensim = pytest.importorskip("gensim.models", reason="needs gensim")
    monkeypatch.chdir(tmp_path)
    data, words = text.encode(), ["mat", "the", "cat", "the", "Mat", "sat"]
    (tmp_path / name).write_bytes(gzip.compress(data) if name == "v.gz" else data)
    (tmp_path / "peer").write_bytes(data.replace(b"\t", b" "))  # gensim reads no tabs
    peer = gensim.KeyedVectors.load_word2vec_format("peer", no_header=text[0] == "t")
    assert load_word_embeddings(words, f"./{name}").tolist() == peer[words].tolist()


def test_reading_stops_at_the_last_word_wanted(tmp_path):
    text = ROWS + "\n" + "".join(f"{i} 1 2 3\nsat is no number\n" for i in range(9999))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(text.encode())[:-99])
    assert load_word_embeddings(["sat"], tmp_path / "cut.gz").tolist() == [[7, 8.5, 9]]


def test_unknown_words_are_named(refused, tmp_path, data_folder):
    (tmp_path / "v").write_text(ROWS)
    line = refused(1, "--vectors", tmp_path / "v", "--words", "The", "cat", "dog", "dog", "\udcff")
    assert str(tmp_path / "v") in line and r"'The', 'dog', '\udcff':" in line
    assert "--vectors random" in line and "--vectors FILE" in line
    assert "'Machine'" in refused(1, "--words", "Machine", "learning")
    assert not data_folder.exists()  # the four words in capitals need no download


@pytest.mark.parametrize("name", [*BROKEN, "folder", "missing", "glove-wiki-gigaword-51"])
def test_a_broken_or_missing_file_is_named(refused, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    if name in BROKEN:
        (tmp_path / name).write_bytes(BROKEN[name])
    assert name in refused(1, "--vectors", name, "--words", "the", "cat")


@given(st.lists(FIELDS).map(" ".join).map(str.encode) | st.binary())
@example("é 3\né 1 2".encode())
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_give_their_first_row_or_an_input_error(tmp_path, data):
    (tmp_path / "v").write_bytes(data)
    try:
        vector = load_word_embeddings(["é"], tmp_path / "v")[0]
    except InputError:
        return
    rows = [line.split() for line in data.split(b"\n")]
    row = next(row for row in rows if row[:1] == ["é".encode()] and len(row) > 2)
    assert vector.equal(torch.tensor([*map(float, row[1:])])) and vector.isfinite().all()
