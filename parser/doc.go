// Package parser documents how a page becomes events. It has no code of its own. The packages below
// it do the work, in this order:
//
//	page         fetches the page: robots.txt, host limits, conditional requests
//	  ▼ Page
//	profile      extracts the facts by the rules for the site
//	  ▼ Observation
//	reconcile    compares them with the saved state of the match
//	  ▼ State, events
//	poll         saves both in one write; the outbox publishes the events
//
// Package observation defines what profile and reconcile share: everything that one page says about
// one match. Package poll calls the others, once for each task of the scheduler. Package recording
// calls them with the pages of a fixture.
//
// The imports between these packages point one way. Package reconcile does no I/O: it imports
// nothing that could.
package parser
