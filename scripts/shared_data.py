"""Where the shared data folder is: an argument, ``WIDELIMIT_SHARED``, or beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path


def shared_folder(given: Path | None = None) -> Path | None:
    """Return the folder that holds ``data/`` and ``golden/``, or None."""
    candidates = [
        given,
        Path(os.environ["WIDELIMIT_SHARED"]) if "WIDELIMIT_SHARED" in os.environ else None,
        Path(__file__).resolve().parents[2] / "shared",
    ]
    return next((path for path in candidates if path and (path / "data").is_dir()), None)
