#!/usr/bin/env bash
# Everything that a GPU's speed is claimed by, unattended. See usage below.
set -uo pipefail

usage() {
  cat <<'TEXT'
bench/gpu.sh [OPTION]...   measures cuhue on a GPU, beside PyTorch where it is installed; exit status 0 when nothing failed

  --build DIR   the build folder, made with CUDA (default build/cuda); it may have been built on another machine
  --out DIR     where gpu_bench.json and logs/ are left (default out/gpu-bench)
  --limit S     seconds that one step may take (default 300)
  --budget S    seconds of all steps together (default 900); what does not fit is reported as skipped, to be run
                with --only; the most telling steps come first
  --quick       fewer rounds and shapes of the comparison with PyTorch
  --only A,B    these steps, by the names of the table; the others are reported as skipped
  --dry-run     every step is reached and reported as skipped
  -h, --help    this text

Goes on after a failure. What needs a GPU or PyTorch is reported as skipped where that is missing. How to read the
report: bench/README.md.
TEXT
}

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=../tests/gpu_steps.sh
source "$root/tests/gpu_steps.sh"
limit=300 quick=0 report_file=gpu_bench.json report_title="benchmarks on a GPU"
read_options bench/gpu.sh gpu-bench "$@"
for option in "${rest[@]}"; do
  [[ "$option" == --quick ]] || { echo "bench/gpu.sh: unknown option '$option'; see bench/gpu.sh --help" >&2 && exit 2; }
  quick=1
done

program="$build/apps/cuhue"
bench="$build/bench/cuhue_bench_gpu"

# Every network of this build, and every entry of the comparison; the two that all others are measured by come first.
mapfile -t networks < <("$program" run --list 2>/dev/null | sed -n 's/^\([a-z0-9][a-z0-9-]*\): .*/\1/p' | grep -vxE 'lite|eccv16')
mapfile -t entries < <(sed -n 's/^    "\([a-z0-9-]*\)": Compared(.*/\1/p' "$root/bench/peers/networks.py" | grep -vxE 'lite|eccv16')

peers=("$root/bench/peers_gpu.py" --library "$build/runtime/libcuhue.so")
# What torch.compile makes stands by itself: how long it searches is nobody's guess, and the others' figures must not wait.
uncompiled="eager fp32,eager tf32,eager fp16,graph fp16"
full=(--variants "$uncompiled") short=(--rounds 3 --shapes 1 --variants "$uncompiled")
compiled=(--rounds 3 --shapes 1 --variants "eager fp32,compiled fp16,compiled tf32")
((!quick)) || full=(--rounds 3 --shapes "1,8" --variants "$uncompiled")

step_devices "$program"
step ceilings gpu "$bench" ceilings
for name in lite eccv16; do step "networks-$name" gpu "$bench" networks "$name"; done
for name in lite eccv16; do step "peers-$name" torch python3 "${peers[@]}" --only "$name" "${full[@]}"; done
for name in lite eccv16; do step "first-picture-$name" torch python3 "$root/bench/first_picture.py" "$program" "$name"; done
for name in lite eccv16; do step "peers-$name-compiled" torch python3 "${peers[@]}" --only "$name" "${compiled[@]}"; done
step kernels gpu "$bench" kernels
for name in "${networks[@]}"; do step "networks-$name" gpu "$bench" networks "$name"; done
for name in siggraph17 scgan masks-gan; do step "first-picture-$name" torch python3 "$root/bench/first_picture.py" "$program" "$name"; done
for name in "${entries[@]}"; do step "peers-$name" torch python3 "${peers[@]}" --only "$name" "${short[@]}"; done
for name in "${entries[@]}"; do step "peers-$name-compiled" torch python3 "${peers[@]}" --only "$name" "${compiled[@]}"; done

finish_report
