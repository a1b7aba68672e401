package reconcile_test

import (
	"testing"

	"github.com/matchwire/matchwire/event"
)

// A change of status is reported as status_change, unless a start or an end implies the change.
func TestStatusChange(t *testing.T) {
	t.Parallel()
	s := begin(t, observed(event.Scheduled, "", event.Score{}))
	s.expect(observed(event.Postponed, "", event.Score{}), "status_change postponed 0-0")
	s.expect(observed(event.Live, "1h", event.Score{}), "match_start 0-0", "period_start 1h 0-0")
	s.expect(observed(event.Suspended, "1h", event.Score{}), "status_change suspended 0-0")
	s.expect(observed(event.Live, "1h", event.Score{}), "status_change live 0-0")
	s.expect(observed(event.Scheduled, "", event.Score{})) // one such page does not change a match that has begun
	s.expect(observed(event.Abandoned, "", event.Score{}), "status_change abandoned 0-0")
}

// An awarded result does not change the score, even if the page later shows it as final.
func TestAwardedThenFinal(t *testing.T) {
	t.Parallel()
	a := goalBy(event.Home, "A", at(20, 0))
	s := begin(t, live(50, event.Score{Home: 1}, a))
	s.expect(observed(event.Awarded, "", event.Score{Away: 3}, a),
		"period_end 2h 1-0", "match_end 1-0 away by award", "status_change awarded 1-0")
	s.expect(observed(event.Final, "", event.Score{Away: 3}, a), "status_change final 1-0")
}
