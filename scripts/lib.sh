# Shared by ./run, ./test and .ci/run; sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
started=$SECONDS

say() { printf '%s[%4ds] %s%s\n' "$bold" "$((SECONDS - started))" "$*" "$plain" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold= plain=; fi

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "needs root to install packages: run it as root, or install sudo (as root: apt-get install sudo)"; fi
}

packages_in() { sed 's/#.*//' "$@" | tr -s ' \n' '\n' | sed '/^$/d'; }

# install_packages FILE...: installs what these lists name and this machine lacks.
install_packages() {
  local missing=() name
  for name in $(packages_in "$@"); do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null)" = "ii " ] || provided "$name" || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  local log; log=$(mktemp)
  if ! { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
           apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt-get could not install them; its last lines are above, all of it is in $log"
  fi
  rm -f "$log"
}

# provided NAME: a package that is installed stands for it, as a nodejs from elsewhere does for npm.
provided() {
  dpkg-query -W -f '${db:Status-Abbrev}, ${Provides},\n' | grep '^ii ' | grep -E ", $1( \(|,)" >/dev/null  # not -q: the writer would fail
}

# build PRESET [TARGET...]: configures and builds, with a line every few seconds while it compiles.
build() {
  local preset=$1; shift
  local log="build/$preset.log"
  mkdir -p build
  say "configuring ($preset)"
  cmake --preset "$preset" ${BULKHEAD_CMAKE_ARGS:-} >"$log" 2>&1 || { tail -n 30 "$log" >&2; die "cmake failed; all of it is in $log"; }
  say "compiling ($preset)"
  NINJA_STATUS='%f/%t ' ninja -C "build/$preset" "$@" >>"$log" 2>&1 &
  local ninja=$! shown=
  while kill -0 "$ninja" 2>/dev/null; do
    sleep 1
    if [ $((SECONDS % 10)) = 0 ] && [ "$(tail -n 1 "$log")" != "$shown" ]; then
      shown=$(tail -n 1 "$log"); say "  ${shown:0:100}"
    fi
  done
  wait "$ninja" || { grep -E -A 12 'FAILED|error:' "$log" | tail -n 60 >&2; die "the build failed; all of it is in $log"; }
}
