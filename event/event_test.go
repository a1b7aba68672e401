package event_test

import (
	"context"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

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

// The official CloudEvents SDK decodes an encoded event to the same attributes and data.
func TestCloudEventsSDKDecodesEvents(t *testing.T) {
	e, m := encode(t, "soccer.mls.goal", goal())
	var ce cloudevents.Event
	if err := ce.UnmarshalJSON(m.Body); err != nil {
		t.Fatal(err)
	}
	if err := ce.Validate(); err != nil {
		t.Fatal(err)
	}
	var data struct{ League, Team, Player, Opponent, Time string }
	if err := ce.DataAs(&data); err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]any{
		"id": {ce.ID(), e.ID}, "source": {ce.Source(), "/emit"}, "type": {ce.Type(), "soccer.mls.goal"},
		"subject": {ce.Subject(), "m1"}, "time": {ce.Time(), e.Time},
		"content type": {ce.DataContentType(), "application/json"},
		"tid":          {ce.Extensions()["tid"], e.TID.String()}, "player": {data.Player, "Sebastian Giovinco"},
		"team": {data.Team, "Toronto FC"}, "opponent": {data.Opponent, "New York City FC"},
		"league": {data.League, "MLS"}, "clock": {data.Time, "14:21"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v, want %v", name, pair[0], pair[1])
		}
	}
}

