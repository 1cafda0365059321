"""The language that people read. English stands in the code; the others are gettext catalogues beside this file."""

from __future__ import annotations

import gettext
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from attrs import field, frozen

from surefoot.core.errors import UsageError, did_you_mean

LANGUAGES = {"en": "English", "zh": "中文"}
CATALOGUES = Path(__file__).parent / "locale"


@frozen
class Words:
    """Sentences in one language: `_ = words("zh")`, then `_("{name} leads", name="Adam")`.

    The English sentence is the key; values are put in after it was looked up, so that a translation may order them as
    its grammar asks. What a catalogue lacks is given in English.

    >>> _ = words()
    >>> _("{name} leads with {value:.2f}", name="Adam", value=0.5)
    'Adam leads with 0.50'
    >>> _.plural("{count} seed", "{count} seeds", 3)
    '3 seeds'
    """

    lang: str
    _catalogue: gettext.NullTranslations = field(eq=False, repr=False)

    def __call__(self, text: str, /, **values: Any) -> str:
        """The sentence in this language, with `values` for the names in braces."""
        found = self._catalogue.gettext(text)
        return found.format(**values) if values else found

    def plural(self, one: str, many: str, count: int, /, **values: Any) -> str:
        """The form for a count, which may stand in the sentence as {count}."""
        return self._catalogue.ngettext(one, many, count).format(count=count, **values)

    def listed(self, names: Sequence[str], most: int = 4) -> str:
        """Names in a sentence; those with a comma in quotes.

        >>> words().listed(["a", "b, c", "d"]), words().listed(list("abcdefg"))
        ('a, “b, c” and d', 'a, b, c, d and 3 more')
        """
        _ = self
        comma = _(", ")
        shown = [f"“{name}”" if "," in name else name for name in names[:most]]
        if len(names) > most:
            return _("{names} and {count} more", names=comma.join(shown), count=len(names) - most)
        if len(shown) < 2:
            return "".join(shown)
        return _("{names} and {last}", names=comma.join(shown[:-1]), last=shown[-1])


@lru_cache
def words(lang: str = "en") -> Words:
    """The sentences of a language. Raises UsageError for one that is not there.

    >>> words("zh").lang
    'zh'
    """
    if lang not in LANGUAGES:
        raise UsageError(f"there is no language {lang!r}", remedy=did_you_mean(str(lang), LANGUAGES))
    catalogue = gettext.NullTranslations() if lang == "en" else gettext.translation("surefoot", CATALOGUES, [lang])
    return Words(lang, catalogue)
