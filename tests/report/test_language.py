"""The same comparison in Chinese: the table lines up, the page has no English left, pictures have glyphs for all."""

import io
import re
import warnings
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from attrs import evolve
from made import ramp, study
from matplotlib import font_manager
from wcwidth import wcswidth

import surefoot as sf
from surefoot.core.language import words
from surefoot.core.recipe import Recipe
from surefoot.core.record import Diverged, Note, Progress
from surefoot.core.run import Run
from surefoot.report import Comparison, figures, fonts
from surefoot.report.table import WIDTH, as_text, rows
from surefoot.studies.progress import Watcher

CURVES = {
    "good": [ramp(0.90), ramp(0.91), ramp(0.92)],
    "余弦 with a tail": [ramp(0.50), ramp(0.515), ramp(0.52)],
    "wild": [ramp(0.9), ramp(0.9), ramp(0.9)[:4]],
    "near": [ramp(0.895), ramp(0.915), ramp(0.917)],
}


def made(**options):
    found = study(CURVES, **{"command": "surefoot compare mine.py", **options})
    runs = tuple(evolve(run, final={"accuracy": 0.5}) for run in found.runs)
    return evolve(found, runs=runs, notes=("a note",), trainer="loop")


@pytest.fixture(scope="module")
def comparison():
    return Comparison.of(made())


@pytest.fixture
def no_chinese_font(monkeypatch):
    others = [font for font in font_manager.fontManager.ttflist if font.name not in fonts.FAMILIES]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", others)
    fonts.chinese_font.cache_clear()
    yield
    fonts.chinese_font.cache_clear()


@pytest.fixture
def a_chinese_font():
    if fonts.chinese_font() is None:
        pytest.skip("no Chinese font is installed: apt-get install fonts-noto-cjk")


def test_it_says_the_same_in_another_language(comparison):
    chinese = comparison.in_language("zh")
    assert (comparison.lang, chinese.lang) == ("en", "zh")
    assert isinstance(chinese, Comparison)
    assert chinese.in_language("en").table() == comparison.table()
    assert "结论：good 领先（准确率 0.91）" in chinese.table()
    assert (str(comparison.best), str(chinese.best)) == ("good (ties with near)", "good（与其不分上下：near）")
    assert chinese.best == comparison.best
    one, other = comparison.to_json(), chinese.to_json()
    assert one["readings"] != other["readings"]
    assert one["verdict"].pop("sentence") != other["verdict"].pop("sentence")
    assert one | {"readings": 0} == other | {"readings": 0}


def test_a_language_that_is_not_there_is_refused_before_training(comparison, tmp_path):
    with pytest.raises(sf.UsageError, match="no language 'zn'"):
        comparison.in_language("zn")
    with pytest.raises(sf.UsageError, match="no language 'zn'"):
        sf.compare("digits", epochs=1, lang="zn", out=tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def column(line, start, stop):
    """What stands in the columns of a terminal from `start` to `stop`."""
    shown, at = "", 0
    for character in line:
        if start <= at < stop:
            shown += character
        at += wcswidth(character)
    return shown.strip()


def test_the_columns_of_the_chinese_table_line_up(comparison):
    chinese = comparison.in_language("zh")
    shown, cells = rows(chinese)
    lines = chinese.table().split("\n")
    rule = next(index for index, line in enumerate(lines) if line.startswith("--"))
    table = lines[rule - 1 : rule + 1 + len(cells)]
    assert max(map(wcswidth, table)) <= len(lines[rule])
    columns = [match.span() for match in re.finditer("-+", lines[rule])]
    for line, row in zip([table[0], *table[2:]], [shown, *cells], strict=True):
        assert [column(line, *span) for span in columns] == row
    assert "1/3，第 43 步" in [row[-2] for row in cells]


def test_chinese_lines_are_as_wide_as_others_and_begin_with_no_comma(comparison):
    chinese = comparison.in_language("zh")
    text = as_text(evolve(chinese, verdict=evolve(chinese.verdict, sentence=chinese.verdict.sentence * 5)))
    below = text[text.index("★ 领先") :].split("\n")
    assert len(below) > 10
    assert WIDTH - 12 < max(map(wcswidth, below)) <= WIDTH
    assert not [line for line in below if line.strip()[:1] in tuple("，。：；、）%")]
    assert re.sub(r"\s", "", chinese.verdict.sentence * 5) in re.sub(r"\s", "", text)


class Texts(HTMLParser):
    """The text of each element of a page, by its tag; that of figures, code and lists of notes aside."""

    APART = ("svg", "pre", "style", "ul")

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.lang = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "html":
            self.lang = dict(attributes)["lang"]
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        self.open.remove(tag)

    def handle_data(self, data):
        if data.strip() and not set(self.open) & set(self.APART):
            self.found.setdefault(self.open[-1], []).append(data.strip())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"watched": "test", "samples": {"train": 320, "test": 80}},
        {"status": "interrupted"},
        {"target": 0.6, "rank": "loss", "goal": "min"},
    ],
    ids=str,
)
def test_no_heading_and_no_sentence_of_the_page_is_left_in_english(options):
    english = Comparison.of(made(**options))
    one, other = Texts(english.to_html()), Texts(english.in_language("zh").to_html())
    assert (one.lang, other.lang) == ("en", "zh")
    for tag in ("title", "h1", "h2", "th", "p", "summary"):
        assert len(one.found[tag]) == len(other.found[tag]) > 0
        for before, after in zip(one.found[tag], other.found[tag], strict=True):
            assert before != after or before.startswith("2026")
            left = re.sub("|".join([*CURVES, "made", "PyTorch", "Dunnett", "cpu"]), "", after)
            assert not re.search("[A-Za-z]{2}", left), after
    code = [re.findall("<pre>(.*?)</pre>", page.to_html(), re.S) for page in (english, english.in_language("zh"))]
    assert code[0][:-1] == code[1][:-1]  # code, the command and the recipe file are data
    assert "任务          made\n样本数        train 320" in code[1][-1]


