package parser

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/matchwire/matchwire/event"
)

// goals compares one side's goals. Rows are paired with the goals that stand,
// from the surest likeness to the least; what is left over is new, corrected,
// or, where the score says so, taken back.
func (c *comparison) goals(side event.Side) {
	var rows []Incident
	for _, in := range c.page.Incidents {
		if in.Kind == event.Goal && in.Side == side {
			rows = append(rows, in)
		}
	}
	listed, want := len(rows), len(rows)
	if c.page.Score == nil {
		want = max(want, len(c.state.of(event.Goal, side))) // nobody says that one was taken back, see missing
	} else {
		want = c.page.Score.Of(side) // a row that the score does not know yet waits for it
	}
	// The surest first. What is left may be new, if the score says that so many
	// are, or an edit of what the page does not show as it was.
	rows = c.pair(rows, all(samePlayer, sameClock, sameDetail), all(samePlayer, sameClock), all(samePlayer, nearClock),
		provisional, all(told, sameClock))
	standing := len(c.state.of(event.Goal, side))
	if len(rows) > want-standing {
		rows = c.pair(rows, nearClock)
		if listed == want {
			rows = c.pair(rows, anyOfTheSlot)
		}
	}
	for ; standing < want; standing++ {
		in := Incident{Kind: event.Goal, Side: side, Clock: c.page.Match.Clock} // the score moved, the row is not there yet
		in.Clock.Period = c.page.Sport.PlayedBefore(cmp.Or(in.Clock.Period, c.state.Match.Period))
		provisional := len(rows) == 0
		if !provisional {
			in, rows = rows[0], rows[1:]
		}
		c.report(in, goesOn, provisional, "goal", string(side), strconv.Itoa(standing+1), c.generation("goal", string(side)))
	}
	if standing > want && c.takeBack {
		c.takeBackGoals(side, standing-want)
	}
}

