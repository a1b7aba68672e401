// Package recording records the pages of a source over time as a fixture, and replays fixtures
// through the parser.
package recording
