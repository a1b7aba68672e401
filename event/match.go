package event

import (
	"encoding/json"
	"fmt"
	"slices"
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

	// Situation is the state of play. It is nil before and after the match, and if the page does not
	// show the state of play.
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

// A Situation is the current state of play. Its members depend on the sport; see [Rules]. Members
// that the page does not show are omitted. A Situation is never modified.
type Situation struct {
	Possession Side `json:"possession,omitempty"` // the side that has the ball
	Batting    Side `json:"batting,omitempty"`    // baseball and cricket: the side that bats
	Serving    Side `json:"serving,omitempty"`    // tennis: the side that serves
	PowerPlay  Side `json:"power_play,omitempty"` // ice hockey: the side with more players on the ice

	Balls   *int  `json:"balls,omitempty"` // baseball: the balls in the batter's count
	Strikes *int  `json:"strikes,omitempty"`
	Outs    *int  `json:"outs,omitempty"`
	Bases   []int `json:"bases,omitzero"` // occupied bases in ascending order; empty if there are none, nil if unknown

	Down     int    `json:"down,omitempty"`       // American football: 1 to 4
	Distance int    `json:"distance,omitempty"`   // yards to the line to gain
	Goal     bool   `json:"goal_to_go,omitempty"` // the line to gain is the goal line; Distance is then 0
	BallOn   string `json:"ball_on,omitempty"`    // where the ball is, such as "KC 35"

	Target       int     `json:"target,omitempty"`        // cricket: the runs with which the batting side wins
	RequiredRate float64 `json:"required_rate,omitempty"` // cricket: the runs per over that the batting side needs

	Points   *GamePoints `json:"points,omitempty"`   // tennis: the points in the game, or in the tie-break
	Strength string      `json:"strength,omitempty"` // ice hockey: players on the ice, the larger number first: "5-4"
}

// String returns the members of s as in JSON, without braces or quotes: "batting:away, balls:2, bases:[1,3]". It
// returns "" for nil.
func (s *Situation) String() string {
	if s == nil {
		return ""
	}
	text, _ := json.Marshal(s) // cannot fail: s contains only strings, numbers and booleans
	return situationText.Replace(string(text[1 : len(text)-1]))
}

var situationText = strings.NewReplacer(`,"`, ", ", `":`, ":", `"`, "")

// A Member is a member of [Situation] that the pages of a sport can show.
type Member struct {
	Name string // the JSON name, but home_points and away_points in place of points

	// Least and Most are the bounds of a number, and of each number in a list. Both are 0 for a
	// member that is a side or a text.
	Least, Most int
}

// GamePoints are the points of both sides in a game of tennis: "0", "15", "30", "40" and "A" for advantage. In a
// tie-break, they are numbers.
type GamePoints struct {
	Home string `json:"home"`
	Away string `json:"away"`
}

// check returns an error if no page of a sport can show the situation. Such a situation has a
// member of another sport, a number out of bounds, or a side other than home or away. s can be
// nil.
func (s *Situation) check(sport Sport) error {
	if s == nil {
		return nil
	}
	for _, side := range []struct {
		name  string
		value Side
	}{{"possession", s.Possession}, {"batting", s.Batting}, {"serving", s.Serving}, {"power_play", s.PowerPlay}} {
		if side.value == "" {
			continue
		}
		if _, err := sport.member(side.name); err != nil {
			return err
		}
		if side.value != Home && side.value != Away {
			return fmt.Errorf("situation: %s %q: want home or away", side.name, side.value)
		}
	}
	for _, number := range []struct {
		name   string
		shown  bool
		values []int
	}{
		{"balls", s.Balls != nil, numbers(s.Balls)},
		{"strikes", s.Strikes != nil, numbers(s.Strikes)},
		{"outs", s.Outs != nil, numbers(s.Outs)},
		{"bases", s.Bases != nil, s.Bases},
		{"down", s.Down != 0, []int{s.Down}},
		{"distance", s.Distance != 0, []int{s.Distance}},
		{"target", s.Target != 0, []int{s.Target}},
		{"required_rate", s.RequiredRate != 0, []int{int(s.RequiredRate)}},
	} {
		if !number.shown {
			continue
		}
		m, err := sport.member(number.name)
		if err != nil {
			return err
		}
		for _, n := range number.values {
			if n < m.Least || n > m.Most {
				return fmt.Errorf("situation: %s %d: want %d to %d", number.name, n, m.Least, m.Most)
			}
		}
	}
	for _, other := range []struct {
		name  string
		shown bool
	}{
		{"ball_on", s.BallOn != ""}, {"home_points", s.Points != nil}, {"strength", s.Strength != ""}, {"distance", s.Goal},
	} {
		if _, err := sport.member(other.name); other.shown && err != nil {
			return err
		}
	}
	return nil
}

// member returns the situation member with the given name, or an error if the sport does not have
// it.
func (s Sport) member(name string) (Member, error) {
	all := s.Rules().Situation
	if i := slices.IndexFunc(all, func(m Member) bool { return m.Name == name }); i >= 0 {
		return all[i], nil
	}
	return Member{}, fmt.Errorf("situation: %s has no %s", s, name)
}

// numbers returns a slice that contains *p, or nil if p is nil.
func numbers(p *int) []int {
	if p == nil {
		return nil
	}
	return []int{*p}
}

// MaxLineup is the maximum number of players in a [Lineup]. The squads of all sports are smaller.
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
