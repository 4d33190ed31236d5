#!/usr/bin/env python3
"""Compares cuhue with PyTorch, ONNX Runtime, OpenVINO and ncnn on this machine's CPU. See bench/README.md.

Every engine runs the same network with the same weights in a process of its own, pinned to the same cores with the
same number of threads. They take turns, round after round, so that a busy minute of the machine meets all of them.
Before anything is timed each output is compared with PyTorch's. The report is written after every comparison, and a
report that exists is continued: what is measured again replaces what it says.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"
GOLDEN = ROOT / "tests" / "golden"
WORKER = PEERS / "worker.py"
AGREEMENT = 1e-3  # of max|output|: more is another network, and its speed says nothing
ENGINES = ("torch", "torch-frozen", "torch-compiled", "onnxruntime", "openvino", "ncnn")
NEEDS = {"onnxruntime": "network.onnx", "openvino": "network.onnx", "ncnn": "traced.ncnn.param"}


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "cpu", help="build folder of cuhue")
    p.add_argument("--only", metavar="NETWORK,...", help="these entries of bench/peers/networks.py; default all")
    p.add_argument("--engines", default=",".join(ENGINES), help="peers to run where they are installed")
    p.add_argument("--size", help="HxW; default each network's own")
    p.add_argument("--batch", type=int, default=1)
    p.add_argument("--threads", default="1,2", help="numbers of threads, one comparison each")
    p.add_argument("--rounds", type=int, default=7, help="turns of each engine")
    p.add_argument("--seconds", type=float, default=0.6, help="of one turn, at least one run")
    p.add_argument("--first", type=int, default=1, metavar="K", help="process starts timed per engine; 0 = none")
    p.add_argument("--patience", type=float, default=300, help="seconds until a process that loads a network is given up")
    p.add_argument("--resume", action="store_true", help="leave out what the report has already")
    p.add_argument("--again", action="store_true", help="begin the report anew")
    p.add_argument("--install", action="store_true", help="put ONNX Runtime, OpenVINO and ncnn from PyPI into --venv first")
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
    subprocess.run([str(base / "bin" / "pip"), "install", "-q", "onnxruntime", "openvino", "ncnn", "numpy<2"], check=True)
    # What it depends on is a PyTorch, which is here or is not.
    subprocess.run([str(base / "bin" / "pip"), "install", "-q", "--no-deps", "pnnx"], check=True)
    if options.install_torch:
        newest = options.venv / "torch"
        subprocess.run(["/usr/bin/python3", "-m", "venv", str(newest)], check=True)
        subprocess.run([str(newest / "bin" / "pip"), "install", "-q", "torch", "torchvision", "numpy"], check=True)


def interpreters(options):
    found = [options.venv / "runtimes" / "bin" / "python", options.venv / "torch" / "bin" / "python",
             pathlib.Path(sys.executable), pathlib.Path("/usr/bin/python3")]
    return [str(p) for p in dict.fromkeys(found) if p.exists()]


def versions_in(interpreter, engines):
    """{engine: [version, None] or [None, why not]}, by one process."""
    run = subprocess.run([interpreter, str(WORKER), "--versions", engines], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return {engine: [None, reason_of(run)] for engine in engines.split(",")}
    return json.loads(run.stdout)


def find_peers(options):
    """{label: (engine, interpreter, version)} and {engine: why it is absent}."""
    peers, absent = {}, {}
    by_interpreter = {i: versions_in(i, options.engines) for i in interpreters(options)}
    for engine in options.engines.split(","):
        versions, why = {}, "no Python here"
        for interpreter, found in by_interpreter.items():
            version, reason = found[engine]
            if version:
                versions.setdefault(version, interpreter)
            why = reason or why
        for version, interpreter in versions.items():
            peers[f"{engine} {version.split('-')[0].split('+')[0]}"] = (engine, interpreter, version)
        if not versions:
            absent[engine] = why
    return peers, absent


# ---- what a network needs -------------------------------------------------------------------------------------------


def reason_of(run):
    lines = [line for line in (run.stderr or run.stdout or "").strip().split("\n") if line.strip()]
    return lines[-1][:300] if lines else f"exit status {run.returncode}"


def to_ncnn(peers, spec, folder):
    """pnnx turns what PyTorch traced into ncnn's files; the reason when it does not."""
    interpreter = next((i for e, i, _ in peers.values() if e == "ncnn"), None)
    reason = folder / "traced.ncnn.param.reason"
    traced = folder / "traced.pt"
    if interpreter is None or not traced.exists():
        return
    shapes = ",".join("[" + ",".join(map(str, shape)) + "]" for shape in spec["inputs"].values())
    code = "import sys, pnnx; sys.exit(pnnx.pnnx())"
    try:
        run = subprocess.run([interpreter, "-c", code, "traced.pt", f"inputshape={shapes}", "fp16=0"], cwd=folder,
                             capture_output=True, text=True, check=False, timeout=300)
        if not (folder / "traced.ncnn.param").exists():
            reason.write_text(f"pnnx: {reason_of(run)}", encoding="utf-8")
    except subprocess.TimeoutExpired:
        reason.write_text("pnnx: not done after 300 s", encoding="utf-8")


