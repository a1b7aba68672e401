package scoreboard_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// BenchmarkUpdates compares the speed of the consumer with that of the bare script in pipelines of
// 100. The two run alternately. The metric x-raw is the median of the ratio of their speeds, consumer
// to script. The metric ms-more-when-idle is the additional time that the consumer takes for a single
// event.
func BenchmarkUpdates(b *testing.B) {
	opts, err := redis.ParseURL(testenv.Redis(b))
	if err != nil {
		b.Fatal(err)
	}
	r := redis.NewClient(opts)
	defer r.Close()
	c, err := scoreboard.New(host(r))
	if err != nil {
		b.Fatal(err)
	}
	const n, rounds = 20_000, 5
	events := make([]event.Event, n)
	for i := range events {
		events[i] = goal(b, "e", int64(i), i, 0)
		events[i].Data.Match.ID = fmt.Sprint("m", i%200)
		events[i].Subject = events[i].Data.Match.ID
	}
	ours := func() time.Duration {
		r.FlushDB(b.Context())
		began := time.Now()
		next := make(chan event.Event)
		var handlers sync.WaitGroup
		for range c.Limit {
			handlers.Go(func() {
				for e := range next {
					if err := c.Handle(b.Context(), e); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for _, e := range events {
			next <- e
		}
		close(next)
		handlers.Wait()
		return time.Since(began)
	}
	sha := scoreboard.Script.Load(b.Context(), r).Val()
	bare := func() time.Duration {
		r.FlushDB(b.Context())
		began := time.Now()
		for batch := range slices.Chunk(events, 100) {
			pipe := r.Pipeline()
			for _, e := range batch {
				pipe.EvalSha(b.Context(), sha, scoreboard.Keys("mw:", e.Subject), scoreboard.Args(e, time.Hour)...)
			}
			if _, err := pipe.Exec(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(began)
	}
	// median returns the median time of f for a single event.
	median := func(f func(event.Event)) time.Duration {
		var took []time.Duration
		for _, e := range events[:500] {
			began := time.Now()
			f(e)
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	var ratios, rates, idle []float64
	for b.Loop() {
		for i := range rounds {
			var oursTook, bareTook time.Duration
			if i%2 == 0 {
				bareTook, oursTook = bare(), ours()
			} else {
				oursTook, bareTook = ours(), bare()
			}
			ratios = append(ratios, bareTook.Seconds()/oursTook.Seconds())
			rates = append(rates, n/oursTook.Seconds())
			one := median(func(e event.Event) { _ = c.Handle(b.Context(), e) })
			raw := median(func(e event.Event) {
				r.EvalSha(b.Context(), sha, scoreboard.Keys("mw:", e.Subject), scoreboard.Args(e, time.Hour)...)
			})
			idle = append(idle, (one-raw).Seconds()*1000)
		}
	}
	for _, v := range [][]float64{ratios, rates, idle} {
		slices.Sort(v)
	}
	b.ReportMetric(ratios[len(ratios)/2], "x-raw")
	b.ReportMetric(rates[len(rates)/2], "updates/s")
	b.ReportMetric(idle[len(idle)/2], "ms-more-when-idle")
	b.ReportMetric(0, "ns/op")
}
