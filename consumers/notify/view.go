package notify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/jq"
)

// A view holds the fields of an event for texts. A text reads them from input.
type view struct {
	Sport, League       string
	Kind, Detail        string // translated
	Action              string // new, corrected or retracted
	Team, Opponent      string
	Player, Assist, Off string
	Who                 string // player and detail, like "Ann, penalty"; only the player if Kind contains the detail
	Points              int    // that the incident added to the score; 0 if unknown or for a goal
	Home, Away          string
	Score, Shootout     *event.Score     // after the event; nil if unknown
	For, Against        int              // the scores of Team and Opponent
	LineScore           *event.LineScore // cricket: the innings after the event; nil if unknown
	Time                string           // on the match clock, like "90+1'"
	Period              string           // translated
	InPeriod            string           // Period; "" if the title has it or the clock counts from the start of the match
	Status              string           // translated
	In                  string           // kickoff_soon: time until kick-off, like "1 h 30 min"
	Reason              string           // why the incident was corrected or retracted
	Changes             []change         // made by a correction or a new kick-off time
	Winner              string           // match_end: the team that won; "" for a draw or if unknown
	DecidedBy           string           // match_end: translated; "" for regular time or if unknown
	Formation           string           // lineup: like "4-4-2"
	Lineup              string           // lineup: the names of the starters
	Source              string           // URL of the source, if the event concerns a source
	Event               event.Event
}

// A change describes a changed member of an event, with its translated name.
type change struct{ Name, Old, New string }

// textFields are the members of the object that input returns. A correction or retraction also has
// title, the title of a new event with the same facts.
var textFields = jq.Fields{
	"sport": nil, "league": nil, "kind": nil, "detail": nil, "action": nil, "team": nil, "opponent": nil,
	"player": nil, "assist": nil, "off": nil, "who": nil, "points": nil, "home": nil, "away": nil,
	"score": {"home": nil, "away": nil}, "shootout": {"home": nil, "away": nil},
	"line_score": {"home": nil, "away": nil}, "for": nil, "against": nil, "time": nil, "period": nil,
	"in_period": nil, "status": nil, "in": nil, "reason": nil, "changes": nil, "winner": nil, "decided_by": nil,
	"formation": nil, "lineup": nil, "title": nil, "source": nil, "type": nil, "event": nil,
}

// input returns the fields as an object for jq. Unknown facts are missing, except that changes is
// always an array. The field event, which takes a third of the time, is included only if withEvent is
// true.
func (v view) input(withEvent bool) map[string]any {
	in := map[string]any{}
	for name, text := range map[string]string{
		"sport": v.Sport, "league": v.League, "kind": v.Kind, "detail": v.Detail, "action": v.Action, "team": v.Team,
		"opponent": v.Opponent, "player": v.Player, "assist": v.Assist, "off": v.Off, "who": v.Who, "home": v.Home,
		"away": v.Away, "time": v.Time, "period": v.Period, "in_period": v.InPeriod, "status": v.Status, "in": v.In,
		"reason": v.Reason, "winner": v.Winner, "decided_by": v.DecidedBy, "formation": v.Formation,
		"lineup": v.Lineup, "source": v.Source, "type": v.Event.Type,
	} {
		setText(in, name, text)
	}
	if v.Points != 0 {
		in["points"] = v.Points
	}
	if v.Score != nil {
		in["score"] = map[string]any{"home": v.Score.Home, "away": v.Score.Away}
		in["for"], in["against"] = v.For, v.Against
	}
	if v.Shootout != nil {
		in["shootout"] = map[string]any{"home": v.Shootout.Home, "away": v.Shootout.Away}
	}
	if v.LineScore != nil {
		innings := map[string]any{}
		setText(innings, "home", v.LineScore.Home.String())
		setText(innings, "away", v.LineScore.Away.String())
		in["line_score"] = innings
	}
	changes := []any{}
	for _, c := range v.Changes {
		change := map[string]any{"name": c.Name}
		setText(change, "old", c.Old)
		setText(change, "new", c.New)
		changes = append(changes, change)
	}
	in["changes"] = changes
	if withEvent {
		var e any
		if b, err := json.Marshal(v.Event); err == nil && json.Unmarshal(b, &e) == nil {
			in["event"] = e
		}
	}
	return in
}

// setText sets a member to a text, unless the text is "".
func setText(in map[string]any, name, text string) {
	if text != "" {
		in[name] = text
	}
}

