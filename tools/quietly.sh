# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For sourcing: messages, and long commands that are quiet but not silent.

say() { printf 'strata: %s\n' "$*"; }

fail() {
    printf 'strata: %s\n' "$*" >&2
    exit 1
}

# quietly LABEL COMMAND...: output goes to build/bootstrap.log; its last line is shown every 5 seconds, its tail on failure.
quietly() {
    local label=$1 log=build/bootstrap.log began=$SECONDS shown=$SECONDS job
    shift
    mkdir -p build
    printf '\n$ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null &
    job=$!
    while kill -0 "$job" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS - shown >= 5)); then
            shown=$SECONDS
            say "$(printf '%-9s %4d s  %.90s' "$label" $((SECONDS - began)) "$(tail -n 1 "$log" | tr -d '\r')")"
        fi
    done
    if ! wait "$job"; then
        tail -n 25 "$log" >&2
        fail "$label failed; the whole output is in $log"
    fi
    say "$(printf '%-9s %4d s  done' "$label" $((SECONDS - began)))"
}
