package main

import "fmt"

// measureSlow measures how clients that read nothing affect the latency of the other clients and
// the memory of the server.
func measureSlow(o *benchOptions) (table, []limit, error) {
	const perSecond, idle = 100, 5
	sockets, seconds := orDefault(o.sockets, 1000), orDefault(o.seconds, 15)
	var names []string
	for _, name := range []string{"matchwire", "gorilla", "centrifuge"} {
		names = append(names, name, name+" with idle")
	}
	loads := map[string]workload{}
	servers := map[string]string{}
	for i, name := range names {
		servers[name] = names[i-i%2]
		loads[name] = workload{sockets: sockets, idle: idle * (i % 2), check: true}
	}
	f := figures{}
	o.rotate("slow", names, func(name string) error {
		return runSlow(o, f, name, servers[name], loads[name], perSecond, seconds)
	})
	limits := []limit{{"slow: p99 with idle sockets / without", f.ratio("matchwire with idle p99", "matchwire p99"), 1.2}}
	t := table{
		title: fmt.Sprintf("slow: %d sockets, %d events/s for %d s; with idle, every %dth socket reads nothing; "+
			"ms until the other sockets receive an event, and the memory of the server", sockets, perSecond, seconds, idle),
		header: []string{"server", "p50", "p99", "lowest to highest", "ratio", "MiB before", "MiB after", "sockets left"},
	}
	for i, name := range names {
		r := ""
		if i%2 == 1 {
			r = ratio(f.ratio(name+" p99", servers[name]+" p99"))
		}
		p99 := f.cells(name + " p99")
		t.rows = append(t.rows, []string{name, f.cells(name + " p50")[0], p99[0], p99[1], r,
			f.cells(name + " before")[0], f.cells(name + " after")[0], f.cells(name + " left")[0]})
	}
	t.rows = append(t.rows, []string{"p99 with idle / without", "",
		ratio(limits[0].ratio), limits[0].text(), "", "", "", ""})
	return t, limits, nil
}

// runSlow runs one round of measureSlow. It starts a server with the sockets of c, and sends
// perSecond events a second for the given number of seconds. It adds the results of the round to f,
// under name.
func runSlow(o *benchOptions, f figures, name, server string, c workload, perSecond, seconds int) error {
	healthy := c.sockets
	if c.idle > 0 {
		healthy -= c.sockets / c.idle
	}
	p, err := startPair(server, c)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := p.pace(perSecond, perSecond, 1, perSecond*healthy, o.template); err != nil { // to warm up
		return err
	}
	before, err := p.memory()
	if err != nil {
		return err
	}
	if err := p.pace(seconds*perSecond, perSecond, 1, seconds*perSecond*healthy, o.template); err != nil {
		return err
	}
	l, err := p.load.call(5, "latency")
	if err != nil {
		return err
	}
	left, err := p.server.call(1, "sockets")
	if err != nil {
		return err
	}
	after, err := p.memory()
	if err != nil {
		return err
	}
	f.add(name+" p50", l[0]/1e6)
	f.add(name+" p99", l[2]/1e6)
	f.add(name+" before", before/(1<<20))
	f.add(name+" after", after/(1<<20))
	f.add(name+" left", left[0])
	return p.allInOrder()
}
