"""export.py NETWORK N H W FOLDER: the network with formula weights as a checkpoint and as ONNX of one fixed size.

Also writes x.npy, an input of that size. Runs in an interpreter that has torch.
"""
import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"))
from formula_weights import uniform  # noqa: E402
from reference_networks import load_network  # noqa: E402


def main():
    name, folder = sys.argv[1], pathlib.Path(sys.argv[5])
    n, h, w = map(int, sys.argv[2:5])
    network = load_network(name)
    x = uniform("input", n * h * w).reshape(n, 1, h, w) * (100 if name == "eccv16" else 1)
    np.save(folder / "x.npy", x.astype(np.float32))
    torch.save(network.state_dict(), folder / f"{name}.pth", _use_new_zipfile_serialization=False)
    options = {"opset_version": 14, "input_names": ["x"], "output_names": ["ab"], "do_constant_folding": True}
    if tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 5):
        options["dynamo"] = False  # the exporter that needs no further package
    torch.onnx.export(network, torch.from_numpy(x.astype(np.float32)), str(folder / "network.onnx"), **options)


if __name__ == "__main__":
    main()