def weight_file(options, name, checkpoint, folder):
    """The checkpoint converted by the program, where it was built; else cuhue computes the same weights itself."""
    program = next((p for p in sorted(options.build.glob("apps/**/cuhue")) if p.is_file() and os.access(p, os.X_OK)), None)
    if program is None:
        return {}
    weights = folder / f"{name}.safetensors"
    run = subprocess.run([str(program), "convert", checkpoint, "-o", str(weights), "-n", name, "--quiet"], capture_output=True, text=True,
                         check=False)
    if run.returncode != 0:  # a container that this network's checkpoints do not come in
        print(f"{name}: formula weights in memory, since convert says: {reason_of(run)}", file=sys.stderr)
        return {}
    return {"program": str(program), "weights": str(weights)}


def prepared(options, name, entry, peers, library, folder):
    """The spec of one network: its files lie in `folder`."""
    height, width = map(int, options.size.split("x")) if options.size else entry.size
    torch_python = next(i for e, i, _ in peers.values() if e == "torch")
    subprocess.run([torch_python, str(PEERS / "export.py"), name, str(options.batch), str(height), str(width), str(folder)],
                   check=True, stderr=subprocess.DEVNULL)
    shapes = json.loads((folder / "shapes.json").read_text(encoding="utf-8"))
    network = entry.network or name
    spec = {"name": name, "network": network, "size": f"{height}x{width}", "inputs": shapes, "outputs": list(entry.outputs),
            "golden_dir": str(GOLDEN), "library": str(library), "onnx": str(folder / "network.onnx"), "ncnn": str(folder / "traced.ncnn"),
            "x": {port: str(folder / f"x_{port}.npy") for port in shapes}}
    if entry.detector:
        return {**spec, "detector": True}
    spec.update(weight_file(options, network, str(folder / "checkpoint.pth"), folder))
    to_ncnn(peers, spec, folder)
    return spec


# ---- a worker -------------------------------------------------------------------------------------------------------


