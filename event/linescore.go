package event

import (
	"fmt"
	"strings"
)

// A LineScore is the score of both sides by part of the match. It is set in cricket, where the parts
// are innings, if the pages show which innings the runs belong to.
type LineScore struct {
	Home Line `json:"home,omitempty"`
	Away Line `json:"away,omitempty"`
}

// A Line holds the innings of one side in the order of play. It is empty until the side bats.
type Line []Innings

// An Innings is the score of one side in one innings.
type Innings struct {
	Runs     int  `json:"runs"`
	Wickets  *int `json:"wickets,omitempty"`   // 0 to 10; nil if the page shows none, as after the end of most innings
	Declared bool `json:"declared,omitempty"`  // the side ended the innings
	FollowOn bool `json:"follow_on,omitempty"` // the side bats again at once
}

// String returns the innings as people write it: "428/6d", "12/1", "245", or "110/2 (f/o)".
func (i Innings) String() string {
	text := fmt.Sprint(i.Runs)
	if i.Wickets != nil && *i.Wickets < 10 {
		text += fmt.Sprintf("/%d", *i.Wickets)
	}
	if i.Declared {
		text += "d"
	}
	if i.FollowOn {
		text += " (f/o)"
	}
	return text
}

// String returns the innings of the side, separated by ampersands: "428/6d & 120/3d". It returns ""
// if the side has not batted.
func (l Line) String() string {
	texts := make([]string, len(l))
	for i := range l {
		texts[i] = l[i].String()
	}
	return strings.Join(texts, " & ")
}

// Runs returns the runs of the side in all its innings.
func (l Line) Runs() (n int) {
	for i := range l {
		n += l[i].Runs
	}
	return n
}

// Of returns the line of one side.
func (l *LineScore) Of(side Side) Line {
	if side == Home {
		return l.Home
	}
	return l.Away
}

// String returns the innings of both sides: "428/6d & 120/3d v 245 & 110".
func (l *LineScore) String() string { return l.Home.String() + " v " + l.Away.String() }

// Innings returns the number of innings of both sides.
func (l *LineScore) Innings() int { return len(l.Home) + len(l.Away) }

// Total returns the runs of both sides in all their innings. A [Score] holds those of the latest innings
// of each side.
func (l *LineScore) Total() Score { return Score{Home: l.Home.Runs(), Away: l.Away.Runs()} }
