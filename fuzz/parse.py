"""Coverage-guided fuzzing of everything that reads a schedule: text and JSON. `make fuzz` runs it for a minute.

Whatever comes in, it is read or refused with a ScheduleError, in bounded time; what is read prints as text that reads
back, and binds to numbers or is refused. Flags are libFuzzer's: python fuzz/parse.py -max_total_time=600 CORPUS_FOLDER
"""

import json
import sys

import atheris

with atheris.instrument_imports(include=["surefoot"]):
    from surefoot import schedules
    from surefoot.core import text
    from surefoot.core.errors import ScheduleError
    from surefoot.schedules.named import NAMED

SIGNS = [
    "(",
    ")",
    "[",
    "]",
    ",",
    "=",
    " >> ",
    " * ",
    " + ",
    " - ",
    " / ",
    "'",
    ".",
    " ",
    "\n",
    "-",
    "#",
    "\\",
    "lambda: 0",
]
VALUES = ["0", "1", "3", "0.5", "1e-9", "1e308", "9" * 30, "'5%'", "'2ep'", "'1e6samples'", "'2e9tok'", "True", "None"]
ARGUMENTS = ["over", "end", "factor", "every", "part", "times", "steps", "at", "values", "low", "high", "n", "first"]
NAMES = [*NAMED, "minimum", "maximum", "wsd", "knee", "cosine_restarts"]
WORDS = [*SIGNS, *VALUES, *ARGUMENTS, *NAMES, "__class__", "__import__('os')", "open", "é", "\x00"]


def words(source: atheris.FuzzedDataProvider) -> str:
    """Words of the language in any order, and now and then anything."""
    pieces = []
    while source.remaining_bytes() and len(pieces) < 200:
        word = source.ConsumeIntInRange(0, len(WORDS))
        pieces.append(WORDS[word] if word < len(WORDS) else source.ConsumeUnicodeNoSurrogates(8))
    return "".join(pieces)


def sentence(source: atheris.FuzzedDataProvider, depth: int = 6) -> str:
    """Mostly what the grammar allows, with arguments of any kind."""
    kind = source.ConsumeIntInRange(0, 9 if depth else 1)
    if kind == 0 or not source.remaining_bytes():
        return VALUES[source.ConsumeIntInRange(0, len(VALUES) - 1)]
    if kind == 1:
        return repr(source.ConsumeFloat())
    if kind == 2:
        return f"[{sentence(source, depth - 1)}, {sentence(source, depth - 1)}]"
    if kind <= 5:
        sign = (" >> ", " * ", " + ")[kind - 3]
        return f"({sentence(source, depth - 1)}{sign}{sentence(source, depth - 1)})"
    name = NAMES[source.ConsumeIntInRange(0, len(NAMES) - 1)]
    known = [field.name for field in text.attributes(NAMED[name])] if name in NAMED else ["x"]
    given = [sentence(source, depth - 1) for _ in range(source.ConsumeIntInRange(0, 2))]
    for _ in range(source.ConsumeIntInRange(0, 2)):
        given.append(f"{known[source.ConsumeIntInRange(0, len(known) - 1)]}={sentence(source, depth - 1)}")
    return f"{name}({', '.join(given)})"


def try_text(given: str) -> None:
    made = schedules.parse(given)
    assert schedules.parse(str(made)) == made, given
    assert schedules.from_json(json.loads(json.dumps(schedules.to_json(made)))) == made, given
    curve = made.bind(1000, steps_per_epoch=100, batch_size=32, tokens_per_step=1000)
    for t in (0, 1, 500, 999, 5000):
        assert isinstance(curve(t), int | float), given


def one_input(data: bytes) -> None:
    source = atheris.FuzzedDataProvider(data)
    try:
        kind = source.ConsumeIntInRange(0, 3)
        if kind < 3:
            try_text(sentence(source) if kind else words(source))
        else:
            schedules.from_json(json.loads(source.ConsumeUnicodeNoSurrogates(4000)))
    except (ScheduleError, json.JSONDecodeError):
        pass


if __name__ == "__main__":
    atheris.Setup([*sys.argv, "-timeout=10"], one_input)
    atheris.Fuzz()
