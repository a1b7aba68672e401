package rabbit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/internal/testenv"
)

// asUser adds a user with permissions to the server, and returns url with this user and its password.
func asUser(t *testing.T, ctl func(...string) (string, error), url, name, configure, write, read string) string {
	t.Helper()
	for _, args := range [][]string{
		{"add_user", name, testenv.Secret},
		{"set_permissions", name, configure, write, read},
	} {
		if _, err := ctl(args...); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Replace(url, "guest:guest", name+":"+testenv.Secret, 1)
}

// setUp calls Setup, and returns the states of the objects by kind and name. A state is "new",
// "existed" or "bound".
func setUp(t *testing.T, b *rabbit.Broker, all ...broker.Subscription) (map[string]string, error) {
	t.Helper()
	objects := map[string]string{}
	err := b.Setup(t.Context(), all, func(o rabbit.Object) {
		state := "new"
		switch {
		case o.Kind == "binding":
			state = "bound"
		case o.Existed:
			state = "existed"
		}
		objects[o.Kind+" "+o.Name] = state
	})
	return objects, err
}

// Setup declares all objects, and reports which of them existed. Its error names the object that the
// broker refuses.
func TestSetup(t *testing.T) {
	t.Parallel()
	node := testenv.OwnRabbit(t, 1)[0]
	o := rabbit.Options{Pauses: []time.Duration{time.Second}, Log: slog.New(slog.DiscardHandler)}
	goals := broker.Subscription{Queue: "consumer.goals", Patterns: []string{"soccer.*.goal"}}
	polls := broker.Subscription{Queue: "task.poll", Exchange: broker.Tasks, Patterns: []string{"poll"}}
	names := []string{
		"exchange live_events", "exchange tasks", "exchange retries", "exchange live_events.witness",
		"exchange tasks.witness", "queue live_events.log", "queue consumer.goals", "queue consumer.goals.retry.1s",
		"queue consumer.goals.dead", "queue task.poll", "queue task.poll.retry.1s", "queue task.poll.dead",
	}
	bindings := []string{
		"live_events -> live_events.log #", "live_events -> consumer.goals soccer.*.goal", "tasks -> task.poll poll",
		"retries -> consumer.goals.retry.1s consumer.goals.retry.1s", "retries -> consumer.goals.dead consumer.goals.dead",
		"retries -> task.poll.retry.1s task.poll.retry.1s", "retries -> task.poll.dead task.poll.dead",
		"live_events.witness -> live_events", "tasks.witness -> tasks",
	}
	admin := open(t, node.URL, o)
	for _, want := range []string{"new", "existed"} {
		got, err := setUp(t, admin, goals, polls)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if got[n] != want {
				t.Errorf("%s is %q, want %q", n, got[n], want)
			}
		}
		for _, b := range bindings {
			if got["binding "+b] != "bound" {
				t.Errorf("binding %q is missing", b)
			}
		}
		if len(got) != len(names)+len(bindings) {
			t.Errorf("Setup reported %d objects, want %d: %v", len(got), len(names)+len(bindings), got)
		}
	}

	some := open(t, asUser(t, node.Ctl, node.URL, "some", "^live_events", ".*", ".*"), o)
	reader := open(t, asUser(t, node.Ctl, node.URL, "reader", ".*", "^(amq.default|live_events)$", ".*"), o)
	if _, err := openChannel(t, node.URL).QueueDeclare("consumer.old", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		broker *rabbit.Broker
		queue  string
		wants  []string
	}{
		{"no right to declare", some, "", []string{`the user may not declare exchange "tasks"`, "ACCESS_REFUSED"}},
		{"no right to bind", reader, "", []string{`the user may not declare the binding of queue "live_events.log"`,
			"ACCESS_REFUSED"}},
		{"other arguments", admin, "consumer.old", []string{`queue "consumer.old" exists with other arguments`,
			"inequivalent arg"}},
	} {
		_, err := setUp(t, tt.broker, broker.Subscription{Queue: tt.queue})
		for _, want := range tt.wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", tt.name, err, want)
			}
		}
	}
}

