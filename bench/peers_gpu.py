#!/usr/bin/env python3
"""Compares cuhue with PyTorch on this machine's GPU. See bench/README.md.

One process, formula weights, outputs compared before anything is timed; then the engines take turns, round after
round. Every result is a line of JSON; CUHUE_GPU_FACTS names a file that the lines are also appended to.
"""
import argparse
import copy
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "bench" / "peers"), str(ROOT / "tests" / "golden")]

VARIANTS = ["eager fp32", "eager tf32", "eager fp16", "graph fp16", "compiled fp16", "compiled tf32"]
# Of max|ab|, against PyTorch's eager fp32: more is another network, and its speed says nothing.
# Of a detector, the part of its objects that may be others.
AGREEMENT = {"fp32": 1e-3, "tf32": 3e-2, "fp16": 3e-2}


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--library", type=pathlib.Path, default=ROOT / "build" / "cuda" / "runtime" / "libcuhue.so")
    p.add_argument("--only", metavar="NETWORK,...", help="these entries of bench/peers/networks.py; default all")
    p.add_argument("--shapes", default="1,8,32,1x512x512", help="N of the network's own size, or NxHxW, by commas")
    p.add_argument("--photo", default="1920x1080", help="WxH of the photo that is colorized")
    p.add_argument("--variants", default=",".join(VARIANTS))
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--seconds", type=float, default=0.25, help="of one turn, at least 3 runs")
    p.add_argument("--device", default="cuda", choices=("cuda", "cpu"),
                   help="cpu: for trying this script where there is no GPU; no figure of it means anything")
    return p.parse_args()


def fact(**values):
    line = json.dumps(values)
    print(line, flush=True)
    path = os.environ.get("CUHUE_GPU_FACTS")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")


def quantiles(values):
    ordered = sorted(values)
    pick = lambda q: ordered[min(len(ordered) - 1, int(q * len(ordered)))]
    return {"median_ms": round(1e3 * statistics.median(values), 5), "p10_ms": round(1e3 * pick(0.1), 5),
            "p90_ms": round(1e3 * pick(0.9), 5), "p99_ms": round(1e3 * pick(0.99), 5), "runs": len(values)}


def wall(work, seconds):
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def device(torch, work, seconds):
    """By CUDA events around every run."""
    times, end = [], time.perf_counter() + seconds
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    while len(times) < 3 or time.perf_counter() < end:
        start.record()
        work()
        stop.record()
        stop.synchronize()
        times.append(start.elapsed_time(stop) / 1e3)
    return times


def in_turns(options, runs, measure, **about):
    """runs: {label: (engine, work)}. Each engine's times over all rounds, and its ratio to cuhue's best."""
    samples, rounds, failed = {k: [] for k in runs}, {k: [] for k in runs}, {}
    for label, (engine, work) in runs.items():
        try:
            engine.settings()
            for _ in range(3):
                work()
        except Exception as error:  # pylint: disable=broad-except
            failed[label] = f"{type(error).__name__}: {error}"[:300]
    for _ in range(options.rounds):
        for label, (engine, work) in runs.items():
            if label in failed:
                continue
            engine.settings()
            work()
            times = measure(work)
            samples[label] += times
            rounds[label].append(statistics.median(times))
    for label in runs:
        if label in failed:
            fact(fact="peer", engine=label, failed=failed[label], **about)
            continue
        precision = label.split()[-1]
        ours = rounds.get(f"cuhue {precision}", [])
        ratio = statistics.median(t / c for t, c in zip(rounds[label], ours)) if ours else None
        fact(fact="peer", engine=label, **about, **quantiles(samples[label]), ratio_to_cuhue=ratio)


def failure(error):
    return f"{type(error).__name__}: {error}"[:300]


def shape_of(text, entry):
    n, *size = map(int, text.split("x"))
    return (n, *(size or entry.size))


def largest_error(outputs, reference):
    return max(float(abs(a - b).max() / abs(b).max()) for a, b in zip(outputs, reference))


def missed_objects(found, reference):
    """The part of the reference's objects (boxes, scores, classes) that has no counterpart: same class, boxes within 2 % of their size."""
    (boxes, _, classes), (others, _, kinds) = reference, found
    missed = abs(len(boxes) - len(others))
    for box, kind in zip(boxes, classes):
        side = max(box[2] - box[0], box[3] - box[1], 1)
        near = [k == kind and abs(other - box).max() < 0.02 * side for other, k in zip(others, kinds)]
        missed += not any(near)
    return missed / max(len(boxes), 1)


