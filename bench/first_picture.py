#!/usr/bin/env python3
"""Process start to the first picture on disk, as a user meets it: `cuhue colorize` in a new process each time.

first_picture.py PROGRAM NETWORK [--device cuda] [--precision fp16] [--runs K]: without any plan cache, with the one that
a tuning run left, and on the CPU. Formula weights, converted to a file first; needs numpy and torch for them. Every
result is a line of JSON; CUHUE_GPU_FACTS names a file that the lines are also appended to.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# What a system asks for beside a photo.
MORE = {"masks-gan": ["--mask-rect", "100,80,200,150"]}
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "golden"))


def fact(**values):
    line = json.dumps(values)
    print(line, flush=True)
    path = os.environ.get("CUHUE_GPU_FACTS")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("program")
    p.add_argument("network")
    p.add_argument("--device", default="cuda")
    p.add_argument("--precision", default="fp16")
    p.add_argument("--runs", type=int, default=5)
    options = p.parse_args()
    try:
        import torch
        from reference_networks import load_network
    except ImportError as error:
        print(f"first_picture.py: {error}", file=sys.stderr)
        sys.exit(77)

    photo = ROOT / "tests" / "data" / "photos" / "rocket.jpg"
    with tempfile.TemporaryDirectory(prefix="cuhue-first-") as folder:
        folder = pathlib.Path(folder)
        torch.save(load_network(options.network).state_dict(), folder / "formula.pth")
        weights, cache = folder / "weights.safetensors", folder / "cache"
        subprocess.run([options.program, "convert", str(folder / "formula.pth"), "-o", str(weights), "--quiet"], check=True)
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}

        def start(device, precision, *more):
            command = [options.program, "colorize", "-i", str(photo), "-o", str(folder / "out.png"), "-m", str(weights), "-g", device,
                       "--precision", precision, "--force", "--quiet", *MORE.get(options.network, []), *more]
            begin = time.perf_counter()
            subprocess.run(command, check=True, env=environment)
            return 1e3 * (time.perf_counter() - begin)

        def report(what, device, precision, times):
            fact(fact="first picture", network=options.network, device=device, precision=precision, plans=what,
                 median_ms=round(statistics.median(times), 2), least_ms=round(min(times), 2), runs=len(times))

        report("none", "cpu", "fp32", [start("cpu", "fp32") for _ in range(options.runs)])
        if options.device == "cpu":
            return
        times = []
        for _ in range(options.runs):
            shutil.rmtree(cache, ignore_errors=True)
            times.append(start(options.device, options.precision))
        report("not cached", options.device, options.precision, times)
        report("tuning", options.device, options.precision, [start(options.device, options.precision, "--tune")])
        report("cached", options.device, options.precision, [start(options.device, options.precision) for _ in range(options.runs)])


if __name__ == "__main__":
    main()