class Worker:
    def __init__(self, label, engine, interpreter, spec, folder):
        slug = re.sub("[^A-Za-z0-9.]+", "_", label)
        self.label, self.engine = label, engine
        self.outputs = [folder / f"{slug}_{port}.npy" for port in spec["outputs"]]
        path = folder / f"{slug}.json"
        path.write_text(json.dumps({**spec, "y": list(map(str, self.outputs))}), encoding="utf-8")
        self.command = [interpreter, str(WORKER), engine, str(path)]
        self.log = open(folder / f"{slug}.log", "w+", encoding="utf-8")
        self.process = None

    def why(self):
        """The last thing that a process which ended has said."""
        status = self.process.wait()
        self.log.seek(0)
        lines = [line for line in self.log.read().strip().split("\n") if line.strip()]
        return (f"ended by signal {-status}" if status < 0 else lines[-1][:300] if lines else f"exit status {status}")

    def line(self, patience):
        """One line of its answer; a worker that hangs is given up."""
        ready, _, _ = select.select([self.process.stdout], [], [], patience)
        if not ready:
            raise RuntimeError(f"no answer after {patience:.0f} s")
        text = self.process.stdout.readline()
        if text == "":
            raise RuntimeError(self.why())
        return text

    def start(self, patience):
        """Seconds from the start of the process to its first output."""
        start = time.perf_counter()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, bufsize=1)
        self.line(patience)
        return time.perf_counter() - start

    def times(self, seconds, patience):
        self.process.stdin.write(json.dumps({"seconds": seconds, "runs": 1}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.line(patience))

    def stop(self):
        if self.process is None:
            return
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (subprocess.TimeoutExpired, OSError):
            self.process.kill()
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


def difference(paths, references):
    """The largest over the outputs of max abs difference over max abs value, by an interpreter that has numpy."""
    code = ("import sys, numpy as n; k = len(sys.argv) // 2; worst = 0\n"
            "for a, b in zip(sys.argv[1:1 + k], sys.argv[1 + k:]):\n"
            "  a, b = n.load(a), n.load(b); assert a.shape == b.shape, (a.shape, b.shape)\n"
            "  d = float(abs(a - b).max() / abs(b).max()); worst = max(worst, d if d == d else 1e30)\n"
            "print(worst)")
    run = subprocess.run(["/usr/bin/python3", "-c", code, *map(str, paths), *map(str, references)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(reason_of(run))
    return float(run.stdout)


def program_seconds(options, spec, folder):
    """Seconds of `cuhue run`: process start, weight file, forward pass, outputs written; [] without the program."""
    if not spec.get("weights"):
        return []
    command = [spec["program"], "run", spec["network"], "-m", spec["weights"], "--threads", str(spec["threads"]), "--quiet"]
    for port, path in spec["x"].items():
        command += ["--input", f"{port}={path}"]
    for port in spec["outputs"]:
        command += ["--output", f"{port}={folder / f'program_{port}.npy'}"]
    cores = sorted(os.sched_getaffinity(0))[:spec["threads"]]
    seconds = []
    for _ in range(options.first):
        start = time.perf_counter()
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores))
        seconds.append(time.perf_counter() - start)
    return seconds


def started(options, workers, folder):
    """Those of the workers that run and agree with PyTorch: (worker, error) and the seconds of starts; the others' reasons."""
    first, usable, skipped, reference = {}, [], {}, None
    for w in workers:
        try:
            missing = NEEDS.get(w.engine)
            if missing and not (folder / missing).exists():
                why = folder / f"{missing}.reason"
                raise RuntimeError(why.read_text(encoding="utf-8") if why.exists() else f"{missing} was not made")
            first[w.label] = [w.start(options.patience)]
            for _ in range(options.first - 1 if w.engine != "torch-compiled" else 0):
                w.stop()
                first[w.label].append(w.start(options.patience))
            reference = reference or w
            error = difference(w.outputs, reference.outputs)
            if error > AGREEMENT:
                raise RuntimeError(f"differs from {reference.label} by {error:.3g} of the maximum")
            usable.append((w, error))
        except (RuntimeError, OSError) as error:
            skipped[w.label] = str(error)
            w.stop()
    return usable, first, skipped


def compare(options, spec, peers, folder):
    """Times all engines on one network with one number of threads."""
    python = next(i for e, i, _ in peers.values() if e == "torch")
    # The first of PyTorch's is the reference; its turn comes before cuhue's only here.
    labels = sorted(peers, key=lambda label: peers[label][0] != "torch")
    workers = [Worker(label, *peers[label][:2], spec, folder) for label in labels]
    workers.insert(1, Worker("cuhue", "cuhue", python, spec, folder))
    runs, cpu, rounds = ({w.label: [] for w in workers} for _ in range(3))
    try:
        usable, first, skipped = started(options, workers, folder)
        for label in ("cuhue", labels[0]):
            if label in skipped:
                raise RuntimeError(f"{spec['name']}: {label}: {skipped[label]}")
        for _ in range(options.rounds):
            for w, _ in usable:
                time.sleep(0.02)  # threads of the one before fall asleep
                seconds, cpu_seconds = zip(*w.times(options.seconds, options.patience))
                runs[w.label] += seconds
                cpu[w.label] += cpu_seconds
                rounds[w.label].append(statistics.median(seconds))
    finally:
        for w in workers:
            w.stop()

    engines = []
    for w, error in usable:
        ratios = [t / c for t, c in zip(rounds[w.label], rounds["cuhue"])]
        entry = {"engine": w.label, **milliseconds(runs[w.label]), "runs": len(runs[w.label]), "error": error,
                 "cpu_ms": round(1000 * statistics.median(cpu[w.label]), 4),
                 "ratio_to_cuhue": {k: round(v, 4) for k, v in summary(ratios).items()}}
        if options.first and w.label in first:
            entry["first_output"] = milliseconds(first[w.label])
        engines.append(entry)
    engines.sort(key=lambda e: e["engine"] != "cuhue")
    result = {"network": spec["name"], "threads": spec["threads"], "batch": options.batch, "size": spec["size"], "engines": engines,
              "skipped": skipped, "load": round(os.getloadavg()[0], 2)}
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
    for label, why in result["skipped"].items():
        print(f"{label:24} skipped: {why}", flush=True)
    if "cuhue_program_first_output" in result:
        print(f"the program `cuhue run`, process start to output written: {result['cuhue_program_first_output']['median_ms']:.0f} ms", flush=True)


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


def new_report(options):
    return {
        "what": "forward pass of one network, inputs copied in and outputs copied out; ratio: time over cuhue's, round by round",
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "commit": commit(),
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "load_before": os.getloadavg()[0]}, "versions": {}, "absent": {},
        "rounds": options.rounds, "seconds_a_turn": options.seconds, "results": [],
    }


