package season

import (
	"fmt"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// listStyle returns a style that renders pages with renderList. as is the notation of clocks in the profile.
func listStyle(s event.Sport, as string, clock func(event.Clock) string) *Style {
	profile := matchProfile(s, "list-"+as, as, ".home", ".away", ".hs", ".as") + listRules(s, as)
	return &Style{Name: fmt.Sprintf("%s list, %s", s, as), Listed: true, Tally: true, render: renderList, clock: clock,
		profile: profile}
}

// listRules returns the part of a profile that is about the rows of renderList, in YAML.
func listRules(s event.Sport, as string) string {
	var kinds []string
	for _, k := range s.Rules().Kinds {
		kinds = append(kinds, fmt.Sprintf("%s: li.%s", k, k))
	}
	return fmt.Sprintf(`incidents:
  - rows: ol.events > li
    kind: {when: {%s}}
    detail: {attr: data-detail}
    side: {when: {home: li.home, away: li.away}}
    period: {attr: data-period}
    clock: {css: time, as: %s}
    player: b
    off: i
    home_score: {css: u, regexp: '^\d+'}
    away_score: {css: u, regexp: '\d+$'}
`, strings.Join(kinds, ", "), as)
}

// boardStyle returns a style that renders pages with renderBoard. as is the notation of clocks in the profile.
func boardStyle(s event.Sport, as string, clock func(event.Clock) string) *Style {
	return &Style{Name: fmt.Sprintf("%s board, %s", s, as), Tally: true, render: renderBoard, clock: clock,
		profile: matchProfile(s, "board-"+as, as, ".home .team", ".away .team", ".home .total", ".away .total") +
			lineRules(s)}
}

// lineRules returns the part of a profile that is about the line score of renderBoard, in YAML.
func lineRules(s event.Sport) string {
	if r := s.Rules(); r.SetScore || r.InningsScore {
		return "" // the rules for the score read the line score too
	}
	return "  home_line_score: .home td:not(.total)\n  away_line_score: .away td:not(.total)\n"
}

// withoutTally removes the tally of a shoot-out from s, and returns s.
func withoutTally(s *Style) *Style {
	s.Name, s.Tally = s.Name+", without tally", false
	return s
}

// matchProfile returns the part of a profile that is about the match, in YAML.
func matchProfile(s event.Sport, name, as, home, away, homeScore, awayScore string) string {
	statuses := []string{"PRE: scheduled", "SUSPENDED: suspended", "RAIN: interrupted", "BREAK: break", "FT: ended",
		"FINAL: final", "RET: retired"}
	for _, p := range s.Rules().Periods {
		if !p.IsBreak() {
			statuses = append(statuses, fmt.Sprintf("LIVE %s: live %s", p, p))
			statuses = append(statuses, fmt.Sprintf("FT %s: ended %s, FINAL %s: final %s", p, p, p, p))
			b := breakAfter(s, p)
			statuses = append(statuses, fmt.Sprintf("BREAK %s: break %s", b, b))
		}
	}
	return fmt.Sprintf(`profile: season-%s
sport: %s
match:
  league: .league
  home: %s
  away: %s
  home_score: %s
  away_score: %s
  home_shootout: {css: .hp, optional: true}
  away_shootout: {css: .ap, optional: true}
  status: {css: .status, map: {%s}}
  clock: {css: .clock, as: %s}
  start: .start
`, name, s, home, away, homeScore, awayScore, strings.Join(statuses, ", "), as)
}
