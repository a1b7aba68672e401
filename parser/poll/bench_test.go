package poll_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/matchwire/matchwire/internal/parsertest"
)

// BenchmarkPage compares parsing a page into observations with html.Parse of the same bytes. The
// two run alternately, so that other load on the machine affects both. The metric x/html.Parse is
// the ratio of the medians.
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
		compare(b, parse, func() {
			if all, problems, err := profile.Extract(b.Context(), page); err != nil || len(problems) > 0 ||
				len(all[0].Incidents) != 24 {
				b.Fatalf("Extract: problems %v, error %v; want 24 incidents", problems, err)
			}
		})
	})
	b.Run("unchanged", func(b *testing.B) {
		tracker := parsertest.Ingester(b).Track(profile, "")
		if _, err := tracker.Parse(b.Context(), page); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		compare(b, parse, func() {
			if all, err := tracker.Parse(b.Context(), page); err != nil || len(all) != 1 {
				b.Fatalf("Parse: %d observations, error %v; want one observation", len(all), err)
			}
		})
	})
}

// compare measures work, and reports the ratio of the median times of work and baseline.
func compare(b *testing.B, baseline, work func()) {
	var baselines, works []time.Duration
	timed := func(times *[]time.Duration, f func()) {
		began := time.Now()
		f()
		*times = append(*times, time.Since(began))
	}
	for n := 0; b.Loop(); n++ {
		timed(&works, work)
		if n < 1000 { // enough for a median; work may be far faster than baseline
			b.StopTimer()
			timed(&baselines, baseline)
			b.StartTimer()
		}
	}
	slices.Sort(baselines)
	slices.Sort(works)
	b.ReportMetric(float64(works[len(works)/2])/float64(baselines[len(baselines)/2]), "x/html.Parse")
}
