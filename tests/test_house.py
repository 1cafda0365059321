"""Public names, the README and the pins are what they say."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import surefoot as sf
from surefoot.cli.compare import compare

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

PUBLIC = """
Comparison Curve Metric Observation Recipe Schedule SurefootError Task UsageError compare constant cosine cyclical
exponential from_json inverse_time like linear multistep natural_exponential one_cycle one_cycle_momentum optimizers
parse piecewise plateau polynomial schedules step strategy to_json warmup
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


def test_the_readmes_options_exist():
    known = {option for parameter in compare.params for option in parameter.opts}
    for line in re.findall(r"^surefoot compare .*$", README, re.M):
        assert set(re.findall(r"--[\w-]+", line)) <= known


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
