package parser

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A Reading is the circumstances under which a page was read.
type Reading struct {
	TID         event.TID
	CausationID string
	Source      string // of the events: "/parser/<profile>"
	At          time.Time
	Evidence    event.Evidence // URL and snapshot; each event adds its path
	Replay      bool
}

// ErrOtherMatch says that a page shows another match than the saved state.
var ErrOtherMatch = errors.New("the page shows another match")

// Reconcile compares what a page says with what is known, and returns what is
// known now and the events that say the difference, in the order in which the
// match went. It is a pure function: same input, same output. The first page
// of a match reports everything that has happened so far as backfill.
//
// The rules of identity: a goal is the nth of its side; a card, a substitution
// and the like is told by side, player and how many of that; a shoot-out kick
// is the nth of its side. Minute and player are attributes, which pages edit.
// The score is the authority on how many goals there are.
func Reconcile(s State, o Observation, r Reading) (State, []event.Event, error) {
	if s.seen() && (fold(s.Match.Home) != fold(o.Match.Home) || fold(s.Match.Away) != fold(o.Match.Away)) {
		return s, nil, fmt.Errorf("%w: %s v %s, not %s v %s", ErrOtherMatch, o.Match.Home, o.Match.Away, s.Match.Home, s.Match.Away)
	}
	c := &comparison{state: s, page: o, reading: r, backfill: !s.seen()}
	c.state.Standing = slices.Clone(s.Standing)
	c.inOrder()
	c.match()
	c.periods()
	if o.Sport.CountsGoals() {
		c.goals(event.Home)
		c.goals(event.Away)
	}
	c.kicks(event.Home)
	c.kicks(event.Away)
	c.others()
	c.scoreAlone()
	c.status(s.Match.Status)
	events, err := c.events()
	return c.state, events, err
}

// A comparison is one run of Reconcile.
type comparison struct {
	state    State
	page     Observation
	reading  Reading
	backfill bool
	changes  []change
}

// A change becomes an event.
type change struct {
	at      int // index in state.Standing; -1 for what has no standing
	once    Standing
	action  event.Action
	edits   map[string]event.Change
	reason  string
	phase   int // within its period: begins, goes on, ends
	arrival int // order in which the changes were found
}

const (
	begins = iota
	goesOn
	ends
)

// inOrder puts the incidents in the order of the match. Some pages list the
// latest first; then rows with the same clock are turned round as well.
func (c *comparison) inOrder() {
	in := slices.Clone(c.page.Incidents)
	up, down := 0, 0
	for i := 1; i < len(in); i++ {
		switch {
		case in[i-1].Clock.Before(c.page.Sport, in[i].Clock):
			up++
		case in[i].Clock.Before(c.page.Sport, in[i-1].Clock):
			down++
		}
	}
	if down > up {
		slices.Reverse(in)
	}
	slices.SortStableFunc(in, func(a, b Incident) int {
		switch {
		case a.Clock.Before(c.page.Sport, b.Clock):
			return -1
		case b.Clock.Before(c.page.Sport, a.Clock):
			return 1
		}
		return 0
	})
	c.page.Incidents = in
}

// match takes over what the page says of the match itself. Nothing known is
// replaced by nothing.
func (c *comparison) match() {
	s, o := &c.state, &c.page
	s.Sport = o.Sport
	s.League = cmp.Or(o.League, s.League)
	s.Match.ID = cmp.Or(s.Match.ID, o.Match.ID)
	s.Match.Home, s.Match.Away = o.Match.Home, o.Match.Away
	if !o.Match.Start.IsZero() {
		s.Match.Start = o.Match.Start
	}
	s.Period = cmp.Or(o.Period, s.Period)
	switch {
	case o.Match.Status == event.Scheduled && s.Match.Status != "" && s.Match.Status != event.Delayed && s.Match.Status != event.Postponed:
		// A match that has begun does not un-begin.
	case o.Match.Status != "":
		s.Match.Status = o.Match.Status
	case s.Match.Status == "" && len(o.Incidents) > 0:
		s.Match.Status = event.Live
	case s.Match.Status == "":
		s.Match.Status = event.Scheduled
	}
}

// report adds an incident that is new.
func (c *comparison) report(in Incident, phase int, provisional bool, identity ...string) {
	id := event.IncidentID(append([]string{c.state.Match.ID}, identity...)...)
	c.state.Standing = append(c.state.Standing, Standing{Incident: in, ID: id, Rev: 1, Provisional: provisional})
	c.changes = append(c.changes, change{at: len(c.state.Standing) - 1, action: event.New, phase: phase, arrival: len(c.changes)})
}

// correct compares a standing incident with what the page says of it now. What
// the page leaves out stays as it was.
func (c *comparison) correct(at int, now Incident) {
	was := &c.state.Standing[at]
	edits := map[string]event.Change{}
	edit := func(name string, old *string, text string) {
		if text != "" && fold(text) != fold(*old) {
			edits[name] = event.Change{Old: *old, New: text}
			*old = text
		}
	}
	edit("player", &was.Player, now.Player)
	edit("off", &was.Off, now.Off)
	edit("assist", &was.Assist, now.Assist)
	if now.Detail != was.Detail {
		edits["detail"] = event.Change{Old: was.Detail, New: now.Detail}
		was.Detail = now.Detail
	}
	if clockMoved(was.Clock, now.Clock) {
		edits["time"] = event.Change{Old: was.Clock.String(), New: now.Clock.String()}
		was.Clock = now.Clock
	}
	if len(edits) == 0 && !was.Provisional {
		return
	}
	was.Path, was.Provisional = now.Path, false
	was.Rev++
	c.changes = append(c.changes, change{at: at, action: event.Corrected, edits: edits, phase: goesOn,
		reason: "the page changed it", arrival: len(c.changes)})
}

