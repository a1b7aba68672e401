package notations_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/profile/internal/notations"
)

// clockRows lists texts of clocks in all notations. A row contains the text on the page, the period
// that the page names beside the clock, and the expected clock or problem.
var clockRows = []struct {
	sport  event.Sport
	as     string // notation in the profile; "" means the default
	period event.Period
	text   string
	want   string // period and time as in describeClock, or a part of the error
}{
	// Minutes.
	{event.Soccer, "", "", "37'", "1h 37'"},
	{event.Soccer, "", "", "37", "1h 37'"},
	{event.Soccer, "", "", "37’", "1h 37'"},
	{event.Soccer, "", "", "37′", "1h 37'"},
	{event.Soccer, "", "", "37´", "1h 37'"},
	{event.Soccer, "", "", "37`", "1h 37'"},
	{event.Soccer, "", "", "３７＇", "1h 37'"},
	{event.Soccer, "", "", "37\u00a0'", "1h 37'"},
	{event.Soccer, "", "", "\u200e37\u2009′\u200f", "1h 37'"},
	{event.Soccer, "", "", "67 mins", "2h 67'"},
	{event.Soccer, "", "", "67min.", "2h 67'"},
	{event.Soccer, "", "", "Min. 67", "2h 67'"},
	{event.Soccer, "", "", "67m", "2h 67'"},
	{event.Soccer, "", "", "67.", "2h 67'"},
	{event.Soccer, "", "", "67e", "2h 67'"},
	{event.Soccer, "", "", "67. Min.", "2h 67'"},
	{event.Soccer, "", "", "67. Minute", "2h 67'"},
	{event.Soccer, "", "", "67.Min", "2h 67'"},
	{event.Soccer, "", "", "67e minute", "2h 67'"},
	{event.Soccer, "", "", "67ème minute", "2h 67'"},
	{event.Soccer, "", "", "67º minuto", "2h 67'"},
	{event.Soccer, "", "", "67º", "2h 67'"},
	{event.Soccer, "", "", "67° min", "2h 67'"},
	{event.Soccer, "", "", "Minuto 67", "2h 67'"},
	{event.Soccer, "", "", "67. minuta", "2h 67'"},
	{event.Soccer, "", "", "67:e minuten", "2h 67'"},
	{event.Soccer, "", "", "67e minuut", "2h 67'"},
	{event.Soccer, "", "", "90. Min. +3", "2h 90+3'"},
	{event.Soccer, "", "", "90.+3 Min.", "2h 90+3'"},
	{event.Soccer, "", "", "(67')", "2h 67'"},
	{event.Soccer, "", "", "2nd minute", "1h 2'"},
	{event.Soccer, "", "", "41st min", "1h 41'"},
	{event.Soccer, "", "", "0'", "1h 1'"},
	{event.Soccer, "", "1h", "0", "1h 1'"},
	{event.Soccer, "", "2h", "45'", "2h 46'"},
	{event.Soccer, "", "et1", "90'", "et1 91'"},
	{event.Soccer, "", "2h", "92'", "2h 90+2'"},
	{event.Soccer, "", "1h", "47", "1h 45+2'"},
	{event.Soccer, "", "ht", "45+2'", "ht 45+2'"},

	// Stoppage time.
	{event.Soccer, "", "", "45+2'", "1h 45+2'"},
	{event.Soccer, "", "", "45'+2", "1h 45+2'"},
	{event.Soccer, "", "", "45'+2'", "1h 45+2'"},
	{event.Soccer, "", "", "45 +2", "1h 45+2'"},
	{event.Soccer, "", "", "45 + 2 min", "1h 45+2'"},
	{event.Soccer, "", "", "45+2’", "1h 45+2'"},
	{event.Soccer, "", "", "90’+4’", "2h 90+4'"},
	{event.Soccer, "", "", "90. + 3", "2h 90+3'"},
	{event.Soccer, "", "", "９０＋３", "2h 90+3'"},
	{event.Soccer, "", "", "105+1'", "et1 105+1'"},
	{event.Soccer, "", "", "120+2", "et2 120+2'"},
	{event.Soccer, "", "1h", "45+0'", "1h 45'"},
	{event.Soccer, "", "", "45+", "1h 45+1'"},
	{event.Soccer, "", "", "90'+", "2h 90+1'"},
	{event.Soccer, "", "", "45+'", "1h 45+1'"},
	{event.Soccer, "", "", "45:00+", "1h 45+1'"},
	{event.Soccer, "", "", "45:00 +0:32", "1h 45+1' 2732s"},
	{event.Soccer, "", "", "45:00+0:32", "1h 45+1' 2732s"},
	{event.Soccer, "", "2h", "90:00 +1:23", "2h 90+2' 2783s"},
	{event.Soccer, "", "", "45:00 2:31", "1h 45+3' 2851s"},
	{event.Soccer, "", "", "45+2:31", "1h 45+3' 2851s"},
	{event.Soccer, "", "", "90:00+4", "2h 90+4'"},
	{event.Soccer, "", "", "45:00 (+1:32)", "1h 45+2' 2792s"},
	{event.Soccer, "", "", "45' (+2)", "1h 45+2'"},
	{event.Soccer, "", "", "45(+2')", "1h 45+2'"},
	{event.Soccer, "", "", "90:00 ( +3 )", "2h 90+3'"},
	{event.Soccer, "", "", "90' [+1:23]", "2h 90+2' 2783s"},
	{event.Soccer, "", "", "(90' (+))", "2h 90+1'"},
	{event.Soccer, "", "", "2nd half 90' (+4)", "2h 90+4'"},

	// Time since kick-off.
	{event.Soccer, "", "", "00:00", "1h 1'"},
	{event.Soccer, "", "", "14:21", "1h 14:21 861s"},
	{event.Soccer, "", "", "14'21\"", "1h 14:21 861s"},
	{event.Soccer, "", "", "14′21″", "1h 14:21 861s"},
	{event.Soccer, "", "", "14 : 21", "1h 14:21 861s"},
	{event.Soccer, "", "", "１４：２１", "1h 14:21 861s"},
	{event.Soccer, "", "1h", "46:49", "1h 45+2' 2809s"},
	{event.Soccer, "", "2h", "45:00", "2h 46'"},
	{event.Soccer, "elapsed", "2h", "12:46", "2h 57:46 766s"},
	{event.Soccer, "elapsed", "", "00:01", "the profile must find the period"},
	{event.Rugby, "elapsed", "", "12:46", "the profile must find the period"},
	{event.Soccer, "elapsed", "", "00:00", ""},
	{event.Soccer, "elapsed", "2h", "142:26", "is not in the period"},
	{event.Soccer, "remaining", "2h", "12:00", "2h 78:00 1980s"},

	// Periods beside or instead of the time.
	{event.Soccer, "", "", "HT", "ht"},
	{event.Soccer, "", "", "Half-time", "ht"},
	{event.Soccer, "", "", "FT", ""},
	{event.Soccer, "", "", "Full Time", ""},
	{event.Soccer, "", "", "AET", ""},
	{event.Soccer, "", "", "FT-Pens", ""},
	{event.Soccer, "", "so", "Pens", "so"},
	{event.Soccer, "", "so", "120'", "so 120'"},
	{event.Soccer, "", "so", "90'+5'", "so 90+5'"},
	{event.Soccer, "", "", "2nd half 67'", "2h 67'"},
	{event.Soccer, "", "", "67' - 2nd half", "2h 67'"},
	{event.Soccer, "", "", "1st - 12:34", "1h 12:34 754s"},
	{event.Soccer, "", "", "12:34 – 1st", "1h 12:34 754s"},
	{event.Soccer, "", "", "1H 47'", "1h 45+2'"},
	{event.Soccer, "", "", "ET 95'", "et1 95'"},
	{event.Soccer, "", "", "ET 90'", "et1 91'"},
	{event.Soccer, "", "", "2nd half of extra time, 110'", "et2 110'"},
	{event.Soccer, "", "ht", "HT", "ht"},
	{event.Soccer, "", "ht", "1st half 45:00", "ht 45+1' 2700s"},

	// Impossible or ambiguous.
	{event.Soccer, "", "", "soon", "is not a clock"},
	{event.Soccer, "", "", "-5'", "is not a clock"},
	{event.Soccer, "", "", "−5'", "is not a clock"},
	{event.Soccer, "", "", "4 5'", "is not a clock"},
	{event.Soccer, "", "", "45 2", "is not a clock"},
	{event.Soccer, "", "", "45+2+1", "is not a clock"},
	{event.Soccer, "", "", "+2", "is not a clock"},
	{event.Soccer, "", "", "(+2)", "is not a clock"},
	{event.Soccer, "", "", "45 (2)", "is not a clock"},
	{event.Soccer, "", "", "45' (+2) (+1)", "is not a clock"},
	{event.Soccer, "", "", "46.3", "is not a clock"},
	{event.Soccer, "", "", "12:60", "is not a clock"},
	{event.Soccer, "", "", "45:00 +0:75", "is not a clock"},
	{event.Soccer, "", "", "47:31 +2:31", "is not a clock"},
	{event.Soccer, "", "", "45:12 2:31", "is not a clock"},
	{event.Soccer, "", "", "1500", "is not a clock"},
	{event.Soccer, "", "", "999'", "is not a minute of any period"},
	{event.Soccer, "", "", "37+2", "is not a minute of any period"},
	{event.Soccer, "", "", "46+2'", "is not a minute of any period"},
	{event.Soccer, "", "2h", "45+2'", `is not in the period "2h"`},
	{event.Soccer, "", "2h", "12'", `is not in the period "2h"`},
	{event.Soccer, "", "2h", "12:34", `is not in the period "2h"`},
	{event.Soccer, "", "1h", "88'", `is not in the period "1h"`},
	{event.Soccer, "", "1h", "2nd half 67'", "names the period 2h, but the page's period is 1h"},
	{event.Soccer, "", "", "ET 67'", "is not a minute of any period"},

	// Rugby: halves of 40 minutes.
	{event.Rugby, "", "", "37'", "1h 37'"},
	{event.Rugby, "", "", "40+2", "1h 40+2'"},
	{event.Rugby, "", "", "80+3", "2h 80+3'"},
	{event.Rugby, "", "2h", "83'", "2h 80+3'"},
	{event.Rugby, "", "2h", "83:12", "2h 80+4' 2592s"},
	{event.Rugby, "", "2h", "61:10", "2h 61:10 1270s"},
	{event.Rugby, "", "", "80:00 +3:12", "2h 80+4' 2592s"},
	{event.Rugby, "", "", "100+1'", "et2 100+1'"},
	{event.Rugby, "", "", "45+2'", "is not a minute of any period"},
	{event.Rugby, "", "2h", "12:10", `is not in the period "2h"`},

	// Clocks that restart in each period.
	{event.Basketball, "", "q3", "05:12", "q3 05:12 312s"},
	{event.Basketball, "", "", "Q3 05:12", "q3 05:12 312s"},
	{event.Basketball, "", "", "3rd - 5:12", "q3 05:12 312s"},
	{event.Basketball, "", "", "5:12 3rd Quarter", "q3 05:12 312s"},
	{event.Basketball, "remaining", "", "Q1 12:00", "q1"},
	{event.Basketball, "remaining", "q1", "PT312S", "q1 06:48 408s"},
	{event.Basketball, "remaining", "q1", "312", "want a time such as 12:46, 46.3 or PT12M46S"},
	{event.Basketball, "", "q1", "312", "want a time such as 12:46 or PT12M46S"},
	{event.Soccer, "", "", "1200", "want a time such as 37', 45+2' or 14:21"},
	{event.Cricket, "", "inn1", "fourteen", "want a time such as 14.3 or 87 balls"},
	{event.Basketball, "remaining", "q4", "0:04.3", "q4 11:56 716s"},
	{event.Basketball, "remaining", "q4", "4.3", "q4 11:56 716s"},
	{event.Basketball, "remaining", "q4", ":04.3", "q4 11:56 716s"},
	{event.Basketball, "remaining", "q4", "0.0", "q4 12:00 720s"},
	{event.Basketball, "", "q4", "5:12 remaining", "q4 06:48 408s"},
	{event.Basketball, "", "q4", "5:12 left", "q4 06:48 408s"},
	{event.Basketball, "remaining", "q1", "PT11M58.00S", "q1 00:02 2s"},
	{event.Basketball, "remaining", "", "OT 3:21", "ot1 01:39 99s"},
	{event.Basketball, "remaining", "", "2OT 3:21", "ot2 01:39 99s"},
	{event.Basketball, "", "", "Halftime", "q2"},
	{event.Basketball, "", "", "End of 3rd", "q3"},
	{event.Basketball, "", "", "Final/OT", ""},
	{event.Basketball, "", "", "Q7 05:12", "is not a clock"},
	{event.Basketball, "", "q1", "15:00", "more than its length"},
	{event.Basketball, "remaining", "q1", "12:01", "more than its length"},
	{event.Basketball, "remaining", "", "5:12", "must find the period"},
	{event.Basketball, "remaining", "q1", "75.3", "is not a clock"},
	{event.Basketball, "", "q2", "Q3 05:12", "names the period q3"},
	{event.AmericanFootball, "remaining", "", "4th 2:00", "q4 13:00 780s"},
	{event.AmericanFootball, "remaining", "", "5:12 - 2nd", "q2 09:48 588s"},
	{event.AmericanFootball, "remaining", "", "OT 9:12", "ot1 00:48 48s"},
	{event.IceHockey, "", "", "P1 04:35", "p1 04:35 275s"},
	{event.IceHockey, "", "", "1st - 12:34", "p1 12:34 754s"},
	{event.IceHockey, "", "", "12:00 - 1st", "p1 12:00 720s"},
	{event.IceHockey, "", "", "2nd Period 04:35", "p2 04:35 275s"},
	{event.IceHockey, "remaining", "", "12:00 - 1st", "p1 08:00 480s"},
	{event.IceHockey, "", "p3", "00:00", "p3"},
	{event.IceHockey, "", "ot2", "17:12", "ot2 17:12 1032s"},
	{event.IceHockey, "", "", "1st INT", "p1"},
	{event.IceHockey, "", "p3", "41:23", "more than its length"},

	// Baseball: innings with halves.
	{event.Baseball, "", "", "Top 6th", "i6 top"},
	{event.Baseball, "", "", "Bot 3rd", "i3 bottom"},
	{event.Baseball, "", "", "Bottom of the 10th", "i10 bottom"},
	{event.Baseball, "", "", "Mid 4th", "i4 top"},
	{event.Baseball, "", "", "End 5th", "i5 bottom"},
	{event.Baseball, "", "", "T6", "i6 top"},
	{event.Baseball, "", "", "▼ 6", "i6 bottom"},
	{event.Baseball, "", "", "6th", "i6"},
	{event.Baseball, "", "", "6th Top", "i6 top"},
	{event.Baseball, "", "", "6 top", "i6 top"},
	{event.Baseball, "", "", "6th Bottom", "i6 bottom"},
	{event.Baseball, "", "", "11th bot", "i11 bottom"},
	{event.Baseball, "", "", "6th inning, top", "i6 top"},
	{event.Baseball, "", "", "6th Inning (Bottom)", "i6 bottom"},
	{event.Baseball, "", "", "6th - Mid", "i6 top"},
	{event.Baseball, "", "", "6▼", "i6 bottom"},
	{event.Baseball, "", "i6", "6th End", "i6 bottom"},
	{event.Baseball, "", "i5", "6th Top", "names the period i6"},
	{event.Baseball, "", "", "F/10", ""},
	{event.Baseball, "", "i5", "Top 6th", "names the period i6"},

	// Cricket: overs and balls.
	{event.Cricket, "", "", "14.3", "14.3"},
	{event.Cricket, "", "inn1", "14.3 ov", "inn1 14.3"},
	{event.Cricket, "", "", "(14.3 overs)", "14.3"},
	{event.Cricket, "", "", "14.3/20 ov", "14.3"},
	{event.Cricket, "", "", "Over 14.3", "14.3"},
	{event.Cricket, "", "", "14ov", "14.0"},
	{event.Cricket, "", "", "10.6", "11.0"},
	{event.Cricket, "", "", "0.0", ""},
	{event.Cricket, "", "", "87 balls", "14.3"},
	{event.Cricket, "", "", "2nd inns 14.3", "inn2 14.3"},
	{event.Cricket, "", "", "14.7", "is not a clock"},
	{event.Cricket, "", "", "14:30", "is not a clock"},

	{event.Tennis, "", "", "Set 2", "s2"},
}

