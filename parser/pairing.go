package parser

import (
	"slices"

	"github.com/matchwire/matchwire/event"
)

// A likeness says whether a row of the page can be an incident that stands.
type likeness func(in Incident, st *Standing) bool

// pair finds for each row the incident that it shows again, and corrects that.
// Likenesses are tried in turn, from the surest to the least, each for all rows
// before the next: a row must not take the incident that another shows more
// surely. What is left shows something new.
func (c *comparison) pair(rows []Incident, like ...likeness) (left []Incident) {
	left = slices.Clone(rows)
	for _, alike := range like {
		left = slices.DeleteFunc(left, func(in Incident) bool {
			for at := range c.state.Standing {
				st := &c.state.Standing[at]
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
func (c *comparison) sameSlot(in Incident, st *Standing) bool {
	return in.Side == st.Side && (in.Kind == st.Kind || c.isPoints(in.Kind) && c.isPoints(st.Kind))
}

func samePlayer(in Incident, st *Standing) bool {
	return event.Fold(in.Player) == event.Fold(st.Player)
}

func sameClock(in Incident, st *Standing) bool { return !clockMoved(st.Clock, in.Clock) }

func nearClock(in Incident, st *Standing) bool { return near(in.Clock, st.Clock) }

// bare is a row with neither player nor clock, as the image of a red card
// beside a team: there are as many as there are such incidents.
func bare(in Incident, _ *Standing) bool { return in.Player == "" && !in.Clock.Told() }

// nameless is an incident that only bare rows have shown.
func nameless(_ Incident, st *Standing) bool { return st.Player == "" && !st.Clock.Told() }

// oncePerPlayer says that a player has no second one of the kind: if there is
// another, the page has moved it.
func oncePerPlayer(in Incident, _ *Standing) bool {
	switch in.Kind {
	case event.YellowCard, event.RedCard, event.Substitution, "ejection":
		return in.Player != ""
	}
	return false
}

func sameKind(in Incident, st *Standing) bool { return in.Kind == st.Kind }

func told(in Incident, _ *Standing) bool { return in.Clock.Told() }

func sameDetail(in Incident, st *Standing) bool { return in.Detail == st.Detail }

func provisional(_ Incident, st *Standing) bool { return st.Provisional }

func anyOfTheSlot(Incident, *Standing) bool { return true }

// all is the likeness that is every one of these.
func all(of ...likeness) likeness {
	return func(in Incident, st *Standing) bool {
		for _, like := range of {
			if !like(in, st) {
				return false
			}
		}
		return true
	}
}
