//go:build linux

package chaos

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// memoryBound is the largest permitted peak of a process's resident memory, in bytes. It does not
// apply with the race detector, which needs several times as much memory.
const memoryBound = 192 << 20

// longPatience is the longest wait for the handling of millions of messages.
const longPatience = 15 * time.Minute

// The memory of a process does not grow with the data on the servers: a long log, queues of
// consumers that were stopped for an hour, and dead letters.
func TestMemoryIsBounded(t *testing.T) {
	longOnly(t)
	const logged, missed, dead = 10_000_000, 360_000, 20_000 // 360,000: an hour of 100 events a second
	w := newWorld(t, 1, seed(t))
	b, err := rabbit.New(w.nodes[0].URL, rabbit.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })

	w.fanout.start(fanoutReady)
	rate := w.publish(b, 0, logged)
	// RabbitMQ updates its message counts periodically.
	w.within(longPatience, "all events in the log", func() bool { return w.waiting("live_events.log") >= logged })
	w.checkMemory(w.fanout, fmt.Sprintf("while %d events were published, %.0f a second", logged, rate))
	w.fanout.stop()
	began := time.Now()
	w.fanout.start(fanoutReady)
	w.until("fanout to read the log", func() bool { return healthy(w.listen) })
	w.checkMemory(w.fanout, fmt.Sprintf("after a restart, ready in %.1f s", time.Since(began).Seconds()))

	consumers := w.consumers[0]
	consumers.start(consumersReady)
	consumers.stop()
	w.publish(b, logged, missed)
	began = time.Now()
	consumers.start(consumersReady)
	w.within(longPatience, "empty queues", func() bool {
		return w.waiting("consumer.scoreboard", "consumer.notify.hook") == 0
	})
	w.checkMemory(consumers, fmt.Sprintf("after %d missed events, handled in %.1f s", missed, time.Since(began).Seconds()))

	w.publishInvalid(dead)
	count := func() int { n, _ := b.CountDead(t.Context(), "consumer.scoreboard"); return n }
	w.within(longPatience, "the dead letters", func() bool { return count() == dead })
	w.checkMemory(consumers, fmt.Sprintf("after %d dead letters", dead))
	for _, args := range [][]string{
		{"list", "scoreboard", "--limit", strconv.Itoa(dead), "--json"},
		{"replay", "scoreboard", "--all"},
		{"purge", "scoreboard", "--all"},
	} {
		cmd := exec.Command(consumers.program, append([]string{"dead"}, args...)...)
		cmd.Env = append(os.Environ(), w.env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("dead %v: %v: %.500s", args, err, out)
		}
		peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
		w.checkPeak(peak, fmt.Sprintf("matchwire dead %s of %d", args[0], dead))
		if args[0] == "replay" {
			w.within(longPatience, "the replayed messages to be dead-lettered again", func() bool { return count() == dead })
		}
	}
	if n := count(); n != 0 {
		t.Errorf("%d dead letters are left, want 0", n)
	}
}

// publish publishes n events. Each match has 100 events, which are published in order. 200 matches
// are played at the same time. from is the number of events published before. n and from are
// multiples of 20,000. publish returns the number of events published per second.
func (w *world) publish(b broker.Publisher, from, n int) float64 {
	w.Helper()
	const writers, batch, matches, perMatch = 4, 500, 200, 100
	began := time.Now()
	var writing sync.WaitGroup
	for writer := range writers {
		writing.Go(func() {
			for at := 0; at < n/writers; at += batch {
				msgs := make([]broker.Message, min(batch, n/writers-at))
				for i := range msgs {
					round, match := (at+i)/(matches/writers), (at+i)%(matches/writers)*writers+writer
					seq := int64(round%perMatch) + 1
					id := fmt.Sprintf("memory-%d-%d", from/(matches*perMatch)+round/perMatch, match)
					e, err := event.Of("soccer.mls.goal", event.Data{
						Player: "Giovinco", Incident: fmt.Sprintf("%s-%d", id, seq), Rev: 1,
						Score:    &event.Score{Home: int(seq)},
						Match:    &event.Match{ID: id, Home: "Toronto", Away: "New York", Status: event.Live},
						Backfill: true, Epoch: "01", Seq: seq,
					}, time.Now())
					if err != nil {
						w.Error(err)
						return
					}
					e.TID = event.NewTID()
					if msgs[i], err = broker.NewMessage(e); err != nil {
						w.Error(err)
						return
					}
				}
				ctx, cancel := context.WithTimeout(w.Context(), patience)
				_, err := b.Publish(ctx, msgs...)
				cancel()
				if err != nil {
					w.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
	return float64(n) / time.Since(began).Seconds()
}

// publishInvalid publishes n messages that are not events.
func (w *world) publishInvalid(n int) {
	w.Helper()
	conn, err := amqp.Dial(w.nodes[0].URL)
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		w.Fatal(err)
	}
	body := []byte(strings.Repeat("not an event ", 100))
	for i := range n {
		m := amqp.Publishing{MessageId: strconv.Itoa(i), DeliveryMode: amqp.Persistent, Body: body}
		if err := ch.Publish("", "consumer.scoreboard", false, false, m); err != nil {
			w.Fatal(err)
		}
	}
}

// checkMemory fails the test if the peak memory of a process exceeds memoryBound.
func (w *world) checkMemory(r *process, when string) {
	w.Helper()
	w.checkPeak(peakMemory(w.T, r), r.name+" "+when)
}

// peakMemory returns the peak of the resident memory of a process, in bytes.
func peakMemory(t *testing.T, r *process) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(status)) {
		if f := strings.Fields(l); len(f) == 3 && f[0] == "VmHWM:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("the status of %s has no VmHWM", r.name)
	return 0
}

// checkPeak logs a peak of memory in bytes, and fails the test if the peak exceeds memoryBound.
func (w *world) checkPeak(peak int64, what string) {
	w.Helper()
	w.Logf("peak of %4d MiB: %s", peak>>20, what)
	if peak > memoryBound && !testenv.Race {
		w.Errorf("%s: peak of %d MiB, want at most %d MiB", what, peak>>20, memoryBound>>20)
	}
}
