#!/usr/bin/env python3
"""Checkpoints written by PyTorch and NumPy themselves: usage: test_real_torch.py DUMP_PROGRAM

Exit status 77 = skipped: PyTorch or NumPy is not installed."""
import collections
import hashlib
import os
import pickle
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

TORCH_NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64",
               torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8",
               torch.bool: "BOOL"}
NUMPY_NAMES = {"f4": "F32", "f2": "F16", "f8": "F64", "i8": "I64", "i4": "I32", "i2": "I16", "i1": "I8", "u1": "U8",
               "b1": "BOOL"}


def torch_line(name, tensor):
    flat = tensor.detach().contiguous()
    raw = flat.view(torch.int16).numpy() if flat.dtype == torch.bfloat16 else flat.numpy()
    return (name, TORCH_NAMES[tensor.dtype], str(list(tensor.shape)), hashlib.sha256(raw.tobytes()).hexdigest())


def numpy_line(name, array):
    array = np.asarray(array)
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    return (name, NUMPY_NAMES[little.dtype.str[1:]], str(list(array.shape)), hashlib.sha256(little.tobytes()).hexdigest())


def torch_tensors():
    torch.manual_seed(1)
    base = torch.randn(4, 6, 2)
    tensors = collections.OrderedDict()
    for dtype, name in TORCH_NAMES.items():
        tensors["type." + name] = (base[0] * 50).to(dtype)
    tensors["transposed"] = base.permute(2, 0, 1)
    tensors["sliced"] = base[1:3, ::2, 1]
    tensors["shared.a"] = base[0]
    tensors["shared.b"] = base[0]
    tensors["expanded"] = torch.arange(3.0).reshape(3, 1).expand(3, 4)
    tensors["scalar"] = torch.tensor(5)
    tensors["parameter"] = torch.nn.Parameter(torch.randn(3))
    tensors["channels_last"] = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    return tensors


def torch_files(folder):
    tensors = torch_tensors()
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2)).state_dict()
    contents = {
        "plain": (tensors, tensors),
        "module": (module, module),
        "wrapped": ({"epoch": 3, "lr": 0.1, "state_dict": tensors, "args": ["x", (1, 2)]}, tensors),
        "gan": ({"D": module, "G": tensors}, tensors),
        "parallel": (collections.OrderedDict(("module." + k, v) for k, v in tensors.items()), tensors),
        "trained": ({"model": module, "optimizer": torch.optim.Adam([torch.nn.Parameter(torch.zeros(2))]).state_dict()}, module),
    }
    for name, (saved, expected) in contents.items():
        for protocol in (2, 3, 4, 5):
            for zipped in (True, False):
                path = os.path.join(folder, "%s-%d-%s.pth" % (name, protocol, "zip" if zipped else "legacy"))
                torch.save(saved, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
                yield path, [torch_line(k, v) for k, v in expected.items()]


def numpy_files(folder):
    random = np.random.RandomState(1)
    arrays = {"type." + t: (random.randn(3, 5) * 40).astype(t) for t in NUMPY_NAMES}
    arrays.update(fortran=np.asfortranarray(random.randn(3, 4).astype("f4")), big=random.randn(4).astype(">f4"),
                  sliced=random.randn(6, 6).astype("f4")[::2, 1::3], zero=np.array(2.5, "f4"), scalar=np.float32(7),
                  bytes256=np.arange(256, dtype="u1"))
    for protocol in range(2, 6):
        path = os.path.join(folder, "numpy-%d.pkl" % protocol)
        with open(path, "wb") as file:
            pickle.dump({"model": arrays, "__author__": "a test"}, file, protocol=protocol)
        yield path, [numpy_line(k, v) for k, v in arrays.items()]


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        expected = dict(torch_files(folder))
        expected.update(numpy_files(folder))
        output = subprocess.run([sys.argv[1], *expected], check=True, stdout=subprocess.PIPE, text=True).stdout
        found = collections.defaultdict(list)
        for line in output.splitlines():
            path, *rest = line.split("|")
            found[path].append(tuple(rest))
        for path, lines in expected.items():
            if found[path] != lines:
                failures += 1
                print("differs:", os.path.basename(path))
                for a, b in zip(lines, found[path] + [None] * len(lines)):
                    if a != b:
                        print("  expected", a, "\n  read    ", b)
                        break
    print(len(expected), "checkpoints,", failures, "differ")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
