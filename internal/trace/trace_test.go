package trace_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/poll"
)

// record runs a recorder for as long as work takes, and until it has written.
func record(t *testing.T, work func(r *trace.Recorder), sinks ...trace.Sink) string {
	t.Helper()
	var log strings.Builder
	r := trace.NewRecorder("here", slog.New(slog.NewTextHandler(&log, nil)), sinks...)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) })
	work(r)
	cancel()
	running.Wait()
	return log.String()
}

func message(tid event.TID, key, id string) broker.Message {
	return broker.Message{Key: key, ID: id, TID: tid, Match: "m1", Time: time.Now()}
}

// Steps of different processes become one tree, by the messages between them.
func TestTree(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		s := trace.NewStore(c, "mw:", time.Hour)
		tid := event.NewTID()
		m := message(tid, "soccer.mls.goal", "e1")
		// The consumer's process is the faster one to write.
		record(t, func(r *trace.Recorder) {
			_, step := r.Start(event.WithTID(t.Context(), tid), trace.Span{Parent: tid.Span("e1"), Op: trace.Process, Role: "notify", Name: m.Key, Message: "e1", Attempt: 2})
			step.Fail("to be tried again: cut")
			step.End()
		}, s)
		record(t, func(r *trace.Recorder) {
			ctx, step := r.Start(event.WithTID(t.Context(), tid), trace.Span{Op: trace.Serve, Role: "api", Name: "POST /api/matches"})
			why := &trace.Evidence{Evidence: event.Evidence{Path: "li"}, Row: "<li>"}
			trace.From(ctx).Created(m, why, "backfill")
			trace.From(ctx).SetOutcome("done")
			step.End()
			r.Sent("outbox", time.Now(), m)
			r.Sent("outbox", time.Now(), m) // by somebody else, too
		}, s)
		for _, id := range []string{tid.String(), strings.ReplaceAll(tid.String(), "-", ""), "e1"} {
			tree, err := s.Tree(t.Context(), id, 10)
			if err != nil {
				t.Fatal(id, err)
			}
			if (tree.Message != "") != (id == "e1") || tree.TID != tid || len(tree.Steps) != 1 {
				t.Fatalf("%+v", tree)
			}
			call := tree.Steps[0]
			if call.Instance != "here" || call.Outcome != "done" || call.Took <= 0 || len(call.Children) != 1 {
				t.Fatalf("%+v", call)
			}
			made := call.Children[0]
			if made.ID != tid.Span("e1") || made.Evidence.Row != "<li>" || made.Outcome != "backfill" || made.Role != "api" || len(made.Children) != 2 {
				t.Fatalf("%+v", made)
			}
			roles := made.Children[0].Role + made.Children[1].Role
			if roles != "notifyoutbox" && roles != "outboxnotify" {
				t.Errorf("children %s", roles)
			}
			tree.RedactErrors()
			for _, n := range made.Children {
				if n.Role == "notify" && (n.Outcome != "to be tried again" || !n.Failed) {
					t.Errorf("why it failed is told to everybody: %q", n.Outcome)
				}
			}
		}
		for id, want := range map[string]string{"nonsense": "nonsense", event.NewTID().String(): trace.ErrNotFound.Error()} {
			if _, err := s.Tree(t.Context(), id, 10); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", id, err)
			}
		}
		for _, key := range c.Keys(t.Context(), "mw:*").Val() {
			if ttl := c.TTL(t.Context(), key).Val(); ttl <= 0 || ttl > time.Hour {
				t.Errorf("%s expires in %v", key, ttl)
			}
		}
	})
}

