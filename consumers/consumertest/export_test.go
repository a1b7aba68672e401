package consumertest

import "time"

// Hurry shortens every wait, for a run that is meant to fail.
func Hurry() { patience = 3 * time.Second }
