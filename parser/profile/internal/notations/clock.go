// Package notations parses the texts that pages show for clocks, for the scores of innings, sets and
// periods, and for situations.
package notations

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/matchwire/matchwire/event"
)

// The notations of clocks.
const (
	Minute    = "minute"    // 37', 45+2', 90'+6; 14:21 since kick-off
	Elapsed   = "elapsed"   // 12:46 or PT12M46S since the start of the period
	Remaining = "remaining" // 12:46, 46.3 or PT12M46S until the end of the period
	Overs     = "overs"     // 14.3: fourteen overs and three balls
)

// The forms of times, after divide has removed the words. minute.go contains the forms of the
// notation minute.
var (
	minuteColon = regexp.MustCompile(`^(\d{1,3}) ?: ?(\d\d)(?:\.\d+)?'?$`)  // 14:21 07:48.3
	lastMinute  = regexp.MustCompile(`^:?(\d{1,2})\.\d+$`)                  // 46.3: seconds
	overs       = regexp.MustCompile(`^(\d{1,3})(?:\.(\d))?(?: ?/ ?\d+)?$`) // 14.3 14.3/20
	balls       = regexp.MustCompile(`^(\d{1,4}) ?(?:balls?|b)$`)           // 87 balls
	oversUnit   = regexp.MustCompile(`\b(?:over|ov|o)s?\b\.?|(\d)(?:over|ov|o)s?\b\.?`)
	isoDuration = regexp.MustCompile(`^pt(?:(\d+)m)?(?:(\d+)(?:\.\d+)?s)?$`) // PT12M46S
)

// A Reader reads the clocks of a sport.
type Reader struct {
	Sport  event.Sport
	Length func(event.Period) int // length of a period in seconds; 0 if the period or its length is unknown
}

// Clock parses a clock in the notation as, or in the usual notation of the sport if as is "".
// period is the period that the page names beside the clock, or "". names reports whether the clock
// itself names the period. For text such as FT, which has neither a period nor a time, Clock returns
// the zero clock. The error describes the text, without quoting it.
func (r Reader) Clock(as string, period event.Period, text string) (c event.Clock, names bool, err error) {
	t, ok := divide(r.Sport, text)
	if as = r.notation(as, &t); !ok || t.time == "" && !t.names() {
		return event.Clock{}, false, notClock(as)
	}
	if t.period != "" && period != "" && r.Sport.PlayedBefore(period) != r.Sport.PlayedBefore(t.period) {
		return event.Clock{}, false, fmt.Errorf("names the period %s, but the page's period is %s", t.period, period)
	}
	period = cmp.Or(period, t.period)
	if t.time != "" {
		if c, err = r.time(as, period, &t); err != nil {
			return event.Clock{}, false, err
		}
	}
	if !t.over {
		c.Period, c.Half = cmp.Or(c.Period, period), t.half
	}
	return c, t.names() && c.Period != "", nil
}

// examples contains examples of times in each notation, for messages.
var examples = map[string]string{
	Minute:    "37', 45+2' or 14:21",
	Elapsed:   "12:46 or PT12M46S",
	Remaining: "12:46, 46.3 or PT12M46S",
	Overs:     "14.3 or 87 balls",
}

// notClock returns the error for text that is not in the notation as.
func notClock(as string) error {
	return fmt.Errorf("is not a clock in the notation %q: want a time such as %s", as, examples[as])
}

// notation returns the notation of a clock. Words in the text take precedence over the profile. The
// profile takes precedence over the usual notation of the sport.
func (r Reader) notation(as string, t *clockText) string {
	switch {
	case t.remaining:
		return Remaining
	case as != "":
		return as
	case r.Sport.CountsMinutes():
		return Minute
	case r.Sport.Rules().InningsScore:
		return Overs
	}
	return Elapsed
}

// time parses the time of a clock in a notation.
func (r Reader) time(as string, period event.Period, t *clockText) (event.Clock, error) {
	switch as {
	case Minute:
		m, ok := parseMinute(t.time)
		if !ok {
			return event.Clock{}, notClock(as)
		}
		return m.clock(r.Sport, period, t.extra)
	case Overs:
		if n, ok := parseOvers(t.time); ok {
			return event.Clock{Period: period, Balls: n}, nil
		}
		return event.Clock{}, notClock(as)
	}
	seconds, ok := parseSeconds(t.time)
	if !ok {
		return event.Clock{}, notClock(as)
	}
	seconds, err := r.sinceStart(as, period, seconds)
	if err != nil {
		return event.Clock{}, err
	}
	if start, end := r.Sport.Minutes(period); end > 0 {
		seconds += start * 60
		return minute{seconds/60 + 1, 0, seconds}.clock(r.Sport, period, t.extra)
	}
	return event.Clock{Period: period, Elapsed: seconds}, nil
}

// sinceStart returns the seconds since the start of a period. seconds is a time in the notation
// Elapsed or Remaining.
func (r Reader) sinceStart(as string, period event.Period, seconds int) (int, error) {
	length := r.Length(period)
	overtime := r.Sport.Index(period) > r.Sport.Index(r.Sport.Rules().LastRegulationPeriod)
	switch {
	case as == Remaining && period == "":
		return 0, errors.New("is the time remaining in a period: the profile must find the period")
	case as == Remaining && length == 0:
		return 0, fmt.Errorf("is the time remaining in period %s: set the length of the period in lengths", period)
	case r.Sport.CountsMinutes() && period == "" && seconds > 0:
		return 0, errors.New("is the time since the start of a period: the profile must find the period")
	case as == Remaining && seconds > length:
		return 0, fmt.Errorf("remaining in period %s is more than its length of %d minutes: check lengths", period, length/60)
	case as == Remaining:
		return length - seconds, nil
	case length > 0 && seconds > length && !overtime && !r.Sport.CountsMinutes():
		return 0, fmt.Errorf("since the start of period %s is more than its length of %d minutes: check as and lengths",
			period, length/60)
	}
	return seconds, nil
}

// parseOvers parses 14.3, 14.3/20 ov or 87 balls, and returns the number of balls. ok is false if
// text is invalid.
func parseOvers(text string) (n int, ok bool) {
	if m := balls.FindStringSubmatch(text); m != nil {
		return number(m[1]), true
	}
	m := overs.FindStringSubmatch(squeezed(oversUnit.ReplaceAllString(text, "$1 ")))
	if m == nil || number(m[2]) > 6 { // 10.6 is the sixth ball of the eleventh over
		return 0, false
	}
	return number(m[1])*6 + number(m[2]), true
}

// parseSeconds parses 12:46, 46.3 or PT12M46S, and returns whole seconds. ok is false if text is
// invalid.
func parseSeconds(text string) (seconds int, ok bool) {
	if m := minuteColon.FindStringSubmatch(text); m != nil {
		return number(m[1])*60 + number(m[2]), number(m[2]) <= 59
	}
	if m := lastMinute.FindStringSubmatch(text); m != nil {
		return number(m[1]), number(m[1]) <= 60
	}
	if m := isoDuration.FindStringSubmatch(text); m != nil && text != "pt" {
		return number(m[1])*60 + number(m[2]), true
	}
	return 0, false
}

// number returns the number in a string of digits, or 0 for "".
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
