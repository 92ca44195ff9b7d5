# The common part of setup and build-wasm: folders, messages, and a Rust that can build for wasm32.
#
# The standard library is compiled from source for every variant, because that of toolchains knows no atomics. That
# takes a rustc with its source ("rust-src") and a linker for WebAssembly. rustup's toolchain is taken where it has the
# source. Otherwise the system's is taken (on Debian: rustc-web, rust-web-src, lld-19).

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/.cache/cargo
wasm_pack_version=0.15.1
wasm_bindgen_version=$(sed -n 's/^wasm-bindgen = "=\([0-9.]*\)".*/\1/p' "$root/crates/wasm/Cargo.toml")
least_rust_minor=90

say() { printf 'proxbit: %s\n' "$*" >&2; }

# fail WHAT REMEDY
fail() {
  printf 'proxbit: error: %s\n  remedy: %s\n' "$1" "$2" >&2
  exit 1
}

# beside COMMAND...: runs it beside the script, in a process group of its own. The group ends with the script at the
# latest.
beside_groups=()
beside() {
  set -m
  "$@" &
  set +m
  beside_groups+=($!)
}
trap 'for group in ${beside_groups[@]+"${beside_groups[@]}"}; do kill -- "-$group" 2>/dev/null || true; done' EXIT

# join_beside: waits for all that runs beside the script. A command that failed has said why, and ends the script.
join_beside() {
  local group
  for group in ${beside_groups[@]+"${beside_groups[@]}"}; do wait "$group" || exit 1; done
  beside_groups=()
}

# The highest-numbered wasm-ld of the system, or nothing.
system_wasm_linker() {
  local found
  found=$(ls -d /usr/lib/llvm-*/bin/wasm-ld /opt/homebrew/opt/lld*/bin/wasm-ld 2>/dev/null | sort -V | tail -n 1 || true)
  if [ -n "$found" ]; then echo "$found"; else command -v wasm-ld || true; fi
}

# Sets rust_bin (a folder with rustc and cargo), rust_sysroot, rust_version and rust_linker (empty: rustc's own).
# Returns false when no Rust here can compile the standard library for wasm32.
find_rust() {
  local rustc minor host
  for rustc in "$(command -v rustc || true)" /usr/bin/rustc; do
    [ -n "$rustc" ] && [ -x "$rustc" ] && [ -x "$(dirname "$rustc")/cargo" ] || continue
    rust_version=$("$rustc" --version 2>/dev/null) || continue
    minor=$(echo "$rust_version" | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
    [ "${minor:-0}" -ge "$least_rust_minor" ] || continue
    rust_sysroot=$("$rustc" --print sysroot)
    [ -f "$rust_sysroot/lib/rustlib/src/rust/library/std/Cargo.toml" ] || continue
    # rustup writes its list last: without an entry there, the source may be half a download.
    [ ! -f "$rust_sysroot/lib/rustlib/components" ] || grep -q '^rust-src' "$rust_sysroot/lib/rustlib/components" || continue
    host=$("$rustc" -vV | sed -n 's/^host: //p')
    rust_linker=
    if [ ! -x "$rust_sysroot/lib/rustlib/$host/bin/rust-lld" ]; then
      rust_linker=$(system_wasm_linker)
      [ -n "$rust_linker" ] || continue
    fi
    rust_bin=$(dirname "$rustc")
    return 0
  done
  return 1
}

# Puts the chosen Rust and the project's own tools first.
use_rust() {
  export PATH="$rust_bin:$tools/bin:$PATH"
  [ -z "$rust_linker" ] || export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$rust_linker
}
