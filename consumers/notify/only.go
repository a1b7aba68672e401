package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// only is the value of the setting "only". It selects some of the events that change the score or
// end a period. Each element is leadChanges, periodEnds, or lastPrefix and a duration. Events that
// neither change the score nor end a period always match.
type only []string

const (
	leadChanges = "lead_changes" // the lead changes, or the score is level again
	periodEnds  = "period_ends"
	lastPrefix  = "last " // in the last part of regulation time, and in overtime
)

// maxLast is the longest duration after lastPrefix.
const maxLast = time.Hour

// checkOnly returns an error if an element of the setting "only" is invalid.
func checkOnly(word string) error {
	if word == leadChanges || word == periodEnds {
		return nil
	}
	if text, ok := strings.CutPrefix(word, lastPrefix); ok {
		if d, err := time.ParseDuration(text); err != nil || d <= 0 || d > maxLast {
			return fmt.Errorf("only: %q: want a duration like 5m, above 0 and at most %v", word, maxLast)
		}
		return nil
	}
	return fmt.Errorf("only: %q: want %s, %s, or a value like %q", word, leadChanges, periodEnds, lastPrefix+"5m")
}

// onlyCanExclude reports whether the setting "only" can exclude events of this kind, in any sport.
func onlyCanExclude(kind string) bool {
	k := event.Kind(kind)
	return k == event.PeriodEnd || k == event.ScoreChange ||
		slices.ContainsFunc(event.Sports(), func(s event.Sport) bool { return s.Scores(k) })
}

// kindsWithOnly returns the default kinds of a rule that sets "only".
func kindsWithOnly(o only) []string {
	all := append(slices.Clone(defaultKinds), string(event.ScoreChange))
	if slices.Contains(o, periodEnds) {
		all = append(all, string(event.PeriodEnd))
	}
	for _, s := range event.Sports() {
		for k := range s.Rules().Points {
			all = append(all, string(k))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// matches reports whether o allows the event. A correction of the score is not a new play, so o does not
// allow it. Recipients of the original event still get the correction.
func (o only) matches(d *event.Data) bool {
	switch {
	case len(o) == 0:
		return true
	case d.Kind == event.PeriodEnd:
		return slices.Contains(o, periodEnds)
	case d.Kind != event.ScoreChange && !d.Sport.Scores(d.Kind):
		return true
	}
	if _, rescored := d.Changes["score"]; rescored && d.Action == event.Corrected {
		return false
	}
	return slices.ContainsFunc(o, func(word string) bool {
		text, isLast := strings.CutPrefix(word, lastPrefix)
		last, err := time.ParseDuration(text)
		return word == leadChanges && leadChanged(d) || isLast && err == nil && inLast(d, last)
	})
}

// leadChanged reports whether the event changes which side leads. If the score is level, neither
// side leads. leadChanged returns false if the score before or after the event is unknown.
func leadChanged(d *event.Data) bool {
	before, after, known := scoreMove(d)
	return known && cmp.Compare(before.Home, before.Away) != cmp.Compare(after.Home, after.Away)
}

// scoreMove returns the scores before and after an event that changes the score. In cricket, the scores
// are the runs of all innings if the line score is known. known is false if the score before the event is unknown.
func scoreMove(d *event.Data) (before, after event.Score, known bool) {
	if d.Score == nil {
		return before, after, false
	}
	after = *d.Score
	rules, points := d.Sport.Rules(), d.Points
	if rules.CountsGoals {
		points = 1
	}
	switch {
	case d.Kind == event.ScoreChange:
		if _, err := fmt.Sscanf(d.Changes["score"].Old, "%d-%d", &before.Home, &before.Away); err != nil {
			return before, after, false
		}
		if rules.SetScore || rules.InningsScore { // if the score is lower than before, it started again at 0
			if after.Home < before.Home {
				before.Home = 0
			}
			if after.Away < before.Away {
				before.Away = 0
			}
		}
	case points == 0 || d.Side == "":
		return before, after, false
	default:
		before = after.Add(d.Side, -points)
	}
	if d.LineScore != nil && rules.InningsScore {
		total := d.LineScore.Total()
		before = total.Add(event.Home, before.Home-after.Home).Add(event.Away, before.Away-after.Away)
		after = total
	}
	return before, after, true
}

// inLast reports whether an event is in overtime, or in the last part of regulation time. last is
// the length of that part. For a sport without a clock, inLast returns true only in overtime.
func inLast(d *event.Data, last time.Duration) bool {
	var c event.Clock
	if d.Clock != nil {
		c = *d.Clock
	}
	if m := d.Match; m != nil && !c.Known() && (c.Period == "" || c.Period == m.Period) {
		c, c.Period = m.Clock, cmp.Or(m.Clock.Period, m.Period)
	}
	r := d.Sport.Rules()
	switch {
	case r.OvertimeAfter != "" && d.Sport.Index(c.Period) > d.Sport.Index(r.OvertimeAfter):
		return true
	case c.Period != r.LastRegulationPeriod:
		return false
	case d.Sport.CountsMinutes(): // minute 86 begins 5 minutes before the end
		return c.Minute > 0 && time.Duration(2*r.Half-c.Minute+1)*time.Minute <= last
	}
	return r.Length > 0 && c.Elapsed > 0 && r.Length-time.Duration(c.Elapsed)*time.Second <= last
}
