//go:build !race

package testenv

// Race is true if the race detector is on, which makes tests several times slower.
const Race = false
