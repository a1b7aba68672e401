package profile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile/internal/budget"
)

// ExtractTimeout is the maximum duration of each call of Parse, Observations, Quote and Extract.
// Explain takes at most twice as long, because it also parses the page. Without a limit, a query of
// a profile could run forever.
const ExtractTimeout = 10 * time.Second

var errTimeout = fmt.Errorf("no result within %v, the time limit for a page: a query of the profile does not end, "+
	"or the machine is overloaded: %w", ExtractTimeout, context.DeadlineExceeded)

func withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, ExtractTimeout, errTimeout)
}

// begin begins a call with a budget of steps. The returned context ends after ExtractTimeout, or
// when the budget is spent.
func (d *Document) begin(ctx context.Context, steps int) (context.Context, context.CancelFunc) {
	ctx, cancel := withTimeout(ctx)
	b, release := budget.New(ctx, steps)
	d.budget = b
	return b, func() { release(); cancel() }
}

// contextError returns an error if ctx has ended, because the results are then incomplete.
func contextError(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("evaluating the profile: %w", context.Cause(ctx))
}

// Extract parses a page and returns its observations. See [Profile.Parse] and
// [Document.Observations].
func (p *Profile) Extract(ctx context.Context, pg page.Page) ([]observation.Observation, []observation.Problem, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	d, err := p.Parse(ctx, pg)
	if err != nil {
		return nil, nil, err
	}
	return d.Observations(ctx)
}

// Observations returns the observations of the page, and the problems: missing and invalid values.
// If the profile is for pages with several matches, it returns one observation for each match on
// the page. Otherwise it returns one observation. An error means that the page is unusable, for
// example because it does not name the teams.
func (d *Document) Observations(ctx context.Context) ([]observation.Observation, []observation.Problem, error) {
	return d.observationsWithin(ctx, budget.MaxSteps)
}

// observationsWithin is [Document.Observations] with a budget of steps.
func (d *Document) observationsWithin(
	ctx context.Context, steps int,
) ([]observation.Observation, []observation.Problem, error) {
	ctx, cancel := d.begin(ctx, steps)
	defer cancel()
	x := &extraction{doc: d}
	var all []observation.Observation
	var err error
	if d.profile.Matches.isSet() {
		all, err = x.manyMatches(ctx)
	} else {
		all, err = x.oneMatch(ctx)
	}
	x.orderInnings()
	if err := contextError(ctx); err != nil {
		return nil, nil, err
	}
	return all, x.problems, d.withLayouts(err)
}

// An extraction collects the observations and problems of one document.
type extraction struct {
	doc           *Document
	problems      []observation.Problem
	inningsScores []inningsScore
	contradiction *observation.Problem // why the page is about another sport; nil if it is not
}

// oneMatch returns the observation of a page with one match.
func (x *extraction) oneMatch(ctx context.Context) ([]observation.Observation, error) {
	m := matchRow{evaluator{extraction: x, row: x.doc.page()}}
	o, err := m.observation(ctx)
	if err != nil {
		return nil, err
	}
	return []observation.Observation{*o}, nil
}

// manyMatches returns the observations of a page with several matches. A row without a team is a
// heading, whose values later rows can inherit. Any other row without a usable match is a problem.
// If a row is about another sport, and no row shows a period of the profile's sport, manyMatches
// returns an error.
func (x *extraction) manyMatches(ctx context.Context) ([]observation.Observation, error) {
	rows, err := x.doc.profile.Matches.rows(ctx, x.doc.page())
	if err != nil {
		return nil, fmt.Errorf("matches: %w", err)
	}
	var all []observation.Observation
	var otherSport error      // error of the first row that contradicts the sport
	known := false            // whether a row shows a period of the sport
	rowOf := map[string]int{} // by match ID: number of the row
	inherited := map[*Rule]string{}
	m := matchRow{evaluator{extraction: x}}
	for i, row := range rows {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		row.inherited = inherited
		m.row, m.prefix = row, fmt.Sprintf("matches row %d: ", i+1)
		before := len(x.problems)
		x.contradiction = nil
		o, err := m.observation(ctx)
		if err != nil {
			x.problems = x.problems[:before]
			if errors.Is(err, ErrOtherSport) && otherSport == nil {
				otherSport = fmt.Errorf("%s%w", m.prefix, err)
			}
			if !errors.Is(err, errNoTeams) {
				x.problem(m.prefix+"match", err.Error())
			}
			continue
		}
		if first, twice := rowOf[o.Match.ID]; twice && o.Match.ID != "" {
			x.problems = x.problems[:before]
			x.problem(m.prefix+"match.id", fmt.Sprintf("%q is also the ID of row %d", o.Match.ID, first))
			continue
		}
		rowOf[o.Match.ID], o.Shared = i+1, true
		known = known || o.ShowsPeriod()
		all = append(all, *o)
	}
	if otherSport != nil && !known {
		return nil, otherSport
	}
	if len(all) == 0 && !x.doc.showsEmptyList(ctx) {
		x.problem("matches", noMatches(len(rows)))
	}
	return all, nil
}

// noMatches describes a page whose rows contain no usable match.
func noMatches(rows int) string {
	if rows == 0 {
		return "no rows"
	}
	return fmt.Sprintf("no row is a match (rows: %d)", rows)
}

// showsEmptyList reports whether the page is a list that has no matches now.
func (d *Document) showsEmptyList(ctx context.Context) bool {
	r := &d.profile.Empty
	if !r.isSet() {
		return false
	}
	text, err := r.text(ctx, d.page())
	return err == nil && text != "false"
}

// problem adds a problem.
func (x *extraction) problem(field, message string) {
	x.problems = append(x.problems, observation.Problem{Field: field, Message: message})
}
