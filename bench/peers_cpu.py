#!/usr/bin/env python3
"""Compares cuhue with PyTorch, ONNX Runtime and OpenVINO on this machine's CPU. See bench/README.md.

Every engine runs the same network with the same weights in a process of its own, pinned to the same cores with the
same number of threads. They take turns, round after round, so that a busy minute of the machine meets all of them.
Before anything is timed each output is compared with PyTorch's.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORKER = ROOT / "bench" / "peers" / "worker.py"
EXPORT = ROOT / "bench" / "peers" / "export.py"
GOLDEN = ROOT / "tests" / "golden"
INPUTS = {"eccv16": "l", "lite": "grey"}
AGREEMENT = 1e-3  # of max|output|: more is another network, and its speed says nothing


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "cpu", help="build folder of cuhue")
    p.add_argument("--networks", default="eccv16,lite")
    p.add_argument("--size", default="256x256", help="HxW")
    p.add_argument("--batch", type=int, default=1)
    p.add_argument("--threads", default="1,2", help="numbers of threads, one comparison each")
    p.add_argument("--rounds", type=int, default=12, help="turns of each engine")
    p.add_argument("--seconds", type=float, default=1.0, help="of one turn, at least one run")
    p.add_argument("--first", type=int, default=3, metavar="K", help="process starts timed per engine; 0 = none")
    p.add_argument("--install", action="store_true", help="put ONNX Runtime and OpenVINO from PyPI into --venv first")
    p.add_argument("--install-torch", action="store_true", help="the newest PyTorch of PyPI too (several GB)")
    p.add_argument("--venv", type=pathlib.Path, default=pathlib.Path.home() / ".cache" / "cuhue" / "peers",
                   help="folder of the virtual environments, outside the project")
    p.add_argument("--json", type=pathlib.Path, help="the report; default bench/results/peers_cpu_<cpu>_<date>.json")
    return p.parse_args()


# ---- which engines there are ----------------------------------------------------------------------------------------


def install(options):
    base = options.venv / "runtimes"
    if not (base / "bin" / "python").exists():
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--system-site-packages", str(base)], check=True)
    subprocess.run([str(base / "bin" / "pip"), "install", "-q", "onnxruntime", "openvino", "numpy<2"], check=True)
    if options.install_torch:
        newest = options.venv / "torch"
        subprocess.run(["/usr/bin/python3", "-m", "venv", str(newest)], check=True)
        subprocess.run([str(newest / "bin" / "pip"), "install", "-q", "torch", "numpy"], check=True)


def interpreters(options):
    found = [options.venv / "runtimes" / "bin" / "python", options.venv / "torch" / "bin" / "python",
             pathlib.Path(sys.executable), pathlib.Path("/usr/bin/python3")]
    return [str(p) for p in dict.fromkeys(found) if p.exists()]


def version_in(interpreter, engine):
    run = subprocess.run([interpreter, str(WORKER), "--version", engine], capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else None


def find_peers(options):
    """{label: (engine, interpreter, version)} and the names that are absent."""
    peers, absent = {}, []
    for engine in ("torch", "onnxruntime", "openvino"):
        versions = {}
        for interpreter in interpreters(options):
            version = version_in(interpreter, engine)
            if version:
                versions.setdefault(version, interpreter)
        for version, interpreter in versions.items():
            peers[f"{engine} {version.split('-')[0]}"] = (engine, interpreter, version)
        if not versions:
            absent.append(engine)
    return peers, absent


# ---- a worker -------------------------------------------------------------------------------------------------------


class Worker:
    def __init__(self, label, engine, interpreter, spec, folder):
        self.label, self.output = label, folder / f"{label.replace(' ', '_')}.npy"
        path = folder / f"{label.replace(' ', '_')}.json"
        path.write_text(json.dumps({**spec, "y": str(self.output)}), encoding="utf-8")
        self.command = [interpreter, str(WORKER), engine, str(path)]
        self.log = open(folder / f"{label.replace(' ', '_')}.log", "w+", encoding="utf-8")
        self.process = None

    def start(self):
        """Seconds from the start of the process to its first output."""
        start = time.perf_counter()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        while True:
            line = self.process.stdout.readline()
            if line == "ready\n":
                return time.perf_counter() - start
            if line == "":
                self.log.seek(0)
                raise RuntimeError(f"{self.label} failed:\n{self.log.read()[-2000:]}")

    def times(self, seconds):
        self.process.stdin.write(json.dumps({"seconds": seconds, "runs": 1}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


# ---- one comparison -------------------------------------------------------------------------------------------------


def quantile(values, q):
    ordered = sorted(values)
    at = q * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def summary(values):
    return {"median": statistics.median(values), "p10": quantile(values, 0.1), "p90": quantile(values, 0.9)}


def milliseconds(values):
    return {f"{key}_ms": round(1000 * v, 4) for key, v in summary(values).items()}


def difference(path, reference):
    """max abs difference over max abs value of two .npy files, in an interpreter that has numpy."""
    code = ("import sys, numpy as n; a, b = map(n.load, sys.argv[1:]); "
            "assert a.shape == b.shape, (a.shape, b.shape); print(float(abs(a - b).max() / abs(b).max()))")
    run = subprocess.run(["/usr/bin/python3", "-c", code, str(path), str(reference)], capture_output=True, text=True, check=True)
    return float(run.stdout)


def program_seconds(options, spec, folder):
    """Seconds of `cuhue run`: process start, weight file, forward pass, output written; [] without the program."""
    if not spec.get("weights"):
        return []
    command = [spec["program"], "run", spec["network"], "-m", spec["weights"], "--threads", str(spec["threads"]), "--quiet",
               "--input", f"{spec['input']}={spec['x']}", "--output", f"ab={folder / 'program.npy'}"]
    cores = sorted(os.sched_getaffinity(0))[:spec["threads"]]
    seconds = []
    for _ in range(options.first):
        start = time.perf_counter()
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores))
        seconds.append(time.perf_counter() - start)
        (folder / "program.npy").unlink()
    return seconds


def compare(name, threads, options, peers, spec, folder):
    """Times all engines on one network with one number of threads."""
    spec = {**spec, "network": name, "input": INPUTS[name], "threads": threads, "golden_dir": str(GOLDEN)}
    python = next(iter(peers.values()))[1]
    workers = [Worker("cuhue", "cuhue", python, spec, folder)]
    workers += [Worker(label, engine, interpreter, spec, folder) for label, (engine, interpreter, _) in peers.items()]
    first = {w.label: [] for w in workers}
    for _ in range(options.first):
        for w in workers:
            first[w.label].append(w.start())
            w.stop()
    runs, cpu = {w.label: [] for w in workers}, {w.label: [] for w in workers}
    rounds = {w.label: [] for w in workers}
    errors = {}
    try:
        for w in workers:
            w.start()
        reference = next(w for w in workers if w.label.startswith("torch"))
        for w in workers:
            errors[w.label] = difference(w.output, reference.output)
            if errors[w.label] > AGREEMENT:
                raise RuntimeError(f"{w.label} differs from {reference.label} by {errors[w.label]:.3g} of the maximum on {name}")
        for _ in range(options.rounds):
            for w in workers:
                time.sleep(0.02)  # threads of the one before fall asleep
                seconds, cpu_seconds = zip(*w.times(options.seconds))
                runs[w.label] += seconds
                cpu[w.label] += cpu_seconds
                rounds[w.label].append(statistics.median(seconds))
    finally:
        for w in workers:
            w.stop()

    engines = []
    for label, values in runs.items():
        ratios = [t / c for t, c in zip(rounds[label], rounds["cuhue"])]
        entry = {"engine": label, **milliseconds(values), "runs": len(values), "error": errors[label],
                 "cpu_ms": round(1000 * statistics.median(cpu[label]), 4),
                 "ratio_to_cuhue": {k: round(v, 4) for k, v in summary(ratios).items()}}
        if first[label]:
            entry["first_output"] = milliseconds(first[label])
        engines.append(entry)
    result = {"network": name, "threads": threads, "batch": options.batch, "size": options.size, "engines": engines}
    program = program_seconds(options, spec, folder)
    if program:
        result["cuhue_program_first_output"] = milliseconds(program)
    return result


def print_table(result):
    print(f"\n{result['network']} {result['size']} batch {result['batch']}, {result['threads']} thread(s)")
    print(f"{'engine':24} {'median ms':>10} {'p10':>9} {'p90':>9} {'/ cuhue':>8} {'p10..p90':>13} {'cpu ms':>9} {'error':>9} {'first ms':>9} {'runs':>5}")
    for e in result["engines"]:
        r = e["ratio_to_cuhue"]
        first = f"{e['first_output']['median_ms']:9.0f}" if "first_output" in e else f"{'-':>9}"
        print(f"{e['engine']:24} {e['median_ms']:10.2f} {e['p10_ms']:9.2f} {e['p90_ms']:9.2f} {r['median']:8.2f} "
              f"{r['p10']:6.2f}..{r['p90']:<5.2f} {e['cpu_ms']:9.2f} {e['error']:9.1e} {first} {e['runs']:5}", flush=True)
    if "cuhue_program_first_output" in result:
        print(f"the program `cuhue run`, process start to output written: {result['cuhue_program_first_output']['median_ms']:.0f} ms", flush=True)


def weight_file(options, name, checkpoint, folder):
    """The checkpoint converted by the program, where it was built; else cuhue computes the same weights itself."""
    program = next((p for p in sorted(options.build.glob("**/cuhue")) if p.is_file() and os.access(p, os.X_OK)), None)
    if program is None:
        return {}
    weights = folder / f"{name}.safetensors"
    subprocess.run([str(program), "convert", checkpoint, "-o", str(weights), "-n", name, "--quiet"], check=True)
    return {"program": str(program), "weights": str(weights)}


# ---- the report -----------------------------------------------------------------------------------------------------


def cpu_model():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        fields = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        return f"{fields['model name']} (family {fields['cpu family']}, model {fields['model']})"
    except (OSError, KeyError):
        return platform.processor() or platform.machine()


def commit():
    run = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def main():
    options = arguments()
    if options.install or options.install_torch:
        install(options)
    library = next(iter(sorted(options.build.glob("**/libcuhue.so"))), None)
    if library is None:
        sys.exit(f"peers_cpu.py: no libcuhue.so below {options.build}; build first (cmake --preset cpu && cmake --build --preset cpu) or name --build")
    peers, absent = find_peers(options)
    for engine in absent:
        print(f"{engine}: absent", file=sys.stderr)
    if not any(engine == "torch" for engine, _, _ in peers.values()):
        sys.exit("peers_cpu.py: PyTorch is needed for the reference output; install python3-torch or use --install-torch")

    height, width = map(int, options.size.split("x"))
    torch_python = next(interpreter for engine, interpreter, _ in peers.values() if engine == "torch")
    threads = [int(t) for t in options.threads.split(",") if int(t) <= len(os.sched_getaffinity(0))]
    report = {
        "what": "forward pass of one network, input copied in and output copied out; ratio: time over cuhue's, round by round",
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "commit": commit(),
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "load_before": os.getloadavg()[0]},
        "versions": {label: version for label, (_, _, version) in peers.items()}, "absent": absent,
        "rounds": options.rounds, "seconds_a_turn": options.seconds, "results": [],
    }
    for name in options.networks.split(","):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="cuhue-peers-"))
        try:
            subprocess.run([torch_python, str(EXPORT), name, str(options.batch), str(height), str(width), str(folder)],
                           check=True, stderr=subprocess.DEVNULL)
            spec = {"library": str(library), "state": str(folder / f"{name}.pth"), "onnx": str(folder / "network.onnx"),
                    "x": str(folder / "x.npy"), "shape": [options.batch, 1, height, width]}
            spec.update(weight_file(options, name, spec["state"], folder))
            for count in threads:
                result = compare(name, count, options, peers, spec, folder)
                report["results"].append(result)
                print_table(result)
        finally:
            shutil.rmtree(folder)

    path = options.json
    if path is None:
        slug = re.sub("[^a-z0-9]+", "-", report["machine"]["cpu"].lower()).strip("-")
        path = ROOT / "bench" / "results" / f"peers_cpu_{slug}_{report['date'][:10]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"\n{path}")


if __name__ == "__main__":
    main()
