package event_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/matchwire/matchwire/event"
)

// handball returns a definition of handball under the given name. Each test uses a different name,
// because a process can define a sport only once.
func handball(name event.Sport) event.Definition {
	return event.Definition{
		Name: name, Counts: event.Goals, Half: 30, ExtraHalf: 5,
		Periods: []event.Period{"1h", "ht", "2h", "et1", "et_ht", "et2", "so"},
		Kinds:   map[event.Kind][]int{"two_minutes": nil, "red_card": nil},
		Names:   map[string]string{"two_minutes": "two-minute suspension"},
	}
}

func TestDefine(t *testing.T) {
	t.Parallel()
	const sport = event.Sport("beach_handball")
	if err := event.CheckTopic("beach_handball.#"); err == nil {
		t.Error("CheckTopic accepts a topic of an undefined sport, want an error")
	}
	if err := event.Define(handball(sport)); err != nil {
		t.Fatal(err)
	}
	r := sport.Rules()
	if r.LastRegulationPeriod != "2h" || r.OvertimeAfter != "2h" || !r.CountsGoals || !sport.Scores("goal") ||
		sport.Scores("red_card") || !slices.Contains(event.Sports(), sport) {
		t.Errorf("rules %+v, sports %v; want 2h as the end of regulation time, only goals in the score, and %s as a sport",
			r, event.Sports(), sport)
	}
	if c := sport.AtMinute("", 31, 0); c.Period != "2h" {
		t.Errorf("minute 31 is in period %s, want 2h", c.Period)
	}
	for _, key := range []string{"beach_handball.ehf.goal", "beach_handball.ehf.two_minutes_retracted"} {
		if err := event.CheckKnownKey(key); err != nil {
			t.Error(err)
		}
	}
	if err := event.CheckKnownKey("beach_handball.ehf.touchdown"); err == nil {
		t.Error("CheckKnownKey accepts a kind that the definition lacks, want an error")
	}
	if err := event.Define(handball(sport)); err != nil {
		t.Errorf("Define with the same definition again: error %v, want none", err)
	}
	other := handball(sport)
	other.Half = 20
	if err := event.Define(other); err == nil || sport.Rules().Half != 30 {
		t.Errorf("Define with halves of 20 instead of 30 minutes: error %v, halves of %d minutes, want an error and 30",
			err, sport.Rules().Half)
	}
}

// In sports that count sets, a match can end after any set, and never with a level score.
func TestDefineCountsSets(t *testing.T) {
	t.Parallel()
	const sport = event.Sport("volleyball")
	d := event.Definition{Name: sport, Counts: event.Sets, Periods: []event.Period{"s1", "s2", "s3", "s4", "s5"}}
	if err := event.Define(d); err != nil {
		t.Fatal(err)
	}
	if r := sport.Rules(); r.LastRegulationPeriod != "" || r.LeastPeriod != "" || !r.NoDraw || r.OvertimeAfter != "s5" {
		t.Errorf("rules %+v, want no period that every match has, no draw, and overtime after s5", r)
	}
}

func TestDefineRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		member string
		change func(*event.Definition)
	}{
		{"name", func(d *event.Definition) { d.Name = "" }},
		{"name", func(d *event.Definition) { d.Name = "Hand Ball" }},
		{"name", func(d *event.Definition) { d.Name = event.Soccer }},
		{"periods", func(d *event.Definition) { d.Periods = nil }},
		{"periods", func(d *event.Definition) { d.Periods = make([]event.Period, 41) }},
		{"periods", func(d *event.Definition) { d.Periods[1] = "1h" }},
		{"periods", func(d *event.Definition) { d.Periods[2] = "2 H" }},
		{"periods", func(d *event.Definition) { d.Periods[0], d.Periods[1] = "ht", "1h" }},
		{"counts", func(d *event.Definition) { d.Counts = "wins" }},
		{"half", func(d *event.Definition) { d.Half = -1 }},
		{"half", func(d *event.Definition) { d.Periods[0] = "h1" }},
		{"half", func(d *event.Definition) { d.Half = 91 }},
		{"extra_half", func(d *event.Definition) { d.ExtraHalf = -1 }},
		{"extra_half", func(d *event.Definition) { d.ExtraHalf = 91 }},
		{"extra_half", func(d *event.Definition) { d.ExtraHalf = 0 }},
		{"extra_half", func(d *event.Definition) { d.Half = 0 }},
		{"extra_half", func(d *event.Definition) { d.Periods[3] = "ot1" }},
		{"extra_half", func(d *event.Definition) { d.Periods[5] = "ot2" }},
		{"extra_half", func(d *event.Definition) { d.ExtraHalf, d.Periods[3] = 0, "ot1" }},
		{"extra_half", func(d *event.Definition) { d.ExtraHalf, d.Periods[5] = 0, "ot2" }},
		{"kinds", func(d *event.Definition) { d.Kinds["seven metres"] = nil }},
		{"kinds", func(d *event.Definition) { d.Kinds["goal_retracted"] = nil }},
		{"kinds", func(d *event.Definition) { d.Kinds["match_end"] = nil }},
		{"kinds", func(d *event.Definition) { d.Kinds["penalty"] = []int{2} }},
		{"kinds", func(d *event.Definition) { d.Counts, d.Kinds["penalty"] = event.Points, []int{-2} }},
		{"names", func(d *event.Definition) { d.Names["touchdown"] = "touchdown" }},
	} {
		d := handball("invalid_handball")
		tc.change(&d)
		var invalid *event.DefinitionError
		if err := event.Define(d); !errors.As(err, &invalid) || invalid.Member != tc.member {
			t.Errorf("Define(%+v): error %v, want a DefinitionError about %s", d, err, tc.member)
		}
	}
}
