# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For sourcing, after quietly.sh: how each of Pulumi's tools is built. Versions are in the go.mod of each folder; what is
# fetched is checked against the go.sum beside it. Pulumi's site is not asked, nor is a C compiler.
export CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=readonly -trimpath -buildvcs=false'

recipe=$PWD/tools/pulumi/recipe
pulumi=github.com/pulumi/pulumi

# module FOLDER FIELD: of the version of Pulumi's SDK that FOLDER requires.
module() { go list -C "$recipe/$1" -m -f "{{.$2}}" "$pulumi/sdk/v3"; }

# compile LABEL FOLDER PROGRAM PACKAGE [OPTION...]
compile() {
    local label=$1 folder=$2 program=$3 package=$4 version
    shift 4
    version=$(module "$folder" Version)
    quietly "$label" go build -C "$recipe/$folder" -v -o "$program" "$@" \
        -ldflags "-s -w -X $pulumi/sdk/v3/go/common/version.Version=$version" "$package"
}

# steps BIN: all of them. The tag leaves out docker_compose, which Pulumi's own plugin has not either.
steps() {
    compile pulumi cli "$1/pulumi" "$pulumi/pkg/v3/cmd/pulumi"
    compile python language_host "$1/pulumi-language-python" "$pulumi/sdk/v3/python/cmd/pulumi-language-python"
    install -m 755 "$(module cli Dir)"/python/{cmd/pulumi-language-python-exec,dist/pulumi-resource-pulumi-python} "$1"
    compile libvirt plugins "$1/pulumi-resource-libvirt" ./libvirt -tags no_compose
    compile docker plugins "$1/pulumi-resource-docker" ./docker -tags no_compose
}
