#!/usr/bin/env bash
# Builds cuhue and runs its tests. See usage below, or README.md.
set -euo pipefail

usage() {
  cat <<'TEXT'
tests/run.sh [OPTION]...   installs what is missing, builds, runs all tests; exit status 0 when all is well

  (none)        CPU build, all tests, clang-format check; where nvcc is, the same with the CUDA backend
  --asan        the tests under AddressSanitizer and UndefinedBehaviorSanitizer
  --tidy        clang-tidy over the library, the converter, the program and the tests
  --format      only the clang-format check
  --all         everything above
  --no-install  packages are never installed; a missing one is the build's error
  -h, --help    this text

Works from any folder, again and again; builds live in build/. With N cores, N jobs.
TEXT
}

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
jobs="$(nproc)"
do_cpu=0 do_asan=0 do_tidy=0 do_format=0 do_install=1
failures=()
summary=()

for option in "$@"; do
  case "$option" in
    --asan) do_asan=1 ;;
    --tidy) do_tidy=1 ;;
    --format) do_format=1 ;;
    --all) do_cpu=1 do_asan=1 do_tidy=1 do_format=1 ;;
    --no-install) do_install=0 ;;
    -h | --help) usage && exit 0 ;;
    *) echo "tests/run.sh: unknown option '$option'; see tests/run.sh --help" >&2 && exit 2 ;;
  esac
done
((do_cpu + do_asan + do_tidy + do_format)) || do_cpu=1 do_format=1

# step TITLE COMMAND...: runs it, notes how long it took; a failure is remembered and the next step still runs.
step() {
  local title="$1" start=$SECONDS state=ok
  shift
  echo "== $title"
  "$@" || { state=FAILED && failures+=("$title"); }
  summary+=("$(printf '%-28s %-7s %4d s' "$title" "$state" $((SECONDS - start)))")
  [[ $state == ok ]]
}

install_missing() {
  # shellcheck source=../apps/packages.sh
  source "$root/apps/packages.sh"
  local packages=("${CUHUE_BUILD_PACKAGES[@]}" "${CUHUE_TEST_PACKAGES[@]}")
  if ((do_tidy)); then packages+=("${CUHUE_TIDY_PACKAGES[@]}"); fi
  install_packages "${packages[@]}"
}

format_check() {
  local file bad=()
  while IFS= read -r file; do
    clang-format --dry-run -Werror "$file" 2>/dev/null || bad+=("$file")
  done < <(find kernels runtime weights converter apps bench tests -type f \
    \( -name '*.h' -o -name '*.cpp' -o -name '*.c' -o -name '*.cu' -o -name '*.cuh' \) | LC_ALL=C sort)
  ((${#bad[@]})) || return 0
  echo "not formatted; mend with: clang-format -i ${bad[*]}"
  return 1
}

build() {
  cmake --preset "$1" && cmake --build --preset "$1" -j "$jobs"
}

run_tests() {
  local preset="$1" report="build/$1/test-report.xml" status=0
  ctest --preset "$preset" -j "$jobs" --no-tests=error --output-junit "$root/$report" || status=$?
  # The closing line, from the report: <testsuite ... tests="12" failures="0" disabled="0" skipped="1" ...>
  local tests failed skipped
  read -r tests failed skipped < <(tr '\n\t' '  ' <"$report" | sed -nE \
    's/.*<testsuite[^>]* tests="([0-9]+)" *failures="([0-9]+)" *disabled="[0-9]+" *skipped="([0-9]+)".*/\1 \2 \3/p')
  summary+=("tests ($preset): $((tests - failed - skipped)) passed, $failed failed, $skipped skipped")
  return $status
}

cd "$root"
if ((do_install)); then step "packages" install_missing || exit 1; fi
if ((do_format)); then step "clang-format" format_check || true; fi
if ((do_cpu)) && step "build (cpu)" build cpu; then step "test (cpu)" run_tests cpu || true; fi
# Where nvcc is: the CUDA backend compiles and links, and all tests pass with it; what needs a GPU is skipped.
if ((do_cpu)) && command -v nvcc >/dev/null && step "build (cuda)" build cuda; then
  step "test (cuda)" run_tests cuda || true
fi
if ((do_asan)) && step "build (asan)" build asan; then step "test (asan)" run_tests asan || true; fi
if ((do_tidy)); then step "clang-tidy" build tidy || true; fi

echo "== summary"
printf '%s\n' "${summary[@]}"
if ((${#failures[@]})); then
  echo "FAILED: ${failures[*]}"
  exit 1
fi
echo "all passed in $((SECONDS / 60)) min $((SECONDS % 60)) s"
