#!/usr/bin/env bash
# Everything that only a GPU can prove, unattended. See usage below.
set -uo pipefail

usage() {
  cat <<'TEXT'
tests/gpu.sh [OPTION]...   runs all tests on a GPU from an existing build; exit status 0 when nothing failed

  --build DIR   the build folder, made with CUDA (default build/cuda); it may have been built on another machine
  --out DIR     where gpu_tests.json and logs/ are left (default out/gpu-tests)
  --limit S     seconds that one step may take (default 240)
  --budget S    seconds of all steps together (default 900); what does not fit is reported as skipped
  --only A,B    these steps, by the names of the table; the others are reported as skipped
  --dry-run     every step is reached and reported as skipped
  -h, --help    this text

Goes on after a failure. What needs a GPU, compute-sanitizer or PyTorch is reported as skipped where that is missing.
TEXT
}

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=gpu_steps.sh
source "$root/tests/gpu_steps.sh"
report_file=gpu_tests.json report_title="tests on a GPU"
read_options tests/gpu.sh gpu-tests "$@"
((!${#rest[@]})) || { echo "tests/gpu.sh: unknown option '${rest[0]}'; see tests/gpu.sh --help" >&2 && exit 2; }

kernels="$build/tests/kernels/test_kernels_gpu"
gpu="$build/tests/gpu/test_gpu"
program="$build/apps/cuhue"
export CUHUE_TEST_DATA="$root/tests/data"  # the build may come from another folder

step_devices "$program"
step kernels gpu "$kernels"
for suite in parity steady errors; do step "$suite" gpu "$gpu" "--test-suite=$suite"; done
step poisoned gpu "$gpu" --test-suite=poisoned --no-skip

# Of our kernels: what libraries do in theirs, and the errors of CUDA's calls that tests provoke, are no findings.
check=("$sanitizer" --error-exitcode 1 --print-limit 20 --kernel-name kernel_substring=5cuhue)
step memcheck sanitizer env CUHUE_TEST_MEMORY=exact "${check[@]}" --tool memcheck --report-api-errors no "$kernels"
step racecheck sanitizer "${check[@]}" --tool racecheck "$kernels"
# Blocks that nobody filled, which tests of the filling do not survive: they have passed above.
step initcheck sanitizer env CUHUE_TEST_MEMORY=unwritten "${check[@]}" --tool initcheck --check-api-memory-access no \
  --check-exit-code no "$kernels" --no-exitcode
step synccheck sanitizer "${check[@]}" --tool synccheck "$kernels"
step memcheck-network sanitizer "${check[@]}" --tool memcheck --report-api-errors no "$gpu" "--test-suite=sanitized"
step racecheck-network sanitizer "${check[@]}" --tool racecheck "$gpu" "--test-suite=sanitized"
# By our kernels alone: what a library's write, a tool that looks at ours only would call unwritten.
step initcheck-network sanitizer env CUHUE_TEST_WITHOUT=library "${check[@]}" --tool initcheck --check-api-memory-access no "$gpu" "--test-suite=sanitized"

finish_report
