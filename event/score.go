package event

import (
	"fmt"
	"slices"
	"strings"
)

// A Score counts the goals, points, runs, games or sets of each side. In cricket, it counts the runs
// of the latest innings of each side, or of all innings if the pages show only the totals.
type Score struct {
	Home int `json:"home"`
	Away int `json:"away"`
}

// String returns the score as "home-away".
func (s Score) String() string { return fmt.Sprintf("%d-%d", s.Home, s.Away) }

// Of returns the score of one side.
func (s Score) Of(side Side) int {
	if side == Home {
		return s.Home
	}
	return s.Away
}

// Add returns s after adding n for one side.
func (s Score) Add(side Side, n int) Score {
	if side == Home {
		s.Home += n
	} else {
		s.Away += n
	}
	return s
}

// A LineScore is the score of both sides by part of the match. In cricket, the parts are innings, and in tennis,
// sets. In other sports, they are the [Rules.Parts].
type LineScore struct {
	Home Line `json:"home,omitempty"`
	Away Line `json:"away,omitempty"`
}

// A Line holds the parts of one side in the order of play. In cricket and baseball, it is empty until the side bats.
type Line []Innings

// An Innings is the score of one side in one part of the match.
type Innings struct {
	Runs     int  `json:"runs"`                // runs; in tennis, games; in other sports, points or goals
	Wickets  *int `json:"wickets,omitempty"`   // 0 to 10; nil if the page shows none, as after the end of most innings
	Declared bool `json:"declared,omitempty"`  // the side ended the innings
	FollowOn bool `json:"follow_on,omitempty"` // the side follows on: it bats again immediately
}

// Closed reports whether the innings ended because the side declared or was all out. The result is
// valid only if the page shows the wickets while an innings is in play.
func (i Innings) Closed() bool { return i.Declared || i.Wickets == nil || *i.Wickets >= 10 }

// String returns the innings in the usual notation: "428/6d", "12/1", "245", or "110/2 (f/o)".
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

// Innings returns the total number of innings of both sides.
func (l *LineScore) Innings() int { return len(l.Home) + len(l.Away) }

// Total returns the runs of each side in all its innings. In contrast, a [Score] can hold only the
// runs of the latest innings.
func (l *LineScore) Total() Score { return Score{Home: l.Home.Runs(), Away: l.Away.Runs()} }

// Fits reports whether the line score and the score can be from the same page. In most sports, the
// parts add up to the score. If the score counts sets, it is the number of parts that each side has
// won; the last part may be in play. In cricket and tennis, Fits always returns true, because the
// score can count only a part of the match.
func (l *LineScore) Fits(r *Rules, s Score) bool {
	switch {
	case r.SetScore || r.InningsScore:
		return true
	case !r.CountsSets:
		return l.Total() == s
	}
	var won Score
	for i, set := range l.Sets() {
		if i == s.Home+s.Away {
			break
		}
		if set.Home > set.Away {
			won.Home++
		} else {
			won.Away++
		}
	}
	played := max(len(l.Home), len(l.Away))
	return won == s && (played == s.Home+s.Away || played == s.Home+s.Away+1)
}

// With returns the line score after the score has changed from was to now. It adds the difference
// to part i, counted from 0. It returns nil if that part would become negative. It does not modify
// l.
func (l *LineScore) With(i int, was, now Score) *LineScore {
	next := &LineScore{}
	for _, side := range []struct {
		line  Line
		more  int
		after *Line
	}{{l.Home, now.Home - was.Home, &next.Home}, {l.Away, now.Away - was.Away, &next.Away}} {
		after := slices.Clone(side.line)
		for side.more != 0 && len(after) <= i {
			after = append(after, Innings{})
		}
		if side.more != 0 {
			after[i].Runs += side.more
			if after[i].Runs < 0 {
				return nil
			}
		}
		*side.after = after
	}
	return next
}

// ByPeriod returns the parts of both sides, separated by spaces: "30 28 31 v 24 27 29".
func (l *LineScore) ByPeriod() string {
	return strings.ReplaceAll(l.String(), " &", "")
}

// Sets returns the score of each set that both sides have, in the order of play. It returns nil if l
// is nil.
func (l *LineScore) Sets() (all []Score) {
	if l == nil {
		return nil
	}
	for i := range min(len(l.Home), len(l.Away)) {
		all = append(all, Score{l.Home[i].Runs, l.Away[i].Runs})
	}
	return all
}

// A Winner is the side that won a match, or Draw.
type Winner string

// Draw means that a match ended without a winner. The other values are those of [Side].
const Draw Winner = "draw"

// Winners returns every Winner.
func Winners() []Winner { return []Winner{Winner(Home), Winner(Away), Draw} }

// A Decision is the way in which a match was decided.
type Decision string

// The ways in which a match is decided.
const (
	ByRegulation Decision = "regulation" // in the regular playing time
	ByExtraTime  Decision = "extra_time" // in extra time, overtime or extra innings
	ByShootout   Decision = "shootout"
	ByRetirement Decision = "retirement" // a player or team retired
	ByWalkover   Decision = "walkover"   // awarded, without any play
	ByAward      Decision = "award"      // awarded after play, or it is unknown whether the match was played
)

// Decisions returns every way in which a match is decided.
func Decisions() []Decision {
	return []Decision{ByRegulation, ByExtraTime, ByShootout, ByRetirement, ByWalkover, ByAward}
}
