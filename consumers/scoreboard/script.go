package scoreboard

import (
	_ "embed"
	"encoding/json"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
)

//go:embed update.lua
var source string

var script = redis.NewScript(source)

// A Change is what is published of an event that changed a board.
type Change struct {
	Match string    `json:"match"`
	Key   string    `json:"key"`   // routing key of the event
	Event string    `json:"event"` // its ID
	TID   event.TID `json:"tid"`
}

// An Incident is what is known of an incident: its latest revision.
type Incident struct {
	First       int64        `json:"first"` // seq of its first revision; stands first, for the script
	Rev         int          `json:"rev"`   // from 1; stands second
	ID          string       `json:"id"`
	Kind        event.Kind   `json:"kind"`
	Action      event.Action `json:"action"`           // of that revision; "retracted" where it was taken back
	Detail      string       `json:"detail,omitempty"` // "own_goal", "penalty"…
	Reason      string       `json:"reason,omitempty"` // why it was corrected or taken back
	Side        event.Side   `json:"side,omitempty"`
	Team        string       `json:"team,omitempty"` // as in an event
	Player      string       `json:"player,omitempty"`
	Off         string       `json:"off,omitempty"`
	Assist      string       `json:"assist,omitempty"`
	Time        string       `json:"time,omitempty"` // the clock as people write it
	Clock       *event.Clock `json:"clock,omitempty"`
	Score       *event.Score `json:"score,omitempty"` // after it
	Shootout    *event.Score `json:"shootout,omitempty"`
	Provisional bool         `json:"provisional,omitempty"` // the score says so, the rest is not known yet
	Seq         int64        `json:"seq"`                   // of that revision
	Event       string       `json:"event"`                 // ID of the event that said so
	TID         event.TID    `json:"tid"`
}

// incident is what an event says of one; what was emitted by hand is one itself.
// What only moves the match's state is none.
func incident(e event.Event) (Incident, bool) {
	d := e.Data
	switch d.Kind {
	case event.StatusChange, event.ScoreChange, event.SourceStale, event.SourceFresh, event.MatchActivated, event.MatchDeactivated:
		return Incident{}, false
	}
	_, seq := e.Position()
	i := Incident{First: seq, ID: d.Incident, Kind: d.Kind, Rev: max(d.Rev, 1), Action: d.Action, Detail: d.Detail, Reason: d.Reason, Side: d.Side, Team: d.Team, Player: d.Player,
		Off: d.Off, Assist: d.Assist, Time: d.Time, Clock: d.Clock, Score: d.Score, Shootout: d.Shootout, Provisional: d.Provisional, Seq: seq, Event: e.ID, TID: e.TID}
	if i.ID == "" {
		i.ID = e.ID
	}
	return i, true
}

// arguments are those of the script: at is when the event was, until how long
// the board stays.
func arguments(e event.Event, at, until time.Time) ([]any, error) {
	change, err := json.Marshal(Change{Match: e.Subject, Key: e.Type, Event: e.ID, TID: e.TID})
	if err != nil {
		return nil, err
	}
	epoch, seq := e.Position()
	args := []any{epoch, seq, until.UnixMilli(), at.UnixMilli(), e.Subject, underWay(e.Data.Match.Status), change}
	if i, ok := incident(e); ok {
		what, err := json.Marshal(i)
		if err != nil {
			return nil, err
		}
		args = append(args, i.ID, i.Rev, what)
	} else {
		args = append(args, "", 0, "")
	}
	for _, g := range fields(e) {
		args = append(args, g.name, len(g.fields))
		args = append(args, g.fields...)
	}
	return args, nil
}

// underWay reports whether a match of that status is listed as live.
func underWay(s event.Status) bool {
	return slices.Contains([]event.Status{event.Live, event.Break, event.Interrupted, event.Suspended}, s)
}

// A group is names and values of the hash that an event tells together, or not
// at all: what it does not tell keeps the value of the latest that did.
type group struct {
	name   string
	fields []any
}

func fields(e event.Event) []group {
	d, m := e.Data, e.Data.Match
	since, reason := "", ""
	if m.Stale != nil {
		since, reason = m.Stale.Since.Format(time.RFC3339), m.Stale.Reason
	}
	all := []group{{"", []any{
		"match", m.ID, "sport", string(d.Sport), "league", d.League, "status", string(m.Status), "period", string(m.Period), "time", m.Clock.String(),
		"updated", e.Time.Format(time.RFC3339Nano), "stale", reason, "stale_since", since, "event", e.Type, "id", e.ID, "tid", e.TID.String(), "replay", d.Replay,
	}}}
	if m.Home != "" || m.Away != "" {
		all = append(all, group{"teams", []any{"home", m.Home, "away", m.Away}})
	}
	if !m.Start.IsZero() {
		all = append(all, group{"start", []any{"start", m.Start.Format(time.RFC3339)}})
	}
	if d.Score != nil {
		all = append(all, group{"score", []any{"home_score", d.Score.Home, "away_score", d.Score.Away}})
	}
	if d.Shootout != nil {
		all = append(all, group{"shootout", []any{"home_shootout", d.Shootout.Home, "away_shootout", d.Shootout.Away}})
	}
	return all
}
