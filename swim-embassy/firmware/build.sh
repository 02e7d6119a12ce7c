#!/usr/bin/env bash
# Builds a firmware and prints where it is: `./build.sh [target] [cargo's arguments]`, release and
# thumbv7m-none-eabi by default. Takes rustup's target where it is installed (then `cargo build
# --release --target thumbv7m-none-eabi` does the same), else Debian's compiler, which builds `core`
# itself: packages cargo-web, rustc-web, rust-web-src, lld.
set -euo pipefail
cd "$(dirname "$0")"

target=${1:-thumbv7m-none-eabi}
shift || true
directory=${CARGO_TARGET_DIR:-$PWD/target}

if rustup target list --installed 2>/dev/null | grep -qx "$target"; then
    cargo build --release --target "$target" "$@" >&2
else
    upper=$(tr a-z- A-Z_ <<<"$target")
    directory=$directory/debian
    env RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_DIR="$directory" \
        "CARGO_TARGET_${upper}_LINKER=ld.lld" RUSTFLAGS="-C linker-flavor=ld.lld" \
        /usr/bin/cargo build -Z build-std=core --release --target "$target" "$@" >&2
fi
echo "$directory/$target/release"
