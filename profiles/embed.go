// Package profiles holds the profiles of sites that matchwire knows, for the
// binary to carry, and beside each sample pages that were written for it in the
// site's markup. A user's own profiles are beside their config.
package profiles

import "embed"

// FS holds every profile NAME.yaml, and its sample pages in NAME.
//
//go:embed *.yaml */*
var FS embed.FS

// Schema is the JSON Schema of profiles, which lets editors complete them.
//
//go:embed profile.schema.json
var Schema []byte
