package scoreboard

import (
	"time"

	"github.com/matchwire/matchwire/event"
)

// Script is the script that the benchmark compares with. Args and Keys return its arguments.
var Script = script

func Args(e event.Event, keep time.Duration) []any {
	args, err := arguments(e, time.Now(), time.Now().Add(keep))
	if err != nil {
		panic(err)
	}
	return args
}

func Keys(prefix, match string) []string { return (&scoreboard{prefix: prefix}).keys(match) }
