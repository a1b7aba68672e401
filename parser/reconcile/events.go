package reconcile

import (
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile/internal/innings"
)

// events sorts the changes in match order and returns an event for each change that is not redundant,
// with the score after the change. It also completes the state: it sets the sequence number, the
// scores and the latest event of each incident, and removes retracted incidents.
func (d *draft) events() ([]event.Event, error) {
	slices.SortFunc(d.changes, d.compareChanges)
	s := &d.state
	score, kicks, line := d.scoreBefore(), d.kicksBefore(), s.LineScore
	var out []event.Event
	for i := range d.changes {
		ch := &d.changes[i]
		in := d.incident(ch)
		kicks = d.kicksAfter(ch, in, kicks)
		d.setPoints(ch, in, score)
		before, lineBefore := score, line
		score = d.scoreAfter(ch, in, score)
		line = d.lineAfter(ch, in, line, before, score)
		if d.isRedundant(in, before, lineBefore) {
			continue
		}
		if in.Kind == event.ScoreChange && in.Score != nil && before != nil && *before != *score {
			ch.edits = map[string]event.Change{"score": {Old: before.String(), New: score.String()}}
		}
		s.Seq++
		e, err := d.event(ch, in, score, d.tallyAt(i, kicks), line)
		if err != nil {
			return nil, err
		}
		in.Event = e.ID
		if ch.lineup != nil {
			ch.lineup.Event = e.ID // the line-up is new, so no other state shares it
		}
		out = append(out, e)
	}
	s.Score, s.Shootout = score, d.tally(kicks)
	if !s.Sport.Rules().CountsGoals && d.obs.Score != nil && !d.score.doubtful {
		s.Score, s.LineScore = d.obs.Score, d.obs.LineScore
	}
	if addsUp(s.Sport) {
		s.LineScore = d.lineFor(s.Score, line)
	}
	d.removeRetracted()
	return out, nil
}

// isRedundant reports whether a score_change in cricket is redundant, because an earlier event of the
// page already has its score and line score.
func (d *draft) isRedundant(in *TrackedIncident, before *event.Score, line *event.LineScore) bool {
	return d.state.Sport.Rules().InningsScore && in.Kind == event.ScoreChange && in.Score != nil && before != nil &&
		*in.Score == *before && line != nil && d.obs.LineScore != nil && line.ByPeriod() == d.obs.LineScore.ByPeriod()
}

// scoresInnings reports whether a change is a new incident in cricket whose row shows the score
// after the incident. The score in the row must be between the score before the page and the score
// of the page, because a lower score belongs to a late row. If an innings has begun since the last
// page, a lower score is valid too.
func (d *draft) scoresInnings(ch change) bool {
	in := d.incident(&ch)
	if !d.obs.Sport.Rules().InningsScore || ch.tracked < 0 || ch.action != event.New || in.Side == "" ||
		in.Score == nil || d.obs.Score == nil || d.score.doubtful || in.Clock.Period != d.state.Match.Period {
		return false
	}
	begun := innings.More(d.state.LineScore, d.obs.LineScore)
	return !lowerScore(d.obs.Sport, d.obs.Score, in.Score) && (begun || !lowerScore(d.obs.Sport, in.Score, d.state.Score))
}

// scoreBefore returns the score before the changes. Without a saved score, it returns 0-0 if the page
// has a score, or if the sport counts goals and an incident is tracked. Otherwise it returns nil.
func (d *draft) scoreBefore() *event.Score {
	s := &d.state
	if s.Score != nil {
		return s.Score
	}
	if d.obs.Score != nil || s.Sport.Rules().CountsGoals && len(s.Tracked) > 0 {
		return &event.Score{}
	}
	return nil
}

// scoreAfter returns the score after a change. score is the score before it.
func (d *draft) scoreAfter(ch *change, in *TrackedIncident, score *event.Score) *event.Score {
	switch {
	case d.state.Sport.Rules().CountsGoals:
		if in.Kind == event.Goal && ch.action != event.Corrected {
			return new(score.Add(in.Side, ch.sign()))
		}
	case d.state.Sport.Rules().InningsScore && in.Kind != event.ScoreChange:
		if d.scoresInnings(*ch) {
			return in.Score
		}
	case isSet(d.state.Sport, &in.Incident): // the score counts games, so the end of a set does not change it
	case in.Score != nil && ch.action == event.New:
		switch {
		case !isPoints(d.state.Sport, &in.Incident), score == nil:
		case partOf(d.state.Sport, &in.Incident) < d.partBefore: // the row belongs to an earlier set
			return score
		case partOf(d.state.Sport, &in.Incident) == d.partBefore: // the row may be late
			least := *score // the page's score may be lower than the score before it
			if page := d.obs.Score; page != nil && (!scoreRestarts(d.state.Sport) || in.Clock.Period == d.state.Match.Period) {
				least = event.Score{Home: min(score.Home, page.Home), Away: min(score.Away, page.Away)}
			}
			return &event.Score{Home: max(in.Score.Home, least.Home), Away: max(in.Score.Away, least.Away)}
		}
		return in.Score
	case isPoints(d.obs.Sport, &in.Incident) && d.obs.Score != nil: // a correction changes all later scores
		return d.obs.Score
	case in.Kind == event.StatusChange && d.obs.Score != nil && !d.score.doubtful: // the next set may have begun at 0-0
		return d.obs.Score
	}
	return score
}

