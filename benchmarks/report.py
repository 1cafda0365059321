"""How large the HTML report is with 200 and 600 curves, and how long a browser takes to open it.

    python benchmarks/report.py [--repeats N]

The time is that of headless Chromium drawing the page to a picture, less that of a line of text, in turn; median with
the lowest and the highest. Without Chromium it is "not measured".
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from made import study

from surefoot.report import Comparison


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--repeats", type=int, default=7)
    given = options.parse_args()
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    for recipes in (67, 200):  # three panels each: 201 and 600 curves
        with tempfile.TemporaryDirectory() as folder:
            measure(recipes, Path(folder), browser, given.repeats)


def measure(recipes: int, folder: Path, browser: str | None, repeats: int) -> None:
    rng = np.random.default_rng(0)
    curves = {
        f"recipe {i}": [np.cumsum(rng.uniform(0, 0.01, size=100)).tolist() for _ in range(3)] for i in range(recipes)
    }
    page, text = folder / "report.html", folder / "text.html"
    began = time.perf_counter()
    Comparison.of(study(curves, epochs=100)).to_html(page)
    written = time.perf_counter() - began
    text.write_text("<!doctype html><title>text</title><p>One line of text.")
    said = f"{recipes} recipes × 3 seeds × 100 looks: {page.stat().st_size / 1000:.0f} kB, written in {written:.1f} s, "
    if browser is None:
        print(f"{said}opening it: not measured (no Chromium here)")
        return
    taken = [opened(browser, page, folder) - opened(browser, text, folder) for _ in range(repeats)]
    print(f"{said}opened in {statistics.median(taken):.2f} s [{min(taken):.2f}, {max(taken):.2f}]")


def opened(browser: str, page: Path, folder: Path) -> float:
    began = time.perf_counter()
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--screenshot={folder}/shot.png",
        "--window-size=1250,2500",
    ]
    subprocess.run([browser, *flags, page.as_uri()], check=True, capture_output=True, timeout=120)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
