package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/brokertest"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/datadir"
)

var discard = slog.New(slog.DiscardHandler)

func open(t *testing.T, dir string) *Servers {
	t.Helper()
	s, err := Open(dir, discard)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The broker with a data folder behaves like every broker.
func TestContract(t *testing.T) {
	brokertest.RunInBubble(t, func(t *testing.T, pauses []time.Duration) func() broker.Broker {
		b := memory.New(pauses, discard)
		folder, err := datadir.Open(filepath.Join(t.TempDir(), "data"), discard, b)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { folder.Close() })
		b.Record(&journal{folder, 0})
		return func() broker.Broker { return b }
	})
}

// contents returns all keys of a store with their values, and their remaining time in seconds. This is the time that
// the data folder has: it does not count the time since the last record.
func contents(t *testing.T, s *store) (values map[string]string, seconds map[string]float64) {
	t.Helper()
	dump, thaw := s.Freeze()
	defer thaw()
	values, seconds = map[string]string{}, map[string]float64{}
	err := dump(func(record []byte) error {
		_, all, err := parseRecord(record)
		for _, c := range all {
			if c[0] == "PEXPIRE" {
				seconds[c[1]] = (s.server.TTL(c[1]) + s.unlogged).Seconds()
				continue
			}
			args := c[2:]
			switch c[0] {
			case "SADD":
				slices.Sort(args)
			case "HSET", "ZADD":
				var pairs []string
				for pair := range slices.Chunk(args, 2) {
					pairs = append(pairs, strings.Join(pair, "="))
				}
				slices.Sort(pairs)
				args = pairs
			}
			values[c[1]] += c[0] + " " + strings.Join(args, " ") + "\n"
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return values, seconds
}

var pushAndCount = redis.NewScript(`
redis.call('rpush', KEYS[1], ARGV[1])
if redis.call('set', KEYS[2], ARGV[1], 'nx', 'px', 400) then redis.call('hincrby', KEYS[3], 'set', 1) end
if tonumber(ARGV[1]) % 3 == 0 then redis.call('zadd', KEYS[4], ARGV[1], ARGV[1]) end
return redis.call('llen', KEYS[1])`)

// After random calls, some of which expire keys, a copy of the data folder restores every key.
func TestRedisIsRestored(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	dir := t.TempDir()
	s := open(t, dir)
	ctx := t.Context()
	for round := range 4 {
		for i := range 200 {
			n := r.IntN(20)
			key := func(kind string) string { return fmt.Sprint(kind, n) }
			var err error
			switch r.IntN(8) {
			case 0:
				err = s.Redis.Set(ctx, key("s"), i, time.Duration(r.IntN(3))*time.Minute).Err()
			case 1:
				err = s.Redis.HSet(ctx, key("h"), i%7, i, "binary", "\x00\r\n\xff").Err()
			case 2:
				err = s.Redis.ZAdd(ctx, key("z"), redis.Z{Score: r.Float64() * 1e15, Member: i % 9}).Err()
			case 3:
				err = s.Redis.Del(ctx, key("s"), key("l")).Err()
			case 4:
				err = s.Redis.SAdd(ctx, key("set"), i%5, i%6).Err()
			case 5:
				_, err = s.Redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
					p.LPop(ctx, key("l"))
					p.PExpireAt(ctx, key("h"), time.Now().Add(time.Hour))
					return nil
				})
			default:
				keys := []string{key("l"), key("nx"), "counts", "z"}
				err = pushAndCount.Run(ctx, s.Redis, keys, i).Err()
			}
			if err != nil && !errors.Is(err, redis.Nil) {
				t.Fatal(err)
			}
		}
		if round == 1 {
			time.Sleep(1100 * time.Millisecond) // so that keys expire between the calls
		}
		values, seconds := contents(t, s.store)
		if round < 3 && r.IntN(2) == 0 { // the process ends
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		} else { // the process is killed: its folder is not closed
			to := filepath.Join(t.TempDir(), "killed")
			if _, err := datadir.Backup(dir, to); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			dir = to
		}
		s = open(t, dir)
		restored, left := contents(t, s.store)
		maps.DeleteFunc(values, func(key, _ string) bool { return strings.HasPrefix(key, "nx") }) // may expire meanwhile
		maps.DeleteFunc(restored, func(key, _ string) bool { return strings.HasPrefix(key, "nx") })
		if !maps.Equal(values, restored) {
			t.Fatalf("round %d: restored\n%v\nwant\n%v", round, restored, values)
		}
		for key, was := range seconds {
			if now := left[key]; !strings.HasPrefix(key, "nx") && (now > was+0.1 || now < was-20) {
				t.Errorf("%s expires in %.1f s, want about %.1f s", key, now, was)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// After a restart, messages that were not handled are delivered: those in the queue, those that a worker
// had, and those that waited for a retry. The log continues, and dead letters stay.
func TestBrokerIsRestored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	goal := func(b broker.Publisher, n int) {
		t.Helper()
		d := event.Data{Player: fmt.Sprint("player ", n), Match: &event.Match{ID: "m"}}
		if _, err := broker.Emit(ctx, b, "soccer.mls.goal", d); err != nil {
			t.Fatal(err)
		}
	}
	sub := broker.Subscription{Queue: "q", Patterns: []string{"*.*.goal"}, Limit: 10}
	if err := s.Broker.Declare(ctx, sub); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		goal(s.Broker, n)
	}
	seen := make(chan string, 10)
	release := make(chan struct{})
	ended := make(chan error)
	one := sub
	one.Limit = 4
	go func() {
		ended <- s.Broker.Subscribe(ctx, one, func(_ context.Context, m broker.Message) error {
			player := playerOf(t, m)
			seen <- player
			switch player {
			case "player 0":
				return nil
			case "player 1":
				return errors.New("fails, and waits for a retry")
			case "player 2":
				return broker.ErrPermanent
			}
			<-release
			return nil
		})
	}()
	for range 5 {
		<-seen
	}
	until(t, "the dead letter", func() bool { n, err := s.Broker.CountDead(ctx, "q"); return n == 1 && err == nil })
	goal(s.Broker, 5)
	goal(s.Broker, 6)
	killed := filepath.Join(t.TempDir(), "killed")
	if _, err := datadir.Backup(dir, killed); err != nil {
		t.Fatal(err)
	}
	stop()
	close(release)
	if err := errors.Join(<-ended, s.Close()); err != nil {
		t.Fatal(err)
	}

	s = open(t, killed)
	defer s.Close()
	ctx, stop = context.WithCancel(t.Context())
	got := map[string]bool{}
	again := make(chan string, 10)
	go func() {
		ended <- s.Broker.Subscribe(ctx, sub, func(_ context.Context, m broker.Message) error {
			again <- playerOf(t, m)
			return nil
		})
	}()
	for range 5 { // 1 waited, a worker had 3 and 4, 5 and 6 were in the queue
		player := <-again
		if got[player] {
			t.Errorf("%s was delivered twice after the restart", player)
		}
		got[player] = true
	}
	want := []string{"player 1", "player 3", "player 4", "player 5", "player 6"}
	if !slices.Equal(slices.Sorted(maps.Keys(got)), want) {
		t.Errorf("delivered after the restart: %v, want %v", got, want)
	}
	if n, err := s.Broker.CountDead(ctx, "q"); n != 1 || err != nil {
		t.Errorf("%d dead letters, error %v; want 1", n, err)
	}
	goal(s.Broker, 7)
	var log []string
	caughtUp := make(chan struct{})
	logCtx, stopLog := context.WithCancel(ctx)
	go func() { <-caughtUp; stopLog() }()
	err := s.Broker.ReadLog(logCtx, broker.Start, caughtUp, func(_ broker.Cursor, m broker.Message) error {
		log = append(log, playerOf(t, m))
		return nil
	})
	if err != nil || len(log) != 8 || log[0] != "player 0" || log[7] != "player 7" {
		t.Errorf("the log contains %v, error %v; want the 8 goals in order", log, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func playerOf(t *testing.T, m broker.Message) string {
	t.Helper()
	e, err := event.Decode(m.Body)
	if err != nil {
		t.Error(err)
	}
	return e.Data.Player
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 30 s for %s", what)
		}
	}
}

// While the data folder cannot be written, Redis refuses changes, and the broker refuses events and
// reports the error.
func TestFolderCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	ctx := t.Context()
	s.folder.Diverged()
	if err := s.Redis.Set(ctx, "key", "value", 0).Err(); err == nil {
		t.Error("Redis accepts a change, want an error")
	}
	if err := s.Redis.Get(ctx, "other").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("a read: error %v, want %v", err, redis.Nil)
	}
	_, err := broker.Emit(ctx, s.Broker, "soccer.mls.goal", event.Data{Match: &event.Match{ID: "m"}})
	if !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("publishing: error %v, want %v", err, broker.ErrUnavailable)
	}
	if issues := s.Broker.Health(ctx); len(issues) != 1 || !issues[0].Down {
		t.Errorf("issues %v, want one that is down", issues)
	}
	until(t, "a new snapshot", func() bool { return s.folder.Err() == nil })
	if err := s.Redis.Set(ctx, "key", "value", 0).Err(); err != nil {
		t.Errorf("after a new snapshot: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Opening the folder of a week of 20 matches a day takes less than two seconds. The benchmark reports the size
// of the folder too.
func BenchmarkOpenAfterAWeek(b *testing.B) {
	const matches, events, polls = 7 * 20, 60, 400
	dir := b.TempDir()
	s, err := Open(dir, discard)
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	sub := broker.Subscription{Queue: "q", Patterns: []string{"#"}}
	if err := s.Broker.Declare(ctx, sub); err != nil {
		b.Fatal(err)
	}
	handled := make(chan struct{})
	subCtx, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() {
		n := 0
		ended <- s.Broker.Subscribe(subCtx, sub, func(context.Context, broker.Message) error {
			if n++; n == matches*events {
				close(handled)
			}
			return nil
		})
	}()
	state := strings.Repeat("x", 20_000) // the size of a state with all incidents
	for m := range matches {
		for n := range events {
			d := event.Data{Player: strings.Repeat("p", 1000), Match: &event.Match{ID: fmt.Sprint(m, "-", n)}}
			if _, err := broker.Emit(ctx, s.Broker, "soccer.mls.goal", d); err != nil {
				b.Fatal(err)
			}
		}
		for range polls {
			keys := []string{fmt.Sprint("polled", m), fmt.Sprint("set", m), "counts", "z"}
			if err := pushAndCount.Run(ctx, s.Redis, keys, m).Err(); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Redis.Set(ctx, fmt.Sprint("state", m), state, time.Hour).Err(); err != nil {
			b.Fatal(err)
		}
	}
	<-handled
	stop()
	if err := errors.Join(<-ended, s.Close()); err != nil {
		b.Fatal(err)
	}
	var size int64
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			info, infoErr := d.Info()
			size, err = size+info.Size(), infoErr
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(dir, discard)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(size)/(1<<20), "MiB")
}
