package reconcile

import (
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A likeness says whether a row of the page can be an incident that stands.
type likeness func(in observation.Incident, st *TrackedIncident) bool

// pair finds for each row the incident that it shows again, and corrects that.
// Likenesses are tried in turn, from the surest to the least, each for all rows
// before the next: a row must not take the incident that another shows more
// surely. What is left shows something new.
func (c *comparison) pair(rows []observation.Incident, like ...likeness) (left []observation.Incident) {
	left = slices.Clone(rows)
	for _, alike := range like {
		left = slices.DeleteFunc(left, func(in observation.Incident) bool {
			for at := range c.state.Tracked {
				st := &c.state.Tracked[at]
				if !c.listed[at] && c.sameSlot(in, st) && alike(in, st) {
					c.list(at)
					c.correct(at, in)
					return true
				}
			}
			return false
		})
	}
	return left
}

// list notes that the page lists the incident.
func (c *comparison) list(at int) {
	if c.listed == nil {
		c.listed = map[int]bool{}
	}
	c.listed[at] = true
}

// sameSlot reports whether two incidents are of the same side and kind; what
// moves a score that is not the number of goals is of one kind.
func (c *comparison) sameSlot(in observation.Incident, st *TrackedIncident) bool {
	return in.Side == st.Side && (in.Kind == st.Kind || c.isPoints(in.Kind) && c.isPoints(st.Kind))
}

func samePlayer(in observation.Incident, st *TrackedIncident) bool {
	return event.Fold(in.Player) == event.Fold(st.Player)
}

func sameClock(in observation.Incident, st *TrackedIncident) bool {
	return !clockMoved(st.Clock, in.Clock)
}

func nearClock(in observation.Incident, st *TrackedIncident) bool { return near(in.Clock, st.Clock) }

// bare is a row with neither player nor clock, as the image of a red card
// beside a team: there are as many as there are such incidents.
func bare(in observation.Incident, _ *TrackedIncident) bool {
	return in.Player == "" && !in.Clock.Known()
}

// nameless is an incident that only bare rows have shown.
func nameless(_ observation.Incident, st *TrackedIncident) bool {
	return st.Player == "" && !st.Clock.Known()
}

// oncePerPlayer says that a player has no second one of the kind: if there is
// another, the page has moved it.
func oncePerPlayer(in observation.Incident, _ *TrackedIncident) bool {
	switch in.Kind {
	case event.YellowCard, event.RedCard, event.Substitution, "ejection":
		return in.Player != ""
	}
	return false
}

func sameKind(in observation.Incident, st *TrackedIncident) bool { return in.Kind == st.Kind }

func told(in observation.Incident, _ *TrackedIncident) bool { return in.Clock.Known() }

func sameDetail(in observation.Incident, st *TrackedIncident) bool { return in.Detail == st.Detail }

func provisional(_ observation.Incident, st *TrackedIncident) bool { return st.Provisional }

func anyOfTheSlot(observation.Incident, *TrackedIncident) bool { return true }

// all is the likeness that is every one of these.
func all(of ...likeness) likeness {
	return func(in observation.Incident, st *TrackedIncident) bool {
		for _, like := range of {
			if !like(in, st) {
				return false
			}
		}
		return true
	}
}
