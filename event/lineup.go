package event

import "strings"

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
