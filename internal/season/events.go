package season

import (
	"fmt"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser"
)

// Events are what a parser says of a match, whose pages have every fault there
// is, beside what really happened.
func (m *Match) Events(profile *parser.Profile, seed uint64) ([]event.Event, []Fact, error) {
	pages, facts := m.Pages(seed)
	var events []event.Event
	state := parser.State{Epoch: "01580a3e-0000-7000-8000-000000000001"}
	for _, page := range pages {
		all, _, err := profile.Extract(parser.Page{Body: page.Body})
		if err != nil {
			continue // unusable, and meant to be
		}
		all[0].Match.ID = m.ID
		next, made, err := parser.Reconcile(state, all[0], parser.Reading{
			TID: event.NewTID(), Source: "/parser/season", At: page.At, Evidence: event.Evidence{Snapshot: fmt.Sprintf("sha256:%064x", Hash(page.Body))}})
		if err != nil {
			if page.Fault == "" {
				return nil, nil, fmt.Errorf("%s: %w", m.ID, err)
			}
			continue
		}
		state = next
		events = append(events, made...)
	}
	return events, facts, nil
}
