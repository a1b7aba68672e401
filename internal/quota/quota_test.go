package quota_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/matchwire/matchwire/internal/quota"
)

func TestQuota(t *testing.T) {
	q := quota.New(2, 3)
	for i, step := range []struct {
		address string
		want    quota.Verdict
	}{
		{"a", quota.Taken}, {"a", quota.Taken}, {"a", quota.AddressFull},
		{"b", quota.Taken}, {"b", quota.Full}, {"c", quota.Full},
		{"a", quota.AddressFull}, // both limits are reached; the limit of the address has precedence
	} {
		if got := q.Take(step.address); got != step.want {
			t.Errorf("step %d, address %s: verdict %d, want %d", i, step.address, got, step.want)
		}
	}
	q.Release("a")
	if got := q.Take("c"); got != quota.Taken {
		t.Errorf("after a Release: verdict %d, want Taken", got)
	}
	if got := q.Take("a"); got != quota.Full {
		t.Errorf("all units are held: verdict %d, want Full", got)
	}
}

// 0 means no limit, and so does a nil Quota.
func TestNoLimit(t *testing.T) {
	for name, q := range map[string]*quota.Quota{"nil": nil, "0": quota.New(0, 0)} {
		for range 1000 {
			if got := q.Take("a"); got != quota.Taken {
				t.Fatalf("%s: verdict %d, want Taken", name, got)
			}
		}
		q.Release("a")
	}
}

// A released unit goes to the waiting address that holds the fewest units.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := quota.New(0, 3)
		for range 3 {
			q.Take("a")
		}
		got := make(chan string, 10)
		stop := make(chan struct{})
		wait := func(address string) {
			go func() {
				if q.Wait(t.Context(), stop, address) {
					got <- address
				} else {
					got <- "not " + address
				}
			}()
			synctest.Wait()
		}
		for _, address := range []string{"a", "a", "a", "b", "b", "c"} {
			wait(address)
		}
		order := ""
		for range 4 {
			q.Release("a")
			synctest.Wait()
			select {
			case address := <-got:
				order += address
			default:
				t.Fatalf("after the units of %q, no call got the released unit", order)
			}
		}
		if order != "bcaa" && order != "cbaa" { // after each of the last two releases, a holds none
			t.Errorf("the units went to %q, want one to b and one to c first, and then two to a", order)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if q.Wait(ctx, nil, "d") {
			t.Error("Wait returned true after ctx ended, want false")
		}
		close(stop)
		synctest.Wait()
		for range 2 {
			if text := <-got; !strings.HasPrefix(text, "not ") {
				t.Errorf("after stop was closed: %q got a unit, want none", text)
			}
		}
	})
}
