#!/usr/bin/env bash
# The one door to this tree: `./build.sh help` lists what is behind it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# mke2fs and sfdisk live there, and Debian leaves it out of an ordinary user's PATH.
PATH="$PATH:/usr/sbin:/sbin"

usage() {
  cat <<'TEXT'
./build.sh run [ARGS]      set up, build, make the tiny disk image and boot it on this terminal; Ctrl-A x quits.
                           ARGS go to vkrun, e.g. ./build.sh run -m 512M --snapshot
./build.sh test [--full] [ARGS]
                           set up, build and run the tests; --full adds the long ones; ARGS go to vitest
./build.sh build           compile what is out of date: decoder tables, wasm, layout, addon, TypeScript
./build.sh build --check   say what is out of date and build nothing
./build.sh check           format, lint, types, dead code, layers, shell scripts
./build.sh bench [SUITE]   measure beside QEMU; results in build/bench/ (suites: cpu, system, programs, boot, io, checkpoint)
./build.sh image ARGS      vkrun image ARGS: list, build NAME, lock NAME
./build.sh setup [FOR...]  npm packages, and Debian packages for: build image test check bench (all when none is named)
./build.sh clean           remove everything that was built; the image cache stays
TEXT
}

if [ -t 2 ]; then BOLD=$'\033[1m' YELLOW=$'\033[1;33m' RED=$'\033[1;31m' PLAIN=$'\033[0m'; else BOLD='' YELLOW='' RED='' PLAIN=''; fi
say() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*" >&2; }
warn() { printf '%swarning:%s %s\n' "$YELLOW" "$PLAIN" "$*" >&2; }
fail() {
  printf '%sbuild.sh:%s %s\n' "$RED" "$PLAIN" "$1" >&2
  shift
  local line
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit 1
}

# ---------------------------------------------------------------------------------------------- setup

# What each purpose needs, as WHAT=PACKAGE[|PACKAGE]: a command, or a file by its absolute path, and the Debian
# package that holds it (the first one that this release of Debian knows).
requirements() {
  case "$1" in
    build) echo "python3=python3 make=make g++=g++" ;;
    image) echo "mke2fs=e2fsprogs debugfs=e2fsprogs e2fsck=e2fsprogs sfdisk=fdisk xz=xz-utils" ;;
    check) echo "shellcheck=shellcheck" ;;
    bench)
      echo "qemu-system-riscv64=qemu-system-riscv|qemu-system-misc riscv64-linux-gnu-gcc=gcc-riscv64-linux-gnu" \
        "/usr/riscv64-linux-gnu/lib/libc.a=libc6-dev-riscv64-cross qemu-img=qemu-utils" \
        "cc=gcc ip=iproute2 passt=passt"
      ;;
    test)
      echo "qemu-system-riscv64=qemu-system-riscv|qemu-system-misc riscv64-linux-gnu-gcc=gcc-riscv64-linux-gnu" \
        "/usr/riscv64-linux-gnu/include/stdint.h=libc6-dev-riscv64-cross" \
        "qemu-riscv64-static=qemu-user-static qemu-img=qemu-utils dtc=device-tree-compiler tmux=tmux" \
        "ip=iproute2 ping=iputils-ping tcpdump=tcpdump passt=passt chromium=chromium" \
        "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.bin=opensbi" \
        "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin=u-boot-qemu"
      ;;
    *) fail "there is nothing to set up for '$1'" "Known: build image test check bench" ;;
  esac
}