// clockMoved reports whether two clocks disagree, rather than one knowing less.
func clockMoved(was, now event.Clock) bool {
	if now.IsZero() || now.Minute == 0 && now.Elapsed == 0 {
		return false
	}
	if was.Elapsed > 0 && now.Elapsed > 0 {
		return was != now
	}
	was.Elapsed, now.Elapsed = 0, 0
	return was != now
}

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

// status reports a change of status that no other event tells.
func (c *comparison) status(was event.Status) {
	now := c.state.Match.Status
	if now == was || now == event.Scheduled && was == "" {
		return
	}
	for _, ch := range c.changes {
		switch c.state.Standing[ch.at].Kind {
		case event.MatchStart, event.PeriodStart, event.PeriodEnd:
			if now == event.Live || now == event.Break {
				return
			}
		case event.MatchEnd:
			if now.Over() {
				return
			}
		}
	}
	if was == "" && (now == event.Live || now == event.Break) {
		return
	}
	c.state.Changes++
	n := strconv.Itoa(c.state.Changes)
	once := Standing{Incident: Incident{Kind: event.StatusChange, Clock: event.Clock{Period: c.state.Period}}, Rev: 1,
		ID: event.IncidentID(c.state.Match.ID, "status", n)}
	c.changes = append(c.changes, change{at: -1, once: once, action: event.New, phase: ends, arrival: len(c.changes)})
}

// events puts the changes in the order of the match and makes them events,
// each with the score after it.
func (c *comparison) events() ([]event.Event, error) {
	slices.SortFunc(c.changes, c.order)
	s := &c.state
	score, shootout := s.Score, s.Shootout
	if s.Sport.CountsGoals() && (score != nil || c.page.Score != nil || len(s.Standing) > 0) {
		score = &event.Score{}
		if s.Score != nil {
			*score = *s.Score
		}
	}
	var out []event.Event
	for _, ch := range c.changes {
		in := &ch.once
		if ch.at >= 0 {
			in = &s.Standing[ch.at]
		}
		if ch.action == event.New {
			switch {
			case in.Kind == event.Goal && s.Sport.CountsGoals():
				sum := score.Add(in.Side, 1)
				score = &sum
			case in.Kind == event.ShootoutKick:
				sum := event.Score{}
				if shootout != nil {
					sum = *shootout
				}
				if in.Detail == event.Scored {
					sum = sum.Add(in.Side, 1)
				}
				shootout = &sum
			}
		}
		s.Seq++
		e, err := c.event(ch, in, score, shootout)
		if err != nil {
			return nil, err
		}
		in.Event = e.ID
		out = append(out, e)
	}
	s.Score, s.Shootout = score, shootout
	return out, nil
}

// order sorts changes by period, phase and clock, and else as they were found.
func (c *comparison) order(a, b change) int {
	key := func(ch change) (period int, clock event.Clock) {
		in := ch.once.Incident
		if ch.at >= 0 {
			in = c.state.Standing[ch.at].Incident
		}
		switch in.Kind {
		case event.MatchStart:
			return -1, event.Clock{}
		case event.MatchEnd, event.StatusChange:
			return len(c.state.Sport.Periods()), event.Clock{}
		}
		return c.state.Sport.Index(cmp.Or(in.Clock.Period, c.state.Period)), in.Clock
	}
	pa, ca := key(a)
	pb, cb := key(b)
	if d := cmp.Or(cmp.Compare(pa, pb), cmp.Compare(a.phase, b.phase)); d != 0 {
		return d
	}
	switch {
	case ca.Before(c.state.Sport, cb):
		return -1
	case cb.Before(c.state.Sport, ca):
		return 1
	}
	return cmp.Compare(a.arrival, b.arrival)
}

func (c *comparison) event(ch change, in *Standing, score, shootout *event.Score) (event.Event, error) {
	s, r := &c.state, &c.reading
	match := s.Match
	evidence := r.Evidence
	evidence.Path = in.Path
	d := event.Data{
		League: s.League, Player: in.Player, Time: in.Clock.String(),
		Sport: s.Sport, Kind: in.Kind, Action: ch.action, Detail: in.Detail, Side: in.Side, Off: in.Off, Assist: in.Assist,
		Incident: in.ID, Rev: in.Rev, Reason: ch.reason, Changes: ch.edits,
		Score: score, Shootout: shootout, Match: &match,
		Provisional: in.Provisional, Backfill: c.backfill, Replay: r.Replay,
		Epoch: s.Epoch, Seq: s.Seq, Evidence: &evidence,
	}
	if in.Side != "" {
		d.Team, d.Opponent = match.Team(in.Side), match.Team(in.Side.Other())
	}
	if !in.Clock.IsZero() {
		clock := in.Clock
		d.Clock = &clock
	}
	if ch.action != event.New {
		d.Supersedes = in.Event
	}
	e, err := event.Of(event.Key(s.Sport, s.League, in.Kind.Word(ch.action)), d, r.At)
	e.TID, e.CausationID, e.Source = r.TID, r.CausationID, r.Source
	return e, err
}
