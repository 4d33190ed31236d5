"""One inference engine in a process of its own; peers_cpu.py starts it and talks to it over its pipes.

worker.py ENGINE SPEC.json: loads, runs once, writes its outputs, says "ready"; then for every line
{"seconds": S, "runs": K} it times forward passes for S seconds, at least K of them, and answers with the list of
[seconds, CPU seconds of all threads].
worker.py --versions ENGINE,... prints {engine: [its version, null], or [null, why it cannot be used]}.

An engine's run() takes {port: array} and gives the list of outputs in the order of the spec's.
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
    """Eager PyTorch: one op after the other, each value freed after its last use."""

    def __init__(self, spec):
        import torch
        sys.path[:0] = [spec["golden_dir"], os.path.dirname(os.path.abspath(__file__))]
        from networks import reference_module
        torch.set_num_threads(spec["threads"])
        torch.set_num_interop_threads(1)
        self.torch = torch
        self.inputs = list(spec["inputs"])
        example = tuple(torch.zeros(shape) for shape in spec["inputs"].values())
        self.call = self.prepared(reference_module(spec["name"]), example)

    def prepared(self, module, example):
        """The definitions keep what tests look at; the recorded ops do not."""
        from torch.fx.experimental.proxy_tensor import make_fx
        with self.torch.no_grad():
            return make_fx(module)(*example)

    def run(self, x):
        with self.torch.inference_mode():
            return [y.numpy() for y in self.call(*(self.torch.from_numpy(x[port]) for port in self.inputs))]

    @staticmethod
    def version():
        import torch
        return torch.__version__


class TorchFrozen(Torch):
    """TorchScript with constants folded and layers fused."""

    def prepared(self, module, example):
        jit = self.torch.jit
        return jit.optimize_for_inference(jit.freeze(jit.trace(module, example, check_trace=False)))


class TorchCompiled(Torch):
    """torch.compile, which generates C++ for this machine."""

    def prepared(self, module, example):
        import torch._inductor.config as inductor
        inductor.freezing = True
        return self.torch.compile(super().prepared(module, example))

    def run(self, x):
        with self.torch.no_grad():  # freezing is not for inference mode
            return [y.numpy() for y in self.call(*(self.torch.from_numpy(x[port]) for port in self.inputs))]

    @staticmethod
    def version():
        import torch
        if not hasattr(torch, "compile"):
            raise ImportError("this PyTorch has no torch.compile")
        return torch.__version__


class OnnxRuntime:
    def __init__(self, spec):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = spec["threads"]
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.outputs = spec["outputs"]
        self.session = onnxruntime.InferenceSession(spec["onnx"], options, providers=["CPUExecutionProvider"])

    def run(self, x):
        return self.session.run(self.outputs, x)

    @staticmethod
    def version():
        import onnxruntime
        return onnxruntime.__version__


class OpenVino:
    def __init__(self, spec):
        import openvino
        core = openvino.Core()
        self.outputs = spec["outputs"]
        self.request = core.compile_model(spec["onnx"], "CPU", {
            "INFERENCE_NUM_THREADS": str(spec["threads"]), "NUM_STREAMS": "1", "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": "NO",
        }).create_infer_request()

    def run(self, x):
        result = self.request.infer(x)
        return [result[name] for name in self.outputs]

    @staticmethod
    def version():
        import openvino
        return openvino.__version__


class Ncnn:
    """Files made by pnnx: batch 1, ports called in0, in1, ..., out0, ..."""

    def __init__(self, spec):
        import ncnn
        self.ncnn, self.inputs, self.count = ncnn, list(spec["inputs"]), len(spec["outputs"])
        self.net = ncnn.Net()
        self.net.opt.num_threads = spec["threads"]
        for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage", "use_vulkan_compute"):
            setattr(self.net.opt, option, False)
        if self.net.load_param(spec["ncnn"] + ".param") != 0 or self.net.load_model(spec["ncnn"] + ".bin") != 0:
            raise RuntimeError("ncnn does not load what pnnx made")

    def run(self, x):
        import numpy
        extractor = self.net.create_extractor()
        for i, port in enumerate(self.inputs):
            extractor.input(f"in{i}", self.ncnn.Mat(x[port][0]).clone())  # it may overwrite its inputs
        outputs = []
        for i in range(self.count):
            status, y = extractor.extract(f"out{i}")
            if status != 0:
                raise RuntimeError(f"ncnn could not compute out{i}")
            outputs.append(numpy.array(y)[None])
        return outputs

    @staticmethod
    def version():
        import ncnn
        import pnnx  # pylint: disable=unused-import
        return ncnn.__version__


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
        self.create_network()
        self.prepare(spec["inputs"], spec["outputs"])

    def create_network(self):
        self.call("cuhue_network_create", self.engine, self.weights, ctypes.byref(self.network))

    def prepare(self, inputs, outputs):
        """inputs: {port: [n, c, h, w]}; the first one's height and width are the network's."""
        names = (ctypes.c_char_p * len(outputs))(*(name.encode() for name in outputs))
        n, _, h, w = next(iter(inputs.values()))
        size = [ctypes.c_int64(v) for v in (n, h, w)]
        self.call("cuhue_network_prepare", self.network, *size, names, ctypes.c_size_t(len(outputs)))
        self.inputs = {port: self.tensor("cuhue_network_input", port) for port in inputs}
        self.outputs = [self.tensor("cuhue_network_output", port) for port in outputs]

    def call(self, name, *arguments):
        error = self.Error(ctypes.sizeof(self.Error))
        if getattr(self.library, name)(*arguments, ctypes.byref(error)) != 0:
            raise RuntimeError(f"{name}: {error.message.decode()}")

    def tensor(self, name, port):
        import numpy
        t = self.Tensor(ctypes.sizeof(self.Tensor))
        self.call(name, self.network, port.encode(), ctypes.byref(t))
        return numpy.ctypeslib.as_array(t.data, (t.n, t.c, t.h, t.w))

    def run(self, x):
        for port, values in self.inputs.items():
            values[...] = x[port]
        self.call("cuhue_network_run", self.network, None, None)
        return [values.copy() for values in self.outputs]

    @staticmethod
    def version():
        return ""  # the library is given by path; peers_cpu.py asks it


ENGINES = {"cuhue": Cuhue, "torch": Torch, "torch-frozen": TorchFrozen, "torch-compiled": TorchCompiled,
           "onnxruntime": OnnxRuntime, "openvino": OpenVino, "ncnn": Ncnn}


def version_or_reason(name):
    try:
        return [ENGINES[name].version(), None]
    except Exception as error:  # pylint: disable=broad-except
        return [None, f"{type(error).__name__}: {error}".split("\n")[0][:200]]


def engine_of(name, spec):
    if not spec.get("detector"):
        return ENGINES[name]
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from detectors import DETECTORS
    if name not in DETECTORS:
        raise RuntimeError("of a detector only the layers could be exported, not what stands between them")
    return DETECTORS[name]


def main():
    if sys.argv[1] == "--versions":
        print(json.dumps({name: version_or_reason(name) for name in sys.argv[2].split(",")}))
        return
    with open(sys.argv[2], encoding="utf-8") as file:
        spec = json.load(file)
    pin(spec["threads"])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what an engine prints is no answer
    import numpy
    engine = engine_of(sys.argv[1], spec)(spec)
    x = {port: numpy.load(path) for port, path in spec["x"].items()}
    for path, output in zip(spec["y"], engine.run(x)):
        numpy.save(path, numpy.ascontiguousarray(output))
    print("ready", file=answers, flush=True)

    for line in sys.stdin:
        order = json.loads(line)
        engine.run(x)  # caches and clocks are this engine's again; not counted
        times, end = [], time.perf_counter() + order["seconds"]
        while len(times) < order["runs"] or time.perf_counter() < end:
            start, cpu = time.perf_counter(), time.process_time()
            engine.run(x)
            times.append([time.perf_counter() - start, time.process_time() - cpu])
        print(json.dumps(times), file=answers, flush=True)


if __name__ == "__main__":
    main()
