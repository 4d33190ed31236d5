#!/usr/bin/python3
"""Writes tests/data/metrics_golden.json: what scikit-image says of pictures that the test makes too.

Needs numpy and scikit-image (made with 0.19.3). Run from anywhere.
"""
import json
import pathlib
import warnings
from fractions import Fraction

import numpy as np
import skimage
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio, structural_similarity


def noise(count, seed):
    """32-bit linear congruential generator, upper bits; the test has the same lines."""
    out, state = np.empty(count, np.int64), seed
    for i in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = state >> 16
    return out


def picture(width, height, pattern):
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    if pattern == "gradient":
        v = 3 * x + 5 * y + 40 * c
    elif pattern == "texture":
        v = 7 * x + 13 * y + 31 * c + ((x * y) >> 3)
    elif pattern == "grey":
        v = 11 * x + 3 * y
    elif pattern == "flat":
        v = 90 + 0 * x + 20 * c
    else:
        v = noise(width * height * 3, 7).reshape(height, width, 3)
    return (v & 255).astype(np.uint8)


def disturbed(rgb, amount, seed):
    n = noise(rgb.size, seed).reshape(rgb.shape) % (2 * amount + 1) - amount
    return np.clip(rgb.astype(np.int64) + n, 0, 255).astype(np.uint8)


def colorfulness(rgb):
    r, g, b = (rgb[..., c].astype(np.float64) for c in range(3))
    rg, yb = r - g, 0.5 * (r + g) - b
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def naturalness(rgb):
    """CNI by the specification, pixel by pixel."""
    things = [(25, 70, 0.76, 0.52), (95, 135, 0.81, 0.53), (185, 260, 0.43, 0.22)]
    kept = [[], [], []]
    for pixel in rgb.reshape(-1, 3).tolist():
        r, g, b = (Fraction(v, 255) for v in pixel)
        most, least = max(r, g, b), min(r, g, b)
        lightness = (most + least) / 2
        if most == least or not Fraction(1, 5) < lightness < Fraction(4, 5):
            continue
        saturation = (most - least) / (1 - abs(2 * lightness - 1))
        if saturation <= Fraction(1, 10):
            continue
        if most == r:
            hue = 60 * ((g - b) / (most - least) % 6)
        elif most == g:
            hue = 60 * ((b - r) / (most - least) + 2)
        else:
            hue = 60 * ((r - g) / (most - least) + 4)
        for values, (first, last, *_) in zip(kept, things):
            if first <= hue <= last:
                values.append(float(saturation))
    pixels = sum(map(len, kept))
    if pixels == 0:
        return 0.0
    return sum(len(values) * np.exp(-0.5 * ((np.mean(values) - mean) / spread) ** 2)
               for values, (*_, mean, spread) in zip(kept, things) if values) / pixels


CASES = [  # width, height, pattern of a, pattern of b (or the amount by which a is disturbed)
    (64, 48, "texture", 1), (64, 48, "texture", 25), (33, 9, "gradient", 6), (7, 7, "noise", 90),
    (40, 31, "gradient", "texture"), (40, 31, "grey", "texture"), (31, 40, "grey", "gradient"),
    (20, 20, "flat", "noise"), (6, 5, "texture", 12), (1, 3, "gradient", 9), (16, 16, "grey", 2),
]

SHARMA = [  # Sharma, Wu, Dalal 2005, table 1: pairs around the discontinuities of mean hue and hue difference
    (50, 2.6772, -79.7751, 50, 0, -82.7485), (50, 3.1571, -77.2803, 50, 0, -82.7485),
    (50, 2.8361, -74.0200, 50, 0, -82.7485), (50, -1.3802, -84.2814, 50, 0, -82.7485),
    (50, -1.1848, -84.8006, 50, 0, -82.7485), (50, -0.9009, -85.5211, 50, 0, -82.7485),
    (50, 0, 0, 50, -1, 2), (50, -1, 2, 50, 0, 0),
    (50, 2.4900, -0.0010, 50, -2.4900, 0.0009), (50, 2.4900, -0.0010, 50, -2.4900, 0.0010),
    (50, 2.4900, -0.0010, 50, -2.4900, 0.0011), (50, 2.4900, -0.0010, 50, -2.4900, 0.0012),
    (50, -0.0010, 2.4900, 50, 0.0009, -2.4900), (50, -0.0010, 2.4900, 50, 0.0010, -2.4900),
    (50, -0.0010, 2.4900, 50, 0.0011, -2.4900), (50, 2.5, 0, 50, 0, -2.5),
    (50, 2.5, 0, 73, 25, -18), (50, 2.5, 0, 61, -5, 29), (50, 2.5, 0, 56, -27, -3), (50, 2.5, 0, 58, 24, 15),
    (50, 2.5, 0, 50, 3.1736, 0.5854), (50, 2.5, 0, 50, 3.2972, 0), (50, 2.5, 0, 50, 1.8634, 0.5757),
    (50, 2.5, 0, 50, 3.2592, 0.3350), (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387),
    (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864), (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620),
    (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901), (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619),
    (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231), (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447),
    (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239), (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286),
    (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514),
]


def measured(width, height, first, second):
    a = picture(width, height, first)
    b = picture(width, height, second) if isinstance(second, str) else disturbed(a, second, 99)
    side = min(7, width, height)
    window = side if side % 2 else side - 1
    ssim = floats = None  # scikit-image divides by zero for a window of one pixel
    if window > 1:
        ssim = structural_similarity(a, b, win_size=window, channel_axis=2, data_range=255)
        floats = structural_similarity(a / 255, b / 255, win_size=window, channel_axis=2)  # range -1..1
    return {
        "width": width, "height": height, "a": first, "b": second,
        "psnr": peak_signal_noise_ratio(a, b, data_range=255), "ssim": ssim,
        "colorfulness_a": colorfulness(a), "colorfulness_b": colorfulness(b),
        "mean_delta_e2000": float(deltaE_ciede2000(rgb2lab(a), rgb2lab(b)).mean()),
        "nrmse": normalized_root_mse(a / 255, b / 255), "ssim_floats": floats,
        "naturalness_a": naturalness(a), "naturalness_b": naturalness(b),
        "max_difference": int(np.abs(a.astype(int) - b.astype(int)).max()),
    }


def main():
    warnings.simplefilter("ignore")
    pairs = np.array(SHARMA, np.float64)
    delta = deltaE_ciede2000(pairs[:, :3], pairs[:, 3:])
    golden = {
        "made_with": f"scikit-image {skimage.__version__}",
        "pictures": [measured(*case) for case in CASES],
        "delta_e2000": [[*map(float, pair), float(d)] for pair, d in zip(SHARMA, delta)],
    }
    path = pathlib.Path(__file__).resolve().parent.parent / "data" / "metrics_golden.json"
    path.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")
    print(f"{path}: {len(CASES)} pictures, {len(SHARMA)} colour pairs")


if __name__ == "__main__":
    main()
