package observation

import (
	"fmt"
	"slices"

	"github.com/matchwire/matchwire/event"
)

// Contradictions returns a problem if the listed goals do not add up to the score. After a
// shoot-out, the score may include one goal more, for the winner. Contradictions returns nil if
// there is no score, or if the sport does not count goals.
func (o *Observation) Contradictions() []Problem {
	if o.Score == nil || !o.Sport.Rules().CountsGoals {
		return nil
	}
	listed := event.Score{Home: o.Count(event.Goal, event.Home), Away: o.Count(event.Goal, event.Away)}
	if listed == *o.Score || o.ShowsShootout() && listed == *o.ScoreWithoutShootout() {
		return nil
	}
	return []Problem{{"incidents", fmt.Sprintf("the listed goals add up to %s, but the score is %s%s",
		listed, *o.Score, o.likelyCause(listed))}}
}

// likelyCause returns the likely reason why the listed goals differ from the score, or "".
func (o *Observation) likelyCause(listed event.Score) string {
	home, away := listed.Home-o.Score.Home, listed.Away-o.Score.Away
	switch {
	case home+away == 0:
		return "; the number of goals is right, so check the rule for side or team"
	case home+away > 0 && (listed.Home == 0 && o.Score.Home > 0 || listed.Away == 0 && o.Score.Away > 0):
		return "; all listed goals belong to one side, so check the rule for side or team"
	case home >= 0 && away >= 0:
		return "; if the page still lists a disallowed goal, exclude its row"
	case home <= 0 && away <= 0 && (o.ShowsShootout() || o.mayHideShootout(listed)):
		return "; if the score includes the shoot-out, subtract its goals"
	}
	return ""
}

// mayHideShootout reports whether the score may include a goal for the winner of a shoot-out. That
// is possible if the match is over, both sides have the same number of listed goals, and the score
// has one goal more.
func (o *Observation) mayHideShootout(listed event.Score) bool {
	return o.Sport.Rules().ShootoutGoal && o.Match.Status.Over() && listed.Home == listed.Away &&
		o.Score.Home+o.Score.Away == listed.Home+listed.Away+1
}

// LineOf returns the line score of the page if it fits the score, otherwise nil; see
// [event.LineScore.Fits]. If the line score fits only without its last period, that period is a
// shoot-out, and LineOf returns the line score without the shoot-out. Any line score fits a nil
// score.
func (o *Observation) LineOf(score *event.Score) *event.LineScore {
	line, rules := o.LineScore, o.Sport.Rules()
	if line == nil || score == nil || line.Fits(rules, *score) {
		return line
	}
	if n := len(line.Home) - 1; n > 0 && n == len(line.Away)-1 && slices.Contains(rules.Periods, event.ShootOut) {
		if played := (&event.LineScore{Home: line.Home[:n], Away: line.Away[:n]}); played.Fits(rules, *score) {
			return played
		}
	}
	return nil
}

// RemoveWrongLine removes a line score that does not fit the score, and returns a problem. It
// returns nil if it removes nothing. During a match, a page may update the score and the line score
// at different times. So RemoveWrongLine keeps the line score if the match is not decided and at most
// two incidents can explain the difference.
func (o *Observation) RemoveWrongLine() *Problem {
	if o.LineScore == nil || o.Score == nil || o.LineOf(o.Score) != nil || o.LineOf(o.ScoreWithoutShootout()) != nil {
		return nil
	}
	total := o.LineScore.Total()
	home, away := total.Home-o.Score.Home, total.Away-o.Score.Away
	if !o.Match.Status.Decided() && max(home, -home)+max(away, -away) <= 2*mostPoints(o.Sport.Rules()) {
		return nil
	}
	problem := &Problem{"match.home_line_score", fmt.Sprintf("the line score %s does not add up to the score, %s",
		o.LineScore.ByPeriod(), *o.Score)}
	o.LineScore = nil
	return problem
}

// mostPoints returns the maximum number of points that one incident adds to the score. If the score
// counts sets, or if the rules have no points, it returns the maximum score of one side.
func mostPoints(rules *event.Rules) int {
	if rules.CountsSets || len(rules.Points) == 0 {
		return rules.Bounds.Score
	}
	most := 0
	for _, points := range rules.Points {
		most = max(most, slices.Max(points))
	}
	return most
}
