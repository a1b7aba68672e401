package observation

import (
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
)

func TestContradictions(t *testing.T) {
	t.Parallel()
	o := full()
	got := o.Contradictions()
	want := "incidents: the listed goals add up to 1-1, but the score is 2-1"
	if len(got) != 1 || !strings.HasPrefix(got[0].String(), want) {
		t.Errorf("a score with a goal that is not listed: problems %v, want one that begins with %q", got, want)
	}
	for name, change := range map[string]func(*Observation){
		"the score agrees":                  func(o *Observation) { o.Score = &event.Score{Home: 1, Away: 1} },
		"no score":                          func(o *Observation) { o.Score = nil },
		"a sport that does not count goals": func(o *Observation) { o.Sport = event.Basketball },
		"hockey, with a goal for the winner of the shoot-out": func(o *Observation) {
			o.Sport, o.Match.Period, o.Shootout = event.IceHockey, event.ShootOut, nil
		},
	} {
		o := full()
		change(o)
		if got := o.Contradictions(); got != nil {
			t.Errorf("%s: problems %v, want none", name, got)
		}
	}
}

// The problem names the likely cause of the difference.
func TestContradictionNamesTheCause(t *testing.T) {
	t.Parallel()
	goals := func(score event.Score) (all []Incident) {
		for range score.Home {
			all = append(all, Incident{Kind: event.Goal, Side: event.Home})
		}
		for range score.Away {
			all = append(all, Incident{Kind: event.Goal, Side: event.Away})
		}
		return all
	}
	const sides, disallowed, shootout = "the rule for side or team", "exclude its row", "subtract its goals"
	ended, so := event.Match{Status: event.Final}, event.Match{Status: event.Live, Period: event.ShootOut}
	const soccer, hockey = event.Soccer, event.IceHockey
	score := func(home, away int) event.Score { return event.Score{Home: home, Away: away} }
	kicks := score(5, 4)
	for name, tc := range map[string]struct {
		sport         event.Sport
		match         event.Match
		listed, score event.Score
		shootout      *event.Score
		want          string
	}{
		"all goals on one side":           {soccer, ended, score(4, 0), score(2, 2), nil, sides},
		"an own goal, listed wrongly":     {soccer, ended, score(2, 1), score(1, 2), nil, sides},
		"a disallowed goal":               {soccer, ended, score(4, 2), score(3, 2), nil, disallowed},
		"two disallowed goals":            {hockey, ended, score(1, 1), score(0, 0), nil, disallowed},
		"a goal that is not listed":       {soccer, ended, score(1, 0), score(1, 1), nil, ""},
		"one side, and a disallowed goal": {soccer, ended, score(3, 0), score(1, 1), nil, sides},
		"one more at home, one less away": {soccer, ended, score(4, 1), score(2, 2), nil, ""},
		"hockey after a shoot-out":        {hockey, ended, score(5, 5), score(6, 5), nil, shootout},
		"hockey in a shoot-out":           {hockey, so, score(5, 5), score(4, 7), nil, ""},
		"hockey in overtime": {hockey, event.Match{Status: event.Live, Period: "ot1"},
			score(5, 5), score(6, 5), nil, ""},
		"hockey, a goal that is not listed": {hockey, ended, score(5, 4), score(6, 4), nil, ""},
		"soccer with the kicks": {soccer, ended, score(1, 1), score(6, 5),
			&kicks, shootout},
	} {
		o := Observation{Sport: tc.sport, Match: tc.match, Score: &tc.score, Shootout: tc.shootout,
			Incidents: goals(tc.listed)}
		got := o.Contradictions()
		if len(got) != 1 || !strings.Contains(got[0].Message, tc.want) ||
			tc.want == "" && strings.Contains(got[0].Message, ";") {
			t.Errorf("%s: problems %v, want one with the cause %q", name, got, tc.want)
		}
	}
}
