// Package playtime computes the minimum time until a match can be over.
package playtime

import (
	"time"

	"github.com/matchwire/matchwire/event"
)

// clockSlack is the maximum time by which the clocks of soccer pages can be behind play.
const clockSlack = 5 * time.Minute

// Least returns the minimum time from at until a match can be over. In a break, the period of at
// has ended. The zero clock means kick-off. longest is the highest clock in regulation time that
// pages have shown, in seconds since the start of its period. So each period is at least this long.
// For periods after that of at, Least uses the longest usual length, if the sport has one, because
// pages rarely miss the whole last period.
func Least(sport event.Sport, at event.Clock, inBreak bool, longest int) time.Duration {
	if sport == event.Soccer {
		return max(0, leastSoccer(at, inBreak)-clockSlack)
	}
	rules := sport.Rules()
	length := leastLength(rules, time.Duration(longest)*time.Second)
	now, last := sport.Index(at.Period), sport.Index(rules.LeastPeriod)
	later := length
	if n := len(rules.UsualLengths); n > 0 && now >= 0 {
		later = rules.UsualLengths[n-1]
	}
	var left time.Duration
	for i, p := range rules.Periods {
		if i > now && i <= last && !p.IsBreak() {
			left += later
		}
	}
	played := time.Duration(Played(sport, at)) * time.Second
	if len(rules.UsualLengths) > 0 && !inBreak && played > 0 && 0 <= now && now <= last {
		left += max(0, length-played)
	}
	return left
}

// Played returns the seconds of a period that have been played at a clock, without stoppage time. If the
// clock shows minutes from kick-off, the result includes the whole minute. Played returns 0 if the clock
// is unknown.
func Played(sport event.Sport, at event.Clock) int {
	if !sport.CountsMinutes() {
		return at.Elapsed
	}
	start, _ := sport.Minutes(at.Period)
	return max(0, at.Minute-start) * 60
}

// leastLength returns the minimum length of a period if its clock has shown longest.
func leastLength(rules *event.Rules, longest time.Duration) time.Duration {
	for _, length := range rules.UsualLengths {
		if length >= longest {
			return length
		}
	}
	return rules.LeastLength
}

// leastSoccer is Least for soccer, without clockSlack. If the minute is unknown, the period may
// be about to end.
func leastSoccer(at event.Clock, inBreak bool) time.Duration {
	const half, pause, extra = 45 * time.Minute, 5 * time.Minute, 15 * time.Minute
	left := func(end int) time.Duration {
		if at.Minute == 0 || inBreak {
			return 0
		}
		return max(0, time.Duration(end-at.Minute)*time.Minute)
	}
	switch at.Period {
	case "":
		return half + pause + half
	case event.FirstHalf:
		if inBreak {
			return half
		}
		return left(45) + pause + half
	case event.HalfTime:
		return half
	case event.SecondHalf:
		return left(90)
	case event.ExtraFirst:
		return left(105) + extra
	case event.ExtraHalfTime:
		return extra
	case event.ExtraSecond:
		return left(120)
	}
	return 0
}
