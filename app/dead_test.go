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

// A dead letter is shown with the characters that its texts have.
func TestIndent(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		`{"a":"x \u003e y \u0026 \u003c"}`: "{\n  \"a\": \"x > y & <\"\n}",
		`{"a":"\\u003e \\\u003e"}`:         "{\n  \"a\": \"\\\\u003e \\\\>\"\n}",
		`"\u003e \u001b"`:                  `"> \x1b"`,
	} {
		if got := indent(json.RawMessage(message)); got != want {
			t.Errorf("%s is shown as %s, want %s", message, got, want)
		}
	}
}

// The dead commands list, show, replay and delete dead letters.
func TestDeadLetters(t *testing.T) {
	w := newWorld(t)
	p := start(t, "consumer=notify.log keys", w.env, "run", "consumers")
	_, ch := w.exchange()
	b, err := rabbit.New(w.amqp, rabbit.Options{Namespace: w.namespace})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	dead := func(want int) func() bool {
		return func() bool {
			n, err := b.CountDead(t.Context(), "consumer.notify.log")
			return err == nil && n == want
		}
	}
	for i := range 3 {
		err := ch.Publish(w.namespace+".live_events", "soccer.mls.goal", false, false,
			amqp.Publishing{MessageId: fmt.Sprintf("bad-%d", i), Body: []byte("goal\x1b[31m!")})
		if err != nil {
			t.Fatal(err)
		}
		p.eventually("a dead letter", dead(i+1)) // handlers run concurrently, and the order matters below
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
	_, errs := run(exitFailure, "list", "notify")
	if !strings.Contains(errs, "notify has a queue for each of its parts: notify.log") {
		t.Errorf("dead list notify: error %q, want it to name the queue notify.log", errs)
	}
	out, _ := run(exitOK, "list")
	if !strings.Contains(out, "notify.log  3") {
		t.Errorf("dead list printed:\n%s\nwant 3 dead letters of notify.log", out)
	}
	out, errs = run(exitOK, "list", "notify.log", "--limit", "2")
	if !strings.Contains(out, "bad-0") || strings.Contains(out, "bad-2") ||
		!strings.Contains(out, "decoding event: invalid character 'g'") || !strings.Contains(errs, "and 1 more") {
		t.Errorf("dead list notify.log --limit 2 printed:\n%s%s\nwant bad-0, bad-1, the reason and a count of 1 more",
			out, errs)
	}
	out, _ = run(exitOK, "show", "notify.log", "bad-1")
	if !strings.Contains(out, `"goal\x1b[31m!"`) || !strings.Contains(out, "attempts    1") {
		t.Errorf("dead show printed:\n%s\nwant 1 attempt and the quoted body", out)
	}
	out, _ = run(exitOK, "show", "consumer.notify.log", "bad-1", "--json")
	var shown struct{ ID, Message string }
	if err := json.Unmarshal([]byte(out), &shown); err != nil || shown.ID != "bad-1" || shown.Message != "goal\x1b[31m!" {
		t.Errorf("dead show --json printed:\n%s\nwant bad-1 and its body (error %v)", out, err)
	}
	_, errs = run(exitFailure, "purge", "notify.log", "bad-1", "bad-7")
	if !strings.Contains(errs, "1 dead letter deleted") || !strings.Contains(errs, "bad-7") {
		t.Errorf("dead purge printed:\n%s\nwant 1 dead letter deleted and bad-7 missing", errs)
	}
	_, errs = run(exitOK, "replay", "notify.log", "bad-2")
	if !strings.Contains(errs, "1 dead letter moved back to consumer.notify.log") {
		t.Errorf("dead replay printed:\n%s\nwant 1 dead letter moved back", errs)
	}
	p.eventually("the replayed message to fail again", func() bool {
		letters, err := testenv.Dead(t.Context(), b, "consumer.notify.log")
		return err == nil && len(letters) == 2 && letters[1].ID == "bad-2" && strings.Count(p.output(), "id=bad-2") >= 3
	})
	if _, errs := run(exitOK, "purge", "notify.log", "--all"); !strings.Contains(errs, "2 dead letters deleted") {
		t.Errorf("dead purge --all printed:\n%s\nwant 2 dead letters deleted", errs)
	}
	p.eventually("no dead letters", dead(0))
	for _, args := range [][]string{{"replay", "notify.log"}, {"replay", "notify.log", "x", "--all"}} {
		if _, errs := run(exitUsage, args...); !strings.Contains(errs, "give message IDs or --all") {
			t.Errorf("dead %v: error %q, want a usage error", args, errs)
		}
	}
	if _, errs := run(exitFailure, "list", "unknown"); !strings.Contains(errs, "consumer.unknown") {
		t.Errorf("dead list unknown: error %q, want it to name consumer.unknown", errs)
	}
}
