package trace_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/poll"
)

// record calls work with a running recorder, and returns the log after all spans are written.
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

// Messages connect the steps of different processes into one tree.
func TestTree(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		s := trace.NewStore(c, "mw:", time.Hour)
		tid := event.NewTID()
		m := message(tid, "soccer.mls.goal", "e1")
		// The consumer's process writes before the process that created the message.
		record(t, func(r *trace.Recorder) {
			_, step := r.Start(event.WithTID(t.Context(), tid), trace.Span{
				Parent: tid.Span("e1"), Op: trace.Process, Role: "notify", Name: m.Key, Message: "e1", Attempt: 2,
			})
			step.Fail("retry later: cut")
			step.End()
		}, s)
		record(t, func(r *trace.Recorder) {
			call := trace.Span{Op: trace.Serve, Role: "api", Name: "POST /api/matches"}
			ctx, step := r.Start(event.WithTID(t.Context(), tid), call)
			why := &trace.Evidence{Evidence: event.Evidence{Path: "li"}, Row: "<li>"}
			trace.From(ctx).Created(m, why, "backfill")
			trace.From(ctx).SetOutcome("done")
			step.End()
			r.Sent("outbox", time.Now(), m)
			r.Sent("outbox", time.Now(), m) // repeated by another process
		}, s)
		for _, id := range []string{tid.String(), strings.ReplaceAll(tid.String(), "-", ""), "e1"} {
			tree, err := s.Tree(t.Context(), id, 10)
			if err != nil {
				t.Fatalf("tree of %s: %v", id, err)
			}
			if (tree.Message != "") != (id == "e1") || tree.TID != tid || len(tree.Steps) != 1 {
				t.Fatalf("tree of %s is %+v, want job %s with one step", id, tree, tid)
			}
			call := tree.Steps[0]
			if call.Instance != "here" || call.Outcome != "done" || call.Took <= 0 || len(call.Children) != 1 {
				t.Fatalf("API call is %+v, want outcome done at instance here, with one child", call)
			}
			created := call.Children[0]
			if created.ID != tid.Span("e1") || created.Evidence.Row != "<li>" || created.Outcome != "backfill" ||
				created.Role != "api" || len(created.Children) != 2 {
				t.Fatalf("created message is %+v, want e1 by api with evidence, outcome backfill and two children", created)
			}
			roles := created.Children[0].Role + created.Children[1].Role
			if roles != "notifyoutbox" && roles != "outboxnotify" {
				t.Errorf("roles of the children are %s, want notify and outbox", roles)
			}
			tree.RedactErrors()
			for _, n := range created.Children {
				if n.Role == "notify" && (n.Outcome != "retry later" || !n.Failed) {
					t.Errorf("redacted outcome %q, failed %v; want \"retry later\", true", n.Outcome, n.Failed)
				}
			}
		}
		for id, want := range map[string]string{"nonsense": "nonsense", event.NewTID().String(): trace.ErrNotFound.Error()} {
			if _, err := s.Tree(t.Context(), id, 10); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("tree of %s: error %v, want %q", id, err, want)
			}
		}
		for _, key := range c.Keys(t.Context(), "mw:*").Val() {
			if ttl := c.TTL(t.Context(), key).Val(); ttl <= 0 || ttl > time.Hour {
				t.Errorf("key %s expires in %v, want at most 1h", key, ttl)
			}
		}
	})
}

// A job that the schedule started is recorded only if it produced an event or failed. The trace of
// the job that activated the source lists the recorded jobs.
func TestScheduledJobs(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		s := trace.NewStore(c, "mw:", time.Hour)
		cause := event.NewTID()
		var jobs []event.TID
		record(t, func(r *trace.Recorder) {
			for i := range 5 {
				job := event.NewTID()
				ctx, step := r.Start(event.WithTID(t.Context(), job), trace.Span{
					Parent: job.Span("t"), Op: trace.Process, Role: "parser", Name: poll.PagePoll,
				})
				step.Buffer()
				step.Add(trace.Span{
					TID: job, ID: job.Span("t"), Op: trace.Create, Name: poll.PagePoll, Message: fmt.Sprint("task", i),
					Start: time.Now().Add(time.Duration(i) * time.Second), Cause: &trace.Cause{TID: cause, Message: "a"},
				})
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
		if err != nil || len(tree.Steps) != 0 || tree.AllJobs != 3 || len(tree.Jobs) != 2 ||
			tree.Jobs[0].TID != jobs[1] || tree.Jobs[1].TID != jobs[2] {
			t.Fatalf("tree is %+v, error %v; want the last 2 of 3 jobs: %v", tree, err, jobs)
		}
		if first := tree.Jobs[0].Steps[0]; first.Cause == nil || first.Cause.TID != cause {
			t.Errorf("first step of the job is %+v, want cause %s", first, cause)
		}
	})
}

// If the parents of spans form a cycle, the tree contains each span once. An API caller can cause a
// cycle by sending the TID of another job.
func TestCyclicParents(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		s := trace.NewStore(c, "mw:", time.Hour)
		tid := event.NewTID()
		span := func(id, parent byte) trace.Span {
			return trace.Span{
				TID: tid, ID: event.SpanID{id}, Parent: event.SpanID{parent}, Op: trace.Serve, Role: "api", Start: time.Now(),
			}
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
			t.Errorf("the tree contains %d steps, want 4", n)
		}
	})
}

// A sinkFunc is a sink with a queue of 10 spans and batches of 5.
type sinkFunc func(ctx context.Context, spans []trace.Span) error

