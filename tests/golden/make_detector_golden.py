#!/usr/bin/env python3
"""Writes tests/data/golden/detector_<case>.json (Mask R-CNN whole, stage by stage) and detector_ops.json (single ops) from
the reference in mask_rcnn_network.py.

Weights are formula weights but for the biases that the files hold: those of cls_score and of the mask predictor are
moved so that classes vary and masks have both values.
"""
import json
import pathlib
import sys

import numpy as np
import torch

import mask_rcnn_network as reference
from formula_weights import formula_image, uniform
from make_network_golden import summary

CASES = [  # name, height, width, type, settings
    ("float_96x128", 96, 128, "float32", {"min_size": 96, "max_size": 160, "score_threshold": 0.5}),
    ("bytes_61x83", 61, 83, "uint8", {"min_size": 64, "max_size": 128, "score_threshold": 0.5}),
]
CLASS_BIAS, MASK_BIAS = "roi_heads.box_predictor.cls_score.bias", "roi_heads.mask_head.predictor.bias"


def rounded(values, digits=7):
    return [float(f"{v:.{digits}g}") for v in np.asarray(values, np.float64).ravel()]


def runs(mask):
    """Lengths of the runs of 0 and 1, row by row, the first of 0."""
    flat = np.concatenate(([0], mask.ravel().astype(np.int8), [0]))
    edges = np.flatnonzero(np.diff(flat))
    return np.diff(np.concatenate(([0], edges))).tolist()


def calibrate(network, image, settings):
    """Biases under which no class and no value of a mask is always the winner."""
    with torch.no_grad():
        x, size = reference.network_input(image, settings["min_size"], settings["max_size"])
        taps = network.features(x)
        boxes, _ = reference.proposals(taps, size)
        logits, _ = network.box_head(reference.roi_align(taps, boxes, 7))
        masks = network.mask_head(reference.roi_align(taps, boxes[:20], 14))
    moved = {}
    for key, mean in ((CLASS_BIAS, logits.mean(0)), (MASK_BIAS, masks.mean((0, 2, 3)))):
        moved[key] = torch.round((network.state[key] - mean) * 1000) / 1000
    return moved


def write_case(network, folder, name, height, width, kind, settings):
    image = formula_image(3, height, width).transpose(1, 2, 0)
    image = image if kind == "uint8" else image.astype(np.float64)
    r = reference.detect(network, image, **settings)
    scores = r["scores"]
    gaps = -np.diff(scores)
    print(name, "proposals", len(r["proposals"]), "detections", len(scores), "classes", len(set(r["classes"].tolist())),
          "least gap of scores", gaps.min() if len(gaps) else None, "least above the threshold",
          scores.min() - settings["score_threshold"], "covered", np.mean([m.mean() for m in r["masks"]]))
    golden = {
        "height": height, "width": width, "type": kind, "settings": settings,
        "biases": {key: rounded(network.state[key]) for key in (CLASS_BIAS, MASK_BIAS)},
        "input": summary(r["input"], 500),
        "taps": {key: summary(value, 200) for key, value in r["taps"].items() if key != "p6"},
        "proposals": rounded(r["proposals"]),
        "class_logits": summary(r["class_logits"], 500),
        "boxes": rounded(r["boxes"]), "scores": rounded(scores, 8), "classes": r["classes"].tolist(),
        "masks": [runs(m) for m in r["masks"]],
    }
    path = folder / f"detector_{name}.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(path.name, path.stat().st_size, "bytes")


# ---- single ops: inputs are formula numbers of a key, outputs are kept


def values(key, count, low, high):
    return (low + (high - low) * uniform(key, count)).astype(np.float32)


def roi_case():
    maps = {level: (256 >> level, 320 >> level) for level in range(2, 6)}
    taps = {f"p{level}": torch.from_numpy(values(f"roi p{level}", 256 * h * w, -1, 1).reshape(1, 256, h, w))
            for level, (h, w) in maps.items()}
    boxes = np.array([
        [10.3, 20.7, 70.1, 90.9], [0, 0, 320, 256], [300, 240, 320, 256], [5, 5, 5, 5], [17, 3, 17, 200],
        [0, 100.5, 320, 101], [100, 0, 100.25, 256], [0, 0, 112, 112], [0, 0, 224, 224], [31.9, 31.9, 32.1, 32.1],
        [-40, -60, -10, -20], [-40, -40, 60, 60], [310, 250, 500, 400], [319.9, 255.9, 320, 256], [1, 2, 113, 114],
    ], np.float32)
    case = {"boxes": rounded(boxes, 9)}
    for size in (7, 14):
        case[f"crops{size}"] = summary(reference.roi_align(taps, boxes, size), 6000)
    return case


