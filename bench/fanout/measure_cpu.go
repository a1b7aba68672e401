package main

import "fmt"

// measureCPU measures the CPU time per event and socket at a steady rate. At this rate, each event
// has its own frame.
func measureCPU(o *benchOptions) (table, []limit, error) {
	const perSecond = 50
	sockets, seconds := orDefault(o.sockets, 2000), orDefault(o.seconds, 8)
	names, f := []string{"bare", "matchwire", "gorilla", "centrifuge"}, figures{}
	o.rotate("cpu", names, func(name string) error {
		p, err := startPair(name, workload{sockets: sockets, check: true})
		if err != nil {
			return err
		}
		defer p.stop()
		if err := p.pace(perSecond, perSecond, 1, perSecond*sockets, o.template); err != nil { // to warm up
			return err
		}
		before, err := p.cpu()
		if err != nil {
			return err
		}
		frames := seconds * perSecond * sockets
		if err := p.pace(seconds*perSecond, perSecond, 1, frames, o.template); err != nil {
			return err
		}
		after, err := p.cpu()
		if err != nil {
			return err
		}
		f.add(name, float64(after-before)/float64(frames))
		return p.allInOrder()
	})
	limits := []limit{{"cpu: matchwire / bare", f.ratio("matchwire", "bare"), 1.05}}
	title := fmt.Sprintf("cpu: %d sockets, %d events/s for %d s; ns of CPU per event and socket",
		sockets, perSecond, seconds)
	return f.table(title, "ns", names, limits...), limits, nil
}
