package notify

import (
	"fmt"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// Text says an event in one line.
func Text(e event.Event) string {
	d := e.Data
	switch {
	case d.Source != nil && d.Kind == event.MatchActivated:
		return "Following " + d.Source.URL
	case d.Source != nil:
		return "No longer following " + d.Source.URL + ": " + d.Reason
	case d.Match == nil:
		return strings.TrimSpace(e.Type + " " + d.Player + " " + d.Team)
	}
	line := score(d)
	if d.Time != "" {
		when := d.Time
		if d.Clock != nil && d.Clock.Minute == 0 && d.Clock.Period != "" { // a clock that starts anew with each period
			when += " in the " + periodName(d.Clock.Period)
		}
		line = when + ", " + line
	}
	what := headline(d)
	if who := who(d); who != "" {
		what += ": " + who
	}
	return what + " (" + line + ")"
}

func headline(d event.Data) string {
	team := ""
	if d.Team != "" {
		team = " for " + d.Team
	}
	switch d.Action {
	case event.Retracted:
		return "Taken back: " + words(d.Kind) + team
	case event.Corrected:
		return "Corrected: " + words(d.Kind) + team
	}
	switch d.Kind {
	case event.Goal:
		return "Goal" + team
	case event.MatchStart:
		if d.Sport == event.IceHockey {
			return "Face-off"
		}
		return "Kick-off"
	case event.MatchEnd:
		return "Full time"
	case event.PeriodStart:
		return "Start of " + periodOf(d)
	case event.PeriodEnd:
		return "End of " + periodOf(d)
	case event.ShootoutKick:
		return "Shoot-out kick" + team
	case event.StatusChange:
		return "Match " + string(d.Match.Status)
	case event.SourceStale:
		return "No news from the source: " + d.Reason
	case event.SourceFresh:
		return "News from the source again"
	}
	w := words(d.Kind)
	return strings.ToUpper(w[:1]) + w[1:] + team
}

// who names the player and how.
func who(d event.Data) string {
	if d.Player == "" {
		return ""
	}
	switch d.Detail {
	case event.OwnGoal:
		return d.Player + ", own goal"
	case event.PenaltyGoal:
		return d.Player + ", penalty"
	case event.SecondYellow:
		return d.Player + ", second yellow"
	case event.Scored, event.Missed, event.Saved:
		return d.Player + ", " + d.Detail
	}
	return d.Player
}

func score(d event.Data) string {
	if d.Score == nil {
		return d.Match.Home + " v " + d.Match.Away
	}
	line := fmt.Sprintf("%s %d–%d %s", d.Match.Home, d.Score.Home, d.Score.Away, d.Match.Away)
	if d.Shootout != nil {
		line += fmt.Sprintf(", %d–%d on penalties", d.Shootout.Home, d.Shootout.Away)
	}
	return line
}

var periodNames = map[event.Period]string{
	"1h": "1st half", "2h": "2nd half", "et1": "extra time", "et2": "2nd half of extra time", "so": "shoot-out",
	"p1": "1st period", "p2": "2nd period", "p3": "3rd period", "ot1": "overtime",
	"q1": "1st quarter", "q2": "2nd quarter", "q3": "3rd quarter", "q4": "4th quarter",
}

func periodName(p event.Period) string {
	if name := periodNames[p]; name != "" {
		return name
	}
	return string(p)
}

func periodOf(d event.Data) string {
	if d.Clock == nil {
		return "a period"
	}
	return periodName(d.Clock.Period)
}

func words(k event.Kind) string { return strings.ReplaceAll(string(k), "_", " ") }
