// Copyright (c) 2026, the Strata maintainers
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The plugin "libvirt": networks, pools, volumes and domains. Names are those of Pulumi's package of this version.
package main

import (
	"github.com/dmacvicar/terraform-provider-libvirt/libvirt"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/terraform-providers/terraform-provider-docker/pulumi/serve"
)

func main() {
	serve.Main(libvirt.Provider(), tfbridge.ProviderInfo{
		Name:    "libvirt",
		Version: "0.5.4",
		Resources: map[string]*tfbridge.ResourceInfo{
			"libvirt_cloudinit_disk": {Tok: "libvirt:index/cloudInitDisk:CloudInitDisk"},
		},
	})
}
