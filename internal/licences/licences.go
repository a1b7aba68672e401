// Package licences contains the licences of all modules that are linked into the program. The
// command in the folder generate writes the embedded files.
package licences

import _ "embed"

// Modules lists the modules. After a header, each line contains the path of a module, its version and the SPDX
// expression of its licences. The file NOTICE in the root of the repository has the same text.
//
//go:embed modules.txt
var Modules string

// Texts contains the full texts of the licences. Each text follows a list of the modules with this
// text.
//
//go:embed texts.txt
var Texts string
