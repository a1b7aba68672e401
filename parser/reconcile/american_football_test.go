package reconcile_test

import (
	"slices"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// football returns an observation of an American football game in the second quarter. sec is the time
// in seconds since the start of the quarter.
func football(sec int, score event.Score, in ...observation.Incident) observation.Observation {
	o := observed(event.Live, "q2", score, in...)
	o.Sport, o.League = event.AmericanFootball, "NFL"
	o.Match.Clock = event.Clock{Period: "q2", Elapsed: sec}
	return o
}

// play returns the incident of a play of the home side in the second quarter. after is the score
// after the play, or nil if the play failed.
func play(k event.Kind, detail, player string, sec int, after *event.Score) observation.Incident {
	return observation.Incident{Kind: k, Detail: detail, Side: event.Home, Player: player, Score: after,
		Clock: event.Clock{Period: "q2", Elapsed: sec}}
}

// A try is a separate incident, even if it has the same clock and the same player as its touchdown.
func TestTryAfterTouchdown(t *testing.T) {
	t.Parallel()
	six, eight := event.Score{Home: 6}, event.Score{Home: 8}
	touchdown, try := play("touchdown", "run", "Newton", 300, &six), play("two_point", "rush", "Newton", 300, &eight)
	s := begin(t, football(290, event.Score{}))
	s.expect(football(300, six, touchdown), "touchdown 05:00 home Newton run 6-0")
	s.expect(football(300, eight, touchdown, try), "two_point 05:00 home Newton rush 8-0")
	s = begin(t, football(290, event.Score{}))
	s.expect(football(300, eight, touchdown, try), "touchdown 05:00 home Newton run 6-0",
		"two_point 05:00 home Newton rush 8-0")
	s.expect(football(310, eight, try)) // the row of the touchdown is missing
	s.expect(football(320, eight, touchdown, try))
}

// A try that fails and a field goal that is blocked are reported, but do not change the score.
func TestFailedTry(t *testing.T) {
	t.Parallel()
	six := event.Score{Home: 6}
	touchdown, failed := play("touchdown", "run", "Newton", 300, &six), play("two_point", "failed", "Newton", 300, nil)
	blocked := play("field_goal", "blocked", "Gano", 500, nil)
	s := begin(t, football(290, event.Score{}))
	s.expect(football(300, six, touchdown, failed), "touchdown 05:00 home Newton run 6-0",
		"two_point 05:00 home Newton failed 6-0")
	s.expect(football(501, six, touchdown, failed, blocked), "field_goal 08:20 home Gano blocked 6-0")
	s.expect(football(510, six, touchdown, blocked))
	s.expect(football(520, six, touchdown, failed, blocked))
}

// If a review reverses a touchdown, the touchdown is retracted. The field goal that follows is then
// reported.
func TestTouchdownReversed(t *testing.T) {
	t.Parallel()
	six, three := event.Score{Home: 6}, event.Score{Home: 3}
	review := observation.Incident{Kind: "review", Detail: "reversed", Clock: event.Clock{Period: "q2", Elapsed: 300}}
	s := begin(t, football(290, event.Score{}))
	s.expect(football(300, six, play("touchdown", "run", "Newton", 300, &six)), "touchdown 05:00 home Newton run 6-0")
	s.expect(football(301, event.Score{}, review), "review 05:00 reversed 6-0")
	s.expect(football(310, event.Score{}, review), "touchdown_retracted 05:00 home Newton run 0-0")
	s.expect(football(360, three, review, play("field_goal", "", "Gano", 355, &three)), "field_goal 05:55 home Gano 3-0")
}

// If a touchdown is cancelled, the field goal after it is corrected, not retracted. Here, one page
// lacks the row of the field goal before the correction. On this page, the next touchdown has the
// score that the field goal had.
func TestFieldGoalIsNotReplaced(t *testing.T) {
	t.Parallel()
	three, six, nine := event.Score{Home: 3}, event.Score{Home: 6}, event.Score{Home: 9}
	cancelled, kick := play("touchdown", "run", "Cam", 100, &six), play("field_goal", "", "Gano", 200, &nine)
	s := begin(t, football(90, event.Score{}))
	s.expect(football(210, nine, cancelled, kick), "touchdown 01:40 home Cam run 6-0", "field_goal 03:20 home Gano 9-0")
	next := play("touchdown", "pass", "Olsen", 300, &nine)
	s.expect(football(300, nine, next))
	kick.Score = &three
	s.expect(football(310, nine, kick, next), "touchdown_retracted 01:40 home Cam run 9-0",
		"field_goal_corrected 03:20 home Gano 9-0 score:9-0→3-0", "touchdown 05:00 home Olsen pass 9-0")
}

// The row of a safety appears late, when the touchdown after the safety is already cancelled. The safety
// is not a correction of that touchdown, because they have neither kind, player nor clock in common.
func TestLateSafetyAfterACancelledTouchdown(t *testing.T) {
	t.Parallel()
	two, eight := event.Score{Home: 2}, event.Score{Home: 8}
	s := begin(t, football(100, event.Score{}))
	s.expect(football(111, two), "score_change 01:51 2-0")
	s.expect(football(115, eight, play("touchdown", "run", "Cam", 115, &eight)), "touchdown 01:55 home Cam run 8-0")
	s.expect(football(330, two, play("safety", "", "", 110, &two)))
	s.expect(football(336, two, play("safety", "", "", 110, &two)), "touchdown_retracted 01:55 home Cam run 2-0",
		"safety 01:50 home 2-0")
}

// A touchdown is cancelled, and the next play is a safety. The safety is not a correction of the touchdown.
func TestSafetyAfterACancelledTouchdown(t *testing.T) {
	t.Parallel()
	two, six := event.Score{Home: 2}, event.Score{Home: 6}
	s := begin(t, football(10, event.Score{}))
	s.expect(football(20, six, play("touchdown", "run", "Cam", 15, &six)), "touchdown 00:15 home Cam run 6-0")
	s.expect(football(60, event.Score{}))
	got := s.read(football(112, two, play("safety", "", "", 110, &two)))
	slices.Sort(got)
	if want := []string{"safety 01:50 home 2-0", "touchdown_retracted 00:15 home Cam run 2-0"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// On the last page, a touchdown replaces an earlier touchdown. The new touchdown is not reported
// until later pages confirm it. The field goal of the other side is reported at once, because it
// explains the new score.
func TestScoreIsExplainedBySide(t *testing.T) {
	t.Parallel()
	six, after := event.Score{Home: 6}, event.Score{Home: 6, Away: 3}
	kick := play("field_goal", "", "Crosby", 830, &event.Score{Away: 3})
	kick.Side = event.Away
	s := begin(t, football(690, event.Score{}))
	s.expect(football(740, six, play("touchdown", "run", "Nearly", 732, &six)), "touchdown 12:12 home Nearly run 6-0")
	s.expect(football(740, after, kick, play("touchdown", "run", "Other", 830, &after)),
		"field_goal 13:50 away Crosby 6-3")
}
