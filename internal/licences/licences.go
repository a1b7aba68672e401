// Package licences holds the licences of everything that is linked into the program. The folder
// generate has the program that writes them.
package licences

import _ "embed"

// Modules lists the modules, one a line: its path, its version and the SPDX expression of its
// licences. The file NOTICE of the repository has the same text.
//
//go:embed modules.txt
var Modules string

// Texts holds the full texts of the licences, each below the modules that it applies to.
//
//go:embed texts.txt
var Texts string