// takeBackGoals takes n of a side's goals back, the latest first: those that
// the page does not list, then those that no page has listed, then any.
func (c *comparison) takeBackGoals(side event.Side, n int) {
	goals := c.state.of(event.Goal, side)
	slices.Reverse(goals)
	order := func(at int) int {
		switch {
		case c.listed[at]:
			return 2
		case c.state.Standing[at].Provisional:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(goals, func(a, b int) int { return order(a) - order(b) })
	for _, at := range goals[:min(n, len(goals))] {
		c.retract(at, "goal", string(side))
	}
}

// kicks compares one side's kicks of a shoot-out: those of the same player, and
// what is left by its place between them. What stands behind the last is new.
func (c *comparison) kicks(side event.Side) {
	var rows []Incident
	for _, in := range c.page.Incidents {
		if in.Kind == event.ShootoutKick && in.Side == side {
			in.Clock.Period = event.ShootOut
			rows = append(rows, in)
		}
	}
	stand := c.state.of(event.ShootoutKick, side)
	pairs := make([]int, len(rows)) // row: its place among those that stand, from 1
	place := func(row, i int) {
		pairs[row] = i + 1
		c.list(stand[i])
		c.correct(stand[i], rows[row])
	}
	for row, in := range rows {
		for i, at := range stand {
			if in.Player != "" && !c.listed[at] && samePlayer(in, &c.state.Standing[at]) {
				place(row, i)
				break
			}
		}
	}
	for row, in := range rows {
		if pairs[row] > 0 {
			continue
		}
		from, to := 0, len(stand)
		for _, p := range pairs[:row] {
			from = max(from, p)
		}
		for _, p := range pairs[row+1:] {
			if p > 0 {
				to = min(to, p-1)
			}
		}
		for i := from; i < to; i++ {
			if !c.listed[stand[i]] {
				place(row, i)
				break
			}
		}
		if pairs[row] == 0 {
			c.reportFree(in, "kick", string(side), strconv.Itoa(len(c.state.of(event.ShootoutKick, side))+1))
		}
	}
}

// isOther reports whether an incident is neither goal nor kick nor points.
func (c *comparison) isOther(k event.Kind) bool {
	return !(k == event.Goal && c.page.Sport.CountsGoals()) && k != event.ShootoutKick && !c.isPoints(k)
}

// others compares cards, substitutions and the like: first those with the same
// player, then, of what is left, those of the same kind and side within two
// minutes: the page has edited the name, or did not know it yet.
func (c *comparison) others() {
	var rows []Incident
	for _, in := range c.page.Incidents {
		if c.isOther(in.Kind) {
			rows = append(rows, in)
		}
	}
	rows = c.pair(rows, all(samePlayer, sameClock, sameDetail), all(samePlayer, sameClock), all(samePlayer, nearClock),
		all(oncePerPlayer, samePlayer), nearClock, nameless, bare)
	for _, in := range rows {
		c.reportOther(in)
	}
}

// missing takes back what complete pages of its source have lacked for long.
func (c *comparison) missing() {
	scoreAgrees := len(c.page.contradictions()) == 0 && !c.doubtful
	kicksAgree := c.page.Shootout != nil && *c.page.Shootout == c.page.scoredKicks()
	for at := range c.state.Standing {
		st := &c.state.Standing[at]
		complete := scoreAgrees
		switch {
		case st.Side == "" || c.isPoints(st.Kind):
			continue // marks, and what the score alone takes back
		case st.Kind == event.ShootoutKick:
			complete = kicksAgree
		case !c.isOther(st.Kind) && c.page.Score != nil:
			continue // the score is the authority on goals
		}
		switch {
		case c.listed[at]:
			st.Missing = nil
		case complete && c.page.wouldList(st, c.reading.Source):
			st.Missing = st.Missing.again(c.reading.At)
			if st.Missing.overdue(missingPolls, missingFor) {
				c.retract(at, c.slot(st)...)
			}
		}
	}
}

// slot is what a successor of the incident would stand in for.
func (c *comparison) slot(st *Standing) []string {
	switch {
	case st.Kind == event.ShootoutKick:
		return []string{"kick", string(st.Side)}
	case !c.isOther(st.Kind):
		return []string{string(st.Kind), string(st.Side)}
	}
	return []string{string(st.Kind), string(st.Side), event.Fold(st.Player)}
}

// wouldList reports whether a page would list an incident if it stood: its
// source has listed it, in a list that has rows.
func (o *Observation) wouldList(st *Standing, source string) bool {
	return st.Source == source && (o.Lists == nil || st.List < len(o.Lists) && o.Lists[st.List] > 0)
}

// reportOther gives the incident the first free identity of its player.
func (c *comparison) reportOther(in Incident) {
	slot := []string{string(in.Kind), string(in.Side), event.Fold(in.Player)}
	for nth := 1; ; nth++ {
		identity := append(slot[:3:3], strconv.Itoa(nth), c.generation(slot...))
		if !c.stands(c.id(identity)) {
			c.report(in, goesOn, false, identity...)
			return
		}
	}
}

// near reports whether two clocks lie within two minutes of each other.
func near(a, b event.Clock) bool {
	seconds := func(c event.Clock) int {
		switch {
		case c.Minute > 0:
			return (c.Minute + c.Stoppage) * 60
		case c.Balls > 0:
			return c.Balls * 40 // an over takes about four minutes
		}
		return c.Elapsed
	}
	d := seconds(a) - seconds(b)
	return a.Period == b.Period && -120 <= d && d <= 120
}

// scoreAlone reports a score that moved without an incident that moves it: in
// a sport whose incidents are not counted, and a shoot-out without its kicks.
func (c *comparison) scoreAlone() {
	s, o := &c.state, &c.page
	if !o.Sport.CountsGoals() && !c.doubtful && c.moved(s.Score, o.Score) && !c.explained(*o.Score) {
		c.once(Incident{Kind: event.ScoreChange, Clock: o.Match.Clock, Score: o.Score}, "")
	}
	kicks := slices.ContainsFunc(s.Standing, func(st Standing) bool { return st.Kind == event.ShootoutKick })
	if !kicks && o.Shootout != nil {
		if c.moved(s.Shootout, o.Shootout) {
			c.once(Incident{Kind: event.ScoreChange, Clock: event.Clock{Period: event.ShootOut}}, "")
		}
		s.Shootout = o.Shootout
	}
}

// explained reports whether an incident that stands has led to this score.
func (c *comparison) explained(s event.Score) bool {
	return slices.ContainsFunc(c.state.Standing, func(st Standing) bool { return st.Score != nil && *st.Score == s && c.isPoints(st.Kind) })
}

// moved reports whether a score is another than before; the first 0-0 is not.
func (c *comparison) moved(was, now *event.Score) bool {
	if now == nil {
		return false
	}
	if was == nil {
		return *now != event.Score{}
	}
	return *now != *was
}
