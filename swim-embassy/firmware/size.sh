#!/usr/bin/env bash
# What swim costs on a microcontroller: flash as linked, RAM as compiled for the target, the stack
# as measured on six boards in a cluster. Builds everything, and runs boards in QEMU for a minute:
# see README.md for what has to be there; besides, readelf (binutils).
set -euo pipefail
[ -z "${CARGO_TARGET_DIR:-}" ] || export CARGO_TARGET_DIR=$(realpath -m "$CARGO_TARGET_DIR")
cd "$(dirname "$0")"
exec </dev/null

readonly TARGETS=(thumbv7m-none-eabi thumbv6m-none-eabi)
readonly RUN_TIMEOUT=30

main() {
    declare -A directory
    declare -A sealed
    for target in "${TARGETS[@]}"; do
        directory[$target]=$(./thumb.sh build "$target" --bin core_only --features crypto | tail -n 1)
        sealed[$target]=$(flash "${directory[$target]}/core_only")
        ./thumb.sh build "$target" --bins >/dev/null
    done
    echo "Flash, bytes (opt-level s, fat LTO, without an allocator)"
    row "" "${TARGETS[@]}"
    row "swim-core and its codec alone, Node<u16, Fixed<32, 0>>" \
        "$(flash "${directory[${TARGETS[0]}]}/core_only")" \
        "$(flash "${directory[${TARGETS[1]}]}/core_only")"
    row "the same with sealing" "${sealed[${TARGETS[0]}]}" "${sealed[${TARGETS[1]}]}"
    row "the whole firmware: embassy, network, driver, console" \
        "$(flash "${directory[${TARGETS[0]}]}/board")" \
        "$(flash "${directory[${TARGETS[1]}]}/board")"
    echo
    ram "${directory[${TARGETS[0]}]}/sizes"
    echo
    stack "${directory[${TARGETS[0]}]}/board"
}

row() {
    printf '%-56s %20s %20s\n' "$@"
}

# All that is loaded: code, constants, and what variables begin with.
flash() {
    local size=0 bytes
    for bytes in $(readelf --wide --program-headers "$1" | awk '$1 == "LOAD" { print $5 }'); do
        size=$((size + bytes))
    done
    echo "$size"
}

ram() {
    echo "RAM of one member, bytes, static (${TARGETS[0]})"
    printf '%7s %8s | %12s %12s | %22s %22s\n' rows metadata "IPv4 node" "u16 node" \
        "besides, at 1400-B packets" "besides, at 127-B packets"
    qemu "$1" | while read -r members metadata node radio member small; do
        printf '%7s %8s | %12s %12s | %26s %25s\n' "$members" "$metadata" "$node" "$radio" \
            "$((member - node))" "$((small - node))"
    done
    echo "Besides the node: buffers of four packets, their descriptions, events not yet read."
}

qemu() {
    timeout -s KILL "$RUN_TIMEOUT" qemu-system-arm -M mps2-an385 -display none -monitor none \
        -serial none -semihosting-config enable=on,target=native -kernel "$1"
}

# The deepest of all boards in the test of the cluster.
stack() {
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # From elsewhere, since cargo builds for boards in this directory.
    (cd .. && SWIM_BOARDS=required SWIM_FIRMWARE=$1 cargo test --test boards -- --nocapture) \
        >"$log" 2>&1 || { cat "$log"; exit 1; }
    echo "Stack, bytes, the most of any board in a cluster of nine, with 5 % loss"
    awk '{ for (word = 1; word <= NF; word++) {
               split($word, pair, "=")
               if (pair[1] == "starting" && pair[2] + 0 > starting) starting = pair[2] + 0
               if (pair[1] == "running" && pair[2] + 0 > running) running = pair[2] + 0
           } }
         END { printf "%-56s %20d\n%-56s %20d\n", "until the member is made", starting,
                      "from then on, interrupts included", running
               exit !running }' "$log"
}

main
