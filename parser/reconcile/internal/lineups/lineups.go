// Package lineups compares the line-ups that two pages show for one side.
package lineups

import (
	"cmp"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// Merge returns the line-up now, with the attributes that it lacks set from was. Players in both
// line-ups keep the spelling of their names in was. If the match has begun, the roles of players do not
// change, because some pages list a substitute who came on as a starter.
func Merge(was, now *event.Lineup, begun bool) event.Lineup {
	merged := event.Lineup{Formation: cmp.Or(now.Formation, was.Formation), Coach: mergeCoach(was.Coach, now.Coach),
		Players: slices.Clone(now.Players)}
	for i := range merged.Players {
		p := &merged.Players[i]
		at := slices.IndexFunc(was.Players, func(old event.LineupPlayer) bool { return samePerson(&old, p) })
		if at < 0 {
			continue
		}
		old := was.Players[at]
		p.Name = old.Name
		p.Number, p.Position = cmp.Or(p.Number, old.Number), cmp.Or(p.Position, old.Position)
		if begun {
			p.Substitute = old.Substitute
		}
	}
	return merged
}

// mergeCoach returns the name of the coach after a page.
func mergeCoach(was, now string) string {
	if now == "" || was != "" && observation.Damaged(now) || event.Fold(was) == event.Fold(now) {
		return was
	}
	return now
}

// samePerson reports whether two entries are the same player. If the name in now is damaged, it
// compares the numbers.
func samePerson(was, now *event.LineupPlayer) bool {
	if observation.Damaged(now.Name) {
		return now.Number != "" && now.Number == was.Number
	}
	return event.Fold(was.Name) == event.Fold(now.Name) && (was.Number == "" || now.Number == "" ||
		was.Number == now.Number || was.Name == now.Name)
}

// Edits returns the changes from was to now, by member name. In the change to the players, Old contains
// the removed players, and New the added players.
func Edits(was, now *event.Lineup) map[string]event.Change {
	edits := map[string]event.Change{}
	if was.Formation != now.Formation {
		edits["formation"] = event.Change{Old: was.Formation, New: now.Formation}
	}
	if was.Coach != now.Coach {
		edits["coach"] = event.Change{Old: was.Coach, New: now.Coach}
	}
	if removed, added := without(was.Players, now.Players), without(now.Players, was.Players); removed+added != "" {
		edits["players"] = event.Change{Old: removed, New: added}
	}
	return edits
}

// without returns the players of a that are not in b, as one text.
func without(a, b []event.LineupPlayer) string {
	var names []string
	for _, p := range a {
		if slices.Contains(b, p) {
			continue
		}
		words := []string{p.Number, p.Name}
		for _, note := range []string{p.Position, substituteText(p)} {
			if note != "" {
				words = append(words, "("+note+")")
			}
		}
		names = append(names, strings.TrimSpace(strings.Join(words, " ")))
	}
	return strings.Join(names, ", ")
}

func substituteText(p event.LineupPlayer) string {
	if p.Substitute {
		return "substitute"
	}
	return ""
}
