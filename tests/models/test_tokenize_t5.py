"""T5's tokenizer over vocabularies written here, in both forms of file."""

import base64
import json
import random
import struct

import pytest
import tokenizers

from latentloom.engine.errors import UserError
from latentloom.engine.models.charsmap import Charsmap, nmt_nfkc
from latentloom.engine.models.tokenize_t5 import T5Tokenizer

PIECES = [
    ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -3.0), ("\u2581a", -2.0), ("\u2581cat", -2.5),
    ("c", -4.0), ("a", -4.0), ("t", -4.0), ("s", -3.5), ("at", -4.5), ("\u2581fi", -5.0),
]  # fmt: skip


def trie(rules):
    """Return the units of a double-array trie of {bytes: value}."""
    units, taken, bases = {}, {0}, set()

    def place(at, group, depth):
        labels = sorted({key[depth] if depth < len(key) else 0 for key in group})
        free = (b for b in range(1, 1 << 20) if b not in bases and not taken & {b ^ label for label in labels})
        base = next(free)  # of its own: a label alone tells whose child a unit is
        bases.add(base)
        taken.update(base ^ label for label in labels)
        units[at] = units.get(at, 0) | (at ^ base) << 10 | (0 in labels) << 8
        for label in labels:
            inner = [key for key in group if (key[depth] if depth < len(key) else 0) == label]
            if label:
                units[base ^ label] = label
                place(base ^ label, inner, depth + 1)
            else:
                units[base] = 1 << 31 | rules[inner[0]]

    place(0, list(rules), 0)
    return [units.get(i, 0) for i in range(max(units) + 257)]


def charsmap(replacements):
    """Return the blob of {text: replacement}."""
    blob, rules = b"", {}
    for key, value in replacements.items():
        rules[key.encode()] = len(blob)
        blob += value.encode() + b"\0"
    units = trie(rules)
    return struct.pack(f"<I{len(units)}I", 4 * len(units), *units) + blob


MAP = charsmap({"\ufb01": "fi", "\t": " ", "e\u0301": "é", "e": "e", "\u200b": "", "\U0001f3a8": "art"})


def as_json(folder, pieces=PIECES, blob=MAP, model="Unigram"):
    normalizer = blob and {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(blob).decode()}
    data = {
        "normalizer": {"type": "Sequence", "normalizers": [normalizer, {"type": "Strip"}]} if normalizer else None,
        "added_tokens": [{"content": name} for name in ("<pad>", "</s>", "<unk>")],
        "model": {"type": model, "unk_id": 2, "vocab": pieces},
    }
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def field(number, value):
    if isinstance(value, int):
        return bytes([number << 3, value])
    length = len(value)
    return bytes([number << 3 | 2, length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14]) + value


def as_protobuf(folder, kind=1):
    data = b""
    for i, (name, score) in enumerate(PIECES):
        sort = (3, 3, 2)[i] if i < 3 else 1
        data += field(1, field(1, name.encode()) + bytes([2 << 3 | 5]) + struct.pack("<f", score) + field(3, sort))
    data += field(2, field(3, kind)) + field(3, field(1, b"nmt_nfkc") + field(2, MAP))
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / "spiece.model"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("write", [as_json, as_protobuf])
@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("  \t ", []),
        ("a cats", ["\u2581a", "\u2581cat", "s"]),
        ("acat", ["\u2581a", "c", "at"]),
        ("\ufb01\u2581a", ["\u2581fi", "\u2581a"]),
        ("ca\u200bt", ["\u2581cat"]),
        ("zzz q", ["\u2581", "<unk>", "\u2581", "<unk>"]),
        ("</s>", ["\u2581", "<unk>", "s", "<unk>"]),
    ],
)
def test_the_most_probable_pieces(tmp_path, write, text, pieces):
    tokenizer = T5Tokenizer.read(write(tmp_path))
    assert tokenizer.words(tokenizer.encode(text)) == pieces


