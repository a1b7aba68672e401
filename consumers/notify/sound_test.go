package notify

import (
	"testing"

	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
)

// By default, a correction makes a sound only if it changes who scored. The setting
// correction_sound can change this rule.
func TestCorrectionSound(t *testing.T) {
	corrected := func(sport event.Sport, kind event.Kind, changes map[string]event.Change) event.Event {
		return event.Event{Data: event.Data{Sport: sport, Kind: kind, Action: event.Corrected, Changes: changes}}
	}
	change := func(name, old, now string) map[string]event.Change {
		return map[string]event.Change{name: {Old: old, New: now}}
	}
	retracted := corrected(event.Soccer, event.Goal, nil)
	retracted.Data.Action = event.Retracted
	for name, tc := range map[string]struct {
		e     event.Event
		sound bool // with the default setting
	}{
		"a different scorer":   {corrected(event.Soccer, event.Goal, change("player", "Ann", "Ora")), true},
		"a removed scorer":     {corrected(event.Soccer, event.Goal, change("player", "Ann", "")), true},
		"an own goal":          {corrected(event.Soccer, event.Goal, change("detail", "", event.OwnGoal)), true},
		"no own goal":          {corrected(event.Soccer, event.Goal, change("detail", event.OwnGoal, "penalty")), true},
		"a different team":     {corrected(event.Rugby, "try", change("team", "A", "B")), true},
		"a touchdown":          {corrected(event.AmericanFootball, "touchdown", change("player", "Ann", "Ora")), true},
		"a newly known scorer": {corrected(event.Soccer, event.Goal, change("player", "", "Ann")), false},
		"a penalty":            {corrected(event.Soccer, event.Goal, change("detail", "", event.PenaltyGoal)), false},
		"the minute":           {corrected(event.Soccer, event.Goal, change("time", "12'", "13'")), false},
		"the assist":           {corrected(event.Soccer, event.Goal, change("assist", "Bea", "Cat")), false},
		"a card":               {corrected(event.Soccer, event.RedCard, change("player", "Ann", "Ora")), false},
		"a goal is retracted":  {retracted, false},
	} {
		for sound, want := range map[send.CorrectionSound]bool{
			"": tc.sound, send.SoundScorer: tc.sound, send.SoundAll: true, send.SoundNone: false,
		} {
			if got := !silent(tc.e, true, sound); got != want {
				t.Errorf("%s with correction_sound %q: sound %v, want %v", name, sound, got, want)
			}
			if silent(tc.e, false, sound) {
				t.Errorf("%s with correction_sound %q: silent as news, want a sound", name, sound)
			}
		}
	}
}
