// Package profiles embeds the profiles that matchwire ships. Each profile has sample pages, which
// were written for matchwire in the markup of the profile's site. Your own profiles are in the folder
// that matchwire.yaml names.
package profiles

import "embed"

// FS contains each profile as NAME.yaml, and the profile's sample pages in the folder NAME.
//
//go:embed *.yaml */*
var FS embed.FS

// Schema is the JSON Schema of profiles, for completion in editors.
//
//go:embed profile.schema.json
var Schema []byte
