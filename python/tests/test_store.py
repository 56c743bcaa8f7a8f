"""Stores of the command line, read and joined from Python."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

import widelimit as wl

BINARY = Path(__file__).resolve().parents[2] / "target" / "release" / "widelimit"
NET = "mlp:2:erf"


@pytest.fixture
def x(tmp_path, rng):
    x = rng.standard_normal((250, 4))
    np.save(tmp_path / "x.npy", x)
    return x


@pytest.fixture
def job(tmp_path, x):
    if not BINARY.exists():
        pytest.skip("the command line is not built")

    def run(out, *more):
        command = [BINARY, "kernel", "--net", NET, "--x1", "x.npy", "--out", out, "--get", "both"]
        subprocess.run([*command, *more], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
        return tmp_path / out

    return run


def test_kernels_are_mapped_and_not_copied(job, x):
    store = wl.open_store(job("k.store"))
    assert (store.complete, store.missing) == (True, 0) and store.tiles > 1
    assert store.network == wl.Network.preset(NET)
    assert store.arrays == ("nngp", "ntk")
    both = wl.kernel(store.network, x, get=("nngp", "ntk"))
    for name in store.arrays:
        mapped = getattr(store, name)
        assert isinstance(mapped, np.memmap) and not mapped.flags.writeable
        assert (mapped == getattr(both, name)).all()
        assert mapped[3, 100:110].shape == (10,)
        with pytest.raises(ValueError, match="read-only"):
            mapped[0, 0] = 1.0


def test_parts_are_joined(job, tmp_path):
    parts = [job(f"part{i}.store", "--shard", f"{i}/3") for i in (1, 2, 3)]
    one = wl.open_store(parts[0])
    assert not one.complete and 0 < one.missing < one.tiles
    with pytest.raises(ValueError, match=f"{one.missing} of {one.tiles} tiles are missing"):
        _ = one.ntk
    heard = []
    two = wl.merge_stores(parts[:2], tmp_path / "two.store", progress=lambda *n: heard.append(n))
    assert 0 < two.missing < one.missing and heard
    whole = wl.merge_stores(map(str, parts), str(tmp_path / "k.store"))
    assert whole.complete
    once = wl.open_store(job("once.store"))
    for name in ("nngp.npy", "ntk.npy"):
        assert (whole.path / name).read_bytes() == (once.path / name).read_bytes()


def test_what_cannot_be_is_an_error(job, tmp_path):
    part = job("part.store", "--shard", "1/2")
    other = job("other.store", "--shard", "2/2", "--dtype", "f32")
    with pytest.raises(ValueError, match=r"other\.store .* another dtype than .*part\.store"):
        wl.merge_stores([part, other], tmp_path / "k.store")
    assert not (tmp_path / "k.store").exists()
    with pytest.raises(OSError, match="store"):
        wl.merge_stores([part], other)
    with pytest.raises(ValueError, match="no store to join"):
        wl.merge_stores([], tmp_path / "k.store")
    with pytest.raises(TypeError, match="list of stores"):
        wl.merge_stores(str(part), tmp_path / "k.store")
    with pytest.raises(OSError):
        wl.open_store(tmp_path / "no.store")
    (part / "store.json").write_text("{}")
    with pytest.raises(ValueError, match=r"store\.json"):
        wl.open_store(part)


def test_a_store_of_one_kernel_has_no_other(tmp_path, x):
    if not BINARY.exists():
        pytest.skip("the command line is not built")
    command = [BINARY, "kernel", "--net", NET, "--x1", "x.npy", "--out", "k.store"]
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    store = wl.open_store(tmp_path / "k.store")
    assert store.ntk.shape == (250, 250)
    with pytest.raises(ValueError, match="no kernel 'nngp'; it has ntk"):
        _ = store.nngp
