#!/usr/bin/env bash
# Runs a board: `./run.sh PROGRAM ip=10.0.0.2 name=kitchen join=10.0.0.3:7946`. Its serial line is
# this terminal: `help` says what can be typed. All boards of this user share one network, without
# root: frames go by multicast on loopback. `exit 0` or Ctrl-A X ends it.
set -euo pipefail

program=$1
shift
semihosting=enable=on,target=native,arg=board
last=2
for argument in "$@"; do
    semihosting+=",arg=$argument"
    case $argument in ip=*) last=${argument##*.} ;; esac
done
mac=$(printf '52:54:00:00:00:%02x' "$last")
exec qemu-system-arm -M mps2-an385 -nographic -kernel "$program" \
    -semihosting-config "$semihosting" \
    -nic "socket,mcast=230.0.0.1:5502,localaddr=127.0.0.1,mac=$mac"
