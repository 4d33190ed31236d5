#!/usr/bin/env python3
"""Writes tests/data/golden/<network>_<height>x<width>_<batch>[_<inputs>][_<setting>].json from the networks in PyTorch.

Each file: the case, and for every layer's output (named as the value of our graph) its shape, largest magnitude,
mean, deviation and samples. Sample i of a tensor stands at flat index i * stride. The first input is the formula
image, one channel an image of the batch; what the others hold, a word says.
"""
import json
import pathlib
import sys

import numpy as np
import torch
from torch import nn

from formula_weights import formula_image, uniform
from reference_networks import load_network

CASES = [  # network, height, width, batch, settings, and a word for the other inputs
    ("eccv16", 16, 24, 2, {}),
    ("eccv16", 64, 96, 1, {}),
    ("eccv16", 64, 96, 1, {"temperature": 0.38}),
    ("eccv16", 64, 96, 3, {}),
    ("eccv16", 256, 256, 1, {}),
    ("lite", 16, 24, 2, {}),
    ("lite", 64, 96, 1, {}),
    ("lite", 64, 96, 3, {}),
    ("lite", 256, 256, 1, {}),
    ("siggraph17", 16, 24, 2, {}),
    ("siggraph17", 16, 24, 2, {"mask_cent": 0.5}),
    ("siggraph17", 16, 24, 2, {}, "hints"),
    ("siggraph17", 16, 24, 2, {"mask_cent": 0.5}, "hints"),
    ("siggraph17", 32, 32, 1, {}, "hints"),
    ("siggraph17", 64, 96, 1, {}, "hints"),
    ("masks-gan", 64, 64, 2, {}, "halves"),
    ("masks-gan", 64, 96, 1, {}, "halves"),
    ("masks-gan", 64, 96, 1, {}, "zeros"),
    ("masks-gan", 64, 96, 1, {}, "ones"),
    ("masks-gan", 64, 96, 1, {"norm": 1}, "halves"),
    ("masks-gan", 96, 64, 3, {}, "halves"),
    ("masks-gan", 224, 224, 1, {}, "halves"),
    ("segnet", 32, 64, 1, {}),
    ("segnet", 48, 32, 2, {}),
    ("segnet", 192, 160, 1, {}),
    ("segnet", 352, 352, 1, {}),
    ("colornet", 32, 64, 2, {}, "blocks"),
    ("colornet", 64, 64, 1, {}, "blocks"),
    ("colornet", 64, 96, 1, {}, "zeros"),
    ("colornet", 192, 160, 1, {}, "blocks"),
    ("colornet", 352, 352, 1, {}, "blocks"),
    ("scgan", 256, 256, 1, {}),
    ("scgan", 256, 512, 1, {}),
    ("scgan", 256, 256, 1, {"norm": 1}),
    ("scgan", 256, 256, 1, {"input": 1}),
    ("inception-resnet-v2", 299, 299, 1, {}),
    ("koalarization", 16, 24, 2, {}),
    ("koalarization", 101, 67, 2, {}),
    ("koalarization", 120, 88, 1, {}),
    ("koalarization", 224, 224, 1, {}),
]
ACTIVATIONS = {nn.ReLU: "relu", nn.LeakyReLU: "leaky_relu", nn.Tanh: "tanh"}
TAP_SAMPLES, OUTPUT_SAMPLES = 64, 2000


