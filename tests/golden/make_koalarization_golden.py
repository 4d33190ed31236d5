#!/usr/bin/env python3
"""Writes tests/data/golden/koalarization_pictures.json: deep-koalarization's published pipeline in Pillow, numpy and
PyTorch, with formula weights, and the letterbox alone for photos of many sizes.

letterboxes: width, height, and FNV-1a of the 299x299 bytes in colour and of the luma of a photo (make_pillow_golden.py's).
pictures: of a photo in tests/data/photos, samples of the embedding, its five greatest, and bytes of the picture.
"""
import json
import math
import pathlib
import sys

import numpy as np
import torch
from PIL import Image

from make_pillow_golden import fnv1a64, picture
from reference_networks import load_network

SIDE, NETWORK_SIDE = 299, 224
SIZES = [(299, 299), (640, 480), (480, 640), (1000, 3), (3, 1000), (298, 298), (17, 31), (1, 1), (299, 120), (120, 299), (301, 299),
         (1237, 801), (299, 300), (100, 400), (2000, 1500), (300, 7)]
PHOTOS = ["camera.png", "chelsea.png"]


def letterbox(image):
    """As the data set's script does, with Pillow 4.3's thumbnail, which reduces in one step."""
    w, h = image.size
    if w < SIDE and h < SIDE:
        factor = min(SIDE / w, SIDE / h)
        image = image.resize((max(int(w * factor), 1), max(int(h * factor), 1)), Image.NEAREST)
    else:
        if w > SIDE:
            w, h = SIDE, int(max(h * SIDE / w, 1))
        if h > SIDE:
            w, h = int(max(w * SIDE / h, 1)), SIDE
        if (w, h) != image.size:
            image = image.resize((w, h), Image.LANCZOS)
    box = Image.new(image.mode, (SIDE, SIDE), "white")
    box.paste(image, tuple(math.ceil((SIDE - side) / 2) for side in image.size))
    return np.asarray(box)


def luma(rgb):
    """TensorFlow's rgb_to_grayscale of bytes."""
    unit = rgb.astype(np.float32) * np.float32(1 / 255)
    grey = np.float32(0.2989) * unit[..., 0] + np.float32(0.5870) * unit[..., 1] + np.float32(0.1140) * unit[..., 2]
    return (np.float32(255.5) * grey).astype(np.uint8)


def bilinear(image):
    """[299, 299, 3] doubles to 224: half-pixel centres, no antialiasing."""
    at = (np.arange(NETWORK_SIDE) + 0.5) * SIDE / NETWORK_SIDE - 0.5
    low, part = np.floor(at).astype(int), at - np.floor(at)
    rows = image[low] * (1 - part)[:, None, None] + image[low + 1] * part[:, None, None]
    return rows[:, low] * (1 - part)[:, None] + rows[:, low + 1] * part[:, None]


def lab_f(t):
    return np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)


RGB_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
WHITE = np.array([0.95047, 1.0, 1.08883])


def lightness(rgb):
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055)**2.4, rgb / 12.92)
    return 116 * lab_f(linear @ RGB_TO_XYZ[1]) - 16


def lab_to_rgb(l, a, b):
    y = (l + 16) / 116
    f = np.stack((a / 500 + y, y, np.maximum(y - b / 200, 0)), -1)
    xyz = np.where(f > 0.2068966, f**3, (f - 16 / 116) / 7.787) * WHITE
    linear = xyz @ np.linalg.inv(RGB_TO_XYZ).T
    return np.clip(np.where(linear > 0.0031308, 1.055 * np.maximum(linear, 0)**(1 / 2.4) - 0.055, 12.92 * linear), 0, 1)


def published(photo, features, colours):
    """The embedding [1001], and the picture [224, 224, 3]."""
    rgb = letterbox(photo.convert("RGB"))
    grey = np.float32(2) * luma(rgb).astype(np.float32) / np.float32(255) - np.float32(1)
    l = bilinear(rgb / 255.0)
    l = lightness(l)
    with torch.no_grad():
        embedding = features(torch.from_numpy(grey)[None, None].expand(1, 3, -1, -1))[0].flatten(1)
        ab = colours(torch.from_numpy((l / 50 - 1).astype(np.float32))[None, None], embedding)[0].double().numpy() * 127
    return embedding[0].numpy(), np.rint(255 * lab_to_rgb(l, ab[0], ab[1])).astype(int)


def main():
    data = pathlib.Path(__file__).parent.parent / "data"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else data / "golden"
    golden = {"letterboxes": [], "pictures": []}
    for w, h in SIZES:
        rgb = picture(w, h)
        in_colour = fnv1a64(letterbox(Image.fromarray(rgb)).tobytes())
        of_luma = fnv1a64(letterbox(Image.fromarray(luma(rgb))).tobytes())
        golden["letterboxes"].append({"width": w, "height": h, "colour": f"{in_colour:016x}", "luma": f"{of_luma:016x}"})
    features, colours = load_network("inception-resnet-v2"), load_network("koalarization")
    for name in PHOTOS:
        embedding, pixels = published(Image.open(data / "photos" / name), features, colours)
        flat = pixels.ravel()
        golden["pictures"].append({
            "photo": name, "embedding": [float(f"{v:.7g}") for v in embedding[::7]],
            "classes": [int(c) for c in np.argsort(-embedding, kind="stable")[:5]],
            "stride": 73, "bytes": [int(v) for v in flat[::73]]})
        print(name, "embedding", embedding.min(), embedding.max(), "saturated", np.mean((flat == 0) | (flat == 255)))
    path = folder / "koalarization_pictures.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(path.name, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