present() {
  case "$1" in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

setup_debian() {
  local purpose requirement needed missing=()
  for purpose in "$@"; do
    # On its own, so that `fail` in there ends the script.
    needed="$(requirements "$purpose")"
    for requirement in $needed; do
      present "${requirement%%=*}" || missing+=("$requirement")
    done
  done
  [ "${#missing[@]}" -gt 0 ] || return 0

  command -v apt-get >/dev/null ||
    fail "missing: ${missing[*]%%=*}" "This is not Debian: install them by your distribution's means, then run this again."
  if [ "$(id -u)" = 0 ]; then
    say "refreshing the package lists"
    apt-get update -qq || warn "apt-get update failed; trying with the lists that are there"
  fi

  local names=() name alternatives
  for requirement in "${missing[@]}"; do
    IFS='|' read -r -a alternatives <<<"${requirement#*=}"
    for name in "${alternatives[@]}"; do
      if [ -n "$(apt-cache madison "$name" 2>/dev/null)" ]; then break; fi
    done
    [[ " ${names[*]-} " == *" $name "* ]] || names+=("$name")
  done
  if [ "$(id -u)" != 0 ]; then
    fail "Debian packages are missing. Install them and run this again:" \
      "sudo apt-get update && sudo apt-get install -y --no-install-recommends ${names[*]}"
  fi
  say "installing ${names[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${names[@]}" >&2 ||
    fail "apt-get could not install ${names[*]}" "Its own message is above."
}

setup_node() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    fail "Node.js is missing" "Install Node 20.11 or newer with npm: https://nodejs.org, or apt-get install nodejs npm"
  fi
  node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
           process.exit(major > 20 || (major === 20 && minor >= 11) ? 0 : 1)' ||
    fail "Node $(node --version) is too old" "Install Node 20.11 or newer: https://nodejs.org"
  if ! node tools/node-modules-current.mjs; then
    say "installing npm packages"
    # No install scripts: the only one this tree needs is its own addon, and `build` compiles that.
    npm ci --ignore-scripts --no-progress >&2 ||
      fail "npm ci failed" "Its own message is above; it needs the npm registry (npm config get registry)."
  fi
}

setup() {
  setup_node
  setup_debian "$@"
}

# ---------------------------------------------------------------------------------------------- build

CHECK_ONLY=0
STALE=()

# One hash of the names and contents of everything that `find ARGS` finds.
fingerprint() {
  { find "$@" -type f -print0 2>/dev/null || true; } | LC_ALL=C sort -z | xargs -0 -r sha256sum | sha256sum | cut -c1-64
}

