package pipeline

import (
	"context"
	"slices"

	"github.com/matchwire/matchwire/internal/monitor"
)

// A Status describes what a process has done since its start.
type Status struct {
	Sources int      // activated sources; -1 if the process has no role that needs them
	Pages   int      // pages read
	Events  int      // events of pages; -1 if the process is no parser
	Clients int      // current connections to the streams; -1 if the process has none
	Health  string   // pass, warn or fail
	Issues  []string // of the health checks
}

// status returns the status of the process.
func (parts *roleParts) status(ctx context.Context, roles []Role) Status {
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
			s.Events = max(s.Events, 0)
		}
	}
	return s
}
