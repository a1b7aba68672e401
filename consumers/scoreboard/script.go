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
var updateSource string

//go:embed lists.lua
var listsSource string

// updateBoard writes an event to the board of its match, and updateLists lists the match. In a Redis
// cluster, boards and lists can be on different servers, so one script cannot write both.
var (
	updateBoard = redis.NewScript(updateSource)
	updateLists = redis.NewScript(listsSource)
)

// A Change is the message that is published when an event changes a board.
type Change struct {
	Match string    `json:"match"`
	Key   string    `json:"key"`   // routing key of the event
	Event string    `json:"event"` // ID of the event
	TID   event.TID `json:"tid"`
}

// An Incident is the latest revision of an incident. Its JSON begins with first and rev, because
// update.lua extracts these two members with a pattern.
type Incident struct {
	First       int64        `json:"first"` // lowest seq of its revisions
	Rev         int          `json:"rev"`   // 1, 2, 3…
	ID          string       `json:"id"`
	Kind        event.Kind   `json:"kind"`
	Action      event.Action `json:"action"`
	Detail      string       `json:"detail,omitempty"` // "own_goal", "penalty"…
	Reason      string       `json:"reason,omitempty"` // why the incident was corrected or retracted
	Side        event.Side   `json:"side,omitempty"`
	Team        string       `json:"team,omitempty"` // as in the event
	Player      string       `json:"player,omitempty"`
	Off         string       `json:"off,omitempty"`
	Assist      string       `json:"assist,omitempty"`
	Points      int          `json:"points,omitempty"` // as in the event
	Time        string       `json:"time,omitempty"`   // the match clock, such as 90+1'
	Clock       *event.Clock `json:"clock,omitempty"`
	Score       *event.Score `json:"score,omitempty"` // the score after the incident
	Shootout    *event.Score `json:"shootout,omitempty"`
	Provisional bool         `json:"provisional,omitempty"` // reported from the score only

	Winner    event.Winner   `json:"winner,omitempty"`     // match_end: as in the event
	DecidedBy event.Decision `json:"decided_by,omitempty"` // match_end: as in the event
	Lineup    *event.Lineup  `json:"lineup,omitempty"`     // lineup: as in the event

	Seq   int64     `json:"seq"`   // of the event that reported this revision, like Event and TID
	Event string    `json:"event"` // ID of the event
	TID   event.TID `json:"tid"`
}

// incident returns the incident of an event. It returns false for an event that only changes the
// state of the match. If the event has no incident ID, for example because it was emitted manually,
// incident uses the event's ID.
func incident(e event.Event) (Incident, bool) {
	d := e.Data
	switch d.Kind {
	case event.StatusChange, event.ScoreChange, event.KickoffChanged, event.SourceStale, event.SourceFresh,
		event.MatchActivated, event.MatchDeactivated:
		return Incident{}, false
	}
	_, seq := e.Position()
	i := Incident{
		First: seq, Rev: max(d.Rev, 1), ID: d.Incident, Kind: d.Kind, Action: d.Action, Detail: d.Detail, Reason: d.Reason,
		Side: d.Side, Team: d.Team, Player: d.Player, Off: d.Off, Assist: d.Assist, Points: d.Points, Time: d.Time,
		Clock: d.Clock, Score: d.Score, Shootout: d.Shootout, Provisional: d.Provisional, Seq: seq, Event: e.ID, TID: e.TID,
		Winner: d.Winner, DecidedBy: d.DecidedBy, Lineup: d.Lineup,
	}
	if i.ID == "" {
		i.ID = e.ID
	}
	return i, true
}

// boardArguments returns the arguments of updateBoard. channel is the name of the channel of changes.
// until is when the board expires.
func boardArguments(e event.Event, channel string, until time.Time) ([]any, error) {
	change, err := json.Marshal(Change{Match: e.Subject, Key: e.Type, Event: e.ID, TID: e.TID})
	if err != nil {
		return nil, err
	}
	epoch, seq := e.Position()
	args := []any{epoch, seq, until.UnixMilli(), channel, change}
	if i, ok := incident(e); ok {
		text, err := json.Marshal(i)
		if err != nil {
			return nil, err
		}
		args = append(args, i.ID, i.Rev, text)
	} else {
		args = append(args, "", 0, "")
	}
	for _, g := range groups(e) {
		args = append(args, g.name, len(g.fields))
		args = append(args, g.fields...)
	}
	return args, nil
}

// listArguments returns the arguments of updateLists for an event. at is the position of the match in the
// lists.
func listArguments(e event.Event, at time.Time) []any {
	epoch, seq := e.Position()
	return []any{e.Subject, epoch, seq, at.UnixMilli(), inPlay(e.Data.Match.Status)}
}

// inPlay reports whether a match with this status belongs in the list of the matches in play.
func inPlay(s event.Status) bool {
	return slices.Contains([]event.Status{event.Live, event.Break, event.Interrupted, event.Suspended}, s)
}

// A group is a set of fields of a board's hash. An event has either all fields of a group or none.
// If the latest event does not have a group, the board keeps the values of the latest event that
// has the group.
type group struct {
	name   string
	fields []any // alternately names and values
}

// groups returns the groups that an event has.
func groups(e event.Event) []group {
	d, m := e.Data, e.Data.Match
	since, reason := "", ""
	if m.Stale != nil {
		since, reason = m.Stale.Since.Format(time.RFC3339), m.Stale.Reason
	}
	all := []group{{"", []any{
		"match", m.ID, "sport", string(d.Sport), "league", d.League,
		"status", string(m.Status), "period", string(m.Period), "time", m.Clock.String(),
		"updated", e.Time.Format(time.RFC3339Nano), "stale", reason, "stale_since", since,
		"event", e.Type, "id", e.ID, "tid", e.TID.String(), "replay", d.Replay, "situation", encode(m.Situation),
	}}}
	if m.Home != "" || m.Away != "" {
		all = append(all, group{"teams", []any{"home", m.Home, "away", m.Away}})
	}
	if !m.Start.IsZero() {
		all = append(all, group{"start", []any{"start", m.Start.Format(time.RFC3339)}})
	}
	if d.Score != nil {
		all = append(all, group{"score", []any{
			"home_score", d.Score.Home, "away_score", d.Score.Away, "line_score", encode(d.LineScore),
		}})
	}
	if d.Shootout != nil {
		all = append(all, group{"shootout", []any{"home_shootout", d.Shootout.Home, "away_shootout", d.Shootout.Away}})
	}
	return all
}

// encode returns a line score or a situation as JSON, or "" for nil.
func encode[T event.LineScore | event.Situation](v *T) string {
	if v == nil {
		return ""
	}
	text, _ := json.Marshal(v) // cannot fail: it contains only texts and numbers
	return string(text)
}
