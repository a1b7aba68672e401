package recording

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A waiting replay follows a change of its speed. A paused replay waits until the pause or its context ends.
func TestPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(60)
		time.Sleep(time.Hour) // the time begins with the replay
		p.begin()
		began := time.Now()
		wait := func(ctx context.Context, until time.Duration) chan error {
			done := make(chan error, 1)
			go func() { done <- p.wait(ctx, until) }()
			synctest.Wait()
			return done
		}
		reached := func(what string, done chan error, want time.Duration) {
			t.Helper()
			if err := <-done; err != nil || time.Since(began).Round(time.Millisecond) != want {
				t.Errorf("%s: waited until %v, error %v, want %v", what, time.Since(began), err, want)
			}
		}
		reached("60 times", wait(t.Context(), 10*time.Minute), 10*time.Second)

		done := wait(t.Context(), 20*time.Minute) // due after 10 more seconds
		time.Sleep(5 * time.Second)
		p.Set(10) // 5 minutes are left
		time.Sleep(6 * time.Second)
		p.Set(0) // 4 minutes are left
		time.Sleep(100 * time.Second)
		p.Set(1)
		reached("slower, paused and slower again", done, 121*time.Second+4*time.Minute)
		reached("the past", wait(t.Context(), 20*time.Minute), 121*time.Second+4*time.Minute)

		p.Set(0)
		ctx, cancel := context.WithCancel(t.Context())
		done = wait(ctx, time.Hour)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) || p.Speed() != 0 {
			t.Errorf("a paused replay whose context ends: error %v, speed %v, want %v and 0", err, p.Speed(), context.Canceled)
		}
	})
}
