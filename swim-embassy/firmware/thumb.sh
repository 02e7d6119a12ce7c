#!/usr/bin/env bash
# cargo for the firmware: `./thumb.sh [build|clippy|..] [target] [more for cargo]`; release and
# thumbv7m-none-eabi by default. Its last line is the directory where the programs are.
#
# Where rustup has the target, this is plain cargo. Else Debian's compiler is taken, which builds
# `core` itself: packages cargo-web, rustc-web, rust-web-src, lld; for clippy, rust-web-clippy.
set -euo pipefail
[ -z "${CARGO_TARGET_DIR:-}" ] || CARGO_TARGET_DIR=$(realpath -m "$CARGO_TARGET_DIR")
cd "$(dirname "$0")"

verb=${1:-build}
target=${2:-thumbv7m-none-eabi}
shift $(($# < 2 ? $# : 2))
directory=${CARGO_TARGET_DIR:-$PWD/../../target}/firmware

# Flags meant for the host are none for a board, and whoever called may be a cargo itself.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET RUSTC RUSTC_WRAPPER RUSTDOC
unset RUSTUP_TOOLCHAIN CARGO

installed=$(rustup target list --installed 2>/dev/null) || installed=
if grep -qx "$target" <<<"$installed"; then
    CARGO_TARGET_DIR=$directory cargo "$verb" --release --target "$target" "$@" >&2
else
    directory=$directory-debian
    linker=CARGO_TARGET_$(tr a-z- A-Z_ <<<"$target")_LINKER
    env "$linker=ld.lld" RUSTFLAGS="-C linker-flavor=ld.lld" CARGO_TARGET_DIR="$directory" \
        RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc PATH="/usr/bin:$PATH" \
        /usr/bin/cargo "$verb" -Z build-std=core --release --target "$target" "$@" >&2
fi
echo "$directory/$target/release"
