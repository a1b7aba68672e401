package profile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/observation"
)

// LineupRules are the rules for one list of players. A row without a player is skipped, but later
// rows can inherit its values.
type LineupRules struct {
	Rows     Rule `yaml:"rows"`
	Side     Rule `yaml:"side"` // "home" or "away"
	Team     Rule `yaml:"team"` // instead of side: the team's name or code
	Player   Rule `yaml:"player"`
	Number   Rule `yaml:"number"`
	Position Rule `yaml:"position"`
	Role     Rule `yaml:"role"` // "starter" or "substitute"; "starter" if there is no value
}

// rules returns the rules in the order of docs/profiles.md, without Rows.
func (r *LineupRules) rules() []namedRule {
	return []namedRule{{"side", &r.Side}, {"team", &r.Team}, {"player", &r.Player}, {"number", &r.Number},
		{"position", &r.Position}, {"role", &r.Role}}
}

// The roles of players.
const (
	starter    = "starter"
	substitute = "substitute"
)

// check checks the rules for one list of players.
func (r *LineupRules) check(pos strictyaml.Pos) error {
	switch {
	case !r.Rows.isSet() || !r.Player.isSet():
		return pos.Missingf("set both rows and player %s", quoteHint)
	case !findsRows(&r.Rows):
		return r.Rows.pos.Errorf("rows: want css or jq")
	case r.Side.isSet() == r.Team.isSet():
		return r.Rows.pos.Missingf("set either side or team")
	}
	sides, roles := []string{string(event.Home), string(event.Away)}, []string{starter, substitute}
	return errors.Join(
		checkConstant(&r.Side, "side", sides), checkConstant(&r.Role, "role", roles),
		checkValues(&r.Side, "side", sides, nil), checkValues(&r.Role, "role", roles, nil))
}

// maxPlayerText is the maximum length of each text in a line-up, in bytes.
const maxPlayerText = 100

// lineups adds the line-up of each side that the page shows: the players of all lists, in order,
// without duplicates.
func (m *matchRow) lineups(ctx context.Context, o *observation.Observation) {
	profile := m.doc.profile
	found := map[event.Side]*observation.Lineup{
		event.Home: {Side: event.Home}, event.Away: {Side: event.Away},
	}
	for i := range profile.Lineups {
		m.players(ctx, i, o, found)
	}
	for _, side := range []event.Side{event.Home, event.Away} {
		l, formation, coach := found[side], &profile.Match.HomeFormation, &profile.Match.HomeCoach
		if side == event.Away {
			formation, coach = &profile.Match.AwayFormation, &profile.Match.AwayCoach
		}
		if len(l.Players) == 0 {
			continue
		}
		l.Formation = m.short(ctx, "match."+string(side)+"_formation", formation)
		l.Coach = m.short(ctx, "match."+string(side)+"_coach", coach)
		o.Lineups = append(o.Lineups, *l)
	}
}

// players adds the players of list i to the line-ups of their sides.
func (m *matchRow) players(
	ctx context.Context, i int, o *observation.Observation, found map[event.Side]*observation.Lineup,
) {
	profile := m.doc.profile
	rules, name := &profile.Lineups[i], fmt.Sprintf("%slineups[%d]", m.prefix, i)
	rows, err := rules.Rows.rows(ctx, m.row)
	if err != nil {
		m.problem(name+".rows", err.Error())
	}
	inherited := map[*Rule]string{}
	in := incidentRow{match: o, evaluator: evaluator{extraction: m.extraction}}
	if rules.Team.isSet() {
		in.homeCode = m.optional(ctx, "match.home_code", &profile.Match.HomeCode)
		in.awayCode = m.optional(ctx, "match.away_code", &profile.Match.AwayCode)
	}
	for n, row := range rows {
		if ctx.Err() != nil {
			return
		}
		row.inherited = inherited
		in.row, in.prefix = row, fmt.Sprintf("%s row %d: ", name, n+1)
		p, side, ok := in.player(ctx, rules)
		if !ok {
			continue
		}
		l := found[side]
		again := slices.ContainsFunc(l.Players, func(q event.LineupPlayer) bool {
			return q.Number == p.Number && event.Fold(q.Name) == event.Fold(p.Name)
		})
		switch {
		case again:
			continue
		case len(l.Players) == event.MaxLineup:
			in.fault("player", fmt.Errorf("the line-up has more than %d players", event.MaxLineup))
			return
		case l.Players == nil:
			l.Path = row.path
		}
		l.Players = append(l.Players, p)
	}
}

// player returns the row's player and side. ok is false if the row has no player, or lacks the
// side.
func (r *incidentRow) player(ctx context.Context, rules *LineupRules) (
	p event.LineupPlayer, side event.Side, ok bool,
) {
	// Evaluate all rules even for a heading, because later rows can inherit the values of the
	// heading.
	side = event.Side(r.optional(ctx, "side", &rules.Side))
	team := r.optional(ctx, "team", &rules.Team)
	role := r.optional(ctx, "role", &rules.Role)
	p = event.LineupPlayer{
		Name: r.short(ctx, "player", &rules.Player), Number: r.short(ctx, "number", &rules.Number),
		Position: r.short(ctx, "position", &rules.Position),
	}
	if p.Name == "" {
		return p, "", false
	}
	if rules.Team.isSet() {
		side = r.sideOf(team)
	}
	side = oneOf(&r.evaluator, "side", string(side), []event.Side{event.Home, event.Away})
	if side == "" {
		r.fault("side", errors.New("the row does not show the team of the player"))
		return p, "", false
	}
	p.Substitute = oneOf(&r.evaluator, "role", role, []string{starter, substitute}) == substitute
	return p, side, true
}

// short returns the value of an optional rule, with its encoding repaired. It truncates the value
// to maxPlayerText bytes.
func (e *evaluator) short(ctx context.Context, field string, r *Rule) string {
	text := observation.RepairEncoding(e.optional(ctx, field, r))
	if len(text) <= maxPlayerText {
		return text
	}
	text = text[:maxPlayerText]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text
}
