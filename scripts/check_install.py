"""What an installation weighs: size of the wheel, its requirements, and the time of the import.

Usage: python scripts/check_install.py WHEEL
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

LIMIT_MIB = 15.0
LIMIT_SECONDS = 0.1
TURNS = 11

MEASURE = """
import json, time
import numpy
start = time.perf_counter()
import widelimit
print(json.dumps(time.perf_counter() - start))
"""


def main() -> None:
    """Install the wheel into an empty environment and measure."""
    wheel = Path(sys.argv[1])
    size = wheel.stat().st_size / 2**20
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith("METADATA"))
        metadata = archive.read(name).decode()
    required = [
        line.removeprefix("Requires-Dist: ")
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist:") and "extra ==" not in line
    ]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
        seconds = [
            json.loads(
                subprocess.run([python, "-c", MEASURE], capture_output=True, check=True).stdout
            )
            for _ in range(TURNS)
        ]
    median = statistics.median(seconds)
    print(f"wheel {size:.1f} MiB (limit {LIMIT_MIB:.0f}), requires {required}")
    print(f"import {median:.3f} s beyond NumPy's own (limit {LIMIT_SECONDS}), median of {TURNS}")
    if (
        size > LIMIT_MIB
        or median > LIMIT_SECONDS
        or [r.split(">")[0] for r in required] != ["numpy"]
    ):
        raise SystemExit("the installation is heavier than promised")


if __name__ == "__main__":
    main()
