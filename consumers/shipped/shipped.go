// Package shipped lists the consumers that come with matchwire. To add one,
// write its folder, a file here that says what of it is offered, and its line
// in the list. To add one from outside, see app.WithConsumer.
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

// Plugins returns the list.
func Plugins() []consumers.Plugin { return slices.Clone(all) }
