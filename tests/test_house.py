"""Public names, the README and the pins are what they say."""

import html
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import surefoot as sf
from surefoot.cli.advise import advise
from surefoot.cli.compare import compare
from surefoot.cli.find import find
from surefoot.cli.plot import plot
from surefoot.cli.train import train
from surefoot.cli.tune import tune

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CHINESE = (ROOT / "README.zh-CN.md").read_text()
MAP = (ROOT / "docs/source-material.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

PUBLIC = """
Advice Comparison Curve Metric Observation Recipe STRATEGIES Schedule SurefootError Task UsageError adapters advise
branch chebyshev chebyshev_steps clip compare constant cooldown cosine cosine_cooldown cosine_restarts cosine_wave
cyclical cyclical_momentum decay_now difference during every exponential exponential_cooldown exponential_warmup
extend find flat_cosine from_json from_torch geometric greedy hyperbolic inverse_power inverse_sqrt inverse_time
k_decay knee learn like linear maximum minimum multistep natural_exponential noam noise one_cycle one_cycle_momentum
optimizers paced parse piecewise plan planned plateau polynomial power_law radam_warmup range_test repeat restarts rex
schedules skip slanted_triangular step strategy stretch tanh_decay timm_noise to_json train trapezoid tri_stage tune
untuned_exponential_warmup untuned_linear_warmup wall_clock warmup warmup_hold_cosine warmup_hold_cosine_constant wsd
wsd_s
"""


def test_public_names_are_these_and_each_has_a_docstring():
    assert sf.__all__ == PUBLIC.split()
    for name in sf.__all__:
        assert getattr(sf, name).__doc__, name
    with pytest.raises(AttributeError):
        sf.nothing  # noqa: B018


def test_importing_surefoot_loads_no_torch():
    code = "import sys, surefoot; surefoot.cosine; surefoot.Recipe; surefoot.Task; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_readme_starts_with_two_commands():
    first = re.search(r"```sh\n(.*?)```", README, re.S)[1].splitlines()
    assert [line.split("#")[0].strip() for line in first] == ["make demo", "make test"]


def test_the_readmes_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 6
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert (tmp_path / "report.html").stat().st_size > 10_000
    task = names["task"]()
    assert sf.compare(task, "classic", seeds=1, epochs=1, out=None, progress=False).study.status == "done"


def test_the_readmes_recipe_file_is_one():
    from surefoot.studies.recipes import read

    blocks = re.findall(r"```yaml\n(.*?)```", README, re.S)
    blocks += re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/recipes.md").read_text(), re.S)
    assert [len(read(block, "block").recipes) for block in blocks] == [3, 2, 1, 1]


@pytest.mark.parametrize("readme", [README, CHINESE], ids=["en", "zh"])
@pytest.mark.parametrize("command", [compare, find, tune, train, plot, advise], ids=lambda command: command.name)
def test_the_readmes_options_exist(command, readme):
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    lines = re.findall(rf"^surefoot {command.name} .*$", readme, re.M)
    assert lines
    for line in lines:
        assert set(re.findall(r"--[\w-]+", line)) <= known


def test_the_chinese_readme_is_the_english_one():
    """The same sections, the same code, the same links."""
    heads = [re.findall(r"^#+ ", text, re.M) for text in (README, CHINESE)]
    assert heads[0] == heads[1]
    for language in ("python", "yaml"):
        blocks = [re.findall(rf"```{language}\n(.*?)```", text, re.S) for text in (README, CHINESE)]
        assert blocks[0] == blocks[1]
    links = [sorted(set(re.findall(r"\]\(([\w./-]+)\)", text))) for text in (README, CHINESE)]
    assert [each for each in links[0] if "README" not in each and ".en." not in each] == [
        each for each in links[1] if "README" not in each and ".zh." not in each
    ]
    for link in (*links[0], *links[1]):
        assert (ROOT / link).exists(), link


def test_the_page_of_schedules_is_what_the_code_makes():
    """Run docs/make_schedules.py after changing a shape or a preset."""
    sys.path.insert(0, str(ROOT / "docs"))
    import make_schedules

    page = (ROOT / "docs/schedules.md").read_text()
    assert make_schedules.filled(page) == page
    for title, modules in make_schedules.FAMILIES.items():
        assert make_schedules.members(modules), title
        picture = (ROOT / "docs" / make_schedules.picture(title)).read_text()
        for text in make_schedules.examples(modules).values():
            assert html.escape(text.split(",")[0].split(">>")[0].strip(), quote=False) in picture, text
    for block in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(compile(block, "docs/schedules.md", "exec"), {})


def without_numbers(text):
    """A page's headings and the first cells of its tables' heads: what no machine changes."""
    return [line for line in text.split("\n") if line.startswith("#") or (line.startswith("|") and "--" in line)]


def test_the_pages_of_lessons_are_what_the_code_makes():
    """Run docs/make_learn.py after changing a lesson, its text, or a translation."""
    sys.path.insert(0, str(ROOT / "docs"))
    import make_learn

    from surefoot.lessons import LESSONS, lesson_named
    from surefoot.lessons.lesson import write_up

    assert (make_learn.HERE / "README.md").read_text() == make_learn.index()
    assert (make_learn.HERE / "glossary.md").read_text() == make_learn.glossary()
    for name in LESSONS:
        lesson = lesson_named(name)()
        found = lesson.run()
        for lang in ("en", "zh"):
            page = (make_learn.HERE / lang / f"{name}.md").read_text()
            taught = write_up(lesson, found, lang)
            made = make_learn.page(taught)
            if name in make_learn.EXACT:
                assert page == made, name
            assert without_numbers(page) == without_numbers(made), name
            for part in taught.pictures:
                drawn = (make_learn.HERE / "images" / make_learn.picture(name, part, lang)).read_text()
                assert drawn.startswith("<svg"), part
                assert f"../images/{make_learn.picture(name, part, lang)}" in page


def test_the_map_of_the_source_material_is_true():
    """Every line names a command that runs, or a name that is public, and a test that is there."""
    from click.testing import CliRunner

    from surefoot.cli.main import surefoot

    rows = re.findall(
        r"^\| (?!in the source|the source \||:--)(.*?) \| (.*?) \| `(tests/[\w/]+\.py)::(\w+)` \|$", MAP, re.M
    )
    assert len(rows) == len(re.findall(r"^\| (?!in the source|the source \||:--)", MAP, re.M)) > 45
    for _, does, path, name in rows:
        assert f"def {name}(" in (ROOT / path).read_text(), name
        commands = re.findall(r"`surefoot (\w+)([^`]*)`", does)
        names = re.findall(r"`sf\.([\w.]+)", does)
        assert commands or names, does
        for command, rest in commands:
            words = rest.split()
            lesson = words[:1] if command == "learn" else []
            shown = CliRunner().invoke(surefoot, [command, *lesson, "--help"])
            assert shown.exit_code == 0, does
            for option in re.findall(r"--[\w-]+", rest):
                assert option in shown.output, does
        for dotted in names:
            found = sf
            for part in dotted.split("."):
                found = getattr(found, part)


def test_every_defect_names_a_test_that_exists():
    rows = re.findall(r"\| `(tests/[\w/]+\.py)::(\w+)` \|", (ROOT / "docs/schedules.md").read_text())
    assert len(rows) >= 18
    for path, name in rows:
        assert f"def {name}(" in (ROOT / path).read_text(), name


def test_the_documented_shapes_and_optimizers_exist():
    from surefoot.optimizers import parse

    text = (ROOT / "docs/recipes.md").read_text()
    optimizers, _, text = text.partition("## Schedules")
    for shape in re.findall(r"^\| `(\w+\(.*?\))`", text, re.M):
        assert sf.parse(shape)
    found = re.findall(r"^\| `(\w+)` \| `(.*?)`", optimizers, re.M)
    assert len(found) >= 14
    for name in found:
        assert parse(f"{name[0]}({name[1]})") == parse(name[0])


def test_versions_agree():
    import importlib.metadata

    assert PROJECT["version"] == importlib.metadata.version("surefoot")
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_dependency_is_pinned():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["dev"], *extras["test"]]
    names = {re.match(r"[\w-]+", name)[0].lower() for name in wanted} - {"surefoot"}
    assert names <= pins
    assert "torch" in pins
