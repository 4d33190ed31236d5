"""Formula weights: a checkpoint of any network computed from its tensors' names.

The same numbers in every language (runtime/networks/formula.cpp): seed = FNV-1a of the key, one SplitMix64
value an element, upper 24 bits as u in [0, 1).
"""
import numpy as np

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def fnv1a64(key):
    value = 0xCBF29CE484222325
    for byte in key.encode("utf-8"):
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def uniform(key, count):
    """`count` doubles in [0, 1), each a multiple of 2^-24."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a64(key)) + np.arange(count, dtype=np.uint64) * GOLDEN_GAMMA + GOLDEN_GAMMA
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2.0**24


def formula_image(channels, height, width):
    """[c, h, w] uint8."""
    u = uniform("input", channels * height * width)
    return np.floor(256 * u).astype(np.uint8).reshape(channels, height, width)


def formula_tensor(key, shape, gain, transposed_stride=None, variance=1.0):
    """What `key` holds. transposed_stride: the stride when it is the weight of a transposed convolution; variance:
    the middle of running variances."""
    count = int(np.prod(shape, dtype=np.int64))
    u = uniform(key, count)
    leaf = key.rsplit(".", 1)[-1]
    if len(shape) >= 2:
        if transposed_stride:
            fan_in = shape[0] * shape[2] * shape[3] / transposed_stride**2
        else:
            fan_in = np.prod(shape[1:], dtype=np.int64)
        values = (2 * u - 1) * np.sqrt(3 * gain / fan_in)
    elif leaf == "weight":
        values = 0.75 + 0.5 * u
    elif leaf == "running_var":
        values = (0.5 + u) * variance
    elif leaf in ("weight_u", "weight_v"):
        values = 2 * u - 1
        values /= np.sqrt(np.sum(values**2)) + 1e-12
    elif leaf in ("bias", "running_mean"):
        values = (2 * u - 1) * 0.1
    else:
        raise KeyError(f"no formula for {key}")
    return values.astype(np.float32).reshape(shape)


def tensorflow_formula_tensor(key, shape, gain):
    """The tensor of a TensorFlow checkpoint, whose layout is [kh, kw, in, out] or [in, out], as [out, in, kh, kw] or
    [out, in], which is also how `shape` has it."""
    leaf = key.rsplit("/", 1)[-1]
    if len(shape) < 2:
        u = uniform(key, int(np.prod(shape, dtype=np.int64)))
        values = 0.5 + u if leaf == "moving_variance" else (2 * u - 1) * 0.1
        return values.astype(np.float32)
    theirs = shape[2:] + (shape[1], shape[0])
    values = (2 * uniform(key, int(np.prod(theirs, dtype=np.int64))) - 1) * np.sqrt(3 * gain / np.prod(shape[1:], dtype=np.int64))
    values = values.astype(np.float32).reshape(theirs)
    order = (len(theirs) - 1, len(theirs) - 2) + tuple(range(len(theirs) - 2))
    return np.ascontiguousarray(values.transpose(order))
