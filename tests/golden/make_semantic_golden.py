#!/usr/bin/python3
"""Writes tests/data/semantic_golden.json: the arithmetic around the networks of Semantic-driven Colorization, as OpenCV
and the authors' program have it on x86-64, written from their description. With opencv-python at hand (4.6 or later) each
step is also compared with it. Needs numpy. Run from anywhere.
"""
import json
import pathlib

import numpy as np

from formula_weights import formula_image

try:
    import cv2

    cv2.setUseOptimized(False)  # AVX2 code in some builds contracts the resize's products and sums
except ImportError:
    cv2 = None

f32 = np.float32
PHOTOS = [(352, 352), (77, 91), (640, 231), (33, 700), (1, 1), (7, 3)]
VALUES = [-1.7, -1.0, -0.5, -0.0039, 0.0, 0.003, 0.25, 0.999, 1.0, 1.004, 1.0079, 1.3, 300.0]


def checksum(values):
    """Sum of (place + 1) * value, modulo 2^32."""
    v = np.asarray(values).astype(np.uint64).ravel()
    return int(((np.arange(v.size, dtype=np.uint64) + np.uint64(1)) * v).sum() & np.uint64(0xFFFFFFFF))


def taps(n_in, n_out):
    d = np.arange(n_out, dtype=np.float64)
    f = ((d + 0.5) * n_in / n_out - 0.5).astype(f32)
    s = np.floor(f).astype(np.int64)
    t = (f - s.astype(f32)).astype(f32)
    a, one = f32(-0.75), f32(1)

    def inner(x):
        return ((a + f32(2)) * x - (a + f32(3))) * x * x + one

    c0 = ((a * (t + one) - f32(5) * a) * (t + one) + f32(8) * a) * (t + one) - f32(4) * a
    c1, c2 = inner(t), inner(one - t)
    c3 = one - c0 - c1 - c2
    weights = np.rint(np.stack([c0, c1, c2, c3]) * f32(2048)).astype(np.int64)
    places = np.clip(np.stack([s - 1, s, s + 1, s + 2]), 0, n_in - 1)
    return places, weights


def resize(rgb, w, h):
    if rgb.shape[:2] == (h, w):
        return rgb
    places, weights = taps(rgb.shape[1], w)
    rows = sum(rgb[:, places[k]].astype(np.int64) * weights[k][None, :, None] for k in range(4)).astype(f32)
    places, weights = taps(rgb.shape[0], h)
    b = (weights.astype(f32) / f32(4194304))[:, :, None, None]
    r = [rows[places[k]] for k in range(4)]
    value = r[0] * b[0] + (r[1] * b[1] + (r[2] * b[2] + r[3] * b[3]))
    return np.clip(np.rint(value), 0, 255).astype(np.uint8)


def grey(rgb):
    r, g, b = (rgb[..., c].astype(np.int64) for c in range(3))
    return ((9798 * r + 19235 * g + 3735 * b + 16384) >> 15).astype(np.uint8)


def wrapped(v):
    return (v.astype(f32).astype(np.int32) & 255).astype(np.uint8)


def lab_bytes(g, v1, v2):
    seen = (g.astype(f32) / f32(255) - f32(0.5)) / f32(0.5)
    return np.stack([wrapped((x.astype(f32) * f32(0.5) + f32(0.5)) * f32(255)) for x in (seen, v1, v2)], -1)


def to_zero(a, b):
    return np.sign(a) * (np.abs(a) // b)


def lab_to_rgb(lab):
    index = np.arange(256)
    light = index * 100 / 255
    y = np.where(index <= 20, light / 903.3, ((light + 16) / 116) ** 3)
    f = np.where(index <= 20, 7.787 * y + 16 / 116, (light + 16) / 116)
    y_int, f_int = np.rint(16384 * y).astype(np.int64), np.rint(16384 * f).astype(np.int64)
    l, a, b = (lab[..., c].astype(np.int64) for c in range(3))
    da, db = ((5 * a * 53687 + 128) >> 13) - 4194, ((b * 41943 + 16) >> 9) - 10484

    def cube(v):
        return np.where(v <= 3390, to_zero(v * 108, 841) - 290, to_zero(to_zero(v * v, 16384) * v, 16384))

    xyz = np.stack([cube(f_int[l] + da), y_int[l], cube(f_int[l] - db)], -1)
    matrix = np.array([[12615, -6296, -2223], [-3773, 7684, 185], [217, -836, 4715]])
    linear = np.clip((xyz @ matrix.T + 8192) >> 14, 0, 4095)
    x = np.arange(4096) / 4096
    gamma = np.rint(255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)).astype(np.uint8)
    return gamma[linear]


def main():
    photos = []
    for w, h in PHOTOS:
        rgb = np.ascontiguousarray(formula_image(3, h, w).transpose(1, 2, 0))
        small = resize(rgb, 352, 352)
        g = grey(small)
        if cv2 is not None:
            want = cv2.resize(rgb[..., ::-1].copy(), (352, 352), interpolation=cv2.INTER_CUBIC)
            assert np.array_equal(want[..., ::-1], small)
            assert np.array_equal(cv2.cvtColor(want, cv2.COLOR_BGR2GRAY), g)
        photos.append({"width": w, "height": h, "grey": checksum(g), "samples": g.ravel()[::997].tolist()})

    g, v1, v2 = np.meshgrid(np.arange(256, dtype=np.uint8), np.array(VALUES, f32), np.array(VALUES, f32), indexing="ij")
    lab = lab_bytes(g, v1, v2)
    every = np.stack(np.meshgrid(np.arange(0, 256, 3), np.arange(0, 256, 5), np.arange(0, 256, 5), indexing="ij"), -1)
    every = every.astype(np.uint8)
    rgb = lab_to_rgb(every)
    if cv2 is not None:
        assert np.array_equal(cv2.cvtColor(every.reshape(1, -1, 3), cv2.COLOR_Lab2RGB).reshape(every.shape), rgb)
    s = np.arange(60).astype(f32)
    seen = (s / f32(59) - f32(0.5)) / f32(0.5)
    after = np.trunc(f32(59) * (f32(0.5) * seen + f32(0.5))).astype(np.uint8)
    golden = {
        "made_by": f"numpy {np.__version__}" + (f", compared with OpenCV {cv2.__version__}" if cv2 is not None else ""),
        "photos": photos,
        "values": VALUES,
        "lab": checksum(lab),
        "lightness": lab[:, 0, 0, 0].tolist(),
        "rgb": checksum(rgb),
        "rgb_samples": rgb.reshape(-1)[::9973].tolist(),
        "labels_after": after.tolist(),
    }
    path = pathlib.Path(__file__).parent.parent / "data" / "semantic_golden.json"
    path.write_text(json.dumps(golden, indent=0, separators=(",", ":")).replace(",\n", ", ") + "\n")


if __name__ == "__main__":
    main()
