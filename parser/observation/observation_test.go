package observation

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
)

// full returns an observation of a match in a shoot-out, with incidents.
func full() *Observation {
	return &Observation{
		Sport: event.Soccer, League: "MLS", Score: &event.Score{Home: 2, Away: 1}, Shootout: &event.Score{Home: 1},
		Match: event.Match{ID: "m1", Home: "New York City FC", Away: "Toronto FC", Status: event.Live, Period: event.ShootOut,
			Start: time.Unix(1478476221, 0), Clock: event.Clock{Period: event.ShootOut}},
		Incidents: []Incident{
			{Kind: event.Goal, Side: event.Home, Player: "Villa", Assist: "Pirlo", Clock: event.SoccerMinute("", 10, 0),
				Path: "li:1"},
			{Kind: event.Goal, Side: event.Away, Player: "Giovinco", Clock: event.SoccerMinute("", 45, 2), Path: "li:2"},
			{Kind: event.Substitution, Side: event.Home, Player: "Lampard", Off: "Villa", Clock: event.SoccerMinute("", 60, 0),
				Path: "li:3"},
			{Kind: event.ShootoutKick, Side: event.Home, Player: "Harrison", Detail: event.Scored, Path: "li:4"},
			{Kind: event.ShootoutKick, Side: event.Away, Player: "Altidore", Detail: "missed", Score: &event.Score{Home: 1},
				Path: "li:5"},
		},
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	o := full()
	if n := o.Count(event.Goal, event.Home); n != 1 {
		t.Errorf("%d goals for the home side, want 1", n)
	}
	if n := o.Count(event.YellowCard, event.Home); n != 0 {
		t.Errorf("%d yellow cards, want 0", n)
	}
	if s := o.ScoredKicks(); s != (event.Score{Home: 1}) {
		t.Errorf("scored kicks %v, want 1-0", s)
	}
}

// Saved states contain the digest. After an upgrade, the digest of an unchanged page must be the
// same.
func TestDigestIsTheSameInAllVersions(t *testing.T) {
	t.Parallel()
	if got, want := full().Digest(), uint64(0xba9dc36894015d8c); got != want {
		t.Errorf("digest %#x, want %#x", got, want)
	}
}

func TestDigestOfChanges(t *testing.T) {
	t.Parallel()
	same := full()
	same.Incidents[0].Path, same.NoRows, same.Shared, same.PageID, same.Lists = "li:9", true, true, "g-1", []int{5}
	if same.Digest() != full().Digest() {
		t.Error("the digest changes with Path, NoRows, Shared, PageID or Lists, want the same digest")
	}
	for name, change := range map[string]func(*Observation){
		"sport":                 func(o *Observation) { o.Sport = event.Rugby },
		"league":                func(o *Observation) { o.League = "" },
		"status":                func(o *Observation) { o.Match.Status = event.Final },
		"kick-off":              func(o *Observation) { o.Match.Start = o.Match.Start.Add(time.Hour) },
		"clock":                 func(o *Observation) { o.Match.Clock.Minute = 3 },
		"score":                 func(o *Observation) { o.Score.Away = 2 },
		"no score":              func(o *Observation) { o.Score = nil },
		"no shoot-out":          func(o *Observation) { o.Shootout = nil },
		"one row fewer":         func(o *Observation) { o.Incidents = o.Incidents[1:] },
		"rows in another order": func(o *Observation) { o.Incidents[0], o.Incidents[1] = o.Incidents[1], o.Incidents[0] },
		"player":                func(o *Observation) { o.Incidents[0].Player = "David Villa" },
		"assist":                func(o *Observation) { o.Incidents[0].Assist = "" },
		"player and assist":     func(o *Observation) { in := &o.Incidents[0]; in.Player, in.Assist = in.Assist, in.Player },
		"stoppage time":         func(o *Observation) { o.Incidents[1].Clock.Stoppage = 3 },
		"score after a kick":    func(o *Observation) { o.Incidents[4].Score = nil },
	} {
		o := full()
		change(o)
		if o.Digest() == full().Digest() {
			t.Errorf("%s: the digest is the same, want a different one", name)
		}
	}
}