// view returns the fields of an event, in the language with the given code. If asNews is true, a
// correction is described as a new event.
func (t texts) view(e event.Event, asNews bool, code string) view {
	d := e.Data
	sport, defined := string(d.Sport), d.Sport.Rules().Names
	kind, saysDetail := t.kind(&d, code)
	v := view{
		Sport: sport, League: d.League, Kind: kind,
		Detail: t.detail(&d, d.Detail, code), Action: string(cmp.Or(d.Action, event.New)),
		Team: d.Team, Opponent: d.Opponent, Player: d.Player, Assist: d.Assist, Off: d.Off, Points: d.Points,
		Score: d.Score, Shootout: d.Shootout, Time: d.Time, Reason: d.Reason, Event: e,
	}
	if d.Sport.Rules().InningsScore {
		v.LineScore = d.LineScore
	}
	if asNews {
		v.Action = string(event.New)
	}
	switch v.Who = v.Player; {
	case v.Detail == "" || saysDetail:
	case v.Who == "":
		v.Who = v.Detail
	default:
		v.Who += ", " + v.Detail
	}
	if d.Score != nil && d.Side != "" {
		v.For, v.Against = d.Score.Of(d.Side), d.Score.Of(d.Side.Other())
	}
	if c := d.Clock; c != nil && c.Period != "" {
		v.Period = t.translate(func(l *language) names { return l.Periods }, string(c.Period), defined[string(c.Period)],
			code, string(c.Half), sport)
		inTitle := d.Kind == event.PeriodStart || d.Kind == event.PeriodEnd
		if c.Minute == 0 && !inTitle && (d.Time != "" || !d.Sport.CountsMinutes()) {
			v.InPeriod = v.Period
		}
	}
	if m := d.Match; m != nil {
		v.Home, v.Away = m.Home, m.Away
		if d.Kind == kickoffSoon {
			v.In = untilStart(m.Start.Sub(e.Time))
		}
		v.Status = t.translate(func(l *language) names { return l.Statuses }, string(m.Status), "", code)
	}
	if d.Source != nil {
		v.Source = d.Source.URL
	}
	v.Winner = winner(d.Match, string(d.Winner))
	if d.DecidedBy != event.ByRegulation {
		v.DecidedBy = t.detail(&d, string(d.DecidedBy), code)
	}
	if d.Lineup != nil {
		v.Formation, v.Lineup = d.Lineup.Formation, starters(d.Lineup)
	}
	if v.Action == string(event.Corrected) || d.Kind == event.KickoffChanged {
		for _, name := range slices.Sorted(maps.Keys(d.Changes)) {
			members := func(l *language) names { return l.Members }
			c := change{Old: d.Changes[name].Old, New: d.Changes[name].New}
			c.Name = t.translate(members, name, "", code, string(d.Kind), sport)
			switch name {
			case "kind":
				kinds := func(l *language) names { return l.Kinds }
				c.Old = t.translate(kinds, c.Old, defined[c.Old], code, sport)
				c.New = t.translate(kinds, c.New, defined[c.New], code, sport)
			case "detail", "decided_by":
				c.Old, c.New = t.detail(&d, c.Old, code), t.detail(&d, c.New, code)
			case "winner":
				c.Old, c.New = cmp.Or(winner(d.Match, c.Old), c.Old), cmp.Or(winner(d.Match, c.New), c.New)
			case "start":
				c.Old, c.New = readableTime(c.Old), readableTime(c.New)
			}
			v.Changes = append(v.Changes, c)
		}
	}
	return v
}

// untilStart returns a duration as hours and minutes. It rounds to minutes and returns at least one
// minute.
func untilStart(d time.Duration) string {
	minutes := max(int(d.Round(time.Minute).Minutes()), 1)
	hours, rest := minutes/60, minutes%60
	switch {
	case hours == 0:
		return fmt.Sprintf("%d min", rest)
	case rest == 0:
		return fmt.Sprintf("%d h", hours)
	}
	return fmt.Sprintf("%d h %d min", hours, rest)
}

// winner returns the name of the team that won a match, or "" if no team won or m is nil.
func winner(m *event.Match, side string) string {
	if m == nil || side != string(event.Home) && side != string(event.Away) {
		return ""
	}
	return m.Team(event.Side(side))
}

// starters returns the names of the players who are not substitutes, separated by commas.
func starters(l *event.Lineup) string {
	var names []string
	for _, p := range l.Players {
		if !p.Substitute {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, ", ")
}

// readableTime returns a time in RFC 3339 as "2006-01-02 15:04 MST". It returns other texts
// unchanged.
func readableTime(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return t.Format("2006-01-02 15:04 MST")
}

// samples returns two events for each sport, kind and action: one with and one without optional
// data.
func samples() (all []event.Event) {
	for _, s := range event.Sports() {
		for _, k := range slices.Concat(event.CommonKinds(), s.Rules().Kinds, []event.Kind{kickoffSoon}) {
			for _, a := range []event.Action{event.New, event.Corrected, event.Retracted} {
				bare := event.Data{Sport: s, Kind: k, Action: a}
				full := bare
				full.League, full.Team, full.Player, full.Time = "League", "Away", "Player", "6'"
				full.Detail, full.Reason, full.Points = "detail", "reason", 1
				full.Score, full.Shootout = &event.Score{Away: 1}, &event.Score{}
				if s.Rules().InningsScore {
					full.LineScore = &event.LineScore{Home: event.Line{{Runs: 245}}}
				}
				full.Clock = &event.Clock{Period: event.FirstHalf, Minute: 6}
				full.Changes = map[string]event.Change{"player": {Old: "A", New: "B"}}
				full.Winner, full.DecidedBy = event.Draw, event.ByExtraTime
				full.Lineup = &event.Lineup{Formation: "4-4-2", Players: []event.LineupPlayer{{Name: "Player"}}}
				full.Match = &event.Match{ID: "m", Home: "Home", Away: "Away", Status: event.Live}
				full.Source = &event.Source{URL: "https://site.example/"}
				key := event.Key(s, "league", k.Word(a))
				all = append(all, event.Event{Type: key, Data: full}, event.Event{Type: key, Data: bare})
			}
		}
	}
	return all
}
