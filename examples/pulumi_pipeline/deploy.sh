#!/usr/bin/env bash
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# deploy.sh DECLARATION: bring the environment up as the stack $STACK, and keep its fingerprint in $FINGERPRINT. Nothing is
# touched, and the status is 3, where anything but containers would be replaced or deleted; ALLOW_REPLACE=yes agrees.
set -euo pipefail
cd "$(dirname "$0")/../.."
declaration=$(realpath "$1")
export PATH=$PWD/.venv/bin:$PATH STACK=${STACK:-two_hosts}

preview=$(tools/pulumi/run preview --json --config "declaration=$declaration")
container='docker:index/container:Container::|strata:index:ContainerFiles::|strata:index:Object::[^/]*/container/'
lost=$(jq --raw-output --arg container "$container" '.steps[] | select(.op | test("replace|delete")) | .urn
    | select(test($container) | not) | sub(".*::"; "")' <<<"$preview" | sort -u)
if [ -n "$lost" ] && [ "${ALLOW_REPLACE:-}" != yes ]; then
    printf 'deploy: this would be replaced or deleted; set ALLOW_REPLACE=yes to agree:\n%s\n' "$lost" >&2
    exit 3
fi

tools/pulumi/run up --yes --skip-preview --color never
tools/pulumi/run preview --expect-no-changes --color never
strata fingerprint "$declaration" --output "${FINGERPRINT:-build/fingerprint.json}"
