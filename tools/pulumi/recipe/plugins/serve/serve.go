// Copyright (c) 2026, the Strata maintainers
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Package serve makes a Pulumi plugin of a Terraform provider.
package serve

import (
	"encoding/json"
	"io"
	"os"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
)

// Main serves provider with the names that info does not leave to the rule.
func Main(provider *schema.Provider, info tfbridge.ProviderInfo) {
	info.P = shim.NewProvider(provider)
	info.MustComputeTokens(tokens.SingleModule(info.Name+"_", "index", tokens.MakeStandard(info.Name)))
	content, err := pulumiSchema(info)
	if err != nil {
		cmdutil.ExitError(err.Error())
	}
	tfbridge.Main(info.Name, info.Version, info, content)
}

// pulumiSchema makes the plugin's schema at each start, which takes some milliseconds.
func pulumiSchema(info tfbridge.ProviderInfo) ([]byte, error) {
	made, err := tfgen.GenerateSchemaWithOptions(tfgen.GenerateSchemaOptions{
		ProviderInfo:    info,
		DiagnosticsSink: diag.DefaultSink(io.Discard, os.Stderr, diag.FormatOptions{Color: colors.Never}),
		// Descriptions are the provider's own: its pages of documentation are not looked for.
		XInMemoryDocs: true,
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(made.PackageSpec)
}
