package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// ContentType is the media type of an encoded event.
const ContentType = "application/cloudevents+json"

// An Event says that an incident is new, corrected or retracted, or that a
// match changed status. It is a CloudEvents 1.0 object; tid and causationid
// are extension attributes.
type Event struct {
	SpecVersion     string    `json:"specversion"`           // "1.0"
	ID              string    `json:"id"`                    // a UUID; equal for equal facts, whoever scraped them
	Source          string    `json:"source"`                // "/parser/<profile>", or whatever the emitter calls itself
	Type            string    `json:"type"`                  // the routing key
	Subject         string    `json:"subject,omitempty"`     // the match ID
	Time            time.Time `json:"time"`                  // when the page that showed it was read, UTC
	DataContentType string    `json:"datacontenttype"`       // "application/json"
	TID             TID       `json:"tid"`                   // the job that this belongs to
	CausationID     string    `json:"causationid,omitempty"` // ID of the message that caused it
	Data            Data      `json:"data"`
}

// Data holds the facts. The first five are the contract with the simplest
// consumer and always present, if empty; of the others those that do not apply
// are left out.
type Data struct {
	League   string `json:"league"`   // "MLS", as people write it
	Team     string `json:"team"`     // whose goal or card; for an own goal the team it counts for
	Player   string `json:"player"`   // scorer, offender, or the one who comes on
	Opponent string `json:"opponent"` // the other team
	Time     string `json:"time"`     // "14:21", "15'" or "90+1'", see [Clock.String]

	Sport  Sport  `json:"sport"`
	Kind   Kind   `json:"kind"`
	Action Action `json:"action"`
	Detail string `json:"detail,omitempty"` // "own_goal", "penalty", "second_yellow", "scored"…
	Side   Side   `json:"side,omitempty"`   // Team's side
	Off    string `json:"off,omitempty"`    // substitution: who goes off
	Assist string `json:"assist,omitempty"` // goal: who made it

	Incident   string            `json:"incident,omitempty"`   // a UUID; survives every re-reading of the page
	Rev        int               `json:"rev,omitempty"`        // 1 when new, one more with each correction
	Supersedes string            `json:"supersedes,omitempty"` // ID of the event that this corrects or retracts
	Reason     string            `json:"reason,omitempty"`     // why it was corrected or retracted
	Changes    map[string]Change `json:"changes,omitempty"`    // correction: what changed, by member name

	Clock    *Clock `json:"clock,omitempty"`    // where in the match it happened
	Score    *Score `json:"score,omitempty"`    // after this event
	Shootout *Score `json:"shootout,omitempty"` // kicks scored so far; never part of Score
	Match    *Match `json:"match,omitempty"`    // whole state travels with each event

	Provisional bool   `json:"provisional,omitempty"` // the score says so, the incident is not known yet
	Backfill    bool   `json:"backfill,omitempty"`    // happened before we first saw the match
	Replay      bool   `json:"replay,omitempty"`      // made from a recording
	Epoch       string `json:"epoch,omitempty"`       // a UUIDv7 per saved state; empty for events emitted by hand
	Seq         int64  `json:"seq,omitempty"`         // 1, 2, 3… within the epoch

	Evidence *Evidence `json:"evidence,omitempty"`
	Source   *Source   `json:"source,omitempty"` // match_activated and match_deactivated: the page
}

// A Change is what a correction did to one member.
type Change struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// A Score counts goals, points or runs by side.
type Score struct {
	Home int `json:"home"`
	Away int `json:"away"`
}

// String writes the score as home-away.
func (s Score) String() string { return fmt.Sprintf("%d-%d", s.Home, s.Away) }

// Of is the side's part of the score.
func (s Score) Of(side Side) int {
	if side == Home {
		return s.Home
	}
	return s.Away
}

// Add is s with n more for side.
func (s Score) Add(side Side, n int) Score {
	if side == Home {
		s.Home += n
	} else {
		s.Away += n
	}
	return s
}

// A Match is what an event says of the match it belongs to.
type Match struct {
	ID     string    `json:"id"`
	Home   string    `json:"home"`
	Away   string    `json:"away"`
	Start  time.Time `json:"start,omitzero"`
	Status Status    `json:"status"`
	Period Period    `json:"period,omitempty"` // being played, or the break
	Clock  Clock     `json:"clock,omitzero"`   // the match's, where the page shows one
	Stale  *Stale    `json:"stale,omitempty"`  // nil while its source brings pages that can be used
}

// Stale is why and since when nothing new is known of a match.
type Stale struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