// Of what the clock began only that is recorded which brought something, and
// the job that set the clock leads to it.
func TestJobsOfTheClock(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		s := trace.NewStore(c, "mw:", time.Hour)
		cause := event.NewTID()
		var jobs []event.TID
		record(t, func(r *trace.Recorder) {
			for i := range 5 {
				job := event.NewTID()
				ctx, step := r.Start(event.WithTID(t.Context(), job), trace.Span{Parent: job.Span("t"), Op: trace.Process, Role: "parser", Name: poll.PagePoll})
				step.Buffer()
				step.Add(trace.Span{TID: job, ID: job.Span("t"), Op: trace.Create, Name: poll.PagePoll, Message: fmt.Sprint("task", i), Start: time.Now().Add(time.Duration(i) * time.Second), Cause: &trace.Cause{TID: cause, Message: "a"}})
				switch i {
				case 1, 2:
					trace.From(ctx).Created(message(job, "soccer.mls.goal", fmt.Sprint("e", i)), nil, "")
					step.Keep()
					jobs = append(jobs, job)
				case 3:
					step.Fail("the site answered 503")
					jobs = append(jobs, job)
				}
				step.End()
			}
		}, s)
		tree, err := s.Tree(t.Context(), cause.String(), 2)
		if err != nil || len(tree.Steps) != 0 || tree.AllJobs != 3 || len(tree.Jobs) != 2 || tree.Jobs[0].TID != jobs[1] || tree.Jobs[1].TID != jobs[2] {
			t.Fatalf("%+v %v", tree, err)
		}
		if first := tree.Jobs[0].Steps[0]; first.Cause == nil || first.Cause.TID != cause {
			t.Errorf("%+v", first)
		}
	})
}

// What a caller brings may go in circles; each step is shown once.
func TestCircles(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		s := trace.NewStore(c, "mw:", time.Hour)
		tid := event.NewTID()
		span := func(id, parent byte) trace.Span {
			return trace.Span{TID: tid, ID: event.SpanID{id}, Parent: event.SpanID{parent}, Op: trace.Serve, Role: "api", Start: time.Now()}
		}
		if err := s.Write(t.Context(), []trace.Span{span(1, 2), span(2, 1), span(3, 3), span(4, 3), span(2, 1)}); err != nil {
			t.Fatal(err)
		}
		tree, err := s.Tree(t.Context(), tid.String(), 1)
		if err != nil {
			t.Fatal(err)
		}
		var count func([]*trace.Node) int
		count = func(nodes []*trace.Node) (n int) {
			for _, one := range nodes {
				n += 1 + count(one.Children)
			}
			return n
		}
		if n := count(tree.Steps); n != 4 {
			t.Errorf("%d steps shown of 4", n)
		}
	})
}

type failing struct{}

func (failing) Write(context.Context, []trace.Span) error { return errors.New("away") }

// Recording is bounded and holds nobody up: beyond the budget steps are
// dropped, a job keeps its first ones, and a store that is away stops nothing.
func TestBounds(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		s := trace.NewStore(c, "mw:", time.Hour)
		tid := event.NewTID()
		began := time.Now()
		record(t, func(r *trace.Recorder) {
			for range 100_000 {
				_, step := r.Start(event.WithTID(t.Context(), tid), trace.Span{Op: trace.Process, Role: "x"})
				step.End()
			}
		}, failing{}, s)
		n := c.LLen(t.Context(), "mw:{trace:"+tid.String()+"}").Val()
		if most := int64(2000); n > most || n < 1000 {
			t.Errorf("%d steps of a job are kept", n)
		}
		tree, err := s.Tree(t.Context(), tid.String(), 1)
		if err != nil || n == 2000 && !tree.Cut {
			t.Errorf("%v, cut %v", err, tree.Cut)
		}
		t.Logf("100,000 steps in %v", time.Since(began))
	})
	var none *trace.Recorder
	ctx, step := none.Start(t.Context(), trace.Span{})
	step.Buffer()
	step.SetOutcome("x")
	step.End()
	none.Sent("x", time.Now(), message(event.NewTID(), "a.b.c", "1"))
	if trace.From(ctx) != nil {
		t.Error("a step of nobody")
	}
}
