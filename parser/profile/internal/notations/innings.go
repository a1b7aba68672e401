package notations

import (
	"errors"
	"regexp"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// The forms of innings, in lower case and without the texts in parentheses.
var (
	followOn    = regexp.MustCompile(`\(?\b(?:f/o|fo|following on|follow-on)\b\)?`)
	parentheses = regexp.MustCompile(`\([^()]*\)`)
	inningsSep  = regexp.MustCompile(` ?(?:&|;|\band\b) ?`)
	inningsText = regexp.MustCompile(`^(\d{1,4})(?: ?(?:/|-|\bfor\b) ?(\d{1,4}))?( ?(?:d|dec|decl|declared)\.?)?` +
		`( ?(?:all out|ao))?(?: \d{1,3}(?:\.\d)?(?: ?/ ?\d{1,3})? ?ov(?:er)?s?)?$`)
	notBatted = regexp.MustCompile(`^(?:-|dnb|did not bat|yet to bat|)$`)
)

// maxRuns is the maximum number of runs of an innings.
const maxRuns = 2000

// maxInnings is the maximum number of innings of a side: two, or one and super overs.
const maxInnings = 4

// A SideScore is the score of one side as a page about cricket shows it.
type SideScore struct {
	Line event.Line // empty if the side has not batted
	Bare bool       // the text is only a number, which may be the runs of all innings
}

// Runs returns the runs of the latest innings, or 0 if the side has not batted.
func (s *SideScore) Runs() int {
	if len(s.Line) == 0 {
		return 0
	}
	return s.Line[len(s.Line)-1].Runs
}

// ParseInnings parses the innings of one side: 428/6d & 120/3d, 245, or 12/1 (3.2 ov). In
// Australia, the wickets come first: 4/120. The error describes the text, without quoting it.
func ParseInnings(text string) (s SideScore, err error) {
	bad := errors.New("is not a score")
	s.Bare = true
	for _, part := range inningsSep.Split(plain(text), -1) {
		var in event.Innings
		in.FollowOn = followOn.MatchString(part)
		part = parentheses.ReplaceAllString(followOn.ReplaceAllString(part, " "), " ")
		part = squeezed(strings.Trim(squeezed(part), "*,"))
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
			if wickets > 10 && in.Runs <= 10 {
				in.Runs, wickets = wickets, in.Runs
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

// InningsPeriod returns the current period by the number of innings in a line score that have begun.
// It returns "" if no innings has begun.
func InningsPeriod(line *event.LineScore) event.Period {
	begun := 0
	for _, l := range []event.Line{line.Home, line.Away} {
		if n := len(l); n > 1 || n == 1 && (l[0].Runs > 0 || l[0].Wickets != nil && *l[0].Wickets > 0) {
			begun += n
		}
	}
	if all := event.Cricket.Rules().Periods; begun > 0 && begun <= len(all) {
		return all[begun-1]
	}
	return ""
}
