package event_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

func goal() event.Data {
	clock := event.SoccerElapsed("", 861)
	return event.Data{
		League: "MLS", Team: "Toronto FC", Player: "Sebastian Giovinco", Opponent: "New York City FC",
		Incident: event.IncidentID("m1", "goal", "away", "1"), Rev: 1,
		Side: event.Away, Clock: &clock, Score: &event.Score{Away: 1},
		Match: &event.Match{ID: "m1", Home: "New York City FC", Away: "Toronto FC", Status: event.Live},
	}
}

func encode(t *testing.T, key string, d event.Data) (event.Event, broker.Message) {
	t.Helper()
	e, err := event.Of(key, d, time.Date(2016, 11, 6, 23, 50, 21, 123e6, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	e.TID = event.NewTID()
	m, err := broker.NewMessage(e)
	if err != nil {
		t.Fatal(err)
	}
	return e, m
}

func TestDecodeReturnsTheEncodedEvent(t *testing.T) {
	for _, player := range []string{
		"Sebastian Giovinco", "<script>alert(1)</script> & \u202e@everyone\u2028",
		"=HYPERLINK(\"x\")\x1b[31m\x00\u009b\r\n\ufeff",
	} {
		d := goal()
		d.Player = player
		e, m := encode(t, "soccer.mls.goal", d)
		got, err := event.Decode(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != e.ID || got.TID != e.TID || !got.Time.Equal(e.Time) || got.Data.Player != player {
			t.Errorf("Decode: %+v, want %+v", got, e)
		}
		b, err := broker.NewMessage(got)
		if err != nil || string(b.Body) != string(m.Body) {
			t.Errorf("encoding the decoded event: error %v\ngot  %s\nwant %s", err, b.Body, m.Body)
		}
	}
}

func TestDecodeRejectsInvalidEvents(t *testing.T) {
	_, m := encode(t, "soccer.mls.goal", goal())
	whole := string(m.Body)
	for name, body := range map[string]string{
		"not JSON":    "goal!",
		"empty":       "",
		"an array":    "[]",
		"bad version": strings.Replace(whole, `"1.0"`, `"0.3"`, 1),
		"no id":       `{"specversion":"1.0","type":"a.b.c"}`,
		"bad type":    strings.Replace(whole, `"type":"soccer.mls.goal"`, `"type":"goal"`, 1),
		"bad tid":     strings.Replace(whole, `"tid":"`, `"tid":"x`, 1),
		"bad rev":     strings.Replace(whole, `"rev":1`, `"rev":"one"`, 1),
	} {
		if _, err := event.Decode([]byte(body)); err == nil {
			t.Errorf("Decode of an invalid event (%s) returned no error, want one", name)
		}
	}
}

// The ID depends on the facts, not on the process that reports them or on the time.
func TestSameFactsHaveTheSameID(t *testing.T) {
	a, _ := encode(t, "soccer.mls.goal", goal())
	d := goal()
	d.Epoch, d.Seq, d.Backfill, d.Evidence = "other", 9, true, &event.Evidence{URL: "elsewhere"}
	b, err := event.Of("soccer.mls.goal", d, time.Now())
	if err != nil || a.ID != b.ID {
		t.Errorf("the same facts have IDs %s and %s, error %v, want the same ID", a.ID, b.ID, err)
	}
	for name, change := range map[string]func(*event.Data){
		"player":   func(d *event.Data) { d.Player = "Jozy Altidore" },
		"minute":   func(d *event.Data) { d.Clock = &event.Clock{Period: "1h", Minute: 16} },
		"revision": func(d *event.Data) { d.Rev = 2 },
		"incident": func(d *event.Data) { d.Incident = event.IncidentID("m1", "goal", "away", "2") },
	} {
		d := goal()
		change(&d)
		if c, _ := event.Of("soccer.mls.goal", d, time.Now()); c.ID == a.ID {
			t.Errorf("an event with a different %s has the same ID, want a different ID", name)
		}
	}
}

func TestOfFillsInFactsFromTheKey(t *testing.T) {
	e, err := event.Of("soccer.mls.goal_retracted", event.Data{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if d := e.Data; d.Sport != "soccer" || d.League != "mls" || d.Kind != event.Goal || d.Action != event.Retracted {
		t.Errorf("Of set the facts %+v, want soccer, mls, goal and retracted", d)
	}
	for _, key := range []string{"", "goal", "soccer.mls", "soccer.mls.goal.x", "soccer..goal", "Soccer.mls.goal",
		"soccer.m ls.goal",
		"soccer._mls.goal", "soccer.mls_.goal", "soccer.m__ls.goal", "soccer.*.goal", strings.Repeat("a", 256) + ".b.c"} {
		if _, err := event.Of(key, event.Data{}, time.Now()); err == nil {
			t.Errorf("Of accepts the invalid key %q, want an error", key)
		}
	}
	if _, err := event.Of("soccer.mls.goal", event.Data{League: "Serie A"}, time.Now()); err == nil {
		t.Error("Of accepts facts whose league differs from the league in the key, want an error")
	}
}

func TestOfChecksTheSituation(t *testing.T) {
	for _, test := range []struct {
		sport     event.Sport
		situation event.Situation
		want      string // the error; "" if the situation is possible
	}{
		{event.Baseball, event.Situation{Batting: event.Away, Balls: new(3), Outs: new(0), Bases: []int{1, 3}}, ""},
		{event.Baseball, event.Situation{Strikes: new(5)}, "situation: strikes 5: want 0 to 3"},
		{event.Baseball, event.Situation{Bases: []int{4}}, "situation: bases 4: want 1 to 3"},
		{event.Baseball, event.Situation{Batting: "visitors"}, `situation: batting "visitors": want home or away`},
		{event.AmericanFootball, event.Situation{Down: 4, Goal: true, BallOn: "MOB 3"}, ""},
		{event.AmericanFootball, event.Situation{Down: 5}, "situation: down 5: want 1 to 4"},
		{event.Soccer, event.Situation{Possession: event.Home}, "situation: soccer has no possession"},
		{event.Basketball, event.Situation{Points: &event.GamePoints{Home: "15", Away: "0"}},
			"situation: basketball has no home_points"},
		{event.Cricket, event.Situation{Target: 161, RequiredRate: 8.5}, ""},
		{event.Cricket, event.Situation{Target: -1}, "situation: target -1: want 1 to 2000"},
		{event.Tennis, event.Situation{Goal: true}, "situation: tennis has no distance"},
	} {
		d := event.Data{Match: &event.Match{ID: "m1", Situation: &test.situation}}
		_, err := event.Of(event.Key(test.sport, "mls", event.StatusChange.Word(event.New)), d, time.Now())
		if got := fmt.Sprint(err); err == nil && test.want != "" || err != nil && got != test.want {
			t.Errorf("%s with %s: error %v, want %q", test.sport, &test.situation, err, test.want)
		}
	}
}

func TestKeyOfEveryKind(t *testing.T) {
	for _, s := range event.Sports() {
		for _, k := range append(s.Rules().Kinds, event.MatchStart, event.PeriodEnd, event.SourceStale) {
			for _, a := range []event.Action{event.New, event.Corrected, event.Retracted} {
				key := event.Key(s, "Any League", k.Word(a))
				e, err := event.Of(key, event.Data{League: "Any League"}, time.Now())
				if err != nil || e.Data.Kind != k || e.Data.Action != a {
					t.Errorf("key %s: kind %s, action %s, error %v; want kind %s and action %s",
						key, e.Data.Kind, e.Data.Action, err, k, a)
				}
			}
		}
	}
}

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{
		"MLS": "mls", "Premier League": "premier_league", "Primera División": "primera_division",
		"  Ligue 1 / Uber Eats ": "ligue_1_uber_eats", "": "unknown", "Премьер": "premer", "K'League": "kleague",
		"Süper Lig": "super_lig",
	} {
		if got := event.Slug(in); got != want {
			t.Errorf("Slug(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	for _, tc := range []struct {
		c    event.Clock
		want event.Clock
		text string
	}{
		{event.SoccerElapsed("", 861), event.Clock{Period: "1h", Minute: 15, Elapsed: 861}, "14:21"}, // in the 15th minute
		{event.SoccerMinute("", 45, 2), event.Clock{Period: "1h", Minute: 45, Stoppage: 2}, "45+2'"}, // not minute 47
		{event.SoccerMinute("", 46, 0), event.Clock{Period: "2h", Minute: 46}, "46'"},
		{event.SoccerMinute("", 90, 4), event.Clock{Period: "2h", Minute: 90, Stoppage: 4}, "90+4'"},
		{event.SoccerMinute("", 91, 0), event.Clock{Period: "et1", Minute: 91}, "91'"},
		{event.SoccerMinute("", 120, 1), event.Clock{Period: "et2", Minute: 120, Stoppage: 1}, "120+1'"},
		{event.SoccerMinute("2h", 92, 0), event.Clock{Period: "2h", Minute: 90, Stoppage: 2}, "90+2'"},
		{event.SoccerMinute("", 122, 0), event.Clock{Period: "et2", Minute: 120, Stoppage: 2}, "120+2'"},
		{event.SoccerElapsed("2h", 61*60+10), event.Clock{Period: "2h", Minute: 62, Elapsed: 970}, "61:10"},
		{event.SoccerElapsed("1h", 46*60+49), event.Clock{Period: "1h", Minute: 45, Stoppage: 2, Elapsed: 2809}, "45+2'"},
		{event.Rugby.AtMinute("2h", 83, 0), event.Clock{Period: "2h", Minute: 80, Stoppage: 3}, "80+3'"},
		{event.Rugby.AtElapsed("2h", 61*60+10), event.Clock{Period: "2h", Minute: 62, Elapsed: 1270}, "61:10"},
		{event.Rugby.AtMinute("", 85, 0), event.Clock{Period: "et1", Minute: 85}, "85'"},
		{event.Clock{Period: "p1", Elapsed: 766}, event.Clock{Period: "p1", Elapsed: 766}, "12:46"},
		{event.Clock{}, event.Clock{}, ""},
	} {
		if tc.c != tc.want || tc.c.String() != tc.text {
			t.Errorf("clock %+v with text %q, want %+v with text %q", tc.c, tc.c.String(), tc.want, tc.text)
		}
	}
	if !event.SoccerMinute("", 45, 4).Before(event.Soccer, event.SoccerMinute("", 46, 0)) {
		t.Error("45+4' is not before 46', want it before")
	}
}

func TestLineScore(t *testing.T) {
	l := event.LineScore{Home: event.Line{{Runs: 428, Wickets: new(6), Declared: true}, {Runs: 120, Wickets: new(0)}},
		Away: event.Line{{Runs: 245, Wickets: new(10)}, {Runs: 110, FollowOn: true}}}
	if got, want := l.String(), "428/6d & 120/0 v 245 & 110 (f/o)"; got != want {
		t.Errorf("line score %q, want %q", got, want)
	}
	if got, want := l.Total(), (event.Score{Home: 548, Away: 355}); got != want || l.Innings() != 4 {
		t.Errorf("total %v of %d innings, want %v of 4", got, l.Innings(), want)
	}
	if got := (&event.LineScore{Home: l.Home[:1]}).String(); got != "428/6d v " {
		t.Errorf("line score %q before the second side bats, want \"428/6d v \"", got)
	}
}

func TestTID(t *testing.T) {
	const text = "0190b6a0-1111-7222-8333-444455556666"
	a, err := event.ParseTID(text)
	b, err2 := event.ParseTID(strings.ReplaceAll(text, "-", ""))
	if err != nil || err2 != nil || a != b || a.String() != text {
		t.Errorf("ParseTID with and without hyphens: %v, %v and %v, %v, want %s", a, err, b, err2, text)
	}
	if got := a.Traceparent("x"); !strings.HasPrefix(got, "00-0190b6a0111172228333444455556666-") || len(got) != 55 {
		t.Errorf("traceparent %s, want version 00, the TID and 55 characters", got)
	}
	for _, bad := range []string{"", "1", "00000000-0000-0000-0000-000000000000", "{" + text + "}", "urn:uuid:" + text,
		text + "0"} {
		if _, err := event.ParseTID(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("ParseTID(%q): %v, want an error that quotes the text", bad, err)
		}
	}
	if got := event.TIDFrom(event.WithTID(context.Background(), a)); got != a {
		t.Errorf("TIDFrom: %v, want %v", got, a)
	}
	if x, y := event.TIDFrom(context.Background()), event.TIDFrom(context.Background()); x == y || x.IsZero() {
		t.Errorf("TIDFrom of two contexts without a TID: %v and %v, want two new TIDs", x, y)
	}
}

// Manually emitted events come before the events from the parser.
func TestPositionOfAManuallyEmittedEvent(t *testing.T) {
	emitted := event.Event{Time: time.Now()}
	parsed := event.Event{Data: event.Data{Epoch: "0190b6a0-1111-7222-8333-444455556666", Seq: 1}}
	emittedEpoch, _ := emitted.Position()
	parsedEpoch, _ := parsed.Position()
	if emittedEpoch >= parsedEpoch {
		t.Errorf("epoch %q of the emitted event is not before epoch %q of the parser's event, want it before",
			emittedEpoch, parsedEpoch)
	}
}
