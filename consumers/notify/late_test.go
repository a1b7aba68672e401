package notify

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
)

// An incident is too late if the page lists it after more than 15 minutes of play. In a break,
// after the end or without a clock, the period of the match determines the time that was played.
func TestListedTooLate(t *testing.T) {
	soccer := func(minute int) event.Clock { return event.SoccerMinute("", minute, 0) }
	rugby := func(minute int) event.Clock { return event.Rugby.AtMinute("", minute, 0) }
	at := func(p event.Period, minutes, seconds int) event.Clock {
		return event.Clock{Period: p, Elapsed: 60*minutes + seconds}
	}
	in := func(s event.Status, p event.Period) event.Match { return event.Match{Status: s, Period: p} }
	stoppage := event.SoccerMinute(event.FirstHalf, 45, 2)
	kickoff := time.Date(2026, 11, 28, 15, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		sport event.Sport
		clock event.Clock
		match event.Match
		after time.Duration // from kick-off to the page; 0 if the page does not show the kick-off time
		want  bool
	}{
		"with a clock":               {event.Soccer, soccer(17), event.Match{Clock: soccer(39)}, 0, true},
		"with a clock, in time":      {event.Soccer, soccer(17), event.Match{Clock: soccer(32)}, 0, false},
		"half time":                  {event.Soccer, soccer(18), in(event.Break, event.HalfTime), 0, true},
		"half time, in time":         {event.Soccer, soccer(30), in(event.Break, event.HalfTime), 0, false},
		"half time, stoppage":        {event.Soccer, stoppage, in(event.Break, ""), 0, false},
		"a break without a period":   {event.Soccer, soccer(18), in(event.Break, ""), 0, true},
		"final":                      {event.Soccer, soccer(74), in(event.Final, ""), 0, true},
		"final, in time":             {event.Soccer, soccer(75), in(event.Final, ""), 0, false},
		"ended 2h":                   {event.Soccer, soccer(9), in(event.Ended, event.SecondHalf), 0, true},
		"second half without clock":  {event.Soccer, soccer(29), in(event.Live, event.SecondHalf), 0, true},
		"second half, in time":       {event.Soccer, soccer(60), in(event.Live, event.SecondHalf), 0, false},
		"first half without clock":   {event.Soccer, soccer(5), in(event.Live, event.FirstHalf), 0, false},
		"extra time break":           {event.Soccer, soccer(88), in(event.Break, event.ExtraHalfTime), 0, true},
		"after extra time":           {event.Soccer, soccer(104), in(event.Final, event.ExtraSecond), 0, true},
		"shoot-out after 90 minutes": {event.Soccer, soccer(80), in(event.Live, event.ShootOut), 0, false},
		"shoot-out, long past":       {event.Soccer, soccer(60), in(event.Live, event.ShootOut), 0, true},
		"interrupted":                {event.Soccer, soccer(40), in(event.Interrupted, event.SecondHalf), 0, false},
		"abandoned":                  {event.Soccer, soccer(40), in(event.Abandoned, ""), 0, false},
		"without a minute":           {event.Soccer, event.Clock{Period: event.FirstHalf}, in(event.Final, ""), 0, false},
		"a kick in the shoot-out":    {event.Soccer, event.Clock{Period: event.ShootOut}, in(event.Final, ""), 0, false},
		"youth, halves of 30":        {event.Soccer, soccer(59), in(event.Final, ""), 70 * time.Minute, false},
		"youth, long past":           {event.Soccer, soccer(20), in(event.Final, ""), 70 * time.Minute, true},
		"a kick-off in the future":   {event.Soccer, soccer(9), in(event.Final, ""), -time.Hour, true},
		"rugby, half time":           {event.Rugby, rugby(24), in(event.Break, event.HalfTime), 0, true},
		"rugby, final, in time":      {event.Rugby, rugby(66), in(event.Final, ""), 0, false},
		"sevens, final":              {event.Rugby, rugby(13), in(event.Final, ""), 18 * time.Minute, false},
		"ice hockey, a period later": {event.IceHockey, at("p1", 3, 0), event.Match{Clock: at("p2", 1, 0)}, 0, true},
		"ice hockey, intermission":   {event.IceHockey, at("p1", 3, 0), in(event.Break, "p1"), 0, true},
		"ice hockey, same period":    {event.IceHockey, at("p1", 3, 0), event.Match{Clock: at("p1", 17, 0)}, 0, false},
		"ice hockey, final":          {event.IceHockey, at("p3", 4, 0), in(event.Final, ""), 0, true},
		"ice hockey, final, in time": {event.IceHockey, at("p3", 6, 0), in(event.Final, ""), 0, false},
		"ice hockey, overtime":       {event.IceHockey, at("p3", 18, 0), in(event.Final, "ot1"), 0, false},
		"basketball, half time":      {event.Basketball, at("q1", 8, 0), in(event.Break, "q2"), 0, true},
		"american football, final":   {event.AmericanFootball, at("q3", 9, 0), in(event.Final, ""), 0, true},
		"tennis":                     {event.Tennis, event.Clock{Period: "s1"}, in(event.Final, ""), 0, false},
		"baseball":                   {event.Baseball, event.Clock{Half: event.Top}, in(event.Final, ""), 0, false},
	} {
		e := event.Event{Time: kickoff, Data: event.Data{Sport: tc.sport, Clock: &tc.clock, Match: &tc.match}}
		if tc.after != 0 {
			e.Data.Match.Start, e.Time = kickoff, kickoff.Add(tc.after)
		}
		if got := longPast(e); got != tc.want {
			t.Errorf("%s: too late: %t, want %t", name, got, tc.want)
		}
	}
	for _, d := range []event.Data{{Sport: event.Soccer}, {Sport: event.Soccer, Clock: &event.Clock{Minute: 1}},
		{Sport: event.Soccer, Match: &event.Match{Status: event.Final}},
		{Clock: &event.Clock{Minute: 1}, Match: &event.Match{}}} {
		if longPast(event.Event{Data: d}) {
			t.Errorf("an event with the facts %+v is too late, want it in time", d)
		}
	}
}
