package main

import (
	"fmt"
	"time"
)

// measureInterest measures whether a socket costs CPU time for events of matches that it is not
// subscribed to. In both loads, about the same number of sockets receive each event.
func measureInterest(o *benchOptions) (table, []limit, error) {
	const perSecond = 50
	sockets, seconds := orDefault(o.sockets, 18_000), orDefault(o.seconds, 8)
	matches := min(200, sockets/10)
	if matches == 0 {
		return table{}, nil, fmt.Errorf("%d sockets: want at least 10", sockets)
	}
	if sockets%matches != 0 {
		return table{}, nil, fmt.Errorf("%d sockets: want a multiple of %d, the number of matches", sockets, matches)
	}
	loads := map[string]workload{
		"all subscribed": {sockets: 100, matches: 1, check: true},
		"few subscribed": {sockets: sockets, matches: matches, check: true},
	}
	names, f := []string{"all subscribed", "few subscribed"}, figures{}
	o.rotate("interest", names, func(name string) error {
		c := loads[name]
		p, err := startPair("matchwire", c)
		if err != nil {
			return err
		}
		defer p.stop()
		receivers := c.sockets / c.matches // number of sockets that receive each event

		if err := p.pace(perSecond, perSecond, c.matches, perSecond*receivers, o.template); err != nil { // to warm up
			return err
		}
		beforeIdle, err := p.cpu()
		if err != nil {
			return err
		}
		time.Sleep(time.Duration(seconds) * time.Second)
		before, err := p.cpu()
		if err != nil {
			return err
		}
		if err := p.pace(seconds*perSecond, perSecond, c.matches, seconds*perSecond*receivers, o.template); err != nil {
			return err
		}
		after, err := p.cpu()
		if err != nil {
			return err
		}
		idle := before - beforeIdle // CPU time of idle sockets, such as for pings
		f.add(name, float64(after-before-idle)/float64(seconds*perSecond))
		return p.allInOrder()
	})
	limits := []limit{{"interest: few subscribed / all subscribed", f.ratio("few subscribed", "all subscribed"), 1.2}}
	title := fmt.Sprintf("interest: %d sockets, %d subscribed to each match, compared with 100 sockets, all subscribed; "+
		"%d events/s for %d s; ns of CPU per event, without the CPU of idle sockets",
		sockets, sockets/matches, perSecond, seconds)
	return f.table(title, "ns", names, limits...), limits, nil
}
