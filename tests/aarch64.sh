#!/usr/bin/env bash
# The CPU kernels on 64-bit Arm, where this machine is none: cross-compiled, their tests run under emulation. Takes a
# few minutes, so no part of tests/run.sh. The rest of the library needs oneDNN and the image libraries of that machine
# and is built there.
#   tests/aarch64.sh [TEST FILTER]      e.g. '*winograd*', of source files; without one, all tests of tests/kernels
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build="$root/build/aarch64"
# shellcheck source=../apps/packages.sh
source "$root/apps/packages.sh"
install_packages g++-aarch64-linux-gnu qemu-user-static libhwy-dev doctest-dev cmake ninja-build

# Headers alone serve every machine; the rest of /usr/include does not.
mkdir -p "$build/include"
for name in hwy doctest; do ln -sfn "/usr/include/$name" "$build/include/$name"; done
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
  -DCMAKE_CROSSCOMPILING_EMULATOR='qemu-aarch64-static;-L;/usr/aarch64-linux-gnu' \
  -DCUHUE_CUDA=OFF -DCUHUE_KERNELS_ONLY=ON -DCUHUE_HEADERS="$build/include"
cmake --build "$build" -j "$(nproc)"
qemu-aarch64-static -L /usr/aarch64-linux-gnu "$build/tests/kernels/test_kernels" --source-file="${1:-*}"
