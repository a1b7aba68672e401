package notify

import (
	"cmp"
	"maps"
	"slices"

	"github.com/matchwire/matchwire/event"
)

// A view is what templates see of an event.
type view struct {
	Sport, League          string
	Kind, Detail           string // as the language calls them
	Action                 string // new, corrected, retracted
	Team, Opponent         string
	Player, Assist, Off    string
	Who                    string // player and detail: "Sebastian Giovinco, penalty"
	Home, Away             string
	Score, Shootout        *event.Score // after it; nil where it is not known
	Time, Period, InPeriod string       // the clock as people write it; the period; the period where the clock starts anew with each
	Status, Reason         string
	Changes                []change // of a correction
	Source                 string   // URL of the page, where an event is about that
	Event                  event.Event
}

type change struct{ Name, Old, New string }

func (t texts) view(e event.Event, asNews bool, code string) view {
	d := e.Data
	kinds := func(l *language) map[string]string { return l.Kinds }
	details := func(l *language) map[string]string { return l.Details }
	v := view{
		Sport: string(d.Sport), League: d.League, Kind: t.word(kinds, string(d.Kind), code), Detail: t.word(details, d.Detail, code), Action: string(cmp.Or(d.Action, event.New)),
		Team: d.Team, Opponent: d.Opponent, Player: d.Player, Assist: d.Assist, Off: d.Off, Score: d.Score, Shootout: d.Shootout, Time: d.Time, Reason: d.Reason, Event: e,
	}
	if asNews {
		v.Action = string(event.New)
	}
	v.Who = v.Player
	if v.Who != "" && v.Detail != "" {
		v.Who += ", " + v.Detail
	} else if v.Who == "" {
		v.Who = v.Detail
	}
	if d.Clock != nil && d.Clock.Period != "" {
		v.Period = t.word(func(l *language) map[string]string { return l.Periods }, string(d.Clock.Period), code)
		if d.Clock.Minute == 0 && d.Time != "" {
			v.InPeriod = v.Period
		}
	}
	if m := d.Match; m != nil {
		v.Home, v.Away = m.Home, m.Away
		v.Status = t.word(func(l *language) map[string]string { return l.Statuses }, string(m.Status), code)
	}
	if d.Source != nil {
		v.Source = d.Source.URL
	}
	if v.Action == string(event.Corrected) {
		for _, name := range slices.Sorted(maps.Keys(d.Changes)) {
			c := change{Name: t.word(func(l *language) map[string]string { return l.Members }, name, code), Old: d.Changes[name].Old, New: d.Changes[name].New}
			if name == "detail" {
				c.Old, c.New = t.word(details, c.Old, code), t.word(details, c.New, code)
			}
			v.Changes = append(v.Changes, c)
		}
	}
	return v
}

// samples are events of every kind, full and bare.
func samples() (all []event.Event) {
	for _, s := range event.Sports() {
		for _, k := range slices.Concat(event.CommonKinds(), s.Kinds()) {
			for _, a := range []event.Action{event.New, event.Corrected, event.Retracted} {
				d := event.Data{Sport: s, Kind: k, Action: a, League: "League", Team: "Away", Player: "Player", Detail: "detail", Reason: "reason", Time: "6'",
					Score: &event.Score{Away: 1}, Shootout: &event.Score{}, Clock: &event.Clock{Period: event.FirstHalf, Minute: 6}, Changes: map[string]event.Change{"player": {Old: "A", New: "B"}},
					Match: &event.Match{ID: "m", Home: "Home", Away: "Away", Status: event.Live}, Source: &event.Source{URL: "https://site.example/"}}
				key := event.Key(s, "league", k.Word(a))
				all = append(all, event.Event{Type: key, Data: d}, event.Event{Type: key, Data: event.Data{Sport: s, Kind: k, Action: a}})
			}
		}
	}
	return all
}
