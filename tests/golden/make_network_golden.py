#!/usr/bin/env python3
"""Writes tests/data/golden/<network>_<height>x<width>_<batch>[_<setting>].json from the networks in PyTorch.

Each file: the case, and for every layer's output (named as the value of our graph) its shape, largest magnitude,
mean, deviation and samples. Sample i of a tensor stands at flat index i * stride. Inputs are the formula image,
one channel an image of the batch.
"""
import json
import pathlib
import sys

import numpy as np
import torch
from torch import nn

from formula_weights import formula_image
from reference_networks import load_network

CASES = [  # network, height, width, batch, settings
    ("eccv16", 16, 24, 2, {}),
    ("eccv16", 64, 96, 1, {}),
    ("eccv16", 64, 96, 1, {"temperature": 0.38}),
    ("eccv16", 64, 96, 3, {}),
    ("eccv16", 256, 256, 1, {}),
    ("lite", 16, 24, 2, {}),
    ("lite", 64, 96, 1, {}),
    ("lite", 64, 96, 3, {}),
    ("lite", 256, 256, 1, {}),
]
TAP_SAMPLES, OUTPUT_SAMPLES = 64, 2000


def network_input(network, height, width, batch):
    pixels = formula_image(batch, height, width).astype(np.float64).reshape(batch, 1, height, width)
    name, values = {"eccv16": ("l", pixels * 100 / 255), "lite": ("grey", pixels / 255)}[network]
    return name, torch.from_numpy(values.astype(np.float32))


def layer_names(module, path=""):
    """{module: name of its output in our graph}: layers with weights by their key, others after their input."""
    names = {}
    if isinstance(module, nn.Sequential):
        previous = None
        for index, child in module.named_children():
            here = f"{path}.{index}" if path else index
            if isinstance(child, nn.ReLU):
                names[child] = previous = f"{previous}.relu"
            elif isinstance(child, nn.MaxPool2d):
                names[child] = previous = f"{previous}.pool"
            elif isinstance(child, nn.Upsample):
                previous = f"{previous}.upsample"
                names[child] = previous
            else:
                names.update(layer_names(child, here))
                previous = here
        return names
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)):
        return {module: path}
    if type(module).__name__ == "BasicBlock":
        names[module] = f"{path}.bn2.add.relu"
    for name, child in module.named_children():
        if not isinstance(child, nn.Upsample):
            names.update(layer_names(child, f"{path}.{name}" if path else name))
    return names


def run(network, x, settings):
    """Every layer's output by name, and the network's outputs."""
    module = load_network(network)
    taps, hooks = {}, []

    def keep(name, y):
        taps[name] = y.clone()
        if name.endswith(".bn1"):  # of a basic block, whose ReLU is no module
            taps[f"{name}.relu"] = torch.relu(y)

    for layer, name in layer_names(module).items():
        hooks.append(layer.register_forward_hook(lambda _, __, y, name=name: keep(name, y)))
    with torch.no_grad():
        outputs = {"ab": module(x)}
        for hook in hooks:
            hook.remove()
        if network == "eccv16":
            outputs["logits"] = taps["model8.6"]
            if "temperature" in settings:
                p = torch.softmax(outputs["logits"] / settings["temperature"], 1)
                taps["model_out"] = module.model_out(p)
                outputs["ab"] = module.upsample4(taps["model_out"]) * 110
    # The last upsampling of lite is linear with the step to ab units, and we do it after that step.
    taps.pop("upsample.14.upsample", None)
    return taps, outputs


def summary(tensor, samples):
    flat = tensor.numpy().ravel()
    stride = max(1, flat.size // samples)
    if flat.size > samples:
        stride |= 1  # odd: every column of an image with even width gets its share
    wide = flat.astype(np.float64)
    return {
        "shape": list(tensor.shape),
        "max_abs": float(f"{np.abs(wide).max():.9g}"),
        "mean": float(f"{wide.mean():.9g}"),
        "std": float(f"{wide.std():.9g}"),
        "stride": stride,
        "samples": [float(f"{v:.8g}") for v in wide[::stride]],
    }


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "data" / "golden")
    folder.mkdir(parents=True, exist_ok=True)
    for network, height, width, batch, settings in CASES:
        name, x = network_input(network, height, width, batch)
        taps, outputs = run(network, x, settings)
        golden = {
            "network": network, "height": height, "width": width, "batch": batch, "settings": settings, "input": name,
            "taps": {key: summary(value, TAP_SAMPLES) for key, value in taps.items()},
            "outputs": {key: summary(value, OUTPUT_SAMPLES) for key, value in outputs.items()},
        }
        suffix = "".join(f"_{key}{value:g}" for key, value in settings.items())
        path = folder / f"{network}_{height}x{width}_{batch}{suffix}.json"
        path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(path.name, path.stat().st_size, "bytes", {k: (v["mean"], v["std"]) for k, v in golden["outputs"].items()})


if __name__ == "__main__":
    main()
