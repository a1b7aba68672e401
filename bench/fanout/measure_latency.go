package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/internal/testenv/servers"
)

// measureLatency measures the time from publishing an event on RabbitMQ until the sockets receive
// it. It compares matchwire with a bare consumer of the same stream, which only writes to the
// sockets.
func measureLatency(o *benchOptions) (table, []limit, error) { return latencyAt(o, 100) }

// measureCalm is like measureLatency, at a rate that the bare consumer can sustain on any machine.
func measureCalm(o *benchOptions) (table, []limit, error) { return latencyAt(o, 25) }

func latencyAt(o *benchOptions, perSecond int) (table, []limit, error) {
	sockets, seconds := orDefault(o.sockets, 1000), orDefault(o.seconds, 8)
	url, stop, err := startRabbit()
	if err != nil {
		return table{}, nil, err
	}
	defer stop()
	names, f := []string{"bare", "matchwire"}, figures{}
	round := 0
	o.rotate(fmt.Sprintf("latency at %d/s", perSecond), names, func(name string) error {
		round++
		namespace := fmt.Sprintf("bench-%d-%d-%d", os.Getpid(), perSecond, round)
		l, err := latencyOf(name, url, namespace, string(o.template), sockets, perSecond, seconds)
		if err != nil {
			return err
		}
		f.add(name+" p50", l[0]/1e6)
		f.add(name+" p99", l[2]/1e6)
		return nil
	})
	limits := []limit{
		{fmt.Sprintf("latency at %d/s: p50 of matchwire / bare", perSecond), f.ratio("matchwire p50", "bare p50"), 1.3},
		{fmt.Sprintf("latency at %d/s: p99 of matchwire / bare", perSecond), f.ratio("matchwire p99", "bare p99"), 2},
	}
	t := table{
		title: fmt.Sprintf("latency: %d sockets, %d events/s for %d s; ms from publishing on RabbitMQ to the sockets",
			sockets, perSecond, seconds),
		header: []string{"server", "p50", "lowest to highest", "p99", "lowest to highest"},
	}
	for _, name := range names {
		t.rows = append(t.rows, append(append([]string{name}, f.cells(name + " p50")[:2]...), f.cells(name + " p99")[:2]...))
	}
	t.rows = append(t.rows, []string{"matchwire / bare",
		ratio(limits[0].ratio), limits[0].text(), ratio(limits[1].ratio), limits[1].text()})
	return t, limits, nil
}

// latencyOf measures one server with a new event log. It returns the reply of the load process to
// the latency command.
func latencyOf(name, url, namespace, template string, sockets, perSecond, seconds int) ([]float64, error) {
	b, err := rabbit.New(url, rabbit.Options{Namespace: namespace, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	s := source{seq: map[string]int64{}, broadcast: publishTo(b)}
	if err := s.send(1, 0, 1, template); err != nil { // declares the log
		return nil, err
	}
	p, err := startServer(name, "-amqp", url, "-namespace", namespace)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	if err := p.connect(name, workload{sockets: sockets}); err != nil {
		return nil, err
	}
	time.Sleep(time.Second)                     // gives the server time to start consuming the log
	for _, seconds := range []int{1, seconds} { // the first run warms up the server
		if _, err := p.load.call(0, "reset"); err != nil {
			return nil, err
		}
		if err := s.send(seconds*perSecond, perSecond, 1, template); err != nil {
			return nil, err
		}
		if _, err := p.received(seconds * perSecond * sockets); err != nil {
			return nil, err
		}
	}
	return p.load.call(5, "latency")
}

// startRabbit returns the URL of the RabbitMQ server that AMQP_URL names. If AMQP_URL is not set, it
// starts a server, and stop stops that server.
func startRabbit() (url string, stop func(), err error) {
	if url := os.Getenv("AMQP_URL"); url != "" {
		return url, func() {}, nil
	}
	r, err := servers.NewRabbit()
	if err != nil {
		return "", nil, err
	}
	return r.URL, r.Stop, nil
}
