#!/usr/bin/env python3
"""Golden resizes of Pillow (BICUBIC, 8 bits) and golden colours of scikit-image, for tests/kernels.

Run with Pillow 9.4 and scikit-image 0.19.3: make_pillow_golden.py tests/data/kernels
pillow_bicubic.txt: w h out_w out_h channel fnv1a64 and the first eight bytes of that plane of the resized picture.
skimage_lab.txt: "rgb" r g b L a b per byte colour, "lab" L a b r g b per Lab colour (gamma-encoded, clipped to 0..1).
The input picture of a case is byte(i) = splitmix64(i * 0x9E3779B97F4A7C15 + w * 65536 + h) >> 56, i in C order of [h, w, 3].
"""
import sys
import warnings

import numpy as np
from PIL import Image
from skimage import color

CASES = [  # w, h, out_w, out_h
    (256, 256, 256, 256), (512, 512, 256, 256), (300, 200, 256, 256), (17, 31, 256, 256), (1, 1, 256, 256),
    (1, 7, 5, 1), (640, 480, 64, 96), (1000, 3, 256, 256), (3, 1000, 7, 9), (257, 255, 256, 256),
    (256, 100, 256, 256), (100, 256, 256, 256), (4000, 30, 256, 16), (8, 8, 7, 7), (9, 9, 7, 7), (2, 2, 1, 1),
    (65, 65, 64, 64), (5, 6, 13, 11), (16, 16, 1, 1), (31, 33, 32, 32), (1237, 801, 256, 256), (40, 50, 900, 20),
]


def splitmix64(x):
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def picture(w, h):
    i = np.arange(w * h * 3, dtype=np.uint64)
    x = i * np.uint64(0x9E3779B97F4A7C15) + np.uint64(w * 65536 + h)
    return (splitmix64(x) >> np.uint64(56)).astype(np.uint8).reshape(h, w, 3)


def fnv1a64(data):
    hash_ = 0xCBF29CE484222325
    for byte in data:
        hash_ = ((hash_ ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return hash_


def main():
    folder = sys.argv[1]
    with np.errstate(over="ignore"), open(folder + "/pillow_bicubic.txt", "w") as out:
        for w, h, out_w, out_h in CASES:
            resized = np.asarray(Image.fromarray(picture(w, h)).resize((out_w, out_h), Image.BICUBIC))
            for c in range(3):
                plane = resized[:, :, c].tobytes()
                head = (list(plane[:8]) + [0] * 8)[:8]
                print(w, h, out_w, out_h, c, f"{fnv1a64(plane):016x}", *head, file=out)
    with warnings.catch_warnings(), open(folder + "/skimage_lab.txt", "w") as out:
        warnings.simplefilter("ignore")
        steps = [0, 1, 5, 10, 11, 37, 100, 128, 200, 254, 255]
        rgb = np.array([[r, g, b] for r in steps for g in steps for b in steps], np.uint8)
        lab = color.rgb2lab(rgb[None])[0]
        for p, q in zip(rgb, lab):
            print("rgb", *p, *(f"{v:.12g}" for v in q), file=out)
        grid = np.array([[l, a, b] for l in (0, 1, 4, 7.9, 8.1, 20, 50, 77, 100)
                         for a in (-100, -40, -3, 0, 8, 60, 110) for b in (-110, -50, -6, 0, 2, 45, 107)], np.float64)
        for p, q in zip(grid, color.lab2rgb(grid[None])[0]):
            print("lab", *p, *(f"{v:.12g}" for v in q), file=out)


if __name__ == "__main__":
    main()
