// Package reconcile compares what a page says of a match with what is known of it, and returns what
// is known now and the events that say the difference. It is pure: the same state, observation and
// provenance give the same state and events.
package reconcile
