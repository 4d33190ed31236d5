"""export.py NETWORK N H W FOLDER: the network with formula weights, and one input, in the forms that peers read.

x_PORT.npy, checkpoint.pth (cuhue converts it), network.onnx (ONNX Runtime, OpenVINO), traced.pt (pnnx makes ncnn's files of
it); of one fixed size. What cannot be exported is left out, with the reason in NAME.reason. Runs in an interpreter that has
torch.
"""
import json
import pathlib
import sys

import numpy as np
import torch

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"), str(pathlib.Path(__file__).resolve().parent)]
from networks import COMPARED, inputs_of, reference_module, with_image_statistics_as_instance_norm  # noqa: E402


def export_onnx(name, module, inputs, path):
    options = {"opset_version": 14, "input_names": list(COMPARED[name].inputs), "output_names": list(COMPARED[name].outputs),
               "do_constant_folding": True}
    if tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 5):
        options["dynamo"] = False  # the exporter that needs no further package
    torch.onnx.export(module, inputs, str(path), **options)


def export_traced(_, module, inputs, path):
    torch.jit.trace(module, inputs, check_trace=False).save(str(path))


def main():
    name, folder = sys.argv[1], pathlib.Path(sys.argv[5])
    arrays = inputs_of(name, *map(int, sys.argv[2:5]))
    for port, values in arrays.items():
        np.save(folder / f"x_{port}.npy", values)
    (folder / "shapes.json").write_text(json.dumps({port: values.shape for port, values in arrays.items()}), encoding="utf-8")
    if COMPARED[name].detector:
        for file in ("network.onnx", "traced.ncnn.param"):
            (folder / f"{file}.reason").write_text("of a detector only the layers could be exported, not what stands between them",
                                                   encoding="utf-8")
        return
    module = reference_module(name)
    torch.save(module.network.state_dict(), folder / "checkpoint.pth", _use_new_zipfile_serialization=False)
    inputs = tuple(torch.from_numpy(values) for values in arrays.values())
    with torch.no_grad(), with_image_statistics_as_instance_norm(torch):
        for file, export in (("network.onnx", export_onnx), ("traced.pt", export_traced)):
            try:
                export(name, module, inputs, folder / file)
            except Exception as error:  # pylint: disable=broad-except
                (folder / f"{file}.reason").write_text(f"{type(error).__name__}: {error}".split("\n")[0][:300], encoding="utf-8")


if __name__ == "__main__":
    main()
