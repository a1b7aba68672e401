package embedded

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// A store is a Redis server in this process, with one client. The client sends one call at a time, so
// the journal has the order in which the server executes the commands.
type store struct {
	server  *miniredis.Miniredis
	client  *redis.Client
	journal *journal // nil if nothing is recorded
	stop    chan struct{}
	ended   sync.WaitGroup

	mu       sync.Mutex    // held during each call and each tick
	ticked   time.Time     // time of the latest tick
	unlogged time.Duration // total time of the ticks that no record contains yet

	executed  commands // the commands of the current call that can change data; executing guards it
	executing sync.Mutex
}

// newStore starts an empty server. Call Replay to restore its data, and then start.
func newStore() (*store, error) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		return nil, fmt.Errorf("embedded Redis: %w", err)
	}
	return &store{server: m, stop: make(chan struct{}), ticked: time.Now()}, nil
}

// start returns the client. If j is not nil, all later changes are written to it.
func (s *store) start(j *journal) (redis.UniversalClient, error) {
	s.server.SetTime(time.Time{})             // the real time
	s.unlogged = max(0, time.Since(s.ticked)) // while no process ran
	s.server.FastForward(s.unlogged)
	s.ticked, s.journal = time.Now(), j
	password := uuid.NewString() // other processes of this machine can reach the port
	s.server.RequireAuth(password)
	s.client = redis.NewClient(&redis.Options{
		Addr: s.server.Addr(), Password: password, PoolSize: 1, MaxRetries: -1, DisableIdentity: true,
		ReadTimeout: -1, WriteTimeout: -1, // each call ends, because the server never blocks
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	s.client.AddHook(s)
	s.server.Server().SetPreHook(s.note)
	s.ended.Go(s.tick)
	return s.client, nil
}

// tick expires keys once a second. The server does not do that itself.
func (s *store) tick() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case now := <-t.C:
			s.mu.Lock()
			elapsed := now.Sub(s.ticked)
			s.server.FastForward(elapsed)
			s.ticked = now
			s.unlogged += elapsed
			s.mu.Unlock()
		}
	}
}

// close stops the server.
func (s *store) close() error {
	close(s.stop)
	s.ended.Wait()
	var err error
	if s.client != nil {
		err = s.client.Close()
	}
	s.server.Close()
	return err
}

// note records a command that can change data, before the server executes it. The server also calls it
// for each command in a script. Then the journal needs no scripts: only what they did.
func (s *store) note(_ *server.Peer, name string, args ...string) bool {
	if !changesNothing[name] && !s.server.IsReadOnlyCommand(name) {
		s.executing.Lock()
		s.executed = append(s.executed, append([]string{name}, args...))
		s.executing.Unlock()
	}
	return false
}

// changesNothing holds commands that change no data, although the server does not mark them as read-only.
// The commands in a script follow separately.
var changesNothing = map[string]bool{
	"AUTH": true, "CLIENT": true, "CLUSTER": true, "COMMAND": true, "DISCARD": true, "ECHO": true, "EVAL": true,
	"EVALSHA": true, "EXEC": true, "HELLO": true, "INFO": true, "MULTI": true, "PING": true, "PUBLISH": true,
	"QUIT": true, "SCRIPT": true, "SELECT": true, "TIME": true, "WAIT": true,
}

// DialHook does nothing.
func (s *store) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook serialises the calls, and writes what they change to the journal.
func (s *store) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return s.call(ctx, []redis.Cmder{cmd}, func(ctx context.Context) error { return next(ctx, cmd) })
	}
}

// ProcessPipelineHook is like ProcessHook, for a pipeline or a transaction.
func (s *store) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return s.call(ctx, cmds, func(ctx context.Context) error { return next(ctx, cmds) })
	}
}

// inCall is the key of a value in the context of a call that is being executed.
type inCall struct{}

// call executes a call. The call cannot be interrupted, so that it is known what it has changed. If the
// changes cannot be written to the journal, the commands fail.
func (s *store) call(ctx context.Context, cmds []redis.Cmder, execute func(context.Context) error) error {
	if ctx.Value(inCall{}) != nil {
		return execute(ctx) // the client sends these commands when it connects
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fail(cmds, err)
	}
	err := execute(context.WithValue(context.WithoutCancel(ctx), inCall{}, true))
	s.executing.Lock()
	executed := s.executed
	s.executed = nil
	s.executing.Unlock()
	if s.journal == nil || len(executed) == 0 {
		return err
	}
	if err != nil && strings.HasPrefix(err.Error(), "EXECABORT") {
		s.journal.folder.Diverged() // the server noted commands that it did not execute
		return err
	}
	if err := s.journal.Append(false, executed.record(s.unlogged)); err != nil {
		s.journal.folder.Diverged()
		return fail(cmds, err)
	}
	s.unlogged = 0
	return err
}

// fail sets the error of all commands, and returns it.
func fail(cmds []redis.Cmder, err error) error {
	for _, c := range cmds {
		c.SetErr(err)
	}
	return err
}

// Replay executes the commands of a record, at the time of the record.
func (s *store) Replay(at time.Time, record []byte) error {
	ticks, all, err := parseRecord(record)
	if err != nil {
		return err
	}
	s.server.FastForward(ticks)
	s.server.SetTime(at)
	s.ticked = at
	peer := server.NewPeer(bufio.NewWriter(io.Discard))
	for _, c := range all {
		s.server.Server().Dispatch(peer, c)
	}
	return nil
}
