#!/usr/bin/env bash
# tests/gpu.sh and bench/gpu.sh from end to end where there is no GPU: the host executor plays it, at small sizes for the
# tests, computing nothing for the benchmarks. What is checked is that every step that can run does, that the reports are
# JSON, and that they hold and render what they are for. Figures of it mean nothing and are kept nowhere.
# usage: rehearsal.sh FOLDER CUHUE TEST_GPU BENCH_GPU LIBCUHUE
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
folder="$1"
rm -rf "$folder"
mkdir -p "$folder"/{machine,build/{apps,bench,runtime,tests/gpu}}
folder="$(cd "$folder" && pwd)"
ln -s "$2" "$folder/build/apps/cuhue"
ln -s "$3" "$folder/build/tests/gpu/test_gpu"
ln -s "$4" "$folder/build/bench/cuhue_bench_gpu"
ln -s "$5" "$folder/build/runtime/libcuhue.so"
# The machine's own tools, as they are called: what a GPU is named, and a sanitizer that finds nothing.
cat >"$folder/machine/nvidia-smi" <<'TEXT'
#!/usr/bin/env bash
[[ "$*" == "--query-gpu=name,driver_version,memory.total --format=csv,noheader" ]] || exit 9
echo "host executor, none, 0 MiB"
TEXT
cat >"$folder/machine/compute-sanitizer" <<'TEXT'
#!/usr/bin/env bash
while [[ "${1:-}" == --* ]]; do
  [[ " --tool --error-exitcode --print-limit --leak-check --kernel-name --report-api-errors --check-api-memory-access --check-exit-code " == *" $1 "* ]] || exit 9
  shift 2
done
exec "$@"
TEXT
chmod +x "$folder"/machine/*
export PATH="$folder/machine:$PATH"

failed=0
"$root/tests/gpu.sh" --build "$folder/build" --out "$folder/tests" --limit 2400 --budget 2900 \
  --only devices,parity,steady,errors,memcheck-network,initcheck-network || failed=1
CUHUE_EXECUTOR=dry "$root/bench/gpu.sh" --build "$folder/build" --out "$folder/bench" \
  --only devices,ceilings,networks-lite,kernels,networks-mask-rcnn || failed=1
if ((failed)); then
  for log in "$folder"/{tests,bench}/logs/*.log; do printf '\n---- %s\n' "$log" && tail -n 60 "$log"; done
  exit 1
fi

python3 - "$folder" <<'TEXT'
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
EXPECTED = {  # step: the facts that it must leave
    "tests": {"devices": ("devices",), "parity": ("parity", "system"), "steady": ("repeats", "steady"), "errors": ("out of memory",), "memcheck-network": (), "initcheck-network": ()},
    "bench": {"devices": ("devices",), "ceilings": ("ceiling",), "networks-lite": ("forward", "photo", "layer"), "kernels": ("kernel",), "networks-mask-rcnn": ()},
}
for what, steps in EXPECTED.items():
    report = json.loads((folder / what / f"gpu_{what}.json").read_text(encoding="utf-8"))
    assert report["machine"]["gpu"] == "host executor" and not report["dry_run"], report["machine"]
    states = {s["name"]: s["state"] for s in report["steps"]}
    for step, kinds in steps.items():
        assert states[step] == "passed", f"{step}: {states[step]}"
        for kind in kinds:
            assert any(f["fact"] == kind for f in report["facts"]), f"{step} left no fact '{kind}'"
    assert not [f for f in report["facts"] if "failed" in f], "a fact says that something failed"
    assert all(f.get("graph_nodes", 1) > 0 for f in report["facts"]), "a graph of no nodes"
TEXT
python3 "$root/bench/render_report.py" "$folder/tests/gpu_tests.json" "$folder/bench/gpu_bench.json" --plots "$folder" >"$folder/report.md"
for row in '| mask-rcnn | fp32 | objects |' '| lite | fp32 | outputs |' '| lite | fp16 | 1 | 256 |' '| mask-rcnn | fp16 | 1280x960 to objects |' \
  '| copy |' '| merge/'; do
  grep -qF -- "$row" "$folder/report.md" || { echo "the rendered reports lack a row '$row'" && exit 1; }
done
echo "rehearsed: $folder/report.md"
