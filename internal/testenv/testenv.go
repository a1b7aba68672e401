// Package testenv gives tests the real servers they need, and keeps what they
// do there apart from everything else on those servers.
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

// Require is the environment variable that turns a missing server from a
// skipped test into a failed one.
const Require = "MATCHWIRE_REQUIRE_SERVERS"

// Missing skips the test, or fails it where servers are required.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(Require) == "1" {
		t.Fatalf("%s, and %s=1", what, Require)
	}
	t.Skipf("%s (make test starts what is needed)", what)
}

// NotShort skips the test under -short. It is for tests that need a real
// server, a browser or a built program, and for those that take several seconds.
// AMQP, Redis, OwnRabbit and OwnRedis call it, so -short runs without servers.
func NotShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("slow or on real servers: make test")
	}
}

// AMQP returns the URL of a RabbitMQ server and a namespace on it for this test
// alone. What the test declares for these queues, with these pauses and the
// default ones, is deleted when it ends.
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
}

// Redis returns the URL of an empty Redis database for this test alone. It is
// emptied when the test ends. A database that holds anything is never taken.
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

// OnBothRedis runs a test on the embedded Redis and on a real one.
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

// leaseKey marks a database as taken by a test.
const leaseKey = "matchwire-test-lease"

func lease(base string, opts redis.Options) (string, *redis.Client, error) {
	ctx := context.Background()
	server, _, _ := strings.Cut(strings.TrimPrefix(base, "redis://"), "/")
	for range 600 { // other test processes hold theirs for seconds
		for n := 1; n < 16; n++ {
			opts.DB = n
			db := redis.NewClient(&opts)
			// One step: taken only if nothing is there, this mark included.
			taken, err := db.Eval(ctx, `if redis.call('dbsize') == 0 then redis.call('set', KEYS[1], '1', 'EX', 900) return 1 end return 0`,
				[]string{leaseKey}).Int()
			if err != nil {
				db.Close()
				return "", nil, fmt.Errorf("REDIS_URL: %w", err)
			}
			if taken == 1 {
				return fmt.Sprintf("redis://%s/%d", server, n), db, nil
			}
			db.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return "", nil, fmt.Errorf("no empty database among 1 to 15 of REDIS_URL within a minute")
}

// Pages finds the folder of captured pages of real sites, Season that of the
// facts of real matches: where MATCHWIRE_PAGES and MATCHWIRE_SEASON say, or in
// shared beside the project, whose root is root. They belong to others and are
// no part of the project; "" means that they are not here.
func Pages(root string) string  { return material(root, "MATCHWIRE_PAGES", "pages") }
func Season(root string) string { return material(root, "MATCHWIRE_SEASON", "season") }

func material(root, env, folder string) string {
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

// Needs skips a test that goes without its material.
func Needs(t testing.TB, dir, env string) string {
	t.Helper()
	if dir == "" {
		t.Skipf("no data: %s does not name a folder", env)
	}
	return dir
}
