"""Kernels of images next to neural-tangents, alternating in one run.

NTK of 32x32x3 images in float32, symmetric on both sides, each with as many images as it does well
with: the peer's memory grows with the square of them, ours is best with a vector of them and more.
Times are an entry of the full matrix and an unordered pair, an image with itself counted.

Usage: python scripts/bench_peers_images.py [--repetitions 3] [--python INTERPRETER]
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from bench_peers import Peer, peer_python

import widelimit as wl

# Network, the peer's images, ours.
CASES = [
    ("myrtle5", 4, 32),
    ("cntk-gap:10", 2, 16),
    ("cntk-flatten:10", 64, 256),
]
SIDE = 32


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--python", help="interpreter of an environment with the peer installed")
    args = parser.parse_args()
    peer = Peer(peer_python(args.python))
    print(f"neural-tangents {peer.versions['neural_tangents']}, jax {peer.versions['jax']}")
    print(f"medians of {args.repetitions}, alternating; milliseconds")
    head = f"{'ours':>10s}{'peer':>10s}{'ratio':>8s}"
    print(f"{'':16s}{'an entry':>28s}{'an unordered pair':>28s}\n{'network':16s}{head}{head}")
    for name, theirs, own in CASES:
        net = wl.Network.preset(name)
        x = np.random.default_rng(0).standard_normal((own, SIDE, SIDE, 3)).astype(np.float32)
        same = np.random.default_rng(0).standard_normal((theirs, SIDE, SIDE, 3)).astype(np.float32)
        _, checksum = peer.seconds(name, theirs, SIDE)
        agree = float(wl.kernel(net, same)[0, :2].sum())
        if abs(agree - checksum) > 1e-3 * abs(checksum):
            raise SystemExit(f"kernels differ: {agree} against {checksum}")
        ours, peers = [], []
        for _ in range(args.repetitions):
            start = time.perf_counter()
            wl.kernel(net, x)
            ours.append(time.perf_counter() - start)
            peers.append(peer.seconds(name, theirs, SIDE)[0])
        line = f"{name:16s}"
        for count in (lambda n: n * n, lambda n: n * (n + 1) // 2):
            mine = statistics.median(ours) / count(own) * 1e3
            other = statistics.median(peers) / count(theirs) * 1e3
            line += f"{mine:10.4f}{other:10.4f}{other / mine:8.0f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
