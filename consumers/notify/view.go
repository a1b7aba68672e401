package notify

import (
	"cmp"
	"maps"
	"slices"

	"github.com/matchwire/matchwire/event"
)

// A view has the fields of an event that templates can use.
type view struct {
	Sport, League       string
	Kind, Detail        string // names in the language
	Action              string // new, corrected, retracted
	Team, Opponent      string
	Player, Assist, Off string
	Who                 string // player and detail: "Sebastian Giovinco, penalty"
	Home, Away          string
	Score, Shootout     *event.Score // after the event; nil if unknown
	Time                string       // of the clock, as people write it
	Period, InPeriod    string       // the period; the period if the clock starts again in each
	Status, Reason      string
	Changes             []change // of a correction
	Source              string   // URL of the page, if the event is about a source
	Event               event.Event
}

type change struct{ Name, Old, New string }

// view returns the fields of an event. If asNews, a correction is described as a new event.
func (t texts) view(e event.Event, asNews bool, code string) view {
	d := e.Data
	kinds := func(l *language) map[string]string { return l.Kinds }
	details := func(l *language) map[string]string { return l.Details }
	v := view{
		Sport: string(d.Sport), League: d.League, Kind: t.word(kinds, string(d.Kind), code),
		Detail: t.word(details, d.Detail, code), Action: string(cmp.Or(d.Action, event.New)),
		Team: d.Team, Opponent: d.Opponent, Player: d.Player, Assist: d.Assist, Off: d.Off,
		Score: d.Score, Shootout: d.Shootout, Time: d.Time, Reason: d.Reason, Event: e,
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
			members := func(l *language) map[string]string { return l.Members }
			c := change{Name: t.word(members, name, code), Old: d.Changes[name].Old, New: d.Changes[name].New}
			if name == "detail" {
				c.Old, c.New = t.word(details, c.Old, code), t.word(details, c.New, code)
			}
			v.Changes = append(v.Changes, c)
		}
	}
	return v
}

// samples returns events of every kind, with all data and with none.
func samples() (all []event.Event) {
	for _, s := range event.Sports() {
		for _, k := range slices.Concat(event.CommonKinds(), s.Kinds()) {
			for _, a := range []event.Action{event.New, event.Corrected, event.Retracted} {
				bare := event.Data{Sport: s, Kind: k, Action: a}
				full := bare
				full.League, full.Team, full.Player, full.Time = "League", "Away", "Player", "6'"
				full.Detail, full.Reason = "detail", "reason"
				full.Score, full.Shootout = &event.Score{Away: 1}, &event.Score{}
				full.Clock = &event.Clock{Period: event.FirstHalf, Minute: 6}
				full.Changes = map[string]event.Change{"player": {Old: "A", New: "B"}}
				full.Match = &event.Match{ID: "m", Home: "Home", Away: "Away", Status: event.Live}
				full.Source = &event.Source{URL: "https://site.example/"}
				key := event.Key(s, "league", k.Word(a))
				all = append(all, event.Event{Type: key, Data: full}, event.Event{Type: key, Data: bare})
			}
		}
	}
	return all
}
