import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "memory.py"


def test_peak_memory_keeps_its_promises():
    subprocess.run([sys.executable, SCRIPT], check=True)
