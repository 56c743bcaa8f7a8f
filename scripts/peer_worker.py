"""Runs inside the peer environment: times neural-tangents on request, one line in, one line out.

Request: JSON {"network", "n", "d"}; answer: JSON {"seconds", "checksum"}. A network is an
activation (three hidden layers on ``d`` coordinates) or one of `IMAGES` (on ``d`` x ``d`` x 3
pixels). The first request for a shape compiles and is not timed.
"""

import json
import sys
import time

import jax
import neural_tangents as nt
import numpy as np
from neural_tangents import stax

ACTIVATIONS = {"relu": stax.Relu, "erf": stax.Erf, "gelu": stax.Gelu}
HIDDEN = 3
READY = {}


def convolutions(count):
    """3x3 convolutions with ReLU."""
    layers = []
    for _ in range(count):
        layers += [stax.Conv(64, (3, 3), W_std=2**0.5, padding="SAME"), stax.Relu()]
    return layers


def myrtle5():
    """Convolutions in groups of 2, 1, 1, averaged by 2x2 after each."""
    pool = stax.AvgPool((2, 2), (2, 2))
    return [*convolutions(2), pool, *convolutions(1), pool, *convolutions(1), stax.GlobalAvgPool()]


IMAGES = {
    "myrtle5": myrtle5,
    "cntk-gap:10": lambda: [*convolutions(10), stax.GlobalAvgPool()],
    "cntk-flatten:10": lambda: [*convolutions(10), stax.Flatten()],
}


def compiled(network, n, d):
    """Return the compiled kernel function and its input."""
    key = (network, n, d)
    if key not in READY:
        rng = np.random.default_rng(0)
        if network in IMAGES:
            layers = IMAGES[network]()
            x = rng.standard_normal((n, d, d, 3)).astype(np.float32)
        else:
            layers = []
            for _ in range(HIDDEN):
                layers += [stax.Dense(64, W_std=2**0.5), ACTIVATIONS[network]()]
            x = rng.standard_normal((n, d)).astype(np.float32)
        _, _, kernel_fn = stax.serial(*layers, stax.Dense(1, W_std=2**0.5))
        kernel = jax.jit(lambda x: kernel_fn(x, None, "ntk"))
        kernel(x).block_until_ready()
        READY[key] = kernel, x
    return READY[key]


def main():
    """Answer requests until the input ends."""
    print(json.dumps({"jax": jax.__version__, "neural_tangents": nt.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        kernel, x = compiled(request["network"], request["n"], request["d"])
        start = time.perf_counter()
        result = kernel(x).block_until_ready()
        seconds = time.perf_counter() - start
        answer = {"seconds": seconds, "checksum": float(np.asarray(result[0, :2]).sum())}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