func TestClocks(t *testing.T) {
	t.Parallel()
	for _, row := range clockRows {
		checkClock(t, row.sport, row.as, row.period, row.text, row.want)
	}
}

// Each row of the table of clocks in docs/profiles.md is correct.
func TestDocumentedClocks(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../../../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	const heading = "| sport | text on the page | `as` | period | clock |\n|---|---|---|---|---|\n"
	_, table, found := strings.Cut(string(doc), heading)
	table, _, end := strings.Cut(table, "\n\n")
	if !found || !end {
		t.Fatal("docs/profiles.md has no table of clocks, want one")
	}
	code := regexp.MustCompile("`([^`]+)`")
	first := func(cell string) string {
		if m := code.FindStringSubmatch(cell); m != nil {
			return m[1]
		}
		return ""
	}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		sport, as, period := event.Sport(strings.TrimSpace(cells[1])), first(cells[3]), event.Period(first(cells[4]))
		for _, text := range code.FindAllStringSubmatch(cells[2], -1) {
			c, err := parseClock(sport, as, period, text[1])
			got := strings.Join(strings.Fields(string(c.Period)+" "+string(c.Half)+" "+c.String()), " ")
			if problem := strings.Contains(cells[5], "problem"); problem != (err != nil) || got != first(cells[5]) {
				t.Errorf("%s %s: clock %q, error %v, want %s", sport, text[1], got, err, cells[5])
			}
		}
	}
}

