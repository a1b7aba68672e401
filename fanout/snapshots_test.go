package fanout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/matchwire/matchwire/api"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/internal/testenv"
)

// shown is a decoded snapshot frame.
type shown struct {
	Snapshot struct {
		Matches []*eventlog.MatchState
		Partial bool
	}
}

// String returns the IDs of the matches, with a + after those from a scoreboard, and a - after those
// that lack incidents. If the snapshot is partial, the text ends with "…".
func (s shown) String() string {
	var all []string
	for _, m := range s.Snapshot.Matches {
		text := m.Match.ID
		if m.Scoreboard {
			text += "+"
		}
		if m.Partial {
			text += "-"
		}
		all = append(all, text)
	}
	if s.Snapshot.Partial {
		all = append(all, "…")
	}
	return strings.Join(all, " ")
}

// snapshot reads a snapshot, checks it against the schema, and returns its text form.
func (c *client) snapshot() string {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, text, err := c.conn.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = testenv.Schema(c.t, api.Contracts, "frames.json#/definitions/snapshot").Validate(v)
	}
	var s shown
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		c.t.Fatalf("frame %s: %v", text, err)
	}
	return s.String()
}

// board returns a function for Options.Scoreboard that returns the given states.
func board(states ...*eventlog.MatchState) func(context.Context, string) (*eventlog.MatchState, error) {
	return func(_ context.Context, match string) (*eventlog.MatchState, error) {
		i := slices.IndexFunc(states, func(m *eventlog.MatchState) bool { return m.Match.ID == match })
		if i < 0 {
			return nil, nil
		}
		return states[i], nil
	}
}

// onBoard returns the state of a match on its scoreboard, after the event with the number seq. The state
// has an incident for each routing key.
func onBoard(match string, seq int64, updated time.Time, keys ...string) *eventlog.MatchState {
	m := &eventlog.MatchState{Match: event.Match{ID: match, Home: "Toronto FC", Away: "B", Status: event.Live},
		Sport: event.Soccer, League: "MLS", Score: &event.Score{Home: int(seq)}, Updated: updated, TID: event.NewTID(),
		Epoch: "e1", Seq: seq, Scoreboard: true, Incidents: []*eventlog.Incident{}}
	for _, key := range keys {
		m.Incidents = append(m.Incidents, &eventlog.Incident{Incident: "i-" + key, Key: key, Kind: event.Goal, TID: m.TID})
	}
	return m
}

