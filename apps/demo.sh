#!/usr/bin/env bash
# From a bare Debian 12 machine to a picture in colour. See usage below, or README.md.
set -euo pipefail

usage() {
  cat <<'TEXT'
apps/demo.sh [PHOTO]   installs what is missing, builds cuhue, gets the lite weights, gives PHOTO colours

  PHOTO       a PNG, JPEG, BMP or PNM; default: a photo that comes with the project
  -h, --help  this text

The weights (3.8 MB) are downloaded once and their SHA-256 is checked; a copy of the checkpoint in the folder that
CUHUE_MODELS names is used instead. Without either the demo still runs, with weights that mean nothing.
The picture goes to out/ in the project's folder. A second call only colorizes.
TEXT
}

case "${1-}" in
  -h | --help) usage && exit 0 ;;
  -*) echo "demo.sh: unknown option '$1'; see apps/demo.sh --help" >&2 && exit 2 ;;
esac
if (($# > 1)); then echo "demo.sh: one photo only; see apps/demo.sh --help" >&2 && exit 2; fi

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
photo="${1:-$root/tests/data/photos/chelsea.png}"
build="$root/build/demo"
program="$build/apps/cuhue"
stages=()

# stage TITLE COMMAND...: runs it and notes how long it took.
stage() {
  local title="$1" start end status=0
  shift
  start=$(date +%s%N)
  "$@" || status=$?
  end=$(date +%s%N)
  stages+=("$(printf '%-34s %6d.%03d s' "$title" $(((end - start) / 1000000000)) $(((end - start) / 1000000 % 1000)))")
  return $status
}

packages() {
  # shellcheck source=packages.sh
  source "$root/apps/packages.sh"
  install_packages "${CUHUE_BUILD_PACKAGES[@]}"
}

build_program() {
  local log="$build/demo.log"
  mkdir -p "$build"
  if ! {
    { [[ -f $build/build.ninja ]] ||
      cmake --preset cpu -S "$root" -B "$build" -DCUHUE_BUILD_TESTS=OFF -DCUHUE_BUILD_BENCH=OFF; } &&
      cmake --build "$build" --target cuhue
  } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "demo.sh: the build failed; the whole log is $log" >&2
    return 1
  fi
}

if [[ ! -f $photo ]]; then echo "demo.sh: $photo: no such file; name a photo" >&2 && exit 3; fi
photo="$(realpath "$photo")"
cd "$root"

stage "packages" packages
echo "building (the first time takes some minutes)" >&2
stage "build" build_program

weights=()
if stage "weights: fetch, check, convert" "$program" models fetch lite >"$build/weights.path"; then
  weights=(-m "$(<"$build/weights.path")")
else
  weights=(-n lite --formula)
fi

name="$(basename "$photo")"
picture="$root/out/${name%.*}-colour.png"
mkdir -p "$root/out"
# The lite network's colours are muted; 1.5 looks natural.
stage "colorize" "$program" colorize -i "$photo" -o "$picture" "${weights[@]}" --chroma 1.5 --force -v

echo
printf '%s\n' "${stages[@]}"
if [[ ${weights[0]} == -n ]]; then
  echo "!!! NO TRAINED WEIGHTS WERE FOUND: THE COLOURS OF THIS PICTURE MEAN NOTHING. Connect to the network and run again. !!!"
fi
echo "the picture: $picture"
