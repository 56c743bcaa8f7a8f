#!/usr/bin/env python3
"""Write the seed corpus `seeds/<target>/...` with the standard library alone.

The files are made from the formats' descriptions and not by the code under test, so they are
also a second opinion on it (`crates/data/tests/seeds.rs` reads them).
"""

import io
import json
import pathlib
import struct
import sys
import zipfile
import zlib

# What lies between the parts of an input that stands for several files.
BREAK = "\n--\n"
OUT = pathlib.Path(__file__).parent / "seeds"


def npy(descr, shape, data, fortran=False, version=1):
    """Give the bytes of an `.npy` file."""
    text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape!r}, }}"
    prefix = 10 if version == 1 else 12
    text += " " * (-(prefix + len(text) + 1) % 64) + "\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode() + data


def npz(members, method=zipfile.ZIP_STORED, zip64=False):
    """Give the bytes of a zip archive of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with archive.open(info, "w", force_zip64=zip64) as member:
                member.write(data)
    return out.getvalue()


def model(texts, tensors):
    """Give the bytes of a model file; `tensors`: name -> (dtype, shape, bytes)."""
    # Doubles first, then singles, each by name.
    tensors = sorted(tensors.items(), key=lambda t: (t[1][0] != "F64", t[0]))
    crc = 0

    def add(data):
        nonlocal crc
        crc = zlib.crc32(data, crc)

    def part(data):
        add(struct.pack("<Q", len(data)))
        add(data)

    for key, text in sorted(texts.items()):
        part(key.encode())
        part(text.encode())
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors:
        part(name.encode())
        part(f"float{dtype[1:]} {shape}".encode())
        add(data)
        header[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
    own = {"format": "widelimit-model", "version": "1", "checksum": f"{crc:08x}"}
    header["__metadata__"] = {**texts, **own}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(t[1][2] for t in tensors)


def main():
    """Write all seeds."""
    f8 = struct.pack("<6d", *range(6))
    f4 = struct.pack("<6f", *range(6))
    arrays = {
        "f8": npy("<f8", (2, 3), f8),
        "f4_fortran": npy("<f4", (2, 3), f4, fortran=True),
        "f8_big": npy(">f8", (6,), struct.pack(">6d", *range(6))),
        "f2": npy("<f2", (3,), struct.pack("<3e", 0.5, -2.0, 65504.0)),
        "i8_v2": npy("<i8", (4,), struct.pack("<4q", 3, -1, 3, 7), version=2),
        "u1_4d": npy("|u1", (1, 2, 2, 1), bytes(range(4))),
        "u8_large": npy("<u8", (2,), struct.pack("<2Q", 1, 2**64 - 1)),
        "bool": npy("|b1", (3, 1), b"\1\0\1"),
        "text": npy("<U2", (2,), "ab\0\0".encode("utf-32-le")[:8] + "é\0".encode("utf-32-le")),
        "bytes": npy("|S3", (2,), b"catdog"),
        "scalar_v3": npy("<f8", (), f8[:8], version=3),
        "empty": npy("<f8", (0, 3), b""),
        "empty_wide": npy("<U1073741823", (0,), b""),
        "object": npy("|O", (1,), b"\x80\x04N."),
        "huge": npy("<f8", (2**40, 2**20), f8),
        "nan": npy("<f8", (2, 1), struct.pack("<2d", float("nan"), 1.0)),
    }
    members = {f"{name}.npy": arrays[name] for name in ("f8", "i8_v2", "text")}
    archives = {
        "stored": npz(members),
        "deflated": npz(members, zipfile.ZIP_DEFLATED),
        "zip64": npz({"größe.npy": arrays["f8"], "readme.txt": b"no array"}, zip64=True),
        "none": npz({}),
    }
    tables = {
        "header": b"\0a,b,label\n1,2,cat\n3,4.5e-1,dog\n",
        "plain": b"\x021,2\r\n3,4\r\n\r\n",
        "semicolons": b"\0x;y\n1,5;2\n",
        "tabs_bom": b"\0\xef\xbb\xbfx\ty\n1\t2\n",
        "quoted": b'\0"a ""b""","c\nd"\n"1","2"\n',
        "missing": b"\0a,b\n1,NA\n",
        "ragged": b"\0a,b\n1,2\n1,2,3\n",
    }
    dense = [{"layer": "dense", "w_std": 1.5, "b_std": 0.1, "width": 64}, {"layer": "relu"}]
    models = {
        "small": model(
            {"network": json.dumps(dense), "task": "regression"},
            {"x": ("F32", [2, 3], f4), "coefficients": ("F64", [6], f8)},
        ),
        "empty": model({}, {}),
    }
    networks = {
        "dense": json.dumps(dense),
        "object": json.dumps({"layers": dense}),
        "residual": json.dumps(
            [{"layer": "residual", "body": dense, "shortcut": []}, {"layer": "dense", "w_std": 1.0}]
        ),
        "parallel": json.dumps(
            [{"layer": "parallel", "branches": [dense, dense], "combine": "concat"}]
        ),
        "conv": json.dumps(
            [
                {"layer": "conv", "filter": [3, 3], "strides": [1, 1], "padding": "SAME",
                 "w_std": 1.3, "b_std": 0.1, "width": 64},
                {"layer": "avg_pool", "window": [2, 2], "strides": [2, 2], "padding": "VALID"},
                {"layer": "flatten"},
            ]
        ),
        "activations": json.dumps(
            [{"layer": "leaky_relu", "alpha": 0.1}, {"layer": "erf", "a": 1, "b": 1, "c": 0},
             {"layer": "polynomial", "coef": [0, 1, 0.5]}, {"layer": "tanh"},
             {"layer": "layer_norm", "axes": ["channels"], "eps": 1e-12},
             {"layer": "dropout", "keep_rate": 0.9, "mode": "train"}]
        ),
        "preset": "mlp:3:relu",
        "preset_conv": "resnet:3",
    }  # fmt: skip
    array = {"name": "ntk", "shape": [4, 4], "dtype": "float32"}
    description = {"network": dense, "x1": {"shape": [4, 2], "crc32": 7}, "x2": None}
    spec = {
        "version": 2,
        "description": description,
        "arrays": [array],
        "tile": 2,
        "symmetric": True,
        "tiles": 3,
    }
    record = BREAK + "0 00000000\n2 0badcafe\n2 0badcaff\n\0\0\n3 00000000\n1 0bad"
    stores = {
        "one": json.dumps(spec),
        "recorded": json.dumps(spec) + record,
        "blocks": json.dumps({**spec, "arrays": [{**array, "shape": [4, 4, 2, 3]}]}),
        "older": json.dumps({**spec, "version": 1}),
        "newer": json.dumps({**spec, "version": 3}),
        "twice": json.dumps({**spec, "arrays": [array, array]}),
    }
    ints = {
        "node_offsets": ((3,), [0, 3, 5]),
        "edge_offsets": ((3,), [0, 4, 6]),
        "edge_index": ((2, 6), [0, 1, 1, 2, 3, 4, 1, 0, 2, 1, 4, 3]),
        "node_labels": ((5,), [7, 9, 6, 8, 8]),
        "graph_labels": ((2,), [1, -1]),
        "test_fold": ((2,), [0, -1]),
    }
    parts = {
        f"{name}.npy": npy("|i1", shape, struct.pack(f"{len(values)}b", *values))
        for name, (shape, values) in ints.items()
    }
    bare = {name: parts[name] for name in ("node_offsets.npy", "edge_index.npy")}
    graph_archives = {"labelled": npz(parts), "bare": npz(bare, zipfile.ZIP_DEFLATED)}
    tu_edges = "1, 3\n3, 1\n3, 5\n5 3\n2,4\n4, 2\n"
    tu_files = [tu_edges, "1\n2\n1\n2\n1", "1\n-1", "7\n8\n9\n8\n6", ".5,1\n1,1e2\n2,1\n3,1\n4,-1",
                "1\n1\n2\n2\n3\n3"]  # fmt: skip
    tu = {
        "bare": tu_files[:2],
        "whole": tu_files,
        "one_way": [tu_edges.replace("4, 2", "2, 2"), *tu_files[1:]],
    }
    edges = "graph,source,target,label\npath,a,b,1\npath,b,c,2\npair,x,y,3\n"
    nodes = "graph,node,label,u\npath,a,7,0.5\npair,x,8,1\npath,b,9,2\npair,y,8,3\npath,c,6,4\n"
    graph_tables = {
        "edges": [edges],
        "whole": [edges, nodes, "graph,label,fold\npath,1,0\npair,-1,-1\n"],
        "weights": ["graph;source;target;weight\n1;0;1;2.5\n1;1;1;0\n"],
    }
    sources = ["x.npy", "set.npz:x", r"C:\d\t.csv:time:hour", "a:b.parquet", "x.csv:y.npz:z"]
    corpora = {
        "npy": arrays,
        "npz": archives,
        "csv": tables,
        "model": models,
        "network": {k: v.encode() for k, v in networks.items()},
        "store": {k: v.encode() for k, v in stores.items()},
        "graphs_npz": graph_archives,
        "graphs_tu": {k: BREAK.join(v).encode() for k, v in tu.items()},
        "graphs_csv": {k: BREAK.join(v).encode() for k, v in graph_tables.items()},
        "source": {str(i): s.encode() for i, s in enumerate(sources)},
    }
    for target, files in corpora.items():
        folder = OUT / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    print(f"{sum(map(len, corpora.values()))} seeds in {OUT}", file=sys.stderr)


if __name__ == "__main__":
    main()
