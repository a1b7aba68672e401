// Package docs embeds the documentation of matchwire.
package docs

import "embed"

// FS contains the pages of this folder as NAME.md. The command matchwire help prints them.
//
//go:embed *.md
var FS embed.FS
