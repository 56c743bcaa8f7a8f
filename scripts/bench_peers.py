"""Our kernels next to neural-tangents, alternating in one run.

The peer gets an environment of its own (.venv-peers, about 2 GiB: the newest stack on which it
still imports). Inputs and network are the same on both sides: three hidden layers, NTK, float32.

Usage: python scripts/bench_peers.py [--repetitions 5] [--python PYTHON_OF_A_READY_ENVIRONMENT]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import widelimit as wl

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ["neural-tangents==0.6.5", "jax==0.5.3", "jaxlib==0.5.3", "numpy<2.5"]
CASES = [
    (activation, 4000, features) for features in (784, 32) for activation in ("relu", "erf", "gelu")
]
LAYERS = {"relu": wl.Relu, "erf": wl.Erf, "gelu": wl.Gelu}


def peer_python(given: str | None) -> str:
    """Return the interpreter of the peer environment, made on first use."""
    if given:
        return given
    folder = ROOT / ".venv-peers"
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", *REQUIREMENTS]
        subprocess.run(install, check=True)
        (folder / ".ready").touch()
    return str(python)


class Peer:
    """The peer in a process of its own."""

    def __init__(self, python: str):
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OPENBLAS_", "JAX_"))
        }
        self.process = subprocess.Popen(
            [python, str(ROOT / "scripts" / "peer_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.versions = json.loads(self.process.stdout.readline())

    def seconds(self, network: str, n: int, d: int) -> tuple[float, float]:
        """Time one evaluation; also return the sum of two entries."""
        request = {"network": network, "n": n, "d": d}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["seconds"], answer["checksum"]


def network(activation: str) -> wl.Network:
    """Three hidden layers without biases."""
    layers: list[wl.Layer] = []
    for _ in range(3):
        layers += [wl.Dense(w_std=2**0.5), LAYERS[activation]()]
    return wl.Network([*layers, wl.Dense(w_std=2**0.5)])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--python", help="interpreter of an environment with the peer installed")
    args = parser.parse_args()
    peer = Peer(peer_python(args.python))
    print(f"neural-tangents {peer.versions['neural_tangents']}, jax {peer.versions['jax']}")
    print(f"NTK, 3 hidden layers, float32; medians of {args.repetitions}, alternating")
    print("each call twice in a turn: rested, after the other side's turn, and at once again")
    print(f"{'':>22s} {'at once again':>27s} {'rested':>27s}")
    columns = f"{'ours s':>9s} {'peer s':>9s} {'ratio':>7s}"
    print(f"{'activation':>10s} {'n':>6s} {'d':>4s} {columns} {columns}")
    for activation, n, d in CASES:
        x = np.random.default_rng(0).standard_normal((n, d)).astype(np.float32)
        net = network(activation)
        wl.kernel(net, x[:256])
        peer.seconds(activation, n, d)
        ours: list[list[float]] = [[], []]
        theirs: list[list[float]] = [[], []]
        for _ in range(args.repetitions):
            # While one side works, the other's threads and processor fall asleep.
            for times in ours:
                start = time.perf_counter()
                result = wl.kernel(net, x)
                times.append(time.perf_counter() - start)
            for times in theirs:
                seconds, checksum = peer.seconds(activation, n, d)
                times.append(seconds)
        agree = float(result[0, :2].sum())
        if abs(agree - checksum) > 1e-3 * abs(checksum):
            raise SystemExit(f"kernels differ: {agree} against {checksum}")
        line = f"{activation:>10s} {n:6d} {d:4d}"
        for mine, other in reversed(list(zip(ours, theirs, strict=True))):
            own, peers = statistics.median(mine), statistics.median(other)
            line += f" {own:9.4f} {peers:9.4f} {peers / own:7.1f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