def nms_case():
    """Boxes on a coarse grid with scores of few values: overlaps at exactly the threshold, ties."""
    count = 300
    u = uniform("nms boxes", 4 * count).reshape(count, 4)
    x, y = np.floor(u[:, 0] * 20) * 4, np.floor(u[:, 1] * 15) * 4
    w, h = np.floor(u[:, 2] * 6) * 4, np.floor(u[:, 3] * 6) * 4  # some without area
    boxes = np.stack((x, y, x + w, y + h), 1).astype(np.float32)
    scores = (np.floor(uniform("nms scores", count) * 40) / 40).astype(np.float32)
    return {"kept": {str(t): reference.nms(boxes, scores, t).tolist() for t in (0.3, 0.5, 0.7)}}


def proposal_case():
    """A small pyramid with ties among its logits, one that is not a number, and boxes that grow without end."""
    taps = {}
    for level in range(2, 7):
        h, w = max(1, 256 >> level), max(1, 320 >> level)
        logits = np.floor(values(f"proposal logits{level}", 3 * h * w, -8, 8) * 4).astype(np.float32) / 4
        deltas = values(f"proposal deltas{level}", 12 * h * w, -1, 1)
        deltas[::97] *= 9
        if level == 3:
            logits[5] = np.nan
            deltas[12] = np.inf
        taps[f"logits{level}"] = torch.from_numpy(logits.reshape(1, 3, h, w))
        taps[f"deltas{level}"] = torch.from_numpy(deltas.reshape(1, 12, h, w))
    boxes, _ = reference.proposals(taps, (250, 311))
    return {"boxes": rounded(boxes, 9)}


def detection_case():
    rows = 200
    logits = values("detection logits", 81 * rows, -3, 3).reshape(rows, 81)
    for row in range(rows):  # one to three classes that stand out, with ties between rows
        for k in range(row % 4):
            logits[row, (row * 7 + k * 31) % 81] = 6 + (row % 5) * 0.25
    deltas = values("detection deltas", 320 * rows, -2, 2).reshape(rows, 320)
    u = uniform("detection boxes", 4 * rows).reshape(rows, 4)
    x, y = u[:, 0] * 280, u[:, 1] * 220
    boxes = np.stack((x, y, x + u[:, 2] * 90, y + u[:, 3] * 90), 1).astype(np.float32)
    boxes[3] = boxes[2]
    boxes[10, 2] = boxes[10, 0]
    found, scores, classes = reference.detections(logits, deltas, boxes, (250, 311))
    return {"boxes": rounded(found, 9), "scores": rounded(scores, 9), "classes": classes.tolist()}


def paste_case():
    boxes = [[10.3, 20.7, 70.1, 90.9], [0, 0, 120, 100], [100.5, 3, 119.9, 99.5], [50, 50, 50.5, 50.5], [30, 0, 30.01, 100],
             [0, 60.2, 120, 60.9], [0, 0, 1, 1], [-0.0, 5, 28, 33]]
    out = []
    for i, box in enumerate(boxes):
        mask = values(f"paste {i}", 28 * 28, 0, 1)
        if i == 1:
            mask[:] = 1
        out.append(runs(reference.paste(mask.reshape(28, 28), box, 100, 120)))
    return {"boxes": rounded(boxes, 9), "masks": out}


def input_case():
    out = {}
    image = formula_image(3, 37, 53).transpose(1, 2, 0)
    for name, size in (("grown", (90, 120)), ("shrunk", (20, 30)), ("rows", (37, 30)), ("columns", (80, 53))):
        small = reference.resize_float(image.astype(np.float64), *size)
        out["float " + name] = {"size": size, "values": rounded((small - reference.MEAN).transpose(2, 0, 1)[:, ::3, ::5], 9)}
        from PIL import Image
        pillow = np.asarray(Image.fromarray(image).resize(size[::-1], Image.BILINEAR))
        out["bytes " + name] = {"size": size, "values": pillow.transpose(2, 0, 1)[:, ::3, ::5].ravel().tolist()}
    grey = reference.lightness_picture(image)
    out["lightness"] = rounded(grey.ravel()[::7], 12)
    out["sizes"] = [[h, w, *reference.resized_shape(h, w)] for h, w in
                    ((480, 640), (384, 512), (352, 352), (700, 980), (720, 1280), (853, 1280), (427, 640), (333, 1000), (1280, 300))]
    return out


def main():
    folder = pathlib.Path(__file__).parent.parent / "data" / "golden"
    only = sys.argv[1:]
    if not only or "ops" in only:
        ops = {"roi_align": roi_case(), "nms": nms_case(), "proposals": proposal_case(), "detections": detection_case(),
               "paste": paste_case(), "input": input_case()}
        path = folder / "detector_ops.json"
        path.write_text(json.dumps(ops, separators=(",", ":")) + "\n")
        print(path.name, path.stat().st_size, "bytes", "proposals", len(ops["proposals"]["boxes"]) // 4, "detections",
              len(ops["detections"]["scores"]), "kept", {k: len(v) for k, v in ops["nms"]["kept"].items()})
    if not only or "cases" in only:
        torch.set_num_threads(2)
        network = reference.MaskRcnn()
        first = CASES[0]
        network.state.update(calibrate(network, formula_image(3, *first[1:3]).transpose(1, 2, 0).astype(np.float64), first[4]))
        for case in CASES:
            write_case(network, folder, *case)


if __name__ == "__main__":
    main()
