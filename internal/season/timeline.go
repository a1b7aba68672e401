package season

import (
	"cmp"
	"slices"

	"github.com/matchwire/matchwire/event"
)

// A Fact is something that happened in a match.
type Fact struct {
	Kind, Detail, Side, Player, Off string // as in [event.Data]

	Clock event.Clock // as pages show it; the period is always set
	At    float64     // seconds since kick-off, breaks included

	Points   int   // points that the fact adds to the score of its side
	Kicks    int   // kicks that the fact adds to the tally of the shoot-out
	Score    Score // score after the fact, as the page shows it
	Unlisted bool  // no page has a row for the fact

	Wickets int  // cricket: wickets that the fact adds to the innings of its side
	Mark    mark // cricket: what the fact changes in the innings of its side
}

// ShowsScore reports whether the row of the fact shows the score after it.
func (f *Fact) ShowsScore() bool { return f.Points > 0 || f.Wickets > 0 }

// A timeline is the course of a match in real time. Times are seconds since kick-off.
type timeline struct {
	facts      []Fact // in the order of play
	spans      []span // the periods in the order of play
	pauses     []pause
	strayUntil float64 // until this time, a page that shows the end of the match is wrong
}

// A span is the time in which a period was played.
type span struct {
	period     event.Period
	begin, end float64

	// anchors are times at which the clock is known, in order. Between two anchors, the clock runs evenly.
	// Without anchors, the clock shows the seconds since begin.
	anchors []anchor

	special bool // an ordinary score is impossible, as in a match tie-break
}

// An anchor is a time at which the clock is known. elapsed is the clock at that time: the seconds since
// the start of the period, or the balls in cricket.
type anchor struct{ at, elapsed float64 }

// A pause is a time within a period in which the match is not played.
type pause struct {
	begin, end float64
	status     string // as pages show it, such as stopped
}

// long reports whether the pause lasts more than four hours. Play then continues on another day.
func (p *pause) long() bool { return p.end-p.begin > 4*3600 }

// elapsed returns the clock at a given time of the span, in the unit of [anchor].
func (s *span) elapsed(at float64) float64 {
	if len(s.anchors) == 0 {
		return at - s.begin
	}
	i, found := slices.BinarySearchFunc(s.anchors, at, func(a anchor, at float64) int { return cmp.Compare(a.at, at) })
	switch {
	case found: // the clock is exact at its latest anchor
		for i+1 < len(s.anchors) && s.anchors[i+1].at == at {
			i++
		}
		return s.anchors[i].elapsed
	case i == 0:
		return s.anchors[0].elapsed
	case i == len(s.anchors):
		return s.anchors[i-1].elapsed
	}
	from, to := s.anchors[i-1], s.anchors[i]
	return from.elapsed + (to.elapsed-from.elapsed)*(at-from.at)/(to.at-from.at)
}

// length returns the clock at the end of the span, in the unit of [anchor].
func (s *span) length() float64 { return s.elapsed(s.end) }

// end returns the time at which the match ends.
func (t *timeline) end() float64 { return t.spans[len(t.spans)-1].end }

// suspended returns the timeline of a match that is suspended at the time at and resumes after
// the given number of seconds. Until play resumes, pages show the given status. suspended does not
// modify t. at must be in a span.
func (t *timeline) suspended(at, seconds float64, status string) timeline {
	later := func(time float64) float64 {
		if time > at {
			return time + seconds
		}
		return time
	}
	next := timeline{facts: slices.Clone(t.facts), strayUntil: later(t.strayUntil)}
	for _, p := range t.pauses {
		next.pauses = append(next.pauses, pause{later(p.begin), later(p.end), p.status})
	}
	next.pauses = append(next.pauses, pause{at, at + seconds, status})
	for i := range next.facts {
		next.facts[i].At = later(next.facts[i].At)
	}
	for _, s := range t.spans {
		moved := span{period: s.period, begin: later(s.begin), end: later(s.end), special: s.special}
		for _, a := range s.anchors {
			moved.anchors = append(moved.anchors, anchor{later(a.at), a.elapsed})
		}
		if s.begin <= at && at < s.end {
			if len(s.anchors) == 0 {
				moved.anchors = []anchor{{s.begin, 0}, {moved.end, s.length()}}
			}
			stopped := s.elapsed(at)
			moved.anchors = append(moved.anchors, anchor{at, stopped}, anchor{at + seconds, stopped})
			slices.SortStableFunc(moved.anchors, func(a, b anchor) int { return cmp.Compare(a.at, b.at) })
		}
		next.spans = append(next.spans, moved)
	}
	return next
}

// A phase holds the status, period and clock that a page shows.
type phase struct {
	Status string       // one of the constants below
	Period event.Period // of a live match or a break; after a match with overtime, its last period; else ""
	Clock  event.Clock  // of a live match, if the page shows one; else zero
}

// over reports whether the match has ended.
func (p phase) over() bool { return p.Status == fullTime || p.Status == final || p.Status == retired }

// The statuses that pages show.
const (
	pre      = "PRE"
	live     = "LIVE"
	onBreak  = "BREAK"
	stopped  = "SUSPENDED"
	rain     = "RAIN"
	fullTime = "FT"
	final    = "FINAL"
	retired  = "RET"
)

// pauseAt returns the pause at a given time, or nil.
func (g *generator) pauseAt(at float64) *pause {
	for i := range g.line.pauses {
		if p := &g.line.pauses[i]; p.begin <= at && at < p.end {
			return p
		}
	}
	return nil
}

// phase returns the phase at a given time. If the clock of the page is ahead at that time, phase
// counts the fault [ClockPutBack].
func (g *generator) phase(at float64) phase {
	if at < 0 {
		return phase{Status: pre}
	}
	if p := g.pauseAt(at); p != nil {
		return phase{Status: p.status}
	}
	for i := range g.line.spans {
		s := &g.line.spans[i]
		switch {
		case at >= s.end:
			continue
		case at < s.begin:
			return phase{Status: onBreak, Period: breakAfter(g.match.Sport, g.line.spans[i-1].period)}
		}
		elapsed := s.elapsed(at)
		if ahead := g.ahead; ahead.begin <= at && at < ahead.end {
			elapsed = min(elapsed+ahead.by, s.length())
			g.strike(ClockPutBack, 0)
		}
		if clock := g.match.sport.matchClock; clock != nil {
			return phase{live, s.period, clock(s.period, elapsed)}
		}
		return phase{live, s.period, g.match.sport.clock(s.period, elapsed)}
	}
	over := phase{Status: final}
	switch {
	case g.match.By == event.ByRetirement:
		over.Status = retired
	case at < g.line.end()+finalAfter:
		over.Status = fullTime
	}
	usual := g.match.Sport.Rules().OvertimeAfter
	if last := g.line.spans[len(g.line.spans)-1].period; g.match.sport.overtime && last != usual {
		over.Period = last
	}
	return over
}

// finalAfter is the time from the end of a match until its page shows the status FINAL, in seconds.
const finalAfter = 300

// breakAfter returns the period that pages name in the break after p. If the sport has no period for
// that break, it returns p.
func breakAfter(s event.Sport, p event.Period) event.Period {
	periods := s.Rules().Periods
	if i := s.Index(p); i >= 0 && i+1 < len(periods) && periods[i+1].IsBreak() {
		return periods[i+1]
	}
	return p
}
