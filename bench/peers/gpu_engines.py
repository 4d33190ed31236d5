"""PyTorch's ways to run a network on a GPU, and cuhue through its C API: engines of peers_gpu.py.

Every engine has forward(x): {port: float32 numpy array on the host} -> list of outputs on the host, and
colorize(photo): [h, w, 3] uint8 on the host -> the same size on the host, for the networks in PHOTOS. Engines of PyTorch also
hold the pieces on the device, for timing by CUDA events.
"""
import ctypes
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

from detectors import CuhueDetector, TorchDetector
from networks import COMPARED, network_of
from worker import Cuhue as CpuCuhue

# Networks whose photo is one resize, one pass and one merge in CIE Lab: comparable as a whole.
PHOTOS = ("eccv16", "lite", "siggraph17")


# ---- photos in PyTorch: the same pipeline with its own ops, all of it on the GPU --------------------------------------


def srgb_to_linear(v):
    return torch.where(v > 0.04045, ((v + 0.055) / 1.055) ** 2.4, v / 12.92)


def luminance_y(linear):
    weights = linear.new_tensor([0.212671, 0.715160, 0.072169]).reshape(1, 3, 1, 1)
    return (linear * weights).sum(1, keepdim=True)


def lab_f(t):
    return torch.where(t > 0.008856, t.clamp(min=1e-9) ** (1 / 3), 7.787 * t + 16 / 116)


def lab_to_srgb_bytes(y, ab):
    """y [n,1,h,w]: CIE Y of the photo; ab [n,2,h,w] -> uint8 [n,3,h,w]. Constants of scikit-image."""
    fy = lab_f(y)
    fx, fz = fy + ab[:, :1] / 500, (fy - ab[:, 1:] / 200).clamp(min=0)
    x, z = (torch.where(f > 0.2068966, f ** 3, (f - 16 / 116) / 7.787) * white for f, white in ((fx, 0.95047), (fz, 1.08883)))
    rgb = torch.cat([3.240481343200527 * x - 1.5371515162713185 * y - 0.4985363261688879 * z,
                     -0.9692549499965684 * x + 1.8759900014898907 * y + 0.04155592655829285 * z,
                     0.05564663913517715 * x - 0.20404133836651123 * y + 1.0573110696453443 * z], 1)
    srgb = torch.where(rgb > 0.0031308, 1.055 * rgb.clamp(min=1e-9) ** (1 / 2.4) - 0.055, 12.92 * rgb)
    return (srgb.clamp(0, 1) * 255).round().to(torch.uint8)


def pipeline(network, name, photo):
    """photo [h, w, 3] uint8 on the device -> [h, w, 3] uint8. The resize is antialiased bicubic, as Pillow's."""
    full = photo.permute(2, 0, 1)[None].float()
    small = F.interpolate(full, (256, 256), mode="bicubic", antialias=True, align_corners=False).round().clamp(0, 255) / 255
    if name == "lite":
        x = (small * small.new_tensor([0.2125, 0.7154, 0.0721]).reshape(1, 3, 1, 1)).sum(1, keepdim=True)
    else:
        x = 116 * lab_f(luminance_y(srgb_to_linear(small))) - 16
    hints = [x.new_zeros(1, 2, 256, 256), x.new_zeros(1, 1, 256, 256)] if name == "siggraph17" else []
    ab = F.interpolate(network(x, *hints)[0].float(), full.shape[2:], mode="bilinear", align_corners=False)
    return lab_to_srgb_bytes(luminance_y(srgb_to_linear(full / 255)), ab)[0].permute(1, 2, 0).contiguous()


