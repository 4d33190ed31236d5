#!/usr/bin/env python3
"""The table of systems in README.md: made from what tests and benchmarks printed, never typed.

    ctest --preset cpu -V > out/ctest.log                     # or build/cpu/Testing/Temporary/LastTest.log
    bench/system_table.py collect --log out/ctest.log --program build/cpu/apps/cuhue --cuda build/cuda
    bench/system_table.py insert                              # between the markers in README.md
    bench/system_table.py check                               # exit status 1 when the one in README.md has other rows or columns
    bench/system_table.py check --values                      # or other figures

`collect` writes bench/results/systems.json: one fact a line, with where it comes from. It refuses a log in which a test failed.
Times come from the reports of bench/peers_cpu.py, what a GPU did from those of tests/gpu.sh and bench/gpu.sh: all in
bench/results/. What nobody measured is a dash.
"""
import argparse
import datetime
import json
import pathlib
import re
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- systems: made by bench/system_table.py -->", "<!-- /systems -->"
NOTHING = "–"

# system: its networks and what only it has. The one part that no test can tell.
SYSTEMS = {
    "patch": (["mask-rcnn", "eccv16"], "each object coloured by itself"),
    "semantic": (["segnet", "colornet"], "relabel a region, its colours follow"),
    "scgan": (["scgan"], "a saliency map"),
    "koalarization": (["inception-resnet-v2", "koalarization"], "the five likeliest of ImageNet's classes"),
    "masks-gan": (["masks-gan"], "colours only what a mask shows"),
    "siggraph17": (["siggraph17"], "colour hints"),
    "eccv16": (["eccv16"], "a temperature of colours"),
    "lite": (["lite"], "a 3.8 MB download"),
}
HEAD = ["system", "networks", "convert", "CPU", "CUDA compiled", "CUDA run", "largest error, of the maximum", "time over the fastest PyTorch's",
        "peak memory", "only here"]


# ---- collecting -----------------------------------------------------------------------------------------------------


NUMBER = r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
GOLDEN = re.compile(r"^([a-z0-9-]+)_\S+\.json: .*?worst error (?:of all outputs )?" + NUMBER + r"(?:, of the outputs " + NUMBER + ")?")
EXECUTOR = re.compile(r"^([a-z0-9-]+) (?:\d+x\d+: relative difference|precision 0:) " + NUMBER + "$")
CONVERTS = re.compile(r"^converts ([a-z0-9-]+): (\d+) tensors")
# Any suite may state a fact of a network in this form: "fact: parity mask-rcnn 3.1e-06".
STATED = re.compile(r"^fact: (parity|executor|converts|lowered) ([a-z0-9-]+) " + NUMBER + "$")
MESSAGE = re.compile(r"MESSAGE: (.*)$")
FAILED = re.compile(r"\d+/\d+ Test\s+#\d+: (\S+) .*(\*\*\*\w+)|^(?:\d+: )?\[doctest\] test cases:.*\| +[1-9]\d* failed|^Test (Failed)\.")


def facts_of_log(lines):
    """The largest figure of each kind and network; raises when a test failed."""
    facts, failed = {}, []
    for line in lines:
        line = line.rstrip()
        found = FAILED.search(line)
        if found and "***Skipped" not in line:
            failed.append(found.group(1) or line)
        message = MESSAGE.search(line)
        if not message:
            continue
        text = message.group(1)
        for pattern, kind in ((GOLDEN, "parity"), (EXECUTOR, "executor"), (CONVERTS, "converts"), (STATED, None)):
            match = pattern.match(text)
            if not match:
                continue
            groups = list(match.groups())
            if kind is None:
                kind = groups.pop(0)
            key = (kind, groups[0])
            facts[key] = max([facts.get(key, 0.0)] + [float(g) for g in groups[1:] if g is not None])
            break
    if failed:
        raise SystemExit("system_table.py: the log has failures, no table is made of it: " + "; ".join(dict.fromkeys(failed)))
    return [{"fact": kind, "network": network, "value": value} for (kind, network), value in sorted(facts.items())]


def memory_facts(program, seconds):
    """Peak memory of a process that runs a network of formula weights at its own size."""
    facts = []
    for network in sorted({n for networks, _ in SYSTEMS.values() for n in networks}):
        run = subprocess.run([str(program), "bench", network, "--formula", "--seconds", str(seconds), "--json", "-", "--quiet"],
                             capture_output=True, text=True)
        if run.returncode != 0:
            print(f"no memory figure of {network}: {run.stderr.strip()}", file=sys.stderr)
            continue
        report = json.loads(run.stdout)
        facts.append({"fact": "memory", "network": network, "value": report["peak_bytes"], "size": report["size"]})
    return facts