// FuzzClock parses any text as a clock. It checks that the clock is in range. In sports that count
// minutes, it also checks that parsing the text of the clock returns the same clock, apart from the
// seconds.
func FuzzClock(f *testing.F) {
	for _, row := range clockRows {
		f.Add(string(row.sport), row.as, string(row.period), row.text)
	}
	f.Fuzz(func(t *testing.T, sport, as, period, text string) {
		s, p := event.Sport(sport), event.Period(period)
		known := as == "" || slices.Contains([]string{"minute", "elapsed", "remaining", "overs"}, as)
		if !slices.Contains(event.Sports(), s) || p != "" && s.Index(p) < 0 || !known {
			return
		}
		c, err := parseClock(s, as, p, text)
		if err != nil {
			if !c.IsZero() {
				t.Errorf("%s %q: clock %+v with the error %v, want the zero clock", s, text, c, err)
			}
			return
		}
		if c.Period != "" && s.Index(c.Period) < 0 || c.Minute < 0 || c.Minute > 130 || c.Stoppage < 0 || c.Stoppage > 30 ||
			c.Elapsed < 0 || c.Balls < 0 {
			t.Errorf("%s %q: clock %+v, want a known period, minute 0 to 130, stoppage 0 to 30, and no negative number",
				s, text, c)
		}
		if s.CountsMinutes() && c.Known() {
			again, err := parseClock(s, "minute", c.Period, c.String())
			if c.Elapsed = again.Elapsed; err != nil || again != c {
				t.Errorf("%s %q: clock %+v, but its text %q is %+v, error %v, want the same clock",
					s, text, c, c.String(), again, err)
			}
		}
	})
}

