// Package shipped lists the consumers that come with matchwire.
//
// To add a consumer, write a package for it, declare its plugin in a new file of this package, and add
// the plugin to the variable "all". To add a consumer from another module, use app.WithConsumer.
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

// Plugins returns the plugins of the consumers that come with matchwire.
func Plugins() []consumers.Plugin { return slices.Clone(all) }
