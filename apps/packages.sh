# Which Debian 12 packages cuhue needs, and how they are installed. To be sourced by a bash script:
#   source apps/packages.sh; install_packages "${CUHUE_BUILD_PACKAGES[@]}"

# Building the library and the program.
CUHUE_BUILD_PACKAGES=(
  ca-certificates ccache cmake curl g++ ninja-build pkg-config
  libcli11-dev libcpp-httplib-dev libdnnl-dev libjpeg62-turbo-dev liblcms2-dev libpng-dev libssl-dev
  libstb-dev libxxhash-dev nlohmann-json3-dev zlib1g-dev
)
# Tests and benchmarks on top of that.
CUHUE_TEST_PACKAGES=(clang-format doctest-dev libbenchmark-dev)
# clang-tidy builds with clang, whose OpenMP is a package of its own.
CUHUE_TIDY_PACKAGES=(clang clang-tidy libomp-dev)

# install_packages PACKAGE...: installs those that are missing. Nothing happens when none is; elsewhere than
# on Debian and its kin the names are printed and the build decides.
install_packages() {
  local missing=() package
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "not a Debian system: these packages, or their like, are needed: $*" >&2
    return 0
  fi
  for package in "$@"; do
    [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  local as_root=()
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "packages are missing and only root can install them. Run as root:" >&2
      echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "installing: ${missing[*]}" >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}
