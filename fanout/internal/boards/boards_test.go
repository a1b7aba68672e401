package boards_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/internal/boards"
)

// names returns n match IDs with a prefix.
func names(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(prefix, i))
	}
	return all
}

// Get reuses a result for a second, even if the match has no scoreboard. The number of reads is limited
// per call and per node.
func TestReadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int64
		b := boards.New(func(_ context.Context, match string) (*eventlog.MatchState, error) {
			reads.Add(1)
			if match == "none" {
				return nil, nil
			}
			return &eventlog.MatchState{Match: event.Match{ID: match}}, nil
		}, slog.New(slog.DiscardHandler))
		get := func(matches []string, wantStates int, wantReads int64) {
			t.Helper()
			before := reads.Load()
			got := b.Get(t.Context(), matches)
			if len(got) != wantStates || reads.Load()-before != wantReads {
				t.Errorf("%d matches: %d states after %d reads, want %d after %d", len(matches), len(got),
					reads.Load()-before, wantStates, wantReads)
			}
		}
		get([]string{"m1", "none"}, 1, 2)
		get([]string{"m1", "none", "m2"}, 2, 1)
		time.Sleep(time.Second)
		get([]string{"m1", "none"}, 1, 2)
		get(names("a", 200), 50, 50) // the maximum of one call
		for i := range 100 {
			b.Get(t.Context(), names(fmt.Sprint("b", i, "-"), 50))
		}
		if got := reads.Load(); got > 500+200 {
			t.Errorf("%d reads in a second, want a burst of at most 500, and 200 more in a second", got)
		}
		time.Sleep(time.Second)
		before := reads.Load()
		for i := range 100 {
			b.Get(t.Context(), names(fmt.Sprint("c", i, "-"), 50))
		}
		if got := reads.Load() - before; got != 200 {
			t.Errorf("%d reads in the next second, want 200", got)
		}
	})
}

// Concurrent calls for a match share one read. If a read takes too long or fails, the
// result lacks the match.
func TestSlowReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int64
		b := boards.New(func(ctx context.Context, match string) (*eventlog.MatchState, error) {
			reads.Add(1)
			switch match {
			case "slow":
				<-ctx.Done()
				return nil, ctx.Err()
			case "broken":
				return nil, errors.New("redis is down")
			}
			time.Sleep(time.Second)
			return &eventlog.MatchState{Match: event.Match{ID: match}}, nil
		}, slog.New(slog.DiscardHandler))
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if got := b.Get(t.Context(), []string{"m1"}); len(got) != 1 {
					t.Errorf("%d states, want 1", len(got))
				}
			})
		}
		all.Wait()
		if reads.Load() != 1 {
			t.Errorf("10 concurrent calls: %d reads, want 1", reads.Load())
		}
		began := time.Now()
		if got := b.Get(t.Context(), []string{"slow"}); len(got) != 0 || time.Since(began) != 3*time.Second {
			t.Errorf("a slow read: %d states after %v, want none after 3s", len(got), time.Since(began))
		}
		if got := b.Get(t.Context(), []string{"broken"}); len(got) != 0 {
			t.Errorf("a failed read: %d states, want none", len(got))
		}
		if got := (*boards.Boards)(nil).Get(t.Context(), []string{"m1"}); got != nil || boards.New(nil, nil) != nil {
			t.Errorf("without a reader: states %v, want nil, and nil from New", got)
		}
	})
}

// A call that ends early does not end the read of another call for the same match.
func TestSharedReadOutlivesItsFirstCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := boards.New(func(ctx context.Context, match string) (*eventlog.MatchState, error) {
			select {
			case <-release:
				return &eventlog.MatchState{Match: event.Match{ID: match}}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		go b.Get(ctx, []string{"m"})
		synctest.Wait()
		found := make(chan int, 1)
		go func() { found <- len(b.Get(t.Context(), []string{"m"})) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(release)
		if n := <-found; n != 1 {
			t.Errorf("the second call found %d states, want 1", n)
		}
	})
}
