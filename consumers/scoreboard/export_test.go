package scoreboard

import (
	"time"

	"github.com/matchwire/matchwire/event"
)

// Script is the script that writes an event to a board.
var Script = updateBoard

// Args returns the arguments of Script for an event whose board expires after keep.
func Args(e event.Event, keep time.Duration) []any {
	args, err := boardArguments(e, ChangesChannel("mw:"), time.Now().Add(keep))
	if err != nil {
		panic(err)
	}
	return args
}

// Keys returns the keys of Script for a match.
func Keys(prefix, match string) []string {
	return []string{Key(prefix, match), IncidentsKey(prefix, match)}
}
