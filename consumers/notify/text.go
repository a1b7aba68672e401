package notify

import (
	"fmt"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// Text says an event in one line.
func Text(e event.Event) string {
	d := e.Data
	if d.Match == nil {
		return strings.TrimSpace(e.Type + " " + d.Player + " " + d.Team)
	}
	line := score(d)
	if d.Time != "" {
		line = d.Time + " " + line
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
	case event.StatusChange:
		return "Match " + string(d.Match.Status)
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
	}
	return d.Player
}

func score(d event.Data) string {
	if d.Score == nil {
		return d.Match.Home + " v " + d.Match.Away
	}
	return fmt.Sprintf("%s %d–%d %s", d.Match.Home, d.Score.Home, d.Score.Away, d.Match.Away)
}

func words(k event.Kind) string { return strings.ReplaceAll(string(k), "_", " ") }
