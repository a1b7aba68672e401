package reconcile

import (
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// events puts the changes in the order of the match and returns their events, each with the score
// after it. It completes the state: sequence number, score, and without what was retracted.
func (d *draft) events() ([]event.Event, error) {
	slices.SortFunc(d.changes, d.compareChanges)
	s := &d.state
	score, kicks := d.scoreBefore(), d.kicksBefore()
	var out []event.Event
	for i := range d.changes {
		ch := &d.changes[i]
		in := d.incident(ch)
		shootout := d.tally(kicks)
		if in.Kind == event.ShootoutKick {
			kicks = new(kicks.Add(in.Side, ch.kicksScored(in)))
			shootout = kicks
		}
		score = d.scoreAfter(ch, in, score)
		s.Seq++
		e, err := d.event(ch, in, score, shootout)
		if err != nil {
			return nil, err
		}
		in.Event = e.ID
		out = append(out, e)
	}
	s.Score, s.Shootout = score, d.tally(kicks)
	if !s.Sport.CountsGoals() && d.obs.Score != nil && !d.score.doubtful {
		s.Score = d.obs.Score
	}
	d.removeRetracted()
	return out, nil
}

// scoreBefore returns the score before the changes: the known one, or 0-0 if there is one from now
// on. It returns nil if there is none.
func (d *draft) scoreBefore() *event.Score {
	s := &d.state
	if s.Score != nil {
		return s.Score
	}
	if d.obs.Score != nil || s.Sport.CountsGoals() && len(s.Tracked) > 0 {
		return &event.Score{}
	}
	return nil
}

// scoreAfter returns the score after a change.
func (d *draft) scoreAfter(ch *change, in *TrackedIncident, score *event.Score) *event.Score {
	switch {
	case d.state.Sport.CountsGoals():
		if in.Kind == event.Goal && ch.action != event.Corrected {
			return new(score.Add(in.Side, ch.adds()))
		}
	case in.Score != nil && ch.action == event.New:
		return in.Score
	case isPoints(d.obs.Sport, in.Kind) && d.obs.Score != nil: // a change of one moves all scores after it
		return d.obs.Score
	}
	return score
}

// adds returns by how much a change moves the number of incidents of its kind, if it is not a
// correction.
func (ch *change) adds() int {
	if ch.action == event.Retracted {
		return -1
	}
	return 1
}

// kicksScored returns by how much a change of a kick moves the tally.
func (ch *change) kicksScored(kick *TrackedIncident) int {
	return ch.adds()*observation.KickScored(kick.Detail) - ch.scoredWas
}

// kicksBefore returns the tally of the shoot-out before the changes: that of the tracked kicks, or
// what a page has said if there are none.
func (d *draft) kicksBefore() *event.Score {
	tally, any := event.Score{}, false
	for i := range d.state.Tracked {
		if st := &d.state.Tracked[i]; st.Kind == event.ShootoutKick {
			tally, any = tally.Add(st.Side, observation.KickScored(st.Detail)), true
		}
	}
	if !any {
		return d.state.Shootout
	}
	for i := range d.changes {
		ch := &d.changes[i]
		// A retracted kick is still tracked, and so part of the tally.
		if in := d.incident(ch); in.Kind == event.ShootoutKick && ch.action != event.Retracted {
			tally = tally.Add(in.Side, -ch.kicksScored(in))
		}
	}
	return &tally
}

// tally returns the page's tally of the shoot-out, or that of the kicks if it is higher: the page
// may lag behind its rows.
func (d *draft) tally(kicks *event.Score) *event.Score {
	if said := d.obs.Shootout; said != nil && (kicks == nil || !lowerScore(d.obs.Sport, said, kicks)) {
		return said
	}
	return kicks
}

// removeRetracted stops tracking what was retracted.
func (d *draft) removeRetracted() {
	gone := map[string]bool{}
	for i := range d.changes {
		if ch := &d.changes[i]; ch.action == event.Retracted {
			gone[d.incident(ch).ID] = true
		}
	}
	d.state.Tracked = slices.DeleteFunc(d.state.Tracked, func(st TrackedIncident) bool { return gone[st.ID] })
}

// event makes the event of a change.
func (d *draft) event(ch *change, in *TrackedIncident, score, shootout *event.Score) (event.Event, error) {
	s, from := &d.state, &d.from
	match, evidence := s.Match, from.Evidence
	evidence.Path = in.Path
	data := event.Data{
		League: s.League, Player: in.Player, Time: in.Clock.String(),
		Sport: s.Sport, Kind: in.Kind, Action: ch.action, Detail: in.Detail, Side: in.Side, Off: in.Off, Assist: in.Assist,
		Incident: in.ID, Rev: in.Rev, Reason: ch.reason, Changes: ch.edits,
		Score: score, Shootout: shootout, Match: &match,
		Provisional: in.Provisional, Backfill: d.backfill || in.Backfill && ch.fills, Replay: from.Replay,
		Epoch: s.Epoch, Seq: s.Seq, Evidence: &evidence,
	}
	if in.Side != "" {
		data.Team, data.Opponent = match.Team(in.Side), match.Team(in.Side.Other())
	}
	if !in.Clock.IsZero() {
		data.Clock = new(in.Clock)
	}
	if ch.action != event.New {
		data.Supersedes = in.Event
	}
	e, err := event.Of(event.Key(s.Sport, s.League, in.Kind.Word(ch.action)), data, from.At)
	e.TID, e.CausationID, e.Source = from.TID, from.CausationID, from.Site
	return e, err
}
