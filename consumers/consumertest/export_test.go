package consumertest

import "time"

// Hurry shortens every wait, for a test that must fail.
func Hurry() { patience = 3 * time.Second }