// checkClock parses a clock and compares the result with want, see clockRows.
func checkClock(t *testing.T, sport event.Sport, as string, period event.Period, text, want string) {
	t.Helper()
	c, err := parseClock(sport, as, period, text)
	switch {
	case err != nil && (want == "" || !strings.Contains(err.Error(), want)):
		t.Errorf("%s %q in period %q: error %v, want %q", sport, text, period, err, want)
	case err == nil && describeClock(c) != want:
		t.Errorf("%s %q in period %q: clock %q, want %q", sport, text, period, describeClock(c), want)
	}
}

// parseClock parses the text of a clock on a page of a sport, with the usual lengths of periods.
func parseClock(sport event.Sport, as string, period event.Period, text string) (event.Clock, error) {
	length := func(p event.Period) int {
		if start, end := sport.Minutes(p); p == "" || end > 0 {
			return (end - start) * 60
		}
		return int(sport.PeriodLength(p).Seconds())
	}
	c, _, err := notations.Reader{Sport: sport, Length: length}.Clock(as, period, text)
	return c, err
}

// describeClock returns the period, the half of the inning, the time, and the seconds of a clock.
func describeClock(c event.Clock) string {
	words := []string{string(c.Period), string(c.Half), c.String()}
	if c.Elapsed > 0 {
		words = append(words, strconv.Itoa(c.Elapsed)+"s")
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}
