package reconcile

import (
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A pairingRule reports whether a row can show a tracked incident. pair applies rules only to rows
// and incidents that are comparable.
type pairingRule func(row observation.Incident, tracked *TrackedIncident) bool

// pair finds the tracked incident that each row shows, and corrects the incident. It returns the
// rows that show no tracked incident. The most certain rule comes first. Each rule is applied to
// all rows before the next rule, so that a row is not paired with an incident that fits another row
// better.
func (d *draft) pair(rows []observation.Incident, rules ...pairingRule) (left []observation.Incident) {
	left = slices.Clone(rows)
	var open []int // indexes in state.Tracked of incidents without a row
	for at := range d.state.Tracked {
		if !d.listed[at] {
			open = append(open, at)
		}
	}
	for _, matches := range rules {
		left = slices.DeleteFunc(left, func(row observation.Incident) bool {
			i := slices.IndexFunc(open, func(at int) bool {
				tracked := &d.state.Tracked[at]
				return d.comparable(row, tracked) && matches(row, tracked)
			})
			if i < 0 {
				return false
			}
			d.markListed(open[i])
			d.correct(open[i], row)
			open = slices.Delete(open, i, i+1)
			return true
		})
	}
	return left
}

// markListed records that the page lists a tracked incident, so that it is neither missing nor in doubt.
func (d *draft) markListed(at int) {
	if d.listed == nil {
		d.listed = map[int]bool{}
	}
	d.listed[at] = true
	d.state.Tracked[at].Missing, d.state.Tracked[at].Doubted = nil, false
}

// comparable reports whether a row and an incident have the same side and kind. All kinds of points
// count as one kind. A miss counts as a different kind.
func (d *draft) comparable(row observation.Incident, tracked *TrackedIncident) bool {
	if row.Side != tracked.Side {
		return false
	}
	rowPoints, points := isPoints(d.obs.Sport, &row), isPoints(d.obs.Sport, &tracked.Incident)
	return rowPoints && points || row.Kind == tracked.Kind && rowPoints == points
}

// allOf returns a rule that holds if all the given rules hold.
func allOf(rules ...pairingRule) pairingRule {
	return func(row observation.Incident, tracked *TrackedIncident) bool {
		return !slices.ContainsFunc(rules, func(matches pairingRule) bool { return !matches(row, tracked) })
	}
}

// The functions below, up to oncePerPlayer, are pairing rules. Each reports whether the row and the
// tracked incident have the property that the name of the function states.

func sameKind(row observation.Incident, tracked *TrackedIncident) bool {
	return row.Kind == tracked.Kind
}

func sameDetail(row observation.Incident, tracked *TrackedIncident) bool {
	return row.Detail == tracked.Detail
}

func samePlayer(row observation.Incident, tracked *TrackedIncident) bool {
	return row.Player == tracked.Player || event.Fold(row.Player) == event.Fold(tracked.Player)
}

// shortName holds if one player's name can be a short form of the other, as "Semien" is of
// "Marcus Semien".
func shortName(row observation.Incident, tracked *TrackedIncident) bool {
	return row.Player != "" && tracked.Player != "" && !observation.OtherPlayer(row.Player, tracked.Player)
}

// sameScore holds if the row has a score, and the score after the tracked incident is the same.
func sameScore(row observation.Incident, tracked *TrackedIncident) bool {
	return row.Score != nil && tracked.Score != nil && *row.Score == *tracked.Score
}

func sameClock(row observation.Incident, tracked *TrackedIncident) bool {
	return !clockMoved(tracked.Clock, row.Clock)
}

func nearClock(row observation.Incident, tracked *TrackedIncident) bool {
	return clocksNear(row.Clock, tracked.Clock) && !otherDelivery(row, tracked)
}

// otherDelivery holds in cricket if the row and the tracked incident are about different deliveries. A
// page corrects the player or the delivery of an incident, but not both. If it corrects the
// delivery, the score must stay the same, because each delivery can have its own boundary.
func otherDelivery(row observation.Incident, tracked *TrackedIncident) bool {
	if row.Clock.Balls == 0 || row.Clock == tracked.Clock {
		return false
	}
	return observation.OtherPlayer(row.Player, tracked.Player) ||
		row.Score != nil && tracked.Score != nil && *row.Score != *tracked.Score
}

// sameMinute holds if both clocks show the same minute, including stoppage time: 90+3' is the same
// as 93'.
func sameMinute(row observation.Incident, tracked *TrackedIncident) bool {
	return row.Clock.Minute > 0 && row.Clock.CountedOn() == tracked.Clock.CountedOn()
}

// notAfter holds if the row's clock is at most two minutes after the clock of the tracked incident. If
// the periods differ, or if a clock is unknown, it holds unless the row is in a later period.
func (d *draft) notAfter(row observation.Incident, tracked *TrackedIncident) bool {
	at, was := row.Clock, tracked.Clock
	switch {
	case at.Period == "" || was.Period == "":
		return true
	case at.Period != was.Period || !at.Known() || !was.Known():
		return d.obs.Sport.Index(at.Period) <= d.obs.Sport.Index(was.Period)
	}
	return clockSeconds(at) <= clockSeconds(was)+120
}

func always(observation.Incident, *TrackedIncident) bool { return true }

func isProvisional(_ observation.Incident, tracked *TrackedIncident) bool { return tracked.Provisional }

func hasClock(row observation.Incident, _ *TrackedIncident) bool { return row.Clock.Known() }

// rowWithoutDetails holds for a row with neither player nor clock, such as the image of a red card
// beside a team. Each such row is one incident.
func rowWithoutDetails(row observation.Incident, _ *TrackedIncident) bool {
	return row.Player == "" && !row.Clock.Known()
}

// trackedWithoutDetails holds for an incident that only rows without details have shown.
func trackedWithoutDetails(_ observation.Incident, tracked *TrackedIncident) bool {
	return tracked.Player == "" && !tracked.Clock.Known()
}

// oncePerPlayer holds for a row with a player, of a kind that a player usually has at most once in
// a match. If the clock of such a row differs, the page has corrected the incident.
func oncePerPlayer(row observation.Incident, _ *TrackedIncident) bool {
	switch row.Kind {
	case event.YellowCard, event.RedCard, event.Substitution, "ejection", "pitching_change":
		return row.Player != ""
	}
	return false
}

// clocksNear reports whether two clocks are in one period and at most two minutes apart.
func clocksNear(a, b event.Clock) bool {
	d := clockSeconds(a) - clockSeconds(b)
	return a.Period == b.Period && -120 <= d && d <= 120
}

// clockSeconds returns a clock in seconds, to compare it with another clock of the same period.
func clockSeconds(c event.Clock) int {
	switch {
	case c.Minute > 0:
		return (c.Minute + c.Stoppage) * 60
	case c.Balls > 0:
		return c.Balls * 40 // an over of six balls lasts about four minutes
	}
	return c.Elapsed
}
