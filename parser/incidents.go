package parser

import (
	"cmp"
	"strconv"

	"github.com/matchwire/matchwire/event"
)

// goals compares one side's goals: the nth on the page is the nth that stands.
func (c *comparison) goals(side event.Side) {
	var listed []Incident
	for _, in := range c.page.Incidents {
		if in.Kind == event.Goal && in.Side == side {
			listed = append(listed, in)
		}
	}
	want := len(listed)
	if c.page.Score != nil {
		want = c.page.Score.Of(side) // a row that the score does not know yet waits for it
	}
	standing := c.state.of(event.Goal, side)
	for n := range want {
		known := n < len(listed)
		switch {
		case n < len(standing) && known:
			c.correct(standing[n], listed[n])
		case n < len(standing):
			// The row is missing; the goal stands.
		case known:
			c.report(listed[n], goesOn, false, "goal", string(side), strconv.Itoa(n+1), "0")
		default:
			in := Incident{Kind: event.Goal, Side: side, Clock: c.page.Clock}
			in.Clock.Period = cmp.Or(in.Clock.Period, c.state.Period)
			c.report(in, goesOn, true, "goal", string(side), strconv.Itoa(n+1), "0")
		}
	}
}

// kicks compares one side's kicks of a shoot-out, round by round.
func (c *comparison) kicks(side event.Side) {
	standing, round := c.state.of(event.ShootoutKick, side), 0
	for _, in := range c.page.Incidents {
		if in.Kind != event.ShootoutKick || in.Side != side {
			continue
		}
		in.Clock.Period = event.ShootOut
		if round < len(standing) {
			c.correct(standing[round], in)
		} else {
			c.report(in, goesOn, false, "kick", string(side), strconv.Itoa(round+1))
		}
		round++
	}
}

// others compares cards, substitutions and whatever else has a player: first
// those with the same player, then, of what is left, those of the same kind
// and side within two minutes: the page has edited the name.
func (c *comparison) others() {
	taken := map[int]bool{}
	var left []Incident
	for _, in := range c.page.Incidents {
		if in.Kind == event.Goal && c.page.Sport.CountsGoals() || in.Kind == event.ShootoutKick {
			continue
		}
		if at := c.claim(in, taken, func(was Incident) bool { return fold(was.Player) == fold(in.Player) }); at >= 0 {
			c.correct(at, in)
		} else {
			left = append(left, in)
		}
	}
	for _, in := range left {
		at := c.claim(in, taken, func(was Incident) bool { return near(was.Clock, in.Clock) })
		if at >= 0 {
			c.correct(at, in)
			continue
		}
		c.reportOther(in, taken)
	}
}

// claim takes the first incident that stands, is not taken, and fits; -1 if none.
func (c *comparison) claim(in Incident, taken map[int]bool, fits func(Incident) bool) int {
	for _, at := range c.state.of(in.Kind, in.Side) {
		if !taken[at] && fits(c.state.Standing[at].Incident) {
			taken[at] = true
			return at
		}
	}
	return -1
}

// reportOther gives the incident the first free identity of its player.
func (c *comparison) reportOther(in Incident, taken map[int]bool) {
	for nth := 1; ; nth++ {
		identity := []string{string(in.Kind), string(in.Side), fold(in.Player), strconv.Itoa(nth)}
		if c.state.find(event.IncidentID(append([]string{c.state.Match.ID}, identity...)...)) < 0 {
			taken[len(c.state.Standing)] = true
			c.report(in, goesOn, false, identity...)
			return
		}
	}
}

// near reports whether two clocks lie within two minutes of each other.
func near(a, b event.Clock) bool {
	seconds := func(c event.Clock) int {
		if c.Minute > 0 {
			return (c.Minute + c.Stoppage) * 60
		}
		return c.Elapsed
	}
	d := seconds(a) - seconds(b)
	return a.Period == b.Period && -120 <= d && d <= 120
}

// scoreAlone reports a moved score in a sport whose incidents are not counted.
func (c *comparison) scoreAlone() {
	o, s := c.page.Score, c.state.Score
	if c.page.Sport.CountsGoals() || o == nil || s != nil && *s == *o {
		return
	}
	if s == nil && *o == (event.Score{}) {
		c.state.Score = o
		return
	}
	c.report(Incident{Kind: event.ScoreChange, Clock: c.page.Clock}, goesOn, false,
		"score", strconv.Itoa(o.Home), strconv.Itoa(o.Away), strconv.FormatInt(c.state.Seq, 10))
	c.state.Score = o
}