FAT_MAGIC, FAT_PTX, FAT_ELF = 0xBA55ED50, 1, 2


def section(library, wanted):
    """The bytes of a section of a 64-bit ELF file; none when it has no such section."""
    if library[:6] != b"\x7fELF\x02\x01":
        raise ValueError("it is no 64-bit ELF file")
    table, (size, count, names) = struct.unpack_from("<Q", library, 0x28)[0], struct.unpack_from("<HHH", library, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", library, table + i * size) for i in range(count)]
    names_at = headers[names][4]
    for name, _, _, _, offset, length in headers:
        if library[names_at + name : library.index(b"\0", names_at + name)] == wanted:
            return library[offset : offset + length]
    return b""


def fat_binaries(code):
    """Of each fat binary in nvcc's section .nv_fatbin, one a .cu file: the architectures it holds code of, "sm_87", or text of,
    "compute_90". A fat binary is a header (magic, version, its own size, size of what follows) and entries (kind, version, size of
    the entry's header, size of its code, ..., at byte 28 the architecture)."""
    binaries, at = [], 0
    while at < len(code):
        if len(code) - at >= 16 and struct.unpack_from("<I", code, at)[0] == FAT_MAGIC:
            _, _, header, size = struct.unpack_from("<IHHQ", code, at)
            entry, at, found = at + header, at + header + size, set()
            while entry < at:
                kind, _, header, size = struct.unpack_from("<HHIQ", code, entry)
                number = struct.unpack_from("<I", code, entry + 28)[0]
                if kind not in (FAT_PTX, FAT_ELF) or not 50 <= number < 1000 or not header:
                    raise ValueError(f"its entry of kind {kind} for architecture {number} is of an unknown form")
                found.add(f"{'sm' if kind == FAT_ELF else 'compute'}_{number}")
                entry += header + size
            if entry != at or at > len(code):
                raise ValueError("a fat binary in it ends elsewhere than it says")
            binaries.append(found)
        elif code[at : at + 8].strip(b"\0"):
            raise ValueError(f"byte {at} of its .nv_fatbin belongs to no fat binary")
        else:
            at += 8  # between two
    return binaries


def cuda_facts(build):
    """The architectures that all kernels of the library of a CUDA build are there for, read from the library itself."""
    libraries = [path for path in sorted(build.glob("**/libcuhue.so*")) if path.is_file() and not path.is_symlink()]
    if not libraries:
        raise SystemExit(f"system_table.py: there is no libcuhue.so in {build}; build it with the preset cuda, or leave out --cuda")
    try:
        binaries = fat_binaries(section(libraries[-1].read_bytes(), b".nv_fatbin"))
    except (ValueError, struct.error, IndexError) as error:
        raise SystemExit(f"system_table.py: {libraries[-1]} cannot be read: {error}")
    if not binaries:
        raise SystemExit(f"system_table.py: {libraries[-1]} holds no code for GPUs; build it with the preset cuda, or leave out --cuda")
    return [{"fact": "cuda", "architectures": sorted(set.intersection(*binaries)), "kernel_files": len(binaries)}]


def collect(options):
    facts = []
    for log in options.log:
        facts += [dict(f, **{"from": "tests"}) for f in facts_of_log(log.read_text(encoding="utf-8", errors="replace").splitlines())]
    if options.program:
        facts += memory_facts(options.program, options.seconds)
    if options.cuda:
        facts += cuda_facts(options.cuda)
    kept = []
    if options.facts.exists() and not options.fresh:  # what this call did not measure stays
        fresh = {(f["fact"], f.get("network")) for f in facts}
        kept = [f for f in json.loads(options.facts.read_text(encoding="utf-8"))["facts"] if (f["fact"], f.get("network")) not in fresh]
    facts = sorted(kept + facts, key=lambda f: (f["fact"], f.get("network", "")))
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True).stdout.strip()
    head = {"what": "facts of bench/system_table.py", "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
            "commit": commit or "unknown"}
    lines = [json.dumps(f, sort_keys=True) for f in facts]
    options.facts.write_text(json.dumps(head)[:-1] + ', "facts": [\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8")
    print(f"{options.facts}: {len(facts)} facts")


# ---- rendering ------------------------------------------------------------------------------------------------------


class Facts:
    def __init__(self, facts, results):
        self.facts, self.torch, self.gpu = facts, {}, {}
        reports = []
        for path in sorted(results.glob("*.json")):
            report = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(report, dict) and not report.get("dry_run"):
                reports.append(report)
        for report in sorted(reports, key=lambda r: r.get("date", "")):  # the newest last
            peers = {}  # (network, threads) -> ratios; comparisons with other engines may stand beside each other
            for result in report["results"] if isinstance(report.get("results"), list) else []:
                peers.setdefault((result["network"], result["threads"]), []).extend(
                    e["ratio_to_cuhue"]["median"] for e in result["engines"] if e["engine"].startswith("torch"))
            for (network, threads), ratios in sorted(peers.items()):
                if ratios:  # the most threads come last
                    self.torch[network] = 1 / min(ratios)
            for fact in report.get("facts", []):
                if fact.get("fact") == "parity" and report.get("machine", {}).get("gpu"):
                    self.gpu[fact["network"]] = report["machine"]["gpu"]

    def of(self, kind, network):
        values = [f["value"] for f in self.facts if f["fact"] == kind and f.get("network") == network]
        return values[-1] if values else None

    def architectures(self):
        return next((f["architectures"] for f in self.facts if f["fact"] == "cuda"), [])


def each(networks, value_of, text):
    """One value a network, or a dash where one is missing; alike values once."""
    values = [value_of(n) for n in networks]
    shown = [NOTHING if v is None else text(v) for v in values]
    return shown[0] if len(set(shown)) == 1 else ", ".join(shown)


def row(system, facts):
    networks, special = SYSTEMS[system]
    parity = [facts.of("parity", n) for n in networks]
    lowered = all(facts.of("lowered", n) is not None for n in networks)  # a kernel of ours serves each layer
    architectures = facts.architectures()
    compiled = NOTHING
    if architectures and lowered:
        compiled = ", ".join(architectures)
    return [
        f"`{system}`",
        ", ".join(f"`{n}`" for n in networks),
        "yes" if all(facts.of("converts", n) is not None for n in networks) else NOTHING,
        "yes" if all(p is not None for p in parity) else NOTHING,
        compiled,
        each(networks, facts.gpu.get, str),
        f"{max(parity):.1e}".replace("e-0", "e-") if all(p is not None for p in parity) else NOTHING,
        each(networks, facts.torch.get, lambda v: f"{v:.2f}"),
        each(networks, lambda n: facts.of("memory", n), lambda v: f"{v / 2**20:.0f} MiB"),
        special,
    ]


def render(facts_file, results):
    report = json.loads(facts_file.read_text(encoding="utf-8"))
    facts = Facts(report["facts"], results)
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(row(system, facts)) + " |" for system in SYSTEMS]
    note = (f"Collected {report['date']} at {report['commit']}. A dash: not measured, or not there yet. Several networks: their figures in "
            "that order. Memory: the peak of a process that runs the network at its own size, fp32, on the CPU.")
    return "\n".join(lines) + "\n\n" + note + "\n"


