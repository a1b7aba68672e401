package rabbit_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/brokertest"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/internal/testenv"
)

// impatient returns the URL of a RabbitMQ server with a consumer_timeout of one second.
func impatient(t *testing.T) string {
	t.Helper()
	node := testenv.OwnRabbit(t, 1)[0]
	_, err := node.Ctl("eval", "application:set_env(rabbit, consumer_timeout, 1000), "+
		"application:set_env(rabbit, channel_tick_interval, 300).")
	if err != nil {
		t.Fatal(err)
	}
	return node.URL
}

// A recorder counts the calls of a handler by message ID, and collects the IDs of messages whose
// handler has returned nil.
type recorder struct {
	mu    sync.Mutex
	calls map[string]int
	done  map[string]bool
}

func (r *recorder) handler(handle func(id string) error) broker.Handler {
	return func(_ context.Context, m broker.Message) error {
		r.mu.Lock()
		r.calls[m.ID]++
		r.mu.Unlock()
		err := handle(m.ID)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.done[m.ID] = r.done[m.ID] || err == nil
		return err
	}
}

func (r *recorder) count(id string) (calls int, done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[id], r.done[id]
}

// If a handler succeeds after the broker's consumer_timeout, its message is not handled again. The next
// messages are handled too. If a handler always fails after the timeout, its message is retried and then
// dead-lettered. Health names the cause.
func TestCaseConsumerTimeout(t *testing.T) {
	t.Parallel()
	url := impatient(t)
	pauses := []time.Duration{100 * time.Millisecond}
	var log testenv.Log
	b := open(t, url, rabbit.Options{Pauses: pauses, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for name, limit := range map[string]int{"one": 1, "three": 3} {
		r := &recorder{calls: map[string]int{}, done: map[string]bool{}}
		handle := r.handler(func(id string) error {
			switch id {
			case "slow":
				time.Sleep(4 * time.Second)
			case "bad":
				time.Sleep(2 * time.Second)
				return errors.New("too late anyway")
			}
			return nil
		})
		ctx, cancel := context.WithCancel(context.Background())
		ready, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			s := broker.Subscription{Queue: name, Patterns: []string{"soccer.mls." + name}, Limit: limit, Ready: ready}
			ended <- b.Subscribe(ctx, s, handle)
		}()
		<-ready
		for _, id := range []string{"slow", "bad", "next"} {
			if _, err := b.Publish(t.Context(), brokertest.Message("soccer.mls."+name, id)); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, name+": the message after the slow messages", func() bool { _, done := r.count("next"); return done })
		eventually(t, name+": the dead letter", func() bool {
			n, err := b.CountDead(t.Context(), name)
			return err == nil && n > 0
		})
		dead, err := testenv.Dead(t.Context(), b, name)
		if err != nil || len(dead) != 1 || dead[0].ID != "bad" || dead[0].Attempt != 2 ||
			dead[0].Reason != "too late anyway" {
			t.Errorf("%s: dead letters %+v, error %v, want the bad message after 2 attempts", name, dead, err)
		}
		eventually(t, name+": all acknowledgements", func() bool {
			q, err := openChannel(t, url).QueueDeclarePassive(name, true, false, false, false, nil)
			return err == nil && q.Messages == 0
		})
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if calls, _ := r.count("slow"); calls != 1 {
			t.Errorf("%s: message slow was handled %d times, want 1", name, calls)
		}
		// If the broker takes longer than the timeout to confirm the copy for the next attempt, it delivers the
		// message again.
		if calls, _ := r.count("bad"); calls < 2 {
			t.Errorf("%s: message bad was handled %d times, want at least 2", name, calls)
		}
		found := false
		for _, issue := range b.Health(t.Context()) {
			found = found || strings.Contains(issue.Text, `queue "`+name+`"`) &&
				strings.Contains(issue.Text, "consumer_timeout of 1000 ms")
		}
		if !found {
			t.Errorf("%s: health %v, want an issue with the queue and its consumer_timeout of 1000 ms",
				name, b.Health(t.Context()))
		}
	}
}

// A log reader acknowledges the latest events even if no event follows. So the broker does not close the
// reader's channel.
func TestQuietLogReaderKeepsItsChannel(t *testing.T) {
	t.Parallel()
	url := impatient(t)
	var log testenv.Log
	b := open(t, url, rabbit.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	b.SetLogAckDelay(100 * time.Millisecond)
	caughtUp, got := make(chan struct{}), make(chan string, 10)
	ctx, cancel := context.WithCancel(context.Background())
	reading := make(chan error, 1)
	go func() {
		reading <- b.ReadLog(ctx, broker.End, caughtUp, func(_ broker.Cursor, m broker.Message) error {
			got <- m.ID
			return nil
		})
	}()
	<-caughtUp
	// The broker closes the channel of a reader that does not acknowledge.
	careless := openChannel(t, url)
	closed := careless.NotifyClose(make(chan *amqp.Error, 1))
	err := careless.Qos(10, 0, false)
	if err == nil {
		_, err = careless.Consume("live_events.log", "", false, false, false, false, amqp.Table{"x-stream-offset": "next"})
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"1", "2"} {
		if _, err := b.Publish(t.Context(), brokertest.Message("soccer.mls.goal", id)); err != nil {
			t.Fatal(err)
		}
		if read := <-got; read != id {
			t.Fatalf("read %s, want %s", read, id)
		}
	}
	select {
	case e := <-closed:
		if e == nil || e.Code != amqp.PreconditionFailed {
			t.Fatalf("the channel was closed with %v, want PRECONDITION_FAILED", e)
		}
	case <-time.After(waitTimeout):
		t.Fatal("the broker did not close the channel of the consumer that acknowledges nothing")
	}
	if _, err := b.Publish(t.Context(), brokertest.Message("soccer.mls.goal", "3")); err != nil {
		t.Fatal(err)
	}
	if read := <-got; read != "3" {
		t.Errorf("read %s, want 3", read)
	}
	cancel()
	if err := <-reading; err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "log reader lost its channel") {
		t.Errorf("the reader of the log lost its channel:\n%s", log.String())
	}
}
