package event

import (
	"cmp"
	"fmt"
)

// A Clock is a time in a match, in the notation of the sport. 45+2' is Minute 45, Stoppage 2. It
// differs from minute 47, which is in the second half.
type Clock struct {
	Period   Period `json:"period,omitempty"`   // such as "1h", "q4" or "p3"; "" if the page does not show it
	Minute   int    `json:"minute,omitempty"`   // 1 to 120, as printed; 0 if the page or the sport has no minutes
	Stoppage int    `json:"stoppage,omitempty"` // minutes of stoppage time
	Elapsed  int    `json:"elapsed,omitempty"`  // seconds since the start of the period; 0 if the page does not show them
	Balls    int    `json:"balls,omitempty"`    // cricket: legal balls bowled in the innings; 14.3 overs are 87 balls
}

// IsZero reports whether no field of c is set.
func (c Clock) IsZero() bool { return c == Clock{} }

// String returns the clock in the usual notation: 14:21 if Elapsed is set, otherwise 15' or 90+1'.
// In cricket, it returns overs, such as 14.3. If c has only a period, it returns "".
//
// The seconds count from kick-off in soccer, and from the start of the period in sports without
// minutes.
func (c Clock) String() string {
	switch {
	case c.Balls > 0:
		return fmt.Sprintf("%d.%d", c.Balls/6, c.Balls%6)
	case c.Elapsed > 0:
		s := c.Elapsed
		if c.Minute > 0 {
			s += startMinute[c.Period] * 60
		}
		return fmt.Sprintf("%02d:%02d", s/60, s%60)
	case c.Stoppage > 0:
		return fmt.Sprintf("%d+%d'", c.Minute, c.Stoppage)
	case c.Minute > 0:
		return fmt.Sprintf("%d'", c.Minute)
	default:
		return ""
	}
}

// startMinute and endMinute are the minutes at which the periods of soccer begin and end, without
// stoppage time. Soccer minutes count from kick-off, not from the start of the period.
var (
	startMinute = map[Period]int{FirstHalf: 0, SecondHalf: 45, ExtraFirst: 90, ExtraSecond: 105}
	endMinute   = map[Period]int{FirstHalf: 45, SecondHalf: 90, ExtraFirst: 105, ExtraSecond: 120}
)

// SoccerMinute returns the clock for a printed soccer minute: (45, 2) is 45+2' of the first half.
// If p is "", the minute determines the period. A minute past the end of its period is stoppage
// time: 92' of the second half is 90+2'.
func SoccerMinute(p Period, minute, stoppage int) Clock {
	if p == "" {
		p = ExtraSecond
		for _, q := range []Period{FirstHalf, SecondHalf, ExtraFirst} {
			if minute <= endMinute[q] {
				p = q
				break
			}
		}
	}
	if end := endMinute[p]; end > 0 && minute > end {
		minute, stoppage = end, minute-end+stoppage
	}
	return Clock{Period: p, Minute: minute, Stoppage: stoppage}
}

// SoccerElapsed returns the clock for a number of seconds since kick-off, as a match clock shows
// it. The second half begins at 45:00, however long the stoppage time before it. 14:21 is in minute
// 15. If p is "", the seconds determine the period. Time past the end of the period is stoppage
// time.
func SoccerElapsed(p Period, seconds int) Clock {
	if p == "" {
		p = SoccerMinute("", seconds/60+1, 0).Period
	}
	c := Clock{Period: p, Minute: seconds/60 + 1, Elapsed: seconds - startMinute[p]*60}
	if end := endMinute[p]; end > 0 && c.Minute > end {
		c.Stoppage, c.Minute = c.Minute-end, end
	}
	return c
}

// Before reports whether c comes before d in a match of sport s. A clock without a period comes
// before every clock with a period.
func (c Clock) Before(s Sport, d Clock) bool {
	if i, j := s.Index(c.Period), s.Index(d.Period); i != j {
		return i < j
	}
	if c.Minute != d.Minute {
		return c.Minute < d.Minute
	}
	if c.Stoppage != d.Stoppage {
		return c.Stoppage < d.Stoppage
	}
	if c.Elapsed != d.Elapsed {
		return c.Elapsed < d.Elapsed
	}
	return c.Balls < d.Balls
}

// Known reports whether c contains a time within the period.
func (c Clock) Known() bool { return c.Minute > 0 || c.Elapsed > 0 || c.Balls > 0 }

// CountedOn returns the minute if stoppage time is counted on: 93 for 90+3'.
func (c Clock) CountedOn() int { return c.Minute + c.Stoppage }

// MovedTo returns a soccer clock as a clock of the period p, if stoppage time is counted on: 47' of
// the second half is 45+2' of the first half. A clock without a minute does not change.
func (c Clock) MovedTo(p Period) Clock {
	switch {
	case c.Minute == 0:
		return c
	case c.Elapsed > 0:
		from := cmp.Or(c.Period, SoccerMinute("", c.Minute, 0).Period)
		return SoccerElapsed(p, c.Elapsed+startMinute[from]*60)
	}
	return SoccerMinute(p, c.CountedOn(), 0)
}

// MaybeStoppage reports whether c may be in the stoppage time of the period before, although Stoppage
// is 0. Use it for soccer pages that do not show the period: on some of these pages, the first half
// continues to 47', and a match without extra time to 93'.
func (c Clock) MaybeStoppage() bool {
	return c.Stoppage == 0 && (c.Minute > 45 && c.Minute <= 60 || c.Minute > 90 && c.Minute <= 107)
}