// A process whose user may not declare anything waits until the objects exist, and then uses them. It
// can retry and dead-letter messages without permission to publish to other queues.
func TestRestrictedUser(t *testing.T) {
	t.Parallel()
	node := testenv.OwnRabbit(t, 1)[0]
	url := asUser(t, node.Ctl, node.URL, "worker", "^$", "^(live_events|retries)$", `^(consumer\.goals|live_events\.log)$`)
	pauses := []time.Duration{20 * time.Millisecond}
	log := &testenv.Log{}
	worker := open(t, url, rabbit.Options{Pauses: pauses, Log: slog.New(slog.NewTextHandler(log, nil))})
	worker.SetVerifyInterval(50 * time.Millisecond)
	ready := make(chan struct{})
	s := broker.Subscription{Queue: "consumer.goals", Patterns: []string{"#"}, Ready: ready}
	var calls atomic.Int64
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		ended <- worker.Subscribe(ctx, s, func(context.Context, broker.Message) error {
			calls.Add(1)
			return errors.New("cannot handle the message")
		})
	}()
	waiting := func(object string) {
		t.Helper()
		text := fmt.Sprintf(`%s does not exist and the user may not declare it: run matchwire setup`, object)
		testenv.Eventually(t, func() bool { return strings.Contains(log.String(), strings.ReplaceAll(text, `"`, `\"`)) },
			"the log to say that %s; the log:\n%s", text, log)
	}
	waiting(`exchange "live_events"`)

	admin := open(t, node.URL, rabbit.Options{Pauses: pauses})
	if _, err := setUp(t, admin); err != nil { // without the queue
		t.Fatal(err)
	}
	waiting(`queue "consumer.goals"`)
	if _, err := setUp(t, admin, s); err != nil {
		t.Fatal(err)
	}
	<-ready
	if _, err := worker.Publish(t.Context(), broker.Message{Key: "soccer.mls.goal", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dead letter", func() bool {
		n, err := worker.CountDead(t.Context(), "consumer.goals")
		return err == nil && n == 1
	})
	if n := calls.Load(); n != 2 {
		t.Errorf("the message was handled %d times, want 2: the first attempt and a retry", n)
	}
	caughtUp := make(chan struct{})
	go func() {
		_ = worker.ReadLog(ctx, broker.Start, caughtUp, func(broker.Cursor, broker.Message) error { return nil })
	}()
	<-caughtUp

	for exchange, key := range map[string]string{"": "live_events.log", "tasks": "poll"} {
		ch := openChannel(t, url)
		closed := ch.NotifyClose(make(chan *amqp.Error, 1))
		if err := ch.Publish(exchange, key, false, false, amqp.Publishing{}); err != nil {
			t.Fatal(err)
		}
		if e := <-closed; e == nil || e.Code != amqp.AccessRefused {
			t.Errorf("publishing to exchange %q: %v, want ACCESS_REFUSED", exchange, e)
		}
	}

	if n := strings.Count(log.String(), "the RabbitMQ user may not declare objects"); n != 1 {
		t.Errorf("the log reports the restriction %d times, want once:\n%s", n, log)
	}
	// The verification reports a deleted exchange, and what the administrator can do.
	if err := openChannel(t, node.URL).ExchangeDelete("live_events", false, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a health issue", func() bool {
		for _, issue := range worker.Health(t.Context()) {
			if strings.Contains(issue.Text, `exchange "live_events" was deleted`) &&
				strings.Contains(issue.Text, "run matchwire setup") {
				return true
			}
		}
		return false
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A refused login is not reported as a missing permission to declare.
func TestRefusedLoginIsNoRestriction(t *testing.T) {
	t.Parallel()
	base, _ := testenv.AMQP(t, nil)
	wrong, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	wrong.User = url.UserPassword(wrong.User.Username(), "wrong")
	log := &testenv.Log{}
	worker := open(t, wrong.String(), rabbit.Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s := broker.Subscription{Queue: "consumer.goals", Patterns: []string{"#"}}
		_ = worker.Subscribe(ctx, s, func(context.Context, broker.Message) error { return nil })
	}()
	testenv.Eventually(t, func() bool { return strings.Contains(log.String(), "refuses the login") },
		"the log to report the refused login:\n%s", log)
	cancel()
	<-ended
	if strings.Contains(log.String(), "may not declare") {
		t.Errorf("the log reports a missing permission:\n%s", log)
	}
}
