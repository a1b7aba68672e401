package parser_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser"
)

// bigPage is a real page of 556 KB.
func bigPage(b *testing.B) (parser.Page, *parser.Profile) {
	b.Helper()
	dir := testenv.Needs(b, testenv.Pages(".."), "MATCHWIRE_PAGES")
	body, err := os.ReadFile(filepath.Join(dir, "soccer/abseits-sunderland-bournemouth.html"))
	if err != nil {
		b.Fatal(err)
	}
	return parser.Page{Body: body, At: time.Date(2026, 2, 14, 17, 0, 0, 0, time.UTC)}, library(b)["abseits"]
}

// What it takes to read a page, beside what html.Parse alone takes for the
// same bytes: each turn does both, so that a noisy machine hits both, and the
// metric x/html.Parse is the ratio of their medians.
func BenchmarkPage(b *testing.B) {
	page, profile := bigPage(b)
	parse := func() {
		if _, err := html.Parse(bytes.NewReader(page.Body)); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("html.Parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parse()
		}
	})
	b.Run("extract", func(b *testing.B) {
		b.ReportAllocs()
		beside(b, parse, func() {
			if all, problems, err := profile.Extract(page); err != nil || len(problems) > 0 || len(all[0].Incidents) != 24 {
				b.Fatal(problems, err)
			}
		})
	})
	b.Run("unchanged", func(b *testing.B) {
		w := reader(b).Watch(profile, "")
		if _, err := w.Extract(page); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		beside(b, parse, func() {
			if all, err := w.Extract(page); err != nil || len(all) != 1 {
				b.Fatal(all, err)
			}
		})
	})
}

// beside reports how long work takes in units of floor.
func beside(b *testing.B, floor, work func()) {
	var floors, works []time.Duration
	timed := func(into *[]time.Duration, f func()) {
		began := time.Now()
		f()
		*into = append(*into, time.Since(began))
	}
	for n := 0; b.Loop(); n++ {
		timed(&works, work)
		if n < 1000 { // enough to know the floor; work may be far quicker
			b.StopTimer()
			timed(&floors, floor)
			b.StartTimer()
		}
	}
	slices.Sort(floors)
	slices.Sort(works)
	b.ReportMetric(float64(works[len(works)/2])/float64(floors[len(floors)/2]), "x/html.Parse")
}

// A match of the page above, compared with its own state: nothing is new.
func BenchmarkReconcileUnchanged(b *testing.B) {
	page, profile := bigPage(b)
	all, _, err := profile.Extract(page)
	if err != nil {
		b.Fatal(err)
	}
	r := parser.Reading{TID: event.NewTID(), Source: "/parser/abseits", At: page.At}
	state, _, err := parser.Reconcile(parser.State{Epoch: "e"}, all[0], r)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, events, err := parser.Reconcile(state, all[0], r); err != nil || len(events) > 0 {
			b.Fatal(events, err)
		}
	}
}
