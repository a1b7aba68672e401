package scheduler

import "context"

// Look looks once for sources that no process polls. Run does this every 10 seconds.
func (w *Watch) Look(ctx context.Context) error { return w.look(ctx) }
