package notations

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/matchwire/matchwire/event"
)

// A clockText is the text of a clock, divided into its words and its time: "2nd half 67'" names the
// period 2h and has the time 67'.
type clockText struct {
	time      string       // without words; "" if the text has no time
	period    event.Period // the period that the words name; "" if none
	half      event.Half   // of an inning in baseball
	extra     bool         // the words name extra time, but not which half
	over      bool         // the words say that the match is over, as FT does
	remaining bool         // the words say that the clock shows the time that remains
}

// names reports whether the words name a period, or the end of the match.
func (t *clockText) names() bool { return t.period != "" || t.extra || t.over }

// marks unifies apostrophes, dashes and triangles. Apply marks before the normalization to NFKC,
// which decomposes some of these characters.
var marks = strings.NewReplacer("’", "'", "′", "'", "´", "'", "‘", "'", "`", "'", "ʹ", "'", "ʼ", "'", "＇", "'",
	"″", "''", "”", "''", "\"", "''", "–", "-", "—", "-", "−", "-", "▲", "top ", "▼", "bottom ")

// plain returns text in lower case and in compatibility form. It removes invisible characters, such
// as direction marks.
func plain(text string) string {
	visible := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)
	return squeezed(strings.ToLower(norm.NFKC.String(marks.Replace(visible))))
}

// squeezed replaces each run of white space with one space, and removes white space at both ends.
func squeezed(s string) string { return strings.Join(strings.Fields(s), " ") }

// divide divides the text of a clock. Full-width digits, and all kinds of spaces and apostrophes,
// are equivalent to the plain characters. ok is false if the words contradict each other, or name a
// period that the sport does not have.
func divide(sport event.Sport, text string) (t clockText, ok bool) {
	text = ordinalMinute.ReplaceAllString(plain(text), "$1'")
	text = bracketedPlus.ReplaceAllString(text, "$1")
	for _, w := range clockWords {
		if w.sports != nil && !slices.Contains(w.sports, sport) {
			continue
		}
		m := w.re.FindStringSubmatchIndex(text)
		if m == nil {
			continue
		}
		group := ""
		for i := 2; i < len(m); i += 2 {
			if m[i] >= 0 {
				group = text[m[i]:m[i+1]]
			}
		}
		if w.set != nil {
			w.set(&t, sport, group)
		}
		if t.period != "" && sport.Index(t.period) < 0 {
			return t, false
		}
		text = text[:m[0]] + " " + text[m[1]:]
	}
	text = strings.Trim(text, " |·•,()[]")
	t.time = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(text, "- "), " -"))
	return t, !(t.over && t.period != "")
}

// ordinalMinute matches a minute such as "2nd minute", whose "2nd" does not name the second half.
var ordinalMinute = regexp.MustCompile(`\b(\d{1,3})(?:st|nd|rd|th) min(?:ute)?\b\.?`)

// bracketedPlus matches stoppage time in brackets, as in 45' (+2).
var bracketedPlus = regexp.MustCompile(`[(\[] ?(\+[^()\[\]]*)[)\]]`)

// A clockWord is a word, or a phrase, beside or instead of the time of a clock.
type clockWord struct {
	sports []event.Sport // nil means all sports
	re     *regexp.Regexp
	set    func(t *clockText, s event.Sport, group string) // group is the last group that matches; set may be nil
}

// word returns the clockWord for the alternatives of a regular expression, as whole words.
func word(sports []event.Sport, alternatives string, set func(*clockText, event.Sport, string)) clockWord {
	return clockWord{sports, regexp.MustCompile(`(?:^|[\s(,|·•-])(?:` + alternatives + `)(?:$|[\s),|·•.:-])`), set}
}

// named returns a function that sets the period, unless an earlier word has set it.
func named(p event.Period) func(*clockText, event.Sport, string) {
	return func(t *clockText, _ event.Sport, _ string) {
		if t.period == "" {
			t.period = p
		}
	}
}

// numberedPeriod returns a function that sets the period from its number: "q3", "p2" or "s1".
// Without a number, the period is the first. An earlier word has precedence.
func numberedPeriod(letters string) func(*clockText, event.Sport, string) {
	return func(t *clockText, _ event.Sport, group string) {
		if t.period == "" {
			t.period = event.Period(letters + strconv.Itoa(max(1, number(group))))
		}
	}
}

