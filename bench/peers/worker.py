"""One inference engine in a process of its own; peers_cpu.py starts it and talks to it over its pipes.

worker.py ENGINE SPEC.json: loads, runs once, writes the output, says "ready"; then for every line
{"seconds": S, "runs": K} it times forward passes for S seconds, at least K of them, and answers with the list of
[seconds, CPU seconds of all threads].
worker.py --version ENGINE prints the engine's version, or fails when it cannot be imported.
"""
import ctypes
import json
import os
import sys
import time


def pin(threads):
    """To the first `threads` of the cores this process may use, before any engine makes its pool."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)


class Torch:
    """Eager PyTorch, as the published code runs it."""

    def __init__(self, spec):
        import torch
        sys.path.insert(0, spec["golden_dir"])
        from reference_networks import NETWORKS
        torch.set_num_threads(spec["threads"])
        torch.set_num_interop_threads(1)
        self.torch = torch
        self.network = NETWORKS[spec["network"]]()
        self.network.load_state_dict(torch.load(spec["state"]))
        self.network.eval()

    def run(self, x):
        with self.torch.inference_mode():
            return self.network(self.torch.from_numpy(x)).numpy()

    @staticmethod
    def version():
        import torch
        return torch.__version__


class OnnxRuntime:
    def __init__(self, spec):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = spec["threads"]
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(spec["onnx"], options, providers=["CPUExecutionProvider"])

    def run(self, x):
        return self.session.run(["ab"], {"x": x})[0]

    @staticmethod
    def version():
        import onnxruntime
        return onnxruntime.__version__


class OpenVino:
    def __init__(self, spec):
        import openvino
        core = openvino.Core()
        self.request = core.compile_model(spec["onnx"], "CPU", {
            "INFERENCE_NUM_THREADS": str(spec["threads"]), "NUM_STREAMS": "1", "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": "NO",
        }).create_infer_request()

    def run(self, x):
        return next(iter(self.request.infer({0: x}).values()))

    @staticmethod
    def version():
        import openvino
        return openvino.__version__


class Cuhue:
    """The C API through ctypes; copies the input in and the output out, as the others do."""

    class Error(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_size_t), ("status", ctypes.c_int), ("message", ctypes.c_char * 1008)]

    class EngineOptions(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_size_t), ("device", ctypes.c_char_p), ("threads", ctypes.c_int),
                    ("precision", ctypes.c_int), ("log", ctypes.c_void_p), ("log_user", ctypes.c_void_p),
                    ("log_level", ctypes.c_int)]

    class Tensor(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_size_t), ("data", ctypes.POINTER(ctypes.c_float)), ("n", ctypes.c_int64),
                    ("c", ctypes.c_int64), ("h", ctypes.c_int64), ("w", ctypes.c_int64)]

    def __init__(self, spec):
        self.library = ctypes.CDLL(spec["library"])
        self.engine, self.weights, self.network = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
        options = self.EngineOptions(ctypes.sizeof(self.EngineOptions), b"cpu", spec["threads"])
        self.call("cuhue_engine_create", ctypes.byref(options), ctypes.byref(self.engine))
        if spec.get("weights"):
            self.call("cuhue_weights_open", spec["weights"].encode(), ctypes.byref(self.weights))
        else:
            self.call("cuhue_weights_formula", spec["network"].encode(), ctypes.byref(self.weights))
        self.call("cuhue_network_create", self.engine, self.weights, ctypes.byref(self.network))
        outputs = (ctypes.c_char_p * 1)(b"ab")
        n, _, h, w = spec["shape"]
        size = [ctypes.c_int64(v) for v in (n, h, w)]
        self.call("cuhue_network_prepare", self.network, *size, outputs, ctypes.c_size_t(1))
        self.input = self.tensor("cuhue_network_input", spec["input"].encode())
        self.output = self.tensor("cuhue_network_output", b"ab")

    def call(self, name, *arguments):
        error = self.Error(ctypes.sizeof(self.Error))
        if getattr(self.library, name)(*arguments, ctypes.byref(error)) != 0:
            raise RuntimeError(f"{name}: {error.message.decode()}")

    def tensor(self, name, port):
        import numpy
        t = self.Tensor(ctypes.sizeof(self.Tensor))
        self.call(name, self.network, port, ctypes.byref(t))
        return numpy.ctypeslib.as_array(t.data, (t.n, t.c, t.h, t.w))

    def run(self, x):
        self.input[...] = x
        self.call("cuhue_network_run", self.network, None, None)
        return self.output.copy()

    @staticmethod
    def version():
        return ""  # the library is given by path; peers_cpu.py asks it


ENGINES = {"cuhue": Cuhue, "torch": Torch, "onnxruntime": OnnxRuntime, "openvino": OpenVino}


def main():
    if sys.argv[1] == "--version":
        print(ENGINES[sys.argv[2]].version())
        return
    with open(sys.argv[2], encoding="utf-8") as file:
        spec = json.load(file)
    pin(spec["threads"])
    import numpy
    engine = ENGINES[sys.argv[1]](spec)
    x = numpy.load(spec["x"])
    output = numpy.ascontiguousarray(engine.run(x))
    numpy.save(spec["y"], output)
    print("ready", flush=True)

    for line in sys.stdin:
        order = json.loads(line)
        engine.run(x)  # caches and clocks are this engine's again; not counted
        times, end = [], time.perf_counter() + order["seconds"]
        while len(times) < order["runs"] or time.perf_counter() < end:
            start, cpu = time.perf_counter(), time.process_time()
            engine.run(x)
            times.append([time.perf_counter() - start, time.process_time() - cpu])
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
