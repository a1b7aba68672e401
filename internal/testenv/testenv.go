// Package testenv provides real servers to tests. A test has a namespace or a database of its own,
// so it does not touch anything else on those servers.
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

// Require is the name of an environment variable. If it is 1, a test whose server is missing fails.
// Otherwise the test is skipped.
const Require = "MATCHWIRE_REQUIRE_SERVERS"

// Missing skips the test, or fails it if [Require] is set. what says what is missing.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(Require) == "1" {
		t.Fatalf("%s, and %s=1", what, Require)
	}
	t.Skipf("%s (make test starts the servers)", what)
}

// NotShort skips the test under -short. Call it in tests that need a real server, a browser or a
// built program, and in those that take several seconds. AMQP, Redis, OwnRabbit and OwnRedis call
// it, so go test -short needs no servers.
func NotShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("slow, or needs a real server: make test")
	}
}

// AMQP returns the URL of a RabbitMQ server and a new namespace for the test. When the test ends,
// the namespace's exchanges and log are deleted, and its queues with these names. That includes the
// dead-letter queues, and the retry queues for these pauses and the default ones.
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

// Redis returns the URL of an empty Redis database that no other test uses. The database is emptied
// when the test ends. Redis never chooses a database that holds a key.
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

// OnBothRedis runs a test on the embedded Redis, and on a real one, as two subtests.
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

// leaseKey marks a database as used by a test.
const leaseKey = "matchwire-test-lease"

// lease marks an empty database among 1 to 15 and returns its URL. It waits up to a minute for one.
func lease(base string, opts redis.Options) (string, *redis.Client, error) {
	ctx := context.Background()
	server, _, _ := strings.Cut(strings.TrimPrefix(base, "redis://"), "/")
	for range 600 { // other test processes use a database for seconds
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
	return "", nil, fmt.Errorf("no empty database among 1 to 15 of REDIS_URL within a minute")
}

// Pages returns the folder of captured pages of real sites, or "" if there is none. MATCHWIRE_PAGES
// names the folder. The default is ../shared/pages beside the root of the project. The pages belong
// to their sites, so they are not part of the project.
func Pages(root string) string { return material(root, "MATCHWIRE_PAGES", "pages") }

// Season returns the folder of the facts of real matches, or "" if there is none. MATCHWIRE_SEASON
// names the folder. The default is ../shared/season beside the root of the project.
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

// Needs returns dir, or skips the test if dir is "". env is the variable that names the folder.
func Needs(t testing.TB, dir, env string) string {
	t.Helper()
	if dir == "" {
		t.Skipf("no data: %s does not name a folder", env)
	}
	return dir
}
