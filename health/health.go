// Package health is how the parts of a process report that something is wrong.
package health

// An Issue is a problem that the operator should know of.
type Issue struct {
	Text string // one line, without secrets
	Down bool   // nothing gets through at all
}
