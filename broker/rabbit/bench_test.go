package rabbit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/trace"
)

// Each benchmark compares matchwire with the bare AMQP client, except BenchmarkTrace, which
// compares matchwire with and without traces. Both variants run alternately on the same queues,
// which are declared as in production. The result is the median of the ratios.

const (
	window   = 1000 // maximum number of messages in flight
	prefetch = 100  // maximum number of unacknowledged deliveries
	rounds   = 5    // number of runs of each variant
)

// A bench contains a Broker and a bare channel that use the same exchanges, log and two queues.
type bench struct {
	*testing.B
	broker *rabbit.Broker
	ch     *amqp.Channel
	ns     string // namespace
}

func newBench(b *testing.B) *bench {
	b.Helper()
	url, ns := testenv.AMQP(b, nil, "consumer.one", "consumer.two")
	matchwire, err := rabbit.New(url, rabbit.Options{Namespace: ns, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { matchwire.Close() })
	for _, q := range []string{"consumer.one", "consumer.two"} {
		if err := matchwire.Declare(b.Context(), broker.Subscription{Queue: q, Patterns: []string{"#"}}); err != nil {
			b.Fatal(err)
		}
	}
	return &bench{B: b, broker: matchwire, ch: openChannel(b, url), ns: ns}
}

// messages returns n events of a typical size, spread round-robin over the given number of matches.
func (b *bench) messages(n, matches int) []broker.Message {
	b.Helper()
	msgs := make([]broker.Message, n)
	for i := range msgs {
		match := fmt.Sprintf("mls-2016-11-06-nyc-tor-%04d", i%matches)
		e, err := event.Of("soccer.mls.goal", event.Data{
			Team: "Toronto FC", Player: "Sebastian Giovinco", Opponent: "New York City FC", Side: event.Away,
			Assist: "Jozy Altidore", Incident: uuid.NewString(), Rev: 1,
			Clock: &event.Clock{Period: "1h", Minute: 6}, Score: &event.Score{Away: 1},
			Match: &event.Match{ID: match, Home: "New York City FC", Away: "Toronto FC", Status: event.Live},
			Epoch: uuid.NewString(), Seq: int64(i/matches + 1),
			Evidence: &event.Evidence{URL: "https://matchcentre.example/2016-11-06-nyc-tor",
				Snapshot: "sha256:" + strings.Repeat("0", 64), Path: "ol.timeline > li:nth-child(3)"},
		}, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		e.TID = event.NewTID()
		if msgs[i], err = broker.NewMessage(e); err != nil {
			b.Fatal(err)
		}
	}
	return msgs
}

func (b *bench) purge() {
	b.Helper()
	for _, q := range []string{"consumer.one", "consumer.two"} {
		if _, err := b.ch.QueuePurge(b.ns+"."+q, false); err != nil {
			b.Fatal(err)
		}
	}
}

// compare runs bare and matchwire once per round, with n messages each, and reports the median
// ratio of their rates. The variant that runs first changes from round to round.
func (b *bench) compare(n int64, bare, matchwire func() time.Duration) {
	b.Helper()
	var ratios, rates []float64
	for b.Loop() { // -benchtime 3x runs three times as many rounds
		for i := range rounds {
			var bareTook, matchwireTook time.Duration
			if i%2 == 0 {
				bareTook, matchwireTook = bare(), matchwire()
			} else {
				matchwireTook, bareTook = matchwire(), bare()
			}
			ratios = append(ratios, bareTook.Seconds()/matchwireTook.Seconds())
			rates = append(rates, float64(n)/matchwireTook.Seconds())
		}
	}
	b.ReportMetric(median(ratios), "x-raw")
	b.ReportMetric(median(rates), "msgs/s")
	b.ReportMetric(0, "ns/op")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// rawPublishing returns a message as a careful program without matchwire would publish it.
func rawPublishing(m broker.Message) amqp.Publishing {
	return amqp.Publishing{
		DeliveryMode: amqp.Persistent, ContentType: event.ContentType, MessageId: m.ID, CorrelationId: m.TID.String(),
		Type: m.Key, Timestamp: m.Time, AppId: "matchwire", Body: m.Body,
		Headers: amqp.Table{"tid": m.TID.String(), "match": m.Match, "traceparent": m.TID.Traceparent(m.ID)},
	}
}

// BenchmarkPublish publishes persistent events and waits for all confirmations, with the same
// window for both variants. There are as many matches as messages in the window, so at most one
// event of each match is in flight.
func BenchmarkPublish(tb *testing.B) { benchmarkPublish(tb, window) }

// BenchmarkPublishOneMatch publishes the events of one match. It measures the cost of keeping the
// order: each event has to wait for the confirmation of the previous event. Ten callers publish
// concurrently.
func BenchmarkPublishOneMatch(tb *testing.B) { benchmarkPublish(tb, 1) }

func benchmarkPublish(tb *testing.B, matches int) {
	b := newBench(tb)
	const n = 10_000
	msgs := b.messages(n, matches)
	b.Logf("%d bytes per event", len(msgs[0].Body))
	if err := b.ch.Confirm(false); err != nil {
		b.Fatal(err)
	}
	bare := func() time.Duration {
		defer b.purge()
		began := time.Now()
		pending := make(chan *amqp.DeferredConfirmation, window-1) // plus the one that the goroutine below waits for
		var confirmed sync.WaitGroup
		confirmed.Go(func() {
			for c := range pending {
				if !c.Wait() {
					b.Error("the broker did not confirm a message")
				}
			}
		})
		for _, m := range msgs {
			c, err := b.ch.PublishWithDeferredConfirm(b.ns+".live_events", m.Key, true, false, rawPublishing(m))
			if err != nil {
				b.Fatal(err)
			}
			pending <- c
		}
		close(pending)
		confirmed.Wait()
		return time.Since(began)
	}
	matchwire := func() time.Duration {
		defer b.purge()
		began := time.Now()
		const batchSize = 100
		batches := make(chan []broker.Message)
		var callers sync.WaitGroup
		for range window / batchSize {
			callers.Go(func() {
				for batch := range batches {
					if _, err := b.broker.Publish(b.Context(), batch...); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for batch := range slices.Chunk(msgs, batchSize) {
			batches <- batch
		}
		close(batches)
		callers.Wait()
		return time.Since(began)
	}
	b.compare(n, bare, matchwire)
}

// BenchmarkConsume consumes events with the same prefetch count for both variants. Each variant
// decodes each event once. matchwire uses [consumers.Runner] with a handler that does nothing.
func BenchmarkConsume(tb *testing.B) {
	b := newBench(tb)
	const n = 10_000
	msgs := b.messages(n, window)
	fill := func() {
		for batch := range slices.Chunk(msgs, window) {
			if _, err := b.broker.Publish(b.Context(), batch...); err != nil {
				b.Fatal(err)
			}
		}
	}
	bare := func() time.Duration {
		fill()
		defer b.purge()
		if err := b.ch.Qos(prefetch, 0, false); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		deliveries, err := b.ch.Consume(b.ns+".consumer.one", "raw", false, false, false, false, nil)
		if err != nil {
			b.Fatal(err)
		}
		for range n {
			d := <-deliveries
			if _, err := event.Decode(d.Body); err != nil {
				b.Fatal(err)
			}
			if err := d.Ack(false); err != nil {
				b.Fatal(err)
			}
		}
		took := time.Since(began)
		if err := b.ch.Cancel("raw", false); err != nil {
			b.Fatal(err)
		}
		return took
	}
	matchwire := func() time.Duration {
		fill()
		defer b.purge()
		return b.consume(n, nil)
	}
	b.compare(n, bare, matchwire)
}

// consume returns how long a runner takes to handle n events that are already in the queue.
func (b *bench) consume(n int64, r *trace.Recorder) time.Duration {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var handled atomic.Int64
	all := make(chan struct{})
	c := consumers.Consumer{Keys: []string{"#"}, Limit: prefetch, Handle: func(context.Context, event.Event) error {
		if handled.Add(1) == n {
			close(all)
		}
		return nil
	}}
	done, ready := make(chan error, 1), make(chan struct{})
	go func() {
		done <- consumers.Runner{Broker: b.broker, Trace: r, Log: slog.New(slog.DiscardHandler)}.Run(ctx, "one", c, ready)
	}()
	<-ready // the queues are declared and consumed
	began := time.Now()
	<-all
	took := time.Since(began)
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	return took
}

// BenchmarkTrace consumes at full speed with and without recording the steps in Redis. x-raw is the
// throughput with recording divided by the throughput without. The recorder drops steps beyond its
// budget, as in production.
func BenchmarkTrace(tb *testing.B) {
	b := newBench(tb)
	opts, err := redis.ParseURL(testenv.Redis(tb))
	if err != nil {
		b.Fatal(err)
	}
	r := redis.NewClient(opts)
	defer r.Close()
	recorder := trace.NewRecorder("bench", slog.New(slog.DiscardHandler), trace.NewStore(r, "mw:", time.Hour))
	ctx, cancel := context.WithCancel(b.Context())
	var recording sync.WaitGroup
	recording.Go(func() { _ = recorder.Run(ctx) })
	defer recording.Wait()
	defer cancel()
	const n = 20_000
	msgs := b.messages(n, window)
	run := func(t *trace.Recorder) func() time.Duration {
		return func() time.Duration {
			defer b.purge()
			for batch := range slices.Chunk(msgs, window) {
				if _, err := b.broker.Publish(b.Context(), batch...); err != nil {
					b.Fatal(err)
				}
			}
			return b.consume(n, t)
		}
	}
	b.compare(n, run(nil), run(recorder))
	b.ReportMetric(float64(r.DBSize(b.Context()).Val()), "traces")
}

// BenchmarkLatency measures the median time from the publication of an event to the start of its
// handler, at 1,000 events a second.
func BenchmarkLatency(tb *testing.B) {
	b := newBench(tb)
	const n = 3000
	msgs := b.messages(n, window)
	published := map[string]time.Time{} // by event ID
	var mu sync.Mutex
	var all []float64
	complete := make(chan struct{}, 1)
	record := func(id string) {
		mu.Lock()
		defer mu.Unlock()
		if all = append(all, time.Since(published[id]).Seconds()); len(all) == n {
			complete <- struct{}{}
		}
	}
	// pace publishes one message per millisecond. It waits until all messages are handled, and
	// returns the median latency.
	pace := func(publish func(broker.Message)) float64 {
		all = nil
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for _, m := range msgs {
			<-tick.C
			mu.Lock()
			published[m.ID] = time.Now()
			mu.Unlock()
			publish(m)
		}
		<-complete
		return median(all)
	}
	if err := errors.Join(b.ch.Confirm(false), b.ch.Qos(prefetch, 0, false)); err != nil {
		b.Fatal(err)
	}
	bare := func() float64 {
		defer b.purge()
		deliveries, err := b.ch.Consume(b.ns+".consumer.one", "raw", false, false, false, false, nil)
		if err != nil {
			b.Fatal(err)
		}
		var consuming sync.WaitGroup
		consuming.Go(func() {
			for d := range deliveries {
				e, err := event.Decode(d.Body)
				if err != nil {
					b.Error(err)
				}
				record(e.ID)
				if err := d.Ack(false); err != nil {
					b.Error(err)
				}
			}
		})
		defer consuming.Wait()
		defer func() { _ = b.ch.Cancel("raw", false) }()
		return pace(func(m broker.Message) {
			if _, err := b.ch.PublishWithDeferredConfirm(b.ns+".live_events", m.Key, true, false, rawPublishing(m)); err != nil {
				b.Error(err)
			}
		})
	}
	matchwire := func() float64 {
		defer b.purge()
		ctx, cancel := context.WithCancel(b.Context())
		c := consumers.Consumer{Keys: []string{"#"}, Limit: prefetch, Handle: func(_ context.Context, e event.Event) error {
			record(e.ID)
			return nil
		}}
		var running sync.WaitGroup
		ready := make(chan struct{})
		running.Go(func() {
			r := consumers.Runner{Broker: b.broker, Log: slog.New(slog.DiscardHandler)}
			if err := r.Run(ctx, "one", c, ready); err != nil {
				b.Error(err)
			}
		})
		defer running.Wait()
		defer cancel()
		<-ready
		var publishing sync.WaitGroup
		defer publishing.Wait()
		return pace(func(m broker.Message) {
			publishing.Go(func() {
				if _, err := b.broker.Publish(ctx, m); err != nil {
					b.Error(err)
				}
			})
		})
	}
	var ratios, latencies []float64
	for b.Loop() {
		for range rounds {
			bareMedian, matchwireMedian := bare(), matchwire()
			latencies = append(latencies, matchwireMedian)
			ratios = append(ratios, matchwireMedian/bareMedian)
		}
	}
	b.ReportMetric(median(ratios), "x-raw")
	b.ReportMetric(median(latencies)*1e6, "µs-median")
	b.ReportMetric(0, "ns/op")
}
