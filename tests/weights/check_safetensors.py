"""Reads the sample of weight_samples.h with the safetensors package and compares every value."""
import sys

import numpy as np
from safetensors import safe_open

SAMPLE = [  # in the order they are added there
    ("flags", np.bool_, [3]),
    ("model1.0.weight", np.float32, [2, 1, 3, 3]),
    ("model1.0.bias", np.float32, [2]),
    ("half", np.float16, [5]),
    ("brain", None, [3]),  # bfloat16: NumPy has no such type
    ("steps", np.int64, []),
    ("double \u03bb", np.float64, [1, 3]),
    ("bytes", np.uint8, [7]),
    ("signed", np.int8, [1, 1, 5]),
    ("short", np.int16, [3]),
    ("int", np.int32, [2, 2]),
]

path = sys.argv[1]
with safe_open(path, framework="numpy") as f:
    names = set(f.keys())
    metadata = f.metadata()
    assert names == {name for name, _, _ in SAMPLE}, names
    for index, (name, dtype, shape) in enumerate(SAMPLE):
        assert list(f.get_slice(name).get_shape()) == shape, name
        if dtype is None:
            assert f.get_slice(name).get_dtype() == "BF16", name
            continue
        tensor = f.get_tensor(name)
        assert tensor.dtype == dtype, (name, tensor.dtype)
        count = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if dtype is np.bool_:
            expected = bytes(i % 2 for i in range(count))
        else:
            expected = bytes((i * 7 + index * 13) % 61 for i in range(count))
        assert tensor.tobytes() == expected, name

assert metadata["cuhue_format"] == "1"
assert metadata["network"] == "eccv16"
assert metadata["network_version"] == "3"
assert metadata["source_name"] == 'a "quoted" back\\slash na\u00efve.pth'
assert metadata["property.note"] == '\u20ac \\ "'
assert all(len(metadata["xxh3." + name]) == 16 for name in names)
print(f"{len(names)} tensors and {len(metadata)} metadata entries read back by safetensors")
