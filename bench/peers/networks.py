"""What is compared: every network by its inputs, the outputs that are asked for, and its definition in PyTorch.

A new network is one entry of COMPARED. The definitions are those of tests/golden/reference_networks.py; what costs a
peer time for nothing (values kept for tests, weights computed anew in every pass) is taken out here.
"""
from dataclasses import dataclass, field
from types import MethodType

import numpy as np

from formula_weights import uniform


@dataclass(frozen=True)
class Compared:
    inputs: dict  # port: kind of values, see values_of(); in the order that the definition takes them
    outputs: tuple  # ports
    size: tuple = (256, 256)  # height, width: the network's own
    network: str = ""  # cuhue's name where the entry's differs from it
    one_size: bool = False  # it takes no other
    module: dict = field(default_factory=dict)  # arguments of the definition's forward()
    detector: bool = False  # see detectors.py: a picture to boxes, scores and classes, by descending score


COMPARED = {
    "eccv16": Compared({"l": "lightness"}, ("ab",)),
    "lite": Compared({"grey": "unit"}, ("ab",)),
    "siggraph17": Compared({"l": "lightness", "hint_ab": "hint_ab", "hint_mask": "hint_mask"}, ("ab",)),
    "masks-gan": Compared({"y": "unit", "mask": "half"}, ("uv",)),
    "segnet": Compared({"grey": "unit"}, ("logits",), (352, 352)),
    "colornet": Compared({"grey": "unit", "labels": "labels"}, ("ab",), (352, 352)),
    "scgan": Compared({"grey": "unit"}, ("color",)),
    "scgan-saliency": Compared({"grey": "unit"}, ("color", "saliency"), network="scgan"),
    "inception-resnet-v2": Compared({"image": "image"}, ("logits",), (299, 299), one_size=True),
    "koalarization": Compared({"l": "signed", "embedding": "scores"}, ("ab",), (224, 224)),
    "mask-rcnn": Compared({"image": "picture"}, ("boxes", "scores", "classes"), (800, 1088), one_size=True, detector=True),
}


def network_of(name):
    """cuhue's name of an entry's network."""
    return COMPARED[name].network or name


def values_of(kind, n, h, w):
    """[n, c, h, w] float32 (a picture: [n, h, w, 3] bytes), the same numbers everywhere."""
    if kind == "picture":  # bytes, channels last: squares of 32 pixels
        small = uniform("input", n * -(-h // 32) * -(-w // 32) * 3).reshape(n, -(-h // 32), -(-w // 32), 3)
        return np.ascontiguousarray((255 * small).astype(np.uint8).repeat(32, 1).repeat(32, 2)[:, :h, :w])
    y, x = np.indices((h, w))
    square = ((y - h // 2) ** 2 < 12) & ((x - w // 2) ** 2 < 12)
    if kind in ("lightness", "unit", "signed"):
        values = uniform("input", n * h * w).reshape(n, 1, h, w)
        values = {"lightness": 100 * values, "unit": values, "signed": 2 * values - 1}[kind]
    elif kind == "image":
        values = 2 * uniform("input", n * 3 * h * w).reshape(n, 3, h, w) - 1
    elif kind == "scores":
        values = 8 * uniform("scores", n * 1001).reshape(n, 1001, 1, 1) - 4
    elif kind == "hint_ab":
        values = np.broadcast_to(np.stack((60 * square, -40 * square)), (n, 2, h, w))
    elif kind == "hint_mask":
        values = np.broadcast_to(square, (n, 1, h, w))
    elif kind == "half":
        values = np.broadcast_to(x >= w // 2, (n, 1, h, w))
    elif kind == "labels":
        values = np.broadcast_to((7 * (y // 8) + 13 * (x // 8)) % 60, (n, 1, h, w))
    else:
        raise KeyError(kind)
    return np.ascontiguousarray(values.astype(np.float32))


def inputs_of(name, n, h, w):
    """{port: array}, in the order of the definition's arguments."""
    return {port: values_of(kind, n, h, w) for port, kind in COMPARED[name].inputs.items()}


def fold_spectral_norms(module):
    """Their weights are constants of a trained network: no pass computes them again."""
    for layer in module.modules():
        if type(layer).__name__ == "SpectralConv":
            layer.register_buffer("folded", layer.weight().detach().clone(), persistent=False)
            layer.weight = MethodType(lambda self: self.folded, layer)  # follows its layer into copies


def reference_module(name):
    """The network in PyTorch with formula weights: forward(*inputs) -> tuple of the entry's outputs."""
    import torch
    from reference_networks import load_network

    entry = COMPARED[name]
    module = load_network(network_of(name))
    fold_spectral_norms(module)
    if name == "scgan":  # without the branch that nobody asked for
        module.saliency = lambda up, run: None

    class Outputs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = module

        def forward(self, *inputs):
            out = self.network(*inputs, **entry.module)
            return (out if isinstance(out, tuple) else (out,))[:len(entry.outputs)]

    return Outputs().eval()


def with_image_statistics_as_instance_norm(torch):
    """Inside, a batch norm by the statistics of its one image is the instance norm that it is: exporters know that one."""
    original = torch.nn.functional.batch_norm

    def replaced(x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
        if not training:
            return original(x, mean, var, weight, bias, training, momentum, eps)
        return torch.nn.functional.instance_norm(x, weight=weight, bias=bias, eps=eps)

    class Scope:
        def __enter__(self):
            torch.nn.functional.batch_norm = replaced

        def __exit__(self, *_):
            torch.nn.functional.batch_norm = original

    return Scope()