class Torch:
    """One way of running a module. variant: eager fp32, eager tf32, eager fp16, graph fp16, compiled fp16, compiled tf32."""

    def __init__(self, module, name, variant, device):
        mode, self.precision = variant.split()
        self.name, self.label, self.mode, self.device = name, f"torch {variant}", mode, device
        self.module = module.to(device).eval()
        if self.precision == "fp16":
            self.module = self.module.half()
        self.module = self.module.to(memory_format=torch.channels_last)
        self.call = self.module
        if mode == "compiled":
            import torch._inductor.config as inductor
            inductor.freezing = True
            self.call = torch.compile(self.module, mode="max-autotune", dynamic=False)  # a plan a shape
        self.graphs = {}

    def settings(self):
        """Set before every use: engines of several precisions share the process."""
        tf32 = self.precision != "fp32"
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True

    def network(self, *inputs):
        if self.precision == "fp16":
            inputs = [x.half() for x in inputs]
        return self.call(*(x.contiguous(memory_format=torch.channels_last) for x in inputs))

    def recorded(self, key, work, *inputs):
        """`work` on static copies of the inputs, as a CUDA graph: (graph, inputs, output)."""
        if key not in self.graphs:
            static = [i.clone() for i in inputs]
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream), torch.inference_mode():
                for _ in range(3):
                    work(*static)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph), torch.inference_mode():
                output = work(*static)
            self.graphs[key] = graph, static, output
        return self.graphs[key]

    def prepared(self, key, work, *inputs):
        """A function without arguments that does `work` on what lies on the device, and returns its output."""
        if self.mode != "graph":
            return lambda: work(*inputs)
        graph, static, output = self.recorded((key, *(i.shape for i in inputs)), work, *inputs)

        def run():
            with torch.inference_mode():  # as where the copies were made
                for to, value in zip(static, inputs):
                    to.copy_(value)
            graph.replay()
            return output
        return run

    def photo_on_device(self, photo):
        return self.prepared("photo", lambda p: pipeline(self.network, self.name, p), photo)

    def no_grad(self):
        """Compiled with frozen weights it must not be in inference mode."""
        return torch.no_grad() if self.mode == "compiled" else torch.inference_mode()

    def forward(self, x):
        self.settings()
        with self.no_grad():
            inputs = [torch.from_numpy(values).to(self.device) for values in x.values()]
            return [y.float().cpu().numpy() for y in self.prepared("network", self.network, *inputs)()]

    def colorize(self, photo):
        self.settings()
        with self.no_grad():
            return self.photo_on_device(torch.from_numpy(photo).to(self.device))().cpu().numpy()

    def peak_bytes(self, x):
        """Of one pass, with the weights, and what a graph keeps; None where PyTorch does not tell (compiled, CPU)."""
        if self.device.type != "cuda" or self.mode == "compiled":
            return None
        self.graphs = {}
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        self.forward(x)
        own = sum(p.numel() * p.element_size() for p in self.module.parameters())
        return torch.cuda.max_memory_allocated() - before + own


# ---- cuhue ------------------------------------------------------------------------------------------------------------


