"""How large the HTML report is with 200 curves, and how long a browser takes to open it.

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
    rng = np.random.default_rng(0)
    curves = {f"recipe {i}": [np.cumsum(rng.uniform(0, 0.01, size=100)).tolist() for _ in range(3)] for i in range(200)}
    comparison = Comparison.of(study(curves, epochs=100))
    with tempfile.TemporaryDirectory() as folder:
        page, empty = Path(folder, "report.html"), Path(folder, "empty.html")
        began = time.perf_counter()
        comparison.to_html(page)
        print(f"200 recipes × 3 seeds × 100 looks: {page.stat().st_size / 1000:.0f} kB, ", end="")
        print(f"written in {time.perf_counter() - began:.1f} s")
        empty.write_text("<!doctype html><title>empty</title><p>One line of text.")
        browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if browser is None:
            print("opening it: not measured (no Chromium here)")
            return
        taken = [opened(browser, page, folder) - opened(browser, empty, folder) for _ in range(given.repeats)]
        print(f"opening it: {statistics.median(taken):.2f} s [{min(taken):.2f}, {max(taken):.2f}]")


def opened(browser: str, page: Path, folder: str) -> float:
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
