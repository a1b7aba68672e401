package migrate_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/migrate"
	"github.com/matchwire/matchwire/internal/testenv"
)

// Keys renames the keys of an earlier version, and keeps their values and all other keys.
func TestKeys(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx := t.Context()
		names := map[string]string{ // old to new
			"mw:scoreboards":                     "mw:{scoreboards}",
			"mw:scoreboards:live":                "mw:{scoreboards}:live",
			"mw:push:phones":                     "mw:push:{phones}",
			"mw:push:phones:unproven":            "mw:push:{phones}:unproven",
			"mw:handled:notify.hook:0197":        "mw:handled:notify.hook:{0197}",
			"mw:handled:notify.hook:01:backfill": "mw:handled:notify.hook:{01}:backfill",
			"mw:push:phones:new":                 "mw:push:phones:new", // expires soon
			"mw:outboxes":                        "mw:outboxes",
			"mw:{m1}:scoreboard":                 "mw:{m1}:scoreboard",
			"mw:other:scoreboards":               "mw:other:scoreboards", // a key of another namespace
			"scoreboards":                        "scoreboards",
		}
		for old := range names {
			r.HSet(ctx, old, "name", old)
		}
		for range 2 { // the second time, no key has an old name
			if err := migrate.Keys(ctx, r, "mw:", func(string, string) {}); err != nil {
				t.Fatal(err)
			}
		}
		for old, now := range names {
			if got := r.HGet(ctx, now, "name").Val(); got != old {
				t.Errorf("%s has the value of %q, want %q", now, got, old)
			}
		}
		keys := slices.DeleteFunc(r.Keys(ctx, "*").Val(), func(k string) bool {
			return strings.HasPrefix(k, "matchwire-test") // created by testenv
		})
		slices.Sort(keys)
		if want := slices.Sorted(maps.Values(names)); !slices.Equal(keys, want) {
			t.Errorf("keys %q, want %q", keys, want)
		}
	})
}

// A key is never overwritten.
func TestKeyExists(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx := t.Context()
		r.HSet(ctx, "mw:push:phones", "a", "old")
		r.HSet(ctx, "mw:push:{phones}", "a", "new")
		r.HSet(ctx, "mw:scoreboards", "a", "list")
		var renamed []string
		err := migrate.Keys(ctx, r, "mw:", func(from, _ string) { renamed = append(renamed, from) })
		if err == nil || !strings.Contains(err.Error(), "mw:push:phones") {
			t.Errorf("error %v, want one that names mw:push:phones", err)
		}
		got := r.HGet(ctx, "mw:push:{phones}", "a").Val()
		if got != "new" || !slices.Equal(renamed, []string{"mw:scoreboards"}) {
			t.Errorf("the value is %q and %q were renamed, want new and mw:scoreboards", got, renamed)
		}
	})
}
