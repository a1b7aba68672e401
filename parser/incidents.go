package parser

import (
	"cmp"
	"slices"
	"strconv"
	"time"

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
	want := len(rows)
	if c.page.Score != nil {
		want = c.page.Score.Of(side) // a row that the score does not know yet waits for it
	}
	complete := len(rows) == want
	listed := map[int]bool{}
	likenesses := []likeness{
		all(samePlayer, sameClock, sameDetail), all(samePlayer, sameClock), all(samePlayer, nearClock),
		provisional, all(told, sameClock), nearClock,
	}
	if complete {
		likenesses = append(likenesses, anyOfTheSlot)
	}
	rows = c.pair(rows, listed, likenesses...)

	standing := len(c.state.of(event.Goal, side))
	for ; standing < want; standing++ {
		in := Incident{Kind: event.Goal, Side: side, Clock: c.page.Match.Clock} // the score moved, the row is not there yet
		in.Clock.Period = c.page.Sport.PlayedBefore(cmp.Or(in.Clock.Period, c.state.Match.Period))
		provisional := len(rows) == 0
		if !provisional {
			in, rows = rows[0], rows[1:]
		}
		c.report(in, goesOn, provisional, "goal", string(side), strconv.Itoa(standing+1), c.generation("goal", string(side)))
	}
	if standing > want && complete && c.takeBack {
		c.takeBackGoals(side, standing-want, listed)
	}
}

// takeBackGoals takes n of a side's goals back: those that the page does not
// list, the latest first.
func (c *comparison) takeBackGoals(side event.Side, n int, listed map[int]bool) {
	goals := c.state.of(event.Goal, side)
	slices.Reverse(goals)
	for _, at := range goals {
		if n > 0 && !listed[at] {
			c.retract(at, "goal", string(side))
			n--
		}
	}
}

// kicks compares one side's kicks of a shoot-out, round by round. Where rows
// are missing, those that are there are found by their players.
func (c *comparison) kicks(side event.Side) {
	var rows []Incident
	for _, in := range c.page.Incidents {
		if in.Kind == event.ShootoutKick && in.Side == side {
			in.Clock.Period = event.ShootOut
			rows = append(rows, in)
		}
	}
	for round, at := range c.state.of(event.ShootoutKick, side) {
		if len(rows) == 0 {
			return
		}
		missing := len(c.state.of(event.ShootoutKick, side)) - round - len(rows)
		if missing > 0 && fold(rows[0].Player) != fold(c.state.Standing[at].Player) {
			continue
		}
		c.correct(at, rows[0])
		rows = rows[1:]
	}
	for _, in := range rows {
		c.report(in, goesOn, false, "kick", string(side), strconv.Itoa(len(c.state.of(event.ShootoutKick, side))+1))
	}
}

// others compares cards, substitutions and the like: first those with the same
// player, then, of what is left, those of the same kind and side within two
// minutes: the page has edited the name, or did not know it yet.
func (c *comparison) others() {
	var rows []Incident
	for _, in := range c.page.Incidents {
		switch {
		case in.Kind == event.Goal && c.page.Sport.CountsGoals(), in.Kind == event.ShootoutKick, c.isPoints(in.Kind):
		default:
			rows = append(rows, in)
		}
	}
	listed := map[int]bool{}
	rows = c.pair(rows, listed, all(samePlayer, sameClock, sameDetail), all(samePlayer, sameClock), all(samePlayer, nearClock), all(named, samePlayer), nearClock)
	for _, in := range rows {
		listed[len(c.state.Standing)] = true
		c.reportOther(in)
	}
	c.missing(listed)
}

// missing takes back what complete pages have lacked for long.
func (c *comparison) missing(listed map[int]bool) {
	complete := c.page.Score != nil && len(c.page.contradictions()) == 0
	for at := range c.state.Standing {
		st := &c.state.Standing[at]
		switch {
		case st.Side == "" || st.Kind == event.ShootoutKick || st.Kind == event.Goal && c.page.Sport.CountsGoals() || c.isPoints(st.Kind):
		case listed[at]:
			st.Missing, st.Since = 0, time.Time{}
		case complete:
			if st.Missing++; st.Missing == 1 {
				st.Since = c.reading.At
			}
			if st.Missing >= missingPolls && c.reading.At.Sub(st.Since) >= missingFor {
				c.retract(at, string(st.Kind), string(st.Side), fold(st.Player))
			}
		}
	}
}

// reportOther gives the incident the first free identity of its player.
func (c *comparison) reportOther(in Incident) {
	slot := []string{string(in.Kind), string(in.Side), fold(in.Player)}
	for nth := 1; ; nth++ {
		identity := append(slot[:3:3], strconv.Itoa(nth), c.generation(slot...))
		if c.state.find(c.id(identity)) < 0 {
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
	if !c.page.Sport.CountsGoals() && c.moved(c.state.Score, c.page.Score) && !c.explained(*c.page.Score) {
		c.scoreChange("score", c.page.Score)
	}
	kicks := len(c.state.of(event.ShootoutKick, event.Home)) + len(c.state.of(event.ShootoutKick, event.Away))
	if kicks == 0 && c.page.Shootout != nil {
		if c.moved(c.state.Shootout, c.page.Shootout) {
			c.scoreChange("shootout", c.page.Shootout)
		}
		c.state.Shootout = c.page.Shootout
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

// scoreChange reports a score; it can come back.
func (c *comparison) scoreChange(what string, to *event.Score) {
	in := Incident{Kind: event.ScoreChange, Clock: c.page.Match.Clock}
	if what == "score" {
		in.Score = to
	}
	c.reportFree(in, what, strconv.Itoa(to.Home), strconv.Itoa(to.Away), "1")
}
