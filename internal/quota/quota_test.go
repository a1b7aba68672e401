package quota_test

import (
	"testing"

	"github.com/matchwire/matchwire/internal/quota"
)

func TestQuota(t *testing.T) {
	q := quota.New(2, 3)
	released := q.Released()
	for i, step := range []struct {
		address string
		want    quota.Verdict
	}{
		{"a", quota.Taken}, {"a", quota.Taken}, {"a", quota.AddressFull},
		{"b", quota.Taken}, {"b", quota.Full}, {"c", quota.Full},
		{"a", quota.AddressFull}, // its own limit is the reason that the address can change
	} {
		if got := q.Take(step.address); got != step.want {
			t.Errorf("step %d, address %s: verdict %d, want %d", i, step.address, got, step.want)
		}
	}
	select {
	case <-released:
		t.Error("released without a Release")
	default:
	}
	q.Release("a")
	select {
	case <-released:
	default:
		t.Error("not released after a Release")
	}
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
