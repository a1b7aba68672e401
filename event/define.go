package event

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Definition describes a sport that matchwire does not know, such as handball. See [Define].
type Definition struct {
	Name    Sport
	Periods []Period // all periods and breaks, in the order of play, including overtime and a shoot-out
	Counts  Count

	// Half and ExtraHalf are the lengths of a half, and of a half of extra time, in minutes. They
	// are 0 if the clock does not count minutes from kick-off. Half needs the periods 1h and 2h.
	// ExtraHalf needs Half, and the periods et1 and et2.
	Half, ExtraHalf int

	// Kinds holds the kinds of incidents that a page can show, with the points that one incident can add to
	// the score. Kinds without points do not change the score. If Counts is Goals, a goal always adds one
	// point, even if Kinds does not list it.
	Kinds map[Kind][]int

	Names map[string]string // names of kinds and periods in messages
}

// A Count is what a score counts.
type Count string

const (
	Goals  Count = "goals"  // each goal is an event, even if the page does not list it
	Points Count = "points" // incidents can add several points
	Sets   Count = "sets"   // the sets or games that each side has won; no match ends with a level score
)

// Limits of a Definition.
const (
	maxDefinedPeriods = 40 // maximum number of periods
	maxHalf           = 90 // maximum length of a half, in minutes
)

// A definedSport is a sport that [Define] has added.
type definedSport struct {
	definition Definition
	rules      *Rules
}

// defined maps each added Sport to its definedSport.
var defined sync.Map

// Define adds a sport. The sport can then be used like the known sports. Define returns a
// [*DefinitionError] if a member is invalid. A sport cannot change while the process runs: Define
// returns an error if the sport exists with a different definition.
func Define(d Definition) error {
	if err := d.check(); err != nil {
		return err
	}
	before, exists := defined.LoadOrStore(d.Name, definedSport{d, d.rules()})
	if exists && !reflect.DeepEqual(before.(definedSport).definition, d) {
		return fmt.Errorf("sport %s has a different definition in this process: "+
			"give all its profiles the same definition, and restart after a change", d.Name)
	}
	return nil
}

// A DefinitionError describes an invalid member of a [Definition].
type DefinitionError struct {
	Member string // name, periods, counts, half, extra_half, kinds or names
	Err    error
}

func (e *DefinitionError) Error() string { return e.Member + ": " + e.Err.Error() }

func (e *DefinitionError) Unwrap() error { return e.Err }

// invalid returns a [*DefinitionError].
func invalid(member, format string, args ...any) error {
	return &DefinitionError{member, fmt.Errorf(format, args...)}
}

// definedSports returns the sports that Define has added, in alphabetical order.
func definedSports() []Sport {
	var all []Sport
	defined.Range(func(name, _ any) bool {
		all = append(all, name.(Sport))
		return true
	})
	slices.Sort(all)
	return all
}

