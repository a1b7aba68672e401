package poll_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/parsertest"
)

// A match becomes stale after two minutes without a usable page. One event reports this. The next
// usable page makes the match fresh. Neither change causes other events.
func TestStaleMatchBecomesFresh(t *testing.T) {
	w := parsertest.Track(t, parsertest.Ingester(t), parsertest.SmallProfile)
	w.Read(fmt.Sprintf(parsertest.SmallPage, 0))
	for range 3 {
		parsertest.Expect(t, "failure", w.Fail("the site answered 503 Service Unavailable"))
	}
	parsertest.Expect(t, "after two minutes", w.Fail("the site answered 503 Service Unavailable"),
		"source_stale m1: the site answered 503 Service Unavailable")
	parsertest.Expect(t, "later", w.Fail("the site answered 503 Service Unavailable"))
	parsertest.Expect(t, "back", w.Read(fmt.Sprintf(parsertest.SmallPage, 0)), "source_fresh m1: pages are usable again")
	parsertest.Expect(t, "still back", w.Read(fmt.Sprintf(parsertest.SmallPage, 0)))
	// An unusable page counts as a failure.
	wall := "<html><h1>We value your privacy</h1></html>"
	for range 3 {
		parsertest.Expect(t, "consent wall", w.Read(wall))
	}
	// People read the reason, so it has no technical details.
	parsertest.Expect(t, "two minutes of a consent wall", w.Read(wall), "source_stale m1: the page is unusable")
	parsertest.Expect(t, "back with a goal", w.Read(fmt.Sprintf(parsertest.SmallPage, 1)),
		"source_fresh m1: pages are usable again", "goal m1")
}

// If a source of a match fails, the match does not become stale while another source has usable
// pages of the match.
func TestOneOfTwoSourcesFails(t *testing.T) {
	in := parsertest.Ingester(t)
	good, bad := parsertest.Track(t, in, parsertest.SmallProfile), parsertest.Track(t, in, parsertest.SmallProfile)
	good.Read(fmt.Sprintf(parsertest.SmallPage, 0))
	bad.Read(fmt.Sprintf(parsertest.SmallPage, 0))
	for range 10 {
		parsertest.Expect(t, "good", good.Read(fmt.Sprintf(parsertest.SmallPage, 0)))
		parsertest.Expect(t, "bad", bad.Fail("the site answered 403 Forbidden"))
	}
}

// A match that is over does not become stale.
func TestFinishedMatchIsNeverStale(t *testing.T) {
	w := parsertest.Track(t, parsertest.Ingester(t), strings.Replace(parsertest.SmallProfile, "Live: live", "Live: final",
		1))
	w.Read(fmt.Sprintf(parsertest.SmallPage, 0))
	for range 20 {
		parsertest.Expect(t, "failure", w.Fail("gone"))
	}
}

// A match that is missing from a list for five minutes becomes stale, but does not end. When it
// returns, it does not start again.
func TestMatchVanishesFromAList(t *testing.T) {
	w := parsertest.Track(t, parsertest.Ingester(t), parsertest.ListProfile)
	one, two := "<li id=m1><b>A</b><i>B</i><u>0</u><s>0</s></li>", "<li id=m2><b>C</b><i>D</i><u>1</u><s>0</s></li>"
	parsertest.Expect(t, "first", w.Read(one+two), "match_start m1", "match_start m2", "goal m2")
	for range 9 {
		parsertest.Expect(t, "missing", w.Read(one))
	}
	parsertest.Expect(t, "five minutes", w.Read(one), "source_stale m2: the page no longer lists the match")
	parsertest.Expect(t, "longer", w.Read(one))
	parsertest.Expect(t, "returned", w.Read(one+strings.Replace(two, "<u>1", "<u>2", 1)),
		"source_fresh m2: pages are usable again", "goal m2")
}

// If a match becomes stale because the page shows another match, the event says so.
func TestStaleBecauseOfAnotherMatch(t *testing.T) {
	w := parsertest.Track(t, parsertest.Ingester(t), parsertest.ListProfile)
	parsertest.Expect(t, "first", w.Read("<li id=m1><b>A</b><i>B</i><u>0</u><s>0</s></li>"), "match_start m1")
	other := "<li id=m1><b>A</b><i>C</i><u>0</u><s>0</s></li>"
	for range 9 {
		parsertest.Expect(t, "refused", w.Read(other))
	}
	parsertest.Expect(t, "five minutes", w.Read(other),
		"source_stale m1: the page shows another match: A v C, not A v B")
	parsertest.Expect(t, "longer", w.Read(other))
	parsertest.Expect(t, "back", w.Read("<li id=m1><b>A</b><i>B</i><u>0</u><s>0</s></li><p>new"),
		"source_fresh m1: pages are usable again")

	// The same applies if this source has never shown the match.
	in := parsertest.Ingester(t)
	parsertest.Track(t, in, parsertest.SmallProfile).Read(fmt.Sprintf(parsertest.SmallPage, 0))
	late := parsertest.Track(t, in, parsertest.SmallProfile)
	late.Now = late.Now.Add(10 * time.Minute)
	var got []string
	for range 11 {
		got = append(got, late.Read(strings.Replace(fmt.Sprintf(parsertest.SmallPage, 0), ">B<", ">C<", 1))...)
	}
	parsertest.Expect(t, "another source", got, "source_stale m1: the page shows another match: A v C, not A v B")
}

