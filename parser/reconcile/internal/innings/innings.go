// Package innings decides which innings of a cricket match the runs on a page belong to.
//
// The score of a side begins again with its second innings. There are three kinds of pages. The last
// column says which line score a match has with such pages:
//
//	all innings     428/6d & 3/0  v  245    the line score of the page
//	latest innings  3             v  245    the line score of the earlier pages, and the latest innings
//	totals          431           v  245    no line score, and a score that never falls
//
// The score of an event counts the latest innings of each side, except on pages with totals.
package innings

import (
	"cmp"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// startedRuns is the maximum number of runs in the first score of an innings, if an earlier page has
// already shown the period of the innings. It is the maximum number of runs in an over: six sixes.
const startedRuns = 36

var sides = []event.Side{event.Home, event.Away}

// A Known holds the facts of earlier pages.
type Known struct {
	Score     *event.Score     // nil if unknown
	LineScore *event.LineScore // nil if unknown
	Period    event.Period
}

// Several reports whether a line score shows several innings of a side. A site that has shown such a
// line score shows all innings.
func Several(line *event.LineScore) bool {
	return line != nil && max(len(line.Home), len(line.Away)) > 1
}

// Complete returns the score and line score of a cricket page, completed from earlier pages. all
// reports whether the site shows all innings. wickets reports whether the site shows wickets. If it
// does, an innings without wickets is all out. The line score is nil if it is not known which innings
// the runs belong to. In other sports, Complete returns the page's score, and the line score that
// [observation.Observation.LineOf] returns for it. If the page has no score, Complete returns nil for
// both.
func (known Known) Complete(o *observation.Observation, all, wickets bool) (*event.Score, *event.LineScore) {
	switch rules := o.Sport.Rules(); {
	case o.Score == nil:
		return nil, nil
	case !rules.InningsScore:
		return o.Score, o.LineOf(o.Score)
	}
	score, shown := known.shown(o)
	was := known.before(o, &score)
	line := &event.LineScore{Home: shown[event.Home], Away: shown[event.Away]}
	innings, before := known.begun(o)
	switch {
	case all:
		return &score, line
	case innings == 0 && o.LineScore == nil:
		return &score, nil
	case innings < before, innings <= 2 && was == nil, innings < 2:
		return &score, line
	case was == nil: // the page shows the latest innings, and those before it are unknown
		if line.Innings() < innings {
			line = nil
		}
		return &score, line
	}
	began := known.Began(o, &score)
	for _, side := range sides {
		now, before := shown[side], was.Of(side)
		switch {
		case side == o.Absent || len(now) == 0:
			now = before
		case slices.Contains(began, side):
			now = append(before[:len(before):len(before)], now...)
		case len(before) > 0:
			last := &before[len(before)-1]
			if now = now[len(now)-1:]; o.LineScore == nil && !wickets && now[0].Runs == last.Runs {
				now = event.Line{*last} // the page shows no wickets, but another site does
			}
			now = append(before[:len(before)-1:len(before)-1], now...)
		}
		shown[side] = now
	}
	line = &event.LineScore{Home: shown[event.Home], Away: shown[event.Away]}
	if innings > 2 && line.Innings() < innings && score != *known.Score {
		line = nil // the score may be a total
	}
	return &score, line
}

// before returns the line score of the earlier pages. If no page has named the innings, the saved
// line score may be unknown. But a falling score can show the earlier innings: a side that has
// begun its second innings had exactly one until then.
func (known Known) before(o *observation.Observation, score *event.Score) *event.LineScore {
	innings, before := known.begun(o)
	if began := known.Began(o, score); known.LineScore != nil || before > 0 || innings < 3 || len(began) != innings-2 {
		return known.LineScore
	}
	return &event.LineScore{Home: event.Line{{Runs: known.Score.Home}}, Away: event.Line{{Runs: known.Score.Away}}}
}

// shown returns the score and the innings of each side on the page. For a side without a score, it
// returns the score and the innings on earlier pages.
func (known Known) shown(o *observation.Observation) (score event.Score, lines map[event.Side]event.Line) {
	score, lines = *o.Score, map[event.Side]event.Line{}
	was := known.LineScore
	for _, side := range sides {
		absent := side == o.Absent && known.Score != nil
		if absent {
			score = score.Add(side, known.Score.Of(side))
		}
		switch runs := score.Of(side); {
		case absent && was != nil:
			lines[side] = was.Of(side)
		case o.LineScore != nil && !absent:
			lines[side] = o.LineScore.Of(side)
		case runs > 0 || was != nil && len(was.Of(side)) > 0:
			lines[side] = event.Line{{Runs: runs}}
		}
	}
	return score, lines
}

// begun returns how many innings have begun on the page, and on the earlier pages. The numbers are 0
// if unknown. A page without a period counts as one with the known period.
func (known Known) begun(o *observation.Observation) (innings, before int) {
	p := known.Period
	return o.Sport.Index(cmp.Or(o.Match.Period, p)) + 1, o.Sport.Index(p) + 1
}

// Began returns the sides whose score falls because they have begun an innings. This is possible
// from the third innings on. If more scores fall than innings have begun since the earlier pages,
// Began returns nil. If an earlier page has already shown the period, the new score must be at most
// startedRuns. On a page that does not show the current innings, a large fall also shows that an
// innings has begun: the score falls by more than startedRuns, to at most startedRuns.
func (known Known) Began(o *observation.Observation, score *event.Score) []event.Side {
	if !o.Sport.Rules().InningsScore || score == nil || known.Score == nil {
		return nil
	}
	innings, before := known.begun(o)
	var fell []event.Side
	for _, side := range sides {
		if score.Of(side) < known.Score.Of(side) {
			fell = append(fell, side)
		}
	}
	var possible int // number of innings that can have begun
	switch {
	case len(fell) == 1 && before > 1 && known.LineScore != nil && !showsInnings(o) &&
		score.Of(fell[0]) <= startedRuns && known.Score.Of(fell[0])-score.Of(fell[0]) > startedRuns:
		possible = 1
	case innings < 3:
	case innings > before:
		possible = innings - max(before, 2)
	case innings == before && known.LineScore != nil && len(fell) == 1 && score.Of(fell[0]) <= startedRuns:
		possible = innings - known.LineScore.Innings()
	}
	if len(fell) > possible {
		return nil
	}
	return fell
}

// showsInnings reports whether a page shows which innings is being played or has just ended. On other
// pages, such as pages after the match, the period may be just the number of innings on the page.
func showsInnings(o *observation.Observation) bool {
	return o.Match.Status == event.Live || o.Match.Status == event.Break && o.Match.Period != ""
}

// Batting returns the side whose runs or wickets are higher on a page than before, or that has
// begun an innings. If both sides qualify, the side other than was has batted last. Then Batting
// returns that side, or "" if was is "". If neither side qualifies, it returns was.
func (known Known) Batting(was event.Side, score *event.Score, line *event.LineScore) event.Side {
	var risen []event.Side
	for _, side := range sides {
		if known.rises(side, score, line) {
			risen = append(risen, side)
		}
	}
	switch {
	case len(risen) == 1:
		return risen[0]
	case len(risen) == 2 && was != "":
		return was.Other()
	}
	return was
}

// rises reports whether a page shows more runs, wickets or innings of a side than the earlier pages.
func (known Known) rises(side event.Side, score *event.Score, line *event.LineScore) bool {
	if known.LineScore == nil || line == nil {
		return score.Of(side) > 0 && (known.Score == nil || score.Of(side) > known.Score.Of(side))
	}
	was, now := known.LineScore.Of(side), line.Of(side)
	if len(was) == 0 || len(now) != len(was) {
		return len(now) > len(was)
	}
	before, after := was[len(was)-1], now[len(now)-1]
	more := before.Wickets != nil && after.Wickets != nil && *after.Wickets > *before.Wickets
	return after.Runs > before.Runs || more
}

// Moved reports whether the innings of now and was differ when written as text. It returns false if
// now or was is nil.
func Moved(was, now *event.LineScore) bool {
	return was != nil && now != nil && (was.Home.String() != now.Home.String() || was.Away.String() != now.Away.String())
}

// More reports whether now has more innings than was. It returns false if now or was is nil.
func More(was, now *event.LineScore) bool {
	return was != nil && now != nil && now.Innings() > was.Innings()
}

// After returns the line score after an incident in the latest innings of a side. was is the line
// score before the incident, and shown is the line score of the page. runs is the number of runs in
// the innings after the incident, and wicket reports whether the incident is a wicket. After returns
// was if was or shown is nil, or if shown has no innings of the side. It also returns was if shown has
// fewer innings of the side than was, or at least two more. It does not modify was or shown.
func After(was, shown *event.LineScore, side event.Side, runs int, wicket bool) *event.LineScore {
	if was == nil || shown == nil || len(shown.Of(side)) == 0 {
		return was
	}
	line, page := slices.Clone(was.Of(side)), shown.Of(side)
	latest := len(page) - 1
	switch len(line) - latest {
	case 0: // the innings has begun
		line = append(line, event.Innings{FollowOn: page[latest].FollowOn})
		if page[latest].Wickets != nil {
			line[latest].Wickets = new(0)
		}
	case 1:
	default:
		return was
	}
	in := &line[latest]
	in.Runs = runs
	if wickets := page[latest].Wickets; wicket && wickets != nil && in.Wickets != nil {
		in.Wickets = new(min(*in.Wickets+1, *wickets))
	}
	after := *was
	if side == event.Home {
		after.Home = line
	} else {
		after.Away = line
	}
	return &after
}
