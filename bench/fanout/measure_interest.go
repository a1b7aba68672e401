package main

import (
	"fmt"
	"time"
)

// measureInterest asks whether an event costs more than its own sockets: many
// that want other matches must not be felt.
func measureInterest(o *benchOptions) (table, []bar, error) {
	const perSecond = 50
	sockets, seconds := or(o.sockets, 18_000), or(o.seconds, 8)
	matches := min(200, sockets/10)
	if matches == 0 || sockets%matches != 0 {
		return table{}, nil, fmt.Errorf("%d sockets are not equally many for each of %d matches", sockets, matches)
	}
	crowds := map[string]crowd{
		"all want it": {sockets: 100, matches: 1, check: true},
		"few want it": {sockets: sockets, matches: matches, check: true},
	}
	names, f := []string{"all want it", "few want it"}, figures{}
	o.rotate("interest", names, func(name string) error {
		c := crowds[name]
		p, err := startPair("matchwire", c)
		if err != nil {
			return err
		}
		defer p.stop()
		each := c.sockets / c.matches // sockets that an event goes to

		// To warm up.
		if err := p.pace(perSecond, perSecond, c.matches, perSecond*each, o.template); err != nil {
			return err
		}
		began, err := p.cpu()
		if err != nil {
			return err
		}
		time.Sleep(time.Duration(seconds) * time.Second)
		before, err := p.cpu()
		if err != nil {
			return err
		}
		if err := p.pace(seconds*perSecond, perSecond, c.matches, seconds*perSecond*each, o.template); err != nil {
			return err
		}
		after, err := p.cpu()
		if err != nil {
			return err
		}
		idle := before - began // keeping so many sockets alive costs something without any event
		f.add(name, float64(after-before-idle)/float64(seconds*perSecond))
		return p.allInOrder()
	})
	bars := []bar{{"interest: few want it / all want it", f.ratio("few want it", "all want it"), 1.2}}
	title := fmt.Sprintf("interest: %d sockets of which %d want an event, beside 100 that all want it; %d events/s for %d s; ns of CPU for each event, without what idle sockets take",
		sockets, sockets/matches, perSecond, seconds)
	return f.table(title, "ns", names, bars...), bars, nil
}
