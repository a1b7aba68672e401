package parser

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// A change becomes an event.
type change struct {
	at        int // index in state.Standing; -1 for what has no standing
	once      Standing
	action    event.Action
	edits     map[string]event.Change
	reason    string
	scoredWas int // what a corrected shoot-out kick had counted
	phase     int // within its period: begins, goes on, ends
	arrival   int // order in which the changes were found
}

const (
	begins = iota
	goesOn
	ends
)

// id is the identity of an incident of this match.
func (c *comparison) id(identity []string) string {
	return event.IncidentID(append([]string{c.state.Match.ID}, identity...)...)
}

// report adds an incident that is new.
func (c *comparison) report(in Incident, phase int, provisional bool, identity ...string) {
	id := c.id(identity)
	c.list(len(c.state.Standing))
	c.state.Standing = append(c.state.Standing, Standing{Incident: in, ID: id, Rev: 1, Provisional: provisional,
		Source: c.reading.Source, List: in.List})
	c.changes = append(c.changes, change{at: len(c.state.Standing) - 1, action: event.New, phase: phase, arrival: len(c.changes)})
}

// retract takes a standing incident back. It is removed when the events are
// made; slot is what its successor will stand in for.
func (c *comparison) retract(at int, slot ...string) {
	if c.state.TakenBack == nil {
		c.state.TakenBack = map[string]int{}
	}
	c.state.TakenBack[strings.Join(slot, "|")]++
	// What is taken back need not be corrected first.
	c.changes = slices.DeleteFunc(c.changes, func(ch change) bool {
		needless := ch.at == at && ch.action == event.Corrected
		if needless {
			c.state.Standing[at].Rev--
		}
		return needless
	})
	c.state.Standing[at].Rev++
	c.changes = append(c.changes, change{at: at, action: event.Retracted, phase: goesOn, reason: "the page took it back", arrival: len(c.changes)})
}

// generation is how often something was taken back, as part of an identity.
func (c *comparison) generation(slot ...string) string {
	return strconv.Itoa(c.state.TakenBack[strings.Join(slot, "|")])
}

// correct compares a standing incident with what the page says of it now. What
// the page leaves out stays as it was.
func (c *comparison) correct(at int, now Incident) {
	was := &c.state.Standing[at]
	scoredWas := scored(was.Detail)
	// While the source that said it is being read, others only add to it: two
	// sites that write a name in two ways would correct each other for ever.
	adds := was.Source != c.reading.Source && !was.Provisional && c.othersWatch()
	edits := map[string]event.Change{}
	edit := func(name string, old *string, text string) {
		if text != "" && fold(text) != fold(*old) && (*old == "" || !adds && !damaged(text)) {
			edits[name] = event.Change{Old: *old, New: text}
			*old = text
		}
	}
	edit("player", &was.Player, now.Player)
	edit("off", &was.Off, now.Off)
	edit("assist", &was.Assist, now.Assist)
	// What goes to another player loses its detail too: an own goal was none.
	_, other := edits["player"]
	if now.Detail != was.Detail && (now.Detail != "" || other) && (was.Detail == "" || !adds) {
		edits["detail"] = event.Change{Old: was.Detail, New: now.Detail}
		was.Detail = now.Detail
	}
	if now.Score != nil && was.Score != nil && *now.Score != *was.Score && !adds {
		edits["score"] = event.Change{Old: was.Score.String(), New: now.Score.String()}
		was.Score = now.Score
	}
	if clockMoved(was.Clock, now.Clock) && (!was.Clock.Told() || !adds) {
		edits["time"] = event.Change{Old: was.Clock.String(), New: now.Clock.String()}
		was.Clock = now.Clock
	}
	if !adds {
		was.Source, was.List = c.reading.Source, now.List
	}
	if len(edits) == 0 && !was.Provisional {
		return
	}
	was.Path, was.Provisional = now.Path, false
	was.Rev++
	c.changes = append(c.changes, change{at: at, action: event.Corrected, edits: edits, scoredWas: scoredWas, phase: goesOn,
		reason: "the page changed it", arrival: len(c.changes)})
}

// clockMoved reports whether two clocks disagree, rather than one knowing less.
func clockMoved(was, now event.Clock) bool {
	if !now.Told() {
		return false
	}
	if was.Elapsed > 0 && now.Elapsed > 0 {
		return was != now
	}
	was.Elapsed, now.Elapsed = 0, 0
	return was != now
}

