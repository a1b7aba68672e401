package event_test

import (
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
)

func TestCheckTopic(t *testing.T) {
	for topic, want := range map[string]string{
		"soccer.mls.goal":             "",
		"soccer.mls.goal_corrected":   "",
		"soccer.mls.goal_retracted":   "",
		"rugby.six_nations.try":       "",
		"soccer.mls.match_activated":  "",
		"*.*.touchdown":               "",
		"*.mls.*":                     "",
		"#":                           "",
		"#.goal":                      "",
		"soccer.#":                    "",
		"soccer.#.var_review":         "",
		"#.goal.#":                    "", // the league may be called goal
		"ice_hockey.nhl.penalty":      "",
		"soccer.mls":                  "want three words",
		"soccer.mls.gaol":             `soccer has no kind "gaol"; did you mean "goal"?`,
		"soccer.mls.gaol_corrected":   `soccer has no kind "gaol"; did you mean "goal"?`,
		"soccer.mls.goal_correctd":    `did you mean "goal_corrected"?`,
		"soccer.mls.yelow_card":       `did you mean "yellow_card"?`,
		"soccer.mls.own_goal":         `did you mean "goal"?`,
		"soccer.mls.yellow":           `did you mean "yellow_card"?`,
		"soccer.mls.touchdown":        `soccer has no kind "touchdown"; want one of goal, yellow_card, red_card,`,
		"american_football.nfl.goal":  `american_football has no kind "goal"`,
		"*.*.gaol":                    `there is no kind "gaol"; did you mean "goal"?`,
		"#.gaol":                      `there is no kind "gaol"`,
		"soccer.#.gaol":               `soccer has no kind "gaol"`,
		"socer.mls.goal":              `there is no sport "socer"; did you mean "soccer"?`,
		"socer.#":                     `did you mean "soccer"?`,
		"hockey.nhl.goal":             `there is no sport "hockey"; did you mean "ice_hockey"?`,
		"darts.pdc.ton_80":            `there is no sport "darts"; want one of soccer, basketball,`,
		"soccer.mls.goal_corrected_x": `soccer has no kind "goal_corrected_x"; did you mean "goal_corrected"?`,
	} {
		err := event.CheckTopic(topic)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("CheckTopic(%q): error %v, want one that contains %q (\"\" means no error)", topic, err, want)
		}
		if strings.ContainsAny(topic, "*#") || strings.Contains(want, "three words") {
			continue
		}
		err = event.CheckKnownKey(topic)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("CheckKnownKey(%q): error %v, want one that contains %q (\"\" means no error)", topic, err, want)
		}
	}
}

// Every kind of every sport is valid, and so are its correction and its retraction.
func TestEveryKindIsKnown(t *testing.T) {
	for _, s := range event.Sports() {
		for _, k := range append(s.Rules().Kinds, event.CommonKinds()...) {
			for _, a := range []event.Action{event.New, event.Corrected, event.Retracted} {
				if err := event.CheckTopic(event.Key(s, "league", k.Word(a))); err != nil {
					t.Error(err)
				}
			}
		}
	}
}
