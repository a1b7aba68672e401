package scoreboard

import (
	"time"

	"github.com/matchwire/matchwire/event"
)

// Script and its arguments, for the benchmark's floor.
var Script = compareAndSet

func Args(e event.Event, keep time.Duration) []any { return arguments(e, time.Now().Add(keep)) }
