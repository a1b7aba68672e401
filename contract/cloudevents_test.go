package contract_test

import (
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// goal returns a goal event of match m1 and its message.
func goal(t *testing.T) (event.Event, broker.Message) {
	t.Helper()
	clock := event.SoccerElapsed("", 861)
	e, err := event.Of("soccer.mls.goal", event.Data{
		League: "MLS", Team: "Toronto FC", Player: "Sebastian Giovinco", Opponent: "New York City FC",
		Epoch: "e1", Seq: 1, Incident: event.IncidentID("m1", "goal", "away", "1"), Rev: 1,
		Side: event.Away, Clock: &clock, Score: &event.Score{Away: 1},
		Match: &event.Match{ID: "m1", Home: "New York City FC", Away: "Toronto FC", Status: event.Live},
	}, time.Date(2016, 11, 6, 23, 50, 21, 123e6, time.UTC))
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

// The CloudEvents SDK accepts the encoded event and decodes each attribute.
func TestCloudEventsSDKDecodesEvents(t *testing.T) {
	e, m := goal(t)
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
		"id":           {ce.ID(), e.ID},
		"source":       {ce.Source(), "/emit"},
		"type":         {ce.Type(), "soccer.mls.goal"},
		"subject":      {ce.Subject(), "m1"},
		"time":         {ce.Time(), e.Time},
		"content type": {ce.DataContentType(), "application/json"},
		"tid":          {ce.Extensions()["tid"], e.TID.String()},
		"player":       {data.Player, "Sebastian Giovinco"},
		"team":         {data.Team, "Toronto FC"},
		"opponent":     {data.Opponent, "New York City FC"},
		"league":       {data.League, "MLS"},
		"match time":   {data.Time, "14:21"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v, want %v", name, pair[0], pair[1])
		}
	}
}
