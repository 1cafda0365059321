"""The catalogues hold every sentence of the code, in its places and terms."""

import gettext
import re
import string
from pathlib import Path

import pytest
import yaml
from babel.messages import pofile
from babel.messages.extract import extract_from_dir
from hypothesis import given
from hypothesis import strategies as st

import surefoot
from surefoot.core.errors import UsageError
from surefoot.core.language import CATALOGUES, LANGUAGES, words

PACKAGE = Path(surefoot.__file__).parent
METHODS = [
    ("**.py", "python"),
    *((f"**/{folder}/*.html", "jinja2.ext:babel_extract") for folder in ("templates", "texts")),
]
OTHERS = [lang for lang in LANGUAGES if lang != "en"]


def sentences():
    """Every key of the code: the first form of a plural stands for both."""
    found = extract_from_dir(PACKAGE, METHODS, keywords={"_": None, "plural": (1, 2)})
    keys = {message[0] if isinstance(message, tuple) else message for _, _, message, _, _ in found}
    return {key for key in keys if key}


def catalogue(lang):
    with (CATALOGUES / lang / "LC_MESSAGES" / "surefoot.po").open("rb") as file:
        return pofile.read_po(file, locale=lang)


def texts(lang):
    """Key → translation."""
    first = lambda value: value[0] if isinstance(value, tuple | list) else value  # noqa: E731
    return {first(message.id): first(message.string) for message in catalogue(lang) if message.id}


@pytest.mark.parametrize("lang", OTHERS)
def test_every_sentence_of_the_code_is_translated(lang):
    """Run `make texts` after changing a sentence, and fill in what is empty."""
    found = texts(lang)
    assert sentences() == set(found)
    assert [key for key, value in found.items() if not value] == []
    assert not any(message.fuzzy for message in catalogue(lang) if message.id)


@pytest.mark.parametrize("lang", OTHERS)
def test_a_translation_has_the_places_of_its_sentence(lang):
    def places(text):
        return sorted(f"{name}:{form}" for _, name, form, _ in string.Formatter().parse(text) if name is not None)

    for key, value in texts(lang).items():
        assert places(key) == places(value), key


@pytest.mark.parametrize("lang", OTHERS)
def test_the_compiled_catalogue_is_that_of_the_text(lang):
    """`make texts` compiles it."""
    compiled = gettext.translation("surefoot", CATALOGUES, [lang])
    for message in catalogue(lang):
        if isinstance(message.id, tuple | list):
            assert compiled.ngettext(*message.id, 2) == message.string[0]
        elif message.id:
            assert compiled.gettext(message.id) == message.string


def test_chinese_keeps_to_the_glossary():
    glossary = yaml.safe_load((PACKAGE / "lessons" / "glossary.yaml").read_text(encoding="utf-8"))
    avoid = {word: entry["zh"] for entry in glossary for word in entry["avoid"]}
    for key, value in texts("zh").items():
        for word, better in avoid.items():
            assert word not in value, f"{key}: {word}, better {better}"


def test_chinese_has_no_half_width_punctuation_between_characters():
    for key, value in texts("zh").items():
        assert not re.search(r"[\u4e00-\u9fff][,;:?!][\u4e00-\u9fff]", value), key


def test_a_language_that_is_not_there():
    with pytest.raises(UsageError, match=r"no language 'fr'.*Known: en, zh"):
        words("fr")


@given(st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=7))
def test_names_are_listed_in_both_languages(names):
    for lang in LANGUAGES:
        listed = words(lang).listed(names)
        assert all(name in listed for name in names[:4])
        assert ("3" in listed) == (len(names) == 7)