// If a page stops listing incidents, its match becomes stale after five minutes, because the layout
// may have changed. Changes in the score still produce goal events.
func TestLayoutChanges(t *testing.T) {
	w := parsertest.Track(t, parsertest.Ingester(t), parsertest.SmallProfile)
	row := `<li class=h><u class=kind>Goal</u><time>5'</time><b>P</b></li>`
	w.Read(fmt.Sprintf(parsertest.SmallPage, 1) + row)
	for range 10 {
		parsertest.Expect(t, "no rows", w.Read(fmt.Sprintf(parsertest.SmallPage, 1)))
	}
	parsertest.Expect(t, "no rows for five minutes", w.Read(fmt.Sprintf(parsertest.SmallPage, 1)),
		"source_stale m1: the page lists no incidents any more: its layout may have changed")
	parsertest.Expect(t, "a goal by the score", w.Read(fmt.Sprintf(parsertest.SmallPage, 2)), "goal m1")
	second := `<li class=h><u class=kind>Goal</u><time>20'</time><b>Q</b></li>`
	parsertest.Expect(t, "rows are back", w.Read(fmt.Sprintf(parsertest.SmallPage, 2)+row+second),
		"source_fresh m1: pages are usable again", "goal_corrected m1: the page changed it")
}

// If one match on a list changes, the states of the other matches are not saved again.
func TestListSavesChangedMatchesOnly(t *testing.T) {
	in := parsertest.Ingester(t)
	w := parsertest.Track(t, in, parsertest.ListProfile)
	row := "<li id=m%d><b>A</b><i>B</i><u>%d</u><s>0</s></li>"
	w.Read(fmt.Sprintf(row+row, 1, 0, 2, 0))
	w.Now = w.Now.Add(-30 * time.Second)
	_, before, err := in.Store.Load(t.Context(), "m1")
	if err != nil {
		t.Fatal(err)
	}
	w.Read(fmt.Sprintf(row+row, 1, 0, 2, 1))
	if _, after, err := in.Store.Load(t.Context(), "m1"); err != nil || after != before {
		t.Errorf("the state of the unchanged match has version %d, error %v, want version %d", after, err, before)
	}
	parsertest.Expect(t, "an old copy", w.Read(fmt.Sprintf(row+row, 1, 0, 2, 0)))
}

// A list with many new matches has one line in the log. Later, each match with an event has its own line.
func TestNewListIsLoggedOnce(t *testing.T) {
	log := &bytes.Buffer{}
	in := parsertest.Ingester(t)
	in.Log = slog.New(slog.NewTextHandler(log, nil))
	w := parsertest.Track(t, in, parsertest.ListProfile)
	list := func(score int) (rows string) {
		for i := range 30 {
			rows += fmt.Sprintf("<li id=m%d><b>A</b><i>B</i><u>%d</u><s>0</s></li>", i, score*(i%2))
		}
		return rows
	}
	w.Read(list(0))
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "matches=30 new=30") {
		t.Errorf("the first page is logged as\n%s\nwant one line with 30 new matches", got)
	}
	log.Reset()
	w.Read(list(1))
	if n := strings.Count(log.String(), `msg="page read"`); n != 15 {
		t.Errorf("a page with 15 changed matches is logged in %d lines, want 15:\n%s", n, log)
	}
}

// Only the first of several held pages is logged at info level.
func TestHeldPageIsLoggedOnce(t *testing.T) {
	log := &bytes.Buffer{}
	in := parsertest.Ingester(t)
	in.Log = slog.New(slog.NewTextHandler(log, nil))
	w := parsertest.Track(t, in, parsertest.SmallProfile)
	w.Read(fmt.Sprintf(parsertest.SmallPage, 1))
	for range 3 {
		w.Read(fmt.Sprintf(parsertest.SmallPage, 0))
	}
	const ignored = "page ignored for now: it shows an older state of the match than an earlier page"
	if n := strings.Count(log.String(), ignored); n != 1 {
		t.Errorf("held pages were logged %d times at info level, want once:\n%s", n, log)
	}
}

// Ingest with a cancelled context returns an error. The next Ingest of the same page succeeds.
func TestIngestAgainAfterCancel(t *testing.T) {
	w := parsertest.Track(t, parsertest.Ingester(t), parsertest.SmallProfile)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	body := fmt.Sprintf(parsertest.SmallPage, 1)
	if events, err := w.ReadContext(cancelled, body); err == nil || len(events) > 0 {
		t.Errorf("Ingest with a cancelled context: events %q, error %v, want no events and an error", events, err)
	}
	if got := w.Read(body); !slices.Contains(got, "goal m1") {
		t.Errorf("Ingest of the same page again: events %q, want the goal", got)
	}
}
