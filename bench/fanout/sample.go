package main

import (
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// epoch is the value of Epoch in all events of the benchmark.
const epoch = "01a208bc-3d52-7e84-b02f-a01650e93b2a"

// sample returns an encoded goal of about 1,100 bytes, like an event from the parser. A [stamper]
// replaces the parts that differ between events.
func sample() ([]byte, error) {
	clock := event.Clock{Period: event.FirstHalf, Minute: 6}
	e, err := event.Of("soccer.mls.goal", event.Data{
		League: "MLS", Team: "Toronto FC", Player: "Sebastian Giovinco", Opponent: "New York City FC",
		Side: event.Away, Assist: "Jozy Altidore",
		Incident: event.IncidentID("bench", "fanout"), Rev: 1,
		Clock: &clock, Score: &event.Score{Home: 0, Away: 1},
		Match: &event.Match{
			ID: "m0", Home: "New York City FC", Away: "Toronto FC", Status: event.Live, Period: event.FirstHalf, Clock: clock,
			Start: time.Date(2016, 11, 6, 23, 30, 0, 0, time.UTC),
		},
		Epoch: epoch, Seq: 1,
		Evidence: &event.Evidence{
			URL:      "https://mysite.example/live/42",
			Snapshot: "sha256:ef93f532a1c04b7796d3dd0a1d8e5bb1c2f4a7e0913f6d5c8b7a695843210fed",
			Path:     "body > main:nth-child(3) > section:nth-child(1) > ol:nth-child(2) > li:nth-child(7)",
		},
	}, time.Now())
	if err != nil {
		return nil, err
	}
	e.Source, e.TID = "/parser/mysite", event.NewTID()
	m, err := broker.NewMessage(e)
	return m.Body, err
}