func (sinkFunc) Name() string { return "func" }

func (sinkFunc) Batching() trace.Batching {
	return trace.Batching{Queue: 10, Batch: 5, Delay: time.Second, Timeout: time.Minute}
}

func (f sinkFunc) Write(ctx context.Context, spans []trace.Span) error { return f(ctx, spans) }

// failing is the Write method of a sink that always fails.
func failing(context.Context, []trace.Span) error { return errors.New("connection refused") }

// A trace contains the first 10,000 steps of a job. A sink that fails does not affect other sinks.
func TestTraceLimit(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		s := trace.NewStore(c, "mw:", time.Hour)
		tid := event.NewTID()
		began := time.Now()
		logged := record(t, func(r *trace.Recorder) {
			for range 100_000 {
				_, step := r.Start(event.WithTID(t.Context(), tid), trace.Span{Op: trace.Process, Role: "x"})
				step.End()
			}
		}, sinkFunc(failing), s)
		n := c.LLen(t.Context(), "mw:{trace:"+tid.String()+"}").Val()
		if most := int64(10_000); n > most || n < 1000 {
			t.Errorf("%d steps of the job are stored, want 1000 to %d", n, most)
		}
		tree, err := s.Tree(t.Context(), tid.String(), 1)
		if err != nil || n == 10_000 && !tree.Cut {
			t.Errorf("tree of %d steps: error %v, cut %v; want it cut at 10,000 steps", n, err, tree.Cut)
		}
		for _, want := range []string{"steps are missing from traces", "func: connection refused"} {
			if !strings.Contains(logged, want) {
				t.Errorf("the log lacks %q: %s", want, logged)
			}
		}
		t.Logf("100,000 steps in %v", time.Since(began))
	})
}

// The first read of a list emits the events of all its matches in one job. No step of them is lost.
func TestFirstListLosesNoStep(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		s := trace.NewStore(c, "mw:", time.Hour)
		tid := event.NewTID()
		const steps = 500 * 3 * 6
		logged := record(t, func(r *trace.Recorder) {
			for range steps {
				_, step := r.Start(event.WithTID(t.Context(), tid), trace.Span{Op: trace.Process, Role: "x"})
				step.End()
			}
		}, s)
		if n := c.LLen(t.Context(), "mw:{trace:"+tid.String()+"}").Val(); n != steps || logged != "" {
			t.Errorf("%d steps are stored, want %d; log: %s", n, steps, logged)
		}
	})
}

func TestNilRecorderRecordsNothing(t *testing.T) {
	var none *trace.Recorder
	ctx, step := none.Start(t.Context(), trace.Span{})
	step.Buffer()
	step.SetOutcome("x")
	step.Fail("x")
	step.Keep()
	step.End()
	none.Record(trace.Span{})
	none.Sent("x", time.Now(), message(event.NewTID(), "a.b.c", "1"))
	if trace.From(ctx) != nil {
		t.Error("the context of a nil Recorder has a step, want none")
	}
}

// Each span is either written or counted as dropped, even if the sink fails or hangs.
func TestDroppedSpansAreCounted(t *testing.T) {
	for name, write := range map[string]sinkFunc{
		"works": func(context.Context, []trace.Span) error { return nil },
		"fails": failing,
		"hangs": func(ctx context.Context, _ []trace.Span) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var written int
				count := func(ctx context.Context, spans []trace.Span) error {
					err := write(ctx, spans)
					if err == nil {
						written += len(spans)
					}
					return err
				}
				r := trace.NewRecorder("here", slog.New(slog.DiscardHandler), sinkFunc(count))
				metrics := prometheus.NewRegistry()
				metrics.MustRegister(r.Collectors()...)
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { _ = r.Run(ctx) })
				const recorded = 20_010 // ten more than the budget
				for range recorded {
					r.Record(trace.Span{TID: event.NewTID()})
				}
				cancel()
				running.Wait()
				dropped := drops(t, metrics)
				if dropped["budget"] != 10 || dropped["func"]+float64(written)+10 != recorded {
					t.Errorf("%d spans recorded, %d written, dropped %v; want 10 over the budget and no other span missing",
						recorded, written, dropped)
				}
				if works := name == "works"; (written > 0) != works {
					t.Errorf("%d spans written by a sink that %s, want some: %t", written, name, works)
				}
			})
		})
	}
}

// drops returns the counters of dropped spans, by reason.
func drops(t *testing.T, metrics prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "matchwire_trace_dropped_total" {
				all[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	return all
}

// A sink that hangs does not delay other sinks. It delays the end of the process by at most 5
// seconds.
func TestSinkThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context, _ []trace.Span) error { <-ctx.Done(); return ctx.Err() }
		written := make(chan int, 10)
		count := func(_ context.Context, spans []trace.Span) error { written <- len(spans); return nil }
		r := trace.NewRecorder("here", slog.New(slog.DiscardHandler), sinkFunc(hang), sinkFunc(count))
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = r.Run(ctx) })
		r.Record(trace.Span{TID: event.NewTID()})
		began := time.Now()
		if n := <-written; n != 1 || time.Since(began) > time.Second {
			t.Errorf("%d spans written after %v, want 1 within the delay of a second", n, time.Since(began))
		}
		cancel()
		ended := time.Now()
		running.Wait()
		if took := time.Since(ended); took != 5*time.Second {
			t.Errorf("Run returned %v after its context ended, want 5s", took)
		}
	})
}
