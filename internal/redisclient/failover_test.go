package redisclient

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/testenv"
)

// When a master is killed, its replica takes over, and the client writes to the replica.
func TestMasterIsKilled(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *testenv.RedisGroup{
		"cluster": testenv.OwnRedisCluster, "Sentinels": testenv.OwnSentinels,
	} {
		t.Run(name, func(t *testing.T) {
			group := start(t)
			r, err := New(group.URL, 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			count := redis.NewScript("return redis.call('incr', KEYS[1])")
			key := func(i int) string { return fmt.Sprintf("mw:{%d}:n", i) }
			for i := range 20 {
				if n, err := count.Run(t.Context(), r, []string{key(i)}).Int(); n != 1 || err != nil {
					t.Fatalf("key %d: %d, error %v, want 1", i, n, err)
				}
				if err := Confirm(t.Context(), r, key(i)); err != nil { // otherwise the key can be lost with the master
					t.Fatal(err)
				}
			}
			group.Nodes[0].Kill()
			for i := range 20 {
				testenv.Eventually(t, func() bool { return r.Get(t.Context(), key(i)).Err() == nil }, "key %d to be readable", i)
				testenv.Eventually(t, func() bool {
					return count.Run(t.Context(), r, []string{key(i)}).Err() == nil
				}, "key %d to be writable", i)
			}
			if all := group.Masters(t.Context()); all[len(all)-1] == 0 {
				t.Errorf("masters %v, want a replica of the killed master", all)
			}
		})
	}
}

// Confirm returns an error while a replica is connected but does not receive the writes, and nil when a
// replica has them or when none is connected.
func TestConfirm(t *testing.T) {
	group := testenv.OwnSentinels(t)
	r, err := New(group.URL, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := Confirm(t.Context(), r, "mw:{m}:outbox"); err != nil {
		t.Errorf("with a replica: %v, want no error", err)
	}
	group.Nodes[1].Freeze()
	if err := Confirm(t.Context(), r, "mw:{m}:outbox"); !errors.Is(err, ErrNotConfirmed) {
		t.Errorf("with a frozen replica: %v, want ErrNotConfirmed", err)
	}
	group.Nodes[1].Kill()
	testenv.Eventually(t, func() bool { return Confirm(t.Context(), r, "mw:{m}:outbox") == nil },
		"Confirm to return nil without a replica")
	if Replicated(redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})) {
		t.Error("a single server counts as replicated")
	}
}
