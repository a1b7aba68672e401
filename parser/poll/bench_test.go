package poll_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/matchwire/matchwire/internal/parsertest"
)

// What it takes to read a page, beside what html.Parse alone takes for the
// same bytes: each turn does both, so that a noisy machine hits both, and the
// metric x/html.Parse is the ratio of their medians.
func BenchmarkPage(b *testing.B) {
	page, profile := parsertest.BigPage(b)
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
			if all, problems, err := profile.Extract(b.Context(), page); err != nil || len(problems) > 0 || len(all[0].Incidents) != 24 {
				b.Fatal(problems, err)
			}
		})
	})
	b.Run("unchanged", func(b *testing.B) {
		w := parsertest.Ingester(b).Track(profile, "")
		if _, err := w.Parse(b.Context(), page); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		beside(b, parse, func() {
			if all, err := w.Parse(b.Context(), page); err != nil || len(all) != 1 {
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
