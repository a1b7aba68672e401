package parsertest

import (
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// Provenance returns the provenance of a page that was read at that time.
func Provenance(at time.Time) reconcile.Provenance {
	return reconcile.Provenance{TID: event.NewTID(), Site: "/parser/test", At: at}
}

// Noon is the time at which the first page of made-up matches is read.
var Noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
