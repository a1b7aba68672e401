package scoreboard

import (
	"time"

	"github.com/matchwire/matchwire/event"
)

// Script and its arguments, for the benchmark's floor.
var Script = script

func Args(e event.Event, keep time.Duration) []any {
	args, err := arguments(e, time.Now(), time.Now().Add(keep))
	if err != nil {
		panic(err)
	}
	return args
}

func Keys(prefix, match string) []string { return (&scoreboard{prefix: prefix}).keys(match) }
