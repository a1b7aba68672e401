package notations

import (
	"cmp"
	"errors"
	"html"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// The forms of innings, in lower case. inningsSep and the forms below it match a text from which
// ParseInnings has removed the parentheses.
var (
	followOn    = regexp.MustCompile(`\b(?:f/o|fo|following on|follow-on)\b`)
	parentheses = regexp.MustCompile(`\([^()]*\)`)
	inningsSep  = regexp.MustCompile(` ?(?:[&;+,]|\band\b) ?`)
	inningsText = regexp.MustCompile(`^(\d{1,4})(?: ?(?:/|-|\bfor\b) ?(\d{1,4}))?( ?(?:d|dec|decl|declared)\.?)?` +
		`( ?(?:all out|ao))?(?: \d{1,3}(?:\.\d)?(?: ?/ ?\d{1,3})? ?ov(?:er)?s?)?$`)
	notBatted = regexp.MustCompile(`^(?:-|dnb|did not bat|yet to bat|)$`)
)

// maxRuns is the maximum number of runs in an innings.
const maxRuns = 2000

// maxInnings is the maximum number of innings of a side: two, or one and super overs.
const maxInnings = 4

// The orders of runs and wickets. A page uses one of them.
const (
	RunsFirst    = "runs_first"    // 120/4
	WicketsFirst = "wickets_first" // 4/120, as in Australia
)

// A SideScore is the score of one side as a page about cricket shows it.
type SideScore struct {
	Line event.Line // empty if the side has not batted
	Bare bool       // the text shows no innings, or only a number, which may be the runs of all innings

	shown  map[string]bool // the orders that are certain, because the other order is impossible
	either []int           // indices of innings that are possible in both orders; Line has the runs first
}

// Runs returns the runs of the latest innings, or 0 if the side has not batted.
func (s *SideScore) Runs() int {
	if len(s.Line) == 0 {
		return 0
	}
	return s.Line[len(s.Line)-1].Runs
}

// ParseInnings parses the innings of one side: 428/6d & 120/3d, 245, 12/1 (3.2 ov) or 4/120. The
// error describes the text, without quoting it.
func ParseInnings(text string) (s SideScore, err error) {
	bad := errors.New("is not a score")
	s.Bare, s.shown = true, map[string]bool{}
	text = parentheses.ReplaceAllStringFunc(plain(html.UnescapeString(text)), func(note string) string {
		return " " + followOn.FindString(note) + " "
	})
	for _, part := range inningsSep.Split(text, -1) {
		var in event.Innings
		in.FollowOn = followOn.MatchString(part)
		part = squeezed(strings.Trim(squeezed(followOn.ReplaceAllString(part, " ")), "*"))
		if notBatted.MatchString(part) && !in.FollowOn {
			continue
		}
		m := inningsText.FindStringSubmatch(part)
		if m == nil {
			return SideScore{}, bad
		}
		in.Runs, in.Declared = number(m[1]), m[3] != ""
		if m[2] != "" {
			wickets := number(m[2])
			switch {
			case in.Runs > 10:
				s.shown[RunsFirst] = true
			case wickets > 10:
				in.Runs, wickets = wickets, in.Runs
				s.shown[WicketsFirst] = true
			default:
				s.either = append(s.either, len(s.Line))
			}
			in.Wickets = &wickets
		} else if m[4] != "" {
			in.Wickets = new(10)
		}
		if in.Runs > maxRuns || in.Wickets != nil && *in.Wickets > 10 {
			return SideScore{}, bad
		}
		s.Line = append(s.Line, in)
		s.Bare = s.Bare && part == m[1] && !in.FollowOn
	}
	if len(s.Line) > maxInnings {
		return SideScore{}, bad
	}
	s.Bare = s.Bare && len(s.Line) <= 1
	return s, nil
}

// Order returns the order of runs and wickets on a page with these scores. An innings of more than
// ten runs determines the order. Without such an innings, or if two of them contradict each other,
// Order returns usual. If usual is "", Order avoids the order in which a side would have many more
// wickets than runs. If both orders remain, Order returns RunsFirst.
func Order(page []SideScore, usual string) string {
	const many = 3
	shown, likely := map[string]bool{}, map[string]bool{}
	for i := range page {
		maps.Copy(shown, page[i].shown)
		for _, n := range page[i].either {
			switch excess := *page[i].Line[n].Wickets - page[i].Line[n].Runs; {
			case excess >= many:
				likely[WicketsFirst] = true
			case excess <= -many:
				likely[RunsFirst] = true
			}
		}
	}
	switch {
	case len(shown) == 1 && shown[WicketsFirst]:
		return WicketsFirst
	case len(shown) == 1:
		return RunsFirst
	case usual == "" && len(likely) == 1 && likely[WicketsFirst]:
		return WicketsFirst
	}
	return cmp.Or(usual, RunsFirst)
}

// SetOrder sets the order of the innings that are possible in both orders. Call it at most once.
func (s *SideScore) SetOrder(order string) {
	if order != WicketsFirst {
		return
	}
	for _, n := range s.either {
		in := &s.Line[n]
		in.Runs, *in.Wickets = *in.Wickets, in.Runs
	}
}

// InningsPeriod returns the period of the latest innings that has begun, or "" if no innings has
// begun. If inPlay is true, the first innings has begun, even at 0/0.
func InningsPeriod(line *event.LineScore, inPlay bool) event.Period {
	begun := 0
	for _, l := range []event.Line{line.Home, line.Away} {
		if n := len(l); n > 1 || n == 1 && (l[0].Runs > 0 || l[0].Wickets != nil && *l[0].Wickets > 0) {
			begun += n
		}
	}
	if inPlay && line.Innings() > 0 {
		begun = max(begun, 1)
	}
	if all := event.Cricket.Rules().Periods; begun > 0 && begun <= len(all) {
		return all[begun-1]
	}
	return ""
}

// AllClosed reports whether all innings of a line score have ended because the side declared or was
// all out. It returns false if line is nil.
func AllClosed(line *event.LineScore) bool {
	if line == nil {
		return false
	}
	return !slices.ContainsFunc(slices.Concat(line.Home, line.Away), func(i event.Innings) bool {
		return !i.Closed()
	})
}
