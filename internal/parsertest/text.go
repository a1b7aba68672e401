package parsertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// SameJSON reports whether two values have the same JSON encoding.
func SameJSON(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// Line formats an event as one line, such as "goal 14:21 away Giovinco 0-1".
func Line(e event.Event) string {
	d := e.Data
	parts := []string{d.Kind.Word(d.Action)}
	for _, p := range []string{d.Time, string(d.Side), d.Player, d.Detail} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if d.Kind == event.PeriodStart || d.Kind == event.PeriodEnd {
		parts = append(parts, string(d.Clock.Period))
	}
	if d.Kind == event.StatusChange {
		parts = append(parts, string(d.Match.Status))
	}
	if d.Score != nil {
		parts = append(parts, fmt.Sprintf("%d-%d", d.Score.Home, d.Score.Away))
	}
	if d.Winner != "" {
		parts = append(parts, string(d.Winner))
	}
	if d.DecidedBy != "" {
		parts = append(parts, "by "+string(d.DecidedBy))
	}
	if d.Lineup != nil {
		parts = append(parts, d.Lineup.Formation, d.Lineup.Coach)
		for _, p := range d.Lineup.Players {
			parts = append(parts, p.Name)
		}
	}
	if d.Kind == event.ScoreChange {
		d.Changes = nil // the line of the previous event contains the old score
	}
	for _, k := range slices.Sorted(maps.Keys(d.Changes)) {
		parts = append(parts, fmt.Sprintf("%s:%s→%s", k, d.Changes[k].Old, d.Changes[k].New))
	}
	if d.Provisional {
		parts = append(parts, "provisional")
	}
	if d.Backfill {
		parts = append(parts, "backfill")
	}
	return strings.Join(parts, " ")
}
