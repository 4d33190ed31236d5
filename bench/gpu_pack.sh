#!/usr/bin/env bash
# What tests/gpu.sh and bench/gpu.sh need of a build, in one small file. See usage below.
set -euo pipefail

usage() {
  cat <<'TEXT'
bench/gpu_pack.sh [OPTION]...   packs a build for a machine with a GPU that cannot build, or where minutes are dear

  --build DIR   the build folder, made with CUDA (default build/cuda)
  --out FILE    the archive (default out/gpu-pack.tar.xz)
  --limit MIB   the largest that it may be (default 60)
  --list        prints what would be packed, and its size before stripping and compressing
  -h, --help    this text

Programs without symbols, libcuhue.so, the libraries of this machine that they are linked with (not the C library), and
the commit. On the other machine, from a checkout of the same commit:

  mkdir -p out/pack && tar -C out/pack -xf out/gpu-pack.tar.xz
  tests/gpu.sh --build out/pack && bench/gpu.sh --build out/pack
TEXT
}

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build="$root/build/cuda" out="$root/out/gpu-pack.tar.xz" limit=60 list=0
while (($#)); do
  case "$1" in
    --build | --out | --limit)
      (($# > 1)) || { echo "gpu_pack.sh: $1 needs a value" >&2 && exit 2; }
      printf -v "${1#--}" '%s' "$2"
      shift
      ;;
    --list) list=1 ;;
    -h | --help) usage && exit 0 ;;
    *) echo "gpu_pack.sh: unknown option '$1'; see bench/gpu_pack.sh --help" >&2 && exit 2 ;;
  esac
  shift
done
[[ -d "$build" ]] || { echo "gpu_pack.sh: there is no folder '$build'; build first (cmake --preset cuda && cmake --build --preset cuda)" >&2 && exit 2; }

# The programs of the two scripts, by their places in the build folder.
programs=(apps/cuhue runtime/libcuhue.so tests/gpu/test_gpu tests/kernels/test_kernels_gpu bench/cuhue_bench_gpu)
found=() absent=()
for program in "${programs[@]}"; do
  if [[ -e "$build/$program" ]]; then found+=("$program"); else absent+=("$program"); fi
done
for program in "${absent[@]}"; do echo "gpu_pack.sh: $program is not built: the steps that run it will fail" >&2; done
((${#found[@]})) || { echo "gpu_pack.sh: nothing of it is built" >&2 && exit 2; }

# Every library that is no part of the C library or the driver.
mapfile -t libraries < <(for program in "${found[@]}"; do ldd "$build/$program"; done | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u |
  grep -vE '/(libc|libm|libdl|libpthread|librt|libresolv|libcuda|libcuhue)\.so' || true)

if ((list)); then
  for program in "${found[@]}"; do printf '%10d %s\n' "$(stat -Lc %s "$build/$program")" "$program"; done
  for library in "${libraries[@]}"; do printf '%10d lib/%s\n' "$(stat -Lc %s "$library")" "$(basename "$library")"; done
  exit 0
fi

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
for program in "${found[@]}"; do
  mkdir -p "$folder/$(dirname "$program")"
  strip --strip-unneeded -o "$folder/$program" "$(readlink -f "$build/$program")"
done
mkdir -p "$folder/lib"
for library in "${libraries[@]}"; do cp -L "$library" "$folder/lib/$(basename "$library")"; done
git -C "$root" describe --always --dirty --abbrev=12 >"$folder/commit.txt" 2>/dev/null || echo unknown >"$folder/commit.txt"
mkdir -p "$(dirname "$out")"
# The programs share their device code: a dictionary as large as all of them stores it once.
tar -C "$folder" -c . | xz -T1 --lzma2=preset=4,dict=256MiB >"$out.part"
mib=$((($(stat -c %s "$out.part") + (1 << 20) - 1) >> 20))
((mib <= limit)) || { rm "$out.part" && echo "gpu_pack.sh: $mib MiB are more than $limit; build for one architecture only (-DCMAKE_CUDA_ARCHITECTURES=90-real)" >&2 && exit 1; }
mv "$out.part" "$out"
echo "$out: $mib MiB, ${#found[@]} programs, ${#libraries[@]} libraries, commit $(cat "$folder/commit.txt")"
