package pipeline

import (
	"context"
	"slices"
	"time"

	"github.com/matchwire/matchwire/internal/monitor"
)

// A Status describes a process: its counts since the start, and its current state.
type Status struct {
	Sources int      // on the schedule; -1 without the role api or scheduler, or if Redis fails
	Pages   int      // read since the start
	Events  int      // of pages since the start; -1 without the role parser
	Clients int      // connected to the streams; -1 without the role fanout
	Health  string   // pass, warn or fail
	Issues  []string // of the health checks
}

// status returns the status of the process. It waits for Redis, but not for long.
func (parts *roleParts) status(ctx context.Context, roles []Role) Status {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s := Status{Sources: -1, Events: -1, Clients: -1}
	s.Health, s.Issues = monitor.Status(parts.health.Health(ctx))
	if slices.Contains(roles, RoleScheduler) || slices.Contains(roles, RoleAPI) {
		if n, err := parts.schedule.Count(ctx); err == nil {
			s.Sources = n
		}
	}
	families, err := parts.metrics.Gather()
	if err != nil {
		return s
	}
	for _, f := range families {
		total := 0
		for _, m := range f.GetMetric() {
			total += int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
		}
		switch f.GetName() {
		case "matchwire_events_total":
			s.Events = total
		case "matchwire_fanout_connections":
			s.Clients = total
		case "matchwire_polls_total":
			for _, m := range f.GetMetric() {
				if outcome := m.GetLabel()[0].GetValue(); outcome == "changed" || outcome == "unchanged" {
					s.Pages += int(m.GetCounter().GetValue())
				}
			}
			s.Events = max(s.Events, 0) // a parser without events yet has no matchwire_events_total
		}
	}
	return s
}
