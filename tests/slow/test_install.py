import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_is_small_and_imports_fast(tmp_path):
    maturin = Path(sys.executable).parent / "maturin"
    command = [maturin, "build", "--release", "--quiet", "--out", tmp_path]
    subprocess.run([*command, "--manifest-path", ROOT / "python/Cargo.toml"], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, ROOT / "scripts/check_install.py", wheel], check=True)
