// Package profiles holds the profiles of sites that matchwire knows, for the
// binary to carry. A user's own profiles stand beside their config.
package profiles

import "embed"

// FS holds every profile.
//
//go:embed *.yaml
var FS embed.FS

// Schema is the JSON Schema of profiles, which lets editors complete them.
//
//go:embed profile.schema.json
var Schema []byte
