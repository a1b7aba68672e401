package notations

import (
	"regexp"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// A foreignForm is a form of text that occurs only on the pages of some sports.
type foreignForm struct {
	re     *regexp.Regexp // the last matching group is the number of the period
	sports []event.Sport  // the sports whose pages can have the form, even with a different meaning
	clock  bool           // the form is a time of play, not a period
	beside []event.Sport  // other sports whose clocks can have the form
}

// foreignForms contains the forms of periods and clocks. Some sites also use a form such as "3rd
// period" for other sports, so the sports of such a form include the other sports. No form matches
// overtime or a shoot-out.
var foreignForms = []foreignForm{
	{foreign(`q([1-4])|([1-4])q|` + nth + `[ -](?:quarter|qtr)|(?:quarter|qtr) ?([1-9])`), quarters, false, nil},
	{foreign(`p([1-3])|([1-3])p`), hockey, false, nil},
	{foreign(nth + `[ -]period|period ?([1-9])|` + nth + `[ -]intermission`),
		slices.Concat(hockey, quarters, halves), false, nil},
	{foreign(`(?:top|bot|bottom|mid|middle)(?: of)?(?: the)? ?(\d\d?)(?:st|nd|rd|th)?|i(\d\d?)|[tb]([3-9]|1\d)|` +
		`(\d\d?)(?:st|nd|rd|th)?(?: inning)? (?:top|bot|bottom)|` + nth + ` inning`), baseball, false, nil},
	{foreign(`inn([1-9])`), cricket, false, nil},
	{foreign(nth + ` (?:inns|innings)|(?:inns|innings|inn) ([1-9])`), slices.Concat(cricket, baseball), false, nil},
	{foreign(nth + `[ -]set|set ?([1-5])|s([1-5])`), tennis, false, nil},
	{foreign(`1h|h1|` + first + `[ -]half|2h|h2|` + second + `[ -]half|ht|half[ -]?time`),
		halves, false, quarters}, // college basketball has halves
	{foreign(`\d{1,3}(?:\.[0-6])? ?ov(?:er)?s?`), cricket, true, nil},
	{foreign(`(?:40|45|80|90|100|105|120)'? ?\+ ?\d{1,2}'?`), halves, true, nil},
}

// foreign returns the regular expression for the alternatives of a form, as whole words in any
// case.
func foreign(alternatives string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:^|[\s(,|·•:-])(` + alternatives + `)(?:$|[\s),|·•.:-])`)
}

// maxForeign is the maximum length, in bytes, of a text that can name a period or a clock. A longer
// text is probably a sentence.
const maxForeign = 40

// ForeignPeriod returns the part of a text that names a period of another sport, or "" if there is
// none. Call it only with a text that is not a period of the sport.
func ForeignPeriod(sport event.Sport, text string) string { return foreignPart(sport, text, false) }

// ForeignClock is like [ForeignPeriod], for a text that is not a clock of the sport. If the sport has
// no clock, it also returns a time such as 14:21.
func ForeignClock(sport event.Sport, text string) string {
	if part := foreignPart(sport, text, true); part != "" {
		return part
	}
	if sport.Rules().NoClock && minuteColon.MatchString(plain(text)) {
		return text
	}
	return ""
}

func foreignPart(sport event.Sport, text string, clock bool) string {
	if len(text) > maxForeign {
		return ""
	}
	for i := range foreignForms {
		f := &foreignForms[i]
		m := f.re.FindStringSubmatch(marks.Replace(text))
		if m != nil && (clock || !f.clock) && !f.mayBeOf(sport, m[2:]) &&
			!(clock && slices.Contains(f.beside, sport)) {
			return strings.TrimSpace(m[1])
		}
	}
	return ""
}

// mayBeOf reports whether the pages of a sport may have the form. groups contains the number of the
// period. A sport that a profile defines may use any form of a period, up to its number of periods.
// It may use the form of a clock if it counts minutes.
func (f *foreignForm) mayBeOf(sport event.Sport, groups []string) bool {
	if slices.Contains(event.KnownSports(), sport) {
		return slices.Contains(f.sports, sport)
	}
	if f.clock {
		return sport.CountsMinutes()
	}
	return number(strings.Join(groups, "")) <= len(sport.Rules().Parts())
}

// TooLong reports whether a text is a time that is longer than any period of the sport, in any
// competition.
func TooLong(sport event.Sport, text string) bool {
	lengths := sport.Rules().UsualLengths
	t, _ := divide(sport, text)
	seconds, ok := parseSeconds(t.time)
	return ok && len(lengths) > 0 && !sport.CountsMinutes() && float64(seconds) > lengths[len(lengths)-1].Seconds()
}

// inningsForm matches the score of a cricket innings: 120/4 or 428/6d.
var inningsForm = regexp.MustCompile(`^(\d{1,4}) ?/ ?(\d{1,4})(d?)\b`)

// IsForeignScore reports whether a text is a score of cricket. Call it only with a text that is not a
// score of the sport.
func IsForeignScore(sport event.Sport, text string) bool {
	m := inningsForm.FindStringSubmatch(text)
	if m == nil || sport.Rules().InningsScore {
		return false
	}
	most, least := max(number(m[1]), number(m[2])), min(number(m[1]), number(m[2]))
	return most > 10 && least <= 10 || m[3] != ""
}