# step NAME OUTPUT COMMAND FIND-ARGS...: runs COMMAND unless OUTPUT is there and was made from the same inputs.
# Hashes rather than times: a checkout of another commit and a deleted source are both noticed.
step() {
  local name="$1" output="$2" command="$3" now stamp="build/stamps/$1"
  shift 3
  now="$(fingerprint "$@")"
  if [ -e "$output" ] && [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; then return 0; fi
  if [ "$CHECK_ONLY" = 1 ]; then
    STALE+=("$name")
    return 0
  fi
  say "building $name"
  rm -f "$stamp"
  # Not `if "$command"`: that would switch `set -e` off inside it.
  "$command"
  printf '%s\n' "$now" >"$stamp"
}

build_decoder() {
  node tools/generate-decoder.mjs || fail "the decoder tables could not be generated" "See the message above."
}

build_wasm() {
  node_modules/.bin/asc --config asconfig.json --target release ||
    fail "AssemblyScript found errors in assembly/" "They are listed above."
}

build_layout() {
  node tools/generate-layout.mjs || fail "src/generated/ could not be written from build/vkrun.wasm" "See the message above."
}

# Without the addon everything that plain Node can do still works, so a failure is a warning.
build_addon() {
  local nodedir=() prefix
  prefix="$(node -p 'require("node:path").resolve(process.execPath, "../..")')"
  # Headers that came with this very node spare node-gyp a download.
  if grep -qs "define NODE_MODULE_VERSION $(node -p process.versions.modules)\$" "$prefix/include/node/node_version.h"; then
    nodedir=("--nodedir=$prefix")
  fi
  # Never `node-gyp rebuild`: it would remove the whole of build/.
  rm -f build/addon.ok
  if ! npx --no-install node-gyp configure build "${nodedir[@]}" >build/addon.log 2>&1; then
    tail -n 15 build/addon.log >&2
    warn "the native addon could not be built (whole log: build/addon.log)."
    node tools/addon-missing.mjs
    return 0
  fi
  touch build/addon.ok
}

build_dist() {
  rm -rf build/dist.new
  node_modules/.bin/tsc -p tsconfig.json --outDir build/dist.new ||
    fail "TypeScript found errors in src/" "They are listed above."
  node tools/bundle.mjs build/dist.new || fail "dist/ could not be bundled" "See the message above."
  # Swapped in whole, so that a failed compilation leaves the last good one.
  rm -rf dist
  mv build/dist.new dist
  chmod +x dist/cli/main.js
}

build() {
  mkdir -p build/stamps
  # Two builds at once would tear each other's outputs.
  exec 9>build/lock
  flock -w 900 9 || fail "another build holds build/lock" "Wait for it, or end it."

  step decoder assembly/isa/generated build_decoder tools/generate-decoder.mjs tools/decoder assembly/isa ! -path 'assembly/isa/generated/*'
  step wasm build/vkrun.wasm build_wasm asconfig.json assembly node_modules/assemblyscript/package.json
  step layout src/generated build_layout build/vkrun.wasm tools/generate-layout.mjs assembly/shared
  # A missing addon is no reason to call a tree out of date: see build_addon.
  if [ "$CHECK_ONLY" = 0 ]; then
    node -p 'process.version + process.arch' >build/node-version
    step addon build/addon.ok build_addon binding.gyp native build/node-version node_modules/node-addon-api/package.json
  fi
  step TypeScript dist/cli/main.js build_dist src tsconfig.json tools/bundle.mjs node_modules/typescript/package.json
  exec 9>&-

  if [ "${#STALE[@]}" -gt 0 ]; then fail "out of date: ${STALE[*]}" "Run ./build.sh build"; fi
}

# ---------------------------------------------------------------------------------------------- commands

run() {
  setup build image
  build
  # With nothing to boot among the arguments, that is the tiny image, made on first use.
  exec node dist/cli/main.js "$@"
}

run_tests() {
  local arguments=() argument full="${VKRUN_FULL:-0}" status=0
  for argument in "$@"; do
    if [ "$argument" = --full ]; then full=1; else arguments+=("$argument"); fi
  done
  setup build image test
  build
  rm -rf build/test
  mkdir -p build/test
  VKRUN_FULL="$full" node_modules/.bin/vitest run "${arguments[@]}" || status=$?
  # Written by test/setup/summary-reporter.ts; printed here so that the count is the very last line.
  if [ -s build/test/summary.txt ]; then
    cat build/test/summary.txt
  else
    echo "vitest ended (status $status) before it could count"
    echo "0 passed, 1 failed"
    status=1
  fi
  exit "$status"
}

FAILED_GATES=()
gate() {
  local name="$1"
  shift
  say "check: $name"
  "$@" || FAILED_GATES+=("$name")
}

check() {
  setup build check
  build
  gate "format and lint" node_modules/.bin/biome check --error-on-warnings
  gate "types: src, test, bench, examples" node_modules/.bin/tsc -p tsconfig.test.json
  gate "types: assembly" node_modules/.bin/tsc -p assembly/tsconfig.json
  gate "unused files, exports and packages" node_modules/.bin/knip --no-progress
  gate "layers" node_modules/.bin/depcruise --config .dependency-cruiser.cjs src assembly
  gate "shell scripts" shellcheck build.sh .ci/run
  if [ "${#FAILED_GATES[@]}" -gt 0 ]; then
    local IFS=,
    fail "failed: ${FAILED_GATES[*]}" "Formatting: node_modules/.bin/biome check --write"
  fi
  say "all checks passed"
}

command="${1:-help}"
[ $# -eq 0 ] || shift
case "$command" in
  setup)
    [ $# -gt 0 ] || set -- build image test check bench
    setup "$@"
    ;;
  build)
    if [ "${1-}" = --check ]; then CHECK_ONLY=1; else setup build; fi
    build
    ;;
  run) run "$@" ;;
  test) run_tests "$@" ;;
  check) check ;;
  bench)
    setup build image bench
    build
    exec node bench/main.mjs "$@"
    ;;
  image)
    setup build image
    build
    exec node dist/cli/main.js image "$@"
    ;;
  clean) rm -rf build dist src/generated assembly/isa/generated coverage ;;
  help | -h | --help) usage ;;
  *)
    usage >&2
    fail "there is no command '$command'"
    ;;
esac
