# shellcheck shell=bash
# What scripts/study and scripts/test share: packages, configuring, building. Sourced, never run.
# Debian 12 and Ubuntu 24.04 are what this is written for; elsewhere CMake says what is missing.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root

say() { printf '== %s\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Tools and headers that a release build needs, each with the package that brings it.
# shellcheck disable=SC2034  # used where this is sourced
readonly build_needs=(
  "command:g++:g++" "command:cmake:cmake" "command:ninja:ninja-build"
  "header:openblas*/cblas.h:libopenblas-openmp-dev" "header:cxxopts.hpp:libcxxopts-dev"
  "header:nlohmann/json.hpp:nlohmann-json3-dev" "header:pcre2.h:libpcre2-dev"
  "header:boost/math/distributions/students_t.hpp:libboost-dev"
)

is_there() {
  local kind=$1 name=$2
  if [[ $kind == command ]]; then
    command -v "$name" > /dev/null || [[ $name == g++ && -n ${CXX:-} ]]
  elif [[ $kind == library ]]; then
    compgen -G "/usr/lib/$name" > /dev/null || compgen -G "/usr/lib/*/$name" > /dev/null ||
      compgen -G "/usr/local/lib/$name" > /dev/null
  else
    compgen -G "/usr/include/$name" > /dev/null || compgen -G "/usr/include/*/$name" > /dev/null ||
      compgen -G "/usr/local/include/$name" > /dev/null
  fi
}

# require_packages KIND:NAME:PACKAGE ...: installs the packages of what is missing where this user
# may, else says in one line what to install.
require_packages() {
  local need kind name package missing=() administrator=()
  for need in "$@"; do
    IFS=: read -r kind name package <<< "$need"
    is_there "$kind" "$name" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local advice="missing packages; install them with: apt-get install ${missing[*]}"
  command -v apt-get > /dev/null || die "$advice"
  if ((EUID != 0)); then
    sudo -n true 2> /dev/null || die "${advice/apt-get/sudo apt-get}"
    administrator=(sudo -n)
  fi
  say "installing ${missing[*]}"
  local install=("${administrator[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends "${missing[@]}")
  # Package lists may be absent or old; they are fetched only where the first try says so.
  logged install "${install[@]}" 2> /dev/null || {
    logged install "${administrator[@]}" apt-get update && logged install "${install[@]}"
  } || die "apt-get could not install ${missing[*]}; its output is in build/install.log"
}

# logged NAME COMMAND ...: output goes to build/NAME.log and is shown only where the command fails.
logged() {
  local log=$root/build/$1.log
  shift
  mkdir -p "$root/build"
  "$@" < /dev/null > "$log" 2>&1 && return 0
  local status=$?
  cat "$log" >&2
  return $status
}

# build PRESET FOLDER TARGET [-DOPTION=VALUE ...]
build() {
  local preset=$1 folder=$2 target=$3 seconds=$SECONDS
  shift 3
  say "building $target ($preset)"
  (cd "$root" && logged "configure-$preset" cmake --preset "$preset" "$@") || return 1
  logged "build-$preset" cmake --build "$root/$folder" --target "$target" || return 1
  say "built in $((SECONDS - seconds)) s"
}
