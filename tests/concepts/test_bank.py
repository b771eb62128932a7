from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest

from whence.concepts.bank import bank, load_bank, parse_bank
from whence.core.errors import OptionError

SMALL = """
schema = 1
languages = ["en", "de"]

[groups]
climate = { en = "Climate", de = "Klima" }
culture = { en = "Culture", de = "Kultur" }

[concepts."climate/hot_desert"]
names = { en = "hot desert", de = "heiße Wüste" }
prompts = ["bare sand", "a stony plain"]
grounding = { layer = "koppen", in = ["BWh"] }

[concepts."culture/castle"]
names = { en = "castle", de = "Burg" }
prompts = ["a castle on a hill"]
"""


def test_enough_concepts_and_groundings():
    assert len(bank()) >= 90
    assert len(bank().grounded) >= 65
    expected = {"climate", "terrain", "water", "vegetation", "settlement", "infrastructure", "culture"}
    assert expected | {"language_script"} <= set(bank().groups)


def test_every_concept_is_complete():
    assert bank().languages == ("en", "de", "es", "fr", "zh")
    for concept in bank():
        assert set(concept.names) == set(bank().languages)
        assert all(concept.name(language).strip() for language in bank().languages)
        assert any("\u4e00" <= letter <= "\u9fff" for letter in concept.name("zh")), concept.id
        assert 2 <= len(concept.prompts) <= 4
        assert all(prompt.isascii() and len(prompt.split()) >= 3 for prompt in concept.prompts), concept.id
        assert concept.group in bank().groups
    for group in bank().groups:
        assert bank().in_group(group)
        assert all(bank().group_name(group, language) for language in bank().languages)


def test_looking_up():
    concept = bank()["climate/hot_desert"]
    assert concept.name("de") == "heiße Wüste"
    assert concept.name("xx") == concept.name() == "hot desert"
    assert bank().ids[bank().index("climate/hot_desert")] == "climate/hot_desert"
    assert "climate/hot_desert" in bank()
    assert "climate/cold" not in bank()
    with pytest.raises(OptionError, match="Did you mean 'climate/hot_desert'"):
        bank()["climate/hot_dessert"]
    with pytest.raises(OptionError, match="Did you mean 'climate'"):
        bank().in_group("climates")


def test_the_hash_is_that_of_the_content():
    first = parse_bank(SMALL)
    assert first.hash == parse_bank(SMALL.replace("\n\n", "\n\n# remark\n")).hash
    assert first.hash == parse_bank(SMALL.replace('en = "castle", de = "Burg"', 'de = "Burg", en = "castle"')).hash
    changed = (("Burg", "Schloss"), ("BWh", "BWk"), ("bare sand", "bare red sand"), ("hot_desert", "desert"))
    hashes = {parse_bank(SMALL.replace(*change)).hash for change in changed}
    assert len({first.hash, *hashes}) == 1 + len(changed)
    assert first.subset(["culture/castle", "climate/hot_desert"]).hash != first.hash  # the order counts
    assert len(first.hash) == 64


def test_the_hash_is_the_same_in_another_process():
    code = "from whence.concepts.bank import bank; import sys; sys.stdout.write(bank().hash)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == bank().hash


def test_a_file_is_read_like_the_shipped_one(tmp_path):
    text = (files("whence.concepts") / "bank.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    assert load_bank(tmp_path / "mine.toml").hash == bank().hash
    with pytest.raises(OptionError, match="cannot be read"):
        load_bank(tmp_path / "absent.toml")


def test_a_part_of_the_bank():
    part = bank().subset(["culture/castle", "climate/hot_desert"])
    assert part.ids == ("culture/castle", "climate/hot_desert")
    assert set(part.groups) == {"climate", "culture"}
    truths = part.truths([23.5, 48.85], [0.5, 2.35])
    np.testing.assert_array_equal(truths, [[np.nan, 1.0], [np.nan, 0.0]])
    with pytest.raises(OptionError, match="different ids"):
        bank().subset(["culture/castle", "culture/castle"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schema = 1", "schema = 2", "schema 2, this version reads 1"),
        ("schema = 1", "", "schema None"),
        ("schema = 1", "schema = 1\nsize = 2", "no key of .* named 'size'"),
        ('languages = ["en", "de"]', 'languages = ["de"]', "must hold 'en'"),
        ('languages = ["en", "de"]', "languages = []", "list of different texts"),
        ('prompts = ["bare', 'prompt = ["bare', "Did you mean 'prompts'"),
        ("grounding =", "groundings =", "Did you mean 'grounding'"),
        (', de = "Burg"', "", "name in 'de' is missing"),
        ('de = "Burg"', 'dee = "Burg"', "Did you mean 'de'"),
        ('de = "Burg"', 'de = " "', "name in 'de' is missing"),
        ('["a castle on a hill"]', "[]", "list of different texts"),
        ('["a castle on a hill"]', '["a castle", "a castle"]', "list of different texts"),
        ('["a castle on a hill"]', '[" a castle"]', "list of different texts"),
        ('["a castle on a hill"]', '["Bare sand"]', "share the prompt text"),
        ('en = "castle"', 'en = "Hot desert"', "share the en text"),
        ("culture/castle", "cultur/castle", "Did you mean 'culture'"),
        ("culture/castle", "castle", "the id 'castle' is none"),
        ("culture/castle", "culture/Castle", "is none; allowed"),
        ("culture/castle", "culture/a castle", "is none; allowed"),
        ("culture/castle", "climate/hot_desert", "no valid TOML"),
        ('layer = "koppen"', 'layer = "climate"', "no layer in .*climate/hot_desert.grounding"),
        ('[concepts."culture/castle"]', '[concept."culture/castle"]', "Did you mean 'concepts'"),
        ("schema = 1", "schema = ", "no valid TOML"),
    ],
)
def test_mistakes_are_refused_and_named(old, new, message):
    assert old in SMALL
    with pytest.raises(OptionError, match=message):
        parse_bank(SMALL.replace(old, new))
