import subprocess
import sys
import zlib

import numpy as np
import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.shapes.caption import read
from latentloom.engine.shapes.dataset import ShapeScenes, held_out_captions
from latentloom.engine.shapes.vocabulary import HELD_OUT, KINDS


def test_a_batch_is_pictures_and_their_captions():
    pictures, captions = ShapeScenes(128).batch(0, 5)
    assert pictures.shape == (5, 128, 128, 3)
    assert pictures.dtype == np.uint8
    assert len(captions) == 5
    scenes, again = ShapeScenes(128).described(0, 5)
    assert again == captions
    assert [read(caption) for caption in captions] == [scene.said for scene in scenes]


def test_a_batch_depends_on_seed_split_and_index_alone():
    pictures, captions = ShapeScenes(64, 3, "train").batch(7, 24)
    np.random.seed(1)  # the global generator must not matter
    before = np.random.get_state()[1].copy()
    again, words = ShapeScenes(64, 3, "train").batch(7, 24)
    assert np.array_equal(np.random.get_state()[1], before)
    assert np.array_equal(pictures, again)
    assert captions == words
    start, fewer = ShapeScenes(64, 3, "train").batch(7, 9)
    assert np.array_equal(start, pictures[:9])
    assert fewer == captions[:9]
    for other in (ShapeScenes(64, 4, "train"), ShapeScenes(64, 3, "test")):
        assert captions != other.batch(7, 24)[1]
        assert not np.array_equal(other.batch(7, 24)[0], pictures)
    assert not np.array_equal(ShapeScenes(64, 3, "train").batch(8, 24)[0], pictures)


def test_another_process_draws_the_same():
    program = (
        "import zlib; from latentloom.engine.shapes.dataset import ShapeScenes as S;"
        "p, c = S(64, 5).batch(2, 16); print(zlib.crc32(p.tobytes()), zlib.crc32('|'.join(c).encode()))"
    )
    pictures, captions = ShapeScenes(64, 5).batch(2, 16)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(zlib.crc32(data)) for data in (pictures.tobytes(), "|".join(captions).encode())]


def test_training_never_shows_a_held_out_pair():
    held = set(HELD_OUT)
    _, captions = ShapeScenes(64, 0, "train").described(0, 2000)
    assert not any(read(caption).pairs & held for caption in captions)
    scenes, _ = ShapeScenes(64, 0, "train").described(1, 2000)
    assert not any((item.colour, item.shape) in held for scene in scenes for item in scene.objects)
    _, captions = ShapeScenes(64, 0, "test").described(0, 500)
    assert any(read(caption).pairs & held for caption in captions)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tenth_of_the_examination_captions_mentions_a_held_out_pair(kind):
    captions = held_out_captions(100, kind, 0)
    assert len(set(captions)) == 100
    meanings = [read(caption) for caption in captions]
    assert {meaning.kind for meaning in meanings} == {kind}
    assert sum(bool(meaning.pairs & set(HELD_OUT)) for meaning in meanings) == 10
    assert captions == held_out_captions(100, kind, 0)
    assert captions != held_out_captions(100, kind, 1)
    assert sum(bool(read(caption).pairs & set(HELD_OUT)) for caption in held_out_captions(3, kind, 0)) == 1
    assert held_out_captions(0, kind, 0) == []


def test_repeats_come_only_once_a_kind_is_exhausted():
    captions = held_out_captions(4000, "count", 0)
    assert len(captions) == 4000
    novel = [caption for caption in captions if read(caption).pairs & set(HELD_OUT)]
    assert len(novel) == 400
    assert 250 < len(set(novel)) < 400  # three pairs, two numbers, 88 wordings
    assert len(set(captions)) - len(set(novel)) > 3000


def test_negative_seeds_are_refused():
    with pytest.raises(UserError, match="D104"):
        ShapeScenes(64, -1).batch(0, 1)
    with pytest.raises(UserError, match="D104"):
        ShapeScenes(64, 0).batch(-1, 1)


def test_scenes_that_say_no_place_can_be_made_rare():
    def placed(captions):
        said = [read(caption) for caption in captions]
        return sum(s.relation is not None or any(t.position is not None for t in s.things) for s in said)

    plain = ShapeScenes(64, 5).batch(0, 400)[1]
    fewer = ShapeScenes(64, 5, keep_unplaced=0.4).batch(0, 400)[1]
    none = ShapeScenes(64, 5, keep_unplaced=0.0).batch(0, 100)[1]
    assert placed(plain) < 0.5 * 400 < placed(fewer) < 400
    assert placed(none) == 100
    assert ShapeScenes(64, 5, keep_unplaced=0.4).batch(0, 9)[1] == fewer[:9]
    with pytest.raises(UserError, match="D108"):
        ShapeScenes(64, 5, keep_unplaced=1.5)