// A node with SnapshotMatches: 3 has dropped the states of the matches m0 and m1. Snapshots that may lack
// a match are partial. Clients that ask for a dropped match receive its scoreboard.
func TestDroppedMatches(t *testing.T) {
	b := memory.New(nil, nil)
	now := time.Now()
	for i := range 5 {
		publishNth(t, b, fmt.Sprint("m", i), "soccer.mls.goal", 1, nil)
	}
	publishNth(t, b, "m3", "soccer.mls.goal", 2, nil)
	n := newNodeOf(t, b, fanout.Options{SnapshotMatches: 3, Scoreboard: board(
		onBoard("m1", 7, now, "soccer.mls.goal", "soccer.mls.red_card"), onBoard("m3", 9, now))})
	for query, want := range map[string]string{
		"":                                    "m3 m4 m2 …",
		"topics=soccer.%23":                   "m3 m4 m2 …",
		"team=Pittsburgh+Penguins":            "m3 m4 m2 …",
		"nothing=true":                        "",
		"match=m3":                            "m3", // not from its scoreboard
		"match=m3,m4":                         "m3 m4",
		"match=m0":                            "…", // without a scoreboard
		"match=m0,m4":                         "m4 …",
		"match=m1":                            "m1+",
		"match=m1,m2":                         "m2 m1+",
		"match=m1&team=TORONTO+FC":            "m1+",
		"match=m1&team=Other":                 "",
		"match=m1&topics=soccer.mls.red_card": "m1+",
		"match=m1&topics=*.*.penalty_goal":    "",
	} {
		if got := n.follow(t, query).snapshot(); got != want {
			t.Errorf("query %q: snapshot %q, want %q", query, got, want)
		}
	}
	c := n.follow(t, "match=m4")
	for _, step := range []struct{ send, want string }{
		{"", "m4"},
		{`{"subscribe":{"match":["m1"]}}`, "m4 m1+"},
		{`{"subscribe":{"match":["m0"]}}`, "m4 m1+ …"}, // the filter still names m1
		{`{"unsubscribe":{"match":["m0","m1"]}}`, "m4"},
	} {
		if step.send != "" {
			if err := c.conn.WriteMessage(websocket.TextMessage, []byte(step.send)); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.snapshot(); got != step.want {
			t.Errorf("after sending %q: snapshot %q, want %q", step.send, got, step.want)
		}
	}
	// The next event of a dropped match begins a new state, which lacks the incidents before it.
	live := n.follow(t, "match=m1")
	live.read()
	publishNth(t, b, "m1", "soccer.mls.goal", 7, nil)
	live.event()
	for query, want := range map[string]string{"": "m1- m3 m4 …", "match=m1": "m1+", "match=m0": "…"} {
		if got := n.follow(t, query).snapshot(); got != want {
			t.Errorf("after an event of m1, query %q: snapshot %q, want %q", query, got, want)
		}
	}
	publishNth(t, b, "m1", "soccer.mls.goal", 8, nil) // the scoreboard is now older
	live.event()
	if got := n.follow(t, "match=m1").snapshot(); got != "m1- …" {
		t.Errorf("with an older scoreboard: snapshot %q, want %q, the state of the node", got, "m1- …")
	}
}

// A delayed client receives a scoreboard only if the latest event of the scoreboard is older than the
// delay.
func TestDelayedClientsAndScoreboards(t *testing.T) {
	b := memory.New(nil, nil)
	now := time.Now()
	n := newNodeOf(t, b, fanout.Options{Scoreboard: board(
		onBoard("m1", 7, now.Add(-time.Minute)), onBoard("m2", 7, now.Add(-time.Hour)))})
	for query, want := range map[string]string{
		"match=m1,m2":          "m1+ m2+",
		"match=m1,m2&delay=30": "m1+ m2+",
		"match=m1,m2&delay=90": "m2+",
		"match=m1,m2&from=" + url.QueryEscape(now.Add(-2*time.Hour).Format(time.RFC3339)): "",
	} {
		if got := n.follow(t, query).snapshot(); got != want {
			t.Errorf("query %q: snapshot %q, want %q", query, got, want)
		}
	}
}

// A token restricts the states from scoreboards as it restricts other states.
func TestTokensAndScoreboards(t *testing.T) {
	keys := loadKeys(t, secretFile)
	n := newNodeOf(t, memory.New(nil, nil), fanout.Options{Limits: fanout.Limits{Tokens: keys}, Scoreboard: board(
		onBoard("m1", 7, time.Now(), "soccer.mls.goal", "soccer.mls.red_card"))})
	soon := time.Now().Add(time.Minute).Unix()
	for _, tc := range []struct {
		claims    jwt.MapClaims
		query     string
		want      string
		incidents int
	}{
		{jwt.MapClaims{"match": []string{"m1"}}, "", "m1+", 2}, // the token alone names the match
		{jwt.MapClaims{"topics": []string{"*.*.red_card"}}, "match=m1", "m1+", 1},
		{jwt.MapClaims{"team": []string{"Other"}}, "match=m1", "", 0},
	} {
		tc.claims["exp"] = soon
		c := n.follow(t, tc.query+"&token="+token(t, jwt.SigningMethodHS256, []byte(secret), tc.claims))
		_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, text, err := c.conn.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		var s shown
		if err := json.Unmarshal(text, &s); err != nil || s.String() != tc.want {
			t.Errorf("claims %v: snapshot %q, error %v, want %q", tc.claims, s, err, tc.want)
			continue
		}
		if len(s.Snapshot.Matches) > 0 && len(s.Snapshot.Matches[0].Incidents) != tc.incidents {
			t.Errorf("claims %v: %d incidents, want %d", tc.claims, len(s.Snapshot.Matches[0].Incidents), tc.incidents)
		}
	}
}

// A snapshot with corrections and retractions matches the schema. The retracted incident is not among the incidents.
func TestSnapshotWithRetraction(t *testing.T) {
	b := memory.New(nil, nil)
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	publishNth(t, b, "m1", "soccer.mls.goal_corrected", 2, func(d *event.Data) {
		d.Incident, d.Action, d.Rev, d.Reason = "m1/1", event.Corrected, 2, "the page names another player"
		d.Changes = map[string]event.Change{"player": {Old: "P1", New: "P2"}}
	})
	publishNth(t, b, "m1", "soccer.mls.goal", 3, nil)
	publishNth(t, b, "m1", "soccer.mls.goal_retracted", 4, func(d *event.Data) {
		d.Incident, d.Action, d.Rev, d.Reason = "m1/3", event.Retracted, 2, "the page no longer shows the goal"
		d.Match.Clock = event.Clock{Period: "1h", Minute: 27}
	})
	n := newNode(t, b)
	if got := n.follow(t, "").snapshot(); got != "m1" {
		t.Errorf("the snapshot has the matches %q, want m1", got)
	}
	m := n.follow(t, "").read().Snapshot.Matches[0]
	if len(m.Incidents) != 1 || m.Incidents[0].Changes["player"].New != "P2" || len(m.Retracted) != 1 ||
		m.Retracted[0].Incident != "m1/3" || m.Retracted[0].Retraction.Clock.Minute != 27 {
		t.Errorf("the incidents are %+v and the retracted incidents %+v", m.Incidents, m.Retracted)
	}
}
