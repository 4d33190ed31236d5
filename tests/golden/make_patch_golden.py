#!/usr/bin/python3
"""Writes tests/data/patch: objects in small photos, and what PatchColorization makes of them.

The published order of operations: every crop by itself through Pillow's bicubic, scikit-image's Lab and the network in PyTorch (formula
weights), torch's bilinear to the crop's size, pasted one after another by masks; HSV for the saturation. Objects are given. Needs numpy,
Pillow (9.4), scikit-image (0.19.3) and torch (1.13). Run from anywhere.
"""
import json
import pathlib
import struct
import warnings
import zlib

import numpy as np
import torch
from PIL import Image
from skimage.color import hsv2rgb, lab2rgb, rgb2hsv, rgb2lab

from reference_networks import load_network

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
OUT = DATA / "patch"
SIZE, MOST_SIDE, MIN_AREA = 256, 1280, 0.001
AB_SAMPLES, BYTE_SAMPLES = 2000, 6000


# ---- objects: class, score, box and mask --------------------------------------------------------------------------

def ellipse(width, height, box, grow=1.0):
    """Pixels of an ellipse in a box; with grow above 1 it is cut by the photo, not by the box."""
    x0, y0, x1, y1 = box
    y, x = np.mgrid[0:height, 0:width] + 0.5
    return ((x - (x0 + x1) / 2) / (x1 - x0)) ** 2 + ((y - (y0 + y1) / 2) / (y1 - y0)) ** 2 <= grow / 4


def few(width, height):
    """Overlapping ones, at two borders, one with a mask beyond its truncated box, one below the area limit, one without a mask."""
    boxes = [(0.3 * width, 0.2 * height, 0.7 * width + 0.9, 0.8 * height + 0.7), (0.45 * width, 0.1 * height, 0.85 * width, 0.6 * height),
             (0.6 * width + 0.4, 0.5 * height, width, height), (0, 0, 0.35 * width, 0.3 * height), (0.2 * width, 0.8 * height, 0.2 * width + 3.9, 0.8 * height + 3.9),
             (0.1 * width, 0.4 * height, 0.3 * width, 0.7 * height)]
    masks = [ellipse(width, height, b, 1.3) for b in boxes]
    masks[5][:] = False
    names = ["person", "cat", "cup", "dining table", "sports ball", "kite"]
    return [{"class": n, "score": 0.95 - 0.1 * i, "box": b, "mask": m} for i, (n, b, m) in enumerate(zip(names, boxes, masks))]


def many(width, height):
    """A hundred that share six boxes."""
    boxes = [(0, 0, width, height), (3.5, 7.25, 0.6 * width, 0.9 * height), (0.5 * width, 2, width, 0.5 * height), (0.3 * width, 0.3 * height, 0.8 * width, 0.8 * height),
             (1, 0.6 * height, 0.4 * width, height), (0.7 * width, 0.7 * height, 0.7 * width + 20, 0.7 * height + 9)]
    objects = []
    for i in range(100):
        x0, y0, x1, y1 = boxes[i * 5 % 6]
        part = (x0 + (x1 - x0) * (i * 37 % 60) / 100, y0 + (y1 - y0) * (i * 53 % 60) / 100)
        inner = (*part, part[0] + (x1 - x0) * 0.3, part[1] + (y1 - y0) * 0.3)
        objects.append({"class": "bird", "score": 0.99 - 0.005 * i, "box": (x0, y0, x1, y1), "mask": ellipse(width, height, inner)})
    return objects


def runs(mask):
    """COCO's lengths: down the columns, 0 first."""
    flat = mask.T.reshape(-1).astype(np.int8)
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0] + lengths if flat[0] else lengths


def compressed(counts):
    text = ""
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        while True:
            digit = value & 31
            value >>= 5
            more = value != -1 if digit & 16 else value != 0
            text += chr(48 + digit + (32 if more else 0))
            if not more:
                break
    return text


def file_of(objects, width, height):
    listed = []
    for i, o in enumerate(objects):
        counts = runs(o["mask"])
        listed.append({"class": o["class"], "score": o["score"], "box": [float(np.float32(v)) for v in o["box"]],
                       "segmentation": {"size": [height, width], "counts": compressed(counts) if i % 2 == 0 else counts}})
    return {"width": width, "height": height, "objects": listed}


# ---- the pipeline -------------------------------------------------------------------------------------------------

def published_size(width, height):
    if max(width, height) <= MOST_SIDE:
        return width, height
    return (MOST_SIDE, int(MOST_SIDE * (height / width))) if width > height else (int(MOST_SIDE * (width / height)), MOST_SIDE)


