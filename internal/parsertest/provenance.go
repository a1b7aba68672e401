package parsertest

import (
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// Provenance is that of a page read at that time.
func Provenance(at time.Time) reconcile.Provenance {
	return reconcile.Provenance{TID: event.NewTID(), Site: "/parser/test", At: at}
}

// Noon is when the made-up matches are read first.
var Noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
