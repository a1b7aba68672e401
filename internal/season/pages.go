package season

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A view holds everything that a page can show.
type view struct {
	*Page
	match      *Match
	home, away string // the names of the teams
	shootout   bool   // the page shows the tally of the shoot-out
	winner     string // the winner or draw, if the page names it; otherwise ""
	total      Score  // the score that the page shows; in ice hockey, it includes a goal for the winner of a shoot-out
}

// render returns the body of the page p. at is the time in seconds since kick-off.
func (g *generator) render(at float64, p *Page) []byte {
	v := view{Page: p, match: g.match, home: g.match.Home, away: g.match.Away, total: p.Score}
	if g.listing.home != "" && at < g.listing.named {
		v.home, v.away = g.listing.home, g.listing.away
		g.strike(Placeholders, 0)
	}
	over := p.phase.over()
	if g.style.Several {
		g.strike(DoubleHeader, 0)
	}
	v.shootout = g.style.Tally && (p.phase.Period == event.ShootOut || g.match.Shootout != nil && over)
	if g.match.Shootout != nil && g.match.Sport.Rules().ShootoutGoal && over && at >= g.line.end() {
		v.total = v.total.add(string(g.match.Winner), 1)
		g.strike(ShootoutGoal, 0)
	}
	if g.style.Winner && over && at >= g.line.end() {
		v.winner = string(g.match.Winner)
	}
	return g.style.render(g.style, &v)
}

// score returns the score of a side as pages of style s show it.
func (v *view) score(s *Style, side string) string {
	if s.score != nil {
		return s.score(v, side)
	}
	return strconv.Itoa(v.total.of(side))
}

// status returns the status as a page shows it, such as "LIVE q1".
func (v *view) status() string {
	return strings.TrimSpace(v.phase.Status + " " + string(v.phase.Period))
}

// renderList returns a page with a row for each fact.
func renderList(s *Style, v *view) []byte {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><html><body>")
	v.writeList(&b, s)
	b.WriteString("</body></html>\n")
	return []byte(b.String())
}

// writeList writes the teams, the score, the state, and a row for each fact.
func (v *view) writeList(b *strings.Builder, s *Style) {
	fmt.Fprintf(b, "<h1><span class=home>%s</span> <b class=hs>%s</b>:<b class=as>%s</b> "+
		"<span class=away>%s</span></h1>\n",
		html.EscapeString(v.home), v.score(s, "home"), v.score(s, "away"), html.EscapeString(v.away))
	v.writeState(b, s)
	b.WriteString("<ol class=events>\n")
	for i := range v.Rows {
		f := &v.Rows[i]
		fmt.Fprintf(b, "<li class=\"%s %s\" data-detail=\"%s\"", f.Kind, f.Side, f.Detail)
		if v.match.Sport != event.Soccer {
			fmt.Fprintf(b, " data-period=%s", f.Clock.Period)
		}
		fmt.Fprintf(b, "><time>%s</time> <b>%s</b> <i>%s</i>",
			s.clock(f.Clock), html.EscapeString(f.Player), html.EscapeString(f.Off))
		if f.ShowsScore() && v.match.Sport != event.Soccer {
			fmt.Fprintf(b, " <u>%d-%d</u>", f.Score.Home, f.Score.Away)
		}
		b.WriteString("</li>\n")
	}
	b.WriteString("</ol>")
}

// renderBoard returns a scoreboard: the points of each side by period, and the score.
func renderBoard(s *Style, v *view) []byte {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><html><body>\n")
	v.writeState(&b, s)
	b.WriteString("<table class=board><tr><th></th>")
	for _, p := range v.line {
		fmt.Fprintf(&b, "<th>%s</th>", p.period)
	}
	b.WriteString("<th>T</th></tr>\n")
	for _, side := range []string{"home", "away"} {
		name := v.home
		if side == "away" {
			name = v.away
		}
		fmt.Fprintf(&b, "<tr class=%s><th class=team>%s</th>", side, html.EscapeString(name))
		for _, p := range v.line {
			fmt.Fprintf(&b, "<td>%d</td>", p.of(side))
		}
		fmt.Fprintf(&b, "<td class=total>%s</td></tr>\n", v.score(s, side))
	}
	b.WriteString("</table></body></html>\n")
	return []byte(b.String())
}

// writeState writes the league, the status, the clock and the kick-off time. If the page shows the winner
// or the tally of a shoot-out, writeState writes them too.
func (v *view) writeState(b *strings.Builder, s *Style) {
	fmt.Fprintf(b, "<p class=league>%s</p><p class=status>%s</p><p class=clock>%s</p><p class=start>%s</p>\n",
		v.match.Competition, v.status(), s.clock(v.phase.Clock), v.Start.Format(time.RFC3339))
	if v.winner != "" {
		fmt.Fprintf(b, "<p class=\"result %s\">Match over</p>\n", v.winner)
	}
	if v.match.By == event.ByRetirement && v.phase.over() {
		fmt.Fprintf(b, "<p class=winner>%s</p>\n", v.match.Winner)
	}
	if v.shootout {
		fmt.Fprintf(b, "<p class=pens><i class=hp>%d</i>-<i class=ap>%d</i></p>\n", v.Kicks.Home, v.Kicks.Away)
	}
}

// minutes formats a clock in minutes, such as 45+2'. For the zero clock it returns "".
func minutes(c event.Clock) string {
	switch {
	case c.Stoppage > 0:
		return fmt.Sprintf("%d+%d'", c.Minute, c.Stoppage)
	case c.Minute > 0:
		return fmt.Sprintf("%d'", c.Minute)
	}
	return ""
}

// elapsed formats a clock that counts up from the start of the period, such as 03:48. For the zero
// clock it returns "".
func elapsed(c event.Clock) string {
	if c == (event.Clock{}) {
		return ""
	}
	return fmt.Sprintf("%02d:%02d", c.Elapsed/60, c.Elapsed%60)
}

// remaining returns a function that formats a clock that counts down to the end of the period, such
// as 8:12. For the zero clock the function returns "".
func remaining(s event.Sport) func(event.Clock) string {
	return func(c event.Clock) string {
		if c == (event.Clock{}) {
			return ""
		}
		left := int(s.PeriodLength(c.Period).Seconds()) - c.Elapsed
		return fmt.Sprintf("%d:%02d", left/60, left%60)
	}
}
