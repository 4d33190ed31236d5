# Debian 12 packages that cuhue is built from and tested with, in one place. Sourced by apps/demo.sh and
# tests/run.sh:
#   source apps/packages.sh
#   install_packages "${CUHUE_BUILD_PACKAGES[@]}"
# shellcheck shell=bash disable=SC2034

CUHUE_BUILD_PACKAGES=(
  g++ cmake ninja-build ccache pkg-config
  libdnnl-dev libhwy-dev libjpeg62-turbo-dev libpng-dev libstb-dev libxxhash-dev zlib1g-dev
  libcli11-dev nlohmann-json3-dev libcpp-httplib-dev libssl-dev ca-certificates
)
CUHUE_TEST_PACKAGES=(doctest-dev libbenchmark-dev clang-format)
CUHUE_TIDY_PACKAGES=(clang clang-tidy libomp-dev)

# install_packages NAME...: installs those that are missing; needs root, or sudo. Where apt-get is not the way
# (another distribution), it says what is needed and leaves the rest to the build.
install_packages() {
  local name missing=()
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "not a Debian system: make sure that the equivalents of these are installed: $*" >&2
    return 0
  fi
  for name in "$@"; do
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" == installed ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  echo "installing: ${missing[*]}" >&2
  local root=()
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "missing packages, and neither root nor sudo: ask for: apt-get install ${missing[*]}" >&2
      return 1
    fi
    root=(sudo)
  fi
  # --no-install-recommends: only what the build uses. An outdated index is refreshed once.
  local install=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends)
  "${install[@]}" "${missing[@]}" >&2 || { "${root[@]}" apt-get update -q >&2 && "${install[@]}" "${missing[@]}" >&2; }
}
