"""Public names, the README and the pins are what they say."""

import html
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import surefoot as sf
from surefoot.cli.compare import compare
from surefoot.cli.plot import plot

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

PUBLIC = """
Advice Comparison Curve Metric Observation Recipe STRATEGIES Schedule SurefootError Task UsageError adapters advise
branch chebyshev chebyshev_steps clip compare constant cooldown cosine cosine_cooldown cosine_restarts cosine_wave
cyclical cyclical_momentum decay_now difference during every exponential exponential_cooldown exponential_warmup extend
flat_cosine from_json from_torch geometric greedy hyperbolic inverse_power inverse_sqrt inverse_time k_decay knee
learn like linear maximum minimum multistep natural_exponential noam noise one_cycle one_cycle_momentum optimizers paced
parse piecewise planned plateau polynomial power_law radam_warmup range_test repeat restarts rex schedules skip
slanted_triangular step strategy stretch tanh_decay timm_noise to_json trapezoid tri_stage
untuned_exponential_warmup untuned_linear_warmup wall_clock warmup warmup_hold_cosine warmup_hold_cosine_constant
wsd wsd_s
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
    assert len(blocks) == 4
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
    assert [len(read(block, "block").recipes) for block in blocks] == [3, 2, 1]


@pytest.mark.parametrize("command", [compare, plot], ids=lambda command: command.name)
def test_the_readmes_options_exist(command):
    known = {option for parameter in command.params for option in parameter.opts}
    for line in re.findall(rf"^surefoot {command.name} .*$", README, re.M):
        assert set(re.findall(r"--[\w-]+", line)) <= known


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


def test_every_defect_names_a_test_that_exists():
    rows = re.findall(r"\| `(tests/[\w/]+\.py)::(\w+)` \|", (ROOT / "docs/schedules.md").read_text())
    assert len(rows) >= 18
    for path, name in rows:
        assert f"def {name}(" in (ROOT / path).read_text(), name


def test_the_documented_shapes_and_optimizers_exist():
    from surefoot.optimizers import parse

    text = (ROOT / "docs/recipes.md").read_text()
    for shape in re.findall(r"^\| `(\w+\(.*?\))`", text, re.M):
        assert sf.parse(shape)
    for name in re.findall(r"^\| `(sgd|adagrad|rmsprop|adam)` \| `(.*?)`", text, re.M):
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
