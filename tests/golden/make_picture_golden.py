#!/usr/bin/python3
"""Writes tests/data/pictures: small photos and what the published pipelines make of them.

Pillow's bicubic to the network's size, scikit-image's Lab in double precision, the networks in PyTorch with formula weights, torch's bilinear
upsampling of the colours. Needs numpy, Pillow (9.4), scikit-image (0.19.3) and torch (1.13). Run from anywhere.
"""
import json
import pathlib
import struct
import warnings
import zlib

import numpy as np
import torch
from PIL import Image
from skimage.color import lab2rgb, rgb2lab

from reference_networks import load_network

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
OUT = DATA / "pictures"
SIZE = 256  # of both networks' input

# photo, crop (left, top, right, bottom), resized to, format
PICTURES = {
    "rocket": ("rocket.jpg", (0, 0, 640, 427), (161, 107), "rgb8"),
    "cat": ("chelsea.png", (90, 40, 290, 300), (79, 103), "rgb8"),
    "man": ("camera.png", (120, 40, 376, 232), (97, 73), "grey8"),
    "cup": ("coffee.png", (60, 20, 480, 380), (90, 77), "rgba8"),
    "deep": ("coffee.png", (100, 0, 500, 400), (64, 65), "rgb16"),
    "column": ("coffee.png", (300, 40, 301, 300), (1, 260), "rgb8"),
}

CASES = [  # picture, system, options
    ("rocket", "eccv16", {}), ("rocket", "eccv16", {"as_published": 1}), ("rocket", "lite", {"chroma": 0.04}),
    ("cat", "eccv16", {"temperature": 0.38}), ("cat", "eccv16", {"as_published": 1}), ("cat", "lite", {}),
    ("man", "eccv16", {}), ("man", "lite", {"chroma": 0.04, "as_published": 1}),
    ("cup", "eccv16", {}), ("deep", "eccv16", {}), ("deep", "lite", {"chroma": 0.04}), ("column", "eccv16", {}),
]


def write_png(path, samples):
    """8- or 16-bit PNG of [h, w, c] samples; Pillow writes no 16-bit colour."""
    height, width, channels = samples.shape
    bits = 8 * samples.dtype.itemsize
    rows = samples.astype(samples.dtype.newbyteorder(">")).reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    if bits == 8:
        Image.fromarray(samples[..., 0] if channels == 1 else samples).save(path, optimize=True)
        return

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def make_picture(photo, crop, size, kind):
    """[h, w, c] uint8 or uint16."""
    image = Image.open(DATA / "photos" / photo).convert("L" if kind.startswith("grey") else "RGB").crop(crop)
    if kind == "rgb16":
        planes = [Image.fromarray(np.asarray(p, np.float32), "F").resize(size, Image.BICUBIC) for p in image.split()]
        return np.clip(np.rint(257 * np.stack([np.asarray(p) for p in planes], 2)), 0, 65535).astype(np.uint16)
    samples = np.asarray(image.resize(size, Image.BICUBIC))
    if kind == "grey8":
        return samples[..., None]
    if kind == "rgba8":
        y, x = np.mgrid[0:size[1], 0:size[0]]
        return np.dstack([samples, ((3 * x + 5 * y) & 255).astype(np.uint8)])
    return samples


def luminance(system, rgb8):
    if system == "lite":
        return (rgb8.astype(np.float64) / 255) @ np.array([0.2125, 0.7154, 0.0721])
    return rgb2lab(rgb8)[..., 0]


def colorize(system, network, samples, options):
    """The 8-bit picture, alpha last where there is one."""
    alpha = samples[..., 3:] if samples.shape[2] == 4 else None
    rgb = np.repeat(samples, 3, 2) if samples.shape[2] == 1 else samples[..., :3]
    full = 65535 if samples.dtype == np.uint16 else 255
    rgb8 = np.rint(rgb / 257).astype(np.uint8) if full == 65535 else rgb
    small = np.asarray(Image.fromarray(rgb8).resize((SIZE, SIZE), Image.BICUBIC))

    plane = torch.from_numpy(luminance(system, small).astype(np.float32))[None, None]
    with torch.no_grad():
        if system == "eccv16":
            logits = network.taps(plane)["logits"]
            distribution = torch.softmax(logits / options.get("temperature", 1.0), 1)
            ab = network.upsample4(network.model_out(distribution)) * 110
        else:
            ab = network(plane)
        height, width = rgb.shape[:2]
        if (height, width) != (SIZE, SIZE):
            ab = torch.nn.functional.interpolate(ab, size=(height, width), mode="bilinear", align_corners=False)
    ab = ab[0].permute(1, 2, 0).double().numpy() * options.get("chroma", 1.0)

    own = rgb2lab(rgb.astype(np.float64) / full)[..., :1]
    v = 255 * lab2rgb(np.concatenate([own, ab], 2))
    truncate = system == "eccv16" and options.get("as_published")
    out = np.clip(np.floor(v) if truncate else np.rint(v), 0, 255).astype(np.uint8)
    return out if alpha is None else np.dstack([out, alpha])


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)
    pictures = {name: make_picture(*recipe) for name, recipe in PICTURES.items()}
    for name, samples in pictures.items():
        write_png(OUT / f"{name}.png", samples)
    networks = {name: load_network(name) for name in ("eccv16", "lite")}
    manifest = []
    for name, system, options in CASES:
        label = "".join(f".{key}-{value}" for key, value in options.items())
        expected = f"{name}.{system}{label}.png"
        write_png(OUT / expected, colorize(system, networks[system], pictures[name], options))
        manifest.append({"picture": f"{name}.png", "system": system, "options": options, "expected": expected})
    (OUT / "cases.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    total = sum(f.stat().st_size for f in OUT.iterdir())
    print(f"{OUT}: {len(manifest)} cases, {total} bytes in all")


if __name__ == "__main__":
    main()
