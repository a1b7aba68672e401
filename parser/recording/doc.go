// Package recording records the pages of a source over time as a fixture, and replays fixtures
// through the parser. It also saves pages that a profile cannot parse completely.
package recording
