// Package parser documents how a page becomes events. It has no code. Its subpackages process a
// page in this order:
//
//	page         fetches the page: robots.txt, host limits, conditional requests
//	  ▼ Page
//	profile      extracts the facts with the rules for the site
//	  ▼ Observation
//	reconcile    compares the facts with the saved state of the match
//	  ▼ State, events
//	poll         saves state and events in one write; the outbox publishes the events
//
// Package observation defines the type that profile and reconcile share: the facts about one match
// on one page. Package poll calls the other packages once for each task of the scheduler. Package
// recording processes the pages of a fixture in the same way.
//
// Within parser, the package of a step imports only observation, the packages of earlier steps, and
// its own internal packages. Package reconcile does no I/O, and imports no package that does.
package parser
