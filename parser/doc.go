// Package parser has no code of its own: it is the way of a page through the packages below it.
//
//	page         fetches it: robots.txt, host limits, conditional requests
//	  ▼ Page
//	profile      finds the facts on it by a site's rules
//	  ▼ Observation
//	reconcile    compares them with the saved state of the match
//	  ▼ State, events
//	poll         saves both in one write; the outbox publishes the events
//
// Package observation is what profile and reconcile share: all that one page says of one match.
// Package poll drives the others, one task of the scheduler at a time. Package recording drives
// them with the pages of a fixture instead.
//
// Arrows between them point one way. Package reconcile does no I/O: it imports nothing that could.
package parser