class Cuhue(CpuCuhue):
    PRECISIONS = {"fp32": 0, "tf32": 1, "fp16": 2}

    class EngineOptions(ctypes.Structure):
        _fields_ = CpuCuhue.EngineOptions._fields_ + [("plan_cache", ctypes.c_char_p), ("tune", ctypes.c_int)]

    class Pixels(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_size_t), ("data", ctypes.c_void_p), ("width", ctypes.c_int64), ("height", ctypes.c_int64),
                    ("stride", ctypes.c_ssize_t), ("format", ctypes.c_int), ("reserved", ctypes.c_int), ("memory", ctypes.c_int)]

    class ColorizeOptions(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_size_t), ("chroma", ctypes.c_float), ("temperature", ctypes.c_float),
                    ("as_published", ctypes.c_int), ("progress", ctypes.c_void_p), ("progress_user", ctypes.c_void_p),
                    ("stream", ctypes.c_void_p)]

    class Memory(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_size_t), ("weight_bytes", ctypes.c_int64), ("arena_bytes", ctypes.c_int64)]

    RGB8, ON_DEVICE = 3, 1
    KIND = "network"  # what self.network is a handle of

    def __init__(self, library, name, precision, plan_cache, device):  # pylint: disable=super-init-not-called
        self.entry = COMPARED[name]
        self.library, self.name, self.precision, self.label = ctypes.CDLL(library), name, precision, f"cuhue {precision}"
        self.engine, self.weights, self.network, self.colorizer = (ctypes.c_void_p() for _ in range(4))
        options = self.EngineOptions(ctypes.sizeof(self.EngineOptions), device.type.encode(), 0, self.PRECISIONS[precision],
                                     plan_cache=str(plan_cache).encode(), tune=1)
        self.call("cuhue_engine_create", ctypes.byref(options), ctypes.byref(self.engine))
        self.call("cuhue_weights_formula", network_of(name).encode(), ctypes.byref(self.weights))
        self.create_network()
        if name in PHOTOS:
            weights = (ctypes.c_void_p * 1)(self.weights)
            self.call("cuhue_colorizer_create", self.engine, None, weights, ctypes.c_size_t(1), ctypes.byref(self.colorizer))
        self.prepared = None

    def forward(self, x):
        shapes = {port: values.shape for port, values in x.items()}
        if self.prepared != shapes:
            self.prepare(shapes, self.entry.outputs)
            self.prepared = shapes
        return self.run(x)

    def pixels(self, address, shape, memory):
        return self.Pixels(ctypes.sizeof(self.Pixels), address, shape[1], shape[0], 0, self.RGB8, 0, memory)

    def colorize(self, photo):
        out = np.empty_like(photo)
        pixels = [self.pixels(a.ctypes.data, a.shape, 0) for a in (photo, out)]
        self.call("cuhue_colorize", self.colorizer, ctypes.byref(pixels[0]), ctypes.byref(pixels[1]), ctypes.c_size_t(1), None, None)
        return out

    def photo_on_device(self, photo):
        """On PyTorch's current stream, without waiting."""
        out = torch.empty_like(photo)
        pixels = [self.pixels(t.data_ptr(), t.shape, self.ON_DEVICE) for t in (photo, out)]
        options = self.ColorizeOptions(ctypes.sizeof(self.ColorizeOptions))

        def run():
            options.stream = torch.cuda.current_stream().cuda_stream
            self.call("cuhue_colorize", self.colorizer, ctypes.byref(pixels[0]), ctypes.byref(pixels[1]), ctypes.c_size_t(1),
                      ctypes.byref(options), None)
            return out
        return run

    def settings(self):
        pass

    def peak_bytes(self, _):
        total = 0
        for kind, handle in ((self.KIND, self.network), ("colorizer", self.colorizer)):
            if not handle:
                continue
            memory = self.Memory(ctypes.sizeof(self.Memory))
            self.call(f"cuhue_{kind}_memory", handle, ctypes.byref(memory))
            total = max(total, memory.weight_bytes + memory.arena_bytes)
        return total

    def close(self):
        """Its memory goes before the next network comes."""
        for kind, handle in (("colorizer", self.colorizer), (self.KIND, self.network), ("weights", self.weights), ("engine", self.engine)):
            free = getattr(self.library, f"cuhue_{kind}_free")
            free.restype = None
            free(handle)
            handle.value = None


# ---- a detector: a picture to boxes, scores and classes, masks made and brought to the host --------------------------


class TorchDetectorOnGpu(TorchDetector):
    """variant: eager fp32, eager tf32, eager fp16. What it finds decides shapes: neither a graph nor a compiler takes it whole."""

    def __init__(self, name, variant, device):
        mode, self.precision = variant.split()
        if mode != "eager":
            raise RuntimeError("a detector's shapes depend on what it finds")
        golden = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
        super().__init__({"golden_dir": str(golden), "threads": torch.get_num_threads(), "inputs": {"image": (1, *COMPARED[name].size, 3)},
                          "device": device.type, "dtype": "float16" if self.precision == "fp16" else "float32"})
        self.label = f"torch {variant}"

    settings = Torch.settings

    def forward(self, x):
        self.settings()
        return self.run(x)

    def peak_bytes(self, x):
        if self.device.type != "cuda":
            return None
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        self.forward(x)
        weights = [*self.network.state.values(), *(w for pair in self.network.folded.values() for w in pair)]
        return torch.cuda.max_memory_allocated() - before + sum(w.numel() * w.element_size() for w in weights)


class CuhueDetectorOnGpu(CuhueDetector, Cuhue):
    KIND = "detector"
