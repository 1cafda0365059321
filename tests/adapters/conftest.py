import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

collect_ignore_glob = ["*_process.py"]  # programs that tests run


@pytest.fixture
def trained(tmp_path):
    """Runs one of the scripts here in a process of its own, and what it wrote: `trained("torch", "rest")`."""

    def run(script, what, *words, launcher=()):
        command = [sys.executable, *launcher, str(HERE / f"{script}_process.py"), str(tmp_path), what, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads((tmp_path / f"{what}.json").read_text()) | {"errors": done.stderr}

    return run
