# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For sourcing, after quietly.sh: folders of binaries that are built once. Each has bin/ and, beside it, SHA256SUMS.

# whole FOLDER: has it all binaries that were built, bit by bit, and nothing else? Digesting them takes a second, so what was
# found to be whole is not read again as long as no file was changed since (by its ctime, which nobody sets). That tells
# nothing of what a link leads to, so a link is none of the binaries.
whole() {
    local seen
    [ -s "$1/SHA256SUMS" ] || return 1
    [ -z "$(find "$1/bin" -mindepth 1 ! \( -type f -perm -u+x \) -print -quit 2>&1)" ] || return 1
    seen=$(cd "$1" && stat --format '%n %i %s %z' bin/* SHA256SUMS 2>/dev/null)
    if [ "$seen" = "$(cat "$1/verified" 2>/dev/null)" ]; then return 0; fi
    [ "$(cd "$1" && sha256sum bin/* 2>/dev/null)" = "$(cat "$1/SHA256SUMS")" ] || return 1
    { printf '%s\n' "$seen" >"$1/verified.$$" && mv -T "$1/verified.$$" "$1/verified"; } 2>/dev/null || rm -f "$1/verified.$$"
}

# locked ROOT: one build at a time below ROOT. What we start holds the lock too: an orphan of a killed build is waited for.
locked() {
    { mkdir -p "$1" && : >>"$1/lock"; } 2>/dev/null ||
        fail "$1 cannot be written to. Run as root, or name another cache folder: STRATA_CACHE=/path/to/folder"
    exec 9>>"$1/lock"
    flock --nonblock 9 || { say "another build is at work in $1; waiting for it" && flock 9; }
}

# keep ROOT NAME COMMAND...: see that ROOT/NAME is whole; else COMMAND BIN makes its binaries aside, in the folder BIN.
keep() {
    local root=$1 place=$1/$2 aside=$1/building
    shift 2
    if whole "$place"; then return; fi
    locked "$root"
    if ! whole "$place"; then
        [ ! -e "$place" ] || say "$place is not what was built; building it anew"
        rm -rf "$aside"
        mkdir -p "$aside/bin"
        "$@" "$aside/bin"
        (cd "$aside" && sha256sum bin/* >SHA256SUMS)
        sync "$aside"/bin/* "$aside/SHA256SUMS" "$aside/bin" "$aside"
        rm -rf "$place"
        mv --no-target-directory "$aside" "$place"
        sync "$root"
    fi
    exec 9>&-
}
