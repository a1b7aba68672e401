package event

import (
	"strings"
	"time"
)

// A Match is the state of a match that an event reports.
type Match struct {
	ID     string    `json:"id"`
	Home   string    `json:"home"`
	Away   string    `json:"away"`
	Start  time.Time `json:"start,omitzero"`
	Status Status    `json:"status"`
	Period Period    `json:"period,omitempty"` // the current period or break
	Clock  Clock     `json:"clock,omitzero"`   // the match clock, if the page shows one
	Stale  *Stale    `json:"stale,omitempty"`  // nil while a source of the match has usable pages

	// Situation is what the page shows of the play right now. It is nil if the page shows nothing of it, and
	// before and after the match.
	Situation *Situation `json:"situation,omitempty"`
}

// A Stale describes a match without usable pages: since when, and why.
type Stale struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

// Team returns the name of the team of one side.
func (m Match) Team(s Side) string {
	if s == Home {
		return m.Home
	}
	return m.Away
}

// MaxLineup is the maximum number of players in a [Lineup]. It exceeds the squad of every sport.
const MaxLineup = 64

// A Lineup holds the players of one side, in the order of the page.
type Lineup struct {
	Formation string         `json:"formation,omitempty"` // such as "4-3-3"
	Coach     string         `json:"coach,omitempty"`
	Players   []LineupPlayer `json:"players"` // at most MaxLineup
}

// A LineupPlayer is one player of a [Lineup].
type LineupPlayer struct {
	Name       string `json:"name"`
	Number     string `json:"number,omitempty"` // on the shirt
	Position   string `json:"position,omitempty"`
	Substitute bool   `json:"substitute,omitempty"` // not in the starting line-up
}

// text returns all members as one text, for the ID of an event.
func (l *Lineup) text() string {
	words := []string{l.Formation, l.Coach}
	for _, p := range l.Players {
		role := "starter"
		if p.Substitute {
			role = "substitute"
		}
		words = append(words, p.Name, p.Number, p.Position, role)
	}
	return strings.Join(words, "\x1e")
}
