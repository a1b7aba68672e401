// Package event defines the types that all parts of matchwire share: the event, its routing key,
// kind and clock, and its source. It also defines the transaction ID, which links a cause to its
// effects. The package imports no other package of this module, except internal/spelling.
package event

import (
	"cmp"
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

// An Event reports that an incident is new, corrected or retracted, or that a match or a source changed state.
// It is a CloudEvents 1.0 object; tid and causationid are extension attributes.
type Event struct {
	SpecVersion     string    `json:"specversion"`           // "1.0"
	ID              string    `json:"id"`                    // a UUID; the same facts have the same ID in every process
	Source          string    `json:"source"`                // the publisher, such as "/parser/<profile>" or "/emit"
	Type            string    `json:"type"`                  // the routing key
	Subject         string    `json:"subject,omitempty"`     // the match ID
	Time            time.Time `json:"time"`                  // when the page with the facts was fetched, UTC
	DataContentType string    `json:"datacontenttype"`       // "application/json"
	TID             TID       `json:"tid"`                   // TID of the job that the event belongs to
	CausationID     string    `json:"causationid,omitempty"` // ID of the message that caused the event
	Data            Data      `json:"data"`
}

// Data holds the facts of an event. The first five fields are sufficient for a simple consumer.
// They are always present, but may be empty. Most other fields are omitted if they do not apply.
type Data struct {
	League   string `json:"league"`   // the league's full name, such as "Premier League"
	Team     string `json:"team"`     // the team of the goal or card; for an own goal, the team that gets the goal
	Player   string `json:"player"`   // the scorer, the offender, or the player who comes on
	Opponent string `json:"opponent"` // the other team
	Time     string `json:"time"`     // "14:21", "15'" or "90+1'", see [Clock.String]

	LeagueKey string `json:"league_key,omitempty"` // the league's word in routing keys; "" means [Slug] of League

	Sport  Sport  `json:"sport"`
	Kind   Kind   `json:"kind"`
	Action Action `json:"action"`
	Detail string `json:"detail,omitempty"` // "own_goal", "penalty", "second_yellow", "scored"…
	Side   Side   `json:"side,omitempty"`   // Team's side
	Off    string `json:"off,omitempty"`    // substitution: the player who goes off
	Assist string `json:"assist,omitempty"` // goal: the player or players who assisted
	Points int    `json:"points,omitempty"` // points or runs added to the score of Side; 0 if unknown or for a goal

	Incident   string            `json:"incident,omitempty"`   // a UUID; the same for all events of an incident
	Rev        int               `json:"rev,omitempty"`        // 1 when new, one more with each correction or retraction
	Supersedes string            `json:"supersedes,omitempty"` // ID of the event that this event corrects or retracts
	Reason     string            `json:"reason,omitempty"`     // reason for the event, such as for a correction
	Changes    map[string]Change `json:"changes,omitempty"`    // the changed members by name, see [Change]

	Clock    *Clock `json:"clock,omitempty"`    // time of the incident in the match
	Score    *Score `json:"score,omitempty"`    // after this event
	Shootout *Score `json:"shootout,omitempty"` // kicks scored so far; not part of Score
	Match    *Match `json:"match,omitempty"`    // the state of the match

	LineScore *LineScore `json:"line_score,omitempty"` // score by period, innings or set after this event; nil if unknown
	Winner    Winner     `json:"winner,omitempty"`     // match_end: who won; "" if unknown
	DecidedBy Decision   `json:"decided_by,omitempty"` // match_end: how the match was decided; "" if unknown
	Lineup    *Lineup    `json:"lineup,omitempty"`     // lineup: the players of Team

	Provisional bool   `json:"provisional,omitempty"` // the score implies the incident; no page has listed it yet
	Backfill    bool   `json:"backfill,omitempty"`    // the incident happened before the first fetch
	Replay      bool   `json:"replay,omitempty"`      // the event was replayed from a recording
	Epoch       string `json:"epoch,omitempty"`       // UUIDv7 of the match's saved state; "" if not from the parser
	Seq         int64  `json:"seq,omitempty"`         // number of the event within the epoch: 1, 2, 3…

	Evidence *Evidence `json:"evidence,omitempty"`
	Source   *Source   `json:"source,omitempty"` // match_activated and match_deactivated: the source
}

// Key returns the routing key of an event with these facts.
func (d *Data) Key() string {
	return Key(d.Sport, cmp.Or(d.LeagueKey, d.League), d.Kind.Word(d.Action))
}

// A Change holds the old and the new value of a changed member. A kick-off time is in RFC 3339, UTC.
type Change struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// Evidence identifies the part of a page from which an event was created.
type Evidence struct {
	URL      string `json:"url,omitempty"`
	Snapshot string `json:"snapshot,omitempty"` // "sha256:" and the hex digest of the page's body
	Path     string `json:"path,omitempty"`     // location in the page: a CSS selector or a jq query
}

// Of returns an event with the given routing key, facts and time, and with the source "/emit". It
// sets the ID, and takes missing facts from the key and the clock. If the match has no status, the
// status becomes Live. The caller must set the TID. Of returns an error if the key, the match ID or
// the status is invalid, if the facts contradict the key, or if the situation is impossible in the
// sport.
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
	if want := d.Key(); want != key {
		return Event{}, fmt.Errorf("routing key %q: the facts require %q", key, want)
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
		if err := m.Situation.check(d.Sport); err != nil {
			return Event{}, err
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

// idSpace is the UUID namespace of event and incident IDs. It must never change, because all IDs
// depend on it.
var idSpace = uuid.MustParse("8d0c0b3a-5f0e-4c53-9d4e-2f6f0a6d7c11")

// IncidentID returns the UUID that is computed from parts. The same parts have the same UUID in
// every process and version.
func IncidentID(parts ...string) string {
	return uuid.NewSHA1(idSpace, []byte(strings.Join(parts, "\x1f"))).String()
}

// identify returns the ID of the event. It computes the ID from the incident, the revision and the
// facts. So events with the same facts have the same ID, even from two parsers. An event
// without an incident, such as match_activated or a manually emitted event, gets a new ID.
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
		if d.Clock.Half != "" {
			at += " " + string(d.Clock.Half)
		}
	}
	parts := []string{"event", d.Incident, strconv.Itoa(d.Rev), e.Type, d.Detail, d.Team, d.Player, d.Off, d.Assist, at}
	switch {
	case d.Kind == StatusChange && d.Match != nil:
		parts = append(parts, string(d.Match.Status))
	case d.Kind == KickoffChanged && d.Match != nil:
		parts = append(parts, d.Match.Start.UTC().Format(time.RFC3339))
	case d.Winner != "" || d.DecidedBy != "":
		parts = append(parts, string(d.Winner), string(d.DecidedBy))
	case d.Lineup != nil:
		parts = append(parts, d.Lineup.text())
	}
	return IncidentID(parts...)
}

// Decode decodes and checks an event.
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

// Position returns the position of the event in the order of its match. To compare positions,
// compare the epochs as text, then the sequence numbers. Events that the parser did not
// create have no epoch. They come before all events from the parser, ordered by time.
func (e Event) Position() (epoch string, seq int64) {
	if e.Data.Epoch == "" {
		return "", e.Time.UnixMicro()
	}
	return e.Data.Epoch, e.Data.Seq
}
