package main

import (
	"fmt"
	"time"
)

// settleTime is how long the sockets are idle before the memory is measured.
const settleTime = 5 * time.Second

// measureMemory measures the memory of the server per idle socket.
func measureMemory(o *benchOptions) (table, []limit, error) {
	sockets := orDefault(o.sockets, 18_000)
	names, f := []string{"gorilla-idle", "matchwire", "centrifuge"}, figures{}
	o.rotate("memory", names, func(name string) error {
		p, err := startServer(name)
		if err != nil {
			return err
		}
		defer p.stop()
		before, err := p.memory()
		if err != nil {
			return err
		}
		if err := p.connect(name, workload{sockets: sockets}); err != nil {
			return err
		}
		time.Sleep(settleTime)
		after, err := p.memory()
		if err != nil {
			return err
		}
		n, err := p.server.call(1, "sockets")
		if err != nil {
			return err
		}
		if int(n[0]) != sockets {
			return fmt.Errorf("%v sockets are connected, want %d", n[0], sockets)
		}
		f.add(name, (after-before)/float64(sockets))
		return nil
	})
	limits := []limit{
		{"memory: matchwire / gorilla-idle", f.ratio("matchwire", "gorilla-idle"), 1.25},
		{"memory: matchwire / centrifuge", f.ratio("matchwire", "centrifuge"), 0.4},
	}
	title := fmt.Sprintf("memory: %d idle sockets; resident memory of the server per idle socket, in bytes", sockets)
	return f.table(title, "bytes", names, limits...), limits, nil
}
