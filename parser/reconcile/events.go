package reconcile

import (
	"cmp"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// events puts the changes in the order of the match and makes them events,
// each with the score after it.
func (c *comparison) events() ([]event.Event, error) {
	slices.SortFunc(c.changes, c.order)
	s := &c.state
	score, shootout := s.Score, c.kicksBefore()
	if !s.Sport.CountsGoals() && score == nil && c.page.Score != nil {
		score = &event.Score{}
	}
	if s.Sport.CountsGoals() && (score != nil || c.page.Score != nil || len(s.Tracked) > 0) {
		score = &event.Score{}
		if s.Score != nil {
			*score = *s.Score
		}
	}
	var out []event.Event
	for _, ch := range c.changes {
		in := &ch.once
		if ch.at >= 0 {
			in = &s.Tracked[ch.at]
		}
		switch n := ch.adds(); {
		case in.Kind == event.Goal && s.Sport.CountsGoals():
			if ch.action != event.Corrected {
				sum := score.Add(in.Side, n)
				score = &sum
			}
		case in.Score != nil && ch.action == event.New:
			score = in.Score
		case c.isPoints(in.Kind) && c.page.Score != nil: // one that changes moves all that follow
			score = c.page.Score
		case in.Kind == event.ShootoutKick:
			sum := shootout.Add(in.Side, ch.kicksScored(in))
			shootout = &sum
		}
		s.Seq++
		tally := shootout
		if in.Kind != event.ShootoutKick {
			tally = c.tallyOf(shootout)
		}
		e, err := c.event(ch, in, score, tally)
		if err != nil {
			return nil, err
		}
		in.Event = e.ID
		out = append(out, e)
	}
	s.Score, s.Shootout = score, c.tallyOf(shootout)
	if !s.Sport.CountsGoals() && c.page.Score != nil && !c.doubtful {
		s.Score = c.page.Score
	}
	c.removeRetracted()
	return out, nil
}

// tallyOf is the page's tally of a shoot-out, unless the kicks that stand make
// more of it: rows may be missing.
func (c *comparison) tallyOf(kicks *event.Score) *event.Score {
	if said := c.page.Shootout; said != nil && (kicks == nil || !c.below(said, kicks)) {
		return said
	}
	return kicks
}

// kicksBefore is the tally of a shoot-out before the changes: where kicks stand
// it is theirs, else what the page said.
func (c *comparison) kicksBefore() *event.Score {
	tally, kicks := event.Score{}, false
	for i := range c.state.Tracked {
		if st := &c.state.Tracked[i]; st.Kind == event.ShootoutKick {
			tally, kicks = tally.Add(st.Side, observation.KickScored(st.Detail)), true
		}
	}
	if !kicks {
		return c.state.Shootout
	}
	for _, ch := range c.changes {
		if ch.at < 0 || c.state.Tracked[ch.at].Kind != event.ShootoutKick {
			continue
		}
		st := &c.state.Tracked[ch.at]
		if ch.action == event.Retracted {
			continue // it stands until its event is made
		}
		tally = tally.Add(st.Side, -ch.kicksScored(st))
	}
	return &tally
}

// kicksScored is by how much a change of a kick moves the tally.
func (ch *change) kicksScored(kick *TrackedIncident) int {
	return ch.adds()*observation.KickScored(kick.Detail) - ch.scoredWas
}

// adds is how many of its kind a change adds.
func (ch *change) adds() int {
	if ch.action == event.Retracted {
		return -1
	}
	return 1
}

func (c *comparison) removeRetracted() {
	gone := map[string]bool{}
	for _, ch := range c.changes {
		if ch.action == event.Retracted {
			gone[c.state.Tracked[ch.at].ID] = true
		}
	}
	c.state.Tracked = slices.DeleteFunc(c.state.Tracked, func(st TrackedIncident) bool { return gone[st.ID] })
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
			in = c.state.Tracked[ch.at].Incident
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
	if ch.at < 0 || c.state.Tracked[ch.at].Score == nil {
		return 0
	}
	s := c.state.Tracked[ch.at].Score
	return s.Home + s.Away
}

func (c *comparison) event(ch change, in *TrackedIncident, score, shootout *event.Score) (event.Event, error) {
	s, r := &c.state, &c.reading
	match := s.Match
	evidence := r.Evidence
	evidence.Path = in.Path
	d := event.Data{
		League: s.League, Player: in.Player, Time: in.Clock.String(),
		Sport: s.Sport, Kind: in.Kind, Action: ch.action, Detail: in.Detail, Side: in.Side, Off: in.Off, Assist: in.Assist,
		Incident: in.ID, Rev: in.Rev, Reason: ch.reason, Changes: ch.edits,
		Score: score, Shootout: shootout, Match: &match,
		Provisional: in.Provisional, Backfill: c.backfill || in.Backfill && ch.fills, Replay: r.Replay,
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