def test_the_fragment_is_in_its_language(comparison):
    shown = comparison.in_language("zh")._repr_html_()
    assert "<th>最终准确率</th>" in shown
    assert "验证集损失" in shown or fonts.chinese_font() is None
    assert 'aria-label="显示 good"' in shown


def labels(figure):
    seen = [axes.get_title() for axes in figure.axes] + [axes.get_xlabel() for axes in figure.axes]
    return [*seen, figure.get_suptitle(), figure.legends[0].get_title().get_text()]


ENGLISH = [
    "validation loss", "validation accuracy", "epoch", "epoch",
    "made: mean and ±1 standard deviation over 3 seeds", "from best to worst",
]  # fmt: skip
CHINESE = ["验证集损失", "验证集准确率", "轮", "轮", "made：3 个随机种子的均值与 ±1 标准差", "从最好到最差"]


def test_pictures_have_a_glyph_for_every_character(comparison, a_chinese_font, tmp_path):
    chinese = comparison.in_language("zh")
    assert labels(comparison.plot()) == ENGLISH
    assert labels(chinese.plot()) == CHINESE
    assert fonts.missing_font_note("zh", words("zh")) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # "Glyph ... missing from font(s)"
        chinese.to_png(tmp_path / "curves.png")
        page = chinese.to_html()
        chinese.plot().savefig(io.BytesIO())  # as a user does, who knows nothing of fonts
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    families = {family.strip() for family in re.findall(r"font-family: ([^;\"]*)", page)}
    assert families
    assert all(family.startswith(f"'{fonts.chinese_font()}', 'DejaVu Sans'") for family in families)
    assert all(family.endswith("sans-serif") for family in families)
    for label in CHINESE[:3]:
        assert f">{label}</text>" in page


def test_without_the_settings_of_the_font_glyphs_would_be_missing(comparison, a_chinese_font):
    """What the test above would see if figures were made outside them."""
    with pytest.warns(UserWarning, match="Glyph"):
        figures.curves(comparison.in_language("zh")).savefig(io.BytesIO())


def test_without_a_chinese_font_labels_are_english(comparison, no_chinese_font, tmp_path):
    latin = Comparison.of(study({"good": CURVES["good"], "bad": CURVES["near"]}), "zh")
    assert fonts.chinese_font() is None
    assert fonts.settings("zh") == {}
    assert labels(latin.plot()) == ENGLISH
    latin.to_png(tmp_path / "curves.png")  # a warning would be an error
    page = latin.to_html()
    assert ">validation loss</text>" in page
    assert "<h2>稳定性</h2>" in page
    assert "fonts-noto-cjk" in fonts.missing_font_note("zh", words("zh"))
    assert "没有安装中文字体" in fonts.missing_font_note("zh", words("zh"))


@pytest.mark.parametrize("make", [lambda: sf.learn("averages", "zh"), lambda: sf.advise(model="cnn", lang="zh")])
def test_without_a_chinese_font_documents_have_english_pictures(make, no_chinese_font):
    document = make()
    shown = [text for picture in document.painted().values() for panel in picture.panels for text in words_of(panel)]
    assert shown
    assert not re.search(r"[\u4e00-\u9fff]", "".join(shown))
    assert re.search(r"[\u4e00-\u9fff]", document.source)


def words_of(panel):
    return [panel.title, panel.x, panel.y, *(line.label for line in panel.lines)]


def test_english_pictures_need_no_font(no_chinese_font):
    assert fonts.settings("en") == {}
    assert fonts.words_for_pictures("en") == words()
    assert fonts.missing_font_note("en", words()) is None


def test_the_best_looking_font_is_taken(monkeypatch, no_chinese_font):
    installed = [SimpleNamespace(name=name) for name in ("DejaVu Sans", "Noto Sans CJK JP", "SimHei")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", installed)
    assert fonts.chinese_font() == "SimHei"
    assert fonts.settings("zh")["font.family"] == ["SimHei", "DejaVu Sans", "sans-serif"]
    assert fonts.words_for_pictures("zh").lang == "zh"


def test_progress_is_told_in_chinese(monkeypatch):
    clock = iter([0.0, 0.0, 6.0])
    monkeypatch.setattr("surefoot.studies.progress.time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    watcher = Watcher("digits", [Run(0, Recipe("Adam", "adam", 0.01), 3)], stream, "zh")
    for event in (Progress(0, 1000, 1, 1, "loop"), Progress(100, 1000, 1, 1, "loop"), Diverged(0, 12), Note("so")):
        watcher(event)
    line, lost, note = stream.getvalue().splitlines()
    assert line == "digits：loop，10 %，1/1 个运行仍在进行，每秒 17 次更新，剩余 54 秒"
    assert lost == "Adam，随机种子 3：在第 12 步发散"
    assert note == "注意：so"
