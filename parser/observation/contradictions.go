package observation

import (
	"fmt"

	"github.com/matchwire/matchwire/event"
)

// Contradictions returns a problem if the listed goals do not add up to the score. It returns nil
// if there is no score, or if the sport does not count goals.
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

// likelyCause returns a hint why the listed goals differ from the score, or "".
func (o *Observation) likelyCause(listed event.Score) string {
	home, away := listed.Home-o.Score.Home, listed.Away-o.Score.Away
	switch {
	case home+away == 0:
		return "; their number is right, so check the rule for side or team"
	case home+away > 0 && (listed.Home == 0 && o.Score.Home > 0 || listed.Away == 0 && o.Score.Away > 0):
		return "; all are of one side, so check the rule for side or team"
	case home >= 0 && away >= 0:
		return "; if the page still lists a disallowed goal, exclude its row"
	case home <= 0 && away <= 0 && (o.ShowsShootout() || o.mayHideShootout(listed)):
		return "; if the score includes the shoot-out, subtract its goals"
	}
	return ""
}

// mayHideShootout reports whether the score looks like that of a sport in which the winner of a shoot-out
// gets a goal: after a draw, one side has one goal more.
func (o *Observation) mayHideShootout(listed event.Score) bool {
	return o.Sport.Rules().ShootoutGoal && o.Match.Status.Over() && listed.Home == listed.Away &&
		o.Score.Home+o.Score.Away == listed.Home+listed.Away+1
}
