package reconcile

import (
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A pairingRule reports whether a row can show a tracked incident, which has the same side and
// kind.
type pairingRule func(row observation.Incident, st *TrackedIncident) bool

// pair finds the tracked incident that each row shows, and corrects it. It returns the rows that
// show none. The most certain rule comes first. Each rule is tried on all rows before the next
// rule, so that a row is not paired with an incident that another row fits better.
func (d *draft) pair(rows []observation.Incident, rules ...pairingRule) (left []observation.Incident) {
	left = slices.Clone(rows)
	for _, matches := range rules {
		left = slices.DeleteFunc(left, func(row observation.Incident) bool {
			for at := range d.state.Tracked {
				st := &d.state.Tracked[at]
				if !d.listed[at] && d.comparable(row, st) && matches(row, st) {
					d.markListed(at)
					d.correct(at, row)
					return true
				}
			}
			return false
		})
	}
	return left
}

// markListed records that the page lists a tracked incident.
func (d *draft) markListed(at int) {
	if d.listed == nil {
		d.listed = map[int]bool{}
	}
	d.listed[at] = true
}

// comparable reports whether a row and an incident are of the same side and kind. All kinds of
// points count as one.
func (d *draft) comparable(row observation.Incident, st *TrackedIncident) bool {
	if row.Side != st.Side {
		return false
	}
	return row.Kind == st.Kind || isPoints(d.obs.Sport, row.Kind) && isPoints(d.obs.Sport, st.Kind)
}

// allOf returns a rule that holds if all of rules hold.
func allOf(rules ...pairingRule) pairingRule {
	return func(row observation.Incident, st *TrackedIncident) bool {
		return !slices.ContainsFunc(rules, func(matches pairingRule) bool { return !matches(row, st) })
	}
}

func sameKind(row observation.Incident, st *TrackedIncident) bool { return row.Kind == st.Kind }

func sameDetail(row observation.Incident, st *TrackedIncident) bool { return row.Detail == st.Detail }

func samePlayer(row observation.Incident, st *TrackedIncident) bool {
	return event.Fold(row.Player) == event.Fold(st.Player)
}

func sameClock(row observation.Incident, st *TrackedIncident) bool {
	return !clockMoved(st.Clock, row.Clock)
}

func nearClock(row observation.Incident, st *TrackedIncident) bool {
	return clocksNear(row.Clock, st.Clock)
}

func always(observation.Incident, *TrackedIncident) bool { return true }

func isProvisional(_ observation.Incident, st *TrackedIncident) bool { return st.Provisional }

func hasClock(row observation.Incident, _ *TrackedIncident) bool { return row.Clock.Known() }

// rowWithoutDetails holds for a row with neither player nor clock, such as the image of a red card
// beside a team. Each such row stands for one incident.
func rowWithoutDetails(row observation.Incident, _ *TrackedIncident) bool {
	return row.Player == "" && !row.Clock.Known()
}

// knownWithoutDetails holds for an incident that only rows without details have shown.
func knownWithoutDetails(_ observation.Incident, st *TrackedIncident) bool {
	return st.Player == "" && !st.Clock.Known()
}

// oncePerPlayer holds for a kind of which a player usually has only one. Another clock then means
// that the page has edited the incident.
func oncePerPlayer(row observation.Incident, _ *TrackedIncident) bool {
	switch row.Kind {
	case event.YellowCard, event.RedCard, event.Substitution, "ejection":
		return row.Player != ""
	}
	return false
}

// clocksNear reports whether two clocks are in one period and at most two minutes apart.
func clocksNear(a, b event.Clock) bool {
	seconds := func(c event.Clock) int {
		switch {
		case c.Minute > 0:
			return (c.Minute + c.Stoppage) * 60
		case c.Balls > 0:
			return c.Balls * 40 // an over of six balls takes about four minutes
		}
		return c.Elapsed
	}
	d := seconds(a) - seconds(b)
	return a.Period == b.Period && -120 <= d && d <= 120
}
