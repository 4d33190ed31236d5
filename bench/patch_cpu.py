#!/usr/bin/python3
"""PatchColorization with given objects: cuhue against the published order of operations in PyTorch, in turns on the same cores.

The reference takes one crop after another, as the published code does: Pillow's bicubic, scikit-image's Lab, the network, torch's bilinear, the
paste; then the merge in double and the saturation by way of HSV. Both run the formula weights of eccv16. cuhue is the program, started
anew for each turn; what counts of it is what its report gives for preparing, running and finishing, and compiling too. Needs Debian's python3-torch,
numpy, Pillow and scikit-image.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/golden"))


def boxes_of(count, width, height):
    """A third of each side, spread over the photo."""
    side_w, side_h = width // 3, height // 3
    return [((i * 37 % 100) * (width - side_w) // 100, (i * 61 % 100) * (height - side_h) // 100, side_w, side_h) for i in range(count)]


def write_objects(path, boxes, width, height):
    objects = []
    for x, y, w, h in boxes:
        counts = [x * height + y] + [h, height - h] * (w - 1) + [h, (width - x - w) * height + height - y - h]
        objects.append({"class": "person", "score": 0.9, "box": [x, y, x + w, y + h], "segmentation": {"size": [height, width], "counts": counts}})
    path.write_text(json.dumps({"width": width, "height": height, "objects": objects}), encoding="utf-8")


class Cuhue:
    def __init__(self, program, folder, photo, objects, threads):
        self.report = folder / "report.json"
        self.picture = folder / "out.png"
        self.command = [program, "colorize", "--formula", "-n", "patch", "-i", str(photo), "-o", str(self.picture), "--detections", str(objects), "--threads",
                        str(threads), "--json", str(self.report), "--quiet"]

    def __call__(self):
        subprocess.run(self.command, check=True)
        report = json.loads(self.report.read_text(encoding="utf-8"))
        stages = report["totals"]["seconds"]
        return stages["prepare"] + stages["network"] + stages["finish"] + stages.get("compile", 0)


class Reference:
    def __init__(self, photo, boxes):
        import numpy as np
        import make_patch_golden as golden
        from PIL import Image
        self.golden, self.photo, self.boxes = golden, np.asarray(Image.open(photo).convert("RGB")), boxes
        self.colors = golden.Colors()
        height, width = self.photo.shape[:2]
        self.objects = []
        for x, y, w, h in boxes:
            mask = np.zeros((height, width), bool)
            mask[y:y + h, x:x + w] = True
            self.objects.append({"box": (x, y, x + w, y + h), "mask": mask})
        self.picture = None

    def __call__(self):
        self.colors.known.clear()
        start = time.perf_counter()
        ab = self.golden.fuse(self.colors, self.photo, self.objects)
        self.picture = self.golden.finish(self.photo, 255, ab, True)
        return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build/cpu/apps/cuhue"))
    parser.add_argument("--photo", default=str(ROOT / "tests/data/photos/coffee.png"))
    parser.add_argument("--objects", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="file for the figures")
    a = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(a.threads)
    import numpy as np
    import torch
    from PIL import Image
    torch.set_num_threads(a.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        width, height = Image.open(a.photo).size
        boxes = boxes_of(a.objects, width, height)
        write_objects(folder / "objects.json", boxes, width, height)
        engines = {"cuhue": Cuhue(a.program, folder, a.photo, folder / "objects.json", a.threads), "reference": Reference(a.photo, boxes)}
        seconds = {engine: [] for engine in engines}
        for _ in range(a.rounds):
            for engine, run in engines.items():
                seconds[engine].append(run())
        ours = np.asarray(Image.open(engines["cuhue"].picture).convert("RGB")).astype(int)
        within_one = float((np.abs(ours - engines["reference"].picture) <= 1).mean())
    medians = {engine: statistics.median(values) for engine, values in seconds.items()}
    result = {"photo": f"{width}x{height}", "objects": a.objects, "threads": a.threads, "torch": torch.__version__, "median_seconds": medians, "seconds": seconds,
              "ratio": medians["reference"] / medians["cuhue"], "samples_within_one_level": within_one}
    print(json.dumps(result, indent=1))
    if within_one < 0.999:
        sys.exit("the pictures differ")
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
