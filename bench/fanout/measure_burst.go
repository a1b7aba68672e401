package main

import "fmt"

// measureBurst measures the CPU time per event and socket when many events are sent as fast as
// possible. It also measures the number of events per frame.
func measureBurst(o *benchOptions) (table, []limit, error) {
	const events, bursts = 200, 5
	sockets := orDefault(o.sockets, 2000)
	names, f := []string{"matchwire", "gorilla", "centrifuge"}, figures{}
	o.rotate("burst", names, func(name string) error {
		p, err := startPair(name, workload{sockets: sockets, check: true})
		if err != nil {
			return err
		}
		defer p.stop()
		if _, err := p.burst(events, events*sockets, o.template); err != nil { // to warm up
			return err
		}
		before, err := p.cpu()
		if err != nil {
			return err
		}
		frames := 0.0
		for range bursts {
			n, err := p.burst(events, events*sockets, o.template)
			if err != nil {
				return err
			}
			frames += n
		}
		after, err := p.cpu()
		if err != nil {
			return err
		}
		const received = bursts * events
		f.add(name, float64(after-before)/float64(received*sockets))
		f.add(name+" per frame", float64(received*sockets)/frames)
		return p.allInOrder()
	})
	limits := []limit{
		{"burst: matchwire / centrifuge", f.ratio("matchwire", "centrifuge"), 0.25},
		{"burst: matchwire / gorilla", f.ratio("matchwire", "gorilla"), 0.15},
	}
	title := fmt.Sprintf("burst: %d sockets, %d events together, %d times; ns of CPU per event and socket",
		sockets, events, bursts)
	t := f.table(title, "ns", names, limits...)
	t.header = append(t.header, "events per frame")
	for i := range t.rows {
		cell := ""
		if i < len(names) {
			cell = f.cells(names[i] + " per frame")[0]
		}
		t.rows[i] = append(t.rows[i], cell)
	}
	return t, limits, nil
}