def test_the_longest_replacement_wins_and_the_rest_stays():
    text = "e\u0301 ee \ufb01 \U0001f3a8\u00e9\u4e2d\ud800"
    assert Charsmap.parse(MAP).apply(text) == "é ee fi art\u00e9\u4e2d?"


def test_the_trie_is_read_as_the_tokenizers_library_reads_it():
    rng = random.Random(3)
    characters = [chr(code) for code in range(0x20, 0x2FF)]
    rules = {character: "".join(rng.sample(characters, rng.randint(0, 3))) for character in rng.sample(characters, 300)}
    blob = charsmap(rules)
    ours, theirs = Charsmap.parse(blob), tokenizers.normalizers.Precompiled(blob)
    for character in characters:
        assert ours.apply(character) == rules.get(character, character) == theirs.normalize_str(character)
    text = "".join(rng.choices(characters, k=2000))
    assert ours.apply(text) == theirs.normalize_str(text)


def test_without_a_charsmap_unicodedata_normalises(tmp_path):
    tokenizer = T5Tokenizer.read(as_json(tmp_path, blob=None))
    assert tokenizer.words(tokenizer.encode("\ufb01\x07 \uff43at")) == ["\u2581fi", "\u2581cat"]
    assert nmt_nfkc("\uff5e~\u200b\u00bd") == "\uff5e~ 1\u20442"


def test_found_beside_the_weights_and_never_another_kind(tmp_path):
    weights = tmp_path / "text_encoders" / "t5xxl.safetensors"
    with pytest.raises(UserError, match=r'M060 .*"t5xxl.safetensors".*tokenizer.json'):
        T5Tokenizer.beside(weights)
    as_json(weights.parent / "t5_tokenizer")
    assert T5Tokenizer.beside(weights).size == len(PIECES)

    folder = tmp_path / "sd3"
    as_json(folder / "tokenizer_2", model="BPE")  # CLIP's, as in SDXL and SD3
    with pytest.raises(UserError, match=r"M060.*a BPE model"):
        T5Tokenizer.beside(folder / "text_encoder_3" / "model.safetensors")
    as_protobuf(folder / "tokenizer_3")
    assert T5Tokenizer.beside(folder / "text_encoder_3" / "model.safetensors").encode("a") == [4]
    assert T5Tokenizer.beside(folder).encode("a") == [4]
    elsewhere = tmp_path / "checkpoints" / "flux.safetensors"
    assert T5Tokenizer.beside(elsewhere, [weights.parent]).encode("a") == [4]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("spiece.model", b"\x0a\xff\xff\xff\x01"),
        ("spiece.model", b""),
        ("spiece.model", b"\x0b"),
        ("tokenizer.json", b'{"model": {"type": "Unigram", "vocab": [["a"]], "unk_id": 0}}'),
        ("tokenizer.json", b'{"model": {"type": "Unigram", "vocab": [["a", 1e999]], "unk_id": 0}}'),
        ("tokenizer.json", b'{"model": {"type": "Unigram", "vocab": [["a", 1], ["b", 2]], "unk_id": 0}}'),
        ("tokenizer.json", b"{" * 3000),
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match="M061"):
        T5Tokenizer.read(path)


def test_a_model_of_another_kind_and_a_damaged_charsmap_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"M061.*not Unigram"):
        T5Tokenizer.read(as_protobuf(tmp_path, kind=2))
    for blob in (b"\1", b"\x08\0\0\0\0\0\0\0", b"\3\0\0\0abc"):
        with pytest.raises(UserError, match=r"M061.*charsmap"):
            T5Tokenizer.read(as_json(tmp_path, blob=blob))


def test_a_hostile_trie_ends(tmp_path):
    units = [0xFFFFFFFF] * 64
    tokenizer = T5Tokenizer.read(as_json(tmp_path, blob=struct.pack("<I64I", 256, *units) + b"x"))
    assert tokenizer.words(tokenizer.encode("a")) == ["\u2581a"]
