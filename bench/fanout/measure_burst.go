package main

import "fmt"

// measureBurst asks what one event on one socket costs when many come at once,
// and how many of them go out in one frame.
func measureBurst(o *benchOptions) (table, []bar, error) {
	const events, bursts = 200, 5
	sockets := or(o.sockets, 2000)
	names, f := []string{"matchwire", "gorilla", "centrifuge"}, figures{}
	o.rotate("burst", names, func(name string) error {
		p, err := startPair(name, crowd{sockets: sockets, check: true})
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
		f.add(name+" together", float64(received*sockets)/frames)
		return p.allInOrder()
	})
	bars := []bar{
		{"burst: matchwire / centrifuge", f.ratio("matchwire", "centrifuge"), 0.25},
		{"burst: matchwire / gorilla", f.ratio("matchwire", "gorilla"), 0.15},
	}
	title := fmt.Sprintf("burst: %d sockets, %d events at once, %d times; ns of CPU for each event that a socket received", sockets, events, bursts)
	t := f.table(title, "ns", names, bars...)
	t.header = append(t.header, "events a frame")
	for i := range t.rows {
		cell := ""
		if i < len(names) {
			cell = f.cells(names[i] + " together")[0]
		}
		t.rows[i] = append(t.rows[i], cell)
	}
	return t, bars, nil
}
