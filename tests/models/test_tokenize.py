from latentloom.engine.models.tokenize import Tokenizer, vocabulary


def test_vocabulary_is_clips():
    vocab, merges = vocabulary()
    assert len(vocab) == 49408
    assert len(merges) == 48894
    assert sorted(vocab.values()) == list(range(49408))
    assert (vocab["!"], vocab["!</w>"], vocab["the</w>"], vocab["a</w>"]) == (0, 256, 518, 320)
    assert (vocab["<|startoftext|>"], vocab["<|endoftext|>"]) == (49406, 49407)


def test_known_sentence(tokenizer):
    assert tokenizer.encode("a photo of a cat") == [320, 1125, 539, 320, 2368]
    assert tokenizer.words([320, 2368]) == ["a</w>", "cat</w>"]
    assert (tokenizer.bos, tokenizer.eos, tokenizer.pad, tokenizer.size) == (49406, 49407, 49407, 49408)


def test_any_python_text_has_tokens(tokenizer):
    assert tokenizer.encode("a \ud800 b") == tokenizer.encode("a ? b")
    assert tokenizer.encode("\0") != []
    assert tokenizer.encode("") == []


def test_another_one_is_equal_to_the_first(tokenizer):
    twin = Tokenizer()
    assert twin.encode("a photo of a cat") == tokenizer.encode("a photo of a cat")
    assert (twin.bos, twin.eos, twin.pad, twin.size) == (tokenizer.bos, tokenizer.eos, tokenizer.pad, tokenizer.size)


def test_importing_reads_nothing(python):
    seen = python(
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda name, args: opened.append(str(args[0])) if name == 'open' else None)\n"
        "import latentloom.engine.models.tokenize, latentloom.engine.models.load\n"
        "print(any('bpe_simple' in path for path in opened))\n"
    )
    assert seen.strip() == "False"
