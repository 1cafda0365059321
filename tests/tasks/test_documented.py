"""The page of tasks: its program runs, and its table names every task and field."""

import re
from pathlib import Path

from attrs import fields

from surefoot.core.task import Task
from surefoot.tasks import names

PAGE = (Path(__file__).parents[2] / "docs/tasks.md").read_text()


def test_the_program_of_the_page_runs():
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert len(blocks) == 5
    exec(compile("\n".join(blocks), "docs/tasks.md", "exec"), {"__name__": "docs"})


def test_every_task_and_every_field_is_named():
    for name in (*names(), *(field.name for field in fields(Task) if field.name not in ("name", "about"))):
        assert f"`{name}`" in PAGE or f"{name}=" in PAGE, name