def hints(word, batch, height, width):
    """hint_ab and hint_mask: squares of different sizes, one at an edge, one grey, some of the last image; no word, no hints."""
    ab, given = np.zeros((batch, 2, height, width)), np.zeros((batch, 1, height, width))
    last = batch - 1
    for image, top, left, side, a, b in [(0, 3, 5, 7, 60, -40), (0, 0, width - 3, 3, -25.5, 70), (last, height - 6, 1, 6, 0, 0),
                                         (last, height // 2, width // 2, 1, 10, 95)] if word else []:
        here = np.s_[image, :, top:top + side, left:left + side]
        ab[here] = np.reshape((a, b), (2, 1, 1))
        given[here] = 1
    return ab, given


def mask(word, batch, height, width):
    """zeros, ones, or halves: the right one of the first image, the lower one of the second, and so on."""
    if word != "halves":
        return np.full((batch, 1, height, width), {"zeros": 0.0, "ones": 1.0}[word])
    values = np.zeros((batch, 1, height, width))
    values[0::2, :, :, width // 2:] = 1
    values[1::2, :, height // 2:] = 1
    return values


def labels(word, batch, height, width):
    """zeros, or blocks: squares of 8 pixels, of all 60 labels."""
    image, y, x = np.indices((batch, height, width))
    values = (7 * (y // 8) + 13 * (x // 8) + 31 * image) % 60
    return values[:, None] * {"zeros": 0.0, "blocks": 1.0}[word]


def embedding(batch):
    """[batch, 1001], -1..1."""
    return 2 * uniform("embedding", batch * 1001).reshape(batch, 1001, 1, 1) - 1


def network_inputs(network, height, width, batch, word, channels=1):
    """In the order the network takes them."""
    pixels = formula_image(batch * channels, height, width).astype(np.float64).reshape(batch, channels, height, width)
    if network == "eccv16":
        inputs = [pixels * 100 / 255]
    elif network == "siggraph17":
        inputs = [pixels * 100 / 255, *hints(word, batch, height, width)]
    elif network == "masks-gan":
        inputs = [pixels / 255, mask(word, batch, height, width)]
    elif network == "colornet":
        inputs = [pixels / 255, labels(word, batch, height, width)]
    elif network == "inception-resnet-v2":
        inputs = [formula_image(3 * batch, height, width).reshape(batch, 3, height, width) / 127.5 - 1]
    elif network == "koalarization":
        inputs = [pixels / 127.5 - 1, embedding(batch)]
    else:
        inputs = [pixels / 255]
    return [torch.from_numpy(values.astype(np.float32)) for values in inputs]


def layer_names(module, path=""):
    """{module: name of its output in our graph}: layers with weights by their key, others after their input."""
    names = {}
    if isinstance(module, nn.Sequential):
        previous = None
        for index, child in module.named_children():
            here = f"{path}.{index}" if path else index
            if isinstance(child, (nn.ReLU, nn.LeakyReLU, nn.Tanh)):
                # The first of its block follows a sum that is no module.
                previous = f"{previous or path + 'up.0.add'}.{ACTIVATIONS[type(child)]}"
                names[child] = previous
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


def run(network, inputs, settings):
    """Every layer's output by name, and the network's outputs."""
    module = load_network(network, **{"channels": 3} if settings.get("input") else {})
    if network == "masks-gan":
        with torch.no_grad():
            taps = module.taps(*inputs, norm="running" if settings.get("norm") else "batch")
        return taps, {"uv": taps.pop("deconv10.tanh")}
    if network == "scgan":
        with torch.no_grad():
            # In double: statistics of a map of equal values would show the rounding of float, times 316.
            taps = module.double().taps(*(x.double() for x in inputs), norm="batch" if settings.get("norm") else "running")
        outputs = {name: taps.pop(name) for name in ("color", "saliency")}
        return {name: y for name, y in taps.items() if not name.endswith((".norm", ".tanh", ".sigmoid"))}, outputs
    if network in ("segnet", "colornet", "inception-resnet-v2", "koalarization"):
        with torch.no_grad():
            taps = module.taps(*inputs)
        outputs = {name: taps.pop(name) for name in ("logits", "prelogits", "ab") if name in taps}
        if network == "segnet":
            best = outputs["logits"].topk(2, 1).values
            nearest = float((best[:, 0] - best[:, 1]).min() / outputs["logits"].abs().max())
            print(f"two best scores of a pixel differ by at least {nearest:.3g} of the largest")
            outputs["labels"] = outputs["logits"].argmax(1, keepdim=True).float()
        return taps, outputs
    taps, hooks = {}, []

    def keep(name, y):
        taps[name] = y.clone()
        if name.endswith(".bn1"):  # of a basic block, whose ReLU is no module
            taps[f"{name}.relu"] = torch.relu(y)

    for layer, name in layer_names(module).items():
        hooks.append(layer.register_forward_hook(lambda _, __, y, name=name: keep(name, y)))
    with torch.no_grad():
        outputs = {"ab": module(*inputs, **settings) if network == "siggraph17" else module(*inputs)}
        for hook in hooks:
            hook.remove()
        if network == "eccv16":
            outputs["logits"] = taps["model8.6"]
            if "temperature" in settings:
                p = torch.softmax(outputs["logits"] / settings["temperature"], 1)
                taps["model_out"] = module.model_out(p)
                outputs["ab"] = module.upsample4(taps["model_out"]) * 110
        if network == "siggraph17":
            outputs["class_logits"] = taps["model_class.0"]
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
    only = sys.argv[2:]  # networks; none = all
    folder.mkdir(parents=True, exist_ok=True)
    for network, height, width, batch, settings, *word in CASES:
        if only and network not in only:
            continue
        word = "".join(word)
        inputs = network_inputs(network, height, width, batch, word, 3 if settings.get("input") else 1)
        taps, outputs = run(network, inputs, settings)
        golden = {
            "network": network, "height": height, "width": width, "batch": batch, "settings": settings, "inputs": word,
            "taps": {key: summary(value, TAP_SAMPLES) for key, value in taps.items()},
            "outputs": {key: summary(value, OUTPUT_SAMPLES) for key, value in outputs.items()},
        }
        suffix = f"_{word}" * bool(word) + "".join(f"_{key}{value:g}" for key, value in settings.items())
        path = folder / f"{network}_{height}x{width}_{batch}{suffix}.json"
        path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(path.name, path.stat().st_size, "bytes", {k: (v["mean"], v["std"]) for k, v in golden["outputs"].items()})


if __name__ == "__main__":
    main()
