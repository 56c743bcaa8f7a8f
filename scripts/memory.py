"""Peak memory of large kernels, each in a process of its own.

Promises: a kernel of 8 000 rows peaks at no more than the result and 64 MiB beyond the inputs;
with a limit of 512 MiB the kernel of 20 000 rows is written to disk within that limit; fits and
predictions stay within theirs, 16 MiB for the program itself allowed.

Usage: python scripts/memory.py [--binary target/release/widelimit]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

MIB = 2**20

IN_MEMORY = """
import resource, sys
import numpy as np, widelimit as wl
n, d, dtype = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
x = np.random.default_rng(0).standard_normal((n, d)).astype(dtype)
wl.kernel(wl.Network.preset("mlp:3:relu"), x[:64])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
kernel = wl.kernel(wl.Network.preset("mlp:3:relu"), x)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) / 1024 - kernel.nbytes / 2**20)
"""


def in_memory(n: int, d: int, dtype: str) -> float:
    """MiB beyond the result that the peak rises by."""
    command = [sys.executable, "-c", IN_MEMORY, str(n), str(d), dtype]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def run(*command: str | Path) -> tuple[int, float]:
    """Exit code of a command and the peak of its process in MiB."""
    process = subprocess.Popen([*command, "--quiet"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss / 1024


def succeed(*command: str | Path) -> float:
    """Peak of a command that must succeed."""
    code, peak = run(*command)
    if code:
        raise SystemExit(f"the command failed with exit code {code}: {command}")
    return peak


def on_disk(binary: Path, n: int, d: int, limit: str) -> tuple[float, float]:
    """Peak of the whole process in MiB, and MiB written."""
    with tempfile.TemporaryDirectory() as folder:
        x, out = Path(folder) / "x.npy", Path(folder) / "k.npz"
        np.save(x, np.random.default_rng(0).standard_normal((n, d)).astype(np.float32))
        common = ["--net", "mlp:3:relu", "--x1", x, "--out", out, "--memory", limit]
        peak = succeed(binary, "kernel", *common)
        with np.load(out) as archive:
            kernel = archive["ntk"]
            rows = np.arange(0, n, 997)
            if not (kernel[np.ix_(rows, rows)] == kernel[np.ix_(rows, rows)].T).all():
                raise SystemExit("the kernel on disk is not symmetric")
        return peak, out.stat().st_size / MIB


def fitting(binary: Path, n: int, d: int, limits: dict[str, int]) -> dict[str, float]:
    """Peaks in MiB of a fit and of predictions with standard deviations under their limits."""
    with tempfile.TemporaryDirectory() as folder:
        x, y, model = (Path(folder) / name for name in ("x.npy", "y.npy", "model.safetensors"))
        generator = np.random.default_rng(0)
        np.save(x, generator.standard_normal((n, d)))
        np.save(y, generator.standard_normal(n))
        limit = {name: f"--memory={limit}MiB" for name, limit in limits.items()}
        common = ["--net", "mlp:3:relu", "--get", "nngp", "--ridge", "0.1"]
        files = ["--x", x, "--y", y, "--out", model]
        fit = succeed(binary, "fit", *common, *files, limit["fit"])
        out = Path(folder) / "p.npy"
        arguments = ["--model", model, "--x", x, "--std", "--out", out]
        return {"fit": fit, "predict": succeed(binary, "predict", *arguments, limit["predict"])}


def main() -> None:
    """Print both tables; fail if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("--binary", type=Path, default=root / "target/release/widelimit")
    args = parser.parse_args()
    kept = True
    for dtype in ("float32", "float64"):
        beyond = in_memory(8000, 784, dtype)
        kept &= beyond <= 64
        print(
            f"n=8000 d=784 {dtype}: peak {beyond:.0f} MiB beyond the result (limit 64)", flush=True
        )
    for (n, d), limits in [
        ((3000, 50), {"fit": 160, "predict": 160}),
        ((300, 40000), {"fit": 400, "predict": 400}),
    ]:
        for name, peak in fitting(args.binary, n, d, limits).items():
            kept &= peak <= limits[name] + 16
            print(f"{name} n={n} d={d} --memory {limits[name]}MiB: peak {peak:.0f} MiB", flush=True)
    # Last: what this process has held counts as the peak of those that it starts.
    peak, written = on_disk(args.binary, 20000, 50, "512MiB")
    kept &= peak <= 512
    print(f"n=20000 d=50 float32 --memory 512MiB: peak {peak:.0f} MiB, {written:.0f} MiB written")
    if not kept:
        raise SystemExit("a limit was exceeded")


if __name__ == "__main__":
    main()