// sign returns -1 for a retraction, and 1 for a new or corrected incident.
func (ch *change) sign() int {
	if ch.action == event.Retracted {
		return -1
	}
	return 1
}

// kicksScored returns how much a change to a kick adds to the tally. The result may be negative.
func (ch *change) kicksScored(kick *TrackedIncident) int {
	return ch.sign()*observation.KickGoals(kick.Detail) - ch.scoredWas
}

// kicksBefore returns the tally of the shoot-out before the changes. It counts the tracked kicks that
// were scored, and subtracts what new and corrected kicks add. If no kick is tracked, it returns the
// tally before the page.
func (d *draft) kicksBefore() *event.Score {
	tally, found := event.Score{}, false
	for i := range d.state.Tracked {
		if tracked := &d.state.Tracked[i]; tracked.Kind.IsKick() {
			tally, found = tally.Add(tracked.Side, observation.KickGoals(tracked.Detail)), true
		}
	}
	if !found {
		return d.tallyBefore
	}
	for i := range d.changes {
		ch := &d.changes[i]
		// Ignore retractions: a retracted kick is still tracked, and part of the tally.
		if in := d.incident(ch); in.Kind.IsKick() && ch.action != event.Retracted {
			tally = tally.Add(in.Side, -ch.kicksScored(in))
		}
	}
	return &tally
}

// kicksAfter returns the tally of the shoot-out after a change. kicks is the tally before it.
func (d *draft) kicksAfter(ch *change, in *TrackedIncident, kicks *event.Score) *event.Score {
	switch {
	case in.Kind.IsKick():
		return new(kicks.Add(in.Side, ch.kicksScored(in)))
	case in.isTallyChange():
		return d.obs.Shootout
	}
	return kicks
}

// isTallyChange reports whether the incident is a change to the tally that no kick explains.
func (tracked *TrackedIncident) isTallyChange() bool {
	return tracked.Kind == event.ScoreChange && tracked.Score == nil && tracked.Clock.Period == event.ShootOut
}

// tallyAt returns the tally of the shoot-out for the event of change i. kicks is the tally after
// the change. Events from before the shoot-out have the tally before the page. For kicks, and for
// events before later kicks, the tally counts up. Later events have the page's tally.
func (d *draft) tallyAt(i int, kicks *event.Score) *event.Score {
	period, _ := d.position(&d.changes[i])
	if so := d.state.Sport.Index(event.ShootOut); so < 0 || period < so {
		return d.tallyBefore
	}
	for j := range d.changes[i:] {
		if in := d.incident(&d.changes[i+j]); in.Kind.IsKick() || in.isTallyChange() {
			return kicks
		}
	}
	return d.tally(kicks)
}

// tally returns the page's tally of the shoot-out. If the page has no tally, or a lower tally than
// kicks, tally returns kicks, because the page's tally can lag behind its rows.
func (d *draft) tally(kicks *event.Score) *event.Score {
	if shown := d.obs.Shootout; shown != nil && (kicks == nil || !lowerScore(d.obs.Sport, shown, kicks)) {
		return shown
	}
	return kicks
}

// removeRetracted stops tracking incidents that were retracted.
func (d *draft) removeRetracted() {
	retracted := map[string]bool{}
	for i := range d.changes {
		if ch := &d.changes[i]; ch.action == event.Retracted {
			retracted[d.incident(ch).ID] = true
		}
	}
	d.state.Tracked = slices.DeleteFunc(d.state.Tracked, func(tracked TrackedIncident) bool {
		return retracted[tracked.ID]
	})
}

// event returns the event of a change. score, shootout and line are the score, the tally and the line
// score after the change.
func (d *draft) event(ch *change, in *TrackedIncident, score, shootout *event.Score, line *event.LineScore) (
	event.Event, error) {
	s, from := &d.state, &d.from
	match, evidence := s.Match, from.Evidence
	evidence.Path = in.Path
	data := event.Data{
		League: s.League, LeagueKey: s.LeagueKey, Player: in.Player, Time: in.Clock.String(),
		Sport: s.Sport, Kind: in.Kind, Action: ch.action, Detail: in.Detail, Side: in.Side, Off: in.Off, Assist: in.Assist,
		Points: in.Points, Incident: in.ID, Rev: in.Rev, Reason: ch.reason, Changes: ch.edits,
		Score: score, Shootout: shootout, Match: &match, LineScore: line,
		Provisional: in.Provisional, Backfill: d.backfill || in.Backfill && ch.fills, Replay: from.Replay,
		Epoch: s.Epoch, Seq: s.Seq, Evidence: &evidence,
	}
	data.Winner, data.DecidedBy = in.Winner, in.DecidedBy
	if ch.lineup != nil {
		data.Lineup = &ch.lineup.Lineup
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
	e, err := event.Of(data.Key(), data, from.At)
	e.TID, e.CausationID, e.Source = from.TID, from.CausationID, from.Site
	return e, err
}