// check returns a [*DefinitionError] if a member is invalid.
func (d *Definition) check() error {
	switch {
	case !wordShape.MatchString(string(d.Name)) || len(d.Name) > maxSlug:
		return invalid("name", "%q: want at most %d characters of a-z and 0-9, with single _ between them", d.Name, maxSlug)
	case rules[d.Name] != nil:
		return invalid("name", "%q: matchwire knows this sport; write only its name", d.Name)
	case len(d.Periods) == 0 || len(d.Periods) > maxDefinedPeriods:
		return invalid("periods", "%d periods: want 1 to %d", len(d.Periods), maxDefinedPeriods)
	case !slices.Contains([]Count{Goals, Points, Sets}, d.Counts):
		return invalid("counts", "%q: want goals, points or sets", d.Counts)
	}
	for i, p := range d.Periods {
		if !wordShape.MatchString(string(p)) || slices.Contains(d.Periods[:i], p) {
			return invalid("periods", "%q: want different words of a-z and 0-9, with single _ between them", p)
		}
	}
	switch extra := d.has(ExtraFirst) || d.has(ExtraSecond); {
	case d.Half < 0 || d.Half > maxHalf:
		return invalid("half", "%d: want 0 to %d minutes", d.Half, maxHalf)
	case d.ExtraHalf < 0 || d.ExtraHalf > maxHalf:
		return invalid("extra_half", "%d: want 0 to %d minutes", d.ExtraHalf, maxHalf)
	case d.Half > 0 && !(d.has(FirstHalf) && d.has(SecondHalf)):
		return invalid("half", "the periods must include %s and %s", FirstHalf, SecondHalf)
	case d.ExtraHalf > 0 && d.Half == 0:
		return invalid("extra_half", "%d: want 0 without half", d.ExtraHalf)
	case d.ExtraHalf > 0 && !(d.has(ExtraFirst) && d.has(ExtraSecond)), d.ExtraHalf == 0 && d.Half > 0 && extra:
		return invalid("extra_half", "%d: want the minutes of a half of extra time together with the periods %s and %s, "+
			"or 0 without these periods", d.ExtraHalf, ExtraFirst, ExtraSecond)
	}
	if d.Periods[0].IsBreak() || d.Periods[len(d.Periods)-1].IsBreak() {
		return invalid("periods", "a break cannot be the first or the last period")
	}
	for _, k := range slices.Sorted(maps.Keys(d.Kinds)) {
		if err := d.checkKind(k); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Names)) {
		if _, isKind := d.Kinds[Kind(name)]; !isKind && !d.has(Period(name)) && Kind(name) != Goal {
			return invalid("names", "%q is neither a kind nor a period of %s", name, d.Name)
		}
	}
	return nil
}

// checkKind returns a [*DefinitionError] if the sport cannot have kind k with its points.
func (d *Definition) checkKind(k Kind) error {
	switch {
	case !wordShape.MatchString(string(k)) || len(k) > maxSlug || BaseKind(string(k)) != k:
		return invalid("kinds", "%q: want at most %d characters of a-z and 0-9, with single _ between them, "+
			"without the suffix _corrected or _retracted", k, maxSlug)
	case slices.Contains(CommonKinds(), k):
		return invalid("kinds", "%q: every sport has this kind", k)
	case d.Counts == Goals && k != Goal && len(d.Kinds[k]) > 0:
		return invalid("kinds", "%q: the score counts goals, so only %s changes it", k, Goal)
	}
	for _, n := range d.Kinds[k] {
		if n < 1 || n > 100 {
			return invalid("kinds", "%q: %d points: want 1 to 100", k, n)
		}
	}
	return nil
}

func (d *Definition) has(p Period) bool { return slices.Contains(d.Periods, p) }

// mayBeMissing reports whether a match can end without period p. Overtime (ot, ot1, ot2 …), extra
// time (et1, et_ht, et2) and a shoot-out may be missing. If the score counts sets, any period may
// be missing.
func (d *Definition) mayBeMissing(p Period) bool {
	letters := strings.TrimRight(string(p), "0123456789")
	return d.Counts == Sets || letters == "ot" || letters == "et" || p == ExtraHalfTime || p == ShootOut
}

// rules returns the rules of the sport.
func (d *Definition) rules() *Rules {
	r := &Rules{
		Periods:       d.Periods,
		OvertimeAfter: d.Periods[len(d.Periods)-1],
		Half:          d.Half,
		ExtraHalf:     d.ExtraHalf,
		LeastLength:   5 * time.Minute,
		Kinds:         slices.Sorted(maps.Keys(d.Kinds)),
		Points:        map[Kind][]int{},
		CountsGoals:   d.Counts == Goals,
		CountsSets:    d.Counts == Sets,
		NoDraw:        d.Counts == Sets,
		Situation:     []Member{{Name: "possession"}, {Name: "serving"}},
		Names:         d.Names,
		Bounds:        Bounds{Score: 500, Listed: 500, Shootout: 100, Rows: 500},
	}
	for k, points := range d.Kinds {
		if len(points) > 0 {
			r.Points[k] = points
		}
	}
	if r.CountsGoals {
		r.Points[Goal] = []int{1}
		if _, listed := d.Kinds[Goal]; !listed {
			r.Kinds = append(r.Kinds, Goal)
		}
	}
	for _, p := range d.Periods {
		if !p.IsBreak() && !d.mayBeMissing(p) {
			r.LastRegulationPeriod, r.LeastPeriod, r.OvertimeAfter = p, p, p
		}
	}
	return r
}
