// Package playtime defines how long a match must still be played at least.
package playtime

import (
	"time"

	"github.com/matchwire/matchwire/event"
)

// clockSlack is the time by which the clocks of soccer pages can be behind play.
const clockSlack = 5 * time.Minute

// Least returns the least time from at until a match can be over. In a break, the period of at
// has ended. The zero clock means kick-off. longest is the highest clock in regulation time that pages
// have shown, in seconds since the start of its period: the periods are at least so long.
func Least(sport event.Sport, at event.Clock, inBreak bool, longest int) time.Duration {
	if sport == event.Soccer {
		return max(0, leastSoccer(at, inBreak)-clockSlack)
	}
	need, ok := required[sport]
	if !ok {
		return 0
	}
	length := need.leastLength(time.Duration(longest) * time.Second)
	var left time.Duration
	for i, p := range sport.Periods() {
		if i > sport.Index(at.Period) && i <= sport.Index(need.last) && !p.IsBreak() {
			left += length
		}
	}
	now := sport.Index(at.Period)
	if len(need.lengths) > 1 && !inBreak && at.Elapsed > 0 && 0 <= now && now <= sport.Index(need.last) {
		left += max(0, length-time.Duration(at.Elapsed)*time.Second)
	}
	return left
}

// A requirement is the part of a match that must be played.
type requirement struct {
	last event.Period // the last period that every match has

	// lengths are the usual lengths of a period, in ascending order. The first is the least in any
	// competition. If there are several, the clock counts the seconds of a period.
	lengths []time.Duration
}

// leastLength returns the least usual length of a period whose clock has shown longest.
func (r *requirement) leastLength(longest time.Duration) time.Duration {
	for _, length := range r.lengths {
		if length >= longest {
			return length
		}
	}
	if n := len(r.lengths); n > 0 {
		return r.lengths[n-1]
	}
	return 0
}

// required holds the requirement of each sport. Baseball has mercy rules and matches shortened by rain.
var required = map[event.Sport]*requirement{
	event.IceHockey:        {"p3", minutes(10, 12, 15, 20)},
	event.Basketball:       {"q4", minutes(5, 6, 8, 10, 12)},
	event.AmericanFootball: {"q4", minutes(5, 8, 10, 12, 15)},
	event.Rugby:            {event.SecondHalf, minutes(7)}, // sevens
	event.Baseball:         {"i5", minutes(5)},
	event.Cricket:          {"inn2", minutes(10)},
	event.Tennis:           {"s2", minutes(10)},
}

// minutes returns lengths of periods.
func minutes(lengths ...time.Duration) []time.Duration {
	for i := range lengths {
		lengths[i] *= time.Minute
	}
	return lengths
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