func TestDecodeReturnsTheEncodedEvent(t *testing.T) {
	e, m := encode(t, "soccer.mls.goal", goal())
	got, err := event.Decode(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != e.ID || got.TID != e.TID || !got.Time.Equal(e.Time) {
		t.Errorf("envelope %+v became %+v", e, got)
	}
	b, err := broker.NewMessage(got)
	if err != nil || string(b.Body) != string(m.Body) {
		t.Errorf("%s\nbecame\n%s (%v)", m.Body, b.Body, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	_, m := encode(t, "soccer.mls.goal", goal())
	whole := string(m.Body)
	for name, body := range map[string]string{
		"not JSON":     "goal!",
		"empty":        "",
		"an array":     "[]",
		"no version":   strings.Replace(whole, `"1.0"`, `"0.3"`, 1),
		"no id":        `{"specversion":"1.0","type":"a.b.c"}`,
		"bad type":     strings.Replace(whole, `"type":"soccer.mls.goal"`, `"type":"goal"`, 1),
		"bad tid":      strings.Replace(whole, `"tid":"`, `"tid":"x`, 1),
		"wrong member": strings.Replace(whole, `"rev":1`, `"rev":"one"`, 1),
	} {
		if _, err := event.Decode([]byte(body)); err == nil {
			t.Errorf("%s: decoded without an error", name)
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
		t.Errorf("the same facts have IDs %s and %s (%v)", a.ID, b.ID, err)
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
			t.Errorf("another %s has the same ID", name)
		}
	}
}

func TestOfFillsInFactsFromTheKey(t *testing.T) {
	e, err := event.Of("soccer.mls.goal_retracted", event.Data{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if d := e.Data; d.Sport != "soccer" || d.League != "mls" || d.Kind != event.Goal || d.Action != event.Retracted {
		t.Errorf("facts %+v", d)
	}
	for _, key := range []string{"", "goal", "soccer.mls", "soccer.mls.goal.x", "soccer..goal", "Soccer.mls.goal",
		"soccer.m ls.goal",
		"soccer._mls.goal", "soccer.mls_.goal", "soccer.m__ls.goal", "soccer.*.goal", strings.Repeat("a", 256) + ".b.c"} {
		if _, err := event.Of(key, event.Data{}, time.Now()); err == nil {
			t.Errorf("key %q is accepted", key)
		}
	}
	if _, err := event.Of("soccer.mls.goal", event.Data{League: "Serie A"}, time.Now()); err == nil {
		t.Error("facts of another league are accepted")
	}
}

func TestKeyOfEveryKind(t *testing.T) {
	for _, s := range event.Sports() {
		for _, k := range append(s.Kinds(), event.MatchStart, event.PeriodEnd, event.SourceStale) {
			for _, a := range []event.Action{event.New, event.Corrected, event.Retracted} {
				key := event.Key(s, "Any League", k.Word(a))
				e, err := event.Of(key, event.Data{League: "Any League"}, time.Now())
				if err != nil || e.Data.Kind != k || e.Data.Action != a {
					t.Errorf("%s gives kind %s and action %s, %v", key, e.Data.Kind, e.Data.Action, err)
				}
			}
		}
	}
}

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{
		"MLS": "mls", "Premier League": "premier_league", "Primera División": "primera_division",
		"  Ligue 1 / Uber Eats ": "ligue_1_uber_eats", "": "unknown", "Премьер": "unknown", "K'League": "kleague",
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
		{event.SoccerElapsed("", 861), event.Clock{Period: "1h", Minute: 15, Elapsed: 861}, "14:21"}, // the 15th minute
		{event.SoccerMinute("", 45, 2), event.Clock{Period: "1h", Minute: 45, Stoppage: 2}, "45+2'"}, // never 47
		{event.SoccerMinute("", 46, 0), event.Clock{Period: "2h", Minute: 46}, "46'"},
		{event.SoccerMinute("", 90, 4), event.Clock{Period: "2h", Minute: 90, Stoppage: 4}, "90+4'"},
		{event.SoccerMinute("", 91, 0), event.Clock{Period: "et1", Minute: 91}, "91'"},
		{event.SoccerMinute("", 120, 1), event.Clock{Period: "et2", Minute: 120, Stoppage: 1}, "120+1'"},
		{event.SoccerMinute("2h", 92, 0), event.Clock{Period: "2h", Minute: 90, Stoppage: 2}, "90+2'"},
		{event.SoccerMinute("", 122, 0), event.Clock{Period: "et2", Minute: 120, Stoppage: 2}, "120+2'"},
		{event.SoccerElapsed("2h", 61*60+10), event.Clock{Period: "2h", Minute: 62, Elapsed: 970}, "61:10"},
		{event.SoccerElapsed("1h", 46*60+49), event.Clock{Period: "1h", Minute: 45, Stoppage: 2, Elapsed: 2809}, "46:49"},
		{event.Clock{Period: "p1", Elapsed: 766}, event.Clock{Period: "p1", Elapsed: 766}, "12:46"},
		{event.Clock{}, event.Clock{}, ""},
	} {
		if tc.c != tc.want || tc.c.String() != tc.text {
			t.Errorf("got %+v %q, want %+v %q", tc.c, tc.c.String(), tc.want, tc.text)
		}
	}
	if !event.SoccerMinute("", 45, 4).Before(event.Soccer, event.SoccerMinute("", 46, 0)) {
		t.Error("45+4 is not before 46")
	}
}

func TestTID(t *testing.T) {
	const text = "0190b6a0-1111-7222-8333-444455556666"
	a, err := event.ParseTID(text)
	b, err2 := event.ParseTID(strings.ReplaceAll(text, "-", ""))
	if err != nil || err2 != nil || a != b || a.String() != text {
		t.Errorf("%v %v %v %v", a, b, err, err2)
	}
	if got := a.Traceparent("x"); !strings.HasPrefix(got, "00-0190b6a0111172228333444455556666-") || len(got) != 55 {
		t.Errorf("traceparent %s", got)
	}
	for _, bad := range []string{"", "1", "00000000-0000-0000-0000-000000000000", "{" + text + "}", "urn:uuid:" + text,
		text + "0"} {
		if _, err := event.ParseTID(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("ParseTID(%q): %v", bad, err)
		}
	}
	if got := event.TIDFrom(event.WithTID(context.Background(), a)); got != a {
		t.Errorf("the context carries %v, want %v", got, a)
	}
	if x, y := event.TIDFrom(context.Background()), event.TIDFrom(context.Background()); x == y || x.IsZero() {
		t.Errorf("two contexts without a TID give %v and %v, want two new TIDs", x, y)
	}
}

// Events emitted by hand come before those of the parser.
func TestPositionOfAnEventEmittedByHand(t *testing.T) {
	emitted := event.Event{Time: time.Now()}
	parsed := event.Event{Data: event.Data{Epoch: "0190b6a0-1111-7222-8333-444455556666", Seq: 1}}
	emittedEpoch, _ := emitted.Position()
	parsedEpoch, _ := parsed.Position()
	if emittedEpoch >= parsedEpoch {
		t.Errorf("%q is not before %q", emittedEpoch, parsedEpoch)
	}
}
