package reconcile_test

import (
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// BenchmarkMatchUnchanged reconciles a captured page with the state that the same page produced. The
// result has no events.
func BenchmarkMatchUnchanged(b *testing.B) {
	page, profile := parsertest.BigPage(b)
	all, _, err := profile.Extract(b.Context(), page)
	if err != nil {
		b.Fatal(err)
	}
	r := reconcile.Provenance{TID: event.NewTID(), Site: "/parser/abseits", At: page.At}
	state, _, err := reconcile.Match(reconcile.State{Epoch: "e"}, all[0], r)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, events, err := reconcile.Match(state, all[0], r); err != nil || len(events) > 0 {
			b.Fatal(events, err)
		}
	}
}
