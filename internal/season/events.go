package season

import (
	"context"
	"fmt"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// Events returns the events that a parser produces from the pages of the match in one of its usual
// styles, and the facts on the last page. seed is as in [Match.Render]. Events skips faulty pages that
// cannot be parsed or reconciled.
func (m *Match) Events(ctx context.Context, seed uint64) ([]event.Event, []Fact, error) {
	rendered := m.render(seed, nil)
	prof, err := rendered.Style.Profile()
	if err != nil {
		return nil, nil, err
	}
	var events []event.Event
	state := reconcile.State{Epoch: "01580a3e-0000-7000-8000-000000000001"}
	for _, fetched := range rendered.Pages {
		all, _, err := prof.Extract(ctx, page.Page{Body: fetched.Body})
		if err != nil {
			continue // an unusable page is one of the faults
		}
		all[0].Match.ID = m.ID
		next, produced, err := reconcile.Match(state, all[0], reconcile.Provenance{
			TID: event.NewTID(), Site: "/parser/season", At: fetched.At,
			Evidence: event.Evidence{Snapshot: fmt.Sprintf("sha256:%064x", Hash(fetched.Body))},
		})
		if err != nil {
			if fetched.Fault == "" {
				return nil, nil, fmt.Errorf("match %s: %w", m.ID, err)
			}
			continue
		}
		state = next
		events = append(events, produced...)
	}
	return events, rendered.Facts, nil
}
