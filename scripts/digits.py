"""Export scikit-learn's digits as an .npz, the demo's data where MNIST is not at hand.

Usage: python scripts/digits.py OUT.npz
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TEST_EVERY = 3


def main() -> None:
    """Write x_train, y_train, x_test, y_test; every third image is for testing."""
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    images = digits.images.astype(np.float32)
    labels = digits.target.astype(np.int64)
    test = np.arange(len(labels)) % TEST_EVERY == 0
    np.savez(
        out,
        x_train=images[~test].reshape(-1, 64),
        y_train=labels[~test],
        x_test=images[test].reshape(-1, 64),
        y_test=labels[test],
    )


if __name__ == "__main__":
    main()
