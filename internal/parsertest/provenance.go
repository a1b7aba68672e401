package parsertest

import (
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// Provenance returns the provenance of a page that was fetched at the given time. Each call uses a
// new TID.
func Provenance(at time.Time) reconcile.Provenance {
	return reconcile.Provenance{TID: event.NewTID(), Site: "/parser/test", At: at}
}

// Noon is the time at which tests with invented matches begin.
var Noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