def open_report(options):
    report = new_report(options)
    path = options.json
    if path is None:
        slug = re.sub("[^a-z0-9]+", "-", report["machine"]["cpu"].lower()).strip("-")
        path = ROOT / "bench" / "results" / f"peers_cpu_{slug}_{report['date'][:10]}.json"
    if path.exists() and not options.again:
        old = json.loads(path.read_text(encoding="utf-8"))
        same = (old.get("commit"), old["machine"]["cpu"]) == (report["commit"], report["machine"]["cpu"])
        if not same:
            sys.exit(f"peers_cpu.py: {path} is of another commit or machine; name another file with --json, or begin it --again")
        report = old
    return report, path


def key_of(result):
    """What a result replaces: the same comparison by other engines stands beside it."""
    return result["network"], result["size"], result["batch"], result["threads"], sorted(e["engine"] for e in result["engines"])


def save(report, result, path):
    report["results"] = [r for r in report["results"] if key_of(r) != key_of(result)] + [result]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def is_done(report, name, threads, peers):
    return any(r["network"] == name and r["threads"] == threads and
               {"cuhue", *peers} <= {e["engine"] for e in r["engines"]} | set(r["skipped"]) for r in report["results"])


def chosen_networks(options):
    # The table needs numpy, which the interpreter of this script may lack.
    code = ("import sys, json, dataclasses; sys.path[:0] = sys.argv[1:]; from networks import COMPARED; "
            "print(json.dumps({k: dataclasses.asdict(v) for k, v in COMPARED.items()}))")
    run = subprocess.run(["/usr/bin/python3", "-c", code, str(PEERS), str(GOLDEN)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"peers_cpu.py: {reason_of(run)}")
    table = {name: argparse.Namespace(**entry) for name, entry in json.loads(run.stdout).items()}
    names = options.only.split(",") if options.only else list(table)
    unknown = [name for name in names if name not in table]
    if unknown:
        sys.exit(f"peers_cpu.py: --only {unknown[0]}: no such entry; there are {', '.join(table)}")
    return {name: table[name] for name in names}


def main():
    options = arguments()
    unknown = set(options.engines.split(",")) - set(ENGINES)
    if unknown:
        sys.exit(f"peers_cpu.py: --engines {unknown.pop()}: there are {', '.join(ENGINES)}")
    if options.install or options.install_torch:
        install(options)
    networks = chosen_networks(options)
    library = next(iter(sorted(options.build.glob("**/libcuhue.so"))), None)
    if library is None:
        sys.exit(f"peers_cpu.py: no libcuhue.so below {options.build}; build first (cmake --preset cpu && cmake --build --preset cpu) or name --build")
    peers, absent = find_peers(options)
    for engine, why in absent.items():
        print(f"{engine}: absent ({why})", file=sys.stderr)
    if not any(engine == "torch" for engine, _, _ in peers.values()):
        print("peers_cpu.py: PyTorch is needed for the reference output; install python3-torch or use --install-torch", file=sys.stderr)
        sys.exit(77)
    report, path = open_report(options)
    report["versions"].update({label: version for label, (_, _, version) in peers.items()})
    report["absent"] = absent
    threads = [int(t) for t in options.threads.split(",") if int(t) <= len(os.sched_getaffinity(0))]
    failed = []
    for name, entry in networks.items():
        left = [t for t in threads if not (options.resume and is_done(report, name, t, peers))]
        if not left:
            continue
        folder = pathlib.Path(tempfile.mkdtemp(prefix="cuhue-peers-"))
        try:
            spec = prepared(options, name, entry, peers, library, folder)
            for count in left:
                result = compare(options, {**spec, "threads": count}, peers, folder)
                print_table(result)
                save(report, result, path)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            failed.append(name)
            print(f"{name}: {error}", file=sys.stderr)
        finally:
            shutil.rmtree(folder)
    print(f"\n{path}")
    if failed:
        sys.exit(f"peers_cpu.py: not compared: {', '.join(failed)}")


if __name__ == "__main__":
    main()