// Team is the name of the team on that side.
func (m Match) Team(s Side) string {
	if s == Home {
		return m.Home
	}
	return m.Away
}

// Evidence says which bytes of which page made us say it.
type Evidence struct {
	URL      string `json:"url,omitempty"`
	Snapshot string `json:"snapshot,omitempty"` // "sha256:" and the hex digest of the page's body
	Path     string `json:"path,omitempty"`     // where in the page: a CSS or jq path
}

// Of builds an event from its routing key and its facts: what the key tells is
// filled in, id and time too; a match without a status is live. The TID is the
// caller's to set. Facts that contradict the key are refused.
func Of(key string, d Data, at time.Time) (Event, error) {
	if err := CheckKey(key); err != nil {
		return Event{}, err
	}
	words := strings.Split(key, ".")
	kind, action := splitWord(words[2])
	if d.Sport == "" {
		d.Sport = Sport(words[0])
	}
	if d.League == "" {
		d.League = words[1]
	}
	if d.Kind == "" {
		d.Kind = kind
	}
	if d.Action == "" {
		d.Action = action
	}
	if want := Key(d.Sport, d.League, d.Kind.Word(d.Action)); want != key {
		return Event{}, fmt.Errorf("routing key %q: the facts belong under %q", key, want)
	}
	if d.Time == "" && d.Clock != nil {
		d.Time = d.Clock.String()
	}
	if d.Match != nil {
		m := *d.Match
		if err := CheckMatchID(m.ID); err != nil {
			return Event{}, err
		}
		if m.Status == "" {
			m.Status = Live
		}
		if !slices.Contains(Statuses(), m.Status) {
			return Event{}, fmt.Errorf("match status %q: want one of %v", m.Status, Statuses())
		}
		d.Match = &m
	}
	e := Event{
		SpecVersion: "1.0", Source: "/emit", Type: key, Time: at.UTC(),
		DataContentType: "application/json", Data: d,
	}
	if d.Match != nil {
		e.Subject = d.Match.ID
	}
	e.ID = e.identify()
	return e, nil
}

// idSpace is the UUID namespace of event and incident IDs. It must never
// change: every ID ever given out depends on it.
var idSpace = uuid.MustParse("8d0c0b3a-5f0e-4c53-9d4e-2f6f0a6d7c11")

// IncidentID is the identity of an incident: the same parts give the same ID,
// in every process and for ever.
func IncidentID(parts ...string) string {
	return uuid.NewSHA1(idSpace, []byte(strings.Join(parts, "\x1f"))).String()
}

// identify derives the event's ID from incident, revision and facts, so that
// two scrapers, or a replay, that say the same thing say it under the same ID.
// An event without an incident was emitted by hand: it is itself the incident.
func (e Event) identify() string {
	d := e.Data
	if d.Incident == "" {
		return uuid.Must(uuid.NewV7()).String()
	}
	var at string
	if d.Clock != nil {
		at = fmt.Sprintf("%s %d+%d %d", d.Clock.Period, d.Clock.Minute, d.Clock.Stoppage, d.Clock.Elapsed)
		if d.Clock.Balls > 0 {
			at += fmt.Sprintf(" %d", d.Clock.Balls)
		}
	}
	parts := []string{"event", d.Incident, strconv.Itoa(d.Rev), e.Type, d.Detail, d.Team, d.Player, d.Off, d.Assist, at}
	if d.Kind == StatusChange && d.Match != nil {
		parts = append(parts, string(d.Match.Status))
	}
	return IncidentID(parts...)
}

// Decode reads an encoded event.
func Decode(body []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(body, &e); err != nil {
		return e, fmt.Errorf("decoding event: %w", err)
	}
	switch {
	case !utf8.Valid(body):
		return e, errors.New("decoding event: not UTF-8")
	case e.SpecVersion != "1.0":
		return e, fmt.Errorf("decoding event: specversion %q, want 1.0", e.SpecVersion)
	case e.ID == "" || e.TID.IsZero():
		return e, errors.New("decoding event: id or tid missing")
	}
	if err := CheckKey(e.Type); err != nil {
		return e, fmt.Errorf("decoding event: %w", err)
	}
	return e, nil
}

// Position orders the events of one match: by epoch as text, then by seq.
// An event emitted by hand has no epoch, so any that the parser made is newer;
// among themselves they go by time.
func (e Event) Position() (epoch string, seq int64) {
	if e.Data.Epoch == "" {
		return "", e.Time.UnixMicro()
	}
	return e.Data.Epoch, e.Data.Seq
}
