// Package profile extracts observations from pages. A [Profile] is loaded from a YAML file. Its rules
// find each fact on the pages of a site: CSS selectors for HTML, and jq queries for JSON.
// docs/profiles.md explains how to write a profile.
//
// These functions process a page:
//
//	Profile.Parse          document.go  bytes → Document: HTML, its index, and JSON
//	Document.chooseLayout  layout.go    selects the layout of the page
//	Document.Observations  extract.go   Document → one observation per match
//	matchRow.observation   match.go     evaluates the rules for a match
//	incidentRow.incident   incident.go  evaluates the rules for an incident
//	Rule.text              evaluate.go  evaluates a rule on a row
//	Rule.rows              row.go       evaluates a rule for a list of rows
//	Document.Quote         quote.go     returns the row that is the evidence of an event
package profile
