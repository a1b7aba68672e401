// Package shipped lists the consumers that come with matchwire.
//
// To add one, write its package, a file here that declares its plugin, and a line in the list. To
// add a consumer from another module, use app.WithConsumer.
package shipped

import (
	"slices"

	"github.com/matchwire/matchwire/consumers"
)

var all = []consumers.Plugin{
	archiver,
	notifier,
	scoreboards,
}

// Plugins returns the consumers that come with matchwire.
func Plugins() []consumers.Plugin { return slices.Clone(all) }
