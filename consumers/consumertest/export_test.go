package consumertest

import "time"

// Hurry reduces the time limit of each wait to 3 s, for a test that must fail.
func Hurry() { maxWait = 3 * time.Second }