// status reports a change of status that no other event tells.
func (c *comparison) status(was event.Status) {
	now := c.state.Match.Status
	if now == was || now == event.Scheduled && was == "" {
		return
	}
	for _, ch := range c.changes {
		if ch.action == event.Retracted || ch.at < 0 {
			continue
		}
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
	c.once(Incident{Kind: event.StatusChange}, "")
}

// once reports what happens and does not stand.
func (c *comparison) once(in Incident, reason string) {
	c.state.Told++
	if in.Clock.IsZero() {
		in.Clock.Period = c.state.Match.Period
	}
	phase := goesOn
	if in.Kind == event.StatusChange {
		phase = ends
	}
	once := Standing{Incident: in, Rev: 1, ID: c.id([]string{"told", string(in.Kind), strconv.Itoa(c.state.Told)})}
	c.changes = append(c.changes, change{at: -1, once: once, action: event.New, reason: reason, phase: phase, arrival: len(c.changes)})
}

// events puts the changes in the order of the match and makes them events,
// each with the score after it.
func (c *comparison) events() ([]event.Event, error) {
	slices.SortFunc(c.changes, c.order)
	s := &c.state
	score, shootout := s.Score, c.kicksBefore()
	if !s.Sport.CountsGoals() && score == nil && c.page.Score != nil {
		score = &event.Score{}
	}
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
		switch n := ch.adds(); {
		case in.Kind == event.Goal && s.Sport.CountsGoals():
			if ch.action != event.Corrected {
				sum := score.Add(in.Side, n)
				score = &sum
			}
		case in.Score != nil && ch.action == event.New:
			score = in.Score
		case c.isPoints(in.Kind) && ch.action == event.Retracted:
			score = c.page.Score
		case in.Kind == event.ShootoutKick:
			sum := shootout.Add(in.Side, ch.kicksScored(in))
			shootout = &sum
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
	if !s.Sport.CountsGoals() && c.page.Score != nil && !c.doubtful {
		s.Score = c.page.Score
	}
	c.removeRetracted()
	return out, nil
}

// kicksBefore is the tally of a shoot-out before the changes: where kicks stand
// it is theirs, else what the page said.
func (c *comparison) kicksBefore() *event.Score {
	tally, kicks := event.Score{}, false
	for i := range c.state.Standing {
		if st := &c.state.Standing[i]; st.Kind == event.ShootoutKick {
			tally, kicks = tally.Add(st.Side, scored(st.Detail)), true
		}
	}
	if !kicks {
		return c.state.Shootout
	}
	for _, ch := range c.changes {
		if ch.at < 0 || c.state.Standing[ch.at].Kind != event.ShootoutKick {
			continue
		}
		st := &c.state.Standing[ch.at]
		if ch.action == event.Retracted {
			continue // it stands until its event is made
		}
		tally = tally.Add(st.Side, -ch.kicksScored(st))
	}
	return &tally
}

// kicksScored is by how much a change of a kick moves the tally.
func (ch *change) kicksScored(kick *Standing) int {
	return ch.adds()*scored(kick.Detail) - ch.scoredWas
}

// adds is how many of its kind a change adds.
func (ch *change) adds() int {
	if ch.action == event.Retracted {
		return -1
	}
	return 1
}

func scored(detail string) int {
	if detail == event.Scored {
		return 1
	}
	return 0
}

func (c *comparison) removeRetracted() {
	gone := map[string]bool{}
	for _, ch := range c.changes {
		if ch.action == event.Retracted {
			gone[c.state.Standing[ch.at].ID] = true
		}
	}
	c.state.Standing = slices.DeleteFunc(c.state.Standing, func(st Standing) bool { return gone[st.ID] })
}

// order sorts changes: what is taken back comes first, then period, phase and
// clock decide, and else the order in which they were found.
func (c *comparison) order(a, b change) int {
	if ra, rb := a.action == event.Retracted, b.action == event.Retracted; ra != rb {
		if ra {
			return -1
		}
		return 1
	} else if ra {
		return cmp.Compare(a.arrival, b.arrival)
	}
	key := func(ch change) (period int, clock event.Clock) {
		in := ch.once.Incident
		if ch.at >= 0 {
			in = c.state.Standing[ch.at].Incident
		}
		switch in.Kind {
		case event.SourceStale, event.SourceFresh:
			return -2, event.Clock{}
		case event.MatchStart:
			return -1, event.Clock{}
		case event.MatchEnd, event.StatusChange:
			return len(c.state.Sport.Periods()), event.Clock{}
		}
		return c.state.Sport.Index(cmp.Or(in.Clock.Period, c.state.Match.Period)), in.Clock
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
	return cmp.Or(cmp.Compare(c.after(a), c.after(b)), cmp.Compare(a.arrival, b.arrival))
}

// after is the sum of the score after a change that moves it, else 0.
func (c *comparison) after(ch change) int {
	if ch.at < 0 || c.state.Standing[ch.at].Score == nil {
		return 0
	}
	s := c.state.Standing[ch.at].Score
	return s.Home + s.Away
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
