// Package profile turns a page into observations. A [Profile] is a YAML file that says where the
// pages of a site keep the facts: by CSS selectors in HTML, by jq queries in JSON. docs/profiles.md
// explains how to write one.
//
// The way of a page, and the file of each step:
//
//	Profile.Parse          bytes to a Document: HTML, its index, the JSON in it  document.go
//	Document.Observations  a Document to observations, one for each match        extract.go
//	matchRow.observation   the rules for a match; incidentRow.incident for a row match.go, incident.go
//	Rule.text              a rule and a row to a text; Rule.rows to a list       evaluate.go, row.go
//	Document.Quote         the path in an event's evidence back to its row       quote.go
package profile
