package event

import (
	"cmp"
	"fmt"
	"slices"
)

// A Clock is a time in a match, in the notation of the sport. In soccer, 45+2' is Minute 45 and
// Stoppage 2, in the first half. Minute 47 is in the second half.
type Clock struct {
	Period   Period `json:"period,omitempty"`   // such as "1h", "q4" or "p3"; "" if the page does not show it
	Minute   int    `json:"minute,omitempty"`   // 1 to 120; 15 for 14:21; 0 if the page or the sport has no minutes
	Stoppage int    `json:"stoppage,omitempty"` // minutes of stoppage time
	Elapsed  int    `json:"elapsed,omitempty"`  // seconds since the start of the period; 0 if the page does not show them
	Balls    int    `json:"balls,omitempty"`    // cricket: legal balls bowled in the innings; 14.3 overs are 87 balls
	Half     Half   `json:"half,omitempty"`     // baseball: the half of the inning; "" if the page does not show it
}

// A Half is one of the two halves of an inning in baseball.
type Half string

// The visitors bat in the top of an inning, and the home side bats in the bottom.
const (
	Top    Half = "top"
	Bottom Half = "bottom"
)

// Index returns 1 for Top, 2 for Bottom, 0 for "", and -1 for any other value.
func (h Half) Index() int { return slices.Index([]Half{"", Top, Bottom}, h) }

// IsZero reports whether no field of c is set.
func (c Clock) IsZero() bool { return c == Clock{} }

// String returns the clock in the usual notation: 90+1' in stoppage time, 14:21 if Elapsed is set,
// otherwise 15'. In cricket, it returns overs, such as 14.3. If c has neither a time nor overs, it
// returns "".
//
// In soccer and rugby, a printed time such as 14:21 counts from kick-off. In sports without minutes,
// it counts from the start of the period.
func (c Clock) String() string {
	switch {
	case c.Balls > 0:
		return fmt.Sprintf("%d.%d", c.Balls/6, c.Balls%6)
	case c.Stoppage > 0:
		return fmt.Sprintf("%d+%d'", c.Minute, c.Stoppage)
	case c.Elapsed > 0 && c.Minute > 0:
		return fmt.Sprintf("%02d:%02d", c.Minute-1, c.Elapsed%60)
	case c.Elapsed > 0:
		return fmt.Sprintf("%02d:%02d", c.Elapsed/60, c.Elapsed%60)
	case c.Minute > 0:
		return fmt.Sprintf("%d'", c.Minute)
	default:
		return ""
	}
}

// Minutes returns the minutes at which a period of a sport begins and ends, without stoppage time.
// The minutes count from kick-off. Both are 0 if the sport does not count minutes from kick-off, or
// if p is neither a half nor a half of extra time.
func (s Sport) Minutes(p Period) (start, end int) {
	switch half, extra := s.Rules().Half, s.Rules().ExtraHalf; p {
	case FirstHalf:
		return 0, half
	case SecondHalf:
		return half, 2 * half
	case ExtraFirst:
		return 2 * half, 2*half + extra
	case ExtraSecond:
		return 2*half + extra, 2 * (half + extra)
	}
	return 0, 0
}

// CountsMinutes reports whether the clock of the sport counts minutes from kick-off.
func (s Sport) CountsMinutes() bool { return s.Rules().Half > 0 }

// AtMinute returns the clock for a printed minute, such as 45+2' for minute 45 and stoppage 2. The
// sport must count minutes. If p is "", the minute determines the period. A minute past the end of
// its period is stoppage time: 92' of the second half is 90+2'.
func (s Sport) AtMinute(p Period, minute, stoppage int) Clock {
	if p == "" {
		p = ExtraSecond
		for _, q := range []Period{FirstHalf, SecondHalf, ExtraFirst} {
			if _, end := s.Minutes(q); minute <= end {
				p = q
				break
			}
		}
	}
	if _, end := s.Minutes(p); end > 0 && minute > end {
		minute, stoppage = end, minute-end+stoppage
	}
	return Clock{Period: p, Minute: minute, Stoppage: stoppage}
}

// AtElapsed returns the clock for the time that a match clock shows, in seconds since kick-off. The
// sport must count minutes. The second half of soccer begins at 45:00, regardless of stoppage
// time. 14:21 is in minute 15. If p is "", the seconds determine the period. Time past the end of
// the period is stoppage time.
func (s Sport) AtElapsed(p Period, seconds int) Clock {
	c := s.AtMinute(p, seconds/60+1, 0)
	start, _ := s.Minutes(c.Period)
	c.Elapsed = seconds - start*60
	return c
}

// SoccerMinute is [Sport.AtMinute] for soccer.
func SoccerMinute(p Period, minute, stoppage int) Clock { return Soccer.AtMinute(p, minute, stoppage) }

// SoccerElapsed is [Sport.AtElapsed] for soccer.
func SoccerElapsed(p Period, seconds int) Clock { return Soccer.AtElapsed(p, seconds) }

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
	if c.Balls != d.Balls {
		return c.Balls < d.Balls
	}
	return c.Half.Index() < d.Half.Index()
}

// Known reports whether c contains a time within the period, or the half of an inning.
func (c Clock) Known() bool { return c.Timed() || c.Half != "" }

// Timed reports whether c contains a time within the period: a minute, seconds or, in cricket, balls.
func (c Clock) Timed() bool { return c.Minute > 0 || c.Elapsed > 0 || c.Balls > 0 }

// CountedOn returns the minute on a clock that continues in stoppage time: 93 for 90+3'.
func (c Clock) CountedOn() int { return c.Minute + c.Stoppage }

// MoveTo returns c as a Clock of period p. Use it for sites whose match clock continues in stoppage
// time. In soccer, 47' of the second half is 45+2' of the first half. A clock without a minute does not
// change. The sport must count minutes.
func (s Sport) MoveTo(p Period, c Clock) Clock {
	switch {
	case c.Minute == 0:
		return c
	case c.Elapsed > 0:
		start, _ := s.Minutes(cmp.Or(c.Period, s.AtMinute("", c.Minute, 0).Period))
		return s.AtElapsed(p, c.Elapsed+start*60)
	}
	return s.AtMinute(p, c.CountedOn(), 0)
}

// MaybeStoppage reports whether c may be in the stoppage time of the previous period, although
// Stoppage is 0. Use it for pages that do not show the period: on some soccer pages, the clock runs
// to 47' in the first half and to 93' in a match without extra time. It returns false if the sport
// does not count minutes.
func (s Sport) MaybeStoppage(c Clock) bool {
	half, extra := s.Rules().Half, s.Rules().ExtraHalf
	after := func(end, most int) bool { return c.Minute > end && c.Minute <= end+most }
	return half > 0 && c.Stoppage == 0 && (after(half, 15) || after(2*half, extra+2))
}
