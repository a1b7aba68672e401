package scheduler

import "context"

// Look looks once, as Run does every 10 seconds.
func (w *Watch) Look(ctx context.Context) error { return w.look(ctx) }
