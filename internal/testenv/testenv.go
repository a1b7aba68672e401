// Package testenv provides real servers, faulty connections and test data to tests. Each test has
// its own namespace or database, so tests do not change other data on the servers.
package testenv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
)

// Require is the name of an environment variable. If the variable is 1, a test fails when a server
// or program is missing. Otherwise the test is skipped.
const Require = "MATCHWIRE_REQUIRE_SERVERS"

// Missing skips the test, or fails it if the variable [Require] is 1. what describes the missing server or
// program.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(Require) == "1" {
		t.Fatalf("%s, but %s=1 requires it", what, Require)
	}
	t.Skipf("%s (make test starts the servers)", what)
}

// NotShort skips the test under -short. Call NotShort in a test that needs a real server, a browser
// or a built program, or that takes several seconds. AMQP, Redis, OwnRabbit and OwnRedis call
// NotShort, so go test -short needs no servers.
func NotShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("slow, or needs a real server: run make test")
	}
}

// AMQP returns the URL of a RabbitMQ server and a new namespace for the test. When the test ends,
// AMQP deletes the namespace's exchanges, its log, and the named queues with their dead-letter
// queues and retry queues. There is a retry queue for each pause in pauses and for each default pause.
func AMQP(t testing.TB, pauses []time.Duration, queues ...string) (url, namespace string) {
	t.Helper()
	NotShort(t)
	url = os.Getenv("AMQP_URL")
	if url == "" {
		Missing(t, "no RabbitMQ: AMQP_URL is not set")
	}
	namespace = "mwtest-" + uuid.NewString()[:8]
	t.Cleanup(func() { deleteNamespace(t, url, namespace, append(pauses, broker.Pauses()...), queues) })
	return url, namespace
}

func deleteNamespace(t testing.TB, url, ns string, pauses []time.Duration, queues []string) {
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Logf("cleaning up %s: %v", ns, err)
		return
	}
	defer conn.Close()
	names := []string{"live_events.log"}
	for _, q := range queues {
		names = append(names, q, q+".dead")
		for _, p := range pauses {
			names = append(names, q+".retry."+p.String())
		}
	}
	ch, err := conn.Channel()
	if err != nil {
		t.Logf("cleaning up %s: %v", ns, err)
		return
	}
	for _, q := range names {
		_, _ = ch.QueueDelete(ns+"."+q, false, false, false)
	}
	_ = ch.ExchangeDelete(ns+".live_events", false, false)
	_ = ch.ExchangeDelete(ns+".tasks", false, false)
	_ = ch.ExchangeDelete(ns+".retries", false, false)
}

// Redis returns the URL of an empty Redis database that no other test uses. It never selects a
// database that contains a key. When the test ends, Redis empties the database.
func Redis(t testing.TB) string {
	t.Helper()
	NotShort(t)
	base := os.Getenv("REDIS_URL")
	if base == "" {
		Missing(t, "no Redis: REDIS_URL is not set")
	}
	opts, err := redis.ParseURL(base)
	if err != nil {
		t.Fatalf("REDIS_URL: %v", err)
	}
	url, db, err := lease(base, *opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer db.Close()
		if err := db.FlushDB(context.Background()).Err(); err != nil {
			t.Errorf("emptying the test's Redis database: %v", err)
		}
	})
	return url
}

// OnBothRedis runs a test on the embedded Redis and on a real Redis server, as two subtests.
func OnBothRedis(t *testing.T, test func(t *testing.T, r *redis.Client)) {
	on := func(url func(testing.TB) string) func(*testing.T) {
		return func(t *testing.T) {
			opts, err := redis.ParseURL(url(t))
			if err != nil {
				t.Fatal(err)
			}
			r := redis.NewClient(opts)
			defer r.Close()
			test(t, r)
		}
	}
	t.Run("embedded", on(func(t testing.TB) string { return "redis://" + miniredis.RunT(t).Addr() }))
	t.Run("Redis", on(Redis))
}

// leaseKey is the key that marks a database as used by a test.
const leaseKey = "matchwire-test-lease"

// lease leases an empty database, numbered 1 to 15, and returns its URL and a client. If no
// database is empty, lease tries again for about a minute.
func lease(base string, opts redis.Options) (string, *redis.Client, error) {
	ctx := context.Background()
	server, _, _ := strings.Cut(strings.TrimPrefix(base, "redis://"), "/")
	for range 600 { // other test processes lease a database for a few seconds
		for n := 1; n < 16; n++ {
			opts.DB = n
			db := redis.NewClient(&opts)
			leased, err := db.Eval(ctx, `
if redis.call('dbsize') == 0 then redis.call('set', KEYS[1], '1', 'EX', 900) return 1 end
return 0`, []string{leaseKey}).Int()
			if err != nil {
				db.Close()
				return "", nil, fmt.Errorf("REDIS_URL: %w", err)
			}
			if leased == 1 {
				return fmt.Sprintf("redis://%s/%d", server, n), db, nil
			}
			db.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return "", nil, fmt.Errorf("found no empty database from 1 to 15 at REDIS_URL within a minute")
}

// Pages returns the folder with captured pages of real sites, or "" if there is no such folder.
// MATCHWIRE_PAGES names the folder. If it names no existing folder, Pages returns ../shared/pages,
// relative to root. The pages belong to their sites, so they are not part of the project.
func Pages(root string) string { return dataFolder(root, "MATCHWIRE_PAGES", "pages") }

// Season returns the folder with facts about real matches, or "" if there is no such folder.
// MATCHWIRE_SEASON names the folder. If it names no existing folder, Season returns ../shared/season,
// relative to root.
func Season(root string) string { return dataFolder(root, "MATCHWIRE_SEASON", "season") }

func dataFolder(root, env, folder string) string {
	for _, dir := range []string{os.Getenv(env), filepath.Join(root, "..", "shared", folder)} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	return ""
}

// Needs returns dir. If dir is "", it skips the test. env is the variable that names the folder.
func Needs(t testing.TB, dir, env string) string {
	t.Helper()
	if dir == "" {
		t.Skipf("no data: %s does not name a folder", env)
	}
	return dir
}