class Colors:
    def __init__(self):
        self.network = load_network("eccv16")
        self.known = {}

    def __call__(self, rgb8):
        """[2, h, w] float32 of a crop."""
        key = rgb8.tobytes(), rgb8.shape
        if key not in self.known:
            small = np.asarray(Image.fromarray(rgb8).resize((SIZE, SIZE), Image.BICUBIC))
            plane = torch.from_numpy(rgb2lab(small)[..., 0].astype(np.float32))[None, None]
            with torch.no_grad():
                logits = self.network.taps(plane)["logits"]
                ab = self.network.upsample4(self.network.model_out(torch.softmax(logits, 1))) * 110
                if rgb8.shape[:2] != (SIZE, SIZE):
                    ab = torch.nn.functional.interpolate(ab, size=rgb8.shape[:2], mode="bilinear", align_corners=False)
            self.known[key] = ab[0].numpy()
        return self.known[key]


def fuse(colors, rgb8, objects):
    height, width = rgb8.shape[:2]
    ab = colors(rgb8).copy()
    for o in objects:
        x0, y0, x1, y1 = (int(np.float32(v)) for v in o["box"])
        if not (x1 - x0) * (y1 - y0) > MIN_AREA * width * height:
            continue
        own, mask = colors(np.ascontiguousarray(rgb8[y0:y1, x0:x1])), o["mask"][y0:y1, x0:x1]
        for k in range(2):
            ab[k, y0:y1, x0:x1][mask] = own[k][mask]
    return ab


def finish(rgb, full, ab, saturation):
    own = rgb.astype(np.float64) / full
    lab = np.concatenate([rgb2lab(own)[..., :1], ab.transpose(1, 2, 0).astype(np.float64)], 2)
    out = lab2rgb(lab)
    if saturation:
        grey = own @ np.array([0.2125, 0.7154, 0.0721])
        hsv = rgb2hsv(out)
        hsv[..., 1] *= -2.5 * grey**2 + 2.5 * grey + 0.375
        out = hsv2rgb(hsv)
    return np.clip(np.rint(255 * out), 0, 255).astype(np.uint8)


# ---- photos -------------------------------------------------------------------------------------------------------

def read_png16(path):
    """16-bit RGB, not interlaced, every row without a filter: as make_picture_golden.py writes it."""
    data, at, body = path.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height = struct.unpack(">II", data[at + 8:at + 16])
        if kind == b"IDAT":
            body += data[at + 8:at + 8 + length]
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, -1)[:, 1:]
    return np.ascontiguousarray(rows).view(">u2").astype(np.uint16).reshape(height, width, 3)


def wide_photo():
    """1300 x 40: too large as published. byte(y, x, c) = (x (c + 1) / 4 + 5 y + (x y) mod 7) mod 256, whole numbers."""
    y, x = np.mgrid[0:40, 0:1300]
    return np.stack([(x * (c + 1) // 4 + 5 * y + x * y % 7) % 256 for c in range(3)], 2).astype(np.uint8)


def read_photo(name):
    """[h, w, 3] samples, 16 bits where it has them."""
    if name == "wide":
        return wide_photo()
    path = DATA / "pictures" / f"{name}.png"
    return read_png16(path) if name == "deep" else np.asarray(Image.open(path).convert("RGB"))


CASES = [  # photo, objects, options
    ("rocket", few, {}), ("rocket", few, {"no_saturation": 1}), ("rocket", None, {}), ("rocket", many, {}), ("cup", few, {}), ("deep", few, {}),
    ("man", few, {"no_saturation": 1}), ("wide", few, {"as_published": 1}),
]


def sampled(values, count):
    stride = max(1, values.size // count)
    stride += stride % 3 == 0 or stride % 2 == 0  # through all channels
    return stride, values.reshape(-1)[::stride]


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(2)
    OUT.mkdir(exist_ok=True)
    colors, manifest = Colors(), []
    for name, make, options in CASES:
        rgb = read_photo(name)
        full = 65535 if rgb.dtype == np.uint16 else 255
        rgb8 = np.rint(rgb / 257).astype(np.uint8) if full == 65535 else rgb
        if options.get("as_published"):
            rgb = rgb8 = np.asarray(Image.fromarray(rgb8).resize(published_size(rgb8.shape[1], rgb8.shape[0]), Image.BICUBIC))
        height, width = rgb8.shape[:2]
        objects = make(width, height) if make else []
        file = f"{name}.{make.__name__ if make else 'none'}.json"
        (OUT / file).write_text(json.dumps(file_of(objects, width, height), separators=(",", ":")) + "\n", encoding="utf-8")
        ab = fuse(colors, rgb8, objects)
        picture = finish(rgb, full, ab, not options.get("no_saturation"))
        ab_stride, ab_values = sampled(ab, AB_SAMPLES)
        byte_stride, byte_values = sampled(picture, BYTE_SAMPLES)
        manifest.append({"photo": name, "objects": file, "options": options, "width": width, "height": height, "ab_max": round(float(np.abs(ab).max()), 4),
                         "ab_stride": ab_stride, "ab": [round(float(v), 4) for v in ab_values], "stride": byte_stride, "bytes": byte_values.tolist()})
        print(name, file, options, "largest ab", manifest[-1]["ab_max"])
    (OUT / "cases.json").write_text(json.dumps(manifest, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