def replaced(readme, table):
    begin, end = readme.find(BEGIN), readme.find(END)
    if begin < 0 or end < begin:
        raise SystemExit(f"system_table.py: README has no place for the table: put '{BEGIN}' and '{END}' on lines of their own")
    return readme[: begin + len(BEGIN)] + "\n" + table + readme[end:]


def form(readme):
    """Of the table in a README: its columns, and of each row what is not measured."""
    rows = [line.split(" | ") for line in readme.partition(BEGIN)[2].partition(END)[0].splitlines() if line.startswith("| ")]
    return rows[:1], [(len(r), r[0], r[1], r[-1]) for r in rows[1:]]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("command", choices=["collect", "insert", "check", "print"])
    p.add_argument("--log", type=pathlib.Path, action="append", default=[], help="what ctest -V printed; may be repeated")
    p.add_argument("--program", type=pathlib.Path, help="cuhue, for peak memory")
    p.add_argument("--seconds", type=float, default=0.2, help="of each of its runs")
    p.add_argument("--cuda", type=pathlib.Path, help="build folder of the preset cuda")
    p.add_argument("--fresh", action="store_true", help="forget the facts of earlier calls")
    p.add_argument("--values", action="store_true", help="check: the figures too")
    p.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results")
    p.add_argument("--facts", type=pathlib.Path, help="default: systems.json in the folder of results")
    p.add_argument("--readme", type=pathlib.Path, default=ROOT / "README.md")
    options = p.parse_args()
    options.facts = options.facts or options.results / "systems.json"
    if options.command == "collect":
        return collect(options)
    table = render(options.facts, options.results)
    if options.command == "print":
        print(table, end="")
        return None
    readme = options.readme.read_text(encoding="utf-8")
    wanted = replaced(readme, table)
    if options.command == "insert":
        options.readme.write_text(wanted, encoding="utf-8")
    elif (readme != wanted) if options.values else (form(readme) != form(wanted)):
        sys.exit(f"{options.readme}: the table of systems is stale; run bench/system_table.py insert")
    return None


if __name__ == "__main__":
    main()
