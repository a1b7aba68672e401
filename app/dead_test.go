package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/internal/testenv"
)

// Somebody finds out what a consumer gave up on, has one tried again and the
// others removed.
func TestDeadLetters(t *testing.T) {
	w := newWorld(t)
	p := start(t, "consumer=scoreboard keys", w.env, "run", "consumers")
	_, ch := w.exchange()
	b, err := rabbit.New(w.amqp, rabbit.Options{Namespace: w.namespace})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	dead := func(want int) func() bool {
		return func() bool { n, err := b.CountDead(t.Context(), "consumer.notify.log"); return err == nil && n == want }
	}
	for i := range 3 {
		err := ch.Publish(w.namespace+".live_events", "soccer.mls.goal", false, false,
			amqp.Publishing{MessageId: fmt.Sprintf("bad-%d", i), Body: []byte("goal\x1b[31m!")})
		if err != nil {
			t.Fatal(err)
		}
		p.eventually("it to be a dead letter", dead(i+1)) // one after the other: handlers run side by side
	}
	env := map[string]string{"AMQP_URL": w.amqp, "REDIS_URL": w.redisURL}
	run := func(wantCode int, args ...string) (out, errs string) {
		t.Helper()
		code, out, errs := call(t, "", env, append([]string{"--namespace", w.namespace, "dead"}, args...)...)
		if code != wantCode {
			t.Errorf("dead %v: exit %d, want %d\n%s%s", args, code, wantCode, out, errs)
		}
		return out, errs
	}
	if _, errs := run(failed, "list", "notify"); !strings.Contains(errs, "notify has a queue for each of its parts: notify.log") {
		t.Errorf("list notify: %s", errs)
	}
	if out, _ := run(done, "list"); !strings.Contains(out, "notify.log  3") {
		t.Errorf("list:\n%s", out)
	}
	if out, errs := run(done, "list", "notify.log", "--limit", "2"); !strings.Contains(out, "bad-0") || strings.Contains(out, "bad-2") ||
		!strings.Contains(out, "decoding event: invalid character 'g'") || !strings.Contains(errs, "and 1 more") {
		t.Errorf("list notify.log:\n%s%s", out, errs)
	}
	if out, _ := run(done, "show", "notify.log", "bad-1"); !strings.Contains(out, `"goal\x1b[31m!"`) || !strings.Contains(out, "attempts    1") {
		t.Errorf("show:\n%s", out)
	}
	out, _ := run(done, "show", "consumer.notify.log", "bad-1", "--json")
	var shown struct{ ID, Message string }
	if err := json.Unmarshal([]byte(out), &shown); err != nil || shown.ID != "bad-1" || shown.Message != "goal\x1b[31m!" {
		t.Errorf("show --json: %v\n%s", err, out)
	}
	if _, errs := run(failed, "purge", "notify.log", "bad-1", "bad-7"); !strings.Contains(errs, "1 dead letter removed") || !strings.Contains(errs, "bad-7") {
		t.Errorf("purge:\n%s", errs)
	}
	if _, errs := run(done, "replay", "notify.log", "bad-2"); !strings.Contains(errs, "1 dead letter put back into consumer.notify.log") {
		t.Errorf("replay:\n%s", errs)
	}
	p.eventually("it to fail again", func() bool {
		letters, err := testenv.Dead(t.Context(), b, "consumer.notify.log")
		return err == nil && len(letters) == 2 && letters[1].ID == "bad-2" && strings.Count(p.output(), "id=bad-2") >= 3
	})
	if _, errs := run(done, "purge", "notify.log", "--all"); !strings.Contains(errs, "2 dead letters removed") {
		t.Errorf("purge --all:\n%s", errs)
	}
	p.eventually("none", dead(0))
	for _, args := range [][]string{{"replay", "notify.log"}, {"replay", "notify.log", "x", "--all"}} {
		if _, errs := run(misused, args...); !strings.Contains(errs, "say which") {
			t.Errorf("dead %v: %s", args, errs)
		}
	}
	if _, errs := run(failed, "list", "nobody"); !strings.Contains(errs, "consumer.nobody") {
		t.Errorf("list nobody: %s", errs)
	}
}