def compare_forward(options, engines, name, shape, inputs, detector):
    """Outputs first; then those that agree with PyTorch's eager fp32, in turns."""
    reference, usable = None, []
    for engine in engines:
        try:
            y = engine.forward(inputs)
        except Exception as error:  # pylint: disable=broad-except
            fact(fact="peer", what="forward, host to host", engine=engine.label, network=name, shape=shape, failed=failure(error))
            continue
        if engine.label == "torch eager fp32":
            reference = y
        usable.append((engine, y))
    if reference is None:
        fact(fact="peer", what="forward, host to host", engine="torch eager fp32", network=name, shape=shape,
             failed="did not run: nothing to compare with")
        return
    runs = {}
    for engine, y in usable:
        error = (missed_objects if detector else largest_error)(y, reference)
        fact(fact="agreement", engine=engine.label, network=name, shape=shape, error=error, bound=AGREEMENT[engine.precision])
        if error <= AGREEMENT[engine.precision]:
            runs[engine.label] = engine, lambda e=engine: e.forward(inputs)
    in_turns(options, runs, lambda work: wall(work, options.seconds), network=name, shape=shape, what="forward, host to host")


def compare_photos(options, torch, np, engines, name):
    from formula_weights import uniform

    w, h = map(int, options.photo.split("x"))
    photo = np.floor(256 * uniform("photo", h * w * 3)).astype(np.uint8).reshape(h, w, 3)
    runs = {e.label: (e, lambda e=e: e.colorize(photo)) for e in engines}
    in_turns(options, runs, lambda work: wall(work, options.seconds), network=name, photo=options.photo, what="photo, host to host")
    if options.device != "cuda":
        return
    on_device, runs = torch.from_numpy(photo).to(options.device), {}
    for engine in engines:
        try:
            engine.settings()
            runs[engine.label] = engine, engine.photo_on_device(on_device)
        except Exception as error:  # pylint: disable=broad-except
            fact(fact="peer", engine=engine.label, network=name, photo=options.photo, what="photo, on the device", failed=failure(error))
    # On a stream of its own: the default one has no handle that a library could be given.
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream()):
        in_turns(options, runs, lambda work: device(torch, work, options.seconds), network=name, photo=options.photo,
                 what="photo, on the device")
    torch.cuda.synchronize()


def compare(options, torch, np, name, plan_cache):
    from gpu_engines import PHOTOS, Cuhue, CuhueDetectorOnGpu, Torch, TorchDetectorOnGpu
    from networks import COMPARED, inputs_of, reference_module

    entry, where = COMPARED[name], torch.device(options.device)
    on_gpu = options.device == "cuda"
    ours = CuhueDetectorOnGpu if entry.detector else Cuhue
    makers = [lambda p=p: ours(str(options.library), name, p, plan_cache, where) for p in (("fp32", "tf32", "fp16") if on_gpu else ("fp32",))]
    variants = [v for v in options.variants.split(",") if on_gpu or v == "eager fp32"]
    if entry.detector:
        makers += [lambda v=v: TorchDetectorOnGpu(name, v, where) for v in variants]
    else:
        module = reference_module(name)
        makers += [lambda v=v: Torch(copy.deepcopy(module), name, v, where) for v in variants]
    engines = []
    for make in makers:
        try:
            engines.append(make())
        except Exception as error:  # pylint: disable=broad-except
            fact(fact="peer", what="load", engine="an engine", network=name, shape="", failed=failure(error))
    with torch.no_grad():
        for text in options.shapes.split(","):
            n, h, w = shape_of(text, entry)
            if (entry.one_size and (h, w) != entry.size) or (entry.detector and n > 1):
                continue
            compare_forward(options, engines, name, f"{n}x{h}x{w}", inputs_of(name, n, h, w), entry.detector)
        if name in PHOTOS:
            compare_photos(options, torch, np, engines, name)
        small = inputs_of(name, 1, *(entry.size if on_gpu else shape_of(options.shapes.split(",")[0], entry)[1:]))
        for engine in engines:
            try:
                engine.settings()
                if (peak := engine.peak_bytes(small)) is not None:
                    fact(fact="memory", engine=engine.label, network=name, bytes=peak)
            except Exception as error:  # pylint: disable=broad-except
                fact(fact="peer", what="memory", engine=engine.label, network=name, shape="", failed=failure(error))
    for engine in engines:
        if isinstance(engine, Cuhue):
            engine.close()


def main():
    options = arguments()
    try:
        import numpy as np
        import torch
        from networks import COMPARED
    except ImportError as error:
        print(f"peers_gpu.py: {error}", file=sys.stderr)
        sys.exit(77)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("peers_gpu.py: PyTorch sees no GPU", file=sys.stderr)
        sys.exit(77)
    if not options.library.exists():
        sys.exit(f"peers_gpu.py: there is no {options.library}; build first (cmake --preset cuda && cmake --build --preset cuda) or name --library")
    names = options.only.split(",") if options.only else list(COMPARED)
    unknown = [name for name in names if name not in COMPARED]
    if unknown:
        sys.exit(f"peers_gpu.py: --only {unknown[0]}: no such entry; there are {', '.join(COMPARED)}")
    if options.device == "cuda":
        fact(fact="versions", torch=torch.__version__, cuda=torch.version.cuda, cudnn=torch.backends.cudnn.version(),
             gpu=torch.cuda.get_device_name())
    with tempfile.TemporaryDirectory(prefix="cuhue-peers-") as folder:
        for name in names:
            compare(options, torch, np, name, pathlib.Path(folder) / "plans")


if __name__ == "__main__":
    main()
