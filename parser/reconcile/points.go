package reconcile

import (
	"strconv"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// points compares the incidents that move the score in sports where it is not
// the number of goals. Each is told by its side's score after it, which no
// other has: in basketball a clock and a player can have three. When a page
// corrects one, all scores after it move, so a row is paired by its player and
// clock before its score alone.
func (c *comparison) points() {
	restarts := c.page.Sport == event.Tennis // with each set
	var rows []observation.Incident
	for _, in := range c.page.Incidents {
		ahead := !restarts && c.page.Score != nil && in.Score != nil && in.Score.Of(in.Side) > c.page.Score.Of(in.Side)
		if c.isPoints(in.Kind) && in.Score != nil && !ahead { // else it waits for the score
			rows = append(rows, in)
		}
	}
	sameAfter := func(in observation.Incident, st *TrackedIncident) bool {
		return in.Score.Of(in.Side) == st.Score.Of(st.Side) && (!restarts || in.Clock.Period == st.Clock.Period)
	}
	rows = c.pair(rows, all(sameAfter, samePlayer), all(told, samePlayer, sameKind, sameClock), sameAfter)
	if c.takeBack && c.page.Score != nil && !restarts {
		for at := range c.state.Tracked {
			st := &c.state.Tracked[at]
			if c.isPoints(st.Kind) && !c.listed[at] && st.Score.Of(st.Side) > c.page.Score.Of(st.Side) {
				c.retract(at, "points", string(st.Side))
			}
		}
	}
	for _, in := range rows {
		identity := []string{"points", string(in.Side), strconv.Itoa(in.Score.Of(in.Side)), c.generation("points", string(in.Side))}
		if restarts {
			identity = append(identity, string(in.Clock.Period))
		}
		c.reportFree(in, identity...)
	}
}

func (c *comparison) isPoints(k event.Kind) bool {
	return !c.page.Sport.CountsGoals() && c.page.Sport.Scores(k)
}

// reportFree reports a new incident under the first identity of its kind that
// is free.
func (c *comparison) reportFree(in observation.Incident, identity ...string) {
	for nth := 1; ; nth++ {
		id := identity
		if nth > 1 {
			id = append(identity[:len(identity):len(identity)], strconv.Itoa(nth))
		}
		if !c.stands(c.id(id)) {
			c.report(in, goesOn, false, id...)
			return
		}
	}
}
