package notations

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// The forms of the notation minute, after divide has removed words such as "2nd half".
var (
	minuteUnit   = regexp.MustCompile(`(\d)` + ordinal + `? ?(?:min(?:u+t\pL*)?s?|m)\b\.?`) // 67 mins, 67. Min.
	minutePrefix = regexp.MustCompile(`^min(?:u+t\pL*)?s?\b\.? ?`)                          // min 67
	minutePlus   = regexp.MustCompile(`^(\d{1,3})(?: ?''?|` + ordinal + `)?(?: ?(\+) ?(\d{1,2})?(?::(\d\d))?)?(?: ?')?$`)
	elapsedPlus  = regexp.MustCompile(`^(\d{1,3}):00(?:(?: ?\+ ?| )(\d{1,2}):(\d\d)| ?\+ ?(\d{1,2})?)'?$`)
	primeSeconds = regexp.MustCompile(`^(\d{1,3})' ?(\d\d)''$`) // 14'21''
)

// ordinal matches the mark of an ordinal number: 67. (German), 67e or 67ème (French), 67:e
// (Swedish), 67º or 67ª (Spanish). Unicode normalization (NFKC) turns º and ª into o and a.
const ordinal = `(?:\.|:?e|[èe]me|[oa°])`

// maxStoppage is the maximum number of minutes of stoppage time. A later minute is in a later period.
const maxStoppage = 30

// A minute is a time since kick-off as a page shows it.
type minute struct {
	printed  int // the minute, from 1; in stoppage time, the last minute before it
	stoppage int // the minute of stoppage time, from 1; 0 if the text shows none
	seconds  int // seconds since kick-off, or since the start of stoppage time; -1 if the text shows none
}

// parseMinute parses a time since kick-off. If the text shows stoppage time without a number,
// such as 45+, m.stoppage is 1. ok is false if text is not a time.
func parseMinute(text string) (m minute, ok bool) {
	text = minuteUnit.ReplaceAllString(minutePrefix.ReplaceAllString(text, ""), "$1'")
	if f := elapsedPlus.FindStringSubmatch(text); f != nil {
		if f[2] != "" { // 45:00 +0:32
			return stoppageAt(number(f[1]), number(f[2]), number(f[3]))
		}
		return minute{number(f[1]), max(1, number(f[4])), -1}, true // 45:00+2 45:00+
	}
	if f := primeSeconds.FindStringSubmatch(text); f != nil {
		text = f[1] + ":" + f[2]
	}
	if minuteColon.MatchString(text) {
		seconds, ok := parseSeconds(strings.TrimSuffix(text, "'"))
		return minute{seconds/60 + 1, 0, seconds}, ok
	}
	f := minutePlus.FindStringSubmatch(text)
	switch {
	case f == nil:
		return minute{}, false
	case f[4] != "": // 45+2:31
		return stoppageAt(number(f[1]), number(f[3]), number(f[4]))
	case f[2] != "" && f[3] == "": // 45+
		return minute{number(f[1]), 1, -1}, true
	}
	return minute{number(f[1]), number(f[3]), -1}, true
}

// stoppageAt returns the minute for a time since the start of stoppage time.
func stoppageAt(last, minutes, seconds int) (m minute, ok bool) {
	return minute{last, minutes + 1, minutes*60 + seconds}, seconds <= 59
}

// clock is like [minute.in], but returns an error instead of ok.
func (m minute) clock(sport event.Sport, period event.Period, extra bool) (event.Clock, error) {
	c, ok := m.in(sport, period, extra)
	switch {
	case !ok && period == "":
		return c, errors.New("is not a minute of any period: check the notation")
	case !ok:
		return c, fmt.Errorf("is not in the period %q: check the period and the notation", period)
	}
	return c, nil
}

// in returns the clock of m in a period. period is "" if the page does not name the period. extra
// reports whether the minute is in extra time. ok is false if the period does not contain the
// minute.
func (m minute) in(sport event.Sport, period event.Period, extra bool) (c event.Clock, ok bool) {
	if !sport.CountsMinutes() {
		return event.Clock{Period: period, Minute: m.printed, Stoppage: m.stoppage, Elapsed: max(0, m.seconds)}, m.printed > 0
	}
	played := sport.PlayedBefore(period)
	start, end := sport.Minutes(played)
	switch {
	case played == "":
		_, end = sport.Minutes(event.ExtraSecond)
		if extra {
			start, _ = sport.Minutes(event.ExtraFirst)
		}
	case end == 0: // a shoot-out: sites show the last minute of the match
		played = ""
		_, end = sport.Minutes(event.ExtraSecond)
	}
	if m.printed == start && m.stoppage == 0 && m.seconds < 0 && (m.printed == 0 || played != "" || extra) {
		m.printed++ // pages that count completed minutes show 0' in the first minute
	}
	if m.printed <= start || m.printed > end+maxStoppage || m.stoppage > maxStoppage {
		return event.Clock{}, false
	}
	switch {
	case m.stoppage > 0:
		c = sport.AtMinute(played, m.printed, m.stoppage)
		start, end := sport.Minutes(c.Period)
		if c.Minute != end || m.printed != end {
			return event.Clock{}, false // 37+2 or 46+2
		}
		if m.seconds >= 0 {
			c.Elapsed = (end-start)*60 + m.seconds
		}
	case m.seconds >= 0:
		c = sport.AtElapsed(played, m.seconds)
	default:
		c = sport.AtMinute(played, m.printed, 0)
	}
	if period != "" {
		c.Period = period
	}
	return c, true
}
