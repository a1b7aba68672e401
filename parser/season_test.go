package parser_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/season"
	"github.com/matchwire/matchwire/internal/testenv"
)

// TestSeason reconciles pages with many faults for a season of real matches of each sport; see
// season.Match.Render. The parser restarts after each page, and every second page is read twice, as
// if by two parsers. Each match must end with the real result, and each score must be reported
// once. No event may report an incident that no fresh page showed.
//
// The environment variable MATCHWIRE_SEED sets the seed. MATCHWIRE_SPORT restricts the test to one
// sport.
func TestSeason(t *testing.T) {
	seed := uint64(1)
	if s := os.Getenv("MATCHWIRE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("MATCHWIRE_SEED: %v", err)
		}
	}
	var only []event.Sport
	if s := os.Getenv("MATCHWIRE_SPORT"); s != "" {
		only = append(only, event.Sport(s))
	}
	matches, err := season.Load(testenv.Needs(t, testenv.Season(".."), "MATCHWIRE_SEASON"), only...)
	if err != nil || len(matches) == 0 {
		t.Fatalf("loaded %d matches, error %v, want at least one match", len(matches), err)
	}
	step := 1
	switch {
	case testing.Short():
		step = 50
	case testenv.Race:
		step = 80
	}
	results := make([]tally, len(matches))
	var workers errgroup.Group
	workers.SetLimit(runtime.GOMAXPROCS(0))
	for i := 0; i < len(matches); i += step {
		workers.Go(func() error {
			results[i] = run(t.Context(), &matches[i], seed)
			return nil
		})
	}
	_ = workers.Wait()
	sums := map[event.Sport]*tally{}
	for i := 0; i < len(matches); i += step {
		m := &matches[i]
		sum := sums[m.Sport]
		if sum == nil {
			sum = &tally{faults: map[string]int{}}
			sums[m.Sport] = sum
		}
		sum.add(&results[i])
		if len(results[i].wrong) > 0 && sum.reported < 20 {
			sum.reported++
			t.Errorf("%s %s %s v %s, %s (MATCHWIRE_SEED=%d): %s", m.Sport, m.ID, m.Home, m.Away, results[i].style, seed,
				strings.Join(results[i].wrong[:min(10, len(results[i].wrong))], "\n\t"))
		}
	}
	for _, s := range slices.Sorted(maps.Keys(sums)) {
		sums[s].report(t, s, step == 1)
	}
}

// report logs the sums of a sport. It fails the test if a match was wrong. If all matches of the season
// were read, and there are at least 50, report also fails the test if a fault never struck.
func (s *tally) report(t *testing.T, sport event.Sport, complete bool) {
	t.Logf("%s: matches %d/%d scoring %d/%d lost %d doubled %d spurious %d",
		sport, s.right, s.matches, s.found, s.scoring, s.lost, s.doubled, s.spurious)
	var struck []string
	for _, name := range slices.Sorted(maps.Keys(s.faults)) {
		struck = append(struck, fmt.Sprintf("%s %d", name, s.faults[name]))
	}
	t.Logf("%s: faults: %s", sport, strings.Join(struck, ", "))
	if s.right != s.matches || s.found != s.scoring || s.lost+s.doubled+s.spurious > 0 {
		t.Fail()
	}
	const enough = 50 // in this many matches, every fault must strike at least once
	for _, name := range season.Faults(sport) {
		if complete && s.matches >= enough && s.faults[name] == 0 {
			t.Errorf("%s: the fault %q never struck", sport, name)
		}
	}
}

// A tally counts matches, scoring facts and errors.
type tally struct {
	matches, right int            // number of matches, and of matches without errors
	scoring, found int            // number of facts that change the score, and of those that are tracked
	lost           int            // number of facts without an incident
	doubled        int            // number of different incidents that are tracked more often than they happened
	spurious       int            // number of events that no fresh page explains
	other          int            // number of other errors
	faults         map[string]int // how often each fault struck

	style    string   // the style of the pages
	wrong    []string // descriptions of all errors
	reported int      // number of matches whose errors were reported
}

// add adds the tally of one match.
func (s *tally) add(one *tally) {
	s.matches, s.scoring, s.found = s.matches+1, s.scoring+one.scoring, s.found+one.found
	s.lost, s.doubled, s.spurious = s.lost+one.lost, s.doubled+one.doubled, s.spurious+one.spurious
	if len(one.wrong) == 0 {
		s.right++
	}
	for name, n := range one.faults {
		s.faults[name] += n
	}
}

// fail adds the description of an error to the tally, and increments count.
func (s *tally) fail(count *int, format string, args ...any) {
	*count++
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// run reconciles the pages of a match, and compares the events and the final state with the facts.
func run(ctx context.Context, m *season.Match, seed uint64) tally {
	rendered := m.Render(seed)
	c := newChecker(m, rendered)
	if prof, err := rendered.Style.Profile(); err != nil {
		c.fail(&c.other, "%v", err)
	} else if c.readPages(ctx, prof) {
		c.compareFacts()
		c.compareLine()
		c.compareResult()
		c.comparePeriods()
	}
	return c.tally
}
