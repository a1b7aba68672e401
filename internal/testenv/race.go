//go:build race

package testenv

// Race is whether the race detector is on. It makes tests several times slower.
const Race = true
