#!/usr/bin/env python3
"""Files written by h5py (and, where it is installed, TensorFlow) themselves: usage: test_real_containers.py DUMP_PROGRAM

Exit status 77 = skipped: h5py is not installed."""
import hashlib
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

NAMES = {"f4": "F32", "f2": "F16", "f8": "F64", "i8": "I64", "i4": "I32", "i2": "I16", "i1": "I8", "u1": "U8"}


def line(name, array):
    little = np.ascontiguousarray(array)
    return (name, NAMES[little.dtype.str[1:]], str(list(array.shape)), hashlib.sha256(little.tobytes()).hexdigest())


def keras_model(path, layers, root=""):
    """A Keras weights file of many layers; returns what must be read."""
    random, expected = np.random.RandomState(1), []
    with h5py.File(path, "w") as file:
        top = file.create_group(root) if root else file
        top.attrs["layer_names"] = [b"conv2d_%d" % i for i in range(layers)]
        top.attrs["backend"], top.attrs["keras_version"] = b"tensorflow", "2.0.8"
        for i in range(layers):
            name = "conv2d_%d" % i
            group = top.create_group(name)
            group.attrs["weight_names"] = [("%s/%s:0" % (name, w)).encode() for w in ("kernel", "bias")]
            for what, shape in (("kernel", (3, 1, 2, 4)), ("bias", (4,))):
                values = random.randn(*shape).astype("f4")
                group.create_dataset("%s/%s:0" % (name, what), data=values)
                expected.append(line("%s/%s" % (name, what), values))
        if root:
            file.create_dataset("optimizer_weights/Adam/iterations:0", data=np.int64(3))
            file.attrs["model_config"] = "{" + " " * 60000 + "}"
    return expected


def types_file(path):
    expected = []
    with h5py.File(path, "w") as file:
        for kind, name in NAMES.items():
            values = np.arange(6).reshape(2, 3).astype(kind)
            file["layer/" + name] = values
            expected.append(line("layer/" + name, values))
        file["layer/scalar"] = np.float32(7)
        expected.append(line("layer/scalar", np.float32(7).reshape(())))
        file["layer/text"] = "some text"
    return expected


def refused_files(folder):
    """Features that are refused, each in a file of its own: path -> what is said."""
    data = np.arange(64, dtype="f4")
    with h5py.File(os.path.join(folder, "other.h5"), "w") as file:
        file["x"] = data

    def soft(f):
        f["y"] = h5py.SoftLink("/x")

    def external_link(f):
        f["y"] = h5py.ExternalLink("other.h5", "/x")

    def external_storage(f):
        f.create_dataset("y", (4,), "f4", external=[(os.path.join(folder, "raw.bin"), 0, 16)])

    def virtual(f):
        layout = h5py.VirtualLayout((64,), "f4")
        layout[:] = h5py.VirtualSource(os.path.join(folder, "other.h5"), "x", (64,))
        f.create_virtual_dataset("y", layout)

    def hard(f):
        f["y"] = f["x"]

    def cycle(f):
        f.create_group("g")["again"] = f["/"]

    cases = {
        "soft": (soft, "is a soft link"),
        "external_link": (external_link, "external links"),
        "external_storage": (external_storage, "data in other files"),
        "virtual": (virtual, "is virtual"),
        "hard": (hard, "has another name already"),
        "cycle": (cycle, "contains itself (a cyclic link)"),
        "gzip": (lambda f: f.create_dataset("y", data=data, compression="gzip"), "is compressed or filtered"),
        "chunks": (lambda f: f.create_dataset("y", data=data, chunks=(8,)), "is stored in chunks"),
        "big_endian": (lambda f: f.create_dataset("y", data=data.astype(">f4")), "not little-endian"),
    }
    said = {}
    for name, (change, message) in cases.items():
        path = os.path.join(folder, name + ".h5")
        with h5py.File(path, "w") as file:
            file["x"] = data
            change(file)
        said[path] = message
    path = os.path.join(folder, "latest.h5")
    with h5py.File(path, "w", libver="latest") as file:
        file["x"] = data
    said[path] = "superblock of version"
    return said


def tensorflow_files(folder):
    try:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        import tensorflow.compat.v1 as tf
    except ImportError:
        print("without TensorFlow: its own files are not tested")
        return {}
    random, expected = np.random.RandomState(2), []
    with tf.Graph().as_default(), tf.Session() as session:
        for name, shape in (("a/kernel", (3, 3, 20, 40)), ("a/bias", (40,)), ("zeros", (300, 300)), ("scalar", ())):
            values = np.zeros(shape, "f4") if name == "zeros" else np.asarray(random.randn(*shape), "f4")
            tf.get_variable(name, initializer=values, use_resource=False)
            expected.append(line(name, values))
        tf.get_variable("step", initializer=np.int64(-5), use_resource=False)
        expected.append(line("step", np.int64(-5).reshape(())))
        session.run(tf.global_variables_initializer())
        for version, name in ((tf.train.SaverDef.V1, "v1.ckpt"), (tf.train.SaverDef.V2, "v2")):
            tf.train.Saver(write_version=version).save(session, os.path.join(folder, name))
    return {os.path.join(folder, name): expected for name in ("v1.ckpt", "v2")}


def main():
    with tempfile.TemporaryDirectory() as folder:
        expected = {}
        for name, layers, root in (("few.h5", 3, ""), ("many.h5", 700, ""), ("model.h5", 14, "model_weights")):
            path = os.path.join(folder, name)
            expected[path] = keras_model(path, layers, root)
        path = os.path.join(folder, "types.h5")
        expected[path] = types_file(path)
        expected.update(tensorflow_files(folder))
        said = refused_files(folder)
        output = subprocess.run([sys.argv[1], *expected, *said], check=True, capture_output=True, text=True).stdout
        read, errors = {path: set() for path in expected}, {}
        for row in output.splitlines():
            path, *rest = row.split("|")
            if rest[0] == "error":
                errors[path] = rest[1]
            else:
                read[path].add(tuple(rest))
        failures = 0
        for path, lines in expected.items():
            if read[path] != set(lines):
                failures += 1
                print("FAILED:", os.path.basename(path), errors.get(path, sorted(read[path] ^ set(lines))[:4]))
        for path, message in said.items():
            if message not in errors.get(path, ""):
                failures += 1
                print("FAILED:", os.path.basename(path), "should be refused with", repr(message), "not", errors.get(path))
        print("%d files read, %d refused, %d failures" % (len(expected), len(said), failures))
        return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
