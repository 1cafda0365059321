"""An adapter whose library is not installed says which extra brings it."""

import subprocess
import sys

import pytest

import surefoot as sf


@pytest.mark.parametrize("name", ["keras", "lightning", "transformers"])
def test_a_missing_library_is_named_with_its_extra(name):
    # None is what importing a library that is not there meets.
    code = f"import sys; sys.modules[{name!r}] = None; import surefoot as sf; sf.adapters.{name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"not installed: pip install 'surefoot[{name}]'" in done.stderr.splitlines()[-1]


def test_what_is_no_adapter_is_no_attribute():
    with pytest.raises(AttributeError, match="tensorflow"):
        sf.adapters.tensorflow  # noqa: B018