const (
	nth    = `([1-9]\d?)(?:st|nd|rd|th)`
	extra  = `(?:et|extra time)`
	first  = `(?:1st|first)`
	second = `(?:2nd|second)`
	inning = `(\d\d?)(?:st|nd|rd|th)?(?: inning)?[ ,(-]*` // before the half of the inning
)

var (
	halves   = []event.Sport{event.Soccer, event.Rugby}
	quarters = []event.Sport{event.Basketball, event.AmericanFootball}
	hockey   = []event.Sport{event.IceHockey}
	baseball = []event.Sport{event.Baseball}
	cricket  = []event.Sport{event.Cricket}
	tennis   = []event.Sport{event.Tennis}
	overtime = []event.Sport{event.Basketball, event.AmericanFootball, event.IceHockey}

	notBaseball = slices.DeleteFunc(event.Sports(), func(s event.Sport) bool { return s == event.Baseball })
)

// clockWords contains the words beside clocks. A longer phrase comes before its parts.
var clockWords = []clockWord{
	word(nil, `ft ?-? ?\(?pens\)?|ft|full[ -]?time|(?:final|f)(?: ?/ ?[a-z0-9]+)?|aet|ended|finished|game over|`+
		`after (?:pens|penalties|`+extra+`)`, func(t *clockText, _ event.Sport, _ string) { t.over = true }),
	word(nil, `remaining|left|to go|to play`, func(t *clockText, _ event.Sport, _ string) { t.remaining = true }),
	word(nil, `elapsed|played`, nil),
	word(notBaseball, `(?:end|start|beginning)(?: of)?(?: the)?`, nil),

	word(halves, extra+` (?:ht|half[ -]?time)|(?:ht|half[ -]?time)(?: of)? `+extra, named(event.ExtraHalfTime)),
	word(halves, `et1|1et|`+first+`(?: half)?(?: of)? `+extra+`|`+extra+` `+first+`(?: half)?`, named(event.ExtraFirst)),
	word(halves, `et2|2et|`+second+`(?: half)?(?: of)? `+extra+`|`+extra+` `+second+`(?: half)?`,
		named(event.ExtraSecond)),
	word(halves, extra, func(t *clockText, _ event.Sport, _ string) { t.extra = true }),
	word(halves, `1h|h1|`+first+` half|1st`, named(event.FirstHalf)),
	word(halves, `2h|h2|`+second+` half|2nd`, named(event.SecondHalf)),
	word(halves, `ht|half[ -]?time`, named(event.HalfTime)),
	word(halves, `so|pso|pens?|penalties|(?:penalty )?shoot[ -]?out`, named(event.ShootOut)),
	word(hockey, `so|shoot[ -]?out`, named(event.ShootOut)),

	word(overtime, `ot([1-9])?|([1-9])ot|`+nth+` (?:ot|overtime)|overtime`, numberedPeriod("ot")),
	word(quarters, `ht|half[ -]?time`, named("q2")),
	word(quarters, `q([1-9])|([1-9])q|`+nth+`(?: (?:quarter|qtr))?|(?:quarter|qtr) ([1-9])`, numberedPeriod("q")),
	word(hockey, `p([1-9])|([1-9])p|`+nth+`(?: (?:period|per|int|intermission))?|period ([1-9])`, numberedPeriod("p")),
	word(cricket, nth+` (?:inns|innings)|(?:inns|innings|inn) ?([1-9])`, numberedPeriod("inn")),
	word(tennis, nth+` set|set ([1-9])|s([1-9])`, numberedPeriod("s")),

	word(baseball, `(?:top|t|mid|middle)(?: of)?(?: the)? ?(\d\d?)(?:st|nd|rd|th)?|`+inning+`(?:top|mid|middle)`,
		func(t *clockText, s event.Sport, group string) {
			numberedPeriod("i")(t, s, group)
			t.half = event.Top
		}),
	word(baseball, `(?:bottom|bot|b|end)(?: of)?(?: the)? ?(\d\d?)(?:st|nd|rd|th)?|`+inning+`(?:bottom|bot|end)`,
		func(t *clockText, s event.Sport, group string) {
			numberedPeriod("i")(t, s, group)
			t.half = event.Bottom
		}),
	word(baseball, nth+`(?: inning)?`, numberedPeriod("i")),
}
