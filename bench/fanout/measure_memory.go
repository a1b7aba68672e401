package main

import (
	"fmt"
	"time"
)

// restFor is how long sockets are left alone before memory is looked at.
const restFor = 5 * time.Second

// measureMemory asks what an idle socket holds of the server's memory.
func measureMemory(o *benchOptions) (table, []bar, error) {
	sockets := or(o.sockets, 18_000)
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
		if err := p.connect(name, crowd{sockets: sockets}); err != nil {
			return err
		}
		time.Sleep(restFor)
		after, err := p.memory()
		if err != nil {
			return err
		}
		n, err := p.server.ask(1, "sockets")
		if err != nil {
			return err
		}
		if int(n[0]) != sockets {
			return fmt.Errorf("%v sockets are connected, %d were to", n[0], sockets)
		}
		f.add(name, (after-before)/float64(sockets))
		return nil
	})
	bars := []bar{
		{"memory: matchwire / gorilla-idle", f.ratio("matchwire", "gorilla-idle"), 1.25},
		{"memory: matchwire / centrifuge", f.ratio("matchwire", "centrifuge"), 0.4},
	}
	title := fmt.Sprintf("memory: %d idle sockets; bytes of the server's resident memory for each", sockets)
	return f.table(title, "bytes", names, bars...), bars, nil
}
